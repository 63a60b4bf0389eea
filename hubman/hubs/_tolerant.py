"""Reading answers of which nothing is certain: fields may be missing, null, or of another type than documented.

A reader returns the value where it is of the right type, else an empty one; nothing here raises for what a hub wrote.
What an answer cannot do without is asked for by the hubs' own parse functions, which raise `hub-answer` with its shape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

from hubman.core.hub_titles import title_of
from hubman.errors import N_, HubError
from hubman.hubs._answers import parsed
from hubman.hubs._errors import refusal
from hubman.hubs._http import Answer, Web

MOST_TEXT = 20_000
"""Letters of one text (a prompt, a name) that are kept; descriptions have their own limit in _html.py."""
MOST_PICTURE = 16 << 20
"""Bytes of a preview picture that are taken."""
_SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_SHAPE_KEYS = 24


def mapping(value: object) -> Mapping[str, object]:
    """Return an object; {} for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, object]]:
    """Return the objects in a list; what is none of them is left out."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a text without space around it; "" for anything else."""
    return value[:MOST_TEXT].strip() if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or a lone text; each once, empty ones left out."""
    entries = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(found for found in map(text, entries) if found))


def whole(value: object) -> int | None:
    """Return a whole number from 0 up to what a database column holds; digits in a text count."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None


def number(value: object) -> float | None:
    """Return a finite number; digits in a text count."""
    if isinstance(value, str):
        try:
            value = float(value[:40])
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def sha256_of(value: object) -> dict[str, str]:
    """Return {"sha256": lower-case hex} where the value is one, else {}."""
    return {"sha256": value.lower()} if isinstance(value, str) and _SHA256.match(value) else {}


def decoded(value: object) -> object:
    """Return what a JSON text holds; None for what is none. For hubs that put JSON into strings."""
    return parsed(value.encode("utf-8", "replace"))[0] if isinstance(value, str) else None


def web_address(value: object, base: str = "") -> str | None:
    """Return an http(s) address, made absolute with `base`; None for anything else."""
    found = text(value)
    if not found or any(letter.isspace() or ord(letter) < 32 for letter in found):
        return None
    try:
        address = urljoin(base, found)
        host = urlsplit(address).hostname  # `https://[` is joined without complaint, and breaks whoever splits it
    except ValueError:
        return None
    return address if host and address.startswith(("https://", "http://")) else None


def moment(value: object) -> str | None:
    """Return an ISO 8601 time in UTC, from such a text or from seconds or milliseconds since 1970.

    None for years before 1970: `0001-01-01` is what some servers write for "never".
    """
    seconds = number(value)
    try:
        if seconds is not None:
            found = datetime.fromtimestamp(seconds / 1000 if seconds > 10**11 else seconds, UTC)
        else:
            found = datetime.fromisoformat(text(value))
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found.strftime("%Y-%m-%dT%H:%M:%SZ") if seconds != 0 and found.year >= 1970 else None


def shape(value: object, depth: int = 3) -> str:
    """Describe an answer by keys and types alone, for a report: values may be secret.

    Keys that do not look like field names (a token as a key, a path) are only counted.
    """
    if isinstance(value, dict):
        if depth <= 0:
            return "{...}"
        named = [key for key in value if isinstance(key, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,39}", key)]
        parts = [f"{key}: {shape(value[key], depth - 1)}" for key in named[:_SHAPE_KEYS]]
        others = len(value) - len(parts)
        return "{" + ", ".join([*parts, f"{others} more"] if others else parts) + "}"
    if isinstance(value, list):
        return f"[{len(value)} x {shape(value[0], depth - 1)}]" if value else "[]"
    names = {str: "text", bool: "yes/no", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def not_understood(hub: str, what: str, answer: object) -> HubError:
    """Return the error for an answer that makes no sense; it tells the shape and no value."""
    return HubError(
        "hub-answer",
        N_("{hub} answered the question for {what} with something that hubman does not understand: {shape}"),
        hint=N_("Nothing of it was kept. Try again later; if it stays so, report it with this line."),
        hub=title_of(hub),
        what=what,
        shape=shape(answer),
    )


def require_service(hub: str, answer: Answer) -> None:
    """Refuse what says nothing about the question: too many requests, a broken server, a check for browsers.

    Raises:
        HubError: `hub-busy`, `hub-failed` (passing, with `retry_after` where the hub says it), `hub-challenge`.
    """
    if answer.status in (408, 429) or answer.status >= 500 or answer.headers.get("cf-mitigated") == "challenge":
        raise refusal(hub, answer)


def picture_bytes(web: Web, hub: str, url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a picture, at most MOST_PICTURE bytes.

    Raises:
        HubError: `hub-answer`, it is none, too large, or not there.
    """
    with web.stream(hub, url, headers=headers) as stream:
        if stream.status != 200 or (stream.total or 0) > MOST_PICTURE:
            raise _no_picture(hub)
        found = _joined(stream.chunks(), hub)
    if not found.startswith(_PICTURES) and not (found[:4] == b"RIFF" and found[8:12] == b"WEBP"):
        raise _no_picture(hub)
    return found


def _joined(chunks: Iterable[bytes], hub: str) -> bytes:
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > MOST_PICTURE:
            raise _no_picture(hub)
    return bytes(found)


def _no_picture(hub: str) -> HubError:
    return HubError("hub-answer", N_("{hub} gave no picture that can be used as a preview."), hub=title_of(hub))
