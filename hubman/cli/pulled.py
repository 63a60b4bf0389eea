"""What became of downloads, as a person and a program read it: `pull` says it, and whatever fetches else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubman.cli.table import printable
from hubman.cli.terminal import Terminal, human_size
from hubman.cli.words import _, about
from hubman.core.hub_titles import title_of
from hubman.errors import HubmanError

if TYPE_CHECKING:
    from hubman.app.pull import Pulled
    from hubman.app.wanted import Wanted
    from hubman.core.hub import Listing

REPOSITORIES = ("huggingface", "modelscope")
"""Hubs whose models are repositories: what a person chose there is a file."""


def label(wanted: Wanted) -> str:
    """Return what tells a download from the others: model and version; of a repository, the file."""
    listing, file = wanted.listing, wanted.file
    if listing is None:
        return wanted.text
    if listing.hub in REPOSITORIES and file is not None and not wanted.members:
        return file.name.rpartition("/")[2]
    return titled(listing)


def titled(listing: Listing) -> str:
    """Return model and version; a commit says nothing to a person."""
    version = "" if listing.hub in REPOSITORIES else listing.version_name
    return f"{listing.name} · {version}" if version else listing.name


def file_words(file: Any) -> list[str]:
    size = file.size or file.about
    return [
        printable(file.name), human_size(size) if size else "", file.precision or "", file.format or "",
        printable(file.type),
    ]  # fmt: skip


def passed_over(newer: Listing) -> str:
    """Say that a newer version is there and not open yet."""
    version, until = newer.version_name or newer.version_id, (newer.access.until or "")[:10]
    text = (
        _("{name}: a newer version, {version}, is in early access until {until}; it was passed over")
        if until
        else _("{name}: a newer version, {version}, is not open to everybody; it was passed over")
    )
    return text.format(name=newer.name, version=version, until=until)


def show(pulled: Pulled, terminal: Terminal) -> None:
    """Say what a file is called, where it is, and what to paste."""
    from hubman.app.trigger_card import trigger_card

    size = f"  ({human_size(pulled.size)})" if pulled.size else ""
    lead = {"pulled": "", "here": _("already here: "), "would": _("would go to: ")}[pulled.outcome]
    terminal.heading(f"{lead}{pulled.path}{size}")
    if pulled.listing is not None:
        base = f" · {pulled.listing.base_model}" if pulled.listing.base_model else ""
        terminal.text("  " + about(title_of(pulled.listing.hub), titled(pulled.listing) + base))
    for path in pulled.others:
        terminal.text("  " + _("also in {path}").format(path=path))
    if pulled.model is None:
        return
    for path in pulled.beside:
        terminal.text("  " + _("written: {path}").format(path=path))
    card = trigger_card(pulled.model)
    words = ", ".join(word.text for word in card.words[:6])
    if words:
        terminal.text("  " + _("trigger words: {words}").format(words=words))
    if card.copy_positive or card.copy_negative:
        terminal.text("  " + _("paste: {text}").format(text=card.copy_positive or card.copy_negative))


def pulled_json(pulled: Pulled) -> dict[str, object]:
    """Return the object of one file in `pull --json` and `update --json` (docs/json.md)."""
    from hubman.app.trigger_card import trigger_card

    card = trigger_card(pulled.model) if pulled.model else None
    listing, file = pulled.listing, pulled.file
    return {
        "outcome": pulled.outcome,
        "path": pulled.path,
        "others": list(pulled.others),
        "id": pulled.model.id if pulled.model else None,
        "kind": pulled.model.kind if pulled.model else None,
        "size": pulled.size,
        "hub": listing.hub if listing else None,
        "model": listing.model_id if listing else None,
        "version": listing.version_id if listing else None,
        "file": file.id if file else None,
        "name": listing.name if listing else (pulled.model.name if pulled.model else None),
        "page": listing.page if listing else None,
        "triggers": [word.text for word in card.words] if card else [],
        "tag": card.tag if card else "",
        "copy": card.copy_positive if card else "",
        "notices": [str(notice) for notice in pulled.notices],
        "entry": pulled.entry,
        "sidecars": list(pulled.beside),
    }


def failed_json(text: str, error: HubmanError | None) -> dict[str, object]:
    """Return the object of a reference that failed."""
    assert error is not None
    return {
        "ref": text, "reference": error.reference, "message": error.message, "hint": error.hint,
        "exit_code": error.exit_code,
    }  # fmt: skip
