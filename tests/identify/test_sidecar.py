"""Sidecars of every family, and what must never raise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubman.core import sidecar
from hubman.core.beside import SUFFIXES, Family, candidate_names
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
    assert family in (Family.TEXT, Family.MODEL_MANAGER) or found == Sidecar()
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
    names = candidate_names("a.b")
    assert names[0] == "a.b.json"
    assert {"a.b.civitai.info", "a.b.metadata.json", "a.b.cm-info.json", "a.b.swarm.json", "a.b.txt"} <= set(names)
    assert sidecar.family_of("a.b.swarm.json") is Family.SWARM
    assert sidecar.family_of("a.png") is None


# --- bytes as they lie on the disk ---------------------------------------------------------------------------------
def test_a_byte_order_mark_and_utf16_are_read() -> None:
    text = json.dumps(A1111, ensure_ascii=False)
    plain, none = sidecar.read("m.json", text.encode("utf-8-sig"))
    assert plain.trigger_words == ("shuimo", "ink wash")
    assert none == ()
    found, findings = sidecar.read("m.json", text.encode("utf-16"))
    assert found == plain
    assert [finding.reference for finding in findings] == ["sidecar-encoding"]


def test_chinese_windows_programs_write_gb18030() -> None:
    text = json.dumps({**A1111, "activation text": "水墨，山水", "notes": "国风水墨画效果"}, ensure_ascii=False)
    found, findings = sidecar.read("m.json", text.encode("gb18030"))
    assert (found.trigger_words, found.notes) == (("水墨", "山水"), "国风水墨画效果")
    assert [finding.reference for finding in findings] == ["sidecar-encoding"]


@pytest.mark.parametrize(
    ("data", "reference"),
    [
        (b"\xff\xff\xfe\x00garbage\x80", "sidecar-unreadable"),
        (bytes(range(256)) * 4, "sidecar-unreadable"),
        ('{"activation text": "caf\xe9"}'.encode("latin-1"), "sidecar-unreadable"),
        (b"{" + b" " * sidecar.LARGEST_SIDECAR, "sidecar-too-large"),
        (b"not json", "sidecar-unreadable"),
        (b'{"activation text": "cut o', "sidecar-unreadable"),
    ],
)
def test_what_cannot_be_read_is_ignored_with_a_finding(data: bytes, reference: str) -> None:
    for name in ("m.json", "m.civitai.info", "m.metadata.json", "m.cm-info.json", "m.swarm.json"):
        found, findings = sidecar.read(name, data)
        assert found == Sidecar()
        assert [finding.reference for finding in findings] == [reference]


@given(data=st.binary(max_size=300), family=st.sampled_from(SUFFIXES))
def test_any_bytes_are_survived(data: bytes, family: tuple[str, Family]) -> None:
    sidecar.read("m" + family[0], data)


# --- what people and programs write --------------------------------------------------------------------------------
def test_weights_and_brackets_are_syntax_and_not_words() -> None:
    text = (
        "(ohwx:1.2), ((masterpiece)), (red hair, blue eyes:0.8), [kirby], surtr \\\\(arknights\\\\), <lora:x:1>, ohwx"
    )
    words = parse("m.json", {"activation text": text.replace("\\\\", "\\")}).trigger_words
    assert words == ("ohwx", "red hair", "blue eyes", "kirby", "surtr \\(arknights\\)")


def test_trained_words_come_as_list_text_or_records() -> None:
    for words in (["a b, c d", "e f"], "a b, c d, e f", [{"word": "a b"}, {"word": "c d"}, {"word": "e f"}, 7, None]):
        assert parse("m.civitai.info", {"trainedWords": words}).trigger_words == ("a b", "c d", "e f")


def test_counts_and_grades_are_never_kept() -> None:
    words = [
        "1girl, solo, masterpiece, best quality, score_9, score_8_up, rating_safe, zbrstripe, 8k, looking at viewer"
    ]
    assert parse("m.civitai.info", {"trainedWords": words}).trigger_words == ("zbrstripe",)


def test_html_of_strangers_becomes_text() -> None:
    html = "<p>Use <b>0.7</b> &amp; more</p><ul><li>one</li><li>two</li></ul><script>alert(1)</script><img onerror=a()>"
    assert parse("m.civitai.info", {"description": html}).description == "Use 0.7 & more\none\ntwo"
    assert parse("m.cm-info.json", {"ModelDescription": "<p>x</p>"}).description == "x"
    assert parse("m.json", {"description": "a < b"}).description == "a < b"


@pytest.mark.parametrize(
    ("tips", "weight"),
    [
        ({"strength": 0.8}, 0.8),
        ({"strength_min": 0.5, "strength_max": 0.9}, 0.7),
        ({"strength_range": "0.6-0.8"}, 0.7),
        ({"strength_min": "x", "strength_max": []}, None),
        ([], None),
    ],
)
def test_lora_manager_notes_a_strength_or_a_range(tips: object, weight: float | None) -> None:
    assert parse("m.metadata.json", {"model_name": "N", "usage_tips": json.dumps(tips)}).weight == weight


def test_model_manager_writes_markdown() -> None:
    text = "---\nauthor: wang\nbaseModel: SDXL 1.0\n---\n\n# Trigger Words\n\nshuimo, ink wash\n\n# About\n\nNice.\n"
    found = sidecar.parse("m.md", text)
    assert found is not None
    assert (found.trigger_words, found.author, found.base_model) == (("shuimo", "ink wash"), "wang", "SDXL 1.0")
    assert found.description == "About\nNice."
    assert sidecar.parse("m.md", "just a note") == Sidecar(description="just a note", sources=("model-manager",))


def test_a_whole_library_of_words_stays_small() -> None:
    found = parse("m.json", {"description": "x" * 1_000_000, "activation text": "word " * 1000})
    assert len(found.description or "") == sidecar.MOST_TEXT
    assert found.trigger_words == ()
