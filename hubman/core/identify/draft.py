"""Facts in the making: every value is set together with the reason for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from hubman.core.types import Confidence, Evidence, Facts, Header, Kind, TensorInfo

Tensors = Mapping[str, TensorInfo]

ORDER = (Confidence.GUESS, Confidence.LIKELY, Confidence.CERTAIN)

PRECISIONS = {
    "F64": "fp64",
    "F32": "fp32",
    "F16": "fp16",
    "BF16": "bf16",
    "F8_E4M3": "fp8-e4m3",
    "F8_E5M2": "fp8-e5m2",
    "F8_E4M3FNUZ": "fp8-e4m3",
    "F8_E5M2FNUZ": "fp8-e5m2",
    "I8": "int8",
    "U8": "uint8",
    "F4": "fp4",
}


@dataclass(slots=True)
class Draft:
    """A builder for Facts. `confidence` is the weakest of the reasons that decided."""

    header: Header
    kind: Kind
    values: dict[str, Any] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    confidence: Confidence = Confidence.CERTAIN

    def say(
        self, fact: str, value: object, template: str, sure: Confidence = Confidence.CERTAIN, /, **fields: object
    ) -> None:
        """Set `fact` to `value` for a reason; `sure` lowers the confidence of the whole."""
        self.values[fact] = value
        self.note(fact, value, template, **fields)
        self.weaken(sure)

    def note(self, fact: str, value: object, template: str, /, **fields: object) -> None:
        """Keep a reason without changing a value. `template` is marked by `N_`, its fields are filled in when read."""
        self.evidence.append(
            Evidence(fact, _text(value), template, {name: _text(item) for name, item in fields.items()})
        )

    def weaken(self, sure: Confidence) -> None:
        self.confidence = min(self.confidence, sure, key=ORDER.index)

    def architectures(
        self, found: Sequence[str], template: str, sure: Confidence = Confidence.CERTAIN, /, **fields: object
    ) -> None:
        """Set the architecture when one is left, the candidates when several are."""
        self.values["candidates"] = tuple(found)
        self.values["architecture"] = found[0] if len(found) == 1 else None
        self.note("architecture", found[0] if len(found) == 1 else tuple(found), template, **fields)
        self.weaken(sure if len(found) == 1 else min(sure, Confidence.LIKELY, key=ORDER.index))

    def done(self) -> Facts:
        forms = list(counted(self.header.tensors.values()))
        values = {
            "precision": _most(forms),
            "tensors": len(self.header.tensors),
            "parameters": sum(prod(info.shape) * count for info, count in forms),
            **self.values,
        }
        return Facts(kind=self.kind, confidence=self.confidence, evidence=tuple(self.evidence), **values)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def counted(infos: Iterable[TensorInfo]) -> Iterator[tuple[TensorInfo, int]]:
    """Yield every object with how often it occurs. Readers give tensors of one form one object, so these are few."""
    every = list(infos)
    objects = {id(info): info for info in every}
    for number, count in Counter(map(id, every)).items():
        yield objects[number], count


def precision(infos: Iterable[TensorInfo]) -> str | None:
    """Return the precision that most elements have; scalars (alpha, position ids) do not vote."""
    return _most(counted(infos))


def _most(forms: Iterable[tuple[TensorInfo, int]]) -> str | None:
    votes: Counter[str] = Counter()
    for info, count in forms:
        if info.shape and info.dtype not in ("I64", "I32", "BOOL"):
            votes[info.dtype] += prod(info.shape) * count
    if not votes:
        return None
    dtype = votes.most_common(1)[0][0]
    return PRECISIONS.get(dtype, dtype.lower())
