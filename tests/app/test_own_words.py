"""The user's own words: what they typed is never lost, never moves to other content, and never eats the author's."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run

Put = Callable[..., Path]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def invoke(*arguments: str) -> Any:
        assert run([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return invoke


def words(call: Any, model: str) -> list[tuple[str, str]]:
    (card,) = call("triggers", model)["models"]
    return [(word["text"], word["source"]) for word in card["triggers"]]


@pytest.fixture
def ink(webui: Path, put: Put, call: Any) -> Path:
    path = put("Lora/ink.safetensors", metadata={"modelspec.trigger_phrase": "shuimo"})
    call("sync", str(webui))
    return path


def test_they_survive_touch_rename_copy_and_a_forgotten_root(ink: Path, webui: Path, call: Any) -> None:
    """The content is the same, so the words are there, and a search finds them."""
    call("triggers", "ink", "--add", "mine")
    os.utime(ink)
    call("sync")
    assert words(call, "ink")[0] == ("mine", "user")
    ink.rename(webui / "Lora/renamed.safetensors")
    call("sync")
    assert words(call, "renamed")[0] == ("mine", "user")
    shutil.copyfile(webui / "Lora/renamed.safetensors", webui / "VAE/copy.safetensors")
    call("sync")
    assert words(call, "copy")[0] == ("mine", "user")
    assert run(["roots", "rm", str(webui), "-y"]) == 0
    call("sync", str(webui))
    assert words(call, "renamed")[0] == ("mine", "user")
    assert call("search", "mine")["total"] == 2


def test_removing_an_own_word_gives_the_authors_back(ink: Path, call: Any) -> None:
    """`--add` of a word that the file names hides nothing for good."""
    author = words(call, "ink")
    assert [text for text, _ in author] == ["shuimo"]
    call("triggers", "ink", "--add", "Shuimo")
    assert words(call, "ink") == [("Shuimo", "user")]
    call("triggers", "ink", "--rm", "shuimo")
    assert words(call, "ink") == author
    assert call("search", "trigger:shuimo")["total"] == 1


def test_words_typed_before_the_hash_follow_the_content(webui: Path, put: Put, call: Any) -> None:
    """Under the alias first, under the sha256 afterwards; the newer words come first, and none is lost."""
    path = put("Lora/ink.safetensors", fill=3)
    call("sync", str(webui), "--hash", "none")
    call("triggers", "ink", "--set", "old")
    call("sync")
    assert words(call, "ink") == [("old", "user")]
    os.utime(path)
    call("sync", "--hash", "none")
    call("triggers", "ink", "--set", "new")
    call("sync")
    assert words(call, "ink") == [("new", "user"), ("old", "user")]


def test_other_content_under_the_same_path_inherits_nothing(webui: Path, put: Put, call: Any) -> None:
    """Neither words nor verdicts, hashed or not."""
    path = put("Lora/ink.safetensors", fill=3)
    call("sync", str(webui), "--hash", "none")
    call("triggers", "ink", "--set", "mine")
    path.unlink()
    put("Lora/ink.safetensors", fill=4, rank=8)
    call("sync", "--hash", "none")
    assert words(call, "ink") == []
    call("sync")
    assert words(call, "ink") == []


def test_an_old_alias_keeps_resolving_and_is_not_shared(webui: Path, put: Put, call: Any) -> None:
    """A file that moved away and a new one under its old name are two models."""
    path = put("Lora/a.safetensors", fill=1)
    call("sync", str(webui), "--hash", "none")
    alias = call("ls")["models"][0]["id"]
    call("sync")
    path.rename(webui / "Lora/b.safetensors")
    call("sync")
    assert call("show", alias)["model"]["name"] == "b"
    put("Lora/a.safetensors", fill=2)
    call("sync")
    call("triggers", str(path), "--set", "intruder")
    call("sync")
    assert words(call, "b") == []
    assert call("show", alias)["model"]["name"] == "a"
