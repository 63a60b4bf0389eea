"""Facts and sidecars as JSON for a column, and back.

Facts are two thirds of a row and mostly tags and repeated reasons: they are deflated (RFC 1951, zlib) with a preset
dictionary, which takes a quarter of the space. What SQL asks about (kind, architecture, candidates, lineage) has
columns of its own.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from enum import Enum
from typing import TYPE_CHECKING, Any

from hubman.errors import N_, Phrase, StoreError
from hubman.store.text import pack, unpack

if TYPE_CHECKING:
    from hubman.core.types import Evidence, Facts, Sidecar

PACKED = '{"template": '
"""How a packed phrase begins."""


DICTIONARY = (
    b'","because":"The file is a safetensors file with","fields":{"evidence":[{"fact":"architecture","value":"the '
    b'modules and their widths are those of","lineage_candidates":["Pony","Illustrious","NoobAI"],"variant":'
    b'{"kind":"lora","architecture":"sdxl","candidates":["sdxl"],"lineage":null,"lineage_candidates":[],"algorithm":'
    b'"lora","variant":null,"precision":"fp16","tensors":792,"parameters":9563208,"rank":16,"alpha":8.0,"vectors":null'
    b',"hypernetwork":null,"trained":["unet","te1"],"prediction_type":null,"negative":false,"tags":[["1girl",40],'
    b'["solo",38],["long hair",1],["looking at viewer",1],["smile",1],["simple background",1]],"confidence":"certain",'
)
"""What facts begin and repeat with. Part of the stored format: another dictionary needs another first byte."""

PLAIN_DEFLATED = b"\x01"


def facts_bytes(facts: Facts | None) -> bytes:
    """Encode Facts for their column; None (a broken file) is empty."""
    return pack_facts(pack(facts_json(facts)).encode()) if facts else b""


def pack_facts(text: bytes) -> bytes:
    """Deflate the JSON of facts."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=DICTIONARY)
    return PLAIN_DEFLATED + deflate.compress(text) + deflate.flush()


def facts_of(stored: bytes) -> dict[str, object]:
    """Undo `facts_bytes`.

    Raises:
        zlib.error, ValueError: it is damaged.
    """
    if not stored:
        return {}
    if stored[:1] != PLAIN_DEFLATED:
        raise ValueError("facts in an unknown form")
    text = zlib.decompressobj(-15, zdict=DICTIONARY).decompress(stored[1:]).decode()
    found = json.loads(unpack(text))
    return found if isinstance(found, dict) else {}


class BrokenRowError(StoreError):
    """A row holds what no hubman wrote."""

    def __init__(self, why: Exception) -> None:
        super().__init__(
            "store-damaged",
            N_("The library is damaged: a row of it cannot be read ({why})"),
            hint=N_("`hubman db check` says more; `hubman sync` rebuilds it from the disk and keeps what you said."),
            why=why,
        )


def parsed(parse: Callable[[Any], dict[str, object]], stored: object) -> dict[str, object]:
    """Parse what a column holds.

    Raises:
        BrokenRowError: it is damaged.
    """
    try:
        return parse(stored)
    except (ValueError, TypeError, zlib.error) as error:
        raise BrokenRowError(error) from error


class StoredFacts(Mapping[str, object]):
    """Facts that are read when somebody asks for more than what has columns: a list needs no more of them."""

    def __init__(self, stored: bytes, candidates: str, lineage: str | None) -> None:
        self._stored = stored
        self._facts: dict[str, object] | None = None
        self._columns = {"candidates": candidates.split("/")[1:-1], "lineage": lineage} if stored else {}

    def __getitem__(self, name: str) -> object:
        return self._columns[name] if name in self._columns else self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, object]:
        if self._facts is None:
            self._facts = parsed(facts_of, self._stored)
        return self._facts


def candidates_text(candidates: Iterable[str]) -> str:
    """Encode architectures as `/sd1/sdxl/`, so that one of them is found as `/sdxl/` and its forms as `/sdxl-`."""
    joined = "/".join(candidates)
    return f"/{joined}/" if joined else ""


def facts_json(facts: Facts) -> str:
    """Encode Facts as the JSON object that `show --json` and `inspect --json` share; trigger words are kept apart."""
    values = {field.name: getattr(facts, field.name) for field in fields(facts) if field.name != "triggers"}
    values["hypernetwork"] = asdict(facts.hypernetwork) if facts.hypernetwork else None
    values["evidence"] = [_evidence(entry) for entry in facts.evidence]
    return json.dumps(values, ensure_ascii=False, default=_plain, separators=(",", ":"))


def _evidence(entry: Evidence) -> dict[str, object]:
    """Keep the template and its fields, so that the reason can be told in any language later."""
    record: dict[str, object] = {"fact": entry.fact, "value": entry.value, "because": entry.template}
    return {**record, "fields": dict(entry.fields)} if entry.fields else record


def sidecar_json(sidecar: Sidecar) -> str:
    """Encode what is set of a Sidecar."""
    values = {
        field.name: getattr(sidecar, field.name)
        for field in fields(sidecar)
        if getattr(sidecar, field.name) != field.default
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
