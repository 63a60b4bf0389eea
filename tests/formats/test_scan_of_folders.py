"""What `hubman scan` reads of a folder, and what a folder that is one model is judged by."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from crafted_pickles import TENSORS, payloads

from hubman import formats
from hubman.app.scan import scan_files, scan_paths
from hubman.core.types import Safety
from hubman.formats import gguf, read_header

HEADER = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
SAFETENSORS = struct.pack("<Q", len(HEADER)) + HEADER + b"x"
PROGRAM = payloads("marker")["reduce-os-system"]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A diffusers pipeline whose weights are safetensors."""
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "X", "unet": ["diffusers", "UNet"]}))
    (tmp_path / "unet/diffusion_pytorch_model.safetensors").write_bytes(SAFETENSORS)
    return tmp_path


def scanned(path: Path) -> dict[str, Safety]:
    return {os.path.relpath(entry.path, path): entry.safety for entry in scan_paths([str(path)])}


@pytest.mark.parametrize(
    ("content", "expected"),
    [(PROGRAM, Safety.UNSAFE), (b"\x80\x02}q\x00(", Safety.SUSPICIOUS), (TENSORS, Safety.NOT_APPLICABLE)],
)
def test_a_pickle_beside_the_safetensors_counts(pipeline: Path, content: bytes, expected: Safety) -> None:
    """Which of the two is loaded is the other program's choice (`use_safetensors=False`)."""
    digest = read_header(pipeline).digest
    (pipeline / "unet/diffusion_pytorch_model.bin").write_bytes(content)
    header = read_header(pipeline, isolate=False)
    assert header.safety is expected
    assert list(header.tensors) == ["unet/a"]
    assert header.digest == digest
    assert scanned(pipeline) == {".": expected}


def test_other_pickles_in_a_model_folder_are_listed(pipeline: Path) -> None:
    for name in ("unet/training_args.bin", "unet/.cache.pt", "loose.ckpt", "notes/more/x.PKL"):
        (pipeline / name).parent.mkdir(parents=True, exist_ok=True)
        (pipeline / name).write_bytes(PROGRAM)
    found = scanned(pipeline)
    assert found.pop(".") is Safety.UNSAFE  # the weights of a component
    assert found == dict.fromkeys(("unet/training_args.bin", "loose.ckpt", "notes/more/x.PKL"), Safety.UNSAFE)


def test_an_index_hides_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "m-00001-of-00001.safetensors"}})
    )
    (tmp_path / "m-00001-of-00001.safetensors").write_bytes(SAFETENSORS)
    (tmp_path / "evil.ckpt").write_bytes(PROGRAM)
    assert scanned(tmp_path) == {".": Safety.NOT_APPLICABLE, "evil.ckpt": Safety.UNSAFE}


def test_a_folder_that_cannot_be_listed_does_not_end_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "z.ckpt").write_bytes(PROGRAM)
    listed = os.listdir

    def refuse(path: Any) -> list[str]:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "listdir", refuse)
    first, second = scan_paths([str(tmp_path)])
    assert first.unopened
    assert first.path.endswith("locked")
    assert second.safety is Safety.UNSAFE


@pytest.mark.parametrize(("error", "expected"), [(PermissionError, "unsafe"), (FileNotFoundError, "not-applicable")])
def test_the_last_verdict_stands_when_the_system_refuses(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError], expected: str
) -> None:
    def refuse(path: str) -> None:
        raise error(1, "no", path)

    monkeypatch.setattr(formats, "read_header", refuse)
    file: Any = SimpleNamespace(path="/x/evil.ckpt", id="1", name="evil", safety="unsafe")
    (entry,) = scan_files([file], lambda: None)
    assert entry.safety == expected
    assert entry.unopened


def test_a_gguf_cannot_be_made_of_empty_texts_alone(tmp_path: Path) -> None:
    """Eight zeros are a text; the whole file has so many of them, however many arrays they stand in."""
    count = gguf.MAX_STRINGS // 2 - 1
    pairs = b"".join(
        struct.pack("<Q", 1) + key + struct.pack("<IIQ", 9, 8, count) + bytes(8 * count) for key in (b"a", b"b", b"c")
    )
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 3) + pairs)
    with pytest.raises(formats.IntegrityError) as caught:
        read_header(path)
    assert caught.value.reference == "gguf-header"
