"""Sidecars of every family, and what must never raise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubman.core import sidecar
from hubman.core.sidecar import Family
from hubman.core.types import Sidecar

A1111 = {
    "description": "d",
    "sd version": "SDXL",
    "activation text": "shuimo, ink wash",
    "preferred weight": 0.6,
    "negative text": "photo",
    "notes": "n",
}
CIVITAI = {
    "trainedWords": ["shuimo, ink wash", "shanshui"],
    "baseModel": "SDXL 1.0",
    "name": "v2",
    "model": {"name": "水墨", "type": "LORA", "tags": ["style"]},
    "creator": {"username": "wang"},
    "description": "<p>x</p>",
}


def parse(name: str, record: object) -> Sidecar:
    found = sidecar.parse(name, json.dumps(record), "m")
    assert found is not None
    return found


def test_a1111() -> None:
    found = parse("m.json", A1111)
    assert (found.trigger_words, found.weight, found.negative) == (("shuimo", "ink wash"), 0.6, "photo")
    assert (found.description, found.notes, found.base_model, found.sources) == ("d", "n", "SDXL", ("a1111",))


@pytest.mark.parametrize(
    ("value", "weight"),
    [(0, None), (0.0, None), ("0.7", 0.7), ("", None), ("x", None), (None, None), (True, None), ([], None)],
)
def test_a_weight_of_zero_is_not_set(value: object, weight: float | None) -> None:
    assert parse("m.json", {**A1111, "preferred weight": value}).weight == weight


def test_forge_checkpoints_have_no_usable_version() -> None:
    assert parse("m.json", {"description": "d", "sd_version_str": "SdVersion.SDXL"}).base_model == "SDXL"
    assert parse("m.json", {"description": "d", "sd version": "Unknown"}).base_model is None


def test_civitai_helper() -> None:
    found = parse("m.civitai.info", CIVITAI)
    assert found.trigger_words == ("shuimo", "ink wash", "shanshui")
    assert (found.name, found.author, found.base_model, found.tags) == ("水墨", "wang", "SDXL 1.0", ("style",))
    assert sidecar.parse("m.civitai.info", "{}") is None


def test_sdnext_under_the_name_of_a1111() -> None:
    versions = [
        {"name": "v2", "trainedWords": ["new"], "baseModel": "SDXL 1.0", "files": [{"name": "other.safetensors"}]},
        {"name": "v1", "trainedWords": ["old"], "baseModel": "SD 1.5", "files": [{"name": "m.safetensors"}]},
    ]
    found = parse("m.json", {"name": "whole", "modelVersions": versions, "creator": {"username": "w"}})
    assert (found.trigger_words, found.base_model, found.name, found.author) == (("old",), "SD 1.5", "whole", "w")
    assert found.sources == ("sdnext",)
    versions[1]["files"] = []
    assert parse("m.json", {"name": "whole", "modelVersions": versions}).trigger_words == ()


def test_lora_manager() -> None:
    record = {
        "model_name": "N",
        "base_model": "SDXL",
        "usage_tips": '{"strength": 0.8}',
        "civitai": CIVITAI,
        "tags": ["a"],
    }
    found = parse("m.metadata.json", record)
    assert (found.weight, found.name, found.tags, found.trigger_words[0]) == (0.8, "N", ("a",), "shuimo")


def test_stability_matrix_and_swarm_and_text() -> None:
    record = {"ModelName": "N", "TrainedWords": ["w"], "BaseModel": "SD 1.5", "AuthorUsername": "a", "Tags": ["t"]}
    assert parse("m.cm-info.json", record).trigger_words == ("w",)
    found = parse(
        "m.swarm.json", {"modelspec.trigger_phrase": "w", "modelspec.lora_default_weight": "0.7", "title": "T"}
    )
    assert (found.trigger_words, found.weight, found.name) == (("w",), 0.7, "T")
    assert sidecar.parse("m.txt", "\ufeff a note \n") == Sidecar(description="a note", sources=("text",))
    assert sidecar.parse("m.txt", "  ") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "7", '"x"', "[" * 100_000, '{"activation text": {}, "notes": 5}']
)
@pytest.mark.parametrize("family", list(Family))
def test_nonsense_gives_a_finding_and_never_raises(family: Family, text: str) -> None:
    found, findings = sidecar.parse_family(family, text)
    assert isinstance(found, Sidecar)
    assert family is Family.TEXT or found == Sidecar()
    if family is Family.A1111 and text.startswith("{"):
        assert findings


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from([*A1111, *CIVITAI, "modelVersions", "files"]), inner)
    ),
    max_leaves=20,
)


@given(family=st.sampled_from(list(Family)), value=JSON)
def test_any_json_is_survived(family: Family, value: object) -> None:
    sidecar.parse_family(family, json.dumps(value), "m")


def test_merging_keeps_the_most_trusted_value_and_all_words() -> None:
    merged = sidecar.merge([parse("m.json", A1111), parse("m.civitai.info", CIVITAI)])
    assert merged.trigger_words == ("shuimo", "ink wash", "shanshui")
    assert (merged.description, merged.author, merged.sources) == ("d", "wang", ("a1111", "civitai"))
    assert sidecar.merge([]) == Sidecar()


def test_the_names_that_are_looked_for() -> None:
    names = sidecar.candidate_names("a.b")
    assert names[0] == "a.b.json"
    assert {"a.b.civitai.info", "a.b.metadata.json", "a.b.cm-info.json", "a.b.swarm.json", "a.b.txt"} <= set(names)
    assert sidecar.family_of("a.b.swarm.json") is Family.SWARM
    assert sidecar.family_of("a.png") is None
