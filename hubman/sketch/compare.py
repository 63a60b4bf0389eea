"""Are two adapters the same one? Decided from the weights themselves, module by module.

Two ways to be the same module:

* **The same numbers, rounded.** Every factor of one is a constant times the other's, and no number differs by more than
  the coarser type rounds. Two epochs of one training never pass: their numbers differ by percents.
* **A truncated singular value decomposition.** What a resize of the rank leaves, B, is the part of A on its largest
  singular directions, so the rest, A - cB, is orthogonal to B on both sides: with the singular vectors U and V of B,
  U^T (A - cB) = 0 and (A - cB) V = 0, as matrices. A later epoch, a merge with another adapter or added noise break
  that by as much as they change. (The trace alone, <A - cB, B> = 0, would not do: a random walk of the training is
  nearly orthogonal to where it began.)

The strength c must be one number for the whole file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import hypot, inf, sqrt

import numpy as np
import numpy.typing as npt

from hubman.core.similar import Relation
from hubman.core.units import Unit
from hubman.sketch.delta import Delta, delta_of, strength_of
from hubman.sketch.make import sampled, sound
from hubman.sketch.weights import DIGITS, SMALLEST, Array, Weights, written_as

FIRST = 6
"""Modules that are compared before the others: nearly everything that differs, differs there."""
CLEARLY = 5.0
"""Times the tolerance: what is so far off after the first modules is not read further."""
ROUNDED, STEP = 0.424, 0.289
"""Root mean square of a rounding's error: in units of 2^-digits of the number (evenly spread logarithms:
sqrt(3 / (8 ln 2) / 3)), and of the distance between the smallest numbers of a type (1 / sqrt 12)."""
MOST_ROUNDED = 0.01
"""Of a module's size: a file that is rounded worse than that is compared as if it were not, and likely no pair."""
SURE = 1.7
"""Times that error are allowed over the whole file: two roundings one after the other make 1.4 of one."""
FINEST = 1.5e-3
"""The least that is allowed where the rounding is finer: solvers and cards compute in float32."""
LOOSE = 4.0
"""Times the tolerance of the whole that one module may be off."""
NEARLY_ALL, MOST = 0.999, 0.99
"""Of a tensor's numbers must be within its rounding; of two 8-bit tensors, be equal (rounding twice moves a few)."""
EQUAL_STRENGTH, EQUAL_EIGHT_BITS = 2e-3, 3e-2
"""Strengths that are one: what 8-bit numbers lose at their small end moves their size by a percent."""
NO_DIRECTION = 2e-3
"""Of the largest singular value: what is smaller may be a rounding error's direction."""
NEGLIGIBLE = 1e-4
"""Of the mean energy of a module: what so little depends on may be anything."""

Roles = Mapping[str, Array]
Double = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Found:
    """What comparing one module gave. A is the side with more ranks, B the other; is A = c B on B's directions?

    Attributes:
        strength: the c of this module alone.
        whole, part, both: |A|^2, |B|^2 and <A, B>.
        sides: for columns and rows (|U^T A|^2, <U^T A, U^T B>); empty where ranks are equal and A - cB must vanish.
        square: |U^T B|^2.
        exact: whether the numbers are the other's, rounded.
        flipped: whether A is the second file.
        errors: what rounding did to the module in each file, relative to its size.
    """

    strength: float
    whole: float
    part: float
    both: float = 0.0
    sides: tuple[tuple[float, float], ...] = ()
    square: float = 0.0
    exact: bool = False
    flipped: bool = False

    errors: tuple[float, float] = (0.0, 0.0)

    @property
    def energy(self) -> float:
        """Of the first file's module."""
        return self.part if self.flipped else self.whole

    def off(self, strength: float) -> float:
        """Return how far it is from being the same at a file's strength: an error relative to B, squared."""
        if self.exact:
            return (self.strength / strength - 1) ** 2
        c = 1 / strength if self.flipped else strength
        size = c * c * (self.square if self.sides else self.part)
        forms = self.sides or ((self.whole, self.both),)
        return max(max(0.0, ours - 2 * c * theirs + size) / size for ours, theirs in forms) if size > 0 else inf


def compare(one: Weights, other: Weights) -> Relation | None:
    """Return what `other` is to `one` when both are the same adapter, else None.

    Raises:
        IntegrityError: `weights-unsupported`. ConflictError: `changed-while-reading`. OSError.
    """
    try:
        with sound():
            return _Comparison(one, other).run()
    finally:
        one.close()
        other.close()


class _Comparison:
    """One pair of files.

    Attributes:
        lost: energy of modules that have nothing in common: a rounding may leave nothing of what was nearly nothing.
        sizes: modules that are compared as they are.
    """

    def __init__(self, one: Weights, other: Weights) -> None:
        self.files = one, other
        self.found: list[_Found] = []
        self.eight_bits = False
        self.lost = 0.0
        self.sizes = 0

    def run(self) -> Relation | None:
        one, other = self.files
        if any(_changes(file, key) for file in self.files for key in sorted(one.units.keys() ^ other.units.keys())
               if key in file.units):  # fmt: skip
            return None
        order = dict.fromkeys([unit.key for _, unit in sampled(one)] + list(one.units))
        for count, key in enumerate((key for key in order if key in other.units), 1):
            if not self._add(key):
                return None
            if count == FIRST and not self._holds(CLEARLY):
                return None
        return self._relation() if (self.found or self.sizes) and self._holds(1.0) else None

    def _add(self, key: str) -> bool:
        """Compare one module; False when it alone rules the pair out."""
        one, other = (file.units[key] for file in self.files)
        if one.plain != other.plain or (one.rows, one.columns) != (other.rows, other.columns):
            return False
        roles = self.files[0].roles(one), self.files[1].roles(other)
        types = self.files[0].dtype(one), self.files[1].dtype(other)
        alike = one.algorithm == other.algorithm and one.shapes == other.shapes
        exact = _rounded((one, other), roles, types) if alike else None
        if not one.added:  # a size and no change: it is the same or it is not
            self.sizes += 1
            return exact is not None and abs(exact - 1) <= EQUAL_STRENGTH
        if exact is None and (one.plain or any(name.startswith("F8") for name in types)):
            return all(_vanishes(unit, numbers) for unit, numbers in zip((one, other), roles, strict=True))
        return self._measure((one, other), roles, types, exact)

    def _measure(self, units: tuple[Unit, Unit], roles: tuple[Roles, Roles], types: tuple[str, str],
                 exact: float | None) -> bool:  # fmt: skip
        first, second = (delta_of(unit, numbers) for unit, numbers in zip(units, roles, strict=True))
        if exact is not None:
            found: _Found | None = _Found(exact, _inner(first, first), 1.0, exact=True)
        elif units[0].rank < units[1].rank:
            found = _projected(second, first, units[0].rank / units[1].rank)
            found = replace(found, flipped=True, strength=1 / found.strength) if found else None
        else:
            found = _projected(first, second, units[1].rank / units[0].rank)
        if found is None or found.energy == 0 or found.strength <= 0:
            self.lost += max(_inner(first, first), _inner(second, second))
            return True
        errors = _rounding(roles[0], types[0]), _rounding(roles[1], types[1])
        self.found.append(replace(found, errors=errors))
        self.eight_bits = self.eight_bits or any(name.startswith("F8") for name in types)
        return True

    def _strength(self) -> float:
        energy = sum(found.energy for found in self.found)
        return sum(found.strength * found.energy for found in self.found) / energy

    def _tolerance(self) -> float:
        """Return what two roundings of the same weights may differ by, relative to their size."""
        energy = sum(found.energy for found in self.found)
        return max(FINEST, SURE * sqrt(sum(hypot(*found.errors) ** 2 * found.energy for found in self.found) / energy))

    def _holds(self, times: float) -> bool:
        """Whether all modules so far are the same at one strength, within so many times the tolerance."""
        if not self.found:
            return self.lost == 0
        strength, most = self._strength(), times * self._tolerance()
        if self.sizes and abs(strength - 1) > EQUAL_STRENGTH:
            return False
        energy = sum(found.energy for found in self.found)
        if self.lost > energy * most**2:
            return False
        off = [(found.energy / energy, found.off(strength)) for found in self.found]
        told = [error for share, error in off if share * len(off) >= NEGLIGIBLE]
        return sum(share * error for share, error in off) <= most**2 and max(told) <= (LOOSE * most) ** 2

    def _relation(self) -> Relation:
        strength = self._strength() if self.found else 1.0
        larger = sum(self._energies(found, strength)[0] for found in self.found)
        smaller = sum(self._energies(found, strength)[1] for found in self.found)
        resized = any(found.sides for found in self.found)
        equal = EQUAL_EIGHT_BITS if self.eight_bits else EQUAL_STRENGTH
        return Relation(
            strength=1.0 if abs(strength - 1) <= equal else 1 / strength,
            kept=min(1.0, sqrt(smaller / larger)) if resized else 1.0,
            ranks=(_rank(self.files[0]), _rank(self.files[1])),
            resized=resized,
        )

    @staticmethod
    def _energies(found: _Found, strength: float) -> tuple[float, float]:
        """Return the energies of the larger and of the smaller rank, both at the first file's strength."""
        if not found.sides:
            return found.energy, found.energy
        if found.flipped:
            return found.whole * strength**2, found.part
        return found.whole, found.part * strength**2


def _rank(file: Weights) -> int | None:
    """Return the commonest rank of a file's LoRA modules."""
    ranks = Counter(unit.rank for unit in file.units.values() if unit.algorithm == "lora")
    return ranks.most_common(1)[0][0] if ranks else None


def _changes(file: Weights, key: str) -> bool:
    unit = file.units[key]
    return not _vanishes(unit, file.roles(unit))


def _vanishes(unit: Unit, roles: Roles) -> bool:
    """Whether a module changes nothing at all. A size (a DoRA's magnitudes) always says something."""
    if not unit.added:
        return False
    delta = delta_of(unit, roles)
    return not delta.left.any() or (delta.right is not None and not delta.right.any())


# --- the same numbers, rounded ---------------------------------------------------------------------------------------
def _rounded(units: tuple[Unit, Unit], roles: tuple[Roles, Roles], types: tuple[str, str]) -> float | None:
    """Return c when the first unit's tensors are the second's times constants (their product is c), or None."""
    product = 1.0
    equal = EQUAL_EIGHT_BITS if any(name.startswith("F8") for name in types) else EQUAL_STRENGTH
    for role in units[0].shapes or units[0].roles:
        x, y = (numbers[role].reshape(-1) for numbers in roles)
        if not x.any() and not y.any():
            continue
        size = float(np.dot(y, y))
        ratio = float(np.dot(x, y)) / size if size else 0.0
        ratio = 1.0 if abs(ratio - 1) < equal else ratio
        if ratio == 0 or not _within(x, y, ratio, types):
            return None
        product *= ratio
    strengths = [strength_of(unit, numbers) for unit, numbers in zip(units, roles, strict=True)]
    return product * strengths[0] / strengths[1] if strengths[1] else None


def _within(x: Array, y: Array, ratio: float, types: tuple[str, str]) -> bool:
    """Whether x is ratio * y up to the rounding of the types that both went through."""
    first, second = written_as(x, types[0]), written_as(y, types[1])
    telling = (x != 0) | (y != 0)
    if first == second and first.startswith("F8"):
        return ratio == 1 and float((x == y)[telling].mean()) >= MOST
    scaled = y * np.float32(ratio)
    relative = 1.02 * (2.0 ** -DIGITS[first] + 2.0 ** -DIGITS[second]) + 2.0**-22
    least = 0.51 * (SMALLEST.get(types[0], 0.0) + abs(ratio) * SMALLEST.get(types[1], 0.0))
    allowed = relative * np.maximum(np.abs(x), np.abs(scaled)) + np.float32(least)
    return float((np.abs(x - scaled) <= allowed)[telling].mean()) >= NEARLY_ALL


def _rounding(roles: Roles, dtype: str) -> float:
    """Return the error that rounding its tensors made in a module, relative to its size."""
    total = 0.0
    for array in roles.values():
        size = float(np.sqrt(np.mean(np.square(array, dtype=np.float64)))) if array.size > 1 else 0.0
        if size:
            total += (ROUNDED * 2.0 ** -DIGITS[written_as(array, dtype)]) ** 2
            total += (STEP * SMALLEST.get(dtype, 0.0) / size) ** 2
    return sqrt(total) if dtype.startswith("F8") else min(sqrt(total), MOST_ROUNDED)


# --- a truncated decomposition ---------------------------------------------------------------------------------------
def _double(delta: Delta) -> tuple[Double, Double | None]:
    return delta.left.astype(np.float64), None if delta.right is None else delta.right.astype(np.float64)


def _inner(one: Delta, other: Delta) -> float:
    """Return <one, other>, in float64."""
    if one.right is None and other.right is not None:
        return _inner(other, one)
    left, right = _double(one)
    across, along = _double(other)
    if right is None:
        return float(np.vdot(left, across))
    if along is None:
        return float(np.vdot(left.T @ across, right))
    return float(np.vdot(left.T @ across, right @ along.T))


def _projected(large: Delta, small: Delta, share: float) -> _Found | None:
    """Measure whether `small` is the part of `large` on its largest directions.

    Args:
        share: rank of the small one in ranks of the large one; 1 asks for the same change.
    """
    whole, part, both = _inner(large, large), _inner(small, small), _inner(large, small)
    if not whole or not part or both <= 0:
        return None
    if share == 1:
        return _Found(both / part, whole, part, both)
    if small.right is None or both * both / part < 0.98 * share * whole:
        return None  # the largest of all directions hold at least their share
    left, values, right = _decomposed(small)
    across, along = _double(large)
    columns = left.T @ across if along is None else (left.T @ across) @ along
    rows = across @ right if along is None else across @ (along @ right)
    sides = (
        (float(np.vdot(columns, columns)), float(np.vdot(columns, (right * values).T))),
        (float(np.vdot(rows, rows)), float(np.vdot(rows, left * values))),
    )
    return _Found(both / part, whole, part, both, sides, float(np.vdot(values, values)))


def _decomposed(delta: Delta) -> tuple[Double, Double, Double]:
    """Return the singular vectors and values of a product of thin factors; directions of rounding errors are left out.

    A file may have more ranks than its change has: the rest of them point anywhere.
    """
    left, right = _double(delta)
    assert right is not None
    tall, upper = np.linalg.qr(left)
    wide, lower = np.linalg.qr(right.T)
    turned, values, back = np.linalg.svd(upper @ lower.T)
    kept = values > values[0] * NO_DIRECTION
    return tall @ turned[:, : len(values)][:, kept], values[kept], wide @ back[: len(values)].T[:, kept]
