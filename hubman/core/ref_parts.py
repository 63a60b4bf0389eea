"""The parts of a reference, checked: numbers, UUIDs, repositories, words. What is none raises NoReferenceError."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from hubman.core.hub import HubRef
from hubman.core.layout import MODEL_EXTENSIONS
from hubman.errors import Phrase

_NUMBER = re.compile(r"[0-9]{1,15}")
_UUID = re.compile(r"[0-9a-f]{32}")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}")
_LONGEST_PATH = 1024

NO_OWNERS = frozenset({
    "api", "blog", "chat", "collections", "datasets", "docs", "enterprise", "explore", "inference", "join", "learn",
    "login", "models", "new", "organizations", "papers", "posts", "pricing", "settings", "spaces", "storage", "tasks",
})  # fmt: skip
"""First parts of huggingface.co's own pages, which no account has."""


class NoReferenceError(Exception):
    """This text is no reference.

    Args:
        phrase: why a page that is known leads to no model; None when it is not known at all.
        hint: the next step, a template without fields.
    """

    def __init__(self, phrase: Phrase | None = None, hint: str = "") -> None:
        self.phrase = phrase
        self.hint = hint
        self.reference = "ref-unknown" if phrase is None else "ref-no-model"
        super().__init__(self.reference)


def decoded(text: str) -> str:
    """Undo percent-encoding. What is not UTF-8 then, or is not visible, is refused."""
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise NoReferenceError from None
    if any(unicodedata.category(character) in ("Cc", "Cs", "Cf", "Zl", "Zp") for character in plain):
        raise NoReferenceError
    return plain


def number(text: str) -> str:
    """Check a number from 1 up to 15 digits and write it without leading zeros."""
    if not _NUMBER.fullmatch(text) or not int(text):
        raise NoReferenceError
    return str(int(text))


def uuid(text: str) -> str:
    """Write a UUID as LiblibAI does: 32 lower-case hex digits, no dashes."""
    plain = text.replace("-", "").lower()
    if not _UUID.fullmatch(plain):
        raise NoReferenceError
    return plain


def word(text: str, more: str = "") -> str:
    """Check a name of an identifier's characters, and of those in `more`."""
    plain = decoded(text)
    if not 0 < len(plain) <= 200 or plain.startswith(".") or plain.endswith("."):
        raise NoReferenceError
    if not all(c.isascii() and (c.isalnum() or c in "-_.+" + more) for c in plain):
        raise NoReferenceError
    return plain


def revision(text: str) -> str:
    """Check a branch, a tag or a commit (git's own rules are stricter)."""
    plain = decoded(text)
    if not 0 < len(plain) <= 250 or ".." in plain or plain.startswith(("-", "/")) or plain.endswith(("/", ".")):
        raise NoReferenceError
    if any(c.isspace() or c in "~^:?*[\\" for c in plain) or "//" in plain:
        raise NoReferenceError
    return plain


def inside(text: str) -> str:
    """Check a path in a repository: relative, POSIX, without `.` and `..`."""
    plain = decoded(text)
    parts = plain.split("/")
    if not plain or len(plain) > _LONGEST_PATH or "\\" in plain or any(part in ("", ".", "..") for part in parts):
        raise NoReferenceError
    return plain


def owned(owner: str, name: str) -> str:
    """Check `owner/name` of a repository."""
    owner, name = decoded(owner), decoded(name)
    if not _OWNER.fullmatch(owner) or not _NAME.fullmatch(name) or ".." in owner + "/" + name or name.endswith("."):
        raise NoReferenceError
    if owner.lower() in NO_OWNERS or not any(c.isalpha() for c in owner + name):
        raise NoReferenceError
    return f"{owner}/{name}"


def repository(hub: str, text: str, *, bare: bool = False) -> HubRef:
    """Read `owner/name[/path][@revision]`. An `@` or `%` of a path is written `%40`, `%25`.

    Args:
        bare: it stands there without a prefix and may be anything: a name that ends like a model file is refused.
    """
    text = re.split(r"[?#]", text, maxsplit=1)[0]
    path, at, version = text.rpartition("@") if "@" in text else (text, "", "")
    parts = path.strip("/").split("/", 2)
    if len(parts) < 2 or (bare and parts[-1].lower().endswith(tuple(MODEL_EXTENSIONS))):
        raise NoReferenceError
    model = owned(parts[0], parts[1])
    file = inside(parts[2]) if len(parts) == 3 else None
    return HubRef(hub, model, revision(version) if at else None, file)
