"""`hubman scan`: what opening a file would do, in a library and for files given; nothing of it happens."""

from __future__ import annotations

import gettext
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run, words

Call = Callable[..., tuple[int, str, str]]
SHELL = b"\x80\x02cos\nsystem\nX\x07\x00\x00\x00touch x\x85R."
DATE = b"\x80\x02cdatetime\ndate\nK\x01K\x02K\x03\x87R."
PLAIN = b"\x80\x02}q\x00."
CUT = b"\x80\x02}q\x00("


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs a command line and gives (exit code, stdout, stderr)."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


@pytest.fixture
def library(webui: Path, put: Any, call: Call) -> Path:
    """A synced library of a LoRA and four pickles: one that would run a command, a date, a plain one, a cut one."""
    put("Lora/ink.safetensors")
    for name, content in (("evil", SHELL), ("date", DATE), ("plain", PLAIN), ("cut", CUT)):
        (webui / f"embeddings/{name}.pt").write_bytes(content)
    assert call("sync", str(webui))[0] == 0
    return webui


def test_a_library_is_scanned(library: Path, call: Call) -> None:
    code, out, err = call("scan")
    assert code == 7
    assert "opening it would run the shell command 'touch x'" in out
    assert "would run code" in out
    assert "datetime.date(1, 2, 3)" in out
    assert "plain" not in out
    assert "ink" not in out
    assert "files checked: 5; would run code: 1; suspicious: 2" in err


def test_the_json_is_as_documented(library: Path, call: Call) -> None:
    code, out, _ = call("scan", "--json")
    document = json.loads(out)
    assert code == 7
    assert list(document) == ["schema", "checked", "unsafe", "suspicious", "files"]
    assert (document["checked"], document["unsafe"], document["suspicious"]) == (5, 1, 2)
    by_name = {entry["name"]: entry for entry in document["files"]}
    assert set(by_name) == {"evil", "date", "cut"}
    assert list(by_name["evil"]) == ["id", "name", "path", "format", "safety", "findings", "error"]
    assert by_name["evil"]["path"] == str(library / "embeddings/evil.pt")
    assert by_name["evil"]["findings"][0]["reference"] == "pickle-would-call"
    assert (by_name["cut"]["safety"], by_name["cut"]["error"]["reference"]) == ("suspicious", "pickle-unreadable")
    _, lines, _ = call("scan", "--jsonl")
    assert [json.loads(line) for line in lines.splitlines()] == document["files"]
    _, ids, _ = call("scan", "-q")
    assert ids.split() == [entry["id"] for entry in document["files"]]


@pytest.mark.parametrize(
    ("query", "code", "names"),
    [("evil", 7, {"evil"}), ("date", 0, {"date"}), ("type:lora", 0, set()), ("-evil", 0, {"date", "cut"})],
)
def test_a_query_narrows_it(library: Path, call: Call, query: str, code: int, names: set[str]) -> None:
    done, out, _ = call("scan", query, "--json")
    assert (done, {entry["name"] for entry in json.loads(out)["files"]}) == (code, names)


def test_given_files_need_no_library(tmp_path: Path, call: Call) -> None:
    for name, content in (("evil.ckpt", SHELL), ("date.pt", DATE), ("plain.bin", PLAIN)):
        (tmp_path / name).write_bytes(content)
    code, out, _ = call("scan", str(tmp_path), "--json")
    found = {Path(entry["path"]).name: entry for entry in json.loads(out)["files"]}
    assert code == 7
    assert {name: entry["safety"] for name, entry in found.items()} == {
        "evil.ckpt": "unsafe",
        "date.pt": "suspicious",
        "plain.bin": "safe",
    }
    assert {entry["id"] for entry in found.values()} == {None}
    assert call("scan", str(tmp_path / "date.pt"), str(tmp_path / "plain.bin"))[0] == 0
    assert call("scan", str(tmp_path / "evil.ckpt"), "-q")[1].split() == [str(tmp_path / "evil.ckpt")]


def test_a_file_that_is_not_there_is_said(tmp_path: Path, call: Call) -> None:
    code, out, _ = call("scan", str(tmp_path / "absent.pt"))
    assert code == 3
    assert "there is no such file" in out
    (tmp_path / "evil.pt").write_bytes(SHELL)
    assert call("scan", str(tmp_path / "absent.pt"), str(tmp_path / "evil.pt"))[0] == 7


def test_without_a_library_a_query_is_an_error(call: Call) -> None:
    code, _, err = call("scan")
    assert (code, "There is no library yet" in err) == (3, True)


def test_reasons_are_told_in_the_users_language(library: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored is the template and its fields, not the finished English sentence."""
    said = {
        "{name} cannot be read: {why}": "{name} KANN NICHT GELESEN WERDEN: {why}",
        "it is malformed: {what}": "KAPUTT: {what}",
        "opening it would run the shell command {what}": "BEFEHL {what}",
    }

    class German(gettext.NullTranslations):
        def gettext(self, text: str) -> str:
            return said.get(text, text)

        def ngettext(self, one: str, many: str, count: int) -> str:
            return one if count == 1 else many

    monkeypatch.setattr(words, "choose", lambda *_: None)
    monkeypatch.setattr(words, "_translations", German())
    for command in (["ls", "is:broken"], ["show", "cut"], ["triggers", "cut"], ["scan"], ["sync", str(library)]):
        _, out, _ = call(*command)
        assert "cut.pt KANN NICHT GELESEN WERDEN: KAPUTT: " in out, command
    assert "BEFEHL 'touch x'" in call("scan")[1]
    assert "BEFEHL 'touch x'" in call("inspect", str(library / "embeddings/evil.pt"))[1]
    for command in (["ls", "is:broken", "--json"], ["scan", "--json"], ["show", "cut", "--json"], ["sync", "--json"]):
        _, out, _ = call(*command)
        assert "cut.pt cannot be read: it is malformed: " in out, command
        assert "KAPUTT" not in out


def test_a_reason_stored_by_an_older_version_still_shows(library: Path, call: Call, isolated: Path) -> None:
    import sqlite3

    with sqlite3.connect(isolated / "library.db") as connection:
        connection.execute("UPDATE file SET error_message = 'an old sentence {with} braces' WHERE name = 'cut'")
    connection.close()
    assert "an old sentence {with} braces" in call("ls", "is:broken")[1]


@pytest.mark.skipif(shutil.which("setpriv") is None or os.geteuid() != 0, reason="needs root, to give rights away")
def test_a_file_that_was_never_read_is_listed_and_not_counted(webui: Path, put: Any) -> None:
    """Without the right to read it nothing is known of it: it is not among the checked, and not silently fine."""
    put("Lora/ink.safetensors")
    closed = webui / "embeddings/evil.pt"
    closed.write_bytes(SHELL)
    closed.chmod(0)
    rights = "-dac_override,-dac_read_search"
    without = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", sys.executable, "-m", "hubman"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for command in (["sync", str(webui)], ["scan"]):
        done = subprocess.run(
            [*without, *command, "--json"], capture_output=True, text=True, env=environment, timeout=60
        )
        assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["checked"] == 1
    assert [Path(file["path"]).name for file in answer["files"]] == ["evil.pt"]
