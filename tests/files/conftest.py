"""A library of several files, and hubman as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line and gives (exit code, stdout, stderr)."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


@pytest.fixture
def ok(call: Any) -> Callable[..., Any]:
    """Return a function that runs a command that has to succeed and gives its JSON."""

    def invoke(*arguments: str) -> Any:
        code, out, err = call(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return invoke


@pytest.fixture
def library(webui: Path, put: Callable[..., Path], ok: Any) -> Path:
    """A synced library: `ink` with four things beside it, and `other` alone."""
    put("Lora/ink.safetensors", fill=1)
    for name in ("ink.json", "ink.civitai.info", "ink.preview.png", "ink.PNG"):
        (webui / "Lora" / name).write_text("{}")
    put("Lora/other.safetensors", fill=2)
    ok("sync", str(webui))
    return webui


@pytest.fixture
def unchanged(ok: Any) -> Callable[[], None]:
    """Return a function that asserts that a scan finds nothing new: the rows are what is on the disk."""

    def look() -> None:
        report = ok("sync")
        found = {name: report[name] for name in ("added", "modified", "moved", "removed", "identified", "hashed")}
        assert found == dict.fromkeys(found, 0)
        assert report["errors"] == []

    return look


def names(folder: Path) -> set[str]:
    """Return what lies in a folder, hidden files too."""
    return {path.name for path in folder.iterdir()}


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
