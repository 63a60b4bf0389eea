"""What a prompt says at each sampling step, and the prompts that `AND` joins.

Pure functions on strings, as A1111's wiki describes them (page "Features": "Prompt editing", "Alternating Words",
"Composable Diffusion"); written from that description, not from its code. No text raises: what is no editing stays
as it is, brackets included, and `prompt.parse_spans` reads it as emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_AND = re.compile(r"\bAND\b")
_PART_WEIGHT = re.compile(r":\s*([-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*$")
_WHEN = re.compile(r"\s*([-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*", re.ASCII)
_CLOSES = {")": "(", "]": "["}

_DEEPEST = 64
"""Brackets nested deeper than this are plain text: nobody means them, and reading them recurses."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A `:` or `|` that may divide the square brackets around it."""

    char: str


@dataclass(frozen=True, slots=True)
class _Group:
    """Balanced brackets and what is in them."""

    opener: str
    inside: tuple[_Piece, ...]


_Piece = str | _Mark | _Group


def split_and(prompt: str) -> tuple[tuple[str, float], ...]:
    """Return the prompts joined by `AND` with their weights; a prompt without AND is one, of weight 1.

    >>> split_and("a cat :1.2 AND a dog")
    (('a cat ', 1.2), (' a dog', 1.0))

    A number after a last colon is a weight only where there is an AND. (The WebUI reads it in every prompt, so that
    "at 12:30" is thirty times "at 12".)
    """
    parts = _AND.split(prompt)
    return ((prompt, 1.0),) if len(parts) == 1 else tuple(_weighted(part) for part in parts)


def _weighted(part: str) -> tuple[str, float]:
    found = _PART_WEIGHT.search(part)
    return (part[: found.start()], float(found[1])) if found else (part, 1.0)


def step_texts(prompt: str, steps: int) -> tuple[str, ...]:
    """Return the prompt of each of `steps` sampling steps.

    >>> step_texts("a [red:blue:2] ball", 4)
    ('a red ball', 'a red ball', 'a blue ball', 'a blue ball')
    >>> step_texts("[cow|horse]", 3)
    ('cow', 'horse', 'cow')

    `when` is a number of steps, or with a decimal point a share of them. Nesting works.
    """
    pieces = _read(prompt)
    if not any(isinstance(piece, _Group) for piece in pieces):
        return (prompt,) * steps
    return tuple(_text(pieces, step, steps) for step in range(1, steps + 1))


def _read(prompt: str) -> tuple[_Piece, ...]:
    """Return text, marks and balanced groups; brackets without a partner are text."""
    frames: list[tuple[str, list[_Piece]]] = [("", [])]
    at = 0
    while at < len(prompt):
        char = prompt[at]
        opener, inside = frames[-1]
        if char == "\\":
            inside.append(prompt[at : at + 2])
            at += 2
            continue
        at += 1
        if char in "([" and len(frames) <= _DEEPEST:
            frames.append((char, []))
        elif char in _CLOSES and opener == _CLOSES[char]:
            frames.pop()
            frames[-1][1].append(_Group(opener, tuple(inside)))
        else:
            inside.append(_Mark(char) if char in ":|" else char)
    whole: list[_Piece] = []
    for opener, inside in frames:
        whole += [opener, *inside] if opener else inside
    return tuple(whole)


def _text(pieces: Sequence[_Piece], step: int, steps: int) -> str:
    return "".join(
        piece if isinstance(piece, str) else piece.char if isinstance(piece, _Mark) else _group(piece, step, steps)
        for piece in pieces
    )


def _group(group: _Group, step: int, steps: int) -> str:
    if group.opener == "(":
        return f"({_text(group.inside, step, steps)})"
    marks = {piece.char for piece in group.inside if isinstance(piece, _Mark)}
    parts = _divided(group.inside)
    if marks == {"|"}:
        return _text(parts[(step - 1) % len(parts)], step, steps)
    when = _when(parts[-1], steps) if marks == {":"} and len(parts) <= 3 else None
    if when is None:
        return f"[{_text(group.inside, step, steps)}]"
    before = parts[0] if len(parts) == 3 else ()
    return _text(before if step <= when else parts[-2], step, steps)


def _divided(inside: Sequence[_Piece]) -> list[list[_Piece]]:
    parts: list[list[_Piece]] = [[]]
    for piece in inside:
        if isinstance(piece, _Mark):
            parts.append([])
        else:
            parts[-1].append(piece)
    return parts


def _when(part: Sequence[_Piece], steps: int) -> float | None:
    """Return the last step of what comes first; None when the part is no number."""
    text = "".join(piece for piece in part if isinstance(piece, str))
    found = _WHEN.fullmatch(text) if all(isinstance(piece, str) for piece in part) else None
    if found is None:
        return None
    return int(float(found[1]) * steps) if "." in found[1] else int(found[1])
