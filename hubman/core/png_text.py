"""Text in PNG files, by their bytes: read, replace, and a seal that tells whether somebody changed the picture since.

PNG (W3C, third edition): 8 bytes of signature, then chunks of length, type, data, CRC-32. Text is `tEXt` (Latin-1),
`zTXt` (deflated) or `iTXt` (UTF-8). A1111 reads `parameters` from any of the three.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Mapping

SIGNATURE = b"\x89PNG\r\n\x1a\n"
OWN_KEY = "hubman"
"""The text chunk with hubman's own JSON; its `seal` is over everything else in the file."""

MOST_TEXT = 4 << 20
"""Bytes that one compressed text may have when it is unpacked."""


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, data) of each chunk; ValueError when it is no whole PNG."""
    if not data.startswith(SIGNATURE):
        raise ValueError("no PNG signature")
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if len(body) != length:
            raise ValueError("cut off")
        yield kind, body
        at += 12 + length
        if kind == b"IEND":
            return
    raise ValueError("no end")


def _packed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def read_texts(data: bytes) -> dict[str, str]:
    """Return keyword -> text of a PNG; {} where it is none. Of a keyword that is there twice the first counts."""
    found: dict[str, str] = {}
    try:
        for kind, body in chunks(data):
            entry = _text_of(kind, body)
            if entry is not None:
                found.setdefault(*entry)
    except ValueError:
        return {}
    return found


def _text_of(kind: bytes, body: bytes) -> tuple[str, str] | None:
    key, _, rest = body.partition(b"\0")
    try:
        if kind == b"tEXt":
            return key.decode("latin-1"), rest.decode("latin-1")
        if kind == b"zTXt":
            return key.decode("latin-1"), _inflated(rest[1:]).decode("latin-1")
        if kind == b"iTXt" and len(rest) >= 2:
            packed, text = rest[0], rest[2:].split(b"\0", 2)[2]
            return key.decode("latin-1"), (_inflated(text) if packed else text).decode("utf-8")
    except (ValueError, IndexError, zlib.error):
        return None
    return None


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, MOST_TEXT)


def with_texts(data: bytes, texts: Mapping[str, str], own: Mapping[str, object]) -> bytes:
    """Return a PNG with these texts in place of all it has, and hubman's JSON with the seal.

    Raises:
        ValueError: it is no PNG.
    """
    kept = [(kind, body) for kind, body in chunks(data) if kind not in (b"tEXt", b"zTXt", b"iTXt")]
    head, tail = kept[:1], kept[1:]
    written = [_text_chunk(key, text) for key, text in texts.items()]
    seal = _seal([*head, *written, *tail])
    record = json.dumps({**own, "seal": seal}, ensure_ascii=False, sort_keys=True)
    everything = [*head, *written, _text_chunk(OWN_KEY, record), *tail]
    return SIGNATURE + b"".join(_packed(kind, body) for kind, body in everything)


def _text_chunk(key: str, text: str) -> tuple[bytes, bytes]:
    if text.isascii():
        return b"tEXt", key.encode("latin-1") + b"\0" + text.encode("ascii")
    return b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8", "replace")


def _seal(parts: list[tuple[bytes, bytes]]) -> str:
    digest = hashlib.sha256()
    for kind, body in parts:
        digest.update(struct.pack(">I", len(body)) + kind + body)
    return digest.hexdigest()


def own_record(data: bytes) -> dict[str, object] | None:
    """Return hubman's JSON in a picture that hubman made and nobody changed since; None for any other picture."""
    try:
        parts = list(chunks(data))
        record = json.loads(read_texts(data).get(OWN_KEY, "null"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    rest = [(kind, body) for kind, body in parts if (_text_of(kind, body) or ("",))[0] != OWN_KEY]
    return record if record.get("seal") == _seal(rest) else None
