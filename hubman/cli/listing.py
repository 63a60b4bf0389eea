"""The table of models that `search`, `ls` and `demo` share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from hubman.cli.table import Column
from hubman.cli.terminal import Terminal, human_size
from hubman.cli.words import _, told, value

if TYPE_CHECKING:
    from hubman.core.library import ModelFile

ARCHITECTURES = {
    "sd1": "SD 1.5", "sd2": "SD 2", "sdxl": "SDXL", "sdxl-refiner": "SDXL refiner", "kolors": "Kolors", "svd": "SVD",
    "sd3": "SD 3", "sd3-medium": "SD 3", "sd3.5-medium": "SD 3.5 M", "sd3.5-large": "SD 3.5 L",
    "flux1": "Flux.1", "flux2": "Flux.2", "flux2-dev": "Flux.2 dev", "flux2-klein-9b": "Flux.2 9B",
    "flux2-klein-4b": "Flux.2 4B", "chroma": "Chroma", "qwen-image": "Qwen-Image", "z-image": "Z-Image",
    "lumina2": "Lumina 2", "auraflow": "AuraFlow", "pixart-alpha": "PixArt α", "pixart-sigma": "PixArt Σ",
    "hunyuan-dit": "HunyuanDiT", "hunyuan-video": "HunyuanVideo", "hunyuan-video-1.5": "HunyuanVideo 1.5",
    "hunyuan-image-2.1": "HunyuanImage", "hidream-i1": "HiDream", "stable-cascade": "Cascade", "sana": "Sana",
    "wan": "Wan", "wan-2.1": "Wan 2.1", "wan-2.2": "Wan 2.2", "ltx-video": "LTX", "ltx-2": "LTX-2", "anima": "Anima",
    "cosmos-predict2": "Cosmos 2", "mochi": "Mochi", "cogvideox": "CogVideoX",
}  # fmt: skip
ALGORITHMS = {
    "lora": "LoRA", "locon": "LoCon", "loha": "LoHa", "lokr": "LoKr", "dora": "DoRA", "ia3": "IA3", "glora": "GLoRA",
    "oft": "OFT", "boft": "BOFT", "full": "Full",
}  # fmt: skip
GOOD_VERDICTS = ("ok", "weak")
SAYS_NOTHING = ("error", "no-base")
"""Verdicts about the machine or the library, not about the adapter."""

SHORTEST_ID = 6


def columns() -> list[Column]:
    """Return the columns of a list of models."""
    return [
        Column(_("ID")),
        Column(_("NAME"), flexible=True, least=12),
        Column(_("TYPE")),
        Column(_("BASE")),
        Column(_("TRIGGERS"), flexible=True, least=10),
        Column(_("SIZE"), right=True),
        Column(_("OK")),
    ]


def rows(files: Sequence[ModelFile]) -> list[list[str]]:
    """Return one row per file, a broken one with its error where the trigger words would be."""
    length = id_length([file.id for file in files])
    return [
        [
            file.id[:length],
            file.name,
            type_name(file),
            base_name(file),
            told(file.failure.message) if file.failure else ", ".join(word.text for word in file.triggers),
            human_size(file.size),
            mark(file),
        ]
        for file in files
    ]


def id_length(ids: Sequence[str]) -> int:
    """Return the shortest length, at least 6, at which the ids of a list differ."""
    distinct = sorted(set(ids))
    length = SHORTEST_ID
    for before, after in pairwise(distinct):
        while before[:length] == after[:length] and length < len(after):
            length += 1
    return length


def type_name(file: ModelFile) -> str:
    """Return what people call a file: the algorithm for adapters, else its kind."""
    if file.failure:
        return _("broken")
    if file.algorithm in ALGORITHMS:
        return ALGORITHMS[file.algorithm]
    return kind_name(file.kind)


def kind_name(kind: str) -> str:
    """Return what people call a kind."""
    names = {
        "checkpoint": _("Checkpoint"), "lora": _("LoRA"), "embedding": _("Embedding"), "vae": _("VAE"),
        "hypernetwork": _("Hypernetwork"), "diffusion-model": _("Diffusion model"), "unknown": _("unknown"),
        "controlnet": "ControlNet", "t2i-adapter": "T2I-Adapter", "ip-adapter": "IP-Adapter",
        "upscaler": _("Upscaler"), "text-encoder": _("Text encoder"), "clip-vision": "CLIP Vision",
        "motion-module": _("Motion module"), "face-restorer": _("Face restorer"),
    }  # fmt: skip
    return names.get(kind) or value("kind", kind)


def base_name(file: ModelFile) -> str:
    """Return the architecture (with lineage), several possible ones joined by a slash."""
    lineage = file.facts.get("lineage")
    if file.architecture:
        name = ARCHITECTURES.get(file.architecture, file.architecture)
        return f"{name} · {lineage}" if lineage else name
    candidates = file.facts.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        return "-"
    return "/".join(ARCHITECTURES.get(str(name), str(name)) for name in candidates[:2]) + (
        "…" if len(candidates) > 2 else ""
    )


def mark(file: ModelFile) -> str:
    """Return the one-character state: `!` would run code, `✗` does not work, `↑` can be updated, `✓` proven."""
    if file.safety == "unsafe":
        return "!"
    if file.failure:
        return "✗"
    judged = file.verdict is not None and file.verdict.verdict not in SAYS_NOTHING
    if judged and file.verdict and file.verdict.verdict not in GOOD_VERDICTS:
        return "✗"
    return "↑" if file.outdated else "✓" if judged else ""


def legend(files: Sequence[ModelFile]) -> str:
    """Explain the marks that occur in a list."""
    meanings = {"✓": _("validated"), "↑": _("update available"), "✗": _("does not work"), "!": _("would run code")}
    seen = {mark(file) for file in files}
    return "   ".join(f"{sign} {meaning}" for sign, meaning in meanings.items() if sign in seen)


def warn_of_same_name(file: ModelFile, others: Sequence[str], terminal: Terminal) -> None:
    """Say that a tag with this name may load another file."""
    if others:
        terminal.warn(
            _("these files have one name, so in a WebUI one hides the other; rename one:\n{paths}").format(
                paths="\n".join(f"    {path}" for path in (file.path, *others))
            )
        )
