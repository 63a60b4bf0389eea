"""Carry out a memory plan: parts that wait on the CPU come to the GPU when they work, and leave for the next one.

On a machine without a GPU nothing moves; only tiles are decoded where a picture is large.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from hubman.core.plan.memory import MemoryPlan, ModelBytes, WorkBytes, plan_cpu_memory, plan_memory, work_bytes

if TYPE_CHECKING:
    from hubman.renderers.base import Base

_PICTURES = 4
"""Pictures of a batch that the plan is made for."""


class Rota:
    """The parts of a base that take turns on the device; one that is never called stays where it waits.

    Args:
        device: where a part works.
        waiting: where it waits.
        parts: the modules that take turns, each in a group: members of one group may be there together.
    """

    def __init__(self, device: torch.device, waiting: torch.device, parts: list[tuple[str, Any]]) -> None:
        self.device = device
        self.waiting = waiting
        self.parts = parts
        self.here: set[str] = set()
        self.log: list[str] = []
        """Groups in the order in which they came, for the tests and for a person who debugs."""
        for group, module in parts:
            module.to(waiting)
            module.register_forward_pre_hook(self._arriving(group), with_kwargs=True)

    def _arriving(self, group: str) -> Any:
        def hook(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
            self.bring(group)
            return self._sent(args), self._sent(kwargs)

        return hook

    def _sent(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(self.device)
        if isinstance(value, dict):
            return {key: self._sent(item) for key, item in value.items()}
        return type(value)(map(self._sent, value)) if isinstance(value, tuple | list) else value

    def bring(self, group: str) -> None:
        """Have a group on the device, and nobody else of the rota."""
        if group in self.here:
            return
        self.leave()
        for name, module in self.parts:
            if name == group:
                module.to(self.device)
        self.here.add(group)
        self.log.append(group)

    def leave(self) -> None:
        """Send everybody back to wait."""
        for name, module in self.parts:
            if name in self.here:
                module.to(self.waiting)
        self.here.clear()


def plan_for(base: Base) -> MemoryPlan:
    """Return the plan for a base that lies in CPU memory, by what its device has free right now."""
    if base.device.type == "cuda":
        free = torch.cuda.mem_get_info(base.device)[0]
        return plan_memory(free, bytes_of(base), work_of(base, (base.native_size, base.native_size), _PICTURES))
    return MemoryPlan()


def bytes_of(base: Base) -> ModelBytes:
    """Return the bytes of the weights as they are loaded."""

    def size(*modules: Any) -> int:
        return sum(parameter.nbytes for module in modules for parameter in module.parameters())

    return ModelBytes(size(base.unet), size(base.vae), size(*(text.encoder for text in base.texts)))


def work_of(base: Base, size: tuple[int, int], pictures: int) -> WorkBytes:
    """Return the estimate of what rendering and decoding needs."""
    item = torch.finfo(base.dtype).bits // 8
    return work_bytes(
        size,
        pictures,
        factor=base.factor,
        unet_width=_width(base.unet.config),
        vae_width=int(base.vae.config.block_out_channels[0]),
        item=item,
        vae_item=4 if getattr(base.vae.config, "force_upcast", False) else item,
    )


def _width(config: Any) -> int:
    """Return the first width of a U-Net; a transformer's whole width counts a quarter, for it reads latents by four."""
    widths = getattr(config, "block_out_channels", None)
    if widths:
        return int(widths[0])
    return int(config.num_attention_heads) * int(config.attention_head_dim) // 4


def apply(base: Base, plan: MemoryPlan) -> None:
    """Put the parts where the plan wants them."""
    base.memory_plan = plan
    texts: list[tuple[str, Any]] = [("texts", text.encoder) for text in base.texts]
    away: list[tuple[str, Any]] = []
    if plan.offload:
        away = [*texts, ("denoiser", base.unet), ("vae", base.vae)]
    elif plan.texts == "host":
        away = texts
    waiting = {id(module) for _, module in away}
    for module in (base.unet, base.vae, *(text.encoder for text in base.texts)):
        if id(module) not in waiting:
            module.to(base.device)
    if away:
        base.rota = Rota(base.device, torch.device("cpu"), away)
        if not plan.offload:  # the text encoders leave as soon as the denoiser is called
            base.unet.register_forward_pre_hook(lambda *_: base.rota.leave() if base.rota else None)


def tiled(base: Base, size: tuple[int, int]) -> bool:
    """Say whether a picture of (width, height) pixels is decoded in tiles."""
    if base.device.type == "cpu":
        return plan_cpu_memory(_all_memory(), work_of(base, size, 1)).tiling
    native = base.native_size * base.native_size
    return base.memory_plan.tiling or size[0] * size[1] > 2 * native


def _all_memory() -> int:
    """Return the machine's memory in bytes; a machine that does not tell counts as one of 8 GiB."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30
