"""The edges of a process: encodings, closed and full outputs, home folders that are none. Always the real program."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hubman.cli import run
from hubman.cli.terminal import json_text

HUBMAN = f"{shlex.quote(sys.executable)} -m hubman"
posix = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line of bash."""
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, timeout=60, env={**os.environ, **environment}, check=False
    )


@pytest.fixture
def library(webui: Path, put: object) -> Path:
    """A synced library with names that few encodings know."""
    put("Lora/ink 😀 水墨.safetensors", fill=1)  # type: ignore[operator]
    if sys.platform == "linux":
        put(os.fsdecode(b"Lora/bad\xff.safetensors"), fill=2)  # type: ignore[operator]
    assert run(["sync", str(webui)]) == 0
    return webui


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "latin-1", "utf-8", "utf-8:strict", "gbk:strict"])
@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_json_is_valid_in_every_encoding(library: Path, encoding: str, form: str) -> None:
    """And gives back the very name."""
    done = subprocess.run(
        [sys.executable, "-m", "hubman", "ls", form], capture_output=True, timeout=60, check=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    text = done.stdout.decode(encoding.split(":")[0])
    models = [json.loads(line) for line in text.splitlines()] if form == "--jsonl" else json.loads(text)["models"]
    names = {model["name"] for model in models}
    assert "ink 😀 水墨" in names
    assert sys.platform != "linux" or "bad\udcff" in names


def test_json_has_no_nan_and_no_line_end_inside_a_line() -> None:
    """Python's own writer makes both."""
    text = json_text({"a": [float("nan"), 1.5], "b": "x\u2028y\x85z", "c": "\ud800"})
    assert len(text.splitlines()) == 1
    assert json.loads(text) == {"a": [None, 1.5], "b": "x\u2028y\x85z", "c": "\ud800"}


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ls >&-", 0), ("ls 2>&-", 0), ("ls <&- >&- 2>&-", 0), ("show absent 2>&-", 3), ("ls >/dev/full", 1),
        ("ls --json >/dev/full", 1), ("--help >/dev/full", 1), ("ls --help >/dev/full", 1), ("ls 2>/dev/full", 0),
        ("show absent 2>/dev/full", 3),
    ],
)  # fmt: skip
def test_outputs_that_are_closed_or_full(library: Path, line: str, code: int, unbuffered: str) -> None:
    """A full stdout is one plain line; stderr is never needed."""
    if "/dev/full" in line and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    done = shell(f"{HUBMAN} {line}", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    if code == 1:
        assert done.stderr.startswith(b"error: The output could not be written")
        assert len(done.stderr.splitlines()) == 1


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["ls --jsonl", "ls --json", "ls", "--help", "ls --help", "version"])
def test_a_reader_that_goes_away_is_no_error(library: Path, command: str, unbuffered: str) -> None:
    """`| head`, here with a reader that is gone before the first byte."""
    done = shell(f"{{ sleep 0.2; {HUBMAN} {command}; echo code $? >&2; }} | true", PYTHONUNBUFFERED=unbuffered)
    assert done.stderr.decode().split("code ")[1].strip() == "0"
    assert b"Error" not in done.stderr
    assert b"bug" not in done.stderr


def test_a_home_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
    """A file, below a file, a user that does not exist: exit 9 for every command, and no traceback."""
    (tmp_path / "file").write_text("x")
    for home in (str(tmp_path / "file"), str(tmp_path / "file/below"), "~no-such-user-here/x", "a\0b"):
        for command in (["ls"], ["sync"], ["version"], []):
            assert run(["--home", home, *command]) == 9, (home, command)
    err = capsys.readouterr().err  # type: ignore[attr-defined]
    assert "HUBMAN_HOME" in err
    assert "bug" not in err


def test_a_config_that_cannot_be_read(isolated: Path, capsys: object) -> None:
    """A folder of that name: exit 2, with the path."""
    (isolated / "config.toml").mkdir()
    assert run(["ls"]) == 2
    err = capsys.readouterr().err  # type: ignore[attr-defined]
    assert str(isolated / "config.toml") in err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to become another user")
def test_a_home_without_rights(isolated: Path) -> None:
    """Exit 2 or 9, never 70. Run as another user: rights mean nothing to root."""
    home = isolated / "private"
    home.mkdir(mode=0o700)
    for folder in home.parents:
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-m", "hubman", "--home", str(home), "ls"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, cwd="/",
    )  # fmt: skip
    assert done.returncode in (2, 9), done.stderr
    assert "bug" not in done.stderr


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize("named", [False, True])
def test_a_folder_that_cannot_be_listed_costs_itself_only(tmp_path: Path, named: bool) -> None:
    """`inspect` goes on with the other files and exits 3. Run as another user: rights mean nothing to root."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (tmp_path / "note.safetensors").write_bytes(b"")
    for folder in closed.parents:
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    given = closed if named else tmp_path
    command = ["-m", "hubman", "--home", "/nonexistent", "inspect", "--json", str(given)]
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, *command],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, cwd="/",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    errors = {Path(entry["path"]).name: entry["error"]["reference"] for entry in json.loads(done.stdout)["files"]}
    assert errors == {"closed": "unreadable"} | ({} if named else {"note.safetensors": "empty-file"})


def test_what_the_system_refuses_is_told_plainly(tmp_path: Path, capsys: object) -> None:
    """No bug of ours: `init` on a file."""
    (tmp_path / "file").write_text("x")
    assert run(["init", str(tmp_path / "file")]) == 1
    err = capsys.readouterr().err  # type: ignore[attr-defined]
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
