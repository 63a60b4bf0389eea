"""The sketch of an adapter: what fixed random probes see of the weight changes of a fixed sample of its modules.

For a module's change D it keeps U^T D V, with U and V of random signs that depend on the module's name and size alone:
the same for every file, whatever the naming, precision, order, alpha or factorisation. It is linear in D, so the angle
between two sketches estimates the angle between two adapters: 24 modules of 8 x 8 numbers put it within 0.026 for
adapters that have nothing to do with one another (1 / sqrt(24 * 64)).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from hubman.core.units import Unit
from hubman.errors import N_, IntegrityError
from hubman.sketch.delta import probed
from hubman.sketch.weights import Array, Weights

VERSION = 1
"""Of what is stored. A sketch of another version is made anew."""
MODULES = 24
MOST_TRIED = 3 * MODULES
"""Modules that are looked at for 24 that change anything; trainers leave whole parts at zero."""
PROBES = 8
NUMBERS = PROBES * PROBES
SMALLEST_CHANGE = 1e-30
"""Of a probe: below it float32 cannot tell its size."""
_HEAD = struct.Struct("<H")
_ITEM = np.dtype([("key", "<u4"), ("rank", "<u2"), ("dtype", "u1"), ("size", "<f4"), ("numbers", "i1", (NUMBERS,))])
DTYPES = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is remembered of an adapter's weights.

    Attributes:
        keys: a number for each sampled module, from its name and size; the same modules are taken in every file.
        ranks: the inner width of each.
        dtypes: index into DTYPES of each.
        sizes: length of the probes of each, in the weights' own unit.
        numbers: (modules, 64) int8: the probes of each module, to a largest value of 127.
    """

    keys: tuple[int, ...]
    ranks: tuple[int, ...]
    dtypes: tuple[int, ...]
    sizes: tuple[float, ...]
    numbers: npt.NDArray[np.int8]

    @property
    def empty(self) -> bool:
        """Whether the adapter changes nothing, as far as the sample tells."""
        return not self.keys

    @property
    def eight_bits(self) -> bool:
        return any(DTYPES[dtype].startswith("F8") for dtype in self.dtypes)

    def unit_vector(self) -> Array:
        """Return all numbers as one vector of length 1 in which a module counts by its size.

        Not by the square of it: one large module would hide the others. What is nearly untrained is mostly rounding.
        """
        rows = self.numbers.astype(np.float32)
        shares = np.sqrt(np.array(self.sizes, np.float64) / sum(self.sizes)).astype(np.float32)
        rows *= (shares / np.linalg.norm(rows, axis=1))[:, None]
        return rows.reshape(-1)

    def packed(self) -> bytes:
        """Return it as bytes for a database."""
        rows = np.zeros(len(self.keys), _ITEM)
        rows["key"], rows["dtype"], rows["numbers"] = self.keys, self.dtypes, self.numbers
        rows["size"], rows["rank"] = self.sizes, np.minimum(self.ranks, 0xFFFF)
        return _HEAD.pack(len(self.keys)) + rows.tobytes()

    @classmethod
    def unpacked(cls, data: bytes) -> Sketch | None:
        """Undo `packed`; None for what is no sketch."""
        if len(data) < _HEAD.size or len(data) != _HEAD.size + _HEAD.unpack_from(data)[0] * _ITEM.itemsize:
            return None
        rows = np.frombuffer(data, _ITEM, offset=_HEAD.size)
        sound_sizes = np.isfinite(rows["size"]) & (rows["size"] > 0)
        if (rows["dtype"] >= len(DTYPES)).any() or not (rows["numbers"].any(axis=1) & sound_sizes).all():
            return None
        keys, ranks, dtypes, sizes = (tuple(rows[name].tolist()) for name in ("key", "rank", "dtype", "size"))
        return cls(keys, ranks, dtypes, sizes, np.ascontiguousarray(rows["numbers"]))


@contextmanager
def sound() -> Iterator[None]:
    """Turn what numpy says of tensors that do not fit together into an error of the file."""
    try:
        yield
    except (ValueError, IndexError, ZeroDivisionError, OverflowError, FloatingPointError, MemoryError) as error:
        raise IntegrityError("weights-unsupported", N_("its tensors do not fit together")) from error


def sketch_of(weights: Weights) -> Sketch:
    """Read the sampled modules of an adapter and return its sketch.

    Raises:
        IntegrityError: `weights-unsupported`. ConflictError: `changed-while-reading`. OSError.
    """
    try:
        with sound():
            return _made(weights)
    finally:
        weights.close()


def _made(weights: Weights) -> Sketch:
    found: list[tuple[int, int, int, float, npt.NDArray[np.int8]]] = []
    for number, unit in sampled(weights)[:MOST_TRIED]:
        seen = probed(unit, weights.roles(unit), *_probes(number, unit)).reshape(-1)
        largest = float(np.abs(seen).max()) if seen.size else 0.0
        if largest > SMALLEST_CHANGE:
            rounded = np.rint(seen * (127 / largest)).astype(np.int8)
            found.append((number, unit.rank, DTYPES.index(weights.dtype(unit)), float(np.linalg.norm(seen)), rounded))
        if len(found) == MODULES:
            break
    rows = [entry[4] for entry in found]
    numbers = np.array(rows, np.int8).reshape(len(rows), NUMBERS)
    return Sketch(
        tuple(entry[0] for entry in found), tuple(entry[1] for entry in found), tuple(entry[2] for entry in found),
        tuple(entry[3] for entry in found),
        numbers,
    )  # fmt: skip


def sampled(weights: Weights) -> list[tuple[int, Unit]]:
    """Return (number, unit) in the order of sampling, which names and sizes alone decide.

    Single numbers tell nothing, and a DoRA's magnitudes are near the base's own: changes of weights count where there
    are any.
    """
    units: Sequence[Unit] = [unit for unit in weights.units.values() if not unit.plain]
    if not units:
        units = [unit for unit in weights.units.values() if prod(unit.roles["value"][1]) > 1]
    return sorted(((_number(unit), unit) for unit in units), key=lambda pair: (pair[0], pair[1].key))


def _number(unit: Unit) -> int:
    text = f"{unit.key} {unit.rows} {unit.columns}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little")


def _probes(number: int, unit: Unit) -> tuple[Array, Array]:
    """Return (rows, 8) and (columns, 8) random signs from SHAKE-128: the same on every machine and for ever."""
    stream = hashlib.shake_128(struct.pack("<III", number, unit.rows, unit.columns))
    bits = np.unpackbits(np.frombuffer(stream.digest(unit.rows + unit.columns), np.uint8))
    signs = bits.astype(np.float32) * 2 - 1
    return signs[: unit.rows * PROBES].reshape(-1, PROBES), signs[unit.rows * PROBES :].reshape(-1, PROBES)
