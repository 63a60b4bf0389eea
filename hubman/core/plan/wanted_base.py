"""The name of a checkpoint to get for an adapter that fits none here, by its architecture and lineage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hubman.core.types import Facts


@dataclass(frozen=True, slots=True)
class WantedBase:
    """A well-known checkpoint: its name, and the reference that `hubman pull` takes (`folder`: with `--folder`)."""

    name: str
    ref: str
    folder: bool = False

    @property
    def command(self) -> str:
        """The command that gets it."""
        return f"hubman pull {self.ref}{' --folder' if self.folder else ''}"


_SDXL = WantedBase("Stable Diffusion XL 1.0", "hf:stabilityai/stable-diffusion-xl-base-1.0/sd_xl_base_1.0.safetensors")
_BASES: Mapping[tuple[str, str | None], WantedBase] = {
    ("sd1", None): WantedBase(
        "Stable Diffusion 1.5", "hf:stable-diffusion-v1-5/stable-diffusion-v1-5/v1-5-pruned-emaonly.safetensors"
    ),
    ("sd2", None): WantedBase(
        "Stable Diffusion 2.1", "hf:stabilityai/stable-diffusion-2-1/v2-1_768-ema-pruned.safetensors"
    ),
    ("sdxl", None): _SDXL,
    ("sdxl", "pony"): WantedBase("Pony Diffusion V6 XL", "civitai:257749"),
    ("sdxl", "illustrious"): WantedBase(
        "Illustrious XL 0.1",
        "hf:OnomaAIResearch/Illustrious-xl-early-release-v0/Illustrious-XL-v0.1.safetensors",
    ),
    ("sdxl", "noobai"): WantedBase("NoobAI-XL", "civitai:833294"),
    ("flux1", None): WantedBase("FLUX.1 [dev]", "hf:black-forest-labs/FLUX.1-dev", folder=True),
    ("sd3", None): WantedBase("Stable Diffusion 3.5 Medium", "hf:stabilityai/stable-diffusion-3.5-medium", folder=True),
}
"""Where their makers publish them; Flux.1 and SD 3 ask for a licence there. Nothing is fetched unasked."""


def wanted_base(facts: Facts) -> WantedBase | None:
    """Return a checkpoint that the adapter can be proved on; None for what hubman does not render with.

    The first architecture that is still possible counts (`sd3-medium` is `sd3`), then the lineage if it has its own.
    """
    for architecture in (facts.architecture, *facts.candidates):
        if architecture is None:
            continue
        family = next((name for name in ("sd1", "sd2", "sdxl", "flux1", "sd3") if _is(architecture, name)), None)
        if family is not None:
            return _BASES.get((family, facts.lineage)) or _BASES[family, None]
    return None


def _is(architecture: str, family: str) -> bool:
    """Flux.1 and SD 3 have forms (`sd3-medium`); what is named after SDXL (its refiner) is another model."""
    return architecture == family or (family in {"flux1", "sd3"} and architecture.startswith(f"{family}-"))
