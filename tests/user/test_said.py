"""What a user says of a model: kept whole, found again, taken back, and refused where it cannot be kept."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.app.user_data import take_back
from hubman.cli import run
from hubman.errors import ConflictError
from hubman.store.door import open_store
from hubman.store.reader import open_reader

Put = Callable[..., Path]


def said(call: Any, model: str = "ink") -> tuple[object, ...]:
    (found,) = [file for file in call("ls")["models"] if file["name"] == model]
    return found["note"], found["tags"], found["favourite"], found["rating"]


def journal(home: Path) -> list[tuple[str, dict[str, Any]]]:
    with sqlite3.connect(home / "library.db") as connection:
        rows = connection.execute("SELECT verb, detail FROM journal ORDER BY id").fetchall()
    connection.close()
    return [(verb, json.loads(detail)) for verb, detail in rows]


def undo(home: Path, number: int | None = None, *, dry_run: bool = False) -> list[str]:
    """Take an entry of the journal back, the latest one if none is given."""
    store = open_store(home / "library.db", home / "backups")
    try:
        with open_reader(store.path) as reader:
            entry = reader.journal.latest() if number is None else reader.journal.get(number)
        assert entry is not None
        return take_back(store, entry, dry_run=dry_run)
    finally:
        store.close()


def test_everything_is_kept_and_follows_the_content(ink: Path, webui: Path, call: Any) -> None:
    """Through touch, rename, copy, and a root that was forgotten and came back."""
    call("note", "ink", "for 水墨\nat 0.7")
    call("tag", "ink", "--add", "landscape", "--add", "水墨")
    call("fav", "ink")
    call("rate", "ink", "4")
    everything = ("for 水墨\nat 0.7", ["landscape", "水墨"], True, 4)
    assert said(call) == everything
    os.utime(ink)
    ink.rename(webui / "Lora/other.safetensors")
    shutil.copyfile(webui / "Lora/other.safetensors", webui / "VAE/copy.safetensors")
    call("sync")
    assert said(call, "other") == said(call, "copy") == everything
    assert run(["roots", "rm", str(webui), "-y"]) == 0
    call("sync", str(webui))
    assert said(call, "other") == everything


def test_tags_are_added_removed_and_set(ink: Path, call: Any) -> None:
    """Case does not make another tag, and what was typed first stays."""
    call("tag", "ink", "--add", "Ink", "--add", "paper")
    call("tag", "ink", "--add", "ink")
    assert said(call)[1] == ["Ink", "paper"]
    call("tag", "ink", "--rm", "INK", "--add", "brush")
    assert said(call)[1] == ["paper", "brush"]
    call("tag", "ink", "--set", "one")
    assert said(call)[1] == ["one"]
    call("tag", "ink", "--clear")
    assert said(call)[1] == []


def test_taking_away(ink: Path, call: Any) -> None:
    """Everything can be taken away again, and no row is left behind."""
    call("note", "ink", "x")
    call("note", "ink", "y", "--append")
    assert said(call)[0] == "x\ny"
    call("fav", "ink")
    call("rate", "ink", "5")
    call("note", "ink", "--rm")
    call("fav", "ink", "--rm")
    call("rate", "ink", "--rm")
    assert said(call) == ("", [], False, None)


@pytest.mark.parametrize(
    ("arguments", "reference"),
    [
        (["note", "ink", "a\0b"], "U+0000"),
        (["note", "ink", "a\x1b[31m"], "U+001B"),
        (["note", "ink", "a\udcff"], "U+DCFF"),
        (["note", "ink", "x" * 100_001], "100,001"),
        (["tag", "ink", "--add", "a,b"], "comma"),
        (["tag", "ink", "--add", " "], "1 to 100"),
        (["tag", "ink", "--add", "x" * 101], "1 to 100"),
        (["tag", "ink", "--add", "a\nb"], "U+000A"),
        (["rate", "ink", "6"], "from 1 to 5"),
        (["rate", "ink", "٣"], "from 1 to 5"),
        (["rate", "ink"], "from 1 to 5"),
        (["tag"], "--query"),
        (["triggers", "ink", "--add", "x" * 1001], "1,001"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    ink: Path, isolated: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reference: str
) -> None:
    """With a reason and exit code 2, and nothing is changed."""
    assert run(arguments) == 2
    assert reference in capsys.readouterr().err
    assert journal(isolated) == []


def test_too_many_tags(ink: Path, call: Any) -> None:
    many = [part for number in range(201) for part in ("--add", f"t{number}")]
    assert run(["tag", "ink", *many]) == 2
    assert said(call)[1] == []


def test_a_note_from_standard_input(ink: Path, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """UTF-8 goes in whole, line ends of Windows become one, and bytes that are no UTF-8 are refused."""
    for data, code in (("第一行\r\n第二行\r\n".encode(), 0), (b"\xff\xfe\x00", 2)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        call("note", "ink", "-", code=code)
    assert said(call)[0] == "第一行\n第二行"


def test_a_query_needs_an_answer(ink: Path, put: Put, call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal it says so and does not hang; -n only lists; -y does it."""
    put("Lora/wash.safetensors", fill=2)
    call("sync")
    assert run(["fav", "--query", "type:lora"]) == 2
    assert "-y" in capsys.readouterr().err
    assert call("fav", "--query", "type:lora", "-n")["changed"] == 0
    assert said(call)[2] is False
    assert call("fav", "--query", "type:lora", "-y")["changed"] == 2
    assert said(call)[2] is said(call, "wash")[2] is True
    assert call("tag", "--query", "nosuchword", "--add", "x", "-y")["changed"] == 0


def test_undo_takes_back_an_edit_and_only_that(ink: Path, put: Put, call: Any, isolated: Path) -> None:
    """Also when the content got its name in between; what was said later stays, and is named."""
    put("Lora/wash.safetensors", fill=2)
    call("sync", "--hash", "none")
    call("note", "wash", "first")
    call("sync")
    assert undo(isolated, dry_run=True) == ["wash: -"]
    assert said(call, "wash")[0] == "first"
    undo(isolated)
    assert said(call, "wash")[0] == ""
    number = len(journal(isolated))
    undo(isolated, number)  # taking the taking back back
    assert said(call, "wash")[0] == "first"
    call("tag", "--query", "type:lora", "--add", "x", "-y")
    number = len(journal(isolated))
    verb, detail = journal(isolated)[-1]
    assert (verb, len(detail["before"]["data"])) == ("tag", 2)
    call("rate", "ink", "3")
    with pytest.raises(ConflictError) as caught:
        undo(isolated, number)
    assert (caught.value.reference, said(call)[1:]) == ("undo-blocked", (["x"], False, 3))
    assert said(call, "wash")[1] == ["x"]
    undo(isolated)
    undo(isolated, number)
    assert (said(call)[1:], said(call, "wash")[1]) == (([], False, None), [])


def test_undo_of_words(ink: Path, call: Any, isolated: Path) -> None:
    call("triggers", "ink", "--set", "a, b")
    call("triggers", "ink", "--rm", "a")
    assert undo(isolated) == ["ink: a, b"]
    assert [word["text"] for word in call("triggers", "ink")["models"][0]["triggers"]] == ["a", "b"]


def test_an_edit_that_changes_nothing_is_not_in_the_journal(ink: Path, call: Any, isolated: Path) -> None:
    call("fav", "ink")
    call("fav", "ink")
    assert len(journal(isolated)) == 1


def test_people_see_it(ink: Path, call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`show`, `triggers` and the command itself."""
    call("note", "ink", "line one\nline two")
    call("tag", "ink", "--add", "brush")
    call("fav", "ink")
    call("rate", "ink", "4")
    for command in (["show", "ink"], ["tag", "ink"]):
        assert run(command) == 0
        out = capsys.readouterr().out
        assert "★ 4/5" in out
        assert "line two" in out
        assert "brush" in out
    assert run(["triggers", "ink"]) == 0
    assert "★" in capsys.readouterr().out
    assert run(["note", "ink"]) == 0
    assert capsys.readouterr().out == "line one\nline two\n"
