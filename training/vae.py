"""The autoencoder: 64 x 64 x 3 pixels to 8 x 8 x 4 latents, the factor 8 of Stable Diffusion 1.

Loss: L1 + squared error + L1 of the pixel differences, with noise of a fixed size on the latents
(a variational autoencoder with one variance for all of them) and a pull of each channel to mean 0
and deviation 1.  Residual branches start at zero, so training starts with a linear autoencoder.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

from training.drawing import SIDE, draw
from training.family import ALL_LOOKS, Decoder, Mixture
from training.loop import Plan, Record, seed_everything, train
from training.vocabulary import sample_scenes

SCALING = 0.18215
"""The constant of SD1 that other programs have hard-wired; ``rescale`` fits the latents to it."""
NOISE = 0.1


def build(widths: tuple[int, ...] = (16, 24, 56, 56)) -> AutoencoderKL:
    """An untrained autoencoder with the module names of Stable Diffusion 1."""
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=widths,
        layers_per_block=2,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=SIDE,
        scaling_factor=SCALING,
    )
    for name, module in vae.named_modules():
        if name.endswith(("conv2", "to_out.0")):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        vae.quant_conv.weight[4:] = 0
        vae.quant_conv.bias[4:] = 2 * math.log(NOISE)
    return vae.to(memory_format=torch.channels_last)


def mixed_batch(count: int, generator: torch.Generator, mixture: Mixture = ALL_LOOKS) -> Tensor:
    """Pictures of several looks, in the proportions of the mixture."""
    scenes = sample_scenes(count, generator)
    shares = torch.tensor([share for _, share in mixture])
    which = torch.multinomial(shares, count, True, generator=generator)
    pictures = torch.empty(count, 3, SIDE, SIDE)
    for index, (look, _) in enumerate(mixture):
        rows = which == index
        if rows.any():
            pictures[rows] = draw(scenes[rows], look)
    return pictures.contiguous(memory_format=torch.channels_last)


def reconstruction_losses(out: Tensor, target: Tensor) -> dict[str, Tensor]:
    error = out - target
    down, right = error.diff(dim=2), error.diff(dim=3)
    return {
        "l1": error.abs().mean(),
        "l2": error.square().mean(),
        "edge": 0.5 * (down.abs().mean() + right.abs().mean()),
    }


def train_autoencoder(vae: AutoencoderKL, plan: Plan, seed: int, device: str) -> Record:
    """Encoder and decoder together."""
    generator = seed_everything(seed)
    vae.to(device).train()

    def loss_of(step: int) -> dict[str, Tensor]:
        pictures = mixed_batch(plan.batch, generator).to(device)
        mean = vae.encode(pictures).latent_dist.mean
        losses = reconstruction_losses(
            vae.decode(mean + NOISE * torch.randn_like(mean)).sample, pictures
        )
        centre, spread = mean.mean((0, 2, 3)), mean.std((0, 2, 3))
        losses["unit"] = 0.01 * (centre.square() + (spread - 1).square()).mean()
        return losses

    return train("vae", list(vae.parameters()), plan, loss_of)


def refine_decoder(vae: AutoencoderKL, spec: Decoder, seed: int, device: str) -> Record:
    """The decoder alone: the latents, and so the U-Nets, stay valid."""
    plan = spec.plan
    generator = seed_everything(seed)
    vae.to(device).train()

    def loss_of(step: int) -> dict[str, Tensor]:
        pictures = mixed_batch(plan.batch, generator, spec.mixture).to(device)
        with torch.no_grad():
            mean = vae.encode(pictures).latent_dist.mean
            noise = (0.5 * vae.quant_conv.bias[4:, None, None]).exp() * torch.randn_like(mean)
        return reconstruction_losses(vae.decode(mean + 0.5 * noise).sample, pictures)

    parameters = [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]
    return train(spec.stage, parameters, plan, loss_of)


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: Tensor, batch: int = 64) -> Tensor:
    """Latents as the U-Net sees them: mean of the posterior times ``SCALING``."""
    chunks = torch.split(pictures.to(memory_format=torch.channels_last), batch)
    return torch.cat([vae.encode(chunk).latent_dist.mean for chunk in chunks]) * SCALING


@torch.no_grad()
def rescale(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Fold a shift and a scale per channel into the 1 x 1 convolutions around the latents.

    Afterwards ``encode`` has mean 0 and deviation 1 in every channel, as SD1's constant expects,
    and the decoder undoes it: the pictures do not change.
    """
    latents = encode(vae, pictures) / SCALING
    centre, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    scale = 1 / (spread * SCALING)
    vae.quant_conv.weight[:4] *= scale[:, None, None, None]
    vae.quant_conv.bias[:4] = (vae.quant_conv.bias[:4] - centre) * scale
    vae.quant_conv.weight[4:] = 0
    vae.quant_conv.bias[4:] = 2 * (NOISE * scale).log()
    inverse = vae.post_quant_conv.weight.squeeze(-1).squeeze(-1)
    vae.post_quant_conv.bias += inverse @ centre
    vae.post_quant_conv.weight /= scale[None, :, None, None]


@torch.no_grad()
def peak_signal_to_noise(vae: AutoencoderKL, pictures: Tensor) -> float:
    """10 log10(peak^2 / mean squared error) in decibels, for pictures in [-1, 1]."""
    out = vae.decode(encode(vae, pictures) / SCALING).sample.clamp(-1, 1)
    return 10 * math.log10(4 / F.mse_loss(out, pictures).item())
