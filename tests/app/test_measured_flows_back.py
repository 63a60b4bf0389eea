"""What was measured reaches `triggers`, `prompt` and `show`: weights with their owner, and words that do nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.core.hub import Listing
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader

Call = Callable[..., tuple[int, Any, str]]
AUTHOR = Listing("civitai", "1", "2", "Ink", kind="lora", words=("inkword",), weight=0.75)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command; give (exit code, document or None, text)."""

    def invoke(*arguments: str, human: bool = False) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = run([*arguments] if human else [*arguments, "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out and not human else None, out

    return invoke


@pytest.fixture
def store(isolated: Path, webui: Path, put: Callable[..., Path], call: Call) -> Any:
    """Return a library with the LoRA `ink` (words of its own: wakes, sleeps) and two checkpoints' names in verdicts."""
    put("Lora/ink.safetensors", metadata={"modelspec.trigger_phrase": "sleeps, wakes"})
    put("Lora/base.safetensors", fill=3)
    assert call("sync", str(webui))[0] == 0
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


def file_of(store: Store, name: str = "ink") -> Any:
    with open_reader(store.path) as reader:
        (found,) = reader.resolve(name)
    return found


def judged(store: Store, base: str, weight: float | None, sha256: str, **words: bool | None) -> None:
    detail = {
        "verdict": "ok", "rule": "picture-changed", "flags": [], "base": {"name": base, "sha256": sha256},
        "effect": {"mae": 33.25},
        "weight": weight and {"weight": weight, "range": [0.6, 1.0], "prompt_kept": 0.9, "burns_from": 1.2},
        "trigger": {"words": [{"text": text, "wakes": wakes} for text, wakes in words.items()]},
    }  # fmt: skip
    with store.writer() as writer:
        writer.record_verdict(file_of(store).subject, sha256, detail, None)


def card(call: Call, *options: str) -> Any:
    code, document, _ = call("triggers", "ink", *options)
    assert code == 0
    return document["models"][0]


def listed(store: Store, listing: Listing = AUTHOR) -> None:
    sha256 = file_of(store).hashes.sha256
    with store.writer() as writer:
        writer.hubs.record_provenance([(sha256, listing, None, "sha256")])


# --- weights ---


def test_the_measured_weight_stands_in_for_the_usual_one_only(
    store: Store, call: Call, webui: Path, isolated: Path
) -> None:
    """Card over author over measured over the 0.6 that most are used at; all of them are told."""
    assert (card(call)["tag"], card(call)["weight_source"]) == ("<lora:ink:0.6>", "default")
    judged(store, "tinyshapes", 0.8, "a" * 64)
    found = card(call)
    assert (found["tag"], found["weight_source"]) == ("<lora:ink:0.8>", "measured")
    assert call("prompt", "ink")[1]["positive"].startswith("<lora:ink:0.8>")
    assert call("prompt", "ink:0.3")[1]["positive"].startswith("<lora:ink:0.3>")
    listed(store)
    assert (card(call)["weight"], card(call)["weight_source"]) == (0.75, "hub")
    (webui / "Lora/ink.json").write_text(json.dumps({"preferred weight": 0.5, "activation text": "mine"}))
    assert call("sync")[0] == 0
    found = card(call)
    assert (found["weight"], found["weight_source"]) == (0.5, "sidecar")
    assert [(entry["source"], entry["weight"]) for entry in found["weights"]] == [
        ("sidecar", 0.5), ("hub", 0.75), ("measured", 0.8), ("default", 0.6),
    ]  # fmt: skip
    text = call("triggers", "ink", human=True)[2]
    assert "weight 0.5  (in the card beside it; the author's 0.75)" in text
    assert "measured on tinyshapes: 0.8, works 0.6–1, burns from 1.2" in text


def test_a_card_that_repeats_the_author_is_the_authors(store: Store, call: Call, webui: Path) -> None:
    """hubman itself writes such cards; another number, or one word more, is the user's."""
    listed(store)
    beside = webui / "Lora/ink.json"
    beside.write_text(json.dumps({"preferred weight": 0.75, "activation text": "inkword"}))
    assert call("sync")[0] == 0
    found = card(call)
    assert (found["weight"], found["weight_source"]) == (0.75, "hub")
    assert found["triggers"][0] | {"score": 0} == {
        "text": "inkword", "source": "hub:civitai", "rank": 1, "count": None, "score": 0, "measured": None,
    }  # fmt: skip
    beside.write_text(json.dumps({"preferred weight": 0.7, "activation text": "inkword, mine"}))
    assert call("sync")[0] == 0
    found = card(call)
    assert (found["weight_source"], found["triggers"][0]["source"]) == ("sidecar", "sidecar")


def test_the_weight_measured_on_a_checkpoint(store: Store, call: Call) -> None:
    base = file_of(store, "base")
    judged(store, "base", 0.9, base.hashes.sha256)
    judged(store, "tinyshapes", 0.8, "a" * 64)
    found = card(call, "--on", "base")
    assert (found["tag"], found["on"], found["weight_source"]) == ("<lora:ink:0.9>", "base", "measured")
    assert [entry["base"] for entry in found["measured"]] == ["tinyshapes", "base"]
    assert found["measured"][1] == {
        "base": "base", "sha256": base.hashes.sha256, "weight": 0.9, "range": [0.6, 1.0], "burns_from": 1.2,
        "prompt_kept": 0.9,
    }  # fmt: skip
    assert call("triggers", "ink", "--on", "ink")[0] == 3
    assert "weight 0.9  (measured on base)" in call("triggers", "ink", "--on", "base", human=True)[2]


# --- words ---


def test_a_word_that_does_nothing_is_marked_and_not_pasted(store: Store, call: Call) -> None:
    assert card(call)["copy"]["positive"] == "<lora:ink:0.6>, sleeps, wakes"
    judged(store, "tinyshapes", 0.8, "a" * 64, sleeps=False, wakes=True)
    found = card(call)
    assert {word["text"]: word["measured"] for word in found["triggers"]} == {"sleeps": "nothing", "wakes": "wakes"}
    assert found["copy"]["positive"] == "<lora:ink:0.8>, wakes"
    assert call("prompt", "ink")[1]["positive"] == "<lora:ink:0.8>, wakes"
    lines = call("triggers", "ink", human=True)[2].splitlines()
    assert any("★ wakes" in line and line.endswith("✓ wakes it") for line in lines)
    assert any("sleeps" in line and line.endswith("✗ does nothing") for line in lines)


def test_where_every_word_does_nothing_they_are_pasted_all_the_same(store: Store, call: Call) -> None:
    """And a word that wakes it on another checkpoint is a trigger word."""
    judged(store, "tinyshapes", 0.8, "a" * 64, sleeps=False, wakes=False)
    assert card(call)["copy"]["positive"] == "<lora:ink:0.8>, sleeps, wakes"
    judged(store, "tinychalk", 0.7, "c" * 64, sleeps=True, wakes=False)
    assert card(call)["copy"]["positive"] == "<lora:ink:0.7>, sleeps"


def test_the_users_own_words_are_pasted_whatever_was_measured(store: Store, call: Call) -> None:
    assert call("triggers", "ink", "--add", "mine")[0] == 0
    judged(store, "tinyshapes", None, "a" * 64, mine=False, wakes=True)
    assert card(call)["copy"]["positive"] == "<lora:ink:0.6>, mine"


def test_guesses_come_last_and_are_never_pasted(store: Store, call: Call) -> None:
    with store.writer() as writer:
        writer.record_wake(file_of(store).subject, "a" * 64, [("zebra", 9.0), ("Wakes", 5.0), ("horse", 2.0)])
    found = card(call)
    assert [(word["text"], word["source"]) for word in found["triggers"]][2:] == [
        ("zebra", "guess"), ("horse", "guess"),
    ]  # fmt: skip
    assert found["copy"]["positive"] == "<lora:ink:0.6>, sleeps, wakes"
    assert "a guess: its weights answer to it" in call("triggers", "ink", human=True)[2]


def test_show_says_each_verdict_with_its_numbers(store: Store, call: Call) -> None:
    judged(store, "tinyshapes", 0.8, "a" * 64)
    judged(store, "tinychalk", None, "c" * 64)
    text = call("show", "ink", human=True)[2]
    for base in ("tinyshapes", "tinychalk"):
        assert f"ok   (picture-changed)   on {base}   changes the picture by 33.2/255" in text
    assert "measured on tinyshapes: 0.8, works 0.6–1, burns from 1.2" in text


def test_a_listing_without_a_weight_leaves_the_measured_one(store: Store, call: Call) -> None:
    judged(store, "tinyshapes", 0.8, "a" * 64)
    listed(store, replace(AUTHOR, weight=None))
    assert card(call)["weight_source"] == "measured"
