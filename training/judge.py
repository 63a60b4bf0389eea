"""A small classifier that names shape, colour and background of a picture.

It learns from drawn pictures only, never from generated ones, so it cannot grow lenient towards
the models.  Its pictures are softened and shifted in tone at random: that is what an autoencoder
does to a drawing, and no reason to call a circle anything else.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.drawing import blur, draw
from training.loop import Plan, Record, seed_everything, train
from training.vocabulary import COLOURS, SHAPES, Scenes, sample_scenes

QUESTIONS = {"shape": len(SHAPES), "colour": len(COLOURS), "background": len(COLOURS)}
LOOKS = ("poster", "chalk")


class Judge(nn.Module):
    """Four strided convolutions, then one linear answer per question."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 32, 48, 64)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.GroupNorm(4, b), nn.SiLU()]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.heads = nn.ModuleDict(
            {name: nn.Linear(widths[-1] * 16, size) for name, size in QUESTIONS.items()}
        )

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        features = self.features(pictures)
        return {name: head(features) for name, head in self.heads.items()}


def _batch(count: int, generator: torch.Generator) -> tuple[Tensor, Scenes]:
    scenes = sample_scenes(count, generator)
    half = count // 2
    looks = (draw(scenes[:half], LOOKS[0]), draw(scenes[half:], LOOKS[1]))
    return torch.cat(looks), scenes


def _answers(scenes: Scenes) -> dict[str, Tensor]:
    return {name: getattr(scenes, name) for name in QUESTIONS}


def train_judge(judge: Judge, plan: Plan, seed: int, device: str) -> Record:
    generator = seed_everything(seed)
    judge.to(device).train()

    def loss_of(step: int) -> dict[str, Tensor]:
        pictures, scenes = _batch(plan.batch, generator)
        soft = blur(pictures, 0.4 + 1.2 * float(torch.rand(1)))
        pictures = torch.where(torch.rand(plan.batch, 1, 1, 1) < 0.6, soft, pictures)
        pictures = pictures * (1 + 0.1 * torch.randn(plan.batch, 1, 1, 1))
        pictures = pictures + 0.05 * torch.randn(plan.batch, 3, 1, 1)
        answers = judge((pictures + 0.03 * torch.randn_like(pictures)).to(device))
        return {
            name: F.cross_entropy(answers[name], truth.to(device))
            for name, truth in _answers(scenes).items()
        }

    return train("judge", list(judge.parameters()), plan, loss_of)


@torch.no_grad()
def verdicts(judge: Judge, pictures: Tensor) -> dict[str, Tensor]:
    """The most likely answer to each question."""
    judge.eval()
    return {name: logits.argmax(1) for name, logits in judge(pictures).items()}


def accuracy(judge: Judge, count: int, seed: int) -> dict[str, float]:
    """Share of right answers on drawn pictures that no training has seen."""
    pictures, scenes = _batch(count, torch.Generator().manual_seed(seed))
    given = verdicts(judge, pictures)
    return {
        name: round(float((given[name] == truth).float().mean()), 4)
        for name, truth in _answers(scenes).items()
    }
