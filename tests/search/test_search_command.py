"""`hubman search` and `ls` as a person and a program see them, on a synced library."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import wcwidth
from hypothesis import given
from hypothesis import strategies as st

from hubman.cli import run
from hubman.cli.table import NARROW, WIDE, cells


@pytest.fixture
def library(webui: Path, put: Callable[..., Path]) -> Path:
    """Sixty LoRAs with Chinese names and one that is called shuimo."""
    for number in range(60):
        put(f"Lora/水墨山水_{number:02}.safetensors")
    put("Lora/shuimo.safetensors")
    assert run(["sync", str(webui), "--hash", "none"]) == 0
    return webui


def test_limits(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person and a document get fifty and the number of all; -q and --jsonl stream all of them."""
    capsys.readouterr()
    run(["search", "山水"])
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), "60 of 61" in err, "10 more: --limit 60" in err) == (51, True, True)
    run(["search", "山水", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (document["total"], len(document["models"]), document["suggestions"]) == (60, 50, [])
    run(["search", "山水", "-q"])
    ids = capsys.readouterr().out.splitlines()
    run(["search", "山水", "--jsonl"])
    models = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [model["id"] for model in models] == ids
    assert len(set(ids)) == 60
    run(["search", "山水", "-q", "--limit", "3"])
    assert capsys.readouterr().out.splitlines() == ids[:3]


def test_what_may_have_been_meant(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Told on stderr, never put in place of what was typed; in JSON a field; nothing when there are hits."""
    capsys.readouterr()
    assert run(["search", "shiumo"]) == 0
    out, err = capsys.readouterr()
    assert (out, "Did you mean: shuimo" in err) == ("", True)
    run(["search", "水默山水", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (document["total"], document["models"], document["suggestions"]) == (0, [], ["水墨山水"])
    run(["search", "shuimo"])
    assert "Did you mean" not in capsys.readouterr().err


def test_widths_are_those_of_wcwidth() -> None:
    """Every character that the table counts by itself, alone: the ranges hold whatever version of wcwidth is there."""
    for width, ranges in ((2, WIDE), (1, NARROW)):
        for code in (code for first, last in ranges for code in range(first, last + 1)):
            character = chr(code)
            if unicodedata.category(character) != "Cn":
                assert (wcwidth.wcwidth(character), cells(character)) == (width, width), hex(code)


@given(st.text(st.one_of(st.characters(max_codepoint=0xFFFF), st.sampled_from("水墨 ａ한é👩\u200d🎨\ufe0f\u0301"))))
def test_widths_of_texts_are_those_of_wcwidth(text: str) -> None:
    """Together with anything else."""
    if (width := wcwidth.wcswidth(text)) >= 0:
        assert cells(text) == width
