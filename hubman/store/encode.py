"""Facts and sidecars as JSON text for a column, and trigger words back from rows."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from enum import Enum

from hubman.core.types import Evidence, Facts, Sidecar
from hubman.errors import Phrase

PACKED = '{"template": '
"""How a packed phrase begins."""


def facts_json(facts: Facts) -> str:
    """Encode Facts as the JSON object that `show --json` and `inspect --json` share; trigger words are kept apart."""
    values = {field.name: getattr(facts, field.name) for field in fields(Facts) if field.name != "triggers"}
    values["hypernetwork"] = asdict(facts.hypernetwork) if facts.hypernetwork else None
    values["evidence"] = [_evidence(entry) for entry in facts.evidence]
    return json.dumps(values, ensure_ascii=False, default=_plain, separators=(",", ":"))


def _evidence(entry: Evidence) -> dict[str, object]:
    """Keep the template and its fields, so that the reason can be told in any language later."""
    record: dict[str, object] = {"fact": entry.fact, "value": entry.value, "because": entry.template}
    return {**record, "fields": dict(entry.fields)} if entry.fields else record


def sidecar_json(sidecar: Sidecar) -> str:
    """Encode what is set of a Sidecar."""
    empty = Sidecar()
    values = {
        field.name: getattr(sidecar, field.name)
        for field in fields(Sidecar)
        if getattr(sidecar, field.name) != getattr(empty, field.name)
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def message_text(message: str) -> str:
    """Encode why a file is broken, with template and fields where it has them, so that it can be translated later."""
    return json.dumps(message.packed(), ensure_ascii=False) if isinstance(message, Phrase) else message


def message_of(text: str) -> str:
    """Undo `message_text`; what older versions stored is the finished English sentence."""
    return Phrase.unpacked(json.loads(text)) if text.startswith(PACKED) else text


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")
