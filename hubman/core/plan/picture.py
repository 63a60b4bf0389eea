"""`PicturePlan`: one batch of pictures of any prompt with any adapters, as a value that travels as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from hubman.core.plan.render import AdapterPlan, BasePlan, PromptPair, Sampling, plain


@dataclass(frozen=True, slots=True)
class AdapterUse:
    """An adapter at a weight: `unet` for the denoiser, `te` for the text encoders (both the same in `<lora:x:0.6>`).

    Of an embedding only on (not 0) and off count; its emphasis stands in the prompt.
    """

    adapter: AdapterPlan
    unet: float = 1.0
    te: float = 1.0


@dataclass(frozen=True, slots=True)
class PicturePlan:
    """Everything that decides a batch of pictures, one per seed.

    Attributes:
        prompt: texts without `<...>` tags: whoever plans has turned those into `adapters`.
        adapters: applied in this order.
        device, dtype: "auto" lets the renderer choose.
    """

    base: BasePlan
    prompt: PromptPair
    adapters: tuple[AdapterUse, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    device: str = "auto"
    dtype: str = "auto"

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers."""
        data: dict[str, Any] = plain(asdict(self))
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; unknown keys are ignored."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        known["base"] = BasePlan(**data["base"])
        known["prompt"] = PromptPair(**data["prompt"])
        known["adapters"] = tuple(_use(use) for use in data.get("adapters", ()))
        sampling = dict(data.get("sampling", {}))
        known["sampling"] = Sampling(**{**sampling, "seeds": tuple(sampling.get("seeds", (1,)))})
        return cls(**known)


def _use(data: Mapping[str, Any]) -> AdapterUse:
    adapter = AdapterPlan.from_json(data["adapter"])
    return AdapterUse(adapter, data.get("unet", 1.0), data.get("te", 1.0))
