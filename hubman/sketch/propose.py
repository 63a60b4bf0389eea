"""From many sketches to the few pairs that are worth reading: blocks of matrix products, no loop over pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hubman.sketch.make import Sketch
from hubman.sketch.weights import Array

Places = npt.NDArray[np.intp]

LEAST = 0.3
"""Of the cosine of two sketches. A resize that keeps a tenth of the energy has 0.32, strangers 0 +- 0.026."""
LEAST_SAME_RANK = 0.99
"""Of two adapters of equal ranks: only rounding may part them, and the bytes of a sketch (less than 0.001)."""
LEAST_EIGHT_BITS = 0.85
NARROW = 512
NARROW_LEAST = 0.15
"""Of sketches folded to 512 numbers, which spread by 0.044: a first sieve for large libraries. One stranger in 3,000
passes it, and one pair in 3,000 of those that are just near enough is lost."""
MANY = 2000
BLOCK = 1024


def proposed(sketches: Sequence[Sketch]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of places in `sketches`, smaller first, that may be one adapter."""
    buckets: dict[tuple[int, ...], list[int]] = {}
    for place, sketch in enumerate(sketches):
        if not sketch.empty:
            buckets.setdefault(sketch.keys, []).append(place)
    for places in buckets.values():
        if len(places) > 1:
            yield from _within([sketches[place] for place in places], places)


def _within(sketches: Sequence[Sketch], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    vectors = np.stack([sketch.unit_vector() for sketch in sketches])
    for rows, columns in _near(vectors):
        cosines = np.einsum("ij,ij->i", vectors[rows], vectors[columns])
        near = cosines >= LEAST
        for row, column, cosine in zip(rows[near], columns[near], cosines[near], strict=True):
            if cosine >= _least(sketches[row], sketches[column]):
                one, other = sorted((places[row], places[column]))
                yield one, other


def _near(vectors: Array) -> Iterator[tuple[Places, Places]]:
    """Yield index arrays of pairs (row < column) that a narrow copy of the vectors finds near, block by block."""
    many = len(vectors) > MANY and vectors.shape[1] > NARROW
    narrow, least = (_folded(vectors), NARROW_LEAST) if many else (vectors, LEAST)
    for start in range(0, len(narrow), BLOCK):
        product = narrow[start : start + BLOCK] @ narrow[start:].T
        rows, columns = np.nonzero(product >= least)
        later = columns > rows
        if later.any():
            yield rows[later] + start, columns[later] + start


def _folded(vectors: Array) -> Array:
    """Return the vectors in 512 numbers by a fixed random projection that keeps their angles."""
    signs = np.random.default_rng(20240229).integers(0, 2, (vectors.shape[1], NARROW)).astype(np.float32) * 2 - 1
    folded = vectors @ signs
    return np.asarray(folded / np.linalg.norm(folded, axis=1, keepdims=True), np.float32)


def _least(one: Sketch, other: Sketch) -> float:
    if one.ranks != other.ranks:
        return LEAST
    return LEAST_EIGHT_BITS if one.eight_bits or other.eight_bits else LEAST_SAME_RANK
