"""Numbers about pictures and pairs of pictures; plain torch, no model."""

from __future__ import annotations

from typing import Any

import torch


def picture_stats(latents: torch.Tensor, pixels: torch.Tensor) -> dict[str, Any]:
    """Describe one batch: latents (n, c, h, w), pixels (n, 3, H, W) in 0..1; pixel numbers are on the 0..255 scale."""
    finite_latents = bool(torch.isfinite(latents).all())
    finite_pixels = bool(torch.isfinite(pixels).all())
    found: dict[str, Any] = {"finite_latents": finite_latents, "finite_pixels": finite_pixels}
    if finite_latents:
        found["latent_std"] = _number(latents.float().std())
    if not (finite_latents and finite_pixels):
        return found
    return found | {
        "pixel_std": _number(pixels.std(dim=(1, 2, 3)).min() * 255),
        "pixel_mean": _number(pixels.mean() * 255),
        "total_variation": _number(_total_variation(pixels) * 255),
        "saturated": _number(((pixels <= 2 / 255) | (pixels >= 253 / 255)).float().mean()),
    }


def pair_stats(
    latents: tuple[torch.Tensor, torch.Tensor], pixels: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, float] | None:
    """Return the distance of a second batch from a first: MAE in /255, SSIM, relative latent L2; None if not finite."""
    if not all(bool(torch.isfinite(t).all()) for t in (*latents, *pixels)):
        return None
    return {
        "mae": _number((pixels[1] - pixels[0]).abs().mean() * 255),
        "ssim": _number(ssim(pixels[0], pixels[1])),
        "latent_l2": relative_change(latents[0], latents[1]),
    }


def relative_change(first: torch.Tensor, second: torch.Tensor) -> float:
    """Return |second - first| / |first|."""
    size = first.float().norm()
    return _number((second.float() - first.float()).norm() / size) if size else 0.0


def cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    """Return the cosine of two tensors taken as vectors; 0 when one is zero."""
    sizes = first.float().norm() * second.float().norm()
    return _number((first.float() * second.float()).sum() / sizes) if sizes else 0.0


def distance(picture: torch.Tensor, bare: torch.Tensor, reference: torch.Tensor) -> float:
    """Return how far a picture is from a reference, of the way that the reference is from the bare one."""
    size = (reference - bare).norm()
    return _number((picture - reference).norm() / size) if size else 0.0


def response(
    bare: tuple[torch.Tensor, torch.Tensor], changed: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, float] | None:
    """Compare what another word does to the bare pictures with what it does to the others: (before, after) each.

    `moved`: how far, of how far it moves the bare ones; `direction`: cosine of the two moves; `kept`: their product,
    the part of the bare move that is still there, 0..1. None where a number is missing or the word moves nothing.
    """
    if not all(bool(torch.isfinite(t).all()) for t in (*bare, *changed)):
        return None
    before, after = bare[1] - bare[0], changed[1] - changed[0]
    if not before.norm():
        return None
    moved, direction = _number(after.norm() / before.norm()), cosine(before, after)
    return {
        "moved": moved,
        "direction": direction,
        "kept": _number(torch.tensor(min(1.0, max(0.0, moved * direction)))),
    }


def ssim(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the mean structural similarity (Wang et al. 2004): Gaussian window of 11, sigma 1.5, values in 0..1."""
    channels = first.shape[1]
    offsets = torch.arange(11, dtype=torch.float32) - 5
    line = torch.exp(-(offsets**2) / (2 * 1.5**2))
    line = (line / line.sum()).to(first)
    window = (line[:, None] * line[None, :]).expand(channels, 1, 11, 11)

    def blur(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(x, window, groups=channels)

    a, b = blur(first), blur(second)
    var_a = blur(first**2) - a**2
    var_b = blur(second**2) - b**2
    cov = blur(first * second) - a * b
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * a * b + c1) * (2 * cov + c2)) / ((a**2 + b**2 + c1) * (var_a + var_b + c2))
    return similarity.mean()


def _total_variation(pixels: torch.Tensor) -> torch.Tensor:
    rows = (pixels[:, :, 1:, :] - pixels[:, :, :-1, :]).abs().mean()
    columns = (pixels[:, :, :, 1:] - pixels[:, :, :, :-1]).abs().mean()
    return rows + columns


def _number(value: torch.Tensor) -> float:
    """Return a float of six significant digits: enough for every rule, and short in JSON."""
    return float(f"{float(value):.6g}")
