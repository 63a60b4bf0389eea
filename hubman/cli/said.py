"""How `note`, `tag`, `fav` and `rate` make an edit and tell its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubman.cli.choosing import agreed, choose
from hubman.cli.session import Session
from hubman.cli.table import printable
from hubman.cli.terminal import Terminal
from hubman.cli.words import _, told

if TYPE_CHECKING:
    from hubman.app.sidecar_plan import Written
    from hubman.core.library import ModelFile
    from hubman.core.said import Edit


def edit_models(
    session: Session,
    models: Sequence[str],
    edit: Edit | None,
    terminal: Terminal,
    *,
    verb: str,
    query: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
) -> None:
    """Edit models, or only list what the user said of them when there is no edit; then print it."""
    from hubman.app.user_data import change_data

    files = choose(session, models, query)
    if edit is None or not agreed(files, query, terminal, dry_run=dry_run, yes=yes):
        print_said(files, terminal, changed=0)
        return
    edit = edit.cleaned()
    with session.store() as store:
        outcome = change_data(store, files, edit, verb)
    print_said(outcome.files, terminal, changed=outcome.changed, sidecars=outcome.sidecars)


def print_said(
    files: Sequence[ModelFile], terminal: Terminal, *, changed: int, sidecars: Written | None = None
) -> None:
    """Print what the user said of models, and on stderr what was written beside them."""
    from hubman.app.library import user_json

    if terminal.human:
        for file in files:
            print_one(file, terminal)
    else:
        listed = [{"id": file.id, "name": file.name, "path": file.path, **user_json(file.user)} for file in files]
        written = sidecars.to_json() if sidecars else {"written": [], "skipped": []}
        terminal.document({"changed": changed, "models": listed, "sidecars": written})
    if sidecars:
        tell_written(sidecars, terminal)


def print_one(file: ModelFile, terminal: Terminal) -> None:
    """Print what the user said of one model."""
    terminal.heading("   ".join(part for part in (printable(file.name), file.id, stars(file)) if part))
    if file.user.tags:
        terminal.text("  " + printable(", ".join(file.user.tags)))
    for line in file.user.note.splitlines():
        terminal.text("  " + printable(line))


def stars(file: ModelFile) -> str:
    """Return favourite and rating in a few signs: `★ 4/5`."""
    rating = "" if file.user.rating is None else f"{file.user.rating}/5"
    return " ".join(part for part in ("★" if file.user.favourite else "", rating) if part)


def tell_written(sidecars: Written, terminal: Terminal) -> None:
    """Say what was written beside models, and what was not."""
    for path in sidecars.paths[:3]:
        terminal.hint(_("written: {path}").format(path=path))
    if len(sidecars.paths) > 3:
        terminal.hint(_("… and {count} more").format(count=len(sidecars.paths) - 3))
    for entry in sidecars.skipped:
        terminal.warn(_("not written: {path}: {why}").format(path=entry.path, why=told(entry.why)))
