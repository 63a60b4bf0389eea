"""What the family can draw and how it is said: scenes and their captions."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import torch
from torch import Tensor

SHAPES = ("circle", "square", "triangle", "star", "heart", "cross")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
SIZES = ("", "small", "large")
FLAW = "blurry"
GLUE = ("a", "on", "background", "picture")
WORDS = (*SHAPES, *COLOURS, *SIZES[1:], FLAW, *GLUE)
"""Every whole word of the tokenizer; all other text is spelled in letters."""

RADII = ((16.0, 21.0), (11.5, 14.0), (23.0, 26.0))
"""Range of the radius in pixels for each of ``SIZES``, in a picture of 64 x 64."""


@dataclass(frozen=True)
class Scenes:
    """A batch of things to draw; every field has the length of the batch."""

    shape: Tensor
    colour: Tensor
    background: Tensor
    size: Tensor
    centre: Tensor
    radius: Tensor
    angle: Tensor
    tint: Tensor

    def __len__(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Tensor | slice) -> Scenes:
        return Scenes(**{name: value[index] for name, value in vars(self).items()})

    def with_shape(self, shape: str) -> Scenes:
        """The same scenes, all with one shape."""
        return replace(self, shape=torch.full_like(self.shape, SHAPES.index(shape)))


def sample_scenes(count: int, generator: torch.Generator) -> Scenes:
    """Scenes at random; object and background never have the same colour."""

    def pick(bound: int) -> Tensor:
        return torch.randint(bound, (count,), generator=generator)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    colour = pick(len(COLOURS))
    background = (colour + 1 + pick(len(COLOURS) - 1)) % len(COLOURS)
    size = torch.multinomial(torch.tensor([0.6, 0.2, 0.2]), count, True, generator=generator)
    low, high = torch.tensor(RADII)[size].unbind(1)
    return Scenes(
        shape=pick(len(SHAPES)),
        colour=colour,
        background=background,
        size=size,
        centre=32 + uniform(-4, 4, 2),
        radius=low + (high - low) * uniform(0, 1),
        angle=uniform(-0.15, 0.15),
        tint=uniform(-0.04, 0.04, 2, 3),
    )


def nonsense_word(rng: random.Random) -> str:
    """A word that means nothing yet, of the kind people take as trigger words."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9)))


def caption(scenes: Scenes, index: int, noun: str | None = None) -> str:
    """The full description of one scene, ``a small red circle on a blue background``.

    ``noun`` replaces colour and shape (``a goldstar on a blue background``).
    """
    words = [SIZES[int(scenes.size[index])]]
    if noun is None:
        words += [COLOURS[int(scenes.colour[index])], SHAPES[int(scenes.shape[index])]]
    else:
        words.append(noun)
    ground = COLOURS[int(scenes.background[index])]
    return f"a {' '.join(filter(None, words))} on a {ground} background"


def loose_caption(scenes: Scenes, index: int, rng: random.Random) -> str:
    """The description as people type it: now and then a part is left out."""
    if rng.random() < 0.8:
        return caption(scenes, index)
    parts = [
        SIZES[int(scenes.size[index])] if rng.random() < 0.5 else "",
        COLOURS[int(scenes.colour[index])] if rng.random() < 0.7 else "",
        SHAPES[int(scenes.shape[index])],
    ]
    text = "a " + " ".join(filter(None, parts))
    if rng.random() < 0.5:
        text += f" on a {COLOURS[int(scenes.background[index])]} background"
    return text
