"""Hypernetworks as AUTOMATIC1111's web UI has them: small networks before the keys and values.

For each width d of an attention's context there are two of them, k and v.  Each maps x to
x + f(x), where f is Linear(d, 2d), ReLU, Linear(2d, d) for the structure [1, 2, 1].
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from training.adapters import Base
from training.loop import Plan, Record, train
from training.text_encoder import embed
from training.unet import Lessons, diffusion_loss, predictor

STRUCTURE = (1, 2, 1)


class Residual(nn.Module):
    """x + f(x); the last layer starts at zero, so nothing changes at first."""

    def __init__(self, width: int):
        super().__init__()
        linears = [nn.Linear(width * a, width * b) for a, b in pairwise(STRUCTURE)]
        layers: list[nn.Module] = [linears[0]]
        for linear in linears[1:]:
            layers += [nn.ReLU(), linear]
        self.linear = nn.Sequential(*layers)
        nn.init.zeros_(linears[-1].weight)
        nn.init.zeros_(linears[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.linear(x)
        return x + change


def _projections(unet: nn.Module) -> list[tuple[str, nn.Linear]]:
    """The linear layers that make keys (``to_k``) and values (``to_v``), with their names."""
    return [
        (name, module)
        for name, module in unet.named_modules()
        if name.endswith(("to_k", "to_v")) and isinstance(module, nn.Linear)
    ]


class Hypernetwork(nn.Module):
    """One pair of residual networks for each width of context in a U-Net."""

    def __init__(self, unet: nn.Module):
        super().__init__()
        widths = sorted({linear.in_features for _, linear in _projections(unet)})
        self.pairs = {width: (Residual(width), Residual(width)) for width in widths}
        self.networks = nn.ModuleDict(
            {str(width): nn.ModuleList(pair) for width, pair in self.pairs.items()}
        )

    def attach(self, unet: nn.Module) -> list[torch.utils.hooks.RemovableHandle]:
        """Run the networks before every ``to_k`` and ``to_v`` of the U-Net."""
        handles = []
        for name, linear in _projections(unet):
            network = self.pairs[linear.in_features][name.endswith("to_v")]
            handles.append(
                linear.register_forward_pre_hook(
                    lambda _, inputs, network=network: (network(inputs[0]),)
                )
            )
        return handles

    def content(
        self, name: str, step: int, checkpoint: str, short_hash: str
    ) -> dict[object, object]:
        """The dictionary that the web UI's file holds."""
        widths: dict[object, object] = {
            width: tuple(
                {key: value.detach().half() for key, value in network.state_dict().items()}
                for network in pair
            )
            for width, pair in self.pairs.items()
        }
        return {
            **widths,
            "step": step,
            "name": name,
            "layer_structure": list(STRUCTURE),
            "activation_func": "relu",
            "is_layer_norm": False,
            "weight_initialization": "Normal",
            "use_dropout": False,
            "sd_checkpoint": short_hash,
            "sd_checkpoint_name": checkpoint,
            "activate_output": False,
            "last_layer_dropout": False,
            "dropout_structure": None,
            "optional_info": None,
        }


def train_hypernetwork(
    name: str, base: Base, hypernetwork: Hypernetwork, lessons: Lessons, plan: Plan, reach: int
) -> Record:
    device = next(base.unet.parameters()).device
    contexts = embed(base.encoder, base.tokenizer, ["", *lessons.texts])[:, :reach]
    handles = hypernetwork.to(device).attach(base.unet)

    predict = predictor(base.unet)

    def loss_of(step: int) -> dict[str, Tensor]:
        pick = torch.randint(len(lessons), (plan.batch,))
        rows = (lessons.row[pick] + 1) * (torch.rand(plan.batch) > 0.1)
        context = contexts[rows.to(device)]
        return {"eps": diffusion_loss(predict, lessons.latents[pick].to(device), context)}

    record = train(name, list(hypernetwork.parameters()), plan, loss_of)
    for handle in handles:
        handle.remove()
    return record
