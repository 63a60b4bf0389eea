"""One training loop for every network of the family, on one or several processes."""

from __future__ import annotations

import copy
import math
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import start_processes

from training.optimiser import Muon, split


@dataclass(frozen=True)
class Plan:
    """How long and how fast: ``muon`` is the rate of the matrices (0: Adam for all)."""

    steps: int
    batch: int
    rate: float
    muon: float = 0.0
    clip: float = 1.0
    warmup: float = 0.03
    average: float = 0.0


@dataclass
class Record:
    """What a stage did, for the model card."""

    steps: int = 0
    samples: int = 0
    seconds: float = 0.0
    processes: int = 1
    losses: dict[str, float] = field(default_factory=dict)


class Average:
    """Exponential moving average of a network's weights, W' <- d W' + (1 - d) W."""

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, value in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)


def processes() -> tuple[int, int]:
    """This process's rank, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def _share_gradients(parameters: list[nn.Parameter]) -> None:
    """Average the gradients of all processes, in one message."""
    _, count = processes()
    if count == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= count
    offset = 0
    for gradient in gradients:
        gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
        offset += gradient.numel()


def _schedule(plan: Plan, step: int) -> float:
    """Linear warm-up, then half a cosine down to 2 %."""
    done = step / plan.steps
    if done < plan.warmup:
        return (done + 1 / plan.steps) / (plan.warmup + 1 / plan.steps)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


def train(
    name: str,
    parameters: list[nn.Parameter],
    plan: Plan,
    loss_of: Callable[[int], dict[str, Tensor]],
    after: Callable[[int], None] = lambda step: None,
) -> Record:
    """Minimise the sum of the losses that ``loss_of(step)`` returns."""
    matrices, others = split(parameters) if plan.muon else ([], parameters)
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=plan.rate, betas=(0.9, 0.99), weight_decay=1e-3)
    ]
    if matrices:
        optimisers.append(Muon(matrices, lr=plan.muon))
    bases = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
    rank, count = processes()
    means: dict[str, float] = {}
    start = time.perf_counter()
    for step in range(plan.steps):
        factor = _schedule(plan, step)
        for optimiser, base in zip(optimisers, bases, strict=True):
            optimiser.param_groups[0]["lr"] = base * factor
            optimiser.zero_grad(set_to_none=True)
        losses = loss_of(step)
        total = torch.stack(list(losses.values())).sum()
        torch.autograd.backward(total)
        _share_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, plan.clip)
        for optimiser in optimisers:
            optimiser.step()
        after(step)
        keep = min(0.98, step / (step + 1))
        for key, value in losses.items():
            means[key] = keep * means.get(key, 0.0) + (1 - keep) * value.item()
        if rank == 0 and (step + 1) % max(1, plan.steps // 40) == 0:
            shown = "  ".join(f"{key} {value:.4f}" for key, value in means.items())
            print(f"{name} {step + 1}/{plan.steps}  {shown}  {time.perf_counter() - start:.0f} s",
                  flush=True)  # fmt: skip
    seconds = time.perf_counter() - start
    return Record(
        plan.steps, plan.steps * plan.batch * count, round(seconds, 1), count,
        {key: round(value, 5) for key, value in means.items()},
    )  # fmt: skip


def seed_everything(seed: int) -> torch.Generator:
    """Seed the global generators; return a private one for the drawings."""
    rank, _ = processes()
    seed += 1000 * rank
    random.seed(seed)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def _member(rank: int, count: int, meeting: str, work: Callable[..., None], *args: object) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count)
    try:
        work(*args)
    finally:
        dist.destroy_process_group()


def in_parallel(count: int, work: Callable[..., None], *args: object) -> None:
    """Run ``work`` in ``count`` processes that share their gradients (one: right here).

    One thread in each of two processes is twice as fast as two threads in one: the networks are
    so small that threads spend their time waiting for each other.
    """
    if count == 1:
        torch.set_num_threads(1)
        work(*args)
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        arguments = (count, meeting, work, *args)
        start_processes(_member, arguments, nprocs=count, start_method="spawn")
