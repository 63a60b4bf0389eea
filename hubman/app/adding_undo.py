"""The way back of `add`: everything to where it was. Taking that back adds it again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from hubman.app.acting import new_token
from hubman.app.adding import VERB
from hubman.app.trash import missing_folders
from hubman.app.undo import carry_back
from hubman.core.journal import Entry
from hubman.core.plan.place import How, Relocation, Step
from hubman.core.safe_name import SafeName, free_name
from hubman.store.door import Store
from hubman.store.reader import open_reader


def take_back(store: Store, entry: Entry, *, dry_run: bool) -> list[str]:
    """Put what was added back where it was; taking that back adds it again.

    What came out of an archive goes beside that. A copy whose original is gone meanwhile goes to where that was.

    Raises:
        ConflictError: `undo-blocked`, with what is in the way.
    """
    plan = Relocation.of(entry.detail)
    archives = dict(entry.detail.get("archives") or {})
    back = _with_rows(store, _way(plan, archives) if entry.verb == VERB else plan.reversed(new_token()))
    made = missing_folders([os.path.dirname(step.target) for step in back.steps if step.how is not How.DROP], back.made)
    back = replace(back, made=tuple(made))
    moved = carry_back(store, entry, back, dry_run=dry_run)
    return moved or [f"{step.source}" for step in back.steps]


def _way(plan: Relocation, archives: Mapping[str, str]) -> Relocation:
    back = plan.reversed(new_token())
    restored = {step.target for step in back.steps if step.how is not How.DROP}
    steps: list[Step] = []
    for step in back.steps:
        if step.source in archives:
            folder = os.path.dirname(archives[step.source])
            taken = {os.path.basename(other.target) for other in steps}
            taken |= set(os.listdir(folder)) if os.path.isdir(folder) else set()
            name = free_name(SafeName(os.path.basename(step.source)), taken)
            steps.append(Step(step.source, os.path.join(folder, name)))
        elif step.how is How.DROP and not os.path.lexists(step.target) and step.target not in restored:
            restored.add(step.target)  # the original of this copy is gone
            steps.append(Step(step.source, step.target))
        else:
            steps.append(step)
    return replace(back, steps=tuple(steps))


def _with_rows(store: Store, plan: Relocation) -> Relocation:
    """Give the models of a plan the rows that their files have now."""
    with open_reader(store.path) as reader:
        ids = {root.path: root.id for root in reader.roots()}
        models = []
        for model in plan.models:
            row = None
            if model.source is not None and model.source[0] in ids:
                found = reader.at(ids[model.source[0]], model.source[1])
                row = found[0].file_id if found else None
            models.append(replace(model, file_id=row))
    return replace(plan, models=tuple(models))
