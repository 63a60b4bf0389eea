"""`hubman lookup`, and what `sync` asks before the first hash leaves the machine."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.store.door import open_store
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.testhub.misbehave import Status

Put = Callable[..., Path]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    """A test hub that hubman is sent to."""
    with TestHub() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def library(webui: Path, put: Put, isolated: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Three LoRAs, hashed."""
    for number in range(3):
        put(f"Lora/m{number}.safetensors", fill=number)
    assert run(["sync", str(webui), "--offline", "--json"]) == 0
    capsys.readouterr()
    return isolated / "library.db"


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_lookup_is_told(library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str]) -> None:
    """By hub, in a table and in JSON; a second one has nothing to ask."""
    hub.add(lora_bytes(1), name="Ink Wash", words=["shuimo"])
    hub.add(lora_bytes(2, metadata={"a": "b"}), name="Other Header")
    code, out, err = call(capsys, "lookup")
    assert code == 0, err
    civitai, archive = (line.split() for line in out.splitlines()[1:3])
    assert (civitai[:4], archive[:4]) == (["Civitai", "3", "2", "1"], ["CivArchive", "1", "0", "1"])
    assert ("2 pictures fetched" in out, "AutoV3" in err, "m2.safetensors" in err) == (True, True, True)
    code, out, _ = call(capsys, "show", "m1", "--json")
    model = json.loads(out)["model"]
    assert (model["hubs"][0]["name"], model["triggers"][0]["source"]) == ("Ink Wash", "hub:civitai")
    assert Path(model["preview"]).read_bytes().startswith(b"\x89PNG")
    hub.forget()
    code, out, _ = call(capsys, "lookup", "--json")
    assert (code, json.loads(out)["calls"], hub.seen()) == (0, 0, [])
    assert "Nothing to ask" in call(capsys, "lookup")[1]


def test_json_of_a_lookup(library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str]) -> None:
    """What docs/json.md says."""
    hub.add(lora_bytes(1))
    code, out, _ = call(capsys, "lookup", "--hub", "civitai", "--no-previews", "--json")
    document = json.loads(out)
    (entry,) = document["hubs"]
    assert (code, document["looked_up"], document["found"], document["pictures"], document["unhashed"]) == (
        0,
        3,
        1,
        0,
        0,
    )
    assert entry == {
        "hub": "civitai", "asked": 3, "found": 1, "missed": 2, "calls": entry["calls"], "waiting": 0, "refreshed": 0,
        "gone": 0, "error": None,
    }  # fmt: skip
    assert hub.seen("civarchive") == []


def test_only_the_hits_of_a_query(library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str]) -> None:
    """With exclusions as everywhere."""
    assert json.loads(call(capsys, "lookup", "m", "-m2", "--hub", "civitai", "--json")[1])["looked_up"] == 2


def test_a_dry_run_says_who_would_get_how_much(library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str]) -> None:
    """And sends nothing."""
    code, out, _ = call(capsys, "lookup", "-n")
    assert code == 0
    assert f"Civitai: 3 hashes would be sent to {hub.url('civitai')}" in out
    assert "LiblibAI" not in out
    plan = json.loads(call(capsys, "lookup", "-n", "--hub", "liblib", "--json")[1])
    assert plan["would_ask"] == [{"hub": "liblib", "hashes": 3, "address": hub.url("liblib")}]
    assert hub.seen() == []


def test_hubs_that_were_disabled_are_asked_only_by_name(
    library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """When none is left, that is said with what works."""
    for name in ("civitai", "civarchive", "openmodeldb"):
        _disable(library, name)
    code, _, err = call(capsys, "lookup")
    assert (code, "--hub civitai" in err, hub.seen()) == (2, True, [])
    assert call(capsys, "lookup", "--hub", "civitai")[0] == 0
    assert {request.on for request in hub.seen()} == {"civitai"}
    assert call(capsys, "lookup", "--hub", "nosuch")[0] == 3


def _disable(path: Path, name: str) -> None:
    store = open_store(path, path.parent / "backups")
    with store.writer() as writer:
        writer.hubs.choose(name, enabled=False)
    store.close()


def test_exit_code_4_when_no_hub_answered(library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str]) -> None:
    """One that answers is enough for 0; what the other one said is a warning."""
    hub.misbehave(Status(404), on="civitai", path="by-hash")
    code, _, err = call(capsys, "lookup", "--hub", "civitai", "--json")
    assert (code, "warning: Civitai" in err) == (4, True)
    code, _, err = call(capsys, "lookup")
    assert (code, "warning: Civitai" in err) == (0, True)


def test_offline_nothing_is_asked(
    library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lookup` says so; `sync` goes its way."""
    monkeypatch.setenv("HUBMAN_OFFLINE", "1")
    code, _, err = call(capsys, "lookup")
    assert (code, "network" in err, hub.seen()) == (4, True, [])
    assert call(capsys, "sync")[0] == 0


def test_a_sync_that_no_hub_answered_says_nothing_of_what_is_there(
    library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody said that they do not know the files."""
    assert run(["hubs", "enable", "civitai"]) == 0
    hub.misbehave(Status(503, retry_after=60))
    capsys.readouterr()
    _, out, err = call(capsys, "sync")
    assert ("looked up" in out, err.count("Civitai")) == (False, 1), err
    assert json.loads(call(capsys, "sync", "--json")[1])["looked_up"] == 0
    hub.behave()
    assert "3 looked up on hubs, 0 found there" in call(capsys, "sync")[1]


def test_files_without_a_hash_are_told(webui: Path, put: Put, hub: TestHub, capsys: pytest.CaptureFixture[str]) -> None:
    """With the command that gives them one."""
    put("Lora/a.safetensors")
    assert run(["sync", str(webui), "--hash", "none", "--offline"]) == 0
    _, out, err = call(capsys, "lookup")
    assert ("Nothing to ask" in out, "1 file has no hash yet: hubman sync --hash all" in err) == (True, True)


# --- the question --------------------------------------------------------------------------------------------------


def choices(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT hub, enabled FROM hub_choice").fetchall())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a pseudo terminal")
@pytest.mark.parametrize(
    ("typed", "remembered", "sent"),
    [
        ("y\nn\n", {"civitai": 1, "civarchive": 0}, {"civitai"}),
        ("\n\n", {"civitai": 0, "civarchive": 0}, set()),
        ("y\n\x03", {"civitai": 1}, {"civitai"}),
    ],
)
def test_the_first_sync_on_a_terminal_asks_once_per_hub(
    library: Path, hub: TestHub, typed: str, remembered: dict[str, int], sent: set[str]
) -> None:
    """Only an answer is remembered, and only a yes sends anything; the second sync asks nothing."""
    hub.add(lora_bytes(1))
    code, shown = on_a_terminal(["sync"], typed)
    assert (code, shown.count("May hubman send")) == (0, 2), shown
    assert "docs/lookup.md" in shown
    assert choices(library) == remembered
    assert {request.on for request in hub.seen() if request.on != "storage"} == sent
    if len(remembered) == 2:
        assert "May hubman send" not in on_a_terminal(["sync"], "")[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a pseudo terminal")
def test_a_terminal_shows_whom_a_lookup_asks_before_the_answer_is_there(library: Path, hub: TestHub) -> None:
    """Also when what is known is only renewed."""
    hub.add(lora_bytes(1))
    shown = on_a_terminal(["lookup", "--no-previews"], "")[1]
    assert ("asking Civitai  0 / 3" in shown, "asking CivArchive  0 / 2" in shown) == (True, True), shown
    assert "renewing what is known from Civitai  0 / 1" in on_a_terminal(["lookup", "--again"], "")[1]


def test_without_a_terminal_nobody_is_asked_and_nothing_remembered(
    library: Path, hub: TestHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script's silence is no answer."""
    _, _, err = call(capsys, "sync")
    assert ("May hubman" in err, choices(library), hub.seen()) == (False, {}, [])


def on_a_terminal(arguments: list[str], typed: str) -> tuple[int, str]:
    """Run hubman in a process with a pseudo terminal; type when it asks. Return (exit code, what was shown)."""
    import pty
    import select
    import subprocess

    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "hubman", *arguments], stdin=follower, stdout=follower, stderr=follower,
        start_new_session=True, preexec_fn=_own_terminal,
    )  # fmt: skip
    os.close(follower)
    shown, lines = b"", [line for line in typed.replace("\x03", "\x03\0").replace("\n", "\n\0").split("\0") if line]
    try:
        while True:
            ready, _, _ = select.select([leader], [], [], 30)
            data = _read(leader) if ready else b""
            if not data:
                break
            shown += data
            while lines and shown.count(b"[y/N]") > _asked(typed, lines):
                os.write(leader, lines.pop(0).encode())
    finally:
        os.close(leader)
        code = child.wait(30)
    return code, shown.decode("utf-8", "replace")


def _asked(typed: str, left: list[str]) -> int:
    return typed.count("\n") + typed.count("\x03") - len(left)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux: the other side is closed
        return b""


def _own_terminal() -> Any:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
