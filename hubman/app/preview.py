"""The face of an adapter: one picture at its measured weight, with its recipe, made after the verdict.

Only a verdict that says that the adapter works gives it a face (FACES); the picture of a broken one must never become
it. What it shows: core/plan/preview_prompt.py; its size: core/plan/training_size.py; which seed: core/plan/median_seed.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from hubman.app.native_size import native_size
from hubman.app.preview_sources import preview_words
from hubman.app.sidecar_pictures import place_preview
from hubman.app.sidecars import FACES
from hubman.app.validation import AdapterFile, BaseFile, RenderSession, ValidateOptions, Validation
from hubman.config import Config
from hubman.core.library import ModelFile, SidecarPolicy
from hubman.core.measured import measured_on
from hubman.core.plan.median_seed import median_seed
from hubman.core.plan.picture import AdapterUse, PicturePlan
from hubman.core.plan.preview_prompt import PreviewPrompt, preview_prompt
from hubman.core.plan.render import TINY_PARAMETERS, AdapterPlan, BasePlan, Sampling
from hubman.core.plan.training_size import preview_size, trained_size
from hubman.core.png_text import OWN_KEY, own_record, read_texts, with_texts
from hubman.core.recipe import Recipe, Used, parameters
from hubman.core.types import Kind
from hubman.disk.place import write_atomic
from hubman.errors import N_, RenderError
from hubman.renderers.configs import find_config
from hubman.store.door import Store
from hubman.store.reader import open_reader

DEFAULT_WEIGHT = 0.6
TINY_SEEDS = (1, 2, 3)
"""Of a tiny checkpoint's pictures the best of three costs half a second; of a large one's a picture costs seconds, so
it gets the first seed unless more are asked for."""


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """What the user may decide; None means hubman decides. `explicit`: lifts the filter (config `preview.explicit`)."""

    prompt: str | None = None
    negative: str | None = None
    seeds: tuple[int, ...] | None = None
    weight: float | None = None
    size: tuple[int, int] | None = None
    explicit: bool = False

    @classmethod
    def of(cls, options: ValidateOptions, config: Config) -> PreviewOptions:
        """Return what the options of a validation mean for the preview that comes after it."""
        return cls(
            options.prompt, options.negative, options.seeds, options.weight, options.size, explicit=config.explicit
        )


class PictureSession(Protocol):
    """The part of renderers.process.Renderer that makes pictures."""

    def call(self, op: str, plan: Mapping[str, Any], **more: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Proved:
    """What a preview needs of a verdict, whether it was reached just now or is in the library."""

    adapter: AdapterFile
    base: BaseFile
    verdict: str
    rule: str
    weight: float | None
    sampling: Sampling
    rendered: bool = True
    device: str = "auto"
    dtype: str = "auto"
    config: str | None = None

    @property
    def tiny(self) -> bool:
        return self.base.facts.parameters <= TINY_PARAMETERS


@dataclass(frozen=True, slots=True)
class Made:
    """A preview that was made. `source`: where the prompt comes from; `left_out`: words that nobody asked for."""

    path: str
    recipe: str
    source: str
    weight: float
    seed: int
    left_out: tuple[str, ...] = ()
    beside: str | None = None

    def with_beside(self, path: str | None) -> Made:
        """Return the same, with the path of the copy beside the model."""
        return replace(self, beside=path)

    def to_json(self) -> dict[str, object]:
        """Return the object `made` of `preview --make --json`."""
        return {
            "preview": self.path,
            "recipe": self.recipe,
            "prompt_source": self.source,
            "weight": self.weight,
            "seed": self.seed,
            "left_out": list(self.left_out),
            "beside": self.beside,
        }


def make_preview(
    store: Store,
    config: Config,
    file: ModelFile,
    done: Validation,
    session: PictureSession,
    options: PreviewOptions | None = None,
    *,
    sidecars: SidecarPolicy = SidecarPolicy.OFF,
    wanted: bool = True,
) -> Validation:
    """Make the preview of an adapter that was just proved; the one function that whoever proves calls.

    Call it before the verdict is recorded: the result carries the path and the recipe of the picture. Where the verdict
    gives no face, or nothing was rendered (a large checkpoint on a CPU), it returns the validation without a preview.
    A failure does not change the verdict: it is told as `hint`.

    Args:
        options: `PreviewOptions.of` those of the validation.
        sidecars: the policy of the file's root: whether the picture is wanted beside the model, too.
        wanted: False makes none (`--no-preview`); one that there is already stays.

    Raises:
        RenderError: `render-cancelled` only. UsageError: `prompt-refused`, the user's own prompt.
    """
    proved = proved_now(done)
    if proved is None or not (wanted and proved.rendered):
        return replace(done, preview=_older(config, done))
    try:
        made = render_preview(store, config, file, proved, session, options or PreviewOptions(explicit=config.explicit))
    except (OSError, RenderError) as error:
        if isinstance(error, RenderError) and error.reference == "render-cancelled":
            raise
        return replace(done, preview=_older(config, done), hint=f"the preview could not be made: {error}")
    done = replace(done, preview=made.path, recipe=made.recipe)
    try:
        place_face(store, file, made.path, sidecars)
    except OSError as error:
        reason = error.strerror or str(error)
        return replace(done, hint=f"the preview could not be written beside the model: {reason}")
    return done


def _older(config: Config, done: Validation) -> str | None:
    """Return the preview that there is already of an adapter that still deserves a face."""
    path = config.previews / f"{done.adapter.sha256 or done.adapter.id}.png"
    return str(path) if str(done.verdict) in FACES and path.is_file() else None


def place_face(store: Store, file: ModelFile, picture: str, sidecars: SidecarPolicy) -> str | None:
    """Write a model's face beside it where its root asks for that: the user's own picture, where there is one."""
    own = file.own_preview.picture
    return place_preview(store, file, own if own and os.path.isfile(own) else picture, sidecars)


def proved_now(done: Validation) -> Proved | None:
    """Return what a preview needs of a validation; None where its verdict gives no face."""
    if str(done.verdict) not in FACES or done.base is None or done.plan is None:
        return None
    return Proved(
        adapter=done.adapter,
        base=done.base,
        verdict=str(done.verdict),
        rule=done.judgement.rule,
        weight=done.weight.weight if done.weight else None,
        sampling=done.plan.sampling,
        rendered=done.plan.render,
        device=done.plan.device,
        dtype=done.plan.dtype,
        config=done.plan.base.config,
    )


def proved_before(adapter: AdapterFile, base: BaseFile, detail: Mapping[str, Any]) -> Proved | None:
    """Return what a preview needs of a verdict that the library keeps (`Validation.to_json`); None as above."""
    plan = detail.get("plan")
    if detail.get("verdict") not in FACES or not isinstance(plan, Mapping):
        return None
    said = plan.get("sampling") or {}
    known = {key: said[key] for key in ("steps", "cfg", "sampler", "clip_skip") if key in said}
    measured = measured_on(detail)
    return Proved(
        adapter=adapter,
        base=base,
        verdict=str(detail["verdict"]),
        rule=str(detail.get("rule", "")),
        weight=measured.weight if measured else None,
        sampling=Sampling(**known, seeds=tuple(said.get("seeds", (1,)))),
        rendered=bool(plan.get("render", True)),
    )


def render_preview(
    store: Store, config: Config, file: ModelFile, proved: Proved, session: PictureSession, options: PreviewOptions
) -> Made:
    """Render, choose the seed, and keep `<home>/previews/<sha256>.png`.

    Raises:
        RenderError: what rendering says; `preview-not-finite`. UsageError: `prompt-refused`. OSError.
    """
    with open_reader(store.path) as reader:
        words = preview_words(
            reader, file, proved.adapter, proved.base,
            prompt=options.prompt, negative=options.negative, explicit=options.explicit,
        )  # fmt: skip
    shown = preview_prompt(words, explicit=options.explicit, tiny=proved.tiny)
    weight = face_weight(proved, options.weight)
    plan = face_plan(proved, shown, weight, options)
    config.previews.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=config.previews, prefix=".hubman-") as folder:
        chosen, size, picture = _render_seeds(plan, session, folder)
    recipe = parameters(_recipe(plan, used_of(file, proved.adapter, weight), plan.sampling.seeds[chosen], size))
    own = {
        "schema": 1,
        "adapter": {"name": proved.adapter.name, "sha256": proved.adapter.sha256, "weight": weight},
        "base": {"name": proved.base.name, "sha256": proved.base.sha256},
        "verdict": proved.verdict,
        "rule": proved.rule,
        "prompt_source": shown.source,
        "seed": plan.sampling.seeds[chosen],
        "left_out": list(shown.left_out),
        "plan": _without_paths(plan),
    }
    path = config.previews / f"{proved.adapter.sha256 or proved.adapter.id}.png"
    write_atomic(path, with_texts(picture, {"parameters": recipe}, own))
    return Made(str(path), recipe, shown.source, weight, plan.sampling.seeds[chosen], shown.left_out)


def made_before(path: str) -> Made | None:
    """Return what a preview of hubman's says of itself; None where the file is none, or was changed."""
    data = Path(path).read_bytes()
    own = own_record(data)
    if own is None or "prompt_source" not in own:
        return None
    said: Any = own
    recipe = read_texts(data).get("parameters", "")
    left_out = tuple(map(str, said.get("left_out", ())))
    return Made(path, recipe, said["prompt_source"], said["adapter"]["weight"], said["seed"], left_out)


def face_weight(proved: Proved, given: float | None = None) -> float:
    """Return the weight of a face: the user's, else the measured one, else the author's, else the usual one.

    An embedding has none. A weak adapter without a measured weight is shown at its full one: less shows nothing.
    """
    if proved.adapter.facts.kind is Kind.EMBEDDING:
        return 1.0
    usual = 1.0 if proved.verdict == "weak" or proved.adapter.facts.kind is Kind.HYPERNETWORK else DEFAULT_WEIGHT
    return next(weight for weight in (given, proved.weight, proved.adapter.weight, usual) if weight is not None)


def face_plan(proved: Proved, shown: PreviewPrompt, weight: float, options: PreviewOptions) -> PicturePlan:
    """Return the plan of a face: the sampling of the verdict, at the size that the adapter was trained at."""
    adapter, base = proved.adapter, proved.base
    config, source = find_config(base.path, base.header, proved.config)
    native = native_size(base, config)
    trained = trained_size(adapter.header.metadata)
    width, height = options.size or preview_size(trained[0] if trained else None, native)
    usual = TINY_SEEDS if proved.tiny else proved.sampling.seeds[:1]
    return PicturePlan(
        base=BasePlan(base.path, base.name, base.sha256, config, source),
        prompt=shown.pair,
        adapters=(
            AdapterUse(
                AdapterPlan(adapter.path, adapter.name, adapter.sha256, adapter.facts.kind, adapter.name),
                weight,
                weight,
            ),
        ),
        sampling=replace(proved.sampling, seeds=options.seeds or usual, width=width, height=height),
        device=proved.device,
        dtype=proved.dtype,
    )


def _render_seeds(plan: PicturePlan, session: PictureSession, folder: str) -> tuple[int, tuple[int, int], bytes]:
    """Render a picture per seed; return the place of the chosen one, its size, and its bytes."""
    count = len(plan.sampling.seeds)
    faces = [os.path.join(folder, f"{place}.png") for place in range(count)]
    answer = session.call("picture", plan.to_json(), paths=faces, texts=[])
    if not answer["finite"]:
        raise RenderError("preview-not-finite", N_("the preview holds no numbers; its picture is not kept"))
    chosen = 0
    if count > 1:
        bare = [os.path.join(folder, f"{place}-bare.png") for place in range(count)]
        session.call("picture", replace(plan, adapters=()).to_json(), paths=bare, texts=[])
        changes = session.call("compare", {"first": bare, "second": faces})["changes"]
        chosen = median_seed(changes)
    width, height = answer["size"]
    return chosen, (int(width), int(height)), Path(faces[chosen]).read_bytes()


def _recipe(plan: PicturePlan, used: Used, seed: int, size: tuple[int, int]) -> Recipe:
    return Recipe(plan.prompt, plan.sampling, seed, size, plan.base, (used,))


def used_of(file: ModelFile, adapter: AdapterFile, weight: float) -> Used:
    """Return an adapter as a recipe names it, with the hash by which WebUIs know its kind."""
    kind = adapter.facts.kind
    hashes = file.hashes
    digest = (hashes.sha256 if kind is Kind.EMBEDDING else hashes.autov3) if hashes else None
    return Used(kind, adapter.name, weight, digest or "")


def _without_paths(plan: PicturePlan) -> dict[str, Any]:
    """Return the plan as JSON without paths: those are the machine's, and a picture travels."""
    data = plan.to_json()
    for part in (data["base"], *(use["adapter"] for use in data["adapters"])):
        part.pop("path", None)
        part.pop("config", None)
    return data


# --- the pictures of a validation ----------------------------------------------------------------------------------


def preview_weight(done: Validation) -> float:
    """Return the weight of the pair without/with: the user's or author's if it was rendered, else the measured, else
    0.6."""
    assert done.plan is not None
    wanted = next(
        weight
        for weight in (done.plan.preview_strength, done.weight.weight if done.weight else None, DEFAULT_WEIGHT)
        if weight is not None
    )
    return min(done.plan.strengths, key=lambda strength: (abs(strength - wanted), strength))


def keep_pictures(done: Validation, options: ValidateOptions, session: RenderSession) -> Validation:
    """Write the pair without/with of the sweep, and a preview where the verdict gives a face.

    The recipe is kept even when no folder was given. `make_preview` makes a better preview later.
    """
    assert done.plan is not None
    weight = preview_weight(done)
    recipe = recipe_text(done, weight)
    if options.out_dir is None:
        return replace(done, recipe=recipe)
    os.makedirs(options.out_dir, exist_ok=True)
    stem = os.path.join(options.out_dir, done.adapter.sha256 or done.adapter.id)
    picture = f"C@{weight:g}"
    own = {
        "schema": 1,
        "adapter": {"name": done.adapter.name, "sha256": done.adapter.sha256, "weight": weight},
        "verdict": str(done.verdict),
        "rule": done.judgement.rule,
        "plan": done.to_json()["plan"],
        "environment": dict(done.environment),
    }
    texts = {"parameters": recipe, OWN_KEY: json.dumps(own, ensure_ascii=False, sort_keys=True)}
    face = str(done.verdict) in FACES
    return replace(
        done,
        recipe=recipe,
        preview=session.write(picture, 0, f"{stem}.png", texts) if face else None,
        with_=session.write(picture, 0, f"{stem}-with.png", texts),
        without=session.write("D", 0, f"{stem}-without.png", {"parameters": recipe_text(done, None)}),
    )


def recipe_text(done: Validation, weight: float | None) -> str:
    """Return A1111's `parameters` text of the first picture; `weight` None leaves the adapter out."""
    plan = done.plan
    assert plan is not None
    width, height = done.numbers.get("base", {}).get("size", (0, 0))
    kind = done.adapter.facts.kind
    digest = done.adapter.sha256 if kind is Kind.EMBEDDING else ""
    used = () if weight is None else (Used(kind, done.adapter.name, weight, digest),)
    return parameters(Recipe(plan.triggered, plan.sampling, plan.sampling.seeds[0], (width, height), plan.base, used))
