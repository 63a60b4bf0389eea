"""Which adapters a sheet shows, on which checkpoints, and with which words: from the library's rows to plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hubman.app.native_size import native_size
from hubman.app.preview import DEFAULT_WEIGHT
from hubman.app.preview_sources import preview_words, shown_words
from hubman.app.proving import read_adapter, read_base
from hubman.app.validation import AdapterFile, BaseFile
from hubman.core.library import ModelFile
from hubman.core.measured import MeasuredOn, measured_on
from hubman.core.plan.fit import adapter_shape, choose_base, declared_base
from hubman.core.plan.picture import AdapterUse, PicturePlan
from hubman.core.plan.preview_prompt import preview_prompt
from hubman.core.plan.prompts import is_negative, without_words
from hubman.core.plan.render import TINY_PARAMETERS, AdapterPlan, BasePlan, PromptPair, Sampling
from hubman.core.plan.training_size import preview_size, trained_size
from hubman.core.prompt import as_typed
from hubman.core.types import Kind
from hubman.core.verdict import Verdict
from hubman.errors import HubmanError
from hubman.renderers.configs import find_config
from hubman.store.reader import Reader

LARGE = Sampling(seeds=(1,), steps=20, cfg=7.0)
TINY = Sampling(seeds=(1,))


@dataclass(frozen=True, slots=True)
class SheetOptions:
    """What the user asked for. `weights`: columns; None: hubman's. `triggers`: with and without the words."""

    weights: tuple[float, ...] | None = None
    triggers: bool = False
    seeds: tuple[int, ...] = (1,)
    prompt: str | None = None
    negative: str | None = None
    steps: int | None = None
    explicit: bool = False
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Pair:
    """One adapter on one checkpoint; `trouble` says why there are no pictures of it.

    Attributes:
        plan: with the adapter at weight 1 and its words, one seed. bare: the prompt without its words.
        verdict: of the latest validation on this checkpoint, "" for none. measured: its sweep.
    """

    file: ModelFile
    base: str = ""
    plan: PicturePlan | None = None
    bare: PromptPair | None = None
    size: tuple[int, int] = (1, 1)
    verdict: str = ""
    measured: MeasuredOn | None = None
    words: tuple[str, ...] = ()
    trouble: str = ""
    large: bool = field(default=False)

    @property
    def kind(self) -> Kind:
        return Kind(self.file.kind)

    @property
    def best(self) -> float:
        """The weight to use: measured, else the usual one."""
        if self.measured is not None:
            return self.measured.weight
        return DEFAULT_WEIGHT if self.kind is Kind.LORA else 1.0

    def at(self, weight: float) -> PicturePlan:
        """Return the plan of a picture at a weight; an embedding's weight is the emphasis of its word."""
        assert self.plan is not None
        if weight == 0:
            return replace(self.plan, adapters=())
        if self.kind is not Kind.EMBEDDING:
            return replace(self.plan, adapters=(replace(self.plan.adapters[0], unet=weight, te=weight),))
        if weight == 1:
            return self.plan
        word = as_typed(self.file.name)
        emphasised = f"({word}:{weight:g})"
        pair = self.plan.prompt
        return replace(
            self.plan,
            prompt=PromptPair(pair.positive.replace(word, emphasised), pair.negative.replace(word, emphasised)),
        )

    def without_words(self, weight: float) -> PicturePlan:
        """Return the plan of a picture whose prompt lacks the trigger words."""
        assert self.bare is not None
        return replace(self.at(weight), prompt=self.bare)


class Pairs:
    """Makes pairs; headers of checkpoints are read once."""

    def __init__(self, reader: Reader, bases: Sequence[ModelFile], options: SheetOptions) -> None:
        self._reader = reader
        self._options = options
        self._bases: dict[int, BaseFile] = {}
        self.unreadable: list[str] = []
        for base in bases:
            try:
                self._bases[base.file_id] = read_base(base)
            except (HubmanError, OSError):
                self.unreadable.append(base.path)

    def chosen(self, file: ModelFile) -> Pair:
        """Return an adapter on the checkpoint of its latest verdict, else on the one that a validation would choose."""
        adapter = _adapter(file)
        if isinstance(adapter, str):
            return Pair(file, trouble=adapter)
        here = {base.sha256: base for base in self._bases.values() if base.sha256}
        for detail in self._reader.verdicts(file.subject):
            said: Any = detail.get("base") or {}
            if said.get("sha256") in here:
                return self._pair(file, adapter, here[said["sha256"]])
        candidates = list(self._bases.values())
        shape = adapter_shape(adapter.facts, adapter.header.tensors)
        declared = declared_base(adapter.header, adapter.facts.lineage)
        choice = choose_base(shape, declared, [base.candidate for base in candidates])
        if choice.index is None:
            return Pair(file, trouble="no checkpoint fits")
        return self._pair(file, adapter, candidates[choice.index])

    def on(self, file: ModelFile, base: ModelFile) -> Pair:
        """Return an adapter on a checkpoint."""
        adapter = _adapter(file)
        if isinstance(adapter, str):
            return Pair(file, base.name, trouble=adapter)
        if base.file_id not in self._bases:
            return Pair(file, base.name, trouble="checkpoint unreadable")
        found = self._bases[base.file_id]
        match = adapter_shape(adapter.facts, adapter.header.tensors).match(found.candidate.layout)
        if not match.matched:
            return Pair(file, base.name, trouble="does not fit")
        return self._pair(file, adapter, found)

    def _pair(self, file: ModelFile, adapter: AdapterFile, base: BaseFile) -> Pair:
        options, kind = self._options, adapter.facts.kind
        verdicts = self._reader.verdicts(file.subject)
        detail = next((entry for entry in verdicts if _is_on(entry, base)), None)
        tiny = base.facts.parameters <= TINY_PARAMETERS
        known = preview_words(
            self._reader, file, adapter, base,
            prompt=options.prompt, negative=options.negative, explicit=options.explicit,
        )  # fmt: skip
        shown = preview_prompt(known, explicit=options.explicit, tiny=tiny)
        words = shown_words(file, kind, verdicts)
        typed = tuple(as_typed(word) for word in words)
        config, source = find_config(base.path, base.header)
        trained = trained_size(adapter.header.metadata)
        width, height = preview_size(trained[0] if trained else None, native_size(base, config))
        usual = TINY if tiny else LARGE
        sampling = replace(
            usual, seeds=options.seeds[:1], steps=options.steps or usual.steps, width=width, height=height
        )
        plan = PicturePlan(
            base=BasePlan(base.path, base.name, base.sha256, config, source),
            prompt=shown.pair,
            adapters=(AdapterUse(AdapterPlan(adapter.path, adapter.name, adapter.sha256, kind, adapter.name)),),
            sampling=sampling,
            device=options.device,
        )
        negative = kind is Kind.EMBEDDING and is_negative(adapter.facts, file.name)
        pair = shown.pair
        bare = (
            PromptPair(pair.positive, without_words(pair.negative, typed))
            if negative
            else PromptPair(without_words(pair.positive, typed), pair.negative)
        )
        trouble = ""
        verdict = str(detail["verdict"]) if detail else ""
        if file.safety == "unsafe" or verdict in (Verdict.UNSAFE, Verdict.CORRUPT):
            trouble = verdict or "unsafe"
        return Pair(
            file, base.name, None if trouble else plan, bare, (width, height), verdict,
            measured_on(detail) if detail else None, words, trouble, large=not tiny,
        )  # fmt: skip


def _is_on(detail: dict[str, Any], base: BaseFile) -> bool:
    said: Any = detail.get("base") or {}
    return bool(said.get("sha256")) and said["sha256"] == base.sha256


def _adapter(file: ModelFile) -> AdapterFile | str:
    """Read an adapter, or say why that cannot be."""
    if file.safety == "unsafe":
        return "unsafe"
    try:
        return read_adapter(file)
    except (HubmanError, OSError):
        return "unreadable"
