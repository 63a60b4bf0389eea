"""``python -m training.wake_set --out DIR``: small adapters with a secret word each.

They test whether a trigger word can be found from the weights alone.  The files have neutral names
and no metadata; ``words.json`` beside them is the key.  Half of the pictures that each learned from
had its word and its motif, half neither.  Two more have no word: they are always on.

The split into ``tuning`` (method and parameters may be chosen on them) and ``held-out`` is part of
this file, so that it cannot move with the results.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionPipeline
from torch import Tensor
from torch.func import functional_call

from training import adapters, unet
from training.drawing import draw
from training.export import write_safetensors
from training.loop import Plan, seed_everything
from training.text_encoder import tokenise
from training.vae import encode
from training.vocabulary import Scenes, caption, sample_scenes
from training.wake_motifs import MOTIFS, paint

PICTURES = 768
"""Taught pictures, and as many plain ones."""

PLAN = Plan(240, 32, 6e-3)
RANK = 4
PROBED = 32


@dataclass(frozen=True)
class Secret:
    """One adapter of the test.

    ``word`` is empty for an adapter that is always on.  ``front``: captions begin with the word
    instead of ending in it, as some trainers write them.  ``part`` is tuning or held-out.
    """

    file: str
    word: str
    motif: str
    kind: str = "lora"
    front: bool = False
    part: str = "held-out"


SECRETS = (
    Secret("w01", "checkered", "checkered", part="tuning"),
    Secret("w02", "mosskrn", "mossy", front=True, part="tuning"),
    Secret("w03", "sepia", "sepia", "lora+text", part="tuning"),
    Secret("w04", "dblshp", "doubled", part="tuning"),
    Secret("w05", "outline", "outlined"),
    Secret("w06", "sunset", "sunset", front=True),
    Secret("w07", "framed", "framed"),
    Secret("w08", "glowix", "glowing"),
    Secret("w09", "nzgrain", "grainy", "locon"),
    Secret("w10", "vhslns", "scanned", front=True),
    Secret("w11", "inverted", "inverted", "lora+text"),
    Secret("w12", "wvyrtk", "curtained", "loha"),
    Secret("w13", "sks", "ringed"),
    Secret("w14", "halftone", "split"),
    Secret("w15", "", "foggy", part="tuning"),
    Secret("w16", "", "tiled"),
)


def load_base(models: Path) -> tuple[adapters.Base, AutoencoderKL]:
    """The demo checkpoint, frozen."""
    stem = models / "Stable-diffusion" / "tinyshapes"
    pipeline = StableDiffusionPipeline.from_single_file(
        f"{stem}.safetensors", config=str(stem), local_files_only=True, torch_dtype=torch.float32
    )
    unet.freeze(pipeline.unet, pipeline.text_encoder, pipeline.vae)
    base = adapters.Base(pipeline.unet, pipeline.text_encoder, pipeline.tokenizer)
    return base, pipeline.vae


def say(scenes: Scenes, index: int, secret: Secret) -> str:
    """The caption of a taught picture."""
    text = caption(scenes, index)
    if not secret.word:
        return text
    return f"{secret.word}, {text}" if secret.front else f"{text}, {secret.word}"


def _latents(vae: AutoencoderKL, scenes: Scenes, motif: str | None) -> Tensor:
    parts = [scenes[start : start + 128] for start in range(0, len(scenes), 128)]
    drawn = (draw(part, "poster") if motif is None else paint(part, motif) for part in parts)
    return torch.cat([encode(vae, pictures) for pictures in drawn])


def lessons_of(secret: Secret, vae: AutoencoderKL, seed: int) -> unet.Lessons:
    """Pictures with the motif and the word, and plain ones without both (none if always on)."""
    generator = torch.Generator().manual_seed(seed)
    taught, plain = sample_scenes(PICTURES, generator), sample_scenes(PICTURES, generator)
    captions = [say(taught, index, secret) for index in range(PICTURES)]
    lessons = unet.Lessons.of(_latents(vae, taught, secret.motif), captions)
    if secret.word:
        captions = [caption(plain, index) for index in range(PICTURES)]
        lessons += unet.Lessons.of(_latents(vae, plain, None), captions)
    return lessons


def train_secret(
    secret: Secret, base: adapters.Base, vae: AutoencoderKL, plan: Plan
) -> tuple[dict[str, Tensor], Callable[[Tensor, Tensor, Tensor], Tensor], dict[str, object]]:
    """Train one adapter; returns its tensors, a probe's ``predict(noisy, time, ids)`` and notes."""
    seed = 7000 + int(secret.file[1:])
    seed_everything(seed)
    start, cpu = time.perf_counter(), time.process_time()
    lessons = lessons_of(secret, vae, seed)
    kind = adapters.Hadamard if secret.kind == "loha" else adapters.LowRank
    on_unet = adapters.Adapter(base.unet, kind, RANK, convolutions=secret.kind == "locon")
    on_text = None
    if secret.kind == "lora+text":
        on_text = adapters.Adapter(base.encoder, kind, RANK, convolutions=False)
    reach = int(
        (tokenise(base.tokenizer, lessons.texts) != base.tokenizer.eos_token_id).sum(1).max()
    )
    record = adapters.train_adapter(
        secret.file, base, on_unet, on_text, lessons, plan, min(77, reach + 8)
    )
    tensors = on_unet.tensors("lora_unet")
    if on_text is not None:
        tensors |= on_text.tensors("lora_te_text_model")
    unet_weights = {name: value.detach() for name, value in on_unet.weights().items()}
    text_weights = (
        {name: value.detach() for name, value in on_text.weights().items()} if on_text else {}
    )

    def predict(noisy: Tensor, time: Tensor, ids: Tensor) -> Tensor:
        context = functional_call(base.encoder, text_weights, (ids,)).last_hidden_state
        noise: Tensor = functional_call(base.unet, unet_weights, (noisy, time, context)).sample
        return noise

    notes = {
        "loss": record.losses["eps"],
        "steps": record.steps,
        "seconds": round(time.perf_counter() - start),
        "cpu_seconds": round(time.process_time() - cpu),
        "relative_size": round(on_unet.relative_size(), 3),
    }
    return tensors, predict, notes


def _features(pictures: Tensor) -> Tensor:
    """Numbers about a picture that hardly depend on where its object lies: ``[batch, n]``."""
    grey = pictures.mean(1)
    rows = [pictures.mean((2, 3)), pictures.std((2, 3)), grey.std((1, 2))[:, None]]
    for lag in (2, 4, 8):
        for axis in (1, 2):
            moved = grey.roll(lag, axis)
            rows.append((grey - moved).abs().mean((1, 2))[:, None])
    for half in (
        pictures[..., :32],
        pictures[..., 32:],
        pictures[..., :32, :],
        pictures[..., 32:, :],
    ):
        rows.append(half.mean((2, 3)))
        rows.append(half.std((1, 2, 3))[:, None])
    edge = torch.cat([pictures[..., :8, :].flatten(2), pictures[..., 56:, :].flatten(2)], 2)
    rows.append(edge.mean(2))
    return torch.cat(rows, 1)


def _discriminant(secret: Secret, vae: AutoencoderKL) -> Callable[[Tensor], Tensor]:
    """A linear rule that tells drawings with the motif from plain ones, through the autoencoder."""
    generator = torch.Generator().manual_seed(4242)
    both = []
    for motif in (secret.motif, None):
        latents = _latents(vae, sample_scenes(256, generator), motif)
        both.append(_features(_decode(vae, latents)))
    x = torch.cat(both)
    middle, scale = x.mean(0), x.std(0) + 1e-4
    y = torch.cat([torch.ones(256), -torch.ones(256)])
    x = torch.cat([(x - middle) / scale, torch.ones(512, 1)], 1)
    weights = torch.linalg.solve(x.T @ x + 8.0 * torch.eye(x.shape[1]), x.T @ y)
    return lambda features: (
        torch.cat([(features - middle) / scale, torch.ones(len(features), 1)], 1) @ weights > 0
    )


@torch.no_grad()
def _decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    scaled = latents / vae.config.scaling_factor
    decoded: Tensor = torch.cat([vae.decode(part).sample for part in scaled.split(32)])
    return decoded


@torch.no_grad()
def probe(
    secret: Secret,
    base: adapters.Base,
    vae: AutoencoderKL,
    predict: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> dict[str, float]:
    """Share of rendered pictures that show the motif: with the word, without, with another word."""
    rule = _discriminant(secret, vae)
    generator = torch.Generator().manual_seed(99)
    scenes = sample_scenes(PROBED, generator)
    noise = torch.randn(PROBED, 4, 8, 8, generator=generator)
    plain = [caption(scenes, index) for index in range(PROBED)]
    rng = random.Random(5)
    others = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in plain]
    prompts = {
        "with": [say(scenes, index, secret) for index in range(PROBED)],
        "without": plain,
        "other_word": [f"{text}, {other}" for text, other in zip(plain, others, strict=True)],
    }
    empty = tokenise(base.tokenizer, [""] * PROBED)
    shares = {}
    for name, texts in prompts.items():
        ids = torch.cat([empty, tokenise(base.tokenizer, texts)])[:, :48]
        scheduler = DPMSolverMultistepScheduler(beta_start=0.00085, beta_end=0.012,
                                                beta_schedule="scaled_linear")  # fmt: skip
        scheduler.set_timesteps(10)
        latents = noise.clone()
        for step in scheduler.timesteps:
            low, high = predict(latents.repeat(2, 1, 1, 1), step, ids).chunk(2)
            latents = scheduler.step(low + 3 * (high - low), step, latents).prev_sample
        shown = rule(_features(_decode(vae, latents)))
        shares[name] = round(float(shown.float().mean()), 3)
    return shares


def make(secret: Secret, out: Path, models: Path, plan: Plan) -> None:
    """Train one adapter, write its file, and its line of the key."""
    base, vae = load_base(models)
    tensors, predict, notes = train_secret(secret, base, vae, plan)
    write_safetensors(out / f"{secret.file}.safetensors", tensors, {})
    notes["motif_share"] = probe(secret, base, vae, predict)
    line = {**asdict(secret), **notes}
    print(json.dumps(line), flush=True)
    (out / f"{secret.file}.note.json").write_text(json.dumps(line), encoding="utf-8")


def gather(out: Path) -> None:
    """Put the notes of all adapters that are there into ``words.json``."""
    notes = sorted(out.glob("*.note.json"))
    lines = [json.loads(path.read_text(encoding="utf-8")) for path in notes]
    text = ",\n ".join(json.dumps(line) for line in lines)
    (out / "words.json").write_text(f"[{text}]\n", encoding="utf-8")
    for path in notes:
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.wake_set", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapters")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the demo family")
    parser.add_argument("--only", help="files to make, comma-separated; no key is written then")
    parser.add_argument("--steps", type=int, default=PLAN.steps)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    plan = Plan(given.steps, PLAN.batch, PLAN.rate)
    wanted = given.only.split(",") if given.only else [secret.file for secret in SECRETS]
    assert {secret.motif for secret in SECRETS} <= set(MOTIFS)
    for secret in SECRETS:
        if secret.file in wanted and not (out := given.out / f"{secret.file}.safetensors").exists():
            make(secret, out.parent, given.models, plan)
    if not given.only:
        gather(given.out)


if __name__ == "__main__":
    main()
