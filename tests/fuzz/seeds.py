"""Small valid files of every container, for the fuzzers to change. Nothing but the standard library is needed."""

from __future__ import annotations

import base64
import collections
import io
import json
import pickle
import struct
import zipfile
import zlib

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


def safetensors(metadata: bool = True) -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt", "键": '{"a": 1}'}} if metadata else {}
    header["a.weight"] = {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}
    header["b"] = {"dtype": "F32", "shape": [], "data_offsets": [12, 16]}
    raw = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(16)


def gguf(version: int = 3) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    pairs = text("general.architecture") + struct.pack("<I", 8) + text("flux")
    pairs += text("general.file_type") + struct.pack("<II", 4, 2)
    pairs += text("v") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    pairs += text("n") + struct.pack("<IIQ", 9, 5, 12) + bytes(48)
    tensors = text("w") + struct.pack("<IQQIQ", 2, 32, 2, 2, 0) + text("x") + struct.pack("<IQIQ", 1, 4, 0, 64)
    head = b"GGUF" + struct.pack("<IQQ", version, 2, 4) + pairs + tensors
    return head + bytes(-len(head) % 32) + bytes(96)


def tensor_pickle(protocol: int = 2) -> bytes:
    """The object pickle of a state dict, as torch.save writes it: two tensors, a nested dict, a parameter."""

    def tensor(key: str, count: int, *shape: int) -> bytes:
        storage = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" + key.encode() + b"X\3\0\0\0cpuK"
        dims = b"(" + b"".join(b"K" + bytes([size]) for size in shape) + b"t"
        steps = b"(" + b"".join(b"K\1" for _ in shape) + b"t"
        head = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + bytes([count]) + b"tQK\0" + dims + steps
        return head + b"\x89ccollections\nOrderedDict\n)RtR"

    first = b"X\1\0\0\0a" + tensor("0", 6, 2)
    second = b"X\1\0\0\0b" + b"}X\1\0\0\0c" + tensor("1", 4, 4) + b"s"
    return b"\x80" + bytes([protocol]) + b"ccollections\nOrderedDict\nq\0)Rq\1(" + first + second + b"X\1\0\0\0sK\7u."


def torch_zip(stream: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("m/data.pkl", stream)
        archive.writestr("m/data/0", bytes(24))
        archive.writestr("m/data/1", bytes(16))
        archive.writestr("m/version", b"3\n")
    return buffer.getvalue()


def torch_legacy(stream: bytes) -> bytes:
    head = b"".join(pickle.dumps(value, 2) for value in (LEGACY_MAGIC, 1001, {"little_endian": True}))
    keys = pickle.dumps(["0", "1"], 2)
    return head + stream + keys + struct.pack("<Q", 6) + bytes(24) + struct.pack("<Q", 4) + bytes(16)


def png(*, hidden: bool) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    value = {"string_to_param": {"*": {"TORCHTENSOR": [[0.5, -0.25]]}}, "name": "n"}
    text = base64.b64encode(json.dumps(value).encode())
    rows = b"".join(bytes([kind]) + bytes([kind * 40 + 17] * 3 + [0] * 3 + [99] * 3 + [0] * 3) for kind in range(5))
    head = struct.pack(">IIBBBBB", 4, 5, 8, 2, 0, 0, 0)
    texts = chunk(b"tEXt", b"sd-ti-embedding\0" + text) + chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x"))
    parts = [chunk(b"IHDR", head), texts if hidden else b"", chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def seeds() -> dict[str, bytes]:
    """Return name -> content."""
    values = {"a": [1, 2.5, None, True, ("x", b"y")], 3: {4, 5}, "o": collections.OrderedDict(k=-(2**70))}
    stream = tensor_pickle()
    return {
        "safetensors": safetensors(),
        "safetensors-bare": safetensors(metadata=False),
        "gguf": gguf(),
        "gguf-2": gguf(2),
        "torch-zip": torch_zip(stream),
        "torch-zip-deflated": torch_zip(stream, zipfile.ZIP_DEFLATED),
        "torch-legacy": torch_legacy(stream),
        "tensor-pickle": stream,
        **{f"pickle-{protocol}": pickle.dumps(values, protocol) for protocol in range(6)},
        "nested": b"\x80\3ctorch.storage\n_load_from_bytes\nB"
        + struct.pack("<I", len(torch_legacy(stream)))
        + torch_legacy(stream)
        + b"\x85R.",
        "program": b"\x80\2cos\nsystem\nX\4\0\0\0true\x85R.",
        "png": png(hidden=False),
        "png-embedding": png(hidden=True),
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    }
