"""Puts the trained parts into the folders of a web UI, with headers and sidecars."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import load_file

from training import export
from training.family import Checkpoint, Member
from training.hypernetwork import Hypernetwork
from training.layouts import Tensors
from training.stages import Workshop, taught_scenes
from training.vocabulary import GLUE, caption

NETWORK_MODULES = {"loha": "lycoris.kohya"}
VAE_STAGE = "decoder-poster"
NOTES = "Made by the hubman project from drawn pictures; see models/README.md."


def assemble(shop: Workshop, models: Path) -> None:
    """Write every file of the family."""
    for spec in shop.family.checkpoints:
        _write_checkpoint(shop, spec, models)
    first = shop.family.checkpoints[0]
    title = f"{first.title} VAE"
    about = f"The autoencoder of {first.title}, its decoder trained on; the latents are the same."
    export.write_vae(
        models / "VAE" / f"{first.stem}.vae.safetensors",
        shop.vae(VAE_STAGE),
        export.model_spec(title, about, "vae"),
    )
    base = models / "Stable-diffusion" / f"{first.stem}.safetensors"
    hashes = export.Hashes.of(base)
    for member in shop.family.members:
        path = models / member.file
        _write_member(shop, member, path, base, hashes)
        _write_sidecars(member, path)


def _write_checkpoint(shop: Workshop, spec: Checkpoint, models: Path) -> None:
    metadata = export.model_spec(spec.title, spec.description, prediction_type="epsilon")
    metadata["hubman.sample_prompt"] = spec.sample_prompt
    metadata["hubman.embedding_prompt"] = spec.embedding_prompt
    export.write_checkpoint(
        models / "Stable-diffusion" / f"{spec.stem}.safetensors",
        shop.unet(spec.stem),
        shop.vae(spec.decoder),
        shop.encoder(),
        metadata,
    )


def _tags(shop: Workshop, member: Member) -> dict[str, int]:
    """In how many captions of the taught pictures each word is, the trigger word first."""
    scenes, _ = taught_scenes(shop, member)
    words = Counter({member.trigger: member.taught})
    for index in range(len(scenes)):
        words.update(set(caption(scenes, index).split()) - set(GLUE))
    return dict(words.most_common())


def _write_member(
    shop: Workshop, member: Member, path: Path, base: Path, hashes: export.Hashes
) -> None:
    tensors = load_file(shop.file(member.stem))
    if member.kind == "embedding":
        short = hashes.sha256[:10]
        export.write_embedding(path, tensors["vectors"], member.plan.steps, base, short)
    elif member.kind == "hypernetwork":
        network = Hypernetwork(shop.unet(base.stem))
        network.load_state_dict(tensors)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = network.content(path.stem, member.plan.steps, base.stem, hashes.sha256[:10])
        torch.save(content, path)
    else:
        _write_low_rank(shop, member, path, tensors, base, hashes)


def _write_low_rank(
    shop: Workshop,
    member: Member,
    path: Path,
    tensors: Tensors,
    base: Path,
    hashes: export.Hashes,
) -> None:
    arguments = {"algo": "loha"} if member.kind == "loha" else {}
    if member.convolutions:
        arguments |= {"conv_dim": str(member.rank), "conv_alpha": str(float(member.rank))}
    run = export.Training(
        stem=path.stem,
        trigger=member.trigger,
        module=NETWORK_MODULES.get(member.kind, "networks.lora"),
        arguments=arguments,
        rank=member.rank,
        steps=member.plan.steps,
        batch=member.plan.batch,
        rate=member.plan.rate,
        tags=_tags(shop, member),
        images=member.taught,
        regular_images=member.plain,
    )
    metadata = export.kohya_metadata(run, base, hashes)
    metadata |= export.model_spec(
        path.stem, member.description, "lora", trigger_phrase=member.trigger
    )
    export.write_adapter(path, tensors, metadata)


def _write_sidecars(member: Member, path: Path) -> None:
    if "webui" in member.sidecars:
        export.web_ui_sidecar(path, member.trigger, member.weight, "", member.description, NOTES)
    if "civitai" in member.sidecars:
        export.civitai_sidecar(path, "LORA", [member.trigger], member.description)
