"""A checkpoint in memory: its parts, its module table, and weights that always come back bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from hubman.core.plan.bases import TE1, TE2, TE3, UNET, BaseLayout, Shape, base_layout, fold, layout_of_parts
from hubman.core.plan.render import BasePlan
from hubman.core.types import TensorInfo
from hubman.errors import N_, RenderError
from hubman.renderers.configs import is_shipped, unpack

if TYPE_CHECKING:
    from hubman.renderers.families import Family

_HASHED_WHOLE = 64 * 2**20
_SAMPLED_TENSORS = 8


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
        return int(getattr(self.unet.config, "sample_size", None) or 128) * self.factor

    @property
    def size_step(self) -> int:
        """Both sides of a picture are a multiple of this many pixels: the transformers read latents two by two."""
        return self.factor * (2 if self.layout.transformer else 1)

    def keep(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        """Return the untouched copy of a parameter, made on the first call."""
        if parameter not in self.pristine:
            self.pristine[parameter] = parameter.detach().clone()
        return self.pristine[parameter]

    def restore(self, parameters: list[torch.nn.Parameter]) -> None:
        """Copy the untouched weights back. Raises RenderError `base-contaminated` if one differs by a single bit."""
        with torch.no_grad():
            for parameter in parameters:
                parameter.copy_(self.pristine[parameter])
                if not _same_bits(parameter, self.pristine[parameter]):
                    raise RenderError("base-contaminated", N_("the base could not be restored after an adapter"))

    def check(self) -> None:
        """Raise RenderError `base-contaminated` when the weights differ from those loaded."""
        if fingerprint(self.modules) != self.fingerprint:
            raise RenderError("base-contaminated", N_("the base's weights changed while an adapter was rendered"))


def _same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Compare the bytes: torch.equal would call two NaNs different and two zeros of either sign equal."""
    return torch.equal(a.detach().contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))


def fingerprint(modules: Mapping[tuple[str, str], torch.nn.Module]) -> str:
    """Return a hash of all weights of a small model, of eight spread ones of a large model (under 64 MiB: all)."""
    weights = [(key, tensor) for key, module in modules.items() for tensor in module.parameters(recurse=False)]
    if sum(tensor.nbytes for _, tensor in weights) > _HASHED_WHOLE:
        weights = weights[:: max(1, len(weights) // _SAMPLED_TENSORS)]
    digest = hashlib.sha256()
    for key, tensor in weights:
        digest.update(repr(key).encode())
        digest.update(tensor.detach().contiguous().view(torch.uint8).cpu().numpy().tobytes())
    return digest.hexdigest()


def pick_device(wanted: str) -> torch.device:
    """Return the device asked for; `auto` takes CUDA, then Apple's MPS, then the CPU."""
    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


_T5 = {"FluxPipeline": 2, "StableDiffusion3Pipeline": 3}
"""Pipelines whose denoiser is a transformer -> number of the text encoder that is a T5."""


def pick_dtype(wanted: str, device: torch.device, pipeline: str = "") -> torch.dtype:
    """Return the dtype asked for; `auto` is half on CUDA (what nearly all were trained in), float32 elsewhere.

    Flux.1 and SD3 get bfloat16 on CUDA: they were trained in it, and T5 overflows in float16.
    """
    names = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if wanted in names:
        return names[wanted]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if pipeline in _T5 else torch.float16


def load_base(plan: BasePlan, device: str, dtype: str) -> Base:
    """Load a single file (with a local config folder) or a diffusers folder, without touching the network.

    Raises RenderError `base-config-missing`, `base-unreadable` or `base-unsupported`.
    """
    target = pick_device(device)
    kind = pick_dtype(dtype, target, str(_index(plan.path).get("_class_name")))
    pipe = _load_pipeline(plan, kind)
    base = _assemble(plan, pipe, target, kind)
    channels = base.family.channels(base)
    if channels != base.vae.config.latent_channels:
        raise RenderError(
            "base-unsupported",
            N_("{name} takes {n} latent channels (inpainting or depth); hubman renders with plain checkpoints only"),
            name=plan.name,
            n=channels,
        )
    return base


def _load_pipeline(plan: BasePlan, dtype: torch.dtype) -> Any:
    import diffusers

    try:
        if os.path.isdir(plan.path):
            extra = _without_parts(plan.path)
            return diffusers.DiffusionPipeline.from_pretrained(
                plan.path, torch_dtype=dtype, local_files_only=True, **extra
            )
        if layout_of_file(plan.path).transformer:
            raise RenderError(
                "base-folder-needed",
                N_("{name} is a single file of Flux.1 or SD3; hubman renders with these from a diffusers folder only"),
                hint=N_("add the diffusers folder of the same model (with model_index.json) to the library"),
                name=plan.name,
            )
        if not plan.config:
            raise RenderError(
                "base-config-missing",
                N_("no config fits {name}: its dimensions are not those of a family hubman ships configs for"),
                hint=N_("put a diffusers folder without weights named like the file beside it, or pass --config DIR"),
                name=plan.name,
            )
        return _load_single_file(plan.path, plan.config, dtype)
    except RenderError:
        raise
    except Exception as error:  # diffusers raises anything: NotImplementedError for a missing key, OSError, ValueError
        raise RenderError(
            "base-unreadable",
            N_("{name} cannot be loaded as a checkpoint: {reason}"),
            name=plan.name,
            reason=f"{type(error).__name__}: {error}".strip().splitlines()[0],
        ) from error


def _index(path: str) -> dict[str, Any]:
    """Return the `model_index.json` of a diffusers folder, {} for a single file or when it cannot be read."""
    try:
        with open(os.path.join(path, "model_index.json"), encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _without_parts(path: str) -> dict[str, Any]:
    """Return the parts that the pipeline is loaded without.

    The safety checker of SD1, whose weights hubman never needs, and T5 where its folder is not on disk: 9 GB that many
    leave out. SD3 then reads zeros in its place, and Flux.1 is refused for the lack.
    """
    index = _index(path)
    t5 = _T5.get(str(index.get("_class_name")))
    if t5 is None:
        return {"safety_checker": None, "requires_safety_checker": False}
    name = f"text_encoder_{t5}"
    there = os.path.isdir(os.path.join(path, name)) and any(index.get(name) or ())
    return {} if there else {name: None, f"tokenizer_{t5}": None}


def layout_of_file(path: str) -> BaseLayout:
    """Return the layout of a single file by its header; an empty one for a pickle, whose tensors are not read here."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
    except (OSError, SafetensorError):
        return BaseLayout({})
    return base_layout({name: TensorInfo(shape, "") for name, shape in shapes.items()})


def _load_single_file(path: str, config: str, dtype: torch.dtype) -> Any:
    with tempfile.TemporaryDirectory(prefix="hubman-config-") as folder:
        usable = unpack(config, folder) if is_shipped(config) else config
        pipeline = _pipeline_class(usable)
        return pipeline.from_single_file(path, config=usable, torch_dtype=dtype, local_files_only=True)


def _pipeline_class(config: str) -> Any:
    import diffusers

    with open(os.path.join(config, "model_index.json"), encoding="utf-8") as file:
        name = json.load(file).get("_class_name", "")
    if name not in {"StableDiffusionPipeline", "StableDiffusionXLPipeline"}:
        raise RenderError("base-unsupported", N_("hubman cannot render with a {kind} yet"), kind=name or "?")
    return getattr(diffusers, name)


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
        module.to(device=device, dtype=dtype).eval().requires_grad_(False)
    owners = {UNET: denoiser, **{text.part: text.encoder for text in texts}}
    modules, shapes = _module_table(owners)
    base = Base(
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
    base.fingerprint = fingerprint(modules)
    return base


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
            name = full.removeprefix("text_model.")  # before transformers 5.6, and still beside `text_projection`
            weight = getattr(module, "weight", None)
            if isinstance(weight, torch.nn.Parameter) and id(weight) not in seen:
                seen.add(id(weight))
                modules[(part, fold(name))] = module
                shapes[part][name] = tuple(weight.shape)
    return modules, shapes
