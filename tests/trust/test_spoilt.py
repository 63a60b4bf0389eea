"""What `verify` found spoilt does not count as having a model: not for `dupes`, `pull` or `add`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.errors import StoreError
from hubman.store.door import Store
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.trust.test_verify import rot

Call = Callable[..., Any]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def copies(ink: Path, call: Call) -> tuple[Path, Path]:
    """Two more places of the same content; the first one of all is the one that `dupes` would keep."""
    others = ink.with_name("b.safetensors"), ink.with_name("c.safetensors")
    for path in others:
        shutil.copyfile(ink, path)
    call("sync")
    return others


def kept(call: Call) -> list[list[str]]:
    return [[Path(copy["path"]).stem for copy in group["models"]] for group in call("dupes")["groups"]]


def test_a_rotten_copy_is_never_the_one_to_keep(ink: Path, call: Call) -> None:
    first, second = copies(ink, call)
    assert kept(call) == [["ink", "b", "c"]]
    rot(ink)
    call("verify", code=6)
    assert kept(call) == [["b", "c", "ink"]]
    rot(first)
    call("verify", code=6)
    (group,) = call("dupes")["groups"]
    assert [Path(copy["path"]).stem for copy in group["models"]] == ["c", "b", "ink"] or [
        Path(copy["path"]).stem for copy in group["models"]
    ] == ["c", "ink", "b"]
    assert "only one that is whole" in group["because"]
    rot(second)
    call("verify", code=6)
    assert kept(call) == []  # nothing whole is left to keep
    for path in (ink, second):
        rot(path)  # the same bit once more: as it was
    call("verify", code=6)
    assert kept(call) == [["ink", "c", "b"]]


def test_a_place_that_changed_counts_again_after_a_sync(ink: Path, call: Call) -> None:
    """What is there then is what counts from now on."""
    copies(ink, call)
    ink.write_bytes(lora_bytes(fill=9))
    os.utime(ink, (1e9, 1e9))
    call("verify", code=6)
    assert kept(call) == [["b", "c", "ink"]]
    call("sync")
    shutil.copyfile(ink, ink.with_name("d.safetensors"))
    call("sync")
    assert sorted(map(sorted, kept(call))) == [["b", "c"], ["d", "ink"]]


def test_pull_fetches_what_rotted_or_is_gone(ink: Path, call: Call, hub: TestHub) -> None:
    """Beside the spoilt one, of which nothing is overwritten."""
    model = hub.add(ink.read_bytes(), name="Ink", file_name="ink.safetensors")
    ref, whole = f"civitai:{model.id}@{model.versions[0].id}", ink.read_bytes()
    assert call("pull", ref)["pulled"][0]["outcome"] == "here"
    rot(ink)
    spoilt = ink.read_bytes()
    assert call("pull", ref)["pulled"][0]["outcome"] == "here"  # nobody has looked yet
    call("verify", code=6)
    (pulled,) = call("pull", ref)["pulled"]
    assert pulled["outcome"] == "pulled"
    assert Path(pulled["path"]).read_bytes() == whole
    assert ink.read_bytes() == spoilt
    assert call("pull", ref)["pulled"][0]["path"] == pulled["path"]
    Path(pulled["path"]).unlink()
    assert call("pull", ref)["pulled"][0]["outcome"] == "pulled"


def test_add_files_a_whole_copy_of_what_rotted(ink: Path, call: Call, tmp_path: Path) -> None:
    saved = tmp_path / "saved.safetensors"
    shutil.copyfile(ink, saved)
    os.utime(saved, (1e9, 1e9))
    assert call("add", saved.as_posix())["here"] != []
    rot(ink)
    call("verify", code=6)
    (added,) = call("add", saved.as_posix())["added"]
    assert Path(added["to"]).read_bytes() == lora_bytes()


def test_what_is_on_a_drive_that_is_away_counts(ink: Path, webui: Path, call: Call, hub: TestHub) -> None:
    model = hub.add(ink.read_bytes(), name="Ink", file_name="ink.safetensors")
    other = webui.parent / "other"
    other.mkdir()
    assert run(["roots", "add", str(other)]) == 0
    webui.rename(webui.with_name("away"))
    (answer,) = call("pull", f"civitai:{model.id}@{model.versions[0].id}")["pulled"]
    assert (answer["outcome"], answer["path"]) == ("here", str(ink))
    assert json.dumps(answer)


def test_a_library_that_cannot_be_written_now_still_answers(
    ink: Path, call: Call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `verify` found is said, and why it is not remembered."""
    rot(ink)

    def full(*_: object) -> object:
        raise StoreError("store-full", "No space is left.")

    monkeypatch.setattr(Store, "writer", full)
    capsys.readouterr()
    assert run(["verify"]) == 6
    said = capsys.readouterr()
    assert str(ink) in said.out
    assert "No space is left." in said.err
