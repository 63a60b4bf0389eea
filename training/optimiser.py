"""Muon for the weight matrices and convolutions, Adam for everything else.

Muon (K. Jordan et al., 2024, https://kellerjordan.github.io/posts/muon) replaces the momentum
M = U S V^T of a matrix by nearly U V^T: every direction learns equally fast.  On the small
networks here it halves the samples that Adam needs.  U V^T comes from the quintic Newton-Schulz
iteration X <- a X + (b A + c A^2) X with A = X X^T.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""a, b and c: the coefficients of the original post, tuned there for a steep start."""


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest matrix, roughly, whose singular values are all about one."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised; a convolution counts as the matrix (out, in * kernel)."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["velocity"] = torch.zeros_like(parameter)
                velocity = state["velocity"]
                velocity.lerp_(parameter.grad, 1 - group["momentum"])
                nesterov = parameter.grad.lerp(velocity, group["momentum"]).flatten(1)
                scale = max(1.0, nesterov.shape[0] / nesterov.shape[1]) ** 0.5
                update = orthogonalise(nesterov).view_as(parameter)
                parameter.add_(update, alpha=-group["lr"] * scale)


def split(parameters: Iterable[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The matrices that Muon is for (no vector, nothing thinner than eight), and the rest."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in parameters:
        flat = parameter.flatten(1) if parameter.ndim > 1 else parameter
        fits = flat.ndim == 2 and min(flat.shape) >= 8
        (matrices if fits else others).append(parameter)
    return matrices, others
