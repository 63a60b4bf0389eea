"""A base model trained on until it predicts the velocity instead of the noise.

With z_t = sqrt(a_t) z_0 + sqrt(1 - a_t) e the velocity is v_t = sqrt(a_t) e - sqrt(1 - a_t) z_0
(Salimans & Ho 2022, https://arxiv.org/abs/2202.00512): what SD2's 768 models and the
"v-prediction" SDXL models predict.  The start is a finished single file of the family, so this
stage needs none of the earlier ones; only its U-Net is kept.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from torch.nn.functional import cosine_similarity

from training import export
from training.evaluate import obedience, open_pipeline, prompts, sheet
from training.family import Velocity
from training.judge import Judge
from training.layouts import unet_tensors
from training.loop import Average, Record, seed_everything, train
from training.text_encoder import embed
from training.unet import ALPHAS, SHORT, STEPS, Predict, base_lessons, freeze, predictor


def velocity_loss(
    predict: Predict, latents: Tensor, context: Tensor, times: Tensor | None = None
) -> Tensor:
    """The squared error of the predicted velocity, at random times."""
    device = latents.device
    if times is None:
        slices = torch.rand(1) + torch.arange(len(latents)) / len(latents)
        times = ((slices % 1) * STEPS).long()
    alpha = ALPHAS[times][:, None, None, None].to(device)
    noise = torch.randn_like(latents)
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    wanted = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    return (predict(noisy, times.to(device), context) - wanted).square().mean()


def train_velocity(
    spec: Velocity, checkpoint: Path, seed: int, device: str
) -> tuple[UNet2DConditionModel, Record]:
    """Train the U-Net of a single file on; returns the average of its weights."""
    pipeline = open_pipeline(checkpoint).to(device)
    generator = seed_everything(seed + len(spec.stem))
    freeze(pipeline.vae, pipeline.text_encoder)
    lessons = base_lessons(pipeline.vae, spec.pictures, spec.looks, generator)
    contexts = embed(pipeline.text_encoder, pipeline.tokenizer, ["", *lessons.texts]).half()
    network = pipeline.unet.train()
    average = Average(network, spec.plan.average)
    predict = predictor(network)

    def loss_of(step: int) -> dict[str, Tensor]:
        pick = torch.randint(len(lessons), (spec.plan.batch,))
        rows = (lessons.row[pick] + 1) * (torch.rand(spec.plan.batch) > 0.1)
        reach = SHORT if step < 0.8 * spec.plan.steps else contexts.shape[1]
        context = contexts[rows.to(contexts.device), :reach].float()
        return {"v": velocity_loss(predict, lessons.latents[pick].to(device), context)}

    record = train(
        spec.stem,
        list(network.parameters()),
        spec.plan,
        loss_of,
        lambda step: average.update(network, step),
    )
    return average.network, record


@torch.no_grad()
def agreement(unet: UNet2DConditionModel, context: Tensor, count: int = 8) -> float:
    """Mean cosine of output and input at the noisiest step: near 1 for noise, near 0 for velocity."""
    latents = torch.randn(count, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    output = unet(latents, STEPS - 1, context.expand(count, -1, -1)).sample
    return round(float(cosine_similarity(output.flatten(1), latents.flatten(1)).mean()), 4)


def measure(
    unet: UNet2DConditionModel,
    checkpoint: Path,
    judge: Judge,
    count: int,
    steps: int,
    picture: Path,
) -> dict[str, object]:
    """How well it draws, read as what it is and read as what it is not."""
    pipeline = open_pipeline(checkpoint)
    context = embed(pipeline.text_encoder, pipeline.tokenizer, [prompts(1)[0].text])
    start = agreement(pipeline.unet, context)
    pipeline.unet = unet.eval()
    figures: dict[str, object] = {
        "cosine": agreement(unet, context),
        "cosine of the start": start,
    }
    rows = []
    for kind in ("v_prediction", "epsilon"):
        pipeline.scheduler.register_to_config(prediction_type=kind)
        right, pictures = obedience(pipeline, judge, count, steps)
        figures[f"read as {kind}"] = right
        rows += list(torch.split(pictures[:24], 12))
    sheet(rows, picture)
    return {"prompts": count, "steps": steps, **figures}


def write_unet(path: Path, unet: UNet2DConditionModel, spec: Velocity) -> None:
    """The U-Net alone, sixteen-bit floats, under the names of the original single file."""
    metadata = export.model_spec(spec.title, spec.description, prediction_type="v")
    tensors = unet_tensors(unet.state_dict())
    prefix = "model.diffusion_model."
    named = {prefix + name: value for name, value in tensors.items()}
    export.write_safetensors(path, named, metadata)
