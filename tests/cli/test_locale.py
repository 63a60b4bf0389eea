"""The catalogues: complete for the promised commands, in step with the source."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubman.app.inspect import described
from hubman.app.undo import UNDOERS
from hubman.app.verify import Trouble
from hubman.cli import run, words
from hubman.cli.values import VALUES
from hubman.core.journal import UNDO, EntryState
from hubman.core.library import Layout, RootState, SidecarPolicy
from hubman.core.types import Confidence, Facts, Format, Header, Kind, Safety
from hubman.core.verdict import Verdict
from hubman.errors import N_, ConflictError, NotFoundError
from hubman.locale.compile import SOURCE, catalogues, extract, problems, read

Call = Callable[..., tuple[int, str]]
Put = Callable[..., Path]


def test_catalogues_are_in_step_with_the_source() -> None:
    """Every marked text is in every catalogue, placeholders agree, and the .mo is that of the .po."""
    assert problems() == []


def test_placeholders_survive_translation() -> None:
    """A translated text has the same fields in braces."""
    import string

    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for path in catalogues():
        for message in read(path):
            if message.id and message.string:
                assert fields(str(message.string)) == fields(str(message.id)), message.id


def test_every_marked_text_is_found() -> None:
    """Babel overlooks a call within an f-string; then nobody is asked to translate it."""
    marked: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "N_", "plural", "C_"):
                text = node.args[-1 if getattr(node.func, "id", "") == "C_" else 0]
                if isinstance(text, ast.Constant) and text.value:
                    marked.add(str(text.value))
    found = {message.id if isinstance(message.id, str) else message.id[0] for message in extract() if message.id}
    assert len(marked) > 1000
    assert marked - found == set()


def asked() -> set[str]:
    """Return what hub modules call their questions: `not_understood(hub, what, ...)`, `what=`, `_ask(..., what)`."""
    found = []
    for path in (SOURCE / "hubs").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                place = {"not_understood": 1, "_ask": 2 if path.stem == "liblib" else 1}.get(name)
                found += node.args[place : place + 1] if place else []
                found += [keyword.value for keyword in node.keywords if keyword.arg == "what"]
    return {str(node.value) for node in found if isinstance(node, ast.Constant) and not str(node.value).startswith("/")}


LISTS = {
    "kind": Kind, "format": Format, "safety": Safety, "confidence": Confidence, "verdict": Verdict, "trouble": Trouble,
    "layout": Layout, "sidecars": SidecarPolicy, "state": (*RootState, *EntryState), "verb": (*UNDOERS, UNDO),
    "what": asked(),
    "fact": set(described(Header(Format.UNKNOWN, {}), Facts(Kind.UNKNOWN)))
    - {"evidence", "error", "findings", "hashes", "hypernetwork", "triggers"},
}  # fmt: skip
"""List of `values.VALUES` -> what its words must include."""


@pytest.mark.parametrize("name", VALUES)
def test_words_of_closed_lists_are_translated(name: str) -> None:
    """A state, verb or kind that is added is marked, and every catalogue has a word for it."""
    assert {str(word) for word in LISTS[name]} - set(VALUES[name]) == set()
    for path in catalogues():
        words = {message.id: message.string for message in read(path) if message.context == name}
        assert [word for word in VALUES[name] if not words[word]] == []


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run a command line in Chinese; give exit code and stdout."""

    def invoke(*arguments: str) -> tuple[int, str]:
        code = run(["--lang", "zh_CN", *arguments])
        return code, capsys.readouterr().out

    yield invoke
    words.choose("en")


def test_tables_are_in_one_language_and_json_is_not_translated(webui: Path, put: Put, call: Call) -> None:
    """States, verbs, layouts and kinds are words of the reader's language; programs read the same as ever."""
    model = put("Lora/ink.safetensors", fill=1)
    assert call("sync", str(webui))[0] == 0
    assert call("rate", "ink", "4")[0] == call("mv", "ink", "pen")[0] == call("undo")[0] == 0
    listed = [line.split() for line in call("undo", "--list")[1].splitlines()[1:]]
    assert [(row[3], row[4]) for row in listed] == [("撤销移动", "已完成"), ("移动", "已撤销"), ("评分", "已完成")]
    root = call("roots", "ls")[1].splitlines()[1].split()
    assert root[:3] == ["正常", "WebUI", "不写"]
    before = model.stat()
    model.write_bytes(model.read_bytes()[:-1] + b"\x77")
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    code, told = call("verify")
    assert (code, told.split()[0]) == (6, "数据损坏")
    entries = json.loads(call("undo", "--list", "--json")[1])["entries"]
    assert [(entry["verb"], entry["state"]) for entry in entries] == [
        ("undo", "done"), ("mv", "undone"), ("rate", "done"),
    ]  # fmt: skip
    (shown,) = json.loads(call("roots", "ls", "--json")[1])["roots"]
    assert (shown["state"], shown["layout"], shown["sidecars"]) == ("ok", "webui", "off")


def test_words_in_messages_are_translated_too() -> None:
    """A field that holds a word of a closed list is said in the language of the sentence, and a name never is."""
    error = ConflictError("undo-impossible", N_("Entry {number} ({verb}) cannot be taken back: it is {state}."),
                          number=3, verb="rm", state="undone")  # fmt: skip
    here = NotFoundError("model-not-found", N_("There is no model {text!r} in the library."), text="rm")
    try:
        words.choose("zh_CN")
        assert words.error_text(error)[0] == "第 3 条记录（删除）无法撤销：状态为“已撤销”。"
        assert words.error_text(here)[0] == "库中没有模型 'rm'。"
    finally:
        words.choose("en")
    assert words.error_text(error)[0] == error.message
