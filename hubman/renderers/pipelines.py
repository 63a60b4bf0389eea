"""A checkpoint on disk to the parts of a pipeline: a single file through its config, a diffusers folder as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import torch

from hubman.core.plan.bases import BaseLayout, base_layout
from hubman.core.plan.places import Shape
from hubman.core.plan.render import BasePlan
from hubman.core.types import TensorInfo
from hubman.errors import N_, RenderError
from hubman.renderers.configs import pipeline_name
from hubman.renderers.single_file import load_single_file, refuse_unsupported

TRANSFORMERS = ("FluxPipeline", "StableDiffusion3Pipeline")
"""Pipelines whose denoiser is a transformer."""

_T5 = {"FluxPipeline": 2, "StableDiffusion3Pipeline": 3}
"""Pipeline -> number of the text encoder that is a T5."""


def load_pipeline(plan: BasePlan, dtype: torch.dtype) -> Any:
    """Return something with the parts of a diffusers pipeline, on the CPU in `dtype`.

    Raises RenderError `base-config-missing`, `base-folder-needed`, `base-unreadable`, `base-unsupported` and those of
    `load_single_file`.
    """
    try:
        if os.path.isdir(plan.path):
            return _load_folder(plan, dtype)
        shapes = shapes_of_file(plan.path)
        if layout_of_shapes(shapes).transformer:
            raise RenderError(
                "base-folder-needed",
                N_("{name} is a single file of Flux.1 or SD3; hubman renders with these from a diffusers folder only"),
                hint=N_("add the diffusers folder of the same model (with model_index.json) to the library"),
                name=plan.name,
            )
        if not plan.config:
            refuse_unsupported(shapes, plan.name)
            raise RenderError(
                "base-config-missing",
                N_("no config fits {name}: its dimensions are not those of a family hubman ships configs for"),
                hint=N_("put a diffusers folder without weights named like the file beside it, or pass --config DIR"),
                name=plan.name,
            )
        return load_single_file(plan.path, plan.config, dtype, plan.name)
    except (RenderError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # diffusers and torch raise anything: KeyError, OSError, ValueError, UnpicklingError
        raise RenderError(
            "base-unreadable",
            N_("{name} cannot be loaded as a checkpoint: {reason}"),
            name=plan.name,
            reason=next(iter(f"{type(error).__name__}: {error}".strip().splitlines())),
        ) from error


def _load_folder(plan: BasePlan, dtype: torch.dtype) -> Any:
    import diffusers

    kind = pipeline_name(plan.path)
    if kind == "StableDiffusionXLImg2ImgPipeline":
        raise RenderError(
            "base-unsupported", N_("{name} is the SDXL refiner, which no adapter is made for"), name=plan.name
        )
    return diffusers.DiffusionPipeline.from_pretrained(
        plan.path, torch_dtype=dtype, local_files_only=True, **_without_parts(plan.path, kind)
    )


def _without_parts(path: str, kind: str) -> dict[str, Any]:
    """Return the parts that the pipeline is loaded without.

    The safety checker of SD1, whose weights hubman never needs, and T5 where its folder is not on disk: 9 GB that many
    leave out. SD3 then reads zeros in its place, and Flux.1 is refused for the lack.
    """
    if kind == "StableDiffusionXLPipeline":
        return {}
    if kind not in TRANSFORMERS:
        return {"safety_checker": None, "requires_safety_checker": False}
    number = _T5[kind]
    name = f"text_encoder_{number}"
    there = os.path.isdir(os.path.join(path, name)) and any(_named_parts(path).get(name) or ())
    return {} if there else {name: None, f"tokenizer_{number}": None}


def _named_parts(path: str) -> dict[str, Any]:
    """Return `model_index.json`; the folder was recognised by it."""
    with open(os.path.join(path, "model_index.json"), encoding="utf-8") as file:
        index: dict[str, Any] = json.load(file)
    return index


def shapes_of_file(path: str) -> Mapping[str, Shape]:
    """Return the shapes in a safetensors header; none for a pickle, whose tensors are not read here."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
    except (OSError, SafetensorError):
        return {}


def layout_of_shapes(shapes: Mapping[str, Shape]) -> BaseLayout:
    """Return the layout of a single file by its header."""
    return base_layout({name: TensorInfo(shape, "") for name, shape in shapes.items()})
