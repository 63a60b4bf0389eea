"""`MODEL[:WEIGHT]... [TEXT]` -> a ready prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hubman.app.library import find_all, find_one
from hubman.app.trigger_card import as_prompt_adapter, read_proof
from hubman.core.library import ModelFile
from hubman.core.prompt import BuiltPrompt, PromptStyle, build_prompt
from hubman.core.types import ADAPTER_KINDS, Kind
from hubman.errors import N_, IntegrityError, UsageError
from hubman.store.reader import Reader

_NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)$")
_TEXT_MARKS = re.compile(r"[\s,，、。;；]")
"""What a text has and a mistyped name lacks; other texts are given as `--text`."""


def make_prompt(
    reader: Reader, parts: Sequence[str], negative: str, style: PromptStyle, text: str | None = None
) -> BuiltPrompt:
    """Build a prompt from models and a text. Without `text`, the last part may be one.

    Raises:
        NotFoundError: `model-not-found`. ConflictError: `model-ambiguous`.
        UsageError: `not-an-adapter`, a model that no prompt can name.
        IntegrityError: the reference of a broken file's failure.
    """
    adapters, negatives = [], [negative] if negative else []
    for position, part in enumerate(parts):
        name, weight = _name_and_weight(reader, part)
        last = position == len(parts) - 1
        if last and text is None and _TEXT_MARKS.search(part.strip()) and not find_all(reader, name):
            text = part
            continue
        file = find_one(reader, name)
        _check_adapter(file)
        adapters.append(as_prompt_adapter(file, weight, read_proof(reader, file)))
        if stated := file.sidecar.get("negative"):
            negatives.append(str(stated))
    return build_prompt(adapters, text or "", ", ".join(negatives), style)


def _check_adapter(file: ModelFile) -> None:
    """Refuse what no prompt can name, and say what to do with it instead."""
    if file.failure:
        raise IntegrityError(
            file.failure.reference,
            N_("{name} is broken: {why}"),
            hint=N_("`hubman show {id}` shows where it lies; replace the file and run `hubman sync`."),
            name=file.name,
            why=file.failure.message,
            id=file.id,
        )
    if file.kind not in ADAPTER_KINDS:
        raise UsageError(
            "not-an-adapter",
            N_("{name} is a {kind}; a prompt can name LoRAs, embeddings and hypernetworks."),
            hint=N_("Choose it as the checkpoint in your program instead.")
            if file.kind == Kind.CHECKPOINT
            else N_("`hubman ls type:lora` lists the LoRAs."),
            name=file.name,
            kind=file.kind,
        )


def _name_and_weight(reader: Reader, part: str) -> tuple[str, float | None]:
    """Read `MODEL:0.8`; a name that itself holds a colon is tried whole first."""
    name, _, number = part.rpartition(":")
    if not name or not _NUMBER.match(number) or find_all(reader, part):
        return part, None
    return name, float(number)
