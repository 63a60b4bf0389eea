"""Options about pictures that several commands have: seeds and prompts, as people type them."""

from __future__ import annotations

import re

import click

LARGEST_SEED = 2**64 - 1
MOST_SEEDS = 64
SIDES = (64, 4096)
"""Least and largest side of a picture in pixels."""


def parse_seeds(text: str | None) -> tuple[int, ...] | None:
    """Return the seeds of `1,2,3`; None for none given."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    known = all(re.fullmatch("[0-9]{1,20}", part) and int(part) <= LARGEST_SEED for part in parts)
    if not known or len(parts) > MOST_SEEDS:
        raise click.BadParameter(f"{text!r} is no list of seeds, like 1,2,3", param_hint="--seeds")
    return tuple(int(part) for part in parts)


def plain_prompt(prompt: str | None, option: str) -> str | None:
    """Refuse adapter tags in a prompt: the pictures are made without them, and the recipe would not be true."""
    from hubman.core.prompt import extract_tags

    if prompt and extract_tags(prompt)[1]:
        raise click.BadParameter("adapters in it are not applied; name the adapter as MODEL", param_hint=option)
    return prompt


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return (width, height) of `512x768`; None for none given."""
    if text is None:
        return None
    match = re.fullmatch("([0-9]{1,5})[xX×]([0-9]{1,5})", text)
    sides = [int(side) for side in match.groups()] if match else []
    if not sides or not all(SIDES[0] <= side <= SIDES[1] and side % 8 == 0 for side in sides):
        raise click.BadParameter(
            f"{text!r} is no size: two multiples of 8 from {SIDES[0]} to {SIDES[1]}, like 512x768", param_hint="--size"
        )
    return sides[0], sides[1]
