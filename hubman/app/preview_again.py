"""Make the preview of one model anew: from the verdict that the library has, else after a validation."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hubman.app.preview import (
    Made,
    PictureSession,
    PreviewOptions,
    Proved,
    made_before,
    place_face,
    proved_before,
    render_preview,
)
from hubman.app.proving import Proving, choose_adapters, choose_bases, read_adapter, read_base
from hubman.app.validation import RenderSession, ValidateOptions, Validation
from hubman.config import Config
from hubman.core.library import ModelFile, SidecarPolicy
from hubman.core.verdict import ENGINE
from hubman.errors import HubmanError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader


class Session(RenderSession, PictureSession, Protocol):
    """A render process that proves and draws."""


@dataclass(frozen=True, slots=True)
class Again:
    """`made`: the preview. `done`: the validation that was needed first; it says why there is no preview."""

    made: Made | None
    done: Validation | None = None


def preview_again(
    store: Store, config: Config, model: str, base: str | None, session: Session, options: PreviewOptions
) -> Again:
    """Make a preview.

    A verdict of today's rules on a checkpoint that is still here (on `base`, where one is named) is not made again.

    Raises:
        HubmanError: what finding, rendering and the filter say.
    """
    now = time.time_ns()
    with open_reader(store.path) as reader:
        file = choose_adapters(reader, (model,), now)[0]
        bases = choose_bases(reader, base, now)
        known = _proved(reader, file, bases)
        policy = next((root.sidecars for root in reader.roots() if root.id == file.root_id), SidecarPolicy.OFF)
    if known is None:
        wanted = ValidateOptions(base_given=base is not None, seeds=options.seeds, weight=options.weight)
        done = Proving(store, replace(config, explicit=options.explicit), bases, wanted, session).prove(file)
        return Again(made_before(done.preview) if done.preview else None, done)
    proved, detail = known
    made = render_preview(store, config, file, proved, session, options)
    beside = place_face(store, file, made.path, policy)
    with store.writer() as writer:
        changed = {**detail, "preview": made.path, "recipe": made.recipe}
        writer.record_verdict(file.subject, proved.base.sha256, changed, made.path)
    return Again(made.with_beside(beside))


def _proved(reader: Reader, file: ModelFile, bases: list[ModelFile]) -> tuple[Proved, dict[str, Any]] | None:
    """Return the latest verdict that gives a face, with the files it is about as they are now."""
    here = {base.hashes.sha256: base for base in bases if base.hashes}
    for detail in reader.verdicts(file.subject):
        said: Any = detail.get("base") or {}
        base = here.get(said.get("sha256") or "")
        if base is None or detail.get("engine") != ENGINE:
            continue
        try:
            proved = proved_before(read_adapter(file), read_base(base), detail)
        except (HubmanError, OSError):
            return None
        if proved is not None and proved.rendered:
            return proved, detail
    return None
