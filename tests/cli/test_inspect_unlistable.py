"""A folder that may not be listed costs itself and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubman.app.inspect import inspect_paths


@pytest.mark.parametrize("named", [False, True])
def test_a_folder_that_cannot_be_listed_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """The system's refusal is played: as root every folder can be listed."""
    closed = tmp_path / "closed"
    closed.mkdir()
    (tmp_path / "empty.safetensors").write_bytes(b"")
    plain = os.listdir

    def refusing(path: str) -> list[str]:
        if os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(os, "listdir", refusing)
    records = inspect_paths([closed if named else tmp_path])
    errors = {os.path.basename(record["path"]): record["error"]["reference"] for record in records}
    assert errors == (
        {"closed": "unreadable"} if named else {"closed": "unreadable", "empty.safetensors": "empty-file"}
    )
