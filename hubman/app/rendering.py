"""A prompt as people type it, with tags and words of the library's adapters, to pictures with their recipe."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from hubman.app.library import find_one
from hubman.app.preview import used_of
from hubman.app.proving import choose_bases, read_adapter, read_base
from hubman.app.validate import usual_sampling
from hubman.app.validation import AdapterFile, BaseFile, ValidateOptions
from hubman.core.library import ModelFile
from hubman.core.plan.fit import adapter_shape, choose_base, declared_base
from hubman.core.plan.picture import AdapterUse, PicturePlan
from hubman.core.plan.render import TINY_PARAMETERS, AdapterPlan, BasePlan, PromptPair
from hubman.core.png_text import with_texts
from hubman.core.prompt import extract_tags, parse_spans, split_words
from hubman.core.query import parse_query
from hubman.core.recipe import Recipe, Used, parameters
from hubman.core.types import Kind, Safety
from hubman.disk.place import write_new
from hubman.errors import N_, ConflictError, NotFoundError, RenderError, UsageError
from hubman.renderers.configs import find_config
from hubman.store.reader import Reader


class PictureSession(Protocol):
    """The part of renderers.process.Renderer that draws."""

    def hello(self) -> dict[str, Any]: ...

    def call(self, op: str, plan: dict[str, Any], **more: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Called:
    """An adapter that a prompt calls, at its weights."""

    file: ModelFile
    adapter: AdapterFile
    unet: float
    te: float

    def use(self) -> AdapterUse:
        made = self.adapter
        return AdapterUse(
            AdapterPlan(made.path, made.name, made.sha256, made.facts.kind, made.name), self.unet, self.te
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be drawn: `typed` has the tags as the user wrote them, `prompt` is without."""

    typed: PromptPair
    prompt: PromptPair
    called: tuple[Called, ...]
    base: BaseFile
    why: str

    @property
    def large(self) -> bool:
        """Whether a picture takes minutes without a GPU."""
        return self.base.facts.parameters > TINY_PARAMETERS


def read_prompt(reader: Reader, typed: PromptPair, on: str | None, now_ns: int) -> Wanted:
    """Find the adapters that a prompt calls, and the checkpoint: `on`, else the one that fits the first of them best.

    Raises:
        NotFoundError: `model-not-found`, a tag that names nothing; `no-base`. ConflictError: `model-ambiguous`.
        UsageError: `not-a-checkpoint`, `tag-misnamed`. RenderError: `adapter-unsafe`.
    """
    positive, tags = extract_tags(typed.positive)
    called = [_tagged(reader, tag.kind, tag.name, tag.unet, tag.te) for tag in tags]
    prompt = PromptPair(positive.strip(), typed.negative)
    called += _worded(reader, prompt, now_ns)
    bases = [read_base(file) for file in choose_bases(reader, on, now_ns)]
    base, why = _base(called, bases, given=on is not None)
    return Wanted(typed, prompt, tuple(called), base, why)


def _tagged(reader: Reader, kind: Kind, name: str, unet: float, te: float) -> Called:
    file = find_one(reader, name)
    if file.kind != kind:
        raise UsageError(
            "tag-misnamed",
            N_("{name} is a {kind}, not what its tag calls."),
            hint=N_("<lora:NAME:0.6> is for LoRAs, <hypernet:NAME:1> for hypernetworks; an embedding is a word."),
            name=file.name,
            kind=file.kind,
        )
    return Called(file, _safe(read_adapter(file)), unet, te)


def _worded(reader: Reader, prompt: PromptPair, now_ns: int) -> list[Called]:
    """Return the embeddings of the library whose names stand as words in the prompt or the negative prompt."""
    files = {file.name: file for file in reversed(reader.search(parse_query("type:embedding", now_ns))[1])}
    names: dict[str, None] = {}
    for text in (prompt.positive, prompt.negative):
        for segment in parse_spans(text):
            for span in segment:
                names |= {name: None for _, name in split_words(span.text, list(files)) if name is not None}
    return [Called(files[name], _safe(read_adapter(files[name])), 1.0, 1.0) for name in names]


def _safe(adapter: AdapterFile) -> AdapterFile:
    if adapter.header.safety is Safety.UNSAFE:
        raise RenderError(
            "adapter-unsafe",
            N_("{name} would run code when it is opened; nothing is rendered with it"),
            hint=N_("`hubman scan {name}` says what"),
            name=adapter.name,
        )
    return adapter


def _base(called: Sequence[Called], bases: Sequence[BaseFile], *, given: bool) -> tuple[BaseFile, str]:
    usable = [base for base in bases if base.candidate.renderable] or list(bases)
    if called and usable:
        adapter = called[0].adapter
        shape = adapter_shape(adapter.facts, adapter.header.tensors)
        declared = declared_base(adapter.header, adapter.facts.lineage)
        choice = choose_base(shape, declared, [base.candidate for base in usable], given=given)
        if choice.index is not None:
            return usable[choice.index], choice.reason
    elif usable:
        return usable[0], "--on was given" if given else "the first checkpoint of the library"
    raise NotFoundError(
        "no-base",
        N_("No checkpoint in the library fits this prompt."),
        hint=N_("Add one (`hubman roots add FOLDER`, `hubman pull REF`), or name one: --on CHECKPOINT"),
    )


@dataclass(frozen=True, slots=True)
class Rendered:
    """Pictures on disk: `paths` one per seed, `size` in pixels, `recipes` A1111's text of each."""

    paths: tuple[str, ...]
    size: tuple[int, int]
    recipes: tuple[str, ...]
    seeds: tuple[int, ...]
    plan: PicturePlan
    adapters: tuple[dict[str, Any], ...]

    def to_json(self, wanted: Wanted) -> dict[str, Any]:
        """Return the object of `render --json`."""
        return {
            "pictures": [
                {"path": path, "seed": seed, "parameters": recipe}
                for path, seed, recipe in zip(self.paths, self.seeds, self.recipes, strict=True)
            ],
            "size": list(self.size),
            "base": {"name": wanted.base.name, "sha256": wanted.base.sha256, "reason": wanted.why},
            "adapters": [
                {
                    "name": called.adapter.name,
                    "kind": str(called.adapter.facts.kind),
                    "unet": called.unet,
                    "te": called.te,
                }
                for called in wanted.called
            ],
        }


def plan_pictures(wanted: Wanted, options: ValidateOptions, environment: dict[str, Any]) -> PicturePlan:
    """Return the plan: the sampling of a validation on that base, with what the options say."""
    base = wanted.base
    config, source = find_config(base.path, base.header, options.config)
    tiny = not wanted.large
    sampling = usual_sampling(
        options, base.candidate.layout, tiny=tiny, rendered=True, fast=tiny or environment.get("device") != "cpu"
    )
    return PicturePlan(
        base=BasePlan(base.path, base.name, base.sha256, config, source),
        prompt=wanted.prompt,
        adapters=tuple(called.use() for called in wanted.called),
        sampling=replace(sampling, seeds=options.seeds or (1,)),
        device=options.device,
        dtype=options.dtype,
    )


def targets(output: Path, count: int) -> list[Path]:
    """Return the path of each picture: FILE, or FILE-1, FILE-2, ...

    Raises:
        UsageError: `picture-format`. ConflictError: `file-exists`.
    """
    if output.suffix.lower() != ".png":
        raise UsageError(
            "picture-format",
            N_("{path} is no PNG: only that carries the recipe."),
            hint=N_("End its name with .png."),
            path=str(output),
        )
    paths = [output] if count == 1 else [output.with_stem(f"{output.stem}-{place + 1}") for place in range(count)]
    for path in paths:
        if path.exists():
            raise ConflictError(
                "file-exists",
                N_("{path} exists, and hubman overwrites nothing."),
                hint=N_("Choose another name, or move it away."),
                path=str(path),
            )
    return paths


def render_pictures(wanted: Wanted, plan: PicturePlan, output: Path, session: PictureSession) -> Rendered:
    """Render, and place each picture with its recipe under a new name.

    Raises:
        ConflictError, UsageError: `targets`. RenderError: what rendering says. OSError.
    """
    seeds = plan.sampling.seeds
    paths = targets(output, len(seeds))
    with tempfile.TemporaryDirectory(prefix="hubman-") as folder:
        drafts = [os.path.join(folder, f"{place}.png") for place in range(len(seeds))]
        answer = session.call("picture", plan.to_json(), paths=drafts, texts=[])
        size = int(answer["size"][0]), int(answer["size"][1])
        used: list[Used] = [used_of(called.file, called.adapter, called.unet) for called in wanted.called]
        recipes = []
        for seed, draft, path in zip(seeds, drafts, paths, strict=True):
            recipe = parameters(Recipe(wanted.typed, plan.sampling, seed, size, plan.base, used, typed=True))
            recipes.append(recipe)
            _place(path, with_texts(Path(draft).read_bytes(), {"parameters": recipe}, {"schema": 1, "seed": seed}))
    return Rendered(tuple(map(str, paths)), size, tuple(recipes), seeds, plan, tuple(answer["adapters"]))


def _place(path: Path, picture: bytes) -> None:
    try:
        write_new(path, picture)
    except OSError as error:
        reason = f"{path}: {error.strerror or error}"
        raise RenderError("render-disk", N_("the system refused a file: {reason}"), reason=reason) from error
