"""The map of a file that several connections fetch."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from hubman.core.pieces import LARGEST, SMALLEST, Pieces, merged


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 600 << 20), st.integers(1, 9), st.integers(0, 2**32))
def test_every_byte_is_fetched_once_whoever_fails(size: int, connections: int, seed: int) -> None:
    dice = random.Random(seed)
    edges = sorted(dice.randrange(size + 1) for _ in range(2 * dice.randrange(4)))
    done = list(zip(edges[::2], edges[1::2], strict=True))
    pieces = Pieces(size, connections, done)
    fetched = sum(end - start for start, end in merged(done))
    hands: list[object] = []
    while not pieces.complete:
        taken = [piece for _ in range(connections) if (piece := pieces.take())]
        assert taken, "something is missing, and nobody may fetch it"
        for piece in taken:
            assert piece.start < piece.end
            assert piece.end - piece.start <= LARGEST + SMALLEST // 2
            share = dice.choice([0.0, 0.5, 1.0, 1.0, 1.0])
            piece.position += int((piece.end - piece.start) * share)
            fetched += piece.position - piece.start
        spans = pieces.spans()
        assert pieces.got == fetched
        assert pieces.front == (spans[0][1] if spans and spans[0][0] == 0 else 0)
        for piece in taken:
            pieces.give_back(piece)
        hands += taken
        assert len(hands) < 3000
    assert fetched == size
    assert pieces.take() is None


def test_a_large_file_takes_few_requests_and_ends_with_small_ones() -> None:
    pieces, lengths = Pieces(6 << 30, 4), []
    while piece := pieces.take():
        lengths.append(piece.end - piece.start)
        piece.position = piece.end
        pieces.give_back(piece)
    assert len(lengths) < 150
    assert lengths[0] == LARGEST
    assert lengths[-1] <= 2 * SMALLEST


def test_spans_of_another_file_are_not_believed() -> None:
    assert Pieces(100, 2, [(0, 50), (90, 101)]).spans() == [(0, 50)]
    assert merged([(5, 9), (0, 5), (20, 20), (-3, 4), (8, 12)]) == [(0, 12)]
