"""What hubman writes into A1111's `<stem>.json`, and how it is put into a file that is there already. Pure.

The keys are those of A1111's own editor (ui_edit_user_metadata.py and its Lora extension): a LoRA has six, other cards
have `description` and `notes`. Whatever else is in the file stays as it is, byte for byte: only the values that change
are replaced, and keys that are new go behind the last one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json.decoder import JSONDecoder

from hubman.core.hub import Listing
from hubman.core.hub_texts import words_of
from hubman.core.plain import plain_text
from hubman.core.types import Kind, Sidecar

LORA_KEYS = ("description", "sd version", "activation text", "preferred weight", "negative text", "notes")
PLAIN_KEYS = ("description", "notes")
KEYS: Mapping[str, tuple[str, ...]] = {
    Kind.LORA: LORA_KEYS,
    Kind.CHECKPOINT: PLAIN_KEYS,
    Kind.EMBEDDING: PLAIN_KEYS,
    Kind.HYPERNETWORK: PLAIN_KEYS,
}
"""Kinds that have a card in the WebUI, and the keys that it reads."""

SD_VERSIONS = {"sd1": "SD1", "sd2": "SD2", "sdxl": "SDXL", "sd3": "SD3", "flux1": "Flux"}
"""Architecture -> `sd version`. A1111 knows SD3, Forge knows Flux; what one does not know it treats as Unknown."""

NOTHING = (None, "", 0, 0.0, "Unknown")
"""Values that the WebUI itself writes where its user said nothing."""

MOST_DESCRIPTION = 4000
"""Letters of a hub's description that a card gets: some are whole guides, and `hubman show --full` has them."""

Value = str | float


@dataclass(frozen=True, slots=True)
class Said:
    """What the user said of a model, as far as the WebUI has a place for it."""

    note: str = ""
    words: tuple[str, ...] = ()

    def values(self, kind: str) -> dict[str, str]:
        """Return key -> text, "" where the user said nothing."""
        values = {"notes": self.note, "activation text": ", ".join(self.words)}
        return {key: text for key, text in values.items() if key in KEYS.get(kind, ())}


def filling(kind: str, architecture: str | None, others: Sidecar) -> dict[str, Value]:
    """Return what the other files beside a model say, as values that may fill an empty field.

    Args:
        others: the sidecars of other programs, merged; not A1111's own, nor the text that A1111 itself falls back to.
    """
    values: dict[str, Value | None] = {
        "description": others.description,
        "sd version": SD_VERSIONS.get(architecture or ""),
        "activation text": ", ".join(others.trigger_words),
        "preferred weight": others.weight,
        "negative text": others.negative,
        "notes": others.notes,
    }
    return {key: value for key in KEYS.get(kind, ()) if (value := values[key]) not in NOTHING and value is not None}


def filling_of_hub(kind: str, listing: Listing) -> dict[str, Value]:
    """Return what a hub says of a model, as values that may fill an empty field: plain text, no markup."""
    title = " ".join(part for part in (listing.name, listing.version_name) if part)
    source = "\n".join(part for part in (title, listing.author, listing.page, listing.licence.name) if part)
    values: dict[str, Value | None] = {
        "description": _plain(listing.description) or _plain(listing.version_description),
        "sd version": SD_VERSIONS.get(listing.architecture or ""),
        "activation text": ", ".join(word.text for word in words_of([listing])),
        "preferred weight": listing.weight,
        "notes": source,
    }
    return {key: value for key in KEYS.get(kind, ()) if (value := values.get(key)) not in NOTHING and value is not None}


def _plain(html: str) -> str:
    text = plain_text(html).strip()
    return text if len(text) <= MOST_DESCRIPTION else text[:MOST_DESCRIPTION].rstrip() + " …"


def changes(
    record: Mapping[str, object], said: Mapping[str, str], fill: Mapping[str, Value], before: Mapping[str, str] | None
) -> dict[str, Value]:
    """Decide which values of a sidecar are to change.

    A field that the user just edited becomes what they typed; one they just emptied is emptied only if it still holds
    what they had typed. Any other field is filled where it is empty, and left alone where it is not.

    Args:
        record: what is in the file, {} when there is none.
        said: what the user says now, "" for nothing.
        before: what the user said before this edit; None when this is no edit.
    """
    found: dict[str, Value] = {}
    for key in dict.fromkeys((*fill, *said)):
        now, old = record.get(key), said.get(key) if before is None else before.get(key, "")
        own = said.get(key, "")
        edited = before is not None and key in said and own != old
        if edited and own:
            found[key] = own
        elif edited and now == old:
            found[key] = fill.get(key, "")
        elif now in NOTHING and (value := own or fill.get(key)):
            found[key] = value
    return {key: value for key, value in found.items() if record.get(key) != value}


def fresh(kind: str, values: Mapping[str, Value]) -> str:
    """Write a new file the way A1111's editor does: every key of the kind, indent 4, letters as they are."""
    empty: dict[str, Value] = {"preferred weight": 0, "sd version": "Unknown"}
    record = {key: values.get(key, empty.get(key, "")) for key in KEYS[kind]}
    return _dumped(record, ascii_only=False, indent=4)


def spliced(text: str, values: Mapping[str, Value]) -> str:
    """Put values into the text of a JSON object; everything else stays byte for byte.

    Raises:
        ValueError: the text is no JSON object.
    """
    ascii_only = text.isascii() and "\\u" in text
    members = list(_members(text))
    places = {key: (start, end) for key, start, end in members}  # of a key that is there twice, the last one counts
    pieces = [(*places[key], _dumped(value, ascii_only)) for key, value in values.items() if key in places]
    new = {key: value for key, value in values.items() if key not in places}
    if new:
        pieces.append(_appended(text, members, new, ascii_only))
    for start, end, piece in sorted(pieces, reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def _appended(
    text: str, members: list[tuple[str, int, int]], new: Mapping[str, Value], ascii_only: bool
) -> tuple[int, int, str]:
    """Return where and what to insert for keys that are new, in the style of the keys that are there."""
    brace = text.index("{")
    space = re.compile(r"\s*").match(text, brace + 1)
    lead = space.group() if space and members else ""
    if not members:
        lead = "\n    "
    elif not lead and len(members) == 1:
        lead = " "
    colon = ":" if members and re.match(r'\{\s*"(?:[^"\\]|\\.)*":\S', text[brace:]) else ": "
    lines = [f"{_dumped(key, ascii_only)}{colon}{_dumped(value, ascii_only)}" for key, value in new.items()]
    if not members:
        end = text.rindex("}")
        return brace + 1, end, lead + f",{lead}".join(lines) + "\n"
    end = members[-1][2]
    return end, end, "".join(f",{lead}{line}" for line in lines)


_SPACE = re.compile(r"[ \t\n\r]*")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield key, and start and end of its value, of every member of the object.

    Raises:
        ValueError: the text is no JSON object.
    """
    decoder = JSONDecoder()
    position = _skip(text, 0)
    if text[position : position + 1] != "{":
        raise ValueError("not a JSON object")
    position = _skip(text, position + 1)
    while text[position : position + 1] == '"':
        key, position = decoder.raw_decode(text, position)
        position = _skip(text, position)
        if text[position : position + 1] != ":":
            raise ValueError("not a JSON object")
        start = _skip(text, position + 1)
        _, end = decoder.raw_decode(text, start)
        yield key, start, end
        position = _skip(text, end)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
    if text[position : position + 1] != "}" or _skip(text, position + 1) != len(text):
        raise ValueError("not a JSON object")


def _dumped(value: object, ascii_only: bool, indent: int | None = None) -> str:
    """Write JSON; half characters, which no encoding has, are always escaped."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, indent=indent)
    return text
