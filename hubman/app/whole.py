"""Which places of a content count as having it: not one that rotted, nor one whose file is not there any more."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hubman.core.library import ModelFile
from hubman.store.reader import Reader


def whole_places(reader: Reader, hashes: Iterable[str]) -> tuple[ModelFile, ...]:
    """Return the places of contents that are as they should be, as far as is known without reading them.

    What lies on a drive that is away counts: it is unreachable, not gone.
    """
    return tuple(file for file in reader.of_subjects(hashes) if counts(file))


def counts(file: ModelFile) -> bool:
    """Say whether a place has its content: `verify` found nothing wrong with it, and it was not deleted since."""
    return not file.spoilt and (os.path.lexists(file.path) or not os.path.isdir(file.root))
