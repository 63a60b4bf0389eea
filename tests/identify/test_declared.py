"""Families are data: what may stand in their files, and that no two signatures claim the same file."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest
from corpus import Case, cases, generated, header_of, kind_of

from hubman.core.identify import adapters, families, graph, match
from hubman.core.identify.declare import Family
from hubman.core.identify.wrappers import unwrap
from hubman.core.types import Confidence, Kind

FILES = sorted(Path(next(iter(families.__path__))).glob("[a-z]*.py"))
ALLOWED = (
    ast.Module, ast.Expr, ast.Constant, ast.ImportFrom, ast.alias, ast.Assign, ast.AnnAssign, ast.Name, ast.Load,
    ast.Store, ast.Call, ast.keyword, ast.Tuple, ast.Dict, ast.Attribute, ast.Starred, ast.BinOp, ast.BitOr, ast.Add,
    ast.Subscript,
)  # fmt: skip
DERIVED = (match.index, graph.atlas, graph.named, graph.fitting, adapters.split, adapters._structure)
"""What was concluded from the families and is kept."""
JSON = Path(__file__).parents[2] / "docs" / "json.md"
MAKERS = {"Family", "Signature", "Variant", "Graph", "N_", "MappingProxyType"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_family_is_data_and_no_code(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        assert isinstance(node, ALLOWED), f"line {getattr(node, 'lineno', '?')}: {type(node).__name__} is code"
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name), ast.dump(node)
            assert node.func.id in MAKERS, node.func.id


@pytest.mark.parametrize("name", match.all_families())
def test_a_family_says_where_its_facts_are_from(name: str) -> None:
    family = match.all_families()[name]
    assert family.title
    assert family.sources
    for signature in family.signatures:
        assert signature.has, "a signature needs an anchor"
        assert not set("#*") & set(signature.has[0]), "an anchor is a whole name"
    for declared in family.graphs:
        lines = declared.modules.strip().splitlines()
        assert len(set(lines)) == len(lines), "a line twice"


def test_every_file_is_found() -> None:
    assert {path.stem for path in FILES} == set(match.all_families())
    assert all(isinstance(family, Family) for family in match.all_families().values())


def test_a_file_beside_the_others_is_a_new_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/identify.md promises: one file is enough."""
    (tmp_path / "newdit.py").write_text(
        "from hubman.core.identify.declare import Family, Graph, Signature\n"
        'FAMILY = Family(title="NewDiT", sources=("example",),\n'
        '    signatures=(Signature(("newdit",), has=("joint_stream.0.mix.weight", "time_film.weight")),),\n'
        '    graphs=(Graph("newdit", "native", "joint_stream.{0-3}.mix 96 32"),))\n',
        "utf-8",
    )
    spec = importlib.util.spec_from_file_location("newdit", tmp_path / "newdit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(match, "_replaced", {**match.all_families(), "newdit": module.FAMILY})
    for cached in DERIVED:
        cached.cache_clear()
    try:
        from corpus import of

        from hubman.core.identify import identify

        core = of({"net.joint_stream.0.mix.weight": (96, 32), "net.time_film.weight": (8,)})
        assert identify(core).architecture == "newdit"
        pair = {f"transformer.joint_stream.{n}.mix.lora_A.weight": (4, 32) for n in range(4)}
        pair |= {f"transformer.joint_stream.{n}.mix.lora_B.weight": (96, 4) for n in range(4)}
        assert identify(of(pair)).architecture == "newdit"
    finally:
        monkeypatch.undo()
        for cached in DERIVED:
            cached.cache_clear()


@pytest.mark.parametrize("value", [*Kind, *Confidence, *adapters._ALGORITHM_WORDS])
def test_every_value_is_in_the_page_on_json(value: str) -> None:
    assert re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", JSON.read_text("utf-8"))


@pytest.mark.parametrize("case", [*cases(), *generated()], ids=lambda case: case["file"])
def test_no_two_signatures_claim_a_case(case: Case) -> None:
    """Two that hold must say the same; an honest set is one signature with several architectures."""
    chosen = match.best(match.matches(unwrap(header_of(case)).tensors))
    said = {(found.kind, found.entry.signature.architectures) for found in chosen}
    assert len(said) <= 1 or kind_of(case) in ("upscaler", "face-restorer"), said
