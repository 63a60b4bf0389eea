"""Which pieces of a file several connections fetch, and how far they are: arithmetic, for one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SMALLEST = 4 << 20
LARGEST = 64 << 20
"""Bytes of a piece. Every one is a request to the hub, which signs an address for it: not too many of them."""
WORTH_IT = 32 << 20
"""Bytes that must be missing for a second connection."""

Span = tuple[int, int]


@dataclass(slots=True)
class Piece:
    """Bytes `start` to `end` (excluded); those before `position` are on the disk."""

    start: int
    end: int
    position: int


class Pieces:
    """The map of one file. Not safe to use from several threads: whoever does holds a lock.

    Args:
        size: of the file. connections: how many will take pieces.
        done: spans that are on the disk already, in any order.
    """

    def __init__(self, size: int, connections: int, done: Iterable[Span] = ()) -> None:
        self.size, self._connections = size, connections
        self._done = merged(span for span in done if span[1] <= size)
        self._missing = _gaps(self._done, size)
        self._taken: list[Piece] = []

    @property
    def complete(self) -> bool:
        """Whether every byte is there."""
        return self.spans() == [(0, self.size)]

    @property
    def got(self) -> int:
        """Bytes that are there, wherever."""
        return sum(end - start for start, end in self.spans())

    @property
    def front(self) -> int:
        """Bytes from the start on without a hole: so far the hash can follow."""
        spans = self.spans()
        return spans[0][1] if spans and spans[0][0] == 0 else 0

    def take(self) -> Piece | None:
        """Hand out the first missing bytes: large pieces first, small ones when the end is near; None: none is left."""
        if not self._missing:
            return None
        left = sum(end - start for start, end in self._missing)
        length = min(max(left // (2 * self._connections), SMALLEST), LARGEST)
        start, end = self._missing[0]
        if end - start <= length + SMALLEST // 2:
            length = end - start
            del self._missing[0]
        else:
            self._missing[0] = (start + length, end)
        piece = Piece(start, start + length, start)
        self._taken.append(piece)
        return piece

    def give_back(self, piece: Piece) -> None:
        """Note what a piece brought; the rest of it is missing again."""
        self._taken.remove(piece)
        self._done = merged([*self._done, (piece.start, piece.position)])
        if piece.position < piece.end:
            self._missing = merged([*self._missing, (piece.position, piece.end)])

    def spans(self) -> list[Span]:
        """Return what is there, in order."""
        return merged([*self._done, *((piece.start, piece.position) for piece in self._taken)])


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, joined where they touch, without empty ones."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if 0 <= span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _gaps(spans: Sequence[Span], size: int) -> list[Span]:
    edges = [0, *(edge for span in spans for edge in span), size]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
