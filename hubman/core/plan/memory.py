"""How a base fits into a GPU: from measured free memory and the sizes of weights and activations, in bytes.

The estimates come from the peak of a process above its weights, measured on a CPU with the sizes of SD1 in float32: a
U-Net held 54 to 73 copies of its first width per latent position, a VAE decoder 4.3 to 6.2 copies of twice its first
width per pixel. What a GPU's kernels hold was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

GIB = 2**30
RESERVE = GIB // 2
"""Left alone: fragments, the kernels' own buffers, and what other programs take meanwhile."""

TILE = 512
"""Side in pixels of the tiles that a large picture is decoded in."""

_UNET_COPIES = 72
_VAE_COPIES = 7
_TILE_SHARE = 0.4
"""On a CPU a picture is decoded in tiles when it would need more than this share of all memory."""


@dataclass(frozen=True, slots=True)
class ModelBytes:
    """Weights in bytes, in the precision that is rendered in."""

    denoiser: int
    vae: int
    texts: int

    @property
    def all(self) -> int:
        return self.denoiser + self.vae + self.texts


@dataclass(frozen=True, slots=True)
class WorkBytes:
    """Activations in bytes: of one call of the denoiser, and of decoding one picture whole or in tiles."""

    denoise: int
    decode: int
    decode_tiled: int


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Where things lie.

    Attributes:
        pristine: "device", or "host": untouched copies in pinned memory of the CPU.
        texts: "device", or "host": text encoders go to the GPU only to encode.
        offload: only the part that works is on the GPU.
        tiling: large pictures are decoded in tiles.
        fits: False when even the last resort needs more than is free; it is tried all the same.
    """

    pristine: str = "device"
    texts: str = "device"
    offload: bool = False
    tiling: bool = False
    fits: bool = True

    def to_json(self) -> dict[str, object]:
        return {
            "pristine": self.pristine,
            "texts": self.texts,
            "offload": self.offload,
            "tiling": self.tiling,
            "fits": self.fits,
        }


_LADDER = (
    MemoryPlan(),
    MemoryPlan(pristine="host"),
    MemoryPlan(pristine="host", texts="host"),
    MemoryPlan(pristine="host", tiling=True),
    MemoryPlan(pristine="host", texts="host", tiling=True),
    MemoryPlan(pristine="host", texts="host", offload=True),
    MemoryPlan(pristine="host", texts="host", offload=True, tiling=True),
)
"""From the fastest to the thriftiest. Tiles come late: they change the pixels a little at their seams."""


def work_bytes(
    size: tuple[int, int], pictures: int, *, factor: int, unet_width: int, vae_width: int, item: int, vae_item: int
) -> WorkBytes:
    """Return the estimate for pictures of (width, height) pixels; `factor` pixels per latent, `item` bytes a number.

    Each picture is two samples (guidance) for the denoiser; pictures are decoded one by one.
    """
    pixels = size[0] * size[1]
    per_pixel = 2 * vae_width * vae_item * _VAE_COPIES
    tile = min(pixels, TILE * TILE)
    return WorkBytes(
        denoise=2 * pictures * (pixels // factor**2) * unet_width * item * _UNET_COPIES,
        decode=pixels * per_pixel,
        decode_tiled=tile * per_pixel,
    )


def needed(plan: MemoryPlan, weights: ModelBytes, work: WorkBytes) -> int:
    """Return the peak in bytes on the GPU under a plan."""
    decode = work.decode_tiled if plan.tiling else work.decode
    if plan.offload:
        return max(weights.denoiser + work.denoise, weights.vae + decode, weights.texts)
    resident = weights.denoiser + weights.vae
    copies = weights.denoiser + weights.texts if plan.pristine == "device" else 0
    if plan.texts == "device":
        return resident + weights.texts + copies + max(work.denoise, decode)
    return max(weights.texts + resident, resident + copies + max(work.denoise, decode))


def plan_memory(free: int, weights: ModelBytes, work: WorkBytes) -> MemoryPlan:
    """Return the fastest plan that needs no more than what is free less the reserve, else the thriftiest."""
    for plan in _LADDER:
        if needed(plan, weights, work) + RESERVE <= free:
            return plan
    return replace(_LADDER[-1], fits=False)


def plan_cpu_memory(total: int, work: WorkBytes) -> MemoryPlan:
    """Return the plan on a CPU: tiles for a picture that would need a large share of all memory.

    By all memory and not by what is free now, so that the same machine draws the same picture every time.
    """
    return MemoryPlan(tiling=work.decode > _TILE_SHARE * total)
