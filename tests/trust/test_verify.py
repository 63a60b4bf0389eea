"""Rot, truncation, drift: each told apart, nothing changed, and the copy that is whole is named."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.app.verify import Verify
from hubman.cli import run
from hubman.core.ports import Silence
from hubman.core.query import parse_query
from hubman.store.reader import open_reader


def rot(path: Path, position: int = -5) -> None:
    """Flip one bit and leave size and time as they are."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def troubles(answer: Any) -> dict[str, str]:
    return {finding["name"]: finding["trouble"] for finding in answer["findings"]}


def test_all_is_well(ink: Path, call: Any) -> None:
    answer = call("verify")
    assert (answer["checked"], answer["bytes"], answer["findings"]) == (1, ink.stat().st_size, [])
    assert call("verify", "--fast")["findings"] == []


def test_rot_is_told_with_the_copies_that_are_whole(ink: Path, webui: Path, call: Any) -> None:
    """A copy that rotted too is not named as good; the recorded hash stays, so that the next run says it again."""
    sha256 = hashlib.sha256(ink.read_bytes()).hexdigest()
    good, bad = webui / "VAE/good.safetensors", webui / "VAE/bad.safetensors"
    shutil.copyfile(ink, good)
    shutil.copyfile(ink, bad)
    call("sync")
    rot(ink)
    rot(bad, -9)
    for _ in range(2):
        answer = call("verify", code=6)
        assert troubles(answer) == {"ink": "rot", "bad": "rot"}
        (finding,) = [entry for entry in answer["findings"] if entry["name"] == "ink"]
        assert (finding["sha256"], finding["good"]) == (sha256, [str(good)])
        assert finding["found"] == hashlib.sha256(ink.read_bytes()).hexdigest()
    assert call("verify", "name:good")["findings"] == []
    assert call("verify", "--fast")["findings"] == []  # the header is whole
    rot(ink, 20)
    assert troubles(call("verify", "--fast", code=6))["ink"] in ("rot", "unreadable")


def test_truncation_drift_and_what_is_gone(webui: Path, put: Any, call: Any) -> None:
    for number, name in enumerate(("cut", "new", "gone", "fine")):
        put(f"Lora/{name}.safetensors", fill=number)
    call("sync", str(webui))
    cut = webui / "Lora/cut.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    put("Lora/new.safetensors", fill=9)
    os.utime(webui / "Lora/new.safetensors", ns=(0, 10**18))
    (webui / "Lora/gone.safetensors").unlink()
    answer = call("verify", code=6)
    assert troubles(answer) == {"cut": "truncated", "new": "changed", "gone": "gone"}
    assert troubles(call("verify", "--fast", code=6)) == troubles(answer)
    call("sync")  # what is there now is what counts from now on; that one is cut is the business of `ls is:broken`
    assert call("verify")["findings"] == []


def test_a_claimed_hash_is_confirmed_or_refuted(ink: Path, call: Any, isolated: Path) -> None:
    """A name in a cache is only a claim until the content was read."""

    def claim(sha256: str | None = None) -> list[tuple[str, int]]:
        with sqlite3.connect(isolated / "library.db") as connection:
            if sha256:
                connection.execute("PRAGMA foreign_keys=OFF")
                connection.execute("UPDATE blob SET sha256 = ?, claimed = 1", [sha256])
                connection.execute("UPDATE file SET sha256 = ?", [sha256])
            rows = connection.execute("SELECT sha256, claimed FROM blob").fetchall()
        connection.close()
        return rows

    true = hashlib.sha256(ink.read_bytes()).hexdigest()
    claim(true)
    assert call("verify")["confirmed"] == [true]
    assert claim() == [(true, 0)]
    claim("ab" * 32)
    assert troubles(call("verify", code=6)) == {"ink": "claim-false"}
    assert claim() == [("ab" * 32, 1)]


def test_files_without_a_hash_are_counted(webui: Path, put: Any, call: Any) -> None:
    put("Lora/ink.safetensors")
    call("sync", str(webui), "--hash", "none")
    answer = call("verify")
    assert (answer["checked"], answer["unhashed"]) == (0, 1)


def test_an_interruption_reports_what_was_found(webui: Path, put: Any, call: Any, isolated: Path) -> None:
    """Ctrl-C between two blocks: the findings so far are there, and the run says that it was stopped."""
    for number in range(3):
        put(f"Lora/{number}.safetensors", fill=number)
    call("sync", str(webui))
    rot(webui / "Lora/0.safetensors")
    with open_reader(isolated / "library.db") as reader:
        files = reader.search(parse_query("", 0))[1]
        ticks: list[int] = []
        report = Verify(reader, ticks.append, lambda: len(ticks) >= 1).run(files, Silence())
    assert (report.stopped, report.checked) == (True, 1)
    assert [finding.trouble.value for finding in report.findings] == ["rot"]


def test_a_folder_that_is_one_model(webui: Path, call: Any, put: Callable[..., Path]) -> None:
    folder = webui / "Lora/peft"
    put("Lora/peft/adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    call("sync", str(webui))
    assert call("verify")["checked"] == 1
    rot(folder / "adapter_model.safetensors")
    assert list(troubles(call("verify", code=6)).values()) == ["rot"]


def test_people_read_it(ink: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rot(ink)
    assert run(["verify"]) == 6
    out = capsys.readouterr().out
    assert "rot" in out
    assert "1 checked" in out
