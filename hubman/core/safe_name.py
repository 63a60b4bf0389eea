"""A stranger's name -> a file name that is safe on Linux, macOS and Windows, and that every scan lists.

pathvalidate knows the characters and devices of the three systems. It lets through `.` and `..`, hidden names,
`aux .pt`, `conin$`, names that turn the direction of reading, and endings that a system runs; and it cuts a long name
through its ending (measured with 3.3.1). Those rules are here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import NewType

from pathvalidate import sanitize_filename
from pathvalidate.handler import ReservedNameHandler

from hubman.core.layout import MODEL_EXTENSIONS, TEMPORARY_PREFIXES, TEMPORARY_SUFFIXES

SafeName = NewType("SafeName", str)
"""One component of a path, NFC, that ends like a model."""

STEM_ROOM = 180
"""Bytes of a name before its ending. With ` (99)`, the longest sidecar's ending (`.description.txt`), `.part.json` and
what a trash puts around a name it stays under the 255 bytes of a file system."""

USUAL_ENDING = ".safetensors"

_OTHER_ENDINGS = frozenset({
    ".exe", ".com", ".scr", ".bat", ".cmd", ".ps1", ".psm1", ".vbs", ".vbe", ".js", ".jse", ".mjs", ".wsf", ".wsh",
    ".msi", ".msix", ".msp", ".dll", ".lnk", ".url", ".pif", ".hta", ".cpl", ".jar", ".reg", ".inf", ".ini", ".scf",
    ".sh", ".bash", ".zsh", ".command", ".app", ".desktop", ".py", ".pyc", ".pyw", ".pyz", ".so", ".dylib", ".apk",
    ".deb", ".rpm", ".iso", ".img", ".dmg", ".html", ".htm", ".xhtml", ".svg", ".php", ".asp", ".aspx", ".pdf",
    ".doc", ".docx", ".docm", ".xls", ".xlsm", ".zip", ".rar", ".7z", ".tar", ".gz", ".bz2", ".xz", ".zst", ".tgz",
    ".txt", ".md", ".json", ".yaml", ".yml", ".info", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".webm",
    ".onnx",
    *TEMPORARY_SUFFIXES,
})  # fmt: skip
"""Endings that are no model's and mean something to a system, a browser or a program. They go; `v1.5` stays."""

DEVICES = frozenset({
    "con", "prn", "aux", "nul", "conin$", "conout$", "clock$",
    *(f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"),
})  # fmt: skip
_INVISIBLE = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0\ufffe\uffff")
"""Letters and symbols by their category, and nothing on a screen."""
_EDGES = " .\u3000"
_LEADING = _EDGES + "~-"


def safe_name(name: str, *, ending: str | None = None, fallback: str = "model") -> SafeName:
    """Make a name safe: one visible component, at most 255 bytes with everything that is ever put beside it.

    Args:
        ending: what the file's bytes ask for (`.safetensors`); None: the name's own where that is a model's.
        fallback: the stem when nothing of the name remains.

    The result is a fixed point: made safe again it stays as it is.
    """
    stem, own = _parted(_last(name))
    stem = _stem(stem) or _stem(_parted(_last(fallback))[0]) or "model"
    return SafeName(stem + (_checked(ending) if ending else own or USUAL_ENDING))


def free_name(name: SafeName, taken: Collection[str]) -> SafeName:
    """Return the name, or with ` (2)`, ` (3)`, ... before its ending the first that is nobody's.

    Args:
        taken: names in the folder. Such names count as equal as are one name on macOS or Windows (NFC, no case).
    """
    used = {_folded(other) for other in taken}
    stem, _, ending = name.rpartition(".")
    free, number = name, 2
    while _folded(free) in used:
        free, number = SafeName(f"{stem} ({number}).{ending}"), number + 1
    return free


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _checked(ending: str) -> str:
    lower = "." + ending.lower().lstrip(".")
    if lower not in MODEL_EXTENSIONS:
        raise ValueError(f"no model ends with {ending!r}")
    return lower


def _last(name: str) -> str:
    """Return the last component of a path of any system, without a drive."""
    last = _visible(name).replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    drive = len(last) >= 2 and last[1] == ":" and last[0].isascii() and last[0].isalpha()
    return last[2:] if drive else last


def _visible(text: str) -> str:
    """Return NFC without what cannot be seen or turns the direction of reading; white space becomes a blank."""
    kept = []
    for character in text.replace("\r\n", "\n"):
        category = unicodedata.category(character)
        if character in "\t\r\n" or category in ("Zl", "Zp") or (category == "Zs" and character != "\u3000"):
            kept.append(" ")
        elif category not in ("Cc", "Cf", "Cs", "Co") and character not in _INVISIBLE:
            kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


def _parted(name: str) -> tuple[str, str | None]:
    """Part a name into stem and a model's ending (None where it has none): `x.safetensors.exe` -> x, .safetensors."""
    own, stem = None, name.rstrip(_EDGES)
    while True:
        dot = stem.rfind(".")
        last = stem[dot:].lower().rstrip() if dot >= 0 else ""
        if last in MODEL_EXTENSIONS:
            own = own or last
        elif last not in _OTHER_ENDINGS:
            return stem, own
        stem = stem[:dot].rstrip(_EDGES)


def _stem(text: str) -> str:
    """Make a stem safe, "" where nothing remains of it. A rule may make room for another: they run until all hold."""
    before = None
    while text != before:
        before = text
        text = sanitize_filename(
            text,
            replacement_text="_",
            platform="universal",
            max_len=4096,
            reserved_name_handler=ReservedNameHandler.as_is,
        )
        text = text.lstrip(_LEADING).rstrip(_EDGES)
        lower = text.lower()
        text = text[next((len(start) for start in TEMPORARY_PREFIXES if lower.startswith(start)), 0) :]
        text = _parted(_cut(text))[0]
    if not text.strip("_-()[]{} .!"):
        return ""
    return "_" + text if text.split(".")[0].rstrip().lower() in DEVICES else text


def _cut(text: str) -> str:
    """Cut at STEM_ROOM bytes, not within a character nor between one and its accent."""
    if len(text.encode()) <= STEM_ROOM:
        return text
    kept = text.encode()[:STEM_ROOM].decode(errors="ignore")
    while kept and unicodedata.category(text[len(kept)]).startswith("M"):
        kept = kept[:-1]
    return kept
