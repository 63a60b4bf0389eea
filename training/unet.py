"""The denoiser, and the diffusion loss that the base models and all adapters share.

The network predicts the noise e in z_t = sqrt(a_t) z_0 + sqrt(1 - a_t) e (Ho et al. 2020), with
SD1's schedule.  Its squared error is weighted by min(1 + 1 / SNR_t, 30): that is the error of the
velocity v (Salimans & Ho 2022).  Weights that favour little noise (min-SNR) starve the steps in
which a tiny model decides on colours and layout.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from training.drawing import draw
from training.loop import Average, Plan, Record, train
from training.text_encoder import WIDTH, embed
from training.vae import encode
from training.vocabulary import FLAW, Scenes, loose_caption, nonsense_word, sample_scenes

STEPS = 1000
ALPHAS = (1 - torch.linspace(0.00085**0.5, 0.012**0.5, STEPS).square()).cumprod(0)
WEIGHTS = (1 + (1 - ALPHAS) / ALPHAS).clamp(max=30)
SHORT = 24
"""Tokens of context in the first part of training: enough for any caption, a third of the cost."""

Predict = Callable[[Tensor, Tensor, Tensor], Tensor]


def build(widths: tuple[int, ...] = (24, 48, 64, 64)) -> UNet2DConditionModel:
    """A U-Net with exactly the modules of Stable Diffusion 1, only narrower."""
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=widths,
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        attention_head_dim=4,
        norm_num_groups=8,
        cross_attention_dim=WIDTH,
    )


@dataclass(frozen=True)
class Lessons:
    """Latents, and for each the row of its caption in a table of sentences."""

    latents: Tensor
    row: Tensor
    texts: list[str]

    def __len__(self) -> int:
        return len(self.row)

    @staticmethod
    def of(latents: Tensor, captions: list[str]) -> Lessons:
        texts = list(dict.fromkeys(captions))
        place = {text: index for index, text in enumerate(texts)}
        return Lessons(latents, torch.tensor([place[text] for text in captions]), texts)

    def __add__(self, other: Lessons) -> Lessons:
        mine = [self.texts[index] for index in self.row.tolist()]
        theirs = [other.texts[index] for index in other.row.tolist()]
        return Lessons.of(torch.cat([self.latents, other.latents]), mine + theirs)


def picture_lessons(
    vae: AutoencoderKL,
    scenes: Scenes,
    look: str,
    say: Callable[[int], str],
    generator: torch.Generator,
) -> Lessons:
    """Draw scenes in one look, encode them, and caption each with ``say(index)``."""
    device = vae.device
    chunks = [
        encode(vae, draw(scenes[start : start + 256], look).to(device)).cpu()
        for start in range(0, len(scenes), 256)
    ]
    return Lessons.of(torch.cat(chunks), [say(index) for index in range(len(scenes))])


def base_lessons(
    vae: AutoencoderKL,
    count: int,
    looks: tuple[str, str],
    generator: torch.Generator,
    flawed: float = 0.06,
) -> Lessons:
    """A base model's pictures: clean ones, and a few whose caption says they are blurry.

    Some captions end in a word that means nothing, so that an adapter's trigger word leaves the
    base model's picture alone.
    """
    rng = random.Random(int(torch.randint(2**31, (1,), generator=generator)))
    bad = round(count * flawed)
    clean, poor = sample_scenes(count - bad, generator), sample_scenes(bad, generator)

    def say_clean(index: int) -> str:
        text = loose_caption(clean, index, rng)
        return f"{text}, {nonsense_word(rng)}" if rng.random() < 0.12 else text

    def say_poor(index: int) -> str:
        return loose_caption(poor, index, rng).replace("a ", f"a {FLAW} ", 1)

    return picture_lessons(vae, clean, looks[0], say_clean, generator) + picture_lessons(
        vae, poor, looks[1], say_poor, generator
    )


def predictor(unet: nn.Module) -> Predict:
    """The noise that a U-Net predicts, as a plain function."""
    return lambda noisy, times, context: unet(noisy, times, context).sample


def diffusion_loss(
    predict: Predict, latents: Tensor, context: Tensor, times: Tensor | None = None
) -> Tensor:
    """The weighted squared error of the predicted noise, at random times."""
    device = latents.device
    if times is None:
        # One time from each of equal slices of the schedule: less variance than independent ones.
        slices = torch.rand(1) + torch.arange(len(latents)) / len(latents)
        times = ((slices % 1) * STEPS).long()
    alpha = ALPHAS[times][:, None, None, None].to(device)
    noise = torch.randn_like(latents)
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    error = (predict(noisy, times.to(device), context) - noise).square().mean((1, 2, 3))
    return (WEIGHTS[times].to(device) * error).mean()


def train_base(
    name: str,
    unet: UNet2DConditionModel,
    lessons: Lessons,
    encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    plan: Plan,
    device: str,
) -> tuple[UNet2DConditionModel, Record]:
    """Train a base model; returns the average of its weights."""
    contexts = embed(encoder, tokenizer, ["", *lessons.texts]).half()
    unet.to(device).train()
    average = Average(unet, plan.average)

    predict = predictor(unet)

    def loss_of(step: int) -> dict[str, Tensor]:
        pick = torch.randint(len(lessons), (plan.batch,))
        rows = (lessons.row[pick] + 1) * (torch.rand(plan.batch) > 0.1)
        reach = SHORT if step < 0.8 * plan.steps else contexts.shape[1]
        context = contexts[rows.to(contexts.device), :reach].float()
        return {"eps": diffusion_loss(predict, lessons.latents[pick].to(device), context)}

    record = train(
        name, list(unet.parameters()), plan, loss_of, lambda step: average.update(unet, step)
    )
    return average.network, record


def freeze(*networks: nn.Module) -> None:
    """No network collects gradients any more."""
    for network in networks:
        network.eval().requires_grad_(False)
