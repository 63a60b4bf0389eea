"""The demo: a library of its own, in a folder of its own, with the tiny family that this project trained."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hubman.app.proving import Proving
from hubman.app.sheet import SheetRow, contact_sheet
from hubman.app.validation import ValidateOptions, Validation
from hubman.config import Config
from hubman.core.library import ModelFile
from hubman.errors import N_, ConflictError, NotFoundError
from hubman.paths import demo_models
from hubman.renderers.process import Renderer
from hubman.store.door import Store

OPTIONS = ValidateOptions()
"""As `hubman validate` does it: the demo is over in about two minutes on two cores."""

SECOND = ValidateOptions(base_given=True, seeds=(1,), strengths=(0.6, 1.0))
"""The second checkpoint is for the eye: the same adapter on another look."""


def create_library(folder: Path) -> tuple[Path, Config]:
    """Copy the demo family to `folder/models`; the library's database and previews go to `folder/home`.

    Raises:
        ConflictError: `file-exists`, the folder is not empty. NotFoundError: `no-demo-models`.
    """
    source = demo_models()
    if not any(source.glob("Stable-diffusion/*.safetensors")):
        raise NotFoundError(
            "no-demo-models",
            N_("The demo models are not here ({path})."),
            hint=N_("Install hubman from its wheel or a full checkout; `python -m training` trains them anew."),
            path=source,
        )
    if folder.exists() and any(folder.iterdir()):
        raise ConflictError(
            "file-exists",
            N_("{path} is not empty, and hubman overwrites nothing."),
            hint=N_("Choose another folder for --keep, or move that one away."),
            path=folder,
        )
    target = folder / "models"
    shutil.copytree(source, target, copy_function=_copy_writable)
    return target, Config(home=folder / "home")


def _copy_writable(source: str, target: str) -> str:
    """Copy a file without the rights of a read-only installation."""
    shutil.copyfile(source, target)
    os.chmod(target, 0o644)
    return target


def prove_all(
    store: Store,
    config: Config,
    files: Sequence[ModelFile],
    bases: Sequence[ModelFile],
    renderer: Renderer,
    advance: Callable[[], None],
) -> list[SheetRow]:
    """Validate every adapter on the checkpoint hubman chooses, and render it once more on another one.

    Only the first verdict is recorded; the second picture is for the contact sheet.
    """
    chosen = []
    for done in Proving(store, config, bases, OPTIONS, renderer).run(files):
        chosen.append(done)
        advance()
    rows: dict[int, list[Validation]] = {file.file_id: [done] for file, done in zip(files, chosen, strict=True)}
    for base in bases:
        pictures = str(config.previews / "on" / base.name)
        proving = Proving(store, config, [base], replace(SECOND, out_dir=pictures), renderer, record=False)
        for file, done in zip(files, chosen, strict=True):
            if done.base is not None and done.base.name != base.name:
                rows[file.file_id].append(proving.prove(file))
                advance()
    return [SheetRow(tuple(validations)) for validations in rows.values()]


def draw_sheet(rows: Sequence[SheetRow], folder: Path, renderer: Renderer, title: str) -> Path:
    """Draw the contact sheet of the demo and return its path."""
    path = folder / "contact-sheet.png"
    contact_sheet(rows, str(path), renderer, title=title)
    return path
