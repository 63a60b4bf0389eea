"""Prompt editing, alternation and AND: what is said at each step."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubman.core.prompt import parse_spans
from hubman.core.prompt_steps import split_and, step_texts


def runs(prompt: str, steps: int = 10) -> list[tuple[int, str]]:
    """Return (last step, text) of each stretch of equal prompts."""
    texts = step_texts(prompt, steps)
    assert len(texts) == steps
    told, done = [], 0
    for text, same in groupby(texts):
        done += len(list(same))
        told.append((done, text))
    return told


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a cat", [(10, "a cat")]),
        ("a [red:blue:4] ball", [(4, "a red ball"), (10, "a blue ball")]),
        ("a [red:blue:0.3] ball", [(3, "a red ball"), (10, "a blue ball")]),
        ("a [red:blue:.5] ball", [(5, "a red ball"), (10, "a blue ball")]),
        ("a [hat:3]", [(3, "a "), (10, "a hat")]),
        ("a [hat: 3 ]", [(3, "a "), (10, "a hat")]),
        ("a [hat::3]", [(3, "a hat"), (10, "a ")]),
        ("a [::3]b", [(10, "a b")]),
        ("a [x:y:0] b", [(10, "a y b")]),
        ("a [x:y:-2] b", [(10, "a y b")]),
        ("a [x:y:1.0] b", [(10, "a x b")]),
        ("a [x:y:99] b", [(10, "a x b")]),
        ("a [x:y:1] b", [(1, "a x b"), (10, "a y b")]),
        ("[(red:1.4):blue:2]", [(2, "(red:1.4)"), (10, "blue")]),
        ("([red:blue:2]:1.4)", [(2, "(red:1.4)"), (10, "(blue:1.4)")]),
        ("[a:[b:c:6]:3]", [(3, "a"), (6, "b"), (10, "c")]),
        ("a [[[dim]]:2]", [(2, "a "), (10, "a [[dim]]")]),
        ("[a|b] x", [(n, f"{'ab'[(n - 1) % 2]} x") for n in range(1, 11)]),
        ("[a||] x", [(1, "a x"), (3, " x"), (4, "a x"), (6, " x"), (7, "a x"), (9, " x"), (10, "a x")]),
        ("[[a|b]:c:2]", [(1, "a"), (2, "b"), (10, "c")]),
        (
            "[a|[b:c:4]]",
            [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "a"), (6, "c"), (7, "a"), (8, "c"), (9, "a"), (10, "c")],
        ),
        ("[水墨:油画:5]", [(5, "水墨"), (10, "油画")]),
    ],
)
def test_each_step_has_its_text(prompt: str, said: list[tuple[int, str]]) -> None:
    """After `when` steps (or that share of them, with a point) the other words come."""
    assert runs(prompt) == said


@pytest.mark.parametrize(
    "prompt",
    [
        "[dim]", "((bright))", "(x:1.2)", "a: b | c", "[a:b:c]", "[a:b:c:5]", "[a:5", "a:5]", "[a|b:5]", "[a:b:5:]",
        r"[a\:b:c]", r"\[a:b:5\]", r"[a\|b]", "[:)", "(a [b:5)", "[a(:b:5]", "[a:b:1e3]", "[a:b:１]", "［a:b:5］",
    ],
)  # fmt: skip
def test_what_is_no_editing_stays_as_it_is(prompt: str) -> None:
    """Plain emphasis, unbalanced and escaped brackets, numbers that are none."""
    assert runs(prompt) == [(10, prompt)]


def test_the_wikis_long_example() -> None:
    """From the WebUI's wiki, page Features, "Prompt editing": 100 steps."""
    prompt = (
        "fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75]"
        "[ in foreground::0.6][ in background:0.25] [shoddy:masterful:0.5]"
    )
    start = "fantasy landscape with a "
    assert runs(prompt, 100) == [
        (25, start + "mountain and an oak in foreground shoddy"),
        (50, start + "lake and an oak in foreground in background shoddy"),
        (60, start + "lake and an oak in foreground in background masterful"),
        (75, start + "lake and an oak in background masterful"),
        (100, start + "lake and a christmas tree in background masterful"),
    ]


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("at 12:30", [("at 12:30", 1.0)]),
        ("a cat AND a dog", [("a cat ", 1.0), (" a dog", 1.0)]),
        ("a cat :1.2 AND a dog:-.5 AND b :2 ", [("a cat ", 1.2), (" a dog", -0.5), (" b ", 2.0)]),
        ("a (cat:1.2) AND b", [("a (cat:1.2) ", 1.0), (" b", 1.0)]),
        ("SAND AND LAND", [("SAND ", 1.0), (" LAND", 1.0)]),
        ("you and me", [("you and me", 1.0)]),
        ("AND", [("", 1.0), ("", 1.0)]),
    ],
)
def test_and_joins_prompts_with_weights(prompt: str, parts: list[tuple[str, float]]) -> None:
    assert list(split_and(prompt)) == parts


marks = st.text(st.sampled_from("[]()|:\\ab 1.0水：")) | st.text()


@given(marks, st.integers(1, 30))
@example("[" * 3000 + "a:b:5" + "]" * 3000, 3)
@example("[a:" * 500, 2)
@example("[a:b:" + "9" * 400 + "]", 2)
@example("\\", 2)
def test_no_text_raises_and_nothing_is_made_up(prompt: str, steps: int) -> None:
    """Every text is a subset of the prompt, for no step more."""
    texts = step_texts(prompt, steps)
    assert len(texts) == steps
    assert all(len(text) <= len(prompt) for text in texts)
    for text in set(texts):
        assert parse_spans(text)
    assert all(isinstance(weight, float) for _, weight in split_and(prompt))
