"""Where each program looks for each kind. Names only; what contradicts its folder: core/misplaced.py.

Sources: the programs' own folder tables (docs/formats.md "Layouts"); in each line the first folder is where a kind
belongs, and the program shows it in the others, too.
"""

from __future__ import annotations

from collections.abc import Collection

from hubman.core.library import Layout
from hubman.core.types import Kind

PROGRAMS = {
    Layout.WEBUI: "A1111 / Forge",
    Layout.COMFY: "ComfyUI",
    Layout.SWARM: "SwarmUI",
    Layout.SDNEXT: "SD.Next",
    Layout.STABILITY_MATRIX: "Stability Matrix",
    Layout.FOOOCUS: "Fooocus",
}
"""Layouts with a folder for each kind. InvokeAI keeps its folder by a database of its own; flat has no order."""

Table = dict[Kind, tuple[str, ...]]

_FORGE_CONTROL = ("ControlNet",)
_ESRGAN = ("ESRGAN", "RealESRGAN", "SwinIR", "DAT", "HAT", "ScuNET", "LDSR", "BSRGAN")
_COMFY_CONTROL = ("controlnet", "t2i_adapter")

FOLDERS: dict[Layout, Table] = {
    Layout.WEBUI: {
        Kind.CHECKPOINT: ("Stable-diffusion",),
        Kind.DIFFUSION_MODEL: ("Stable-diffusion",),
        Kind.LORA: ("Lora", "LyCORIS"),
        Kind.EMBEDDING: ("embeddings",),
        Kind.HYPERNETWORK: ("hypernetworks",),
        Kind.VAE: ("VAE", "VAE-approx"),
        Kind.CONTROLNET: _FORGE_CONTROL,
        Kind.T2I_ADAPTER: _FORGE_CONTROL,
        Kind.IP_ADAPTER: _FORGE_CONTROL,
        Kind.UPSCALER: _ESRGAN,
        Kind.TEXT_ENCODER: ("text_encoder",),
        Kind.FACE_RESTORER: ("GFPGAN", "Codeformer"),
    },
    Layout.COMFY: {
        Kind.CHECKPOINT: ("checkpoints",),
        Kind.DIFFUSION_MODEL: ("diffusion_models", "unet"),
        Kind.LORA: ("loras",),
        Kind.EMBEDDING: ("embeddings",),
        Kind.HYPERNETWORK: ("hypernetworks",),
        Kind.VAE: ("vae", "vae_approx"),
        Kind.CONTROLNET: _COMFY_CONTROL,
        Kind.T2I_ADAPTER: _COMFY_CONTROL,
        Kind.IP_ADAPTER: ("ipadapter",),
        Kind.UPSCALER: ("upscale_models", "latent_upscale_models"),
        Kind.TEXT_ENCODER: ("text_encoders", "clip"),
        Kind.CLIP_VISION: ("clip_vision",),
        Kind.MOTION_MODULE: ("animatediff_models",),
        Kind.FACE_RESTORER: ("facerestore_models",),
    },
    Layout.SWARM: {
        Kind.CHECKPOINT: ("Stable-Diffusion",),
        Kind.DIFFUSION_MODEL: ("diffusion_models", "unet", "Stable-Diffusion", "tensorrt"),
        Kind.LORA: ("Lora",),
        Kind.EMBEDDING: ("Embeddings",),
        Kind.VAE: ("VAE",),
        Kind.CONTROLNET: ("controlnet", "model_patches"),
        Kind.T2I_ADAPTER: ("controlnet",),
        Kind.TEXT_ENCODER: ("text_encoders", "clip"),
        Kind.CLIP_VISION: ("clip_vision",),
    },
    Layout.SDNEXT: {
        Kind.CHECKPOINT: ("Stable-diffusion",),
        Kind.DIFFUSION_MODEL: ("UNET",),
        Kind.LORA: ("Lora",),
        Kind.EMBEDDING: ("embeddings",),
        Kind.VAE: ("VAE",),
        Kind.CONTROLNET: ("control",),
        Kind.T2I_ADAPTER: ("control",),
        Kind.TEXT_ENCODER: ("Text-encoder",),
        Kind.UPSCALER: _ESRGAN,
    },
    Layout.STABILITY_MATRIX: {
        Kind.CHECKPOINT: ("StableDiffusion",),
        Kind.DIFFUSION_MODEL: ("DiffusionModels",),
        Kind.LORA: ("Lora", "LyCORIS"),
        Kind.EMBEDDING: ("Embeddings",),
        Kind.HYPERNETWORK: ("Hypernetwork",),
        Kind.VAE: ("VAE", "ApproxVAE"),
        Kind.CONTROLNET: ("ControlNet", "T2IAdapter"),
        Kind.T2I_ADAPTER: ("T2IAdapter", "ControlNet"),
        Kind.IP_ADAPTER: ("IpAdapter",),
        Kind.UPSCALER: ("ESRGAN", "RealESRGAN", "SwinIR"),
        Kind.TEXT_ENCODER: ("TextEncoders",),
        Kind.CLIP_VISION: ("ClipVision",),
        Kind.FACE_RESTORER: ("GFPGAN", "Codeformer"),
    },
    Layout.FOOOCUS: {
        Kind.CHECKPOINT: ("checkpoints",),
        Kind.LORA: ("loras",),
        Kind.EMBEDDING: ("embeddings",),
        Kind.HYPERNETWORK: ("hypernetworks",),
        Kind.VAE: ("vae", "vae_approx"),
        Kind.CONTROLNET: ("controlnet",),
        Kind.UPSCALER: ("upscale_models",),
        Kind.CLIP_VISION: ("clip_vision",),
    },
}

PIPELINE_FOLDERS = {Layout.COMFY: "diffusers", Layout.SDNEXT: "Diffusers", Layout.STABILITY_MATRIX: "Diffusers"}
"""Where a checkpoint that is a diffusers folder belongs; the other programs do not read any."""

JOINED = "models"
"""Top folder of a root that is a whole program: the kinds' folders are in it, A1111's embeddings beside it."""


def folders_of(layout: Layout, kind: Kind, *, folder: bool = False) -> tuple[str, ...]:
    """Return the names of the folders in which a program shows a kind, where it belongs first."""
    if folder and kind is Kind.CHECKPOINT:
        name = PIPELINE_FOLDERS.get(layout)
        return (name,) if name else ()
    return FOLDERS.get(layout, {}).get(kind, ())


def its_place(layout: Layout, kind: Kind, names: Collection[str], *, folder: bool = False) -> str | None:
    """Return the folder, relative to its root, in which a kind belongs; None where the layout has none for it.

    Args:
        names: the folders that are there: those at the top, and those in `models/` as `models/NAME`. One of them is
            taken whatever its case.
    """
    wanted = folders_of(layout, kind, folder=folder)
    existing = {name.casefold(): name for name in names}
    for name in wanted:
        for form in (name, f"{JOINED}/{name}"):
            if form.casefold() in existing:
                return existing[form.casefold()]
    if not wanted:
        return None
    inside = is_whole_program(layout, names) and not (layout is Layout.WEBUI and kind is Kind.EMBEDDING)
    return f"{JOINED}/{wanted[0]}" if inside else wanted[0]


def is_whole_program(layout: Layout, names: Collection[str]) -> bool:
    """Say whether a root is a program's top folder, with the kinds' folders in its `models/`."""
    known = _known_names(layout)
    return any(name.startswith(JOINED + "/") and name.partition("/")[2].casefold() in known for name in names)


def _known_names(layout: Layout) -> frozenset[str]:
    names = {name.casefold() for folders in FOLDERS.get(layout, {}).values() for name in folders}
    return frozenset(names | {PIPELINE_FOLDERS[layout].casefold()} if layout in PIPELINE_FOLDERS else names)


def is_vae_beside(relpath: str, kind: str) -> bool:
    """Say whether a file is a VAE by its name: A1111 loads `<checkpoint>.vae.pt` from beside the checkpoint."""
    return kind == Kind.VAE and relpath.casefold().endswith((".vae.pt", ".vae.ckpt", ".vae.safetensors"))
