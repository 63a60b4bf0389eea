"""`RenderPlan`: everything that decides a validation's pictures, as one value that travels as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from hubman.core.types import Kind

TINY_PARAMETERS = 60_000_000
"""Up to this many parameters a picture costs well under a second on one CPU core (the demo family has 3.8 million)."""

SAMPLERS = ("dpmpp_2m", "dpmpp_2m_karras", "euler", "euler_a", "ddim", "unipc")
"""`dpmpp_2m` works everywhere; karras is for U-Nets, `euler` for Flux.1 and SD3."""


@dataclass(frozen=True, slots=True)
class PromptPair:
    """Positive and negative prompt text, in the WebUI's syntax without adapter tags."""

    positive: str
    negative: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How pictures are made. Sizes in pixels, None means the base's native size; `clip_skip` counts like the WebUI."""

    seeds: tuple[int, ...] = (1, 2, 3)
    steps: int = 10
    cfg: float = 3.0
    sampler: str = "dpmpp_2m"
    width: int | None = None
    height: int | None = None
    clip_skip: int = 1


@dataclass(frozen=True, slots=True)
class BasePlan:
    """The checkpoint to render with: a file or a diffusers folder, and the folder its configs come from."""

    path: str
    name: str
    sha256: str
    config: str | None = None
    config_source: str = ""


@dataclass(frozen=True, slots=True)
class AdapterPlan:
    """The adapter to be proved. `word` is what calls an embedding, its stem."""

    path: str
    name: str
    sha256: str
    kind: Kind
    word: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `plain(asdict(...))` wrote."""
        return cls(**{**data, "kind": Kind(data["kind"])})


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """What would be rendered to prove one adapter on one base.

    The four pictures: A neutral prompt without the adapter, B neutral with it, D triggered prompt without it (the
    control), C triggered with it. Without trigger words neutral and triggered are the same and so are B and C.

    Attributes:
        changed: the triggered prompt with one other word, `swapped` the (old, new) word; see `other_word`.
        alone: the prompt with each of the triggers alone, in their order; empty where there is one or none.
        opposite: the prompt with a negative embedding in the positive one, to see that it pushes the other way.
        strengths: weights of the sweep, ascending; 1.0 is always measured.
        refine: how many weights more may be rendered to find where it appears and where it burns.
        turns: how often the one-step change is measured with the weights turned in random directions.
        preview_strength: weight of the preview picture; None: the measured one.
        device, dtype: "auto" lets the renderer choose.
        render: False: match and one-step check only.
    """

    base: BasePlan
    adapter: AdapterPlan
    neutral: PromptPair
    triggered: PromptPair
    triggers: tuple[str, ...] = ()
    changed: PromptPair | None = None
    swapped: tuple[str, str] = ("", "")
    alone: tuple[PromptPair, ...] = ()
    opposite: PromptPair | None = None
    prompt_source: str = "default"
    sampling: Sampling = field(default_factory=Sampling)
    strengths: tuple[float, ...] = (0.6, 1.0)
    refine: int = 0
    turns: int = 0
    preview_strength: float | None = None
    device: str = "auto"
    dtype: str = "auto"
    render: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers."""
        data: dict[str, Any] = plain(asdict(self))
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; unknown keys are ignored."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        known["base"] = BasePlan(**data["base"])
        known["adapter"] = AdapterPlan.from_json(data["adapter"])
        known["neutral"] = PromptPair(**data["neutral"])
        known["triggered"] = PromptPair(**data["triggered"])
        for name in ("changed", "opposite"):
            known[name] = PromptPair(**data[name]) if data.get(name) else None
        known["alone"] = tuple(PromptPair(**pair) for pair in data.get("alone", ()))
        known["swapped"] = tuple(data.get("swapped", ("", "")))
        known["triggers"] = tuple(data.get("triggers", ()))
        sampling = dict(data.get("sampling", {}))
        known["sampling"] = Sampling(**{**sampling, "seeds": tuple(sampling.get("seeds", (1,)))})
        known["strengths"] = tuple(data.get("strengths", ()))
        return cls(**known)


def plain(value: Any) -> Any:
    """Return a value with tuples as lists and kinds as strings, ready for JSON."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Kind) else value
