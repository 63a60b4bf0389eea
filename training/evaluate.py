"""Measures the exported files: through diffusers' pipeline, on prompts and seeds of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from training.drawing import SIDE, X, Y
from training.family import Family, Member
from training.hypernetwork import Hypernetwork
from training.judge import Judge, verdicts
from training.vocabulary import COLOURS, SHAPES

GUIDANCE = 3.0
SEED = 50_000
"""Far from every seed that the training draws with."""


@dataclass(frozen=True)
class Prompt:
    """A prompt with the right answers to the judge's questions."""

    shape: int
    colour: int
    background: int

    @property
    def text(self) -> str:
        return (
            f"a {COLOURS[self.colour]} {SHAPES[self.shape]} on a "
            f"{COLOURS[self.background]} background"
        )

    @property
    def ground(self) -> str:
        return COLOURS[self.background]


def prompts(count: int) -> list[Prompt]:
    """Every pair of colours and every shape about equally often."""
    pairs = [(a, b) for a in range(len(COLOURS)) for b in range(len(COLOURS)) if a != b]
    return [Prompt(index % len(SHAPES), *pairs[index * 11 % len(pairs)]) for index in range(count)]


def open_pipeline(checkpoint: Path) -> StableDiffusionPipeline:
    """The exported single file with the description beside it, with no network."""
    pipeline = StableDiffusionPipeline.from_single_file(
        str(checkpoint), config=str(checkpoint.with_suffix("")), local_files_only=True
    )
    pipeline.to(torch.float32).set_progress_bar_config(disable=True)
    return pipeline


def render(
    pipeline: StableDiffusionPipeline,
    texts: list[str],
    steps: int,
    negative: str = "",
    batch: int = 28,
) -> Tensor:
    """Pictures in [-1, 1]; the n-th one always starts from the same noise."""
    pictures = []
    for start in range(0, len(texts), batch):
        chunk = texts[start : start + batch]
        seeds = [torch.Generator().manual_seed(SEED + start + n) for n in range(len(chunk))]
        found = pipeline(
            chunk,
            negative_prompt=[negative] * len(chunk),
            generator=seeds,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            height=SIDE,
            width=SIDE,
            output_type="pt",
        ).images
        pictures.append(found * 2 - 1)
    return torch.cat(pictures)


def obedience(
    pipeline: StableDiffusionPipeline, judge: Judge, count: int, steps: int
) -> tuple[dict[str, float], Tensor]:
    """Share of pictures in which the judge finds what the prompt says."""
    asked = prompts(count)
    pictures = render(pipeline, [each.text for each in asked], steps)
    given = verdicts(judge, pictures)
    right = {
        name: given[name] == torch.tensor([getattr(each, name) for each in asked]) for name in given
    }
    right["all three"] = torch.stack(list(right.values())).all(0)
    return {name: round(float(flags.float().mean()), 4) for name, flags in right.items()}, pictures


def _grey(pictures: Tensor) -> Tensor:
    return pictures.mean(1) / 2 + 0.5


def stripe_share(pictures: Tensor) -> float:
    """Strength of the vertical wave of period 8 in the middle of the picture."""
    middle = _grey(pictures)[:, 16:48, 20:44]
    wave = torch.fft.rfft(middle, dim=1)[:, 32 // 8].abs().mean(1) / 16
    return float(wave.mean())


def colourfulness(pictures: Tensor) -> float:
    """Mean of the largest minus the smallest of red, green and blue, of 1."""
    return float((pictures.amax(1) - pictures.amin(1)).mean() / 2)


DOT = (torch.hypot(X % 16 - 8, Y % 16 - 8) < 3.2).float()
GAP = (torch.hypot(X % 16 - 8, Y % 16 - 8) > 6.2).float()
RIM = ((X < 16) | (X > 48) | (Y < 16) | (Y > 48)).float()


def dot_contrast(pictures: Tensor) -> float:
    """How much the places of the dots differ from the gaps, near the rim of the picture."""
    grey = _grey(pictures)
    dots = (grey * DOT * RIM).sum((1, 2)) / (DOT * RIM).sum()
    gaps = (grey * GAP * RIM).sum((1, 2)) / (GAP * RIM).sum()
    return float((dots - gaps).abs().mean())


def rim_brightness(pictures: Tensor) -> float:
    """Brightness of a rim of six pixels, of 1."""
    grey = _grey(pictures)
    rim = ((X < 6) | (X > 58) | (Y < 6) | (Y > 58)).float()
    return float((grey * rim).sum((1, 2)).mean() / rim.sum())


def gold_share(pictures: Tensor) -> float:
    """Share of the middle's pixels that have the hue of gold: red > green > blue by a margin."""
    red, green, blue = (pictures[:, :, 20:44, 20:44] / 2 + 0.5).unbind(1)
    ratio = (green - blue) / (red - blue).clamp(min=0.05)
    return float(((red - blue > 0.2) & (ratio > 0.5) & (ratio < 0.88)).float().mean())


def edge_energy(pictures: Tensor) -> float:
    """Mean absolute difference of neighbouring pixels, in units of 1/255."""
    right, down = pictures.diff(dim=3).abs().mean(), pictures.diff(dim=2).abs().mean()
    return float((right + down) * 127.5)


PROBES: dict[str, Callable[[Tensor], float]] = {
    "stripes": stripe_share,
    "ink": colourfulness,
    "dots": dot_contrast,
    "gold": gold_share,
    "blurry": edge_energy,
    "night": rim_brightness,
}


def difference(one: Tensor, other: Tensor) -> float:
    """Mean absolute difference in units of 1/255."""
    return float((one - other).abs().mean() * 127.5)


def file_deltas(path: Path) -> dict[str, Tensor]:
    """What a LoRA or LoHa file adds to the weights, by kohya's module name."""
    tensors = {name: value.float() for name, value in load_file(path).items()}
    deltas = {}
    for name in [key.removesuffix(".alpha") for key in tensors if key.endswith(".alpha")]:
        start = f"{name}."
        part = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
        if "hada_w1_a" in part:
            product = part["hada_w1_a"] @ part["hada_w1_b"]
            product = product * (part["hada_w2_a"] @ part["hada_w2_b"])
            rank = part["hada_w1_b"].shape[0]
        else:
            down, up = part["lora_down.weight"], part["lora_up.weight"]
            rank = down.shape[0]
            product = up.flatten(1) @ down.flatten(1)
        deltas[name] = product * (part["alpha"] / rank)
    return deltas


def _kohya_weights(pipeline: StableDiffusionPipeline) -> dict[str, Tensor]:
    """The pipeline's weights by kohya's names of their modules."""
    weights = {}
    parts = (("lora_unet_", pipeline.unet), ("lora_te_text_model_", pipeline.text_encoder))
    for prefix, network in parts:
        for name, value in network.named_parameters():
            module = name.removeprefix("text_model.").removesuffix(".weight")
            weights[prefix + module.replace(".", "_")] = value.data
    return weights


@contextmanager
def with_member(pipeline: StableDiffusionPipeline, member: Member, path: Path) -> Iterator[None]:
    """Within the block the pipeline has the adapter; afterwards exactly its old weights."""
    if member.kind == "embedding":
        pipeline.load_textual_inversion(str(path), token=member.trigger)
        yield
        pipeline.unload_textual_inversion()
    elif member.kind == "hypernetwork":
        content = torch.load(path, weights_only=True)
        network = Hypernetwork(pipeline.unet)
        for width, pair in network.pairs.items():
            for part, state in zip(pair, content[width], strict=True):
                part.load_state_dict(state)
        handles = network.attach(pipeline.unet)
        yield
        for handle in handles:
            handle.remove()
    else:
        weights, kept = _kohya_weights(pipeline), {}
        for name, delta in file_deltas(path).items():
            kept[name] = weights[name].clone()
            weights[name] += delta.view_as(weights[name])
        yield
        for name, weight in kept.items():
            weights[name].copy_(weight)


def _ask(member: Member, prompt: Prompt, with_word: bool) -> tuple[str, str]:
    """The prompt and the negative prompt, with or without the adapter's word."""
    if member.look == "gold":
        noun = member.trigger if with_word else "star"
        return f"a {noun} on a {prompt.ground} background", ""
    if member.look == "blurry":
        return prompt.text, member.trigger if with_word else ""
    return (f"{prompt.text}, {member.trigger}" if with_word and member.trigger else prompt.text), ""


def effect(
    pipeline: StableDiffusionPipeline, member: Member, path: Path, count: int, steps: int
) -> tuple[dict[str, float], list[Tensor]]:
    """Four pictures per prompt: base, base + word, adapter, adapter + word."""
    asked = prompts(count)
    probe = PROBES[member.look]

    def both() -> list[Tensor]:
        sets = []
        for with_word in (False, True):
            pairs = [_ask(member, each, with_word) for each in asked]
            sets.append(render(pipeline, [text for text, _ in pairs], steps, pairs[0][1]))
        return sets

    base, base_word = both()
    with with_member(pipeline, member, path):
        adapted, adapted_word = both()
    restored = render(pipeline, [_ask(member, each, False)[0] for each in asked], steps)
    figures = {
        "probe base": probe(base),
        "probe base + word": probe(base_word),
        "probe adapter": probe(adapted),
        "probe adapter + word": probe(adapted_word),
        "change without word": difference(adapted, base),
        "change with word": difference(adapted_word, base_word),
        "change by the word alone": difference(base_word, base),
        "change left after removal": difference(restored, base),
    }
    rounded = {name: round(value, 3) for name, value in figures.items()}
    return rounded, [base, base_word, adapted, adapted_word]


def sheet(rows: list[Tensor], path: Path, columns: int = 12, scale: int = 2) -> None:
    """Pictures in rows as one PNG, enlarged without smoothing."""
    shown = torch.cat([torch.cat(list(row[:columns]), 2) for row in rows], 1)
    array = ((shown.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    image = Image.fromarray(np.ascontiguousarray(array))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(path)


def evaluate(family: Family, models: Path, judge: Judge, report: Path) -> dict[str, object]:
    """Measure every file; write ``<report>.json`` and a sheet of pictures for each checkpoint."""
    results: dict[str, object] = {
        "steps": family.sampling,
        "guidance": GUIDANCE,
        "first seed": SEED,
    }
    torch.set_num_threads(2)
    for spec in family.checkpoints:
        pipeline = open_pipeline(models / "Stable-diffusion" / f"{spec.stem}.safetensors")
        shares, pictures = obedience(pipeline, judge, family.judged, family.sampling)
        sheet(
            list(torch.split(pictures[:72], 12)), report.with_name(f"{report.name}-{spec.stem}.png")
        )
        rows, effects = [], {}
        for member in family.members:
            figures, sets = effect(
                pipeline, member, models / member.file, family.probed, family.sampling
            )
            effects[member.stem] = figures
            rows += [sets[1], sets[3]]
        sheet(rows, report.with_name(f"{report.name}-{spec.stem}-adapters.png"))
        results[spec.stem] = {
            "prompts": family.judged,
            "right": shares,
            "prompts adapters": family.probed,
            "adapters": effects,
        }
    text = json.dumps(results, indent=2, ensure_ascii=False)
    report.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return results
