"""`validate`, `preview` and `demo` on the real demo family: verdicts, previews, sidecars, exit codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.paths import demo_models

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = [pytest.mark.render, pytest.mark.slow]

Call = Callable[..., tuple[int, Any]]
FAST = ("--steps", "4", "--seeds", "1")


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Copy one checkpoint with its config, and one adapter of each kind."""
    source, target = demo_models(), tmp_path / "library"
    for name in (
        "Stable-diffusion/tinyshapes.safetensors",
        "Lora/zbrstripe_lora.safetensors",
        "embeddings/goldstar.pt",
    ):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    shutil.copytree(source / "Stable-diffusion/tinyshapes", target / "Stable-diffusion/tinyshapes")
    return target


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command with --json; give (exit code, document)."""

    def invoke(*arguments: str) -> tuple[int, Any]:
        code = run([*arguments, "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return invoke


def test_a_lora_is_proven_and_its_preview_carries_the_recipe(family: Path, call: Call, isolated: Path) -> None:
    """Verdict with numbers, a PNG with text chunks in hubman's own folder, and nothing written beside the models."""
    from PIL import Image

    before = sorted(path for path in family.rglob("*"))
    call("sync", str(family))
    code, document = call("validate", "zbrstripe_lora", *FAST)
    (verdict,) = document["verdicts"]
    assert (code, verdict["verdict"]) == (0, "ok"), verdict["because"]
    assert verdict["base"]["name"] == "tinyshapes"
    assert verdict["match"]["matched"] == verdict["match"]["total"] > 0
    assert verdict["effect"]["mae"] > 1
    assert Path(verdict["preview"]).is_relative_to(isolated / "previews")
    with Image.open(verdict["preview"]) as picture:
        assert "<lora:zbrstripe_lora:" in picture.info["parameters"]
        assert "Seed: 1" in picture.info["parameters"]
    assert sorted(path for path in family.rglob("*")) == before
    (model,) = call("ls", "is:ok")[1]["models"]
    assert (model["name"], model["verdict"], model["preview"]) == ("zbrstripe_lora", "ok", verdict["preview"])
    assert call("preview", "zbrstripe_lora")[1]["preview"] == verdict["preview"]


def test_the_preview_lands_beside_the_model_only_where_asked(family: Path, call: Call) -> None:
    """`--sidecars missing`: written where there is none, never over the user's own."""
    call("roots", "add", str(family), "--sidecars", "missing")
    own = family / "embeddings/goldstar.preview.png"
    own.write_bytes(b"the user's own picture")
    call("sync")
    call("validate", *FAST)
    assert (family / "Lora/zbrstripe_lora.preview.png").read_bytes().startswith(b"\x89PNG")
    assert own.read_bytes() == b"the user's own picture"


def test_what_cannot_be_rendered_gets_its_verdict_and_exit_code(family: Path, call: Call, tmp_path: Path) -> None:
    """A pickle that would run code is never opened by torch; a cut file is corrupt; both are in the table."""
    marker = tmp_path / "executed"
    (family / "embeddings/evil.pt").write_bytes(b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
    good = (family / "Lora/zbrstripe_lora.safetensors").read_bytes()
    (family / "Lora/cut.safetensors").write_bytes(good[:-1000])
    call("sync", str(family))
    code, document = call("validate", "evil", "cut")
    assert code == 1
    assert {entry["name"]: entry["verdict"] for entry in document["verdicts"]} == {"evil": "unsafe", "cut": "corrupt"}
    assert not marker.exists()
    assert {model["name"] for model in call("ls", "is:failed")[1]["models"]} == {"evil", "cut"}


def test_no_base_names_what_is_missing(family: Path, call: Call) -> None:
    """Without a checkpoint that fits: `no-base`, and a hint."""
    shutil.rmtree(family / "Stable-diffusion")
    call("sync", str(family))
    code, document = call("validate", "zbrstripe_lora")
    assert code == 1
    assert document["verdicts"][0]["verdict"] == "no-base"
    assert document["verdicts"][0]["hint"]


def test_a_base_that_does_not_fit(family: Path, call: Call, put: Callable[..., Path], webui: Path) -> None:
    """`--base` is the user's word: an SD 1.5 LoRA on the tiny base is `incompatible-base`, with the counts."""
    shutil.copyfile(put("Lora/real.safetensors"), family / "Lora/real_sd15.safetensors")
    call("sync", str(family))
    code, document = call("validate", "real_sd15", "--base", "tinyshapes")
    assert code == 1
    assert document["verdicts"][0]["verdict"] == "incompatible-base"
    assert call("validate", "real_sd15", "--base", "goldstar")[0] == 2


def test_the_same_input_gives_the_same_verdict(family: Path, call: Call) -> None:
    """Two runs, every number equal."""
    call("sync", str(family))
    first, second = (call("validate", "zbrstripe_lora", *FAST)[1] for _ in range(2))
    assert first == second


def test_the_demo_shows_all_of_it(call: Call, tmp_path: Path) -> None:
    """Every adapter of the family works on the checkpoint hubman chose, and the sheet is a picture."""
    from PIL import Image

    code, document = call("demo", "--keep", str(tmp_path / "demo"))
    verdicts = {entry["name"]: (entry["verdict"], entry["because"]) for entry in document["verdicts"]}
    assert set(verdicts) == {
        "goldstar", "nightfall", "polkadot_loha", "toy-negative", "zbrstripe_lora", "水墨_toy",
    }  # fmt: skip
    assert {name for name, (verdict, _) in verdicts.items() if verdict != "ok"} == set(), verdicts
    assert code == 0
    with Image.open(document["contact_sheet"]) as sheet:
        assert min(sheet.size) > 400
    assert run(["demo", "--keep", str(tmp_path / "demo")]) == 8
