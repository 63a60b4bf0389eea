"""Containers are told by bytes; every rule of the safetensors specification is checked."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubman import formats
from hubman.core.types import Format, Safety, TensorInfo
from hubman.errors import IntegrityError
from hubman.formats import read_header, safetensors

ONE = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}


def packed(header: object | bytes, data: int = 24) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(data)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_header_is_read(tmp_path: Path) -> None:
    content = packed({"__metadata__": {"k": "é"}, **ONE})
    header = read_header(write(tmp_path / "named.ckpt", content))
    assert header.format is Format.SAFETENSORS
    assert header.tensors == {"a": TensorInfo((2, 3), "F32")}
    assert header.metadata == {"k": "é"}
    assert header.safety is Safety.NOT_APPLICABLE
    assert len(header.digest) == 32
    assert safetensors.data_offset(tmp_path / "named.ckpt") == len(content) - 24


def test_the_same_header_has_the_same_digest(tmp_path: Path) -> None:
    one = read_header(write(tmp_path / "a.safetensors", packed(ONE)))
    assert one.digest == read_header(write(tmp_path / "b", packed(ONE))).digest
    assert one.digest != read_header(write(tmp_path / "c", packed({"b": ONE["a"]}))).digest


@pytest.mark.parametrize(("dtype", "size"), [("F4", 3), ("F6_E2M3", 3), ("F8_E4M3", 6), ("BF16", 12), ("C64", 48)])
def test_dtypes_of_any_width(tmp_path: Path, dtype: str, size: int) -> None:
    shape = [2, 3] if dtype != "F6_E2M3" else [4]
    entry = {"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}
    assert read_header(write(tmp_path / "x", packed(entry, size))).tensors["a"].dtype == dtype


def tensor(**changes: object) -> dict[str, object]:
    return {"a": {**ONE["a"], **changes}}


def two(second: list[int], first: list[int] | None = None) -> dict[str, object]:
    return {
        "a": {"dtype": "U8", "shape": [12], "data_offsets": first or [0, 12]},
        "b": {"dtype": "U8", "shape": [12], "data_offsets": second},
    }


INVALID: dict[str, bytes] = {
    "a hole": packed(two([13, 25]), 25),
    "an overlap": packed(two([6, 18]), 18),
    "the same range": packed(two([0, 12]), 12),
    "a hole at the start": packed(two([12, 24], [1, 13]), 24),
    "end before begin": packed(tensor(data_offsets=[24, 0])),
    "negative offsets": packed(tensor(data_offsets=[-24, 0])),
    "another size": packed(tensor(shape=[2, 4])),
    "overflow": packed(tensor(shape=[2**62, 2**62, 0], data_offsets=[0, 0]), 0),
    "unknown dtype": packed(tensor(dtype="F31")),
    "half a byte": packed(tensor(dtype="F4", shape=[3], data_offsets=[0, 1]), 1),
    "no dtype": packed({"a": {"shape": [6], "data_offsets": [0, 24]}}),
    "three offsets": packed(tensor(data_offsets=[0, 24, 24])),
    "float offsets": packed(tensor(data_offsets=[0.0, 24.0])),
    "exponent": packed(json.dumps(ONE).replace("24]", "24e0]").encode()),
    "bool shape": packed(tensor(shape=[True, 6])),
    "a big number": packed(json.dumps(ONE).replace("24]", "9" * 400 + "]").encode()),
    "NaN": packed(json.dumps(ONE).replace("24]", "NaN]").encode()),
    "duplicate tensors": packed(
        b'{"a":' + json.dumps(ONE["a"]).encode() + b',"a":' + json.dumps(ONE["a"]).encode() + b"}"
    ),
    "duplicate metadata": packed(b'{"__metadata__":{"k":"1","k":"2"},"a":' + json.dumps(ONE["a"]).encode() + b"}"),
    "metadata of numbers": packed({"__metadata__": {"k": 1}, **ONE}),
    "metadata as a list": packed({"__metadata__": ["k"], **ONE}),
    "a lone surrogate": packed(json.dumps({"\ud800": ONE["a"]}).encode()),
    "bad UTF-8": packed(b'{"\xff":' + json.dumps(ONE["a"]).encode() + b"}"),
    "a NUL at the end": packed(json.dumps(ONE).encode() + b"\0"),
    "a new line at the end": packed(json.dumps(ONE).encode() + b" x"),
    "deep": packed(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "a long name": packed({"n" * 2000: ONE["a"]}),
    "too much metadata": packed({"__metadata__": {"k": "x" * (17 << 20)}, **ONE}),
    "too many tensors": packed(
        json.dumps(
            {str(n): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for n in range(200_001)},
            separators=(",", ":"),
        ).encode(),
        0,
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_header_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        read_header(write(tmp_path / "x.safetensors", INVALID[name]))
    assert caught.value.reference == "safetensors-header"
    assert "x.safetensors" in str(caught.value)


@pytest.mark.parametrize("name", INVALID)
def test_the_reference_implementation_agrees_or_is_laxer(tmp_path: Path, name: str) -> None:
    """What we refuse and the library reads is listed: the specification forbids it or our caps do."""
    reference = pytest.importorskip("safetensors")
    laxer = {"duplicate tensors", "duplicate metadata", "a long name", "too much metadata", "too many tensors"}
    path = write(tmp_path / "x.safetensors", INVALID[name])
    if name in laxer:
        return
    with pytest.raises(Exception), reference.safe_open(path, "np") as opened:  # noqa: B017
        opened.keys()


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 40, -1, -24])
def test_every_truncation_is_an_error(tmp_path: Path, cut: int) -> None:
    content = packed(ONE)
    with pytest.raises(IntegrityError) as caught:
        read_header(write(tmp_path / "x.safetensors", content[:cut]))
    assert caught.value.reference in ("safetensors-truncated", "empty-file", "safetensors-header")


def test_a_cut_tail_says_how_much_is_missing(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        read_header(write(tmp_path / "x.safetensors", packed(ONE)[:-10]))
    assert caught.value.reference == "safetensors-truncated"
    assert "10 bytes" in str(caught.value)


def test_extra_bytes_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        read_header(write(tmp_path / "x.safetensors", packed(ONE) + b"12345"))
    assert caught.value.reference == "safetensors-trailing"


@pytest.mark.parametrize("length", [0, 1, 100_000_001, 2**63, 2**64 - 1])
def test_impossible_header_lengths(tmp_path: Path, length: int) -> None:
    with pytest.raises(IntegrityError):
        read_header(write(tmp_path / "x.safetensors", struct.pack("<Q", length) + b"{}"))


NOT_MODELS: dict[str, tuple[bytes, str, str]] = {
    "html": (b"<!DOCTYPE html><html><body>Log in</body></html>", "web-page", "html-page"),
    "html after a BOM": (b"\xef\xbb\xbf\n <HTML><body>", "web-page", "html-page"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "web-page", "html-page"),
    "json": (b'{"error": "Unauthorized", "message": "log in"}', "web-page", "json-text"),
    "pretty json": (b'{\n  "error": "Unauthorized"\n}', "web-page", "json-text"),
    "eight blanks": (b'        {"error": "x"}', "web-page", "json-text"),
    "lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "lfs-pointer",
        "lfs-pointer",
    ),
    "zeros": (bytes(5000), "zero-filled", "zero-filled"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(50), "archive", "archive"),
    "text": (b"(hello world) this is a note\n", "not-a-model", "text-file"),
    "a note": ("给模型的说明，你好".encode(), "not-a-model", "text-file"),
    "noise": (bytes(range(255, 0, -1)) * 3, "not-a-model", "unknown-format"),
}


@pytest.mark.parametrize("name", NOT_MODELS)
def test_what_is_no_model_is_an_error_only_when_named_like_one(tmp_path: Path, name: str) -> None:
    content, error, finding = NOT_MODELS[name]
    with pytest.raises(IntegrityError) as caught:
        read_header(write(tmp_path / "model.ckpt", content))
    assert caught.value.reference == error
    header = read_header(write(tmp_path / "notes.txt", content))
    assert header.format is Format.UNKNOWN
    assert [found.reference for found in header.findings] == [finding]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n....", b"\xff\xd8\xff\xe0....", b"RIFF....WEBPVP8 "])
def test_pictures_are_pictures(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "x.safetensors", content)
    assert read_header(path).format is Format.IMAGE
    assert formats.container(path) is Format.IMAGE


def test_an_empty_file_is_an_error_under_any_name(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        read_header(write(tmp_path / "x.anything", b""))
    assert caught.value.reference == "empty-file"


def test_an_absent_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "absent.safetensors")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.safetensors")
    with pytest.raises(IntegrityError) as caught:
        read_header(tmp_path / "x.safetensors")
    assert caught.value.reference == "not-a-file"


# --- GGUF ------------------------------------------------------------------------------------------------------------
def gguf(
    pairs: bytes = b"", count: int = 0, tensors: bytes = b"", number: int = 0, data: int = 0, version: int = 3
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, number, count) + pairs + tensors
    return head + bytes(-len(head) % 32) + bytes(data)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


TENSOR = text("w") + struct.pack("<IQQIQ", 2, 64, 4, 1, 0)


def test_a_gguf_header_is_read_with_shapes_turned_round(tmp_path: Path) -> None:
    pair = text("general.architecture") + struct.pack("<I", 8) + text("sd1")
    header = read_header(write(tmp_path / "x", gguf(pair, 1, TENSOR, 1, 512)))
    assert header.format is Format.GGUF
    assert header.tensors == {"w": TensorInfo((4, 64), "F16")}
    assert header.metadata == {"general.architecture": "sd1"}


@pytest.mark.parametrize(
    "content",
    [
        gguf(b"", 0, TENSOR, 1, 511),
        gguf(version=1),
        gguf(number=1 << 40),
        gguf(count=1 << 40),
        gguf(text("k") + struct.pack("<IIQ", 9, 4, 1 << 40), 1),
        gguf(text("k") + struct.pack("<IQ", 8, 1 << 50), 1),
        gguf(text("k") + struct.pack("<IIQ", 9, 9, 1), 1),
        gguf(text("general.alignment") + struct.pack("<II", 4, 3), 1),
        gguf(b"", 0, TENSOR + TENSOR, 2, 512),
        gguf(b"", 0, text("w") + struct.pack("<I", 9), 1),
        gguf()[:10],
    ],
)
def test_malformed_gguf_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(IntegrityError) as caught:
        read_header(write(tmp_path / "x.gguf", content))
    assert caught.value.reference.startswith("gguf-")


STRING_PAIR = struct.pack("<I", 8)


def shaped(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    dims = b"".join(struct.pack("<Q", length) for length in reversed(shape))
    return text(name) + struct.pack("<I", len(shape)) + dims + struct.pack("<IQ", kind, offset)


@pytest.mark.parametrize(
    ("content", "reference", "words"),
    [
        (gguf(b"", 0, shaped("a", (8,)) + shaped("b", (8,)), 2, 64), "gguf-header", "overlap"),
        (gguf(b"", 0, shaped("a", (8,), 0, 4), 1, 64), "gguf-header", "not where it may be"),
        (gguf(b"", 0, shaped("a", (8,)), 1, 31), "gguf-truncated", "1 bytes too early"),
        (gguf(b"", 0, shaped("a", (1 << 40, 1 << 40)), 1, 64), "gguf-header", "memory"),
        (gguf(b"", 0, shaped("a", (8,), 0, 1 << 62), 1, 64), "gguf-truncated", "too early"),
        (gguf(b"", 0, shaped("a", (1,) * 9), 1, 64), "gguf-header", "dimensions"),
        (gguf(b"", 0, shaped("a", (8,), 99), 1, 64), "gguf-header", "unknown type"),
        (gguf(version=1), "gguf-unsupported", "version 1"),
        (gguf(version=4), "gguf-unsupported", "version 4"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "gguf-unsupported", "big-endian"),
        (b"GGUF" + struct.pack(">IQQ", 2, 0, 0), "gguf-unsupported", "big-endian"),
        (gguf(text("general.alignment") + STRING_PAIR + text("²"), 1), "gguf-header", "power of two"),
        (gguf(text("general.alignment") + STRING_PAIR + text("0"), 1), "gguf-header", "power of two"),
        (gguf(text("k") + struct.pack("<IB", 7, 1) + text("k") + struct.pack("<IB", 7, 1), 2), "gguf-header", "twice"),
        (gguf(text("k") + struct.pack("<IIQ", 9, 8, 3), 1), "gguf-truncated", "too early"),
        (gguf(text("k") + STRING_PAIR + struct.pack("<Q", 17 << 20) + bytes(18 << 20), 1), "gguf-header", "too long"),
    ],
)
def test_what_is_wrong_with_a_gguf_is_said(tmp_path: Path, content: bytes, reference: str, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(IntegrityError) as caught:
        read_header(write(tmp_path / "x.gguf", content))
    assert (caught.value.reference, words in str(caught.value)) == (reference, True), str(caught.value)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("stored", "told", "expected"),
    [
        ((12,), "3, 4", (3, 4)),
        ((12,), "[2, 3, 2]", (2, 3, 2)),
        ((12,), "5, 5", (12,)),
        ((12,), "²", (12,)),
        ((12,), "1" * 500, (12,)),
        ((3, 4), "", (3, 4)),
    ],
)
def test_the_original_shape_counts_when_it_fits(
    tmp_path: Path, stored: tuple[int, ...], told: str, expected: tuple[int, ...]
) -> None:
    pairs = text("comfy.gguf.orig_shape.w") + STRING_PAIR + text(told)
    pairs += text("general.architecture") + STRING_PAIR + text("flux")
    header = read_header(write(tmp_path / "x.gguf", gguf(pairs, 2, shaped("w", stored), 1, 64)))
    assert header.tensors["w"].shape == expected
    assert header.metadata["general.architecture"] == "flux"


def test_quantised_types_have_ggmls_names(tmp_path: Path) -> None:
    tensors = shaped("a", (2, 256), 12) + shaped("b", (256,), 30, 288) + shaped("c", (0,), 1, 800)
    header = read_header(write(tmp_path / "x.gguf", gguf(b"", 0, tensors, 3, 800)))
    assert {name: info.dtype for name, info in header.tensors.items()} == {"a": "Q4_K", "b": "BF16", "c": "F16"}


# --- any bytes -------------------------------------------------------------------------------------------------------
def _seeds() -> list[bytes]:
    from crafted_pickles import TENSORS, as_legacy, as_zip, payloads

    crafted = payloads("m")
    return [
        packed({"__metadata__": {"k": "v"}, **ONE}),
        as_zip(TENSORS),
        as_legacy(TENSORS),
        crafted["protocol-0"],
        crafted["stack-global-memoised"],
        gguf(text("k") + struct.pack("<I", 8) + text("v"), 1, TENSOR, 1, 512),
    ]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_only_our_error_escapes_from_mutated_files(tmp_path: Path, data: st.DataObject) -> None:
    seed = bytearray(data.draw(st.sampled_from(_seeds())))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(seed) - 1))
        change = data.draw(st.sampled_from(["set", "cut", "insert"]))
        if change == "set":
            seed[at] = data.draw(st.integers(0, 255))
        elif change == "insert":
            seed[at:at] = data.draw(st.binary(min_size=1, max_size=4))
        else:
            del seed[at : at + data.draw(st.integers(1, 8))]
        seed = seed or bytearray(b"x")
    path = write(tmp_path / data.draw(st.sampled_from(["x.ckpt", "x", "x.safetensors"])), bytes(seed))
    check: Callable[[], object] = lambda: read_header(path, isolate=False)  # noqa: E731
    try:
        check()
    except (IntegrityError, OSError):
        return
