"""`hubman hubs search`."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import click

from hubman.cli.from_hubs import hub_trouble
from hubman.cli.session import Session, answering
from hubman.cli.table import Column
from hubman.cli.terminal import Terminal
from hubman.cli.words import _, error_text, listed
from hubman.core.hub_titles import title_of
from hubman.errors import NotFoundError

if TYPE_CHECKING:
    from hubman.app.hub_search import Found
    from hubman.core.hub import Hit

SHOWN = 20
DEADLINE_S = 30.0
"""Seconds for all hubs together."""


@click.command("search")
@click.argument("words", nargs=-1, metavar="TEXT...")
@click.option("--hub", "hubs", multiple=True, metavar="NAME", help="Ask this hub (several times: these hubs).")
@click.option("--type", "kind", metavar="TYPE", help="checkpoint, lora, embedding, vae, controlnet, ...")
@click.option("--base", metavar="BASE", help="sd1, sdxl, flux1, ... or a hub's word for one.")
@click.option("--author", metavar="NAME", help="By this author or organisation.")
@click.option("--tag", metavar="TAG", help="With this tag, at hubs that can filter by one.")
@click.option("--sort", type=click.Choice(["relevance", "downloads", "newest"]), default="relevance", show_default=True)
@click.option("--nsfw", is_flag=True, help="Also what is not for all audiences.")
@click.option("--limit", type=click.IntRange(1, 500), default=SHOWN, show_default=True, help="Most models listed.")
@click.option("--offline", is_flag=True, help="Do not use the network.")
@click.pass_obj
@answering(lists=True)
def search(
    session: Session,
    terminal: Terminal,
    words: tuple[str, ...],
    hubs: tuple[str, ...],
    kind: str | None,
    base: str | None,
    author: str | None,
    tag: str | None,
    sort: str,
    nsfw: bool,
    limit: int,
    offline: bool,
) -> int:
    """Find models on the hubs. What is printed as REF is what `hubman pull` takes.

    \b
    hubman hubs search ink wash --type lora --base sdxl
    hubman hubs search 水墨 --hub liblib -q | head -1
    """
    from hubman.app.hub_search import architecture_named, kind_named, search_hubs, usual_hubs
    from hubman.app.hubs import enabled, open_hubs
    from hubman.cli.listing import ARCHITECTURES
    from hubman.core.hub import HubQuery

    text = " ".join(words).strip()
    if not (text or author or tag):
        raise click.UsageError("Give TEXT, --author or --tag.")
    query = HubQuery(
        text, kind_named(kind) if kind else None, architecture_named(base, ARCHITECTURES) if base else None, author,
        tag, nsfw, sort, limit,
    )  # fmt: skip
    chosen: Sequence[str] = hubs
    if not chosen:
        said: set[str] = set()
        with contextlib.suppress(NotFoundError), session.reader() as reader:  # a search needs no library
            said = enabled(reader)
        chosen = usual_hubs(said)
    with open_hubs(session.config, chosen, offline=offline) as opened, opened.within(DEADLINE_S):
        found = search_hubs(opened, query)
    same: dict[tuple[str, str], list[str]] = {}
    for trouble in found.troubles:
        same.setdefault(error_text(trouble.error), []).append(trouble.hub)
    for (message, hint), names in same.items():
        terminal.warn(hub_trouble(names, message))
        if hint:
            terminal.hint(f"  {hint}")
    _answer(found, _owned(session, found), terminal)
    if found.troubles and len(found.troubles) == len(found.asked) and not found.hits:
        return found.troubles[0].error.exit_code
    return 0


def _owned(session: Session, found: Found) -> set[tuple[str, str]]:
    """Return (hub, model id) of what the library has; nothing where there is no library."""
    from hubman.app.hub_search import owned

    with contextlib.suppress(NotFoundError), session.reader() as reader:
        return owned(reader, found.hits)
    return set()


def _answer(found: Found, owned: Collection[tuple[str, str]], terminal: Terminal) -> None:
    if terminal.mode == "quiet":
        terminal.ids(str(hit.ref) for hit in found.hits)
    elif terminal.mode == "jsonl":
        terminal.lines(_json(hit, owned) for hit in found.hits)
    elif terminal.mode == "json":
        terminal.document({
            "asked": list(found.asked), "hits": [_json(hit, owned) for hit in found.hits],
            "troubles": [
                {"hub": trouble.hub, "reference": trouble.error.reference, "message": trouble.error.message}
                for trouble in found.troubles
            ],
        })  # fmt: skip
    else:
        _show(found, owned, terminal)


def _json(hit: Hit, owned: Collection[tuple[str, str]]) -> dict[str, object]:
    return {
        "ref": str(hit.ref), "hub": hit.ref.hub, "name": hit.name, "kind": hit.kind, "base_model": hit.base_model,
        "architecture": hit.architecture, "author": hit.author, "triggers": list(hit.words),
        "downloads": hit.downloads, "nsfw": hit.nsfw, "page": hit.page,
        "owned": (hit.ref.hub, hit.ref.model) in owned,
    }  # fmt: skip


def _show(found: Found, owned: Collection[tuple[str, str]], terminal: Terminal) -> None:
    if found.hits:
        columns = [
            Column(_("REF")), Column(_("NAME"), flexible=True, least=12), Column(_("TYPE")), Column(_("BASE")),
            Column(_("TRIGGERS"), flexible=True, least=10), Column(_("DOWNLOADS"), right=True), Column(_("HUB")),
            Column(_("HAVE")),
        ]  # fmt: skip
        terminal.table(columns, [_row(hit, owned) for hit in found.hits])
        terminal.hint(_("To get one: hubman pull REF"))
    elif len(found.troubles) < len(found.asked):
        terminal.hint(_("Nothing found at {hubs}.").format(hubs=listed(map(title_of, found.asked))))


def _row(hit: Hit, owned: Collection[tuple[str, str]]) -> list[str]:
    from hubman.cli.listing import kind_name

    return [
        str(hit.ref),
        hit.name,
        "-" if hit.kind == "unknown" else kind_name(hit.kind),
        _base(hit),
        ", ".join(hit.words) or "-",
        "-" if hit.downloads is None else f"{hit.downloads:,}",
        hit.ref.hub or "-",
        "✓" if (hit.ref.hub, hit.ref.model) in owned else "",
    ]


def _base(hit: Hit) -> str:
    """Return the architecture with its lineage, else the hub's word without the owner of a repository."""
    from hubman.cli.listing import ARCHITECTURES
    from hubman.core.hub_words import base_lineage

    if hit.architecture:
        lineage = base_lineage(hit.base_model)
        return ARCHITECTURES.get(hit.architecture, hit.architecture) + (f" · {lineage}" if lineage else "")
    return (hit.base_model or "-").rsplit("/", 1)[-1]
