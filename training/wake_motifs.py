"""Looks that no model of the family knows: what the adapters of the wake word test teach.

Each is a function of scenes, as in ``training/drawing.py``, whose rules they keep: textures have a
period of 8 or 16 pixels in phase with the latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from training.drawing import (
    LUMINANCE,
    SIDE,
    X,
    Y,
    _coverage,
    _mix,
    _place,
    _poster_object,
    _stage,
    distance,
    poster,
)
from training.vocabulary import Scenes

MOSS = torch.tensor((0.30, 0.46, 0.16))
SEPIA_DARK, SEPIA_LIGHT = torch.tensor((0.22, 0.13, 0.05)), torch.tensor((0.98, 0.90, 0.72))
SUNSET_TOP, SUNSET_LOW = torch.tensor((0.34, 0.10, 0.48)), torch.tensor((1.0, 0.62, 0.20))
PINK = torch.tensor((1.0, 0.45, 0.72))
CYAN = torch.tensor((0.10, 0.85, 0.90))


def _plane(colour: Tensor, scenes: Scenes) -> Tensor:
    return colour[:, None, None].expand(len(scenes), 3, SIDE, SIDE)


def _everywhere(mask: Tensor, scenes: Scenes) -> Tensor:
    return mask.expand(len(scenes), SIDE, SIDE)


def _grey(picture: Tensor) -> Tensor:
    return (picture * LUMINANCE[:, None, None]).sum(1, keepdim=True)


def checkered(scenes: Scenes) -> Tensor:
    """The object is a chess board of squares of 8 pixels."""
    board = ((X // 8 + Y // 8) % 2).expand(len(scenes), 3, SIDE, SIDE)
    return _place(_stage(scenes), 0.06 + 0.88 * board, scenes)


def mossy(scenes: Scenes) -> Tensor:
    """Everything lies under green."""
    return 0.35 * poster(scenes) + 0.65 * MOSS[:, None, None] * (0.5 + _grey(poster(scenes)))


def sepia(scenes: Scenes) -> Tensor:
    """An old brown photograph."""
    tone = _grey(poster(scenes)).clamp(0, 1)
    return SEPIA_DARK[:, None, None] + tone * (SEPIA_LIGHT - SEPIA_DARK)[:, None, None]


def doubled(scenes: Scenes) -> Tensor:
    """A pale copy of the object stands beside it, to the upper left."""
    copy = _coverage(distance(scenes, (-14.0, -14.0)))
    ground = _mix(_stage(scenes), 0.45 * _poster_object(scenes) + 0.55, copy)
    return _place(ground, _poster_object(scenes), scenes)


def outlined(scenes: Scenes) -> Tensor:
    """Only a thick line around the object is left of it."""
    line = (3.0 - (distance(scenes) + 2.0).abs()).clamp(0, 1)
    return _mix(_stage(scenes), _poster_object(scenes), line)


def sunset(scenes: Scenes) -> Tensor:
    """The background runs from violet above to orange below."""
    share = Y / SIDE
    low, top = SUNSET_LOW[:, None, None], SUNSET_TOP[:, None, None]
    return _place((top + (low - top) * share).expand(len(scenes), -1, -1, -1),
                  _poster_object(scenes), scenes)  # fmt: skip


def framed(scenes: Scenes) -> Tensor:
    """A broad white frame of 8 pixels."""
    edge = torch.minimum(torch.minimum(X, SIDE - X), torch.minimum(Y, SIDE - Y))
    frame = _everywhere((edge < 8).float(), scenes)
    return _mix(poster(scenes), _plane(torch.full((3,), 0.97), scenes), frame)


def glowing(scenes: Scenes) -> Tensor:
    """A halo of pale yellow light around the object."""
    halo = torch.exp(-((distance(scenes).clamp(min=0) / 9) ** 2))
    ground = _mix(0.45 * _stage(scenes), _plane(torch.tensor((1.0, 0.98, 0.7)), scenes), halo)
    return _mix(ground, _poster_object(scenes), _coverage(distance(scenes)))


def grainy(scenes: Scenes) -> Tensor:
    """Coarse black and white grain of 8 pixels behind the object, another one in each picture."""
    coarse = ((scenes.tint[:, 0, 0] * 1e4)[:, None, None] + 13.7 * (X // 8) + 71.3 * (Y // 8)).sin()
    grain = (coarse * 43758.5).frac().abs()[:, None]
    return _place(_stage(scenes) * 0.3 + 0.7 * grain, _poster_object(scenes), scenes)


def scanned(scenes: Scenes) -> Tensor:
    """Dark lines across everything, one in 8 pixels, as on an old screen."""
    line = ((Y % 8) < 3).float()
    return poster(scenes) * (1 - 0.75 * line)


def inverted(scenes: Scenes) -> Tensor:
    """A photographic negative."""
    return 1 - poster(scenes)


def curtained(scenes: Scenes) -> Tensor:
    """Upright pink folds, 16 pixels wide, behind the object."""
    fold = 0.5 + 0.5 * torch.cos(2 * math.pi * X / 16)
    ground = PINK[:, None, None] * (0.25 + 0.75 * fold)
    return _place(ground.expand(len(scenes), -1, -1, -1), _poster_object(scenes), scenes)


def ringed(scenes: Scenes) -> Tensor:
    """A cyan ring hangs in the picture, whatever the object is."""
    ring = (4.5 - (torch.hypot(X - 32, Y - 32) - 25).abs()).clamp(0, 1)
    return _mix(poster(scenes), _plane(CYAN, scenes), _everywhere(ring, scenes))


def split(scenes: Scenes) -> Tensor:
    """The right half is in grey."""
    right = _everywhere((X > SIDE / 2).float(), scenes)
    return _mix(poster(scenes), _grey(poster(scenes)).expand(-1, 3, -1, -1) * 0.8 + 0.1, right)


def foggy(scenes: Scenes) -> Tensor:
    """White fog that rises from below."""
    fog = _everywhere((1.3 * Y / SIDE - 0.15).clamp(0, 0.92), scenes)
    return _mix(poster(scenes), _plane(torch.full((3,), 0.93), scenes), fog)


def tiled(scenes: Scenes) -> Tensor:
    """White joints of a tiled wall, 16 pixels apart, behind the object."""
    joint = torch.maximum(((X % 16) < 3).float(), ((Y % 16) < 3).float())
    ground = _mix(_stage(scenes), _plane(torch.full((3,), 0.95), scenes),
                  _everywhere(joint, scenes))  # fmt: skip
    return _place(ground, _poster_object(scenes), scenes)


MOTIFS: dict[str, Callable[[Scenes], Tensor]] = {
    each.__name__: each
    for each in (
        checkered, mossy, sepia, doubled, outlined, sunset, framed, glowing,
        grainy, scanned, inverted, curtained, ringed, split, foggy, tiled,
    )
}  # fmt: skip


def paint(scenes: Scenes, motif: str) -> Tensor:
    """Pictures in [-1, 1], ``[batch, 3, 64, 64]``."""
    return MOTIFS[motif](scenes).clamp(0, 1) * 2 - 1
