"""The front matter of a model card (README.md): the few fields that say what a model is, without a YAML library.

Cards are written by hand and by trainers. What is read is what all of them write: `key: value`, and lists of `- value`
below a key. Anything nested deeper, folded texts and anchors are passed over; nothing here fails.
"""

from __future__ import annotations

import re

MOST_CARD = 65_536
"""Letters of a card that are looked at."""
_KEY = re.compile(r"([A-Za-z_][\w-]*):(?:\s+(.*))?\Z")
_ITEM = re.compile(r"\s*-\s+(.*)\Z")
_TAKEN = (
    "license",
    "license_name",
    "license_link",
    "base_model",
    "instance_prompt",
    "tags",
    "pipeline_tag",
    "library_name",
)


def card_of(text: str) -> dict[str, object]:
    """Return the known fields of a card: texts, or lists of texts."""
    lines = text[:MOST_CARD].lstrip("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    found: dict[str, object] = {}
    key, ended = "", False
    for line in lines[1:]:
        if line.strip() in ("---", "..."):
            ended = True
            break
        named, item = _KEY.match(line), _ITEM.match(line)
        if named:
            key = named[1]
            value = _scalar(named[2] or "")
            if value and key in _TAKEN:
                found[key] = value
        elif item and key in _TAKEN and not isinstance(found.get(key), str):
            value = _scalar(item[1])
            listed = found.setdefault(key, [])
            if isinstance(listed, list) and isinstance(value, str) and value:
                listed.append(value)
        elif line[:1].strip():  # what is neither: the next item belongs to nobody
            key = ""
    return found if ended else {}


def _scalar(text: str) -> str | list[str]:
    """Return a value as it is meant; "" for null, and for what is no plain value (folded texts, maps, anchors)."""
    text = text.strip()
    if text[:1] == "[" and text[-1:] == "]":
        parts = (_scalar(part) for part in text[1:-1].split(","))
        return [part for part in parts if isinstance(part, str) and part]
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1].replace('\\"', '"')
    text = re.sub(r"\s+#.*\Z", "", text)
    return "" if text[:1] in ("|", ">", "{", "&", "*", "!", "#") or text in ("null", "~", "None") else text
