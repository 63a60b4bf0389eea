"""Tensors as float32 arrays, and how finely their numbers are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from hubman.core.units import Span, Unit
from hubman.errors import N_, ConflictError, IntegrityError
from hubman.opening import open_regular

Array = npt.NDArray[np.float32]

DIGITS = {"F64": 53, "F32": 24, "F16": 11, "BF16": 8, "F8_E4M3": 4, "F8_E5M2": 3}
"""Binary digits of a number, the hidden one included (IEEE 754, bfloat16, OCP 8-bit floating point)."""
SMALLEST = {"F16": 2.0**-24, "F8_E4M3": 2.0**-9, "F8_E5M2": 2.0**-16}
"""The distance between the smallest numbers, where a type has that few exponents that it matters."""
_COARSE = ((21, "F8_E5M2"), (20, "F8_E4M3"), (16, "BF16"), (13, "F16"))
"""(last bits of a float32 that are zero in every number, the type that such numbers went through)."""


def _eight_bits(exponent_bits: int, bias: int) -> Array:
    """Return the 256 numbers of an 8-bit float type."""
    fraction_bits = 7 - exponent_bits
    codes = np.arange(256)
    exponent = (codes >> fraction_bits) & ((1 << exponent_bits) - 1)
    fraction = (codes & ((1 << fraction_bits) - 1)) / (1 << fraction_bits)
    size = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias))
    return np.where(codes & 0x80, -size, size).astype(np.float32)


_E4M3, _E5M2 = _eight_bits(4, 7), _eight_bits(5, 15)
_E4M3[[0x7F, 0xFF]] = np.nan
_E5M2[[*range(0x7C, 0x80), *range(0xFC, 0x100)]] = np.nan


def decoded(raw: bytes | bytearray, dtype: str) -> Array:
    """Return the numbers of a tensor's bytes, flat."""
    match dtype:
        case "F32":
            return np.frombuffer(raw, "<f4").astype(np.float32, copy=False)
        case "F16":
            return np.frombuffer(raw, "<f2").astype(np.float32)
        case "BF16":
            return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        case "F64":
            return np.frombuffer(raw, "<f8").astype(np.float32)
        case "F8_E4M3":
            return _E4M3[np.frombuffer(raw, np.uint8)]
        case "F8_E5M2":
            return _E5M2[np.frombuffer(raw, np.uint8)]
    raise IntegrityError(
        "weights-unsupported", N_("its weights have the type {dtype}, which is not compared"), dtype=dtype
    )


def written_as(array: Array, dtype: str) -> str:
    """Return the coarsest type that the numbers went through: a float32 file may hold float16's numbers."""
    bits = np.bitwise_or.reduce(np.ascontiguousarray(array).view(np.uint32), axis=None) if array.size else 0
    if bits == 0:
        return dtype
    for zeros, coarse in _COARSE:
        if not bits & ((1 << zeros) - 1) and DIGITS[coarse] < DIGITS.get(dtype, 24):
            return coarse
    return dtype


@dataclass
class Weights:
    """An adapter file, opened at the first tensor that is read; `close` before the next use is no end.

    Attributes:
        units: what can be compared in it.
        taken: bytes of tensors that were read so far.
    """

    path: str
    spans: Mapping[str, Span]
    units: Mapping[str, Unit]
    taken: int = 0
    _file: BinaryIO | None = field(default=None, repr=False)

    def close(self) -> None:
        """Give the descriptor back; another read opens the file again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self, name: str) -> Array:
        """Return a tensor in its shape.

        Raises:
            ConflictError: `changed-while-reading`, the file is shorter than its header said.
            IntegrityError: `weights-unsupported`, a type that is not compared, or no numbers.
            OSError: the system refuses.
        """
        span = self.spans[name]
        if self._file is None:
            self._file = open_regular(self.path)
        self._file.seek(span.begin)
        raw = bytearray()
        while len(raw) < span.length:
            part = self._file.read(span.length - len(raw))
            if not part:
                raise ConflictError("changed-while-reading", N_("{name} changed while it was read"), name=self.path)
            raw += part
        self.taken += span.length
        array = decoded(raw, span.info.dtype)
        if not np.isfinite(array).all():
            raise IntegrityError("weights-unsupported", N_("its weights hold values that are no numbers"))
        return array.reshape(span.info.shape)

    def roles(self, unit: Unit) -> dict[str, Array]:
        """Return role -> tensor of a unit."""
        return {role: self.read(name) for role, (name, _) in unit.roles.items()}

    def dtype(self, unit: Unit) -> str:
        """Return the type that most numbers of a unit are written in."""
        name = max((name for name, _ in unit.roles.values()), key=lambda name: prod(self.spans[name].info.shape))
        return self.spans[name].info.dtype
