"""Names of what lies beside a model and belongs to it: sidecars and previews. What is in them: core/sidecar.py.

Light on purpose: a scan of an unchanged library needs the names and nothing else.
"""

from __future__ import annotations

from enum import StrEnum


class Family(StrEnum):
    """Who writes the file. The order is that of trust: what a person typed into a WebUI comes first."""

    A1111 = "a1111"
    SWARM = "swarm"
    LORA_MANAGER = "lora-manager"
    CIVITAI = "civitai"
    STABILITY_MATRIX = "stability-matrix"
    SDNEXT = "sdnext"
    MODEL_MANAGER = "model-manager"
    TEXT = "text"


SUFFIXES: tuple[tuple[str, Family], ...] = (
    (".json", Family.A1111),
    (".swarm.json", Family.SWARM),
    (".metadata.json", Family.LORA_MANAGER),
    (".civitai.info", Family.CIVITAI),
    (".cm-info.json", Family.STABILITY_MATRIX),
    (".md", Family.MODEL_MANAGER),
    (".txt", Family.TEXT),
    (".description.txt", Family.TEXT),
)

PREVIEW_SUFFIXES = (
    *(f"{middle}.{extension}" for extension in ("png", "jpg", "jpeg", "webp", "gif") for middle in ("", ".preview")),
    ".avif", ".preview.avif", ".jxl", ".preview.jxl", ".thumb.jpg", ".thumb.png", ".example.0.jpeg",
)  # fmt: skip
"""Pictures that show a model. In the order of A1111, whose "Replace preview" writes `<stem>.png`: what a person chose
comes first. Then what only Lora-Manager and SwarmUI know."""


def candidate_names(stem: str) -> tuple[str, ...]:
    """Return the names that a sidecar of the model with this stem may have, most trusted first."""
    return tuple(stem + suffix for suffix, _ in SUFFIXES)


def family_of(name: str) -> Family | None:
    """Tell the family by the end of a file name, the longest suffix first."""
    ranked = sorted(SUFFIXES, key=lambda pair: -len(pair[0]))
    return next((family for suffix, family in ranked if name.endswith(suffix)), None)
