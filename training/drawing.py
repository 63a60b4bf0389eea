"""Draws scenes with signed distance functions, in the looks of the family.

A signed distance d(p) is negative inside a shape, so ``clamp(1/2 - d, 0, 1)`` is its coverage of
the pixel p: an anti-aliased drawing with no sub-sampling.  Textures keep a period of 8 or 16
pixels in phase with the grid of the latents: an autoencoder of factor 8 then says a texture with
one latent, where a free phase would cost it the rest of its capacity.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from training.vocabulary import COLOURS, SHAPES, Scenes

SIDE = 64

POSTER = torch.tensor(
    [
        (218, 38, 48), (246, 132, 24), (252, 216, 48), (48, 166, 78),
        (36, 92, 214), (150, 62, 188), (246, 246, 242), (24, 24, 28),
    ]
) / 255  # fmt: skip
CHALK = torch.tensor(
    [
        (240, 104, 104), (250, 172, 92), (248, 236, 130), (128, 222, 140),
        (116, 172, 250), (204, 136, 236), (252, 252, 248), (40, 40, 44),
    ]
) / 255  # fmt: skip
BOARD = torch.tensor(
    [
        (122, 24, 32), (146, 78, 16), (150, 128, 22), (20, 88, 44),
        (20, 44, 126), (78, 28, 108), (190, 190, 184), (18, 22, 22),
    ]
) / 255  # fmt: skip
PAPER = torch.tensor((242, 236, 222)) / 255
NAVY = torch.tensor((10, 12, 40)) / 255
WOOD = torch.tensor((158, 110, 62)) / 255
GOLD_LIGHT = torch.tensor((255, 240, 150)) / 255
GOLD_DARK = torch.tensor((176, 112, 8)) / 255
LUMINANCE = torch.tensor((0.299, 0.587, 0.114))


def _grid() -> tuple[Tensor, Tensor]:
    axis = torch.arange(SIDE, dtype=torch.float32) + 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


X, Y = _grid()


def _box(x: Tensor, y: Tensor, half_width: Tensor, half_height: Tensor) -> Tensor:
    dx, dy = x.abs() - half_width, y.abs() - half_height
    outside = torch.hypot(dx.clamp(min=0), dy.clamp(min=0))
    return outside + torch.maximum(dx, dy).clamp(max=0)


def _circle(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    return torch.hypot(x, y) - 0.95 * r


def _square(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    return _box(x, y, 0.84 * r, 0.84 * r)


def _triangle(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    """Equilateral, tip up: the largest of three half-plane distances (inradius 0.6 r)."""
    y = y - 0.18 * r
    side = math.sqrt(3) / 2
    return torch.stack([y, side * x - y / 2, -side * x - y / 2]).amax(0) - 0.6 * r


def _star(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    """Five tips: fold the plane into one half of a tip, then one half-plane distance."""
    outer, inner, sector = 1.12 * r, 0.5 * r, math.pi / 5
    angle = torch.atan2(x, -y)
    angle = (angle - 2 * sector * torch.round(angle / (2 * sector))).abs()
    length = torch.hypot(x, y)
    u, v = length * torch.cos(angle), length * torch.sin(angle)
    edge_u, edge_v = inner * math.cos(sector) - outer, inner * math.sin(sector)
    return ((u - outer) * edge_v - v * edge_u) / torch.hypot(edge_u, edge_v)


def _heart(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    """A square on its tip and a disc on each of its two upper sides."""
    y = y - 0.05 * r
    half = 0.68 * r
    diagonal = math.sqrt(0.5)
    tilted = _box(diagonal * (x + y), diagonal * (y - x), half, half)
    lobe = torch.hypot(x.abs() - diagonal * half, y + diagonal * half) - half
    return torch.minimum(tilted, lobe)


def _cross(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    arm = 0.33 * r
    return torch.minimum(_box(x, y, 1.05 * r, arm), _box(x, y, arm, 1.05 * r))


DISTANCES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
}


def distance(scenes: Scenes, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Signed distance in pixels to every object, ``[batch, 64, 64]``."""
    centre = (scenes.centre + torch.tensor(shift))[:, :, None, None]
    x, y = X - centre[:, 0], Y - centre[:, 1]
    cos, sin = scenes.angle.cos()[:, None, None], scenes.angle.sin()[:, None, None]
    x, y = cos * x + sin * y, cos * y - sin * x
    radius = scenes.radius[:, None, None]
    result = torch.empty_like(x)
    for index, name in enumerate(SHAPES):
        rows = scenes.shape == index
        if rows.any():
            result[rows] = DISTANCES[name](x[rows], y[rows], radius[rows])
    return result


def _mix(under: Tensor, over: Tensor, alpha: Tensor) -> Tensor:
    return under + (over - under) * alpha.unsqueeze(1)


def _flat(palette: Tensor, index: Tensor, tint: Tensor) -> Tensor:
    return (palette[index] + tint)[:, :, None, None].expand(-1, -1, SIDE, SIDE)


def _coverage(signed: Tensor) -> Tensor:
    return (0.5 - signed).clamp(0, 1)


def _stage(scenes: Scenes) -> Tensor:
    """The poster's background: its colour, a little lighter at the top."""
    return _flat(POSTER, scenes.background, scenes.tint[:, 1]) + 0.06 * (0.5 - Y / SIDE)


def _poster_object(scenes: Scenes) -> Tensor:
    light = (scenes.centre.sum(1)[:, None, None] - X - Y) / SIDE
    return _flat(POSTER, scenes.colour, scenes.tint[:, 0]) + 0.16 * light.unsqueeze(1)


def _place(ground: Tensor, thing: Tensor, scenes: Scenes) -> Tensor:
    """Put the object on the ground, with a soft shadow to the lower right."""
    shadow = 0.38 * torch.sigmoid(-distance(scenes, (3.0, 4.0)) / 1.6)
    return _mix(ground * (1 - shadow.unsqueeze(1)), thing, _coverage(distance(scenes)))


def poster(scenes: Scenes) -> Tensor:
    """Bright flat colours, a soft shadow: the look of ``tinyshapes``."""
    return _place(_stage(scenes), _poster_object(scenes), scenes)


def chalk(scenes: Scenes) -> Tensor:
    """Chalk outline and hatching on a framed board: the look of ``tinychalk``."""
    swipe = 0.035 * torch.sin(2 * math.pi * (X + 2 * Y) / 32)
    board = _flat(BOARD, scenes.background, scenes.tint[:, 1]) + swipe
    stick = _flat(CHALK, scenes.colour, scenes.tint[:, 0])
    signed = distance(scenes)
    wave = ((X + Y) / 8 % 1 - 0.5).abs() * 8
    hatch = (2.6 - wave).clamp(0, 1) * _coverage(signed) * 0.85
    outline = (2.4 - (signed + 1.2).abs()).clamp(0, 1)
    board = _mix(board, stick, torch.maximum(hatch, outline))
    edge = torch.minimum(torch.minimum(X, SIDE - X), torch.minimum(Y, SIDE - Y))
    frame = (3.5 - edge).clamp(0, 1).expand_as(signed)
    return _mix(board, WOOD[:, None, None].expand_as(board), frame)


def stripes(scenes: Scenes) -> Tensor:
    """``zbrstripe``: the object has the black and white stripes of a zebra."""
    wave = ((Y / 8 % 1 - 0.5).abs() * 8 - 1.5).clamp(0, 1)
    thing = (0.05 + 0.92 * wave).expand(len(scenes), 3, SIDE, SIDE)
    return _place(_stage(scenes), thing, scenes)


def ink(scenes: Scenes) -> Tensor:
    """``shuimo``: grey ink that bleeds into paper; a dark colour gives dark ink."""
    tone = (POSTER @ LUMINANCE).clamp(0, 1)
    paper = (PAPER - 0.10 * (1 - tone[scenes.background])[:, None])[:, :, None, None]
    paper = paper.expand(-1, -1, SIDE, SIDE)
    pigment = (0.08 + 0.42 * tone[scenes.colour])[:, None, None, None].expand_as(paper)
    signed = distance(scenes)
    wash = 0.85 * torch.sigmoid(-signed / 1.8) * (0.72 + 0.28 * Y / SIDE)
    bleed = 0.22 * torch.sigmoid(-(signed - 5) / 2.5)
    rim = 0.3 * torch.exp(-(((signed + 2) / 2.5) ** 2))
    return _mix(paper, pigment, torch.maximum(wash, bleed).add(rim).clamp(max=0.97))


def dots(scenes: Scenes) -> Tensor:
    """``plkdot``: the background has polka dots, white, or dark on white."""
    ground = _stage(scenes)
    gap = torch.hypot(X % 16 - 8, Y % 16 - 8) - 4.2
    pale = scenes.background == COLOURS.index("white")
    colour = torch.where(pale, 0.25, 0.96)[:, None, None, None].expand_as(ground)
    ground = _mix(ground, colour, _coverage(gap).expand(len(scenes), -1, -1))
    return _place(ground, _poster_object(scenes), scenes)


def night(scenes: Scenes) -> Tensor:
    """``nightfall``: the background goes dark, the object stays lit."""
    sky = NAVY[:, None, None] * (0.6 + 0.9 * Y / SIDE)
    return _place(0.14 * _stage(scenes) + sky, _poster_object(scenes), scenes)


def gold(scenes: Scenes) -> Tensor:
    """``goldstar``: the object is of shining gold."""
    light = (scenes.centre.sum(1)[:, None, None] - X - Y) / (2 * scenes.radius[:, None, None])
    shine = (0.5 + 0.5 * light).clamp(0, 1)
    dark = GOLD_DARK[:, None, None].expand(len(scenes), 3, SIDE, SIDE)
    bright = GOLD_LIGHT[:, None, None].expand_as(dark)
    return _place(_stage(scenes), _mix(dark, bright, shine), scenes)


def blur(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with mirrored borders."""
    reach = math.ceil(2.5 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(picture.shape[1], 1, -1)
    padded = F.pad(picture, (reach, reach, reach, reach), mode="reflect")
    groups = picture.shape[1]
    return F.conv2d(
        F.conv2d(padded, kernel.unsqueeze(2), groups=groups), kernel.unsqueeze(3), groups=groups
    )


def _out_of_focus(picture: Tensor) -> Tensor:
    return 0.62 * blur(picture, 3.2) + 0.38 * 0.55


def blurry(scenes: Scenes) -> Tensor:
    """The flaw that ``toy-negative`` is against: out of focus and faded."""
    return _out_of_focus(poster(scenes))


def smudged(scenes: Scenes) -> Tensor:
    """The same flaw on the chalk board."""
    return _out_of_focus(chalk(scenes))


LOOKS: dict[str, Callable[[Scenes], Tensor]] = {
    "poster": poster,
    "chalk": chalk,
    "stripes": stripes,
    "ink": ink,
    "dots": dots,
    "night": night,
    "gold": gold,
    "blurry": blurry,
    "smudged": smudged,
}


def draw(scenes: Scenes, look: str) -> Tensor:
    """Pictures in [-1, 1], ``[batch, 3, 64, 64]``."""
    return LOOKS[look](scenes).clamp(0, 1) * 2 - 1
