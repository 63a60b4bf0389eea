"""Embeddings that hide in pictures, written here by another hand than the reader's, and pictures made to do harm."""

from __future__ import annotations

import base64
import builtins
import json
import os
import random
import struct
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from hubman.core.types import Format, Header, Safety, TensorInfo
from hubman.formats import _png, image, read_header

MAGIC = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(row: bytes, above: bytes, step: int, kind: int) -> bytes:
    """Apply one PNG filter (the specification's table 6, written from the encoder's side)."""
    out = bytearray([kind])
    for index, value in enumerate(row):
        a = row[index - step] if index >= step else 0
        b = above[index]
        c = above[index - step] if index >= step else 0
        estimate = a + b - c
        nearest = min((abs(estimate - a), 0, a), (abs(estimate - b), 1, b), (abs(estimate - c), 2, c))[2]
        out.append((value - (0, a, b, (a + b) // 2, nearest)[kind]) & 0xFF)
    return bytes(out)


def png(rows: Sequence[bytes], channels: int, texts: bytes = b"", kinds: Sequence[int] = (0, 1, 2, 3, 4)) -> bytes:
    head = struct.pack(">IIBBBBB", len(rows[0]) // channels, len(rows), 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    above = bytes(len(rows[0]))
    packed = b""
    for number, row in enumerate(rows):
        packed += filtered(row, above, channels, kinds[number % len(kinds)])
        above = row
    data = zlib.compress(packed)
    middle = len(data) // 2
    parts = chunk(b"IDAT", data[:middle]) + chunk(b"IDAT", data[middle:])
    return MAGIC + chunk(b"IHDR", head) + texts + parts + chunk(b"IEND", b"")


def noise(width: int, height: int, channels: int, seed: int = 1) -> list[bytes]:
    source = random.Random(seed)
    return [bytes(source.randrange(16, 256) | 1 for _ in range(width * channels)) for _ in range(height)]


def embedding(vectors: int = 2, width: int = 768) -> dict[str, object]:
    source = random.Random(7)
    numbers = [[source.uniform(-0.05, 0.05) for _ in range(width)] for _ in range(vectors)]
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": {"TORCHTENSOR": numbers}},
        "name": "墨风",
        "step": 400,
        "sd_checkpoint": "4bdfc29c",
        "sd_checkpoint_name": "v1-5-pruned",
    }


def as_text(value: object) -> bytes:
    return base64.b64encode(json.dumps(value).encode())


def hidden(value: object, channels: int = 3, height: int = 64, width: int = 40) -> list[bytes]:
    """Lay the two halves of the compressed bytes beside a picture, as a writer would."""
    data = zlib.compress(json.dumps(value).encode(), 9)
    per_row = 3 * (-(-len(data) // (3 * height)) + 1)
    data = (data * 2 + bytes(per_row * height))[: per_row * height]
    state, rows = 0, []
    source = random.Random(3)
    picture = noise(width, height, 3)
    for y in range(height):
        left, right = bytearray(), bytearray()
        for byte in data[y * per_row : (y + 1) * per_row]:
            state = (1664525 * state + 1013904223) & 0xFFFFFFFF
            key = (state % 255) & 15
            left.append(source.randrange(1, 16) << 4 | (byte & 15) ^ key)
            right.append(source.randrange(1, 16) << 4 | (byte >> 4) ^ key)
        rows.append(bytes(left) + bytes(3) + picture[y] + bytes(3) + bytes(right))
    if channels == 3:
        return rows
    return [b"".join(row[i : i + 3] + b"\xff" for i in range(0, len(row), 3)) for row in rows]


def write(folder: Path, content: bytes, name: str = "x.png") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def is_the_embedding(header: Header) -> None:
    assert header.format is Format.IMAGE
    assert header.safety is Safety.NOT_APPLICABLE
    assert header.tensors == {"string_to_param.*": TensorInfo((2, 768), "F32")}
    assert isinstance(header.tree, dict)
    assert header.tree["string_to_param"] == {"*": TensorInfo((2, 768), "F32")}
    assert (header.tree["name"], header.tree["step"]) == ("墨风", 400)
    assert [finding.reference for finding in header.findings] == ["image-embedding"]
    assert header.digest


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXt packed"])
def test_an_embedding_in_a_text_chunk(tmp_path: Path, kind: str) -> None:
    text, keyword = as_text(embedding()), b"sd-ti-embedding\0"
    content = {
        "tEXt": keyword + text,
        "zTXt": keyword + b"\0" + zlib.compress(text),
        "iTXt": keyword + b"\0\0en\0\0" + text,
        "iTXt packed": keyword + b"\1\0\0\0" + zlib.compress(text),
    }[kind]
    other = chunk(b"tEXt", b"parameters\0a castle")
    texts = other + chunk(kind[:4].encode(), content)
    is_the_embedding(read_header(write(tmp_path, png(noise(8, 8, 3), 3, texts))))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kinds", [(0,), (1,), (2,), (3,), (4,), (4, 0, 3, 1, 2)])
def test_an_embedding_in_the_colours(tmp_path: Path, channels: int, kinds: tuple[int, ...]) -> None:
    is_the_embedding(read_header(write(tmp_path, png(hidden(embedding(), channels), channels, kinds=kinds))))


def test_an_embedding_in_a_lossless_webp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = pytest.importorskip("PIL.Image")
    rows = hidden(embedding())
    picture = pictures.frombytes("RGB", (len(rows[0]) // 3, len(rows)), b"".join(rows))
    path = tmp_path / "x.webp"
    picture.save(path, lossless=True, quality=100)
    is_the_embedding(read_header(path))
    picture.save(tmp_path / "lossy.webp", quality=80)
    assert read_header(tmp_path / "lossy.webp").findings == ()
    (tmp_path / "cut.webp").write_bytes(path.read_bytes()[:500])
    assert [finding.reference for finding in read_header(tmp_path / "cut.webp").findings] == ["image-unreadable"]

    importing = builtins.__import__

    def without_pillow(name: str, *args: object, **kwargs: object) -> object:
        if name == "PIL":
            raise ImportError(name)
        return importing(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_pillow)
    header = read_header(path)
    assert [finding.reference for finding in header.findings] == ["image-unsupported"]
    assert "pip install pillow" in header.findings[0].message


def test_ordinary_pictures_hold_nothing(tmp_path: Path) -> None:
    bordered = [bytes(30) + row + bytes(30) for row in noise(40, 40, 3)]
    striped = [row[:30] + bytes(3) + row[30:60] + bytes(3) + row[60:] for row in noise(40, 40, 3)]
    black = [bytes(90)] * 30
    for number, rows in enumerate((noise(30, 30, 3), bordered, striped, black, [bytes(30), *noise(10, 10, 3)])):
        header = read_header(write(tmp_path, png(rows, 3), f"{number}.png"))
        assert (header.tensors, header.tree, header.findings) == ({}, None, ())
    sixteen = bytearray(png(noise(30, 30, 3), 3))
    sixteen[24] = 16
    assert read_header(write(tmp_path, bytes(sixteen))).tensors == {}


@pytest.mark.parametrize(
    "value",
    [
        [1],
        {"string_to_param": {"*": {"TORCHTENSOR": [[1, 2], [3]]}}},
        {"string_to_param": {"*": {"TORCHTENSOR": [["a"]]}}},
        {"string_to_param": {"*": {"TORCHTENSOR": [True]}}},
        {"name": "no tensor"},
        {"TORCHTENSOR": [1.0]},
        {"a": {"TORCHTENSOR": [[[[[[[[[[1]]]]]]]]]]}},
    ],
)
def test_a_damaged_embedding_is_said_to_be_damaged(tmp_path: Path, value: object) -> None:
    header = read_header(write(tmp_path, png(noise(8, 8, 3), 3, chunk(b"tEXt", b"sd-ti-embedding\0" + as_text(value)))))
    assert header.tensors == {}
    assert [finding.reference for finding in header.findings] == ["image-embedding-broken"]


def test_a_scalar_and_an_empty_tensor_have_their_shapes(tmp_path: Path) -> None:
    value = {"a": {"TORCHTENSOR": 1.5}, "b": {"TORCHTENSOR": []}, "c": [{"TORCHTENSOR": [1, 2]}]}
    content = png(noise(8, 8, 3), 3, chunk(b"tEXt", b"sd-ti-embedding\0" + as_text(value)))
    shapes = {name: info.shape for name, info in read_header(write(tmp_path, content)).tensors.items()}
    assert shapes == {"a": (), "b": (0,), "c.0": (2,)}


def huge(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return MAGIC + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


HARMFUL = {
    "50,000 pixels on a side": huge(50_000, 50_000),
    "no pixels": huge(0, 5),
    "cut": png(noise(8, 8, 3), 3)[:60],
    "a chunk longer than the file": MAGIC + struct.pack(">I4s", 1 << 31, b"IHDR") + b"x" * 50,
    "text without end": MAGIC
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    + chunk(b"tEXt", b"k\0" + b"x" * (70 << 20))
    + chunk(b"IEND", b""),
    "many chunks": MAGIC + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + chunk(b"tIME", b"") * 100_001,
    "no header": MAGIC + chunk(b"IDAT", b""),
    "nothing": MAGIC,
}


@pytest.mark.parametrize("name", HARMFUL)
def test_pictures_made_to_do_harm_are_refused_at_once(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, HARMFUL[name])
    started = time.monotonic()
    header = read_header(path)
    assert time.monotonic() - started < 2
    assert header.format is Format.IMAGE
    assert [finding.reference for finding in header.findings] == ["image-unreadable"]


def test_a_text_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(200 << 20), 9)
    content = png(noise(8, 8, 3), 3, chunk(b"zTXt", b"sd-ti-embedding\0\0" + bomb))
    started = time.monotonic()
    assert read_header(write(tmp_path, content)).tensors == {}
    assert time.monotonic() - started < 2


def test_a_pixel_bomb_is_not_unpacked(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 2048, 2048, 8, 2, 0, 0, 0)
    bomb = zlib.compress(bytes(300 << 20), 9)
    content = MAGIC + chunk(b"IHDR", head) + chunk(b"IDAT", bomb) + chunk(b"IEND", b"")
    started = time.monotonic()
    assert read_header(write(tmp_path, content)).tensors == {}
    assert time.monotonic() - started < 20


def test_what_follows_the_picture_is_told(tmp_path: Path) -> None:
    header = read_header(write(tmp_path, png(noise(8, 8, 3), 3) + b"<html><script>"))
    assert [finding.reference for finding in header.findings] == ["image-odd"]


@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_are_what_was_written(tmp_path: Path, channels: int) -> None:
    rows = [os.urandom(17 * channels) for _ in range(23)]
    with open(write(tmp_path, png(rows, channels, kinds=(4, 3, 2, 1, 0, 4, 4, 3))), "rb") as file:
        pixels = _png.read_png(file, image.KEYWORD).pixels()
    assert pixels is not None
    assert pixels.data == b"".join(rows)


def test_a_filter_that_does_not_exist_is_damage(tmp_path: Path) -> None:
    packed = zlib.compress(bytes([9]) + bytes(9 * 3))
    head = struct.pack(">IIBBBBB", 9, 1, 8, 2, 0, 0, 0)
    content = MAGIC + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    with open(write(tmp_path, content), "rb") as file:
        picture = _png.read_png(file, image.KEYWORD)
    with pytest.raises(_png.PngError):
        picture.pixels()
