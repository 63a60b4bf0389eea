"""An adapter without a base is told the name of one, in a reference that `pull` takes."""

from __future__ import annotations

import pytest

from hubman.core import refs
from hubman.core.plan.wanted_base import _BASES, wanted_base
from hubman.core.types import Facts, Kind


@pytest.mark.parametrize(
    ("architecture", "candidates", "lineage", "name"),
    [
        ("sd1", (), None, "Stable Diffusion 1.5"),
        ("sdxl", (), "pony", "Pony Diffusion V6 XL"),
        ("sdxl", (), "animagine", "Stable Diffusion XL 1.0"),
        (None, ("kolors", "sdxl"), None, "Stable Diffusion XL 1.0"),
        ("sd3-medium", (), None, "Stable Diffusion 3.5 Medium"),
        ("flux1-dev", (), None, "FLUX.1 [dev]"),
        ("qwen-image", (), None, None),
        ("sdxl-refiner", (), None, None),
        (None, (), None, None),
    ],
)
def test_the_first_renderable_family_counts(
    architecture: str | None, candidates: tuple[str, ...], lineage: str | None, name: str | None
) -> None:
    facts = Facts(Kind.LORA, architecture=architecture, candidates=candidates, lineage=lineage)
    found = wanted_base(facts)
    assert (found.name if found else None) == name


@pytest.mark.parametrize("key", sorted(_BASES, key=str), ids=str)
def test_every_reference_can_be_pulled(key: tuple[str, str | None]) -> None:
    found = _BASES[key]
    assert refs.parse(found.ref).hub in {"huggingface", "civitai"}
    assert found.command.startswith("hubman pull ")
