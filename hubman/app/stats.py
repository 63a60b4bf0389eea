"""What is in the library, in numbers."""

from __future__ import annotations

from hubman.store.reader import Reader
from hubman.store.statistics import GROUPS, Group


def library_stats(reader: Reader) -> dict[str, object]:
    """Return the object of `stats --json`; sizes are bytes."""
    statistics = reader.statistics
    total, duplicates = statistics.total(), statistics.duplicates()
    counts = statistics.counts()
    return {
        "files": total.files,
        "bytes": total.size,
        "missing": statistics.missing(),
        **counts,
        "unhashed": total.files - counts["hashed"],
        "duplicates": {"contents": duplicates.contents, "files": duplicates.files, "bytes": duplicates.size},
        **{f"by_{column}": [_json(group) for group in statistics.by(column)] for column in GROUPS},
        "verdicts": statistics.verdicts(),
        "added": [_json(group) for group in statistics.months()],
        "largest": [{"id": key, "name": name, "bytes": size} for key, name, size in statistics.largest()],
    }


def _json(group: Group) -> dict[str, object]:
    return {"name": group.name, "files": group.files, "bytes": group.size}
