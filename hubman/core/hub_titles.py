"""Hubs as people write them. Commands and references take their short names."""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "civitai": "Civitai",
    "huggingface": "Hugging Face",
    "modelscope": "ModelScope",
    "liblib": "LiblibAI",
    "civarchive": "CivArchive",
    "openmodeldb": "OpenModelDB",
}
"""Hub -> its name as people write it."""


def title_of(hub: str) -> str:
    """Return a hub's name as people write it; that of another package's hub as it is."""
    return TITLES.get(hub, hub)
