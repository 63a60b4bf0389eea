"""`forget`: a model leaves the library, and its file stays. Nothing else ever takes a row away."""

from __future__ import annotations

from collections.abc import Sequence

from hubman.app.library import find_all, find_one
from hubman.core.library import ModelFile
from hubman.errors import N_, ConflictError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader


def to_forget(reader: Reader, models: Sequence[str], *, all_places: bool = False) -> list[ModelFile]:
    """Return the files that would be forgotten.

    Raises:
        NotFoundError: `model-not-found`. ConflictError: `model-ambiguous`, `model-in-places`.
    """
    found: dict[int, ModelFile] = {}
    for text in models:
        find_one(reader, text)
        places = find_all(reader, text)
        if len(places) > 1 and not all_places:
            raise ConflictError(
                "model-in-places",
                N_("{text!r} lies in {count} places:\n{candidates}"),
                hint=N_("Name one by its path, or say --all-places."),
                text=text,
                count=len(places),
                candidates="\n".join(f"    {file.alias}  {file.path}" for file in places[:12]),
            )
        found |= {file.file_id: file for file in places}
    return list(found.values())


def forget(store: Store, models: Sequence[str], *, all_places: bool = False) -> list[ModelFile]:
    """Drop models from the library. What the user said of their content stays, and comes back with the content."""
    with open_reader(store.path) as reader:
        files = to_forget(reader, models, all_places=all_places)
    with store.writer(durable=True) as writer:
        writer.places.drop([file.file_id for file in files])
        writer.journal.record("forget", {
            "name": ", ".join(file.name for file in files[:3]),
            "before": [{"path": file.path, "id": file.id} for file in files],
        })  # fmt: skip
    return files
