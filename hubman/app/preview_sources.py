"""What a preview's prompt is made from, gathered: the library, the hubs' examples, the cards beside the model."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from hubman.app.trigger_card import pasted_words
from hubman.app.validation import AdapterFile, BaseFile
from hubman.core.beside import SUFFIXES as CARDS
from hubman.core.beside import Family
from hubman.core.hub import RemoteImage
from hubman.core.library import ModelFile
from hubman.core.measured import measured_words
from hubman.core.plan.examples import choose_example, images_in_sidecar, noted_prompt
from hubman.core.plan.preview_prompt import PreviewWords
from hubman.core.plan.prompts import is_negative
from hubman.core.sidecar import LARGEST_SIDECAR, decode
from hubman.core.types import Kind
from hubman.disk.beside import read_beside
from hubman.errors import HubmanError
from hubman.store.reader import Reader

WITH_EXAMPLES = (Family.CIVITAI, Family.LORA_MANAGER)
"""Cards that keep a hub's example pictures with their prompts."""


def preview_words(
    reader: Reader,
    file: ModelFile,
    adapter: AdapterFile,
    base: BaseFile,
    *,
    prompt: str | None = None,
    negative: str | None = None,
    explicit: bool = False,
) -> PreviewWords:
    """Return all that decides what the preview of a model shows. `prompt`, `negative`: the user's for this time."""
    kind = adapter.facts.kind
    listings = (
        [entry.listing for entry in reader.hubs.of_contents([adapter.sha256])[adapter.sha256]] if file.hubs else []
    )
    words = shown_words(file, kind, reader.verdicts(file.subject))
    names = [file.name, *(os.path.splitext(remote.name)[0] for listing in listings for remote in listing.files)]
    images: list[tuple[RemoteImage, int | None]] = [
        (image, listing.nsfw) for listing in listings for image in listing.images
    ]
    images += [(image, None) for image in _examples_beside(file)]
    tags = [tag for listing in listings for tag in listing.tags]
    return PreviewWords(
        kind=kind,
        facts=adapter.facts,
        words=words,
        given=file.own_preview.prompt if prompt is None else prompt,
        given_negative=negative,
        noted=noted_prompt([file.user.note, file.sidecar.get("notes")]),
        example=choose_example(images, names, words, kind, explicit=explicit),
        labels=(file.name, *words, *tags, *_texts(file.sidecar.get("tags"))),
        base=base.header.metadata,
        in_negative=is_negative(adapter.facts, file.name),
    )


def shown_words(file: ModelFile, kind: Kind, verdicts: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return the words that a picture of an adapter must name: an embedding's own, else those worth pasting."""
    if kind is Kind.EMBEDDING:
        return (file.name,)
    return tuple(word.text for word in pasted_words(file, measured_words(verdicts)))


def _examples_beside(file: ModelFile) -> list[RemoteImage]:
    """Return the example pictures of the cards beside a model; a card that cannot be read has none."""
    found: list[RemoteImage] = []
    for suffix, family in CARDS:
        if family not in WITH_EXAMPLES:
            continue
        path = os.path.join(os.path.dirname(file.path), file.name + suffix)
        try:
            text, _ = decode(read_beside(path, LARGEST_SIDECAR).data)
            record = json.loads(text or "null")
        except (OSError, HubmanError, ValueError, RecursionError):
            continue
        found += images_in_sidecar(record) if isinstance(record, dict) else []
    return found


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
