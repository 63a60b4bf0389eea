"""Adapters made from those of the demo family: the same effect in every algorithm, and every way to be wrong.

A LoRA's change of a weight is written anew in another algorithm's tensors, exactly where that algorithm can say it
(LoRA with a mid, LoHa, LoKr, DoRA, GLoRA, full) and as near as a rotation comes (OFT, BOFT). IA3 can only rescale rows:
it is taught for some seconds to predict what the LoRA predicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from safetensors.torch import load_file

from hubman.core.plan.modules import adapter_layout
from hubman.renderers.adapters import infos

Tensors = dict[str, torch.Tensor]
Writer = Callable[["Piece"], Tensors]


@dataclass
class Piece:
    """One module of a LoRA: factors as matrices (rows, r) and (r, columns), alpha applied, and the weight changed."""

    name: str
    up: torch.Tensor
    down: torch.Tensor
    parameter: torch.nn.Parameter

    @property
    def weight(self) -> torch.Tensor:
        return self.parameter.detach()

    @property
    def delta(self) -> torch.Tensor:
        return (self.up @ self.down).reshape(self.weight.shape)

    @property
    def rank(self) -> int:
        return self.down.shape[0]

    def as_lora(self) -> Tensors:
        tail = self.weight.shape[2:]
        up = self.up.reshape(*self.up.shape, *(1,) * len(tail))
        return {"lora_up.weight": up, "lora_down.weight": self.down.reshape(self.rank, -1, *tail)} | self._alpha()

    def _alpha(self, rank: int | None = None) -> Tensors:
        return {"alpha": torch.tensor(float(rank or self.rank))}


def pieces(base, path: str) -> Iterator[Piece]:
    """Yield the modules of a LoRA file with their factors in float32 and the weights of the base that they change."""
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    for module in adapter_layout(infos(tensors)).modules:
        places = base.layout.places(module.part, module.key)
        weight = base.modules[places[0].key].weight
        up, down = (tensors[module.tensors[role][0]].flatten(1) for role in ("up", "down"))
        scale = float(tensors[module.tensors["alpha"][0]]) / down.shape[0]
        yield Piece(module.name, up * scale, down, weight)


def _mid(piece: Piece) -> Tensors:
    """Split the down of a convolution into a mid (r, r, k, k) and a 1x1 down, exactly; others stay as they are."""
    if piece.weight.dim() != 4 or piece.weight.shape[-1] == 1:
        return piece.as_lora()
    rows, inputs, *kernel = piece.weight.shape
    down = piece.down.reshape(piece.rank, inputs, -1).permute(0, 2, 1).reshape(-1, inputs)
    u, s, v = torch.linalg.svd(down, full_matrices=False)
    rank = max(len(s), piece.rank)
    mid = torch.zeros(rank, rank, *kernel)
    mid[: piece.rank, : len(s)] = (u * s).reshape(piece.rank, *kernel, len(s)).permute(0, 3, 1, 2)
    up, inner = torch.zeros(rows, rank), torch.zeros(rank, inputs)
    up[:, : piece.rank], inner[: len(s)] = piece.up, v
    return {
        "lora_up.weight": up[..., None, None],
        "lora_mid.weight": mid,
        "lora_down.weight": inner[..., None, None],
    } | piece._alpha(rank)


def _loha(piece: Piece) -> Tensors:
    """The product with a matrix of ones, which has rank one."""
    ones_a, ones_b = torch.zeros_like(piece.up), torch.zeros_like(piece.down)
    ones_a[:, 0], ones_b[0] = 1.0, 1.0
    found = {"hada_w1_a": piece.up, "hada_w1_b": piece.down, "hada_w2_a": ones_a, "hada_w2_b": ones_b}
    return found | piece._alpha()


def _lokr(piece: Piece) -> Tensors:
    """The Kronecker product of one number with the change."""
    return {"lokr_w1": torch.ones(1, 1), "lokr_w2": piece.delta} | piece._alpha()


def _dora(piece: Piece) -> Tensors:
    """The magnitude of the changed weight, row by row: normalising changes nothing then."""
    changed = piece.weight + piece.delta
    norm = changed.flatten(1).norm(dim=1).reshape(-1, *(1,) * (changed.dim() - 1))
    return piece.as_lora() | {"dora_scale": norm}


def _glora(piece: Piece) -> Tensors:
    """W A where W can be inverted, B elsewhere."""
    rows, columns = piece.weight.shape[0], piece.weight[0].numel()
    inputs = piece.weight.shape[1]
    a1, a2 = torch.zeros(inputs, piece.rank), torch.zeros(piece.rank, inputs)
    b1, b2 = piece.up, piece.down
    if piece.weight.dim() == 2 and rows == columns:
        a1, a2 = torch.linalg.solve(piece.weight, piece.up), piece.down
        b1, b2 = torch.zeros_like(b1), torch.zeros_like(b2)
    named = {"a1": a1, "a2": a2, "b1": b1, "b2": b2}
    return {f"{name}.weight": tensor.contiguous() for name, tensor in named.items()} | piece._alpha()


def _rotation(piece: Piece) -> torch.Tensor:
    """Return the rotation of the rows of W that comes nearest to the changed weight (Schoenemann 1966, Kabsch 1976).

    In float64, with the determinant held at 1: Cayley's transform knows no reflections.
    """
    clean, changed = piece.weight.flatten(1).double(), (piece.weight + piece.delta).flatten(1).double()
    u, _, v = torch.linalg.svd(changed @ clean.T + 1e-3 * clean.norm() ** 2 * torch.eye(len(clean)) / len(clean))
    u[:, -1] *= torch.sign(torch.det(u @ v))
    return u @ v


def _skew(rotation: torch.Tensor) -> torch.Tensor:
    """Undo Cayley's transform R = (1 + S)(1 - S)^-1 and return B with S = B - B'."""
    eye = torch.eye(len(rotation), dtype=rotation.dtype)
    skew = (rotation - eye) @ torch.linalg.inv(rotation + eye)
    return ((skew - skew.T) / 4).float()


def _oft(piece: Piece) -> Tensors:
    return {"oft_blocks": _skew(_rotation(piece).T)[None]}


def _boft(piece: Piece) -> Tensors:
    """One butterfly stage over all rows; it regroups them as (2, half) turned round, and so does the rotation."""
    rows = piece.weight.shape[0]
    order = torch.arange(rows).reshape(2, rows // 2).T.reshape(-1)
    return {"oft_blocks": _skew(_rotation(piece)[order][:, order])[None, None]}


WRITERS: Mapping[str, Writer] = {
    "lora": Piece.as_lora,
    "locon-mid": _mid,
    "loha": _loha,
    "lokr": _lokr,
    "dora": _dora,
    "glora": _glora,
    "oft": _oft,
    "boft": _boft,
    "full": lambda piece: {"diff": piece.delta},
}


def rewritten(base, path: str, algorithm: str) -> Tensors:
    """Return a LoRA's effect in the tensors of another algorithm, kohya's module names."""
    found = {}
    for piece in pieces(base, path):
        found |= {f"{piece.name}.{role}": tensor for role, tensor in WRITERS[algorithm](piece).items()}
    return found


def taught_ia3(base, path: str, prompt: str, steps: int = 40) -> Tensors:
    """Return IA3 vectors for the U-Net that were taught to predict what a LoRA predicts for one prompt."""
    from hubman.core.plan.render import PromptPair

    taught = [piece for piece in pieces(base, path) if piece.name.startswith("lora_unet_")]
    names = {id(parameter): name for name, parameter in base.unet.named_parameters()}
    keys = [names[id(piece.parameter)] for piece in taught]
    make = torch.Generator().manual_seed(1)
    with torch.no_grad():
        states = base.family.encode(base, PromptPair(prompt), 1, {}).states[1:]
    vectors = [torch.zeros(len(piece.weight), requires_grad=True) for piece in taught]
    optimiser = torch.optim.Adam(vectors, lr=0.03)
    goal = {key: piece.weight + piece.delta for key, piece in zip(keys, taught, strict=True)}
    for _ in range(steps):
        count = 6
        noise = torch.randn(count, 4, 8, 8, generator=make)
        times = torch.randint(200, 1000, (count,), generator=make)
        call = (noise, times, states.expand(count, -1, -1))
        with torch.no_grad():
            wanted = torch.func.functional_call(base.unet, goal, call).sample
        now = {
            key: piece.weight * (1 + vector.reshape(-1, *(1,) * (piece.weight.dim() - 1)))
            for key, piece, vector in zip(keys, taught, vectors, strict=True)
        }
        loss = (torch.func.functional_call(base.unet, now, call).sample - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found: Tensors = {}
    for piece, vector in zip(taught, vectors, strict=True):
        found |= {f"{piece.name}.weight": vector.detach().clone(), f"{piece.name}.on_input": torch.tensor(False)}
    return found


def random_like(tensors: Tensors, seed: int) -> Tensors:
    """Return random weights, each tensor of the same norm."""
    make = torch.Generator().manual_seed(seed)

    def noise(tensor: torch.Tensor) -> torch.Tensor:
        fresh = torch.randn(tensor.shape, generator=make)
        return fresh * (tensor.float().norm() / fresh.norm())

    return {name: value if name.endswith("alpha") else noise(value).to(value.dtype) for name, value in tensors.items()}


def scaled(tensors: Tensors, factor: float) -> Tensors:
    return {name: value * factor if "lora_up" in name else value for name, value in tensors.items()}


def half_renamed(tensors: Tensors) -> Tensors:
    """Half of the U-Net's modules get names that no base has."""
    return {
        name.replace("up_blocks_2", "up_blocks_7").replace("up_blocks_3", "up_blocks_8"): value
        for name, value in tensors.items()
    }


def of_sdxl(tensors: Tensors) -> Tensors:
    """Every size twenty times as large where it is not the rank: another base's."""

    def grown(name: str, value: torch.Tensor) -> torch.Tensor:
        if name.endswith("alpha"):
            return value
        axis = 1 if "lora_down" in name else 0
        return torch.cat([value] * 20, dim=axis)

    return {name: grown(name, value) for name, value in tensors.items()}


def spoilt(tensors: Tensors, value: float) -> Tensors:
    """One number of one tensor becomes NaN or infinity."""
    name = next(name for name in tensors if "lora_up" in name)
    bad = tensors[name].clone()
    bad.view(-1)[3] = value
    return tensors | {name: bad}
