"""Tell a container by its first bytes. A file's extension is only what somebody claims.

The extension decides one thing: whether bytes that are no model are an error (a login page saved as `.safetensors`) or
just another file.
"""

from __future__ import annotations

import io
import pickletools
import re
from dataclasses import dataclass
from enum import StrEnum

from hubman.errors import N_

HEAD = 4096
MODEL_EXTENSIONS = frozenset(["safetensors", "sft", "ckpt", "pt", "pt2", "pth", "bin", "pkl", "gguf"])
"""What the WebUIs load as a model (ComfyUI folder_paths.py, A1111 extensions lists)."""
PICKLE_EXTENSIONS = MODEL_EXTENSIONS - {"safetensors", "sft", "gguf"}
"""What they hand to torch.load whatever is in it."""


class Guess(StrEnum):
    """What the bytes look like; the first four have a reader."""

    SAFETENSORS = "safetensors"
    PICKLE = "pickle"
    GGUF = "gguf"
    IMAGE = "image"
    EMPTY = "empty-file"
    WEB_PAGE = "web-page"
    JSON = "json-text"
    POINTER = "lfs-pointer"
    ZEROS = "zero-filled"
    ARCHIVE = "archive"
    TEXT = "text-file"
    OTHER = "unknown-format"


@dataclass(frozen=True, slots=True)
class Words:
    """How a non-model is described: as a finding, and as an error when it is named like a model."""

    finding: str
    hint: str


WORDS = {
    Guess.EMPTY: Words(N_("the file is empty"), N_("download it again")),
    Guess.WEB_PAGE: Words(
        N_("this is a web page, probably a login page saved as a model"),
        N_("log in at the hub and download it again"),
    ),
    Guess.JSON: Words(
        N_("this is JSON text, probably a hub's error message saved as a model"), N_("download it again")
    ),
    Guess.POINTER: Words(
        N_("this is a Git LFS pointer: the model itself was never fetched"), N_("fetch it with: git lfs pull")
    ),
    Guess.ZEROS: Words(N_("the file holds only zeros: space was reserved and never filled"), N_("download it again")),
    Guess.ARCHIVE: Words(N_("this is an archive, not a model"), N_("unpack it and look at what is inside")),
    Guess.TEXT: Words(N_("this is a text file"), N_("look at it with an editor")),
    Guess.OTHER: Words(N_("these bytes are no model format that hubman knows"), N_("download it again")),
}

_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"\xff\x0a", b"\0\0\0\x0cJXL ", b"BM")
_ARCHIVES = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_TORCH_TAR = (b"sys_info", b"pickle", b"storages", b"tensors")
_PAGE = re.compile(rb"\s*(<!doctype\s+html|<html|<head|<\?xml|<!--|<svg)", re.IGNORECASE)
_JSON = re.compile(rb'\s*(\{\s*("|\})|\[)')
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*\Z")


def guess(head: bytes, size: int) -> Guess:
    """Return what `head` (the first HEAD bytes of a file of `size` bytes) looks like."""
    if size == 0:
        return Guess.EMPTY
    if head.startswith(b"GGUF"):
        return Guess.GGUF
    if head.startswith(b"PK\x03\x04"):
        return Guess.PICKLE
    if _is_image(head):
        return Guess.IMAGE
    if _has_header(head):
        return Guess.SAFETENSORS
    return _guess_other(head)


def _is_image(head: bytes) -> bool:
    riff = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return riff or head[4:12] in (b"ftypavif", b"ftypavis", b"ftypheic") or head.startswith(_IMAGES)


def _has_header(head: bytes) -> bool:
    """A length and then a brace. In text all of the first eight bytes are ASCII; in a length that is never so."""
    length = head[:8]
    return head[8:9] == b"{" and (b"\0" in length or not length.isascii())


def _guess_other(head: bytes) -> Guess:
    if head.startswith(b"version https://git-lfs"):
        return Guess.POINTER
    if head.startswith(_ARCHIVES):
        return Guess.ARCHIVE
    if is_tar(head[:512]):
        return Guess.PICKLE if head[:100].rstrip(b"\0").removeprefix(b"./") in _TORCH_TAR else Guess.ARCHIVE
    if not head.strip(b"\0"):
        return Guess.ZEROS
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(text):
        return Guess.WEB_PAGE
    if _JSON.match(text) and _is_text(text):
        return Guess.JSON
    if looks_like_pickle(head):
        return Guess.PICKLE
    return Guess.TEXT if _is_text(head) else Guess.OTHER


def is_tar(block: bytes) -> bool:
    """Whether 512 bytes are the header of a tar member: its checksum agrees (the magic is missing in old ones)."""
    if len(block) < 512 or not any(block):
        return False
    try:
        checksum = int(block[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return checksum == sum(block[:148]) + 8 * 32 + sum(block[156:])


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else "\0"
    return bool(text) and all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)


def looks_like_pickle(head: bytes) -> bool:
    """Recognise a pickle of any protocol: 2 and later by their first byte, older ones by lexing the beginning."""
    if head[:1] == b"\x80" and len(head) > 1:
        return head[1] <= 5
    names = steps = 0
    try:
        for opcode, arg, _ in pickletools.genops(io.BytesIO(head)):
            steps += 1
            names += opcode.name in ("GLOBAL", "INST") and bool(_IDENTIFIER.match(str(arg)))
            if steps >= 64 or names or opcode.name == "STOP":
                return bool(names) or steps > 1
    except Exception:  # not a pickle, or one longer than the head
        return steps >= 16
    return False


def named_like_a_model(name: str) -> bool:
    """Whether the extension claims that this is a model."""
    return name.rpartition(".")[2].lower() in MODEL_EXTENSIONS


def named_like_a_pickle(name: str) -> bool:
    """Whether the extension makes a loader unpickle it."""
    return name.rpartition(".")[2].lower() in PICKLE_EXTENSIONS


def names_something(head: bytes) -> bool:
    """Whether the bytes, read as a pickle, name something to import: nearly all files break off long before that."""
    try:
        for opcode, _, _ in pickletools.genops(io.BytesIO(head)):
            if opcode.name in ("GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                return True
    except Exception:  # no pickle
        return False
    return False
