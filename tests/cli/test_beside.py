"""Small promises at the edges: names that lie, drives that are away, rights, damage, Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
import pytest

from hubman.app.doctor import REFUSED, SOME_REFUSED
from hubman.cli import run
from tests.conftest import lora_bytes

Call = Callable[..., tuple[int, str, str]]
Put = Callable[..., Path]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def invoke(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


def test_a_line_break_in_a_name_makes_no_line_of_its_own(call: Call, put: Put, webui: Path) -> None:
    """Nor does a control character reach the terminal: broken, misplaced, hidden and offered files."""
    name = "x\nerror: pay here\x1b[31m\r"
    (webui / "Lora" / f"{name}.safetensors").write_bytes(b"broken")
    put(f"VAE/{name} lora.safetensors", fill=1)
    put(f"Lora/a{name}.safetensors", fill=2)
    put(f"Lora/b/a{name}.safetensors", fill=3)
    inbox = webui.parent / "inbox"
    inbox.mkdir()
    (inbox / f"{name} new.safetensors").write_bytes(lora_bytes(fill=4))
    assert call("roots", "add", inbox, "--inbox")[0] == 0
    assert call("roots", "add", webui)[0] == 0
    code, out, err = call("sync", "--offline")
    assert code == 0
    assert out.count("\\u000a") + err.count("\\u000a") >= 4
    assert not any(line.lstrip().startswith("error: pay") for line in (out + err).splitlines())
    assert "\x1b" not in out + err
    assert "\r" not in out + err


@pytest.mark.parametrize("emptied", [True, False])
@pytest.mark.parametrize("command", ["mv", "rm"])
def test_a_drive_that_is_away_is_unreachable_and_not_gone(
    call: Call, put: Put, webui: Path, command: str, emptied: bool
) -> None:
    """Also where the empty folder that it was mounted on is left."""
    put("Lora/ink.safetensors")
    assert call("sync", webui)[0] == 0
    webui.rename(webui.with_name("away"))
    if emptied:
        webui.mkdir()
    code, _, err = call(*(("mv", "ink", webui / "VAE", "-y") if command == "mv" else ("rm", "ink", "-y")))
    assert code == 3
    assert "unreachable" in err
    assert "not there any more" not in err
    shutil.rmtree(webui, ignore_errors=True)
    webui.with_name("away").rename(webui)
    (webui / "Lora/ink.safetensors").unlink()
    (webui / "Lora/other.safetensors").write_bytes(b"x")
    code, _, err = call("rm", "ink", "-y")
    assert (code, "not there any more" in err) == (3, True)


def test_missing_rights_are_no_reason_to_download_anew(call: Call, put: Put, webui: Path) -> None:
    """`doctor` says what to do about each."""
    path = put("Lora/ink.safetensors")
    if os.geteuid() == 0:  # root reads everything: what the system would say is put in the index
        assert call("sync", webui)[0] == 0
        _fail(path.stem, "unreadable")
    else:
        path.chmod(0)
        assert call("sync", webui)[0] == 0
    assert _why(call) == REFUSED
    (webui / "Lora/cut.safetensors").write_bytes(lora_bytes()[:-9])
    assert call("sync")[0] == 0
    assert _why(call) == SOME_REFUSED


def _fail(name: str, reference: str) -> None:
    with closing(sqlite3.connect(Path(os.environ["HUBMAN_HOME"]) / "library.db")) as database:
        database.execute(
            "UPDATE file SET error_reference = ?, error_message = 'refused' WHERE name = ?", (reference, name)
        )
        database.commit()


def _why(call: Call) -> str:
    checks = json.loads(call("doctor", "--json")[1])["checks"]
    (why,) = [str(check["why"]) for check in checks if check["check"] == "broken"]
    return why


def test_a_damaged_library_is_said_to_be_damaged_by_its_backup(
    call: Call, put: Put, webui: Path, isolated: Path, tmp_path: Path
) -> None:
    """With what mends it: a `sync` may never meet the damage. Nothing is left of the copy."""
    for number in range(40):
        put(f"Lora/m{number}.safetensors", fill=number)
    assert call("sync", webui)[0] == 0
    path = isolated / "library.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA writable_schema=ON")
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'reading'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : (page - 1) * size + 200] = os.urandom(200)
    path.write_bytes(data)
    code, _, err = call("db", "backup", tmp_path / "mine.db")
    assert code == 9
    assert "damaged" in err
    assert "db check --repair" in err
    assert "no backup was written" in err
    assert not (tmp_path / "mine.db").exists()


def test_forgetting_a_root_as_json(call: Call, put: Put, webui: Path) -> None:
    put("Lora/ink.safetensors")
    assert call("sync", webui)[0] == 0
    said = json.loads(call("roots", "rm", webui, "-n", "--json")[1])
    assert (said["dry_run"], said["root"]["path"], said["files"], said["outer"]) == (True, str(webui), 1, None)
    code, out, err = call("roots", "rm", webui, "--json")
    assert (code, out) == (2, "")  # nobody to ask
    assert "-y" in err
    code, out, err = call("roots", "rm", webui, "-y", "--json")
    assert (code, json.loads(out)["dry_run"], err) == (0, False, "")
    assert json.loads(call("roots", "ls", "--json")[1])["roots"] == []


def test_ctrl_c_is_heard(call: Call, put: Put, webui: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and the code that shells know; a question that is not answered with yes is no interruption."""
    put("Lora/ink.safetensors")

    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hubman.app.sync.Sync.run", press)
    code, out, err = call("sync", webui)
    assert (code, out) == (130, "")
    assert [line for line in err.splitlines() if line] == [
        "Interrupted. What was finished before is kept; the same command goes on from there."
    ]

    def decline(*_: object, **__: object) -> None:
        raise click.Abort

    monkeypatch.setattr("hubman.app.sync.Sync.run", decline)
    code, _, err = call("sync", webui)
    assert (code, err.strip()) == (130, "")


def test_a_signal_to_the_program(put: Put, webui: Path) -> None:
    """The real thing, in a process of its own."""
    put("Lora/ink.safetensors")
    program = (
        "import os, signal, sys\n"
        "import hubman.app.sync as sync\n"
        "from hubman.cli import run\n"
        "sync.Sync.run = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(run(['sync', sys.argv[1]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(webui)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert "Interrupted" in done.stderr
    assert "Traceback" not in done.stderr
