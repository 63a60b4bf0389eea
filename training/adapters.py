"""LoRA and LoHa: a change of the weights that is written as a product of thin matrices.

LoRA (Hu et al. 2021): D = (alpha / r) B A, with A of r rows and B of r columns, B zero at first.
LoHa (FedPara, Hyeon-Woo et al. 2021, as LyCORIS has it): D = (alpha / r) (B1 A1) * (B2 A2), an
element-wise product of two such terms, whose rank may reach r^2.  A convolution counts as the
matrix (out, in * kernel).

Training runs the frozen network with W + D in place of W, so nothing has to be patched in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import CLIPTextModel, CLIPTokenizer

from training.loop import Plan, Record, train
from training.text_encoder import embed, tokenise
from training.unet import Lessons, diffusion_loss


class LowRank(nn.Module):
    """The delta of one module as LoRA; the names of its tensors are kohya's."""

    def __init__(self, weight: Tensor, rank: int, alpha: float):
        super().__init__()
        self.shape, self.alpha, self.rank = weight.shape, alpha, rank
        columns = weight[0].numel()
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def delta(self) -> Tensor:
        return (self.up @ self.down).view(self.shape) * (self.alpha / self.rank)

    def tensors(self) -> dict[str, Tensor]:
        """As stored: a convolution's A keeps the kernel, its B is 1 x 1."""
        up: Tensor = self.up
        down = self.down.view(self.rank, *self.shape[1:])
        if len(self.shape) == 4:
            up = up[:, :, None, None]
        return {
            "lora_down.weight": down,
            "lora_up.weight": up,
            "alpha": torch.tensor(float(self.alpha)),
        }


class Hadamard(nn.Module):
    """The delta of one module as LoHa; the names of its tensors are LyCORIS's."""

    def __init__(self, weight: Tensor, rank: int, alpha: float):
        super().__init__()
        self.shape, self.alpha, self.rank = weight.shape, alpha, rank
        rows, columns = weight.shape[0], weight[0].numel()
        self.w1_a = nn.Parameter(torch.randn(rows, rank) * 0.1)
        self.w1_b = nn.Parameter(torch.randn(rank, columns))
        self.w2_a = nn.Parameter(torch.zeros(rows, rank))
        self.w2_b = nn.Parameter(torch.randn(rank, columns) * 0.1)

    def delta(self) -> Tensor:
        product = (self.w1_a @ self.w1_b) * (self.w2_a @ self.w2_b)
        return product.view(self.shape) * (self.alpha / self.rank)

    def tensors(self) -> dict[str, Tensor]:
        stored = {f"hada_{name}": value for name, value in self.named_parameters()}
        return {**stored, "alpha": torch.tensor(float(self.alpha))}


Delta = LowRank | Hadamard


def adaptable(network: nn.Module, convolutions: bool) -> dict[str, nn.Linear | nn.Conv2d]:
    """The modules that kohya's trainer adapts: all of the transformers, or the resnets as well."""
    inside: tuple[str, ...] = ("attentions.", "layers.")
    if convolutions:
        inside += ("resnets.", "samplers.")
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and any(part in name for part in inside)
    }


class Adapter(nn.Module):
    """Deltas for one network, by the name of the module that each one changes."""

    def __init__(self, network: nn.Module, kind: type[Delta], rank: int, convolutions: bool):
        super().__init__()
        targets = adaptable(network, convolutions)
        self.bases = {name: module.weight.detach() for name, module in targets.items()}
        self.deltas = [kind(weight, rank, alpha=rank) for weight in self.bases.values()]
        self.registered = nn.ModuleList(self.deltas)

    def weights(self) -> dict[str, Tensor]:
        """The changed weights, for ``torch.func.functional_call``."""
        pairs = zip(self.bases.items(), self.deltas, strict=True)
        return {f"{name}.weight": base + each.delta() for (name, base), each in pairs}

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """The file's tensors: ``lora_unet_down_blocks_0_..._to_q.lora_down.weight``."""
        return {
            f"{prefix}_{name.replace('.', '_')}.{key}": value.detach().half().contiguous()
            for name, delta in zip(self.bases, self.deltas, strict=True)
            for key, value in delta.tensors().items()
        }

    @torch.no_grad()
    def relative_size(self) -> float:
        """Mean of |D| / |W| over the modules."""
        pairs = zip(self.bases.values(), self.deltas, strict=True)
        sizes = [float(delta.delta().norm() / weight.norm()) for weight, delta in pairs]
        return sum(sizes) / len(sizes)


@dataclass(frozen=True)
class Base:
    """The frozen model that adapters learn on."""

    unet: nn.Module
    encoder: CLIPTextModel
    tokenizer: CLIPTokenizer


def _predict(
    unet: nn.Module, weights: dict[str, Tensor], noisy: Tensor, times: Tensor, context: Tensor
) -> Tensor:
    noise: Tensor = functional_call(unet, weights, (noisy, times, context)).sample
    return noise


def train_adapter(
    name: str,
    base: Base,
    unet_adapter: Adapter,
    text_adapter: Adapter | None,
    lessons: Lessons,
    plan: Plan,
    reach: int,
) -> Record:
    """Teach an adapter the lessons: pictures with its trigger word, and others without it."""
    device = next(base.unet.parameters()).device
    ids = tokenise(base.tokenizer, ["", *lessons.texts])[:, :reach].to(device)
    contexts = embed(base.encoder, base.tokenizer, ["", *lessons.texts])[:, :reach]
    adapters = [adapter.to(device) for adapter in (unet_adapter, text_adapter) if adapter]

    def loss_of(step: int) -> dict[str, Tensor]:
        pick = torch.randint(len(lessons), (plan.batch,))
        rows = ((lessons.row[pick] + 1) * (torch.rand(plan.batch) > 0.1)).to(device)
        if text_adapter is None:
            context = contexts[rows]
        else:
            weights = text_adapter.weights()
            context = functional_call(base.encoder, weights, (ids[rows],)).last_hidden_state
        predict = partial(_predict, base.unet, unet_adapter.weights())
        return {"eps": diffusion_loss(predict, lessons.latents[pick].to(device), context)}

    parameters = [p for adapter in adapters for p in adapter.parameters()]
    return train(name, parameters, plan, loss_of)
