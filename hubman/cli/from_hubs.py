"""Where a model comes from, in words: the part of `show` that hubs told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hubman.cli.table import pad, printable
from hubman.cli.terminal import Terminal
from hubman.cli.words import _, about, error_text, listed
from hubman.core.hub_titles import title_of

if TYPE_CHECKING:
    from hubman.app.lookup import AskedHub

MOST_LINES = 6
"""Lines of a description that are shown without `--full`."""

LONGEST_LINE = 400


def hub_trouble(hubs: Sequence[str], message: str) -> str:
    """Say which hubs a message is about, where it does not begin with that itself."""
    titles = [title_of(hub) for hub in hubs]
    return message if len(titles) == 1 and message.startswith(titles[0]) else about(listed(titles), message)


def tell_trouble(hubs: Sequence[AskedHub], terminal: Terminal) -> None:
    """Say which hubs could not be asked (about everything), and what to do."""
    for entry in hubs:
        if entry.trouble is not None:
            message, hint = error_text(entry.trouble)
            terminal.warn(hub_trouble([entry.hub], message))
            if hint and terminal.human:
                terminal.hint(f"  {hint}")


def print_hubs(entries: Sequence[Mapping[str, Any]], terminal: Terminal, *, model: str, full: bool) -> None:
    """Print a block for every origin."""
    for entry in entries:
        terminal.text()
        terminal.heading(_("From {hub}").format(hub=title_of(entry["hub"])))
        for label, value in _fields(entry):
            if value not in (None, ""):
                terminal.text(f"  {pad(label, 12)} {printable(str(value))}")
        _describe(entry, terminal, model, full=full)


def _fields(entry: Mapping[str, Any]) -> list[tuple[str, object]]:
    name = " · ".join(part for part in (entry["name"], entry["version"]) if part)
    gone = _("deleted there; what hubman knows stays") if entry["gone"] else None
    return [
        (_("model"), name),
        (_("page"), entry["page"]),
        (_("reference"), entry["ref"]),
        (_("author"), entry["author"]),
        (_("base"), entry["base_model"]),
        (_("licence"), licence_words(entry["licence"])),
        (_("known by"), _known_by(entry["how"])),
        (_("update"), _("a newer version is there: hubman update") if entry["newer"] else None),
        (_("gone"), gone),
    ]


def _known_by(how: str) -> str:
    if how == "download":
        return _("hubman downloaded it from there")
    if how == "autov3":
        return _("its weights (AutoV3); the header of your file is another one")
    return _("its hash ({kind})").format(kind=how)


def licence_words(licence: Mapping[str, Any]) -> str:
    """Say what the author allows; "" where the hub says nothing."""
    said = [str(licence["name"])] if licence["name"] else []
    if licence["no_credit"] is not None:
        said.append(_("no credit needed") if licence["no_credit"] else _("credit the author"))
    if licence["derivatives"] is not None:
        said.append(_("merges allowed") if licence["derivatives"] else _("no merges"))
    if licence["different_licence"] is not None:
        said.append(
            _("merges under any licence") if licence["different_licence"] else _("merges under the same licence")
        )
    if licence["commercial"] is not None:
        said.append(_commercial([str(use) for use in licence["commercial"]]))
    return _("; ").join(said)


def _commercial(uses: Sequence[str]) -> str:
    names = {
        "Image": _("selling pictures"), "RentCivit": _("renting it out on Civitai"), "Rent": _("renting it out"),
        "Sell": _("selling the model"),
    }  # fmt: skip
    allowed = [names.get(use, use) for use in uses if use != "None"]
    return _("commercial: {uses}").format(uses=listed(allowed)) if allowed else _("no commercial use")


def _describe(entry: Mapping[str, Any], terminal: Terminal, model: str, *, full: bool) -> None:
    lines = [line for key in ("description", "version_description") for line in str(entry[key]).splitlines() if line]
    shown = lines if full else [line[:LONGEST_LINE] for line in lines[:MOST_LINES]]
    for number, line in enumerate(shown):
        terminal.text(f"  {pad(_('description') if number == 0 else '', 12)} {printable(line)}")
    if len(shown) < len(lines) or any(len(line) > LONGEST_LINE for line in lines[:MOST_LINES] if not full):
        terminal.hint(_("… the rest: hubman show {id} --full").format(id=model))
