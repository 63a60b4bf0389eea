"""A single-file checkpoint (SD1, SD2, SDXL) to the parts of a pipeline, without the network and without surprises.

The tensors are compared with the config by our own eyes first, so that a file that lacks something says what; the
conversion itself is diffusers'.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch

from hubman.core.plan.places import TE1, TE2, UNET, Shape
from hubman.core.plan.single_file import (
    FOLDERS,
    NEEDED,
    PREFIXES,
    VAE,
    canonical,
    clip_names,
    open_clip_names,
    part_of,
    same_shape,
    unet_names,
    unsupported_base,
    vae_names,
)
from hubman.errors import N_, RenderError
from hubman.renderers.configs import is_shipped, missing_parts, pipeline_name, unpack, weights

_PART_WORDS: Mapping[str, str] = {
    UNET: N_("U-Net"),
    VAE: N_("VAE"),
    TE1: N_("text encoder"),
    TE2: N_("second text encoder"),
}


@dataclass(slots=True)
class Parts:
    """What a pipeline of diffusers has, by its names; `metadata` and `names` are those of the file."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    text_encoder_2: Any = None
    tokenizer_2: Any = None
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    names: frozenset[str] = frozenset()


@dataclass(slots=True)
class _File:
    """The tensors of a checkpoint by their canonical names; a safetensors file is read one tensor at a time."""

    shapes: Mapping[str, Shape]
    metadata: Mapping[str, str]
    original: Mapping[str, str]
    reader: Any

    def read(self, part: str, dtype: torch.dtype) -> dict[str, torch.Tensor]:
        """Return the tensors of one part; 8-bit floats in `dtype`, in which they can be computed with."""
        found = {}
        for name, original in self.original.items():
            if part_of(name) == part:
                tensor = self.reader(original)
                found[name] = tensor.to(dtype) if "float8" in str(tensor.dtype) else tensor
        return found


def load_single_file(path: str, config: str, dtype: torch.dtype, name: str) -> Parts:
    """Return the parts of a checkpoint as its config folder (one of ours, or any diffusers folder) describes them.

    Raises RenderError `base-unsupported`, `base-incomplete`, `base-config-mismatch`; OSError and others as they come.
    """
    pipeline = pipeline_name(config)
    if pipeline not in NEEDED:
        raise RenderError("base-unsupported", N_("hubman cannot render with a {kind} yet"), kind=pipeline or "?")
    file = open_file(path)
    refuse_unsupported(file.shapes, name)
    missing = missing_parts(file.shapes, config)
    if missing:
        raise _incomplete(name, missing[0], N_("{name} has no {part}; hubman renders with full checkpoints only"))
    with tempfile.TemporaryDirectory(prefix="hubman-config-") as folder:
        usable = unpack(config, folder) if is_shipped(config) else config
        loaded = {part: _load_part(file, part, usable, dtype, name) for part in NEEDED[pipeline]}
        more = {"text_encoder_2": loaded[TE2], "tokenizer_2": _tokenizer(usable, "_2")} if TE2 in loaded else {}
        return Parts(
            unet=loaded[UNET],
            vae=loaded[VAE],
            text_encoder=loaded[TE1],
            tokenizer=_tokenizer(usable, ""),
            scheduler=_scheduler(usable),
            metadata=file.metadata,
            names=frozenset(file.shapes),
            **more,
        )


def refuse_unsupported(shapes: Mapping[str, Shape], name: str) -> None:
    """Raise RenderError `base-unsupported` for a model whose header says that it needs something else."""
    what = unsupported_base(shapes)
    if what:
        raise RenderError(
            "base-unsupported",
            N_("{name} is {kind}; hubman renders with plain SD1, SD2 and SDXL checkpoints only"),
            hint=N_("name another checkpoint with --base"),
            name=name,
            kind=what,
        )


def open_file(path: str) -> _File:
    """Open a safetensors file, or read a pickle that holds nothing but tensors (anything else is refused by torch)."""
    if path.lower().endswith(".safetensors"):
        from safetensors import safe_open

        file: Any = safe_open(path, framework="pt")
        kept: list[str] = list(file.keys())
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in kept}
        return _named(shapes, file.metadata() or {}, file.get_tensor)
    content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    tensors = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    return _named({name: tuple(tensor.shape) for name, tensor in tensors.items()}, {}, tensors.__getitem__)


def _named(shapes: Mapping[str, Shape], metadata: Mapping[str, str], reader: Any) -> _File:
    return _File(
        shapes={canonical(name): shape for name, shape in shapes.items()},
        metadata=metadata,
        original={canonical(name): name for name in shapes},
        reader=reader,
    )


def _incomplete(name: str, part: str, message: str, **fields: object) -> RenderError:
    return RenderError(
        "base-incomplete",
        message,
        hint=N_(
            "use a full checkpoint (--base), or put a diffusers folder with the missing weights beside the file and "
            "give it the file's name"
        ),
        name=name,
        part=_PART_WORDS[part],
        **fields,
    )


def _load_part(file: _File, part: str, config: str, dtype: torch.dtype, name: str) -> Any:
    """Return one part, from the file, or from the config folder's own weights where the file has none."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    there = any(part_of(key) == part for key in file.shapes)
    folder = os.path.join(config, FOLDERS[part])
    beside = None if there else weights(config, part)
    if part in {UNET, VAE}:
        import diffusers

        model: Any = diffusers.UNet2DConditionModel if part == UNET else diffusers.AutoencoderKL
        if beside:
            return model.from_pretrained(beside, torch_dtype=dtype, local_files_only=True)
        with torch.device("meta"):
            empty = model.from_config(model.load_config(folder))
        _compare(file, part, empty, name)
        return model.from_single_file(
            file.read(part, dtype),
            config=config,
            subfolder=FOLDERS[part],
            torch_dtype=dtype,
            local_files_only=True,
        )
    encoder: Any = CLIPTextModelWithProjection if part == TE2 else CLIPTextModel
    if beside:
        return encoder.from_pretrained(beside, dtype=dtype, local_files_only=True)
    with torch.device("meta"):
        empty = encoder(encoder.config_class.from_pretrained(folder, local_files_only=True))
    _compare(file, part, empty, name)
    from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm

    return create_diffusers_clip_model_from_ldm(
        encoder,
        checkpoint=file.read(part, dtype),
        subfolder=FOLDERS[part],
        config=config,
        torch_dtype=dtype,
        local_files_only=True,
    )


def _compare(file: _File, part: str, empty: torch.nn.Module, name: str) -> None:
    """Raise RenderError `base-incomplete` or `base-config-mismatch` unless the file has all that the config asks."""
    wanted = {key: tuple(value.shape) for key, value in empty.state_dict().items() if not key.endswith("position_ids")}
    names = _file_names(file, part, empty, wanted)
    lacking = sorted({new for new in names.values() if new not in file.shapes})
    if lacking:
        raise _incomplete(
            name,
            part,
            N_("{name} lacks {count} of the {total} weights of its {part}, {first} among them"),
            count=len(lacking),
            total=len(set(names.values())),
            first=lacking[0],
        )
    for key, shape in wanted.items():
        has = file.shapes[names[key]]
        if not same_shape(part, key, shape, has):
            raise RenderError(
                "base-config-mismatch",
                N_("{tensor} of {name} has the size {has}, where its config says {wants}"),
                hint=N_("name the folder that describes this checkpoint with --config"),
                name=name,
                tensor=names[key],
                has=_size(has),
                wants=_size(shape),
            )


def _file_names(file: _File, part: str, empty: Any, wanted: Mapping[str, Shape]) -> dict[str, str]:
    if part == UNET:
        return unet_names(wanted)
    if part == VAE:
        return vae_names(wanted, len(empty.config.block_out_channels))
    start = next(prefix for prefix in PREFIXES[part] if any(key.startswith(prefix) for key in file.shapes))
    open_clip = any(key.startswith(f"{start}model.") for key in file.shapes)
    return (open_clip_names if open_clip else clip_names)(wanted, start)


def _size(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "1"


def _tokenizer(config: str, end: str) -> Any:
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(os.path.join(config, f"tokenizer{end}"), local_files_only=True)


def _scheduler(config: str) -> Any:
    """Return the scheduler that a config folder names; only its numbers are used."""
    import diffusers

    settings: dict[str, Any] = diffusers.DPMSolverMultistepScheduler.load_config(os.path.join(config, "scheduler"))
    kind = getattr(diffusers, str(settings.get("_class_name", "")), diffusers.DPMSolverMultistepScheduler)
    return kind.from_config(settings)
