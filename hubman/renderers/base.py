"""A checkpoint in memory: its parts, its module table, and weights that always come back bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from hubman.core.plan.bases import TE1, TE2, TE3, UNET, BaseLayout, Shape, fold, layout_of_parts
from hubman.core.plan.memory import MemoryPlan
from hubman.core.plan.prediction import Prediction
from hubman.core.plan.render import BasePlan
from hubman.errors import N_, RenderError
from hubman.renderers.configs import pipeline_name
from hubman.renderers.fingerprint import fingerprint, same_bits
from hubman.renderers.offload import Rota, apply, plan_for
from hubman.renderers.pipelines import TRANSFORMERS, load_pipeline
from hubman.renderers.prediction import settle_prediction, unprobed

if TYPE_CHECKING:
    from hubman.renderers.families import Family


@dataclass(slots=True)
class TextPart:
    """One text encoder with its tokenizer; `part` is te1, te2 or te3."""

    part: str
    tokenizer: Any
    encoder: Any

    @property
    def inner(self) -> Any:
        """The transformer itself: transformers >= 5.6 flattened CLIPTextModel, others keep it in `text_model`."""
        return getattr(self.encoder, "text_model", self.encoder)

    @property
    def t5(self) -> bool:
        """Whether it is a T5 (Flux.1, SD3), which reads a whole prompt at once, and not a CLIP."""
        return "T5" in type(self.encoder).__name__


@dataclass(slots=True)
class Base:
    """A loaded checkpoint.

    Attributes:
        unet: the denoiser, also when it is a transformer.
        modules: (part, folded name) -> module with a weight, as `layout.modules`.
        pristine: parameter -> its untouched copy, filled the first time an adapter changes it.
        fingerprint: hash over the weights as loaded.
        memory: anything worth keeping for this base (pictures without adapter), by its own key.
        prediction: what the network predicts and how that is known; `scheduler_config` says the same.
        sample_size: latents per side of the native picture where the config does not know it.
        memory_plan: where its parts lie; `rota` moves those that do not stay on the device.
    """

    plan: BasePlan
    unet: Any
    vae: Any
    texts: list[TextPart]
    scheduler_config: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    layout: BaseLayout
    family: Family
    modules: dict[tuple[str, str], torch.nn.Module]
    pristine: dict[torch.nn.Parameter, torch.Tensor] = field(default_factory=dict)
    fingerprint: str = ""
    memory: dict[object, Any] = field(default_factory=dict)
    prediction: Prediction = field(default_factory=lambda: Prediction("epsilon", "family"))
    sample_size: int | None = None
    memory_plan: MemoryPlan = field(default_factory=MemoryPlan)
    rota: Rota | None = None

    @property
    def xl(self) -> bool:
        return getattr(self.unet.config, "addition_embed_type", None) == "text_time"

    @property
    def factor(self) -> int:
        """Pixels per latent."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def native_size(self) -> int:
        """Side of the native picture in pixels; Flux.1's config names none, its pipeline draws 128 latents."""
        return int(self.sample_size or getattr(self.unet.config, "sample_size", None) or 128) * self.factor

    @property
    def size_step(self) -> int:
        """Both sides of a picture are a multiple of this many pixels: the transformers read latents two by two."""
        return self.factor * (2 if self.layout.transformer else 1)

    def keep(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        """Return the untouched copy of a parameter on its device; made on the first call, where the plan says."""
        if parameter not in self.pristine:
            copy = parameter.detach().clone()
            if self.memory_plan.pristine == "host" and self.device.type == "cuda":
                copy = copy.cpu().pin_memory()
            self.pristine[parameter] = copy
        return self.pristine[parameter].to(parameter.device, non_blocking=True)

    def restore(self, parameters: list[torch.nn.Parameter]) -> None:
        """Copy the untouched weights back. Raises RenderError `base-contaminated` if one differs by a single bit."""
        with torch.no_grad():
            for parameter in parameters:
                untouched = self.pristine[parameter].to(parameter.device)
                parameter.copy_(untouched)
                if not same_bits(parameter, untouched):
                    raise RenderError("base-contaminated", N_("the base could not be restored after an adapter"))

    def bring(self, part: str) -> None:
        """Have a part (vae, denoiser, texts) on the device before one of its own methods is called."""
        if self.rota is not None and self.memory_plan.offload:
            self.rota.bring(part)

    def facts(self) -> dict[str, Any]:
        """Return what a result tells of the base: what it predicts and how that is known, where its parts lay."""
        return {"prediction": self.prediction.to_json(), "memory": self.memory_plan.to_json()}

    def check(self) -> None:
        """Raise RenderError `base-contaminated` when the weights differ from those loaded (see `fingerprint`)."""
        if fingerprint(self.modules) != self.fingerprint:
            raise RenderError("base-contaminated", N_("the base's weights changed while an adapter was rendered"))


def pick_device(wanted: str) -> torch.device:
    """Return the device asked for; `auto` takes CUDA, then Apple's MPS, then the CPU."""
    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def pick_dtype(wanted: str, device: torch.device, pipeline: str = "") -> torch.dtype:
    """Return the dtype asked for; `auto` is half on CUDA (what nearly all were trained in), float32 elsewhere.

    Flux.1 and SD3 get bfloat16 on CUDA: they were trained in it, and T5 overflows in float16.
    """
    names = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if wanted in names:
        return names[wanted]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if pipeline in TRANSFORMERS else torch.float16


def load_base(plan: BasePlan, device: str, dtype: str) -> Base:
    """Load a single file (with a local config folder) or a diffusers folder, without touching the network.

    What it predicts is found out and set before anybody renders with it.
    Raises RenderError `base-unsupported` and those of `load_pipeline`.
    """
    target = pick_device(device)
    kind = pick_dtype(dtype, target, pipeline_name(plan.path))
    pipe = load_pipeline(plan, kind)
    base = _assemble(plan, pipe, target, kind)
    channels = base.family.channels(base)
    if channels != base.vae.config.latent_channels:
        raise RenderError(
            "base-unsupported",
            N_("{name} takes {n} latent channels (inpainting or depth); hubman renders with plain checkpoints only"),
            name=plan.name,
            n=channels,
        )
    apply(base, plan_for(base))
    if base.layout.transformer:
        base.prediction = unprobed(str(base.scheduler_config.get("prediction_type", "flow_prediction")))
    else:
        settle_prediction(base, getattr(pipe, "metadata", {}), getattr(pipe, "names", ()))
    base.fingerprint = fingerprint(base.modules)
    return base


def _assemble(plan: BasePlan, pipe: Any, device: torch.device, dtype: torch.dtype) -> Base:
    from hubman.renderers.families import pick_family

    texts = [
        TextPart(part, getattr(pipe, f"tokenizer{end}"), getattr(pipe, f"text_encoder{end}"))
        for part, end in ((TE1, ""), (TE2, "_2"), (TE3, "_3"))
        if getattr(pipe, f"text_encoder{end}", None) is not None
    ]
    denoiser = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    if not texts or denoiser is None:
        raise RenderError("base-unsupported", N_("{name} has no U-Net with a CLIP text encoder"), name=plan.name)
    family = pick_family(denoiser)
    missing = set(family.texts) - {text.part for text in texts}
    if missing:
        raise RenderError(
            "base-unsupported",
            N_("{name} lacks the text encoder {part}, without which it reads no prompt"),
            name=plan.name,
            part=min(missing),
        )
    for module in (denoiser, pipe.vae, *(text.encoder for text in texts)):
        module.to(dtype=dtype).eval().requires_grad_(False)
    owners = {UNET: denoiser, **{text.part: text.encoder for text in texts}}
    modules, shapes = _module_table(owners)
    return Base(
        plan=plan,
        unet=denoiser,
        vae=pipe.vae,
        texts=texts,
        scheduler_config=_scheduler_config(pipe),
        device=device,
        dtype=dtype,
        layout=layout_of_parts(shapes),
        family=family,
        modules=modules,
    )


def _scheduler_config(pipe: Any) -> dict[str, Any]:
    """Return the scheduler's config; flow matching has no prediction type in it, which would read as epsilon."""
    config = dict(pipe.scheduler.config)
    if type(pipe.scheduler).__name__.startswith("FlowMatch"):
        config.setdefault("prediction_type", "flow_prediction")
    return config


def _module_table(
    owners: Mapping[str, Any],
) -> tuple[dict[tuple[str, str], torch.nn.Module], dict[str, dict[str, Shape]]]:
    modules: dict[tuple[str, str], torch.nn.Module] = {}
    shapes: dict[str, dict[str, Shape]] = {}
    seen: set[int] = set()  # T5 has its table of tokens under two names
    for part, owner in owners.items():
        shapes[part] = {}
        for full, module in owner.named_modules():
            name = full.removeprefix("text_model.")
            weight = getattr(module, "weight", None)
            if isinstance(weight, torch.nn.Parameter) and id(weight) not in seen:
                seen.add(id(weight))
                modules[(part, fold(name))] = module
                shapes[part][name] = tuple(weight.shape)
    return modules, shapes
