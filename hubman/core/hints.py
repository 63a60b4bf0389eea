"""Which file events are worth a look, and where. Decided from names alone; most events of a busy folder are not.

This is also what makes a feedback loop impossible: the library's own files (`library.db`, its `-wal` and `-shm`, logs),
temporary names and hubman's trash raise no hint, so that what a scan writes never asks for another scan.
"""

from __future__ import annotations

from hubman.core.layout import MODEL_EXTENSIONS, SKIPPED_FOLDERS, is_temporary

BESIDE_EXTENSIONS = frozenset({
    ".json", ".info", ".txt", ".md", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".model", ".yaml", ".yml", ".msgpack",
})  # fmt: skip
"""What lies beside a model (sidecars, previews) or belongs to a model folder (configs, tokenizers)."""


def folder_to_look_at(relative: str, *, is_folder: bool) -> str | None:
    """Return the folder that an event at a path asks to look at, None when no scan would find anything there.

    Args:
        relative: POSIX path relative to the root, "" for the root itself.
        is_folder: the path is (or was) a folder, which is then looked at itself.
    """
    parts = relative.split("/") if relative else []
    folders, name = (parts, "") if is_folder else (parts[:-1], parts[-1] if parts else "")
    if any(is_skipped_folder(part) for part in folders):
        return None
    if not is_folder and not matters(name):
        return None
    return "/".join(folders)


def is_skipped_folder(name: str) -> bool:
    """Say whether a walk does not go into folders of this name."""
    return name.lower() in SKIPPED_FOLDERS or (name.startswith(".") and not name.startswith(".hub"))


def matters(name: str) -> bool:
    """Say whether a file of this name is a model, a part of one, or lies beside one; temporary names never do."""
    dot = name.rfind(".")
    if dot <= 0 or is_temporary(name):
        return False
    extension = name[dot:].lower()
    return extension in MODEL_EXTENSIONS or extension in BESIDE_EXTENSIONS
