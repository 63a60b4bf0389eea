"""Fixtures: a library with one LoRA, and the command line with `--json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run

Put = Callable[..., Path]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def invoke(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--json"]) == code, capsys.readouterr().err
        out = capsys.readouterr().out
        return json.loads(out) if out else None

    return invoke


@pytest.fixture
def ink(webui: Path, put: Put, call: Any) -> Path:
    path = put("Lora/ink.safetensors")
    call("sync", str(webui))
    return path
