"""`MODEL[:WEIGHT]... [TEXT]` -> a ready prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hubman.app.library import find_one
from hubman.app.trigger_card import as_prompt_adapter
from hubman.core.library import ModelFile
from hubman.core.prompt import BuiltPrompt, PromptStyle, build_prompt
from hubman.core.types import ADAPTER_KINDS
from hubman.errors import N_, NotFoundError, UsageError
from hubman.store.reader import Reader

_NUMBER = re.compile(r"^-?\d+(\.\d+)?$")


def make_prompt(reader: Reader, parts: Sequence[str], negative: str, style: PromptStyle) -> BuiltPrompt:
    """Build a prompt from models and a text.

    Raises:
        NotFoundError: `model-not-found`. ConflictError: `model-ambiguous`.
        UsageError: `not-an-adapter`, a model that no prompt can name.
    """
    adapters, texts, negatives = [], [], [negative] if negative else []
    for position, part in enumerate(parts):
        try:
            file, weight = _model_and_weight(reader, part)
        except NotFoundError:
            if position == len(parts) - 1:
                texts.append(part)
                continue
            raise
        if file.kind not in ADAPTER_KINDS:
            raise UsageError(
                "not-an-adapter",
                N_("{name} is a {kind}; a prompt can name LoRAs, embeddings and hypernetworks."),
                hint=N_("Choose it as the checkpoint in your program instead."),
                name=file.name,
                kind=file.kind,
            )
        adapters.append(as_prompt_adapter(file, weight))
        if stated := file.sidecar.get("negative"):
            negatives.append(str(stated))
    return build_prompt(adapters, ", ".join(texts), ", ".join(negatives), style)


def _model_and_weight(reader: Reader, part: str) -> tuple[ModelFile, float | None]:
    """Read `MODEL:0.8`; a name that itself holds a colon is tried whole first."""
    try:
        return find_one(reader, part), None
    except NotFoundError:
        name, _, number = part.rpartition(":")
        if not name or not _NUMBER.match(number):
            raise
        return find_one(reader, name), float(number)
