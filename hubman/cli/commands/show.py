"""`hubman show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hubman.cli.listing import base_name, type_name, warn_of_same_name
from hubman.cli.said import stars
from hubman.cli.session import Session, answering
from hubman.cli.table import pad, printable
from hubman.cli.terminal import Terminal, human_size
from hubman.cli.words import _, told, value

if TYPE_CHECKING:
    from hubman.core.library import ModelFile


@click.command()
@click.argument("model")
@click.option("--why", is_flag=True, help="With the evidence for every fact.")
@click.option("--full", is_flag=True, help="With all of the descriptions that hubs have.")
@click.pass_obj
@answering()
def show(session: Session, model: str, why: bool, full: bool, terminal: Terminal) -> None:
    """Everything known of MODEL (an id, hash, name or path)."""
    from hubman.app.library import details_json, find_one

    with session.reader() as reader:
        file = find_one(reader, model)
        details = details_json(reader, file)
    if terminal.human:
        _print(file, details, terminal, why=why)
        if details["hubs"]:
            from hubman.cli.from_hubs import print_hubs

            print_hubs(details["hubs"], terminal, model=file.id, full=full)
    else:
        terminal.document({"model": details})
    warn_of_same_name(file, details["same_name"], terminal)


def _print(file: ModelFile, details: dict[str, Any], terminal: Terminal, *, why: bool) -> None:
    _print_fields(file, details, terminal)
    if why:
        from hubman.app.library import evidence_in_words

        terminal.text()
        terminal.heading(_("How we know"))
        for fact, found, because in evidence_in_words(file, _):
            terminal.text(f"  {pad(value('fact', fact), 16)} {printable(value(fact, found))}")
            terminal.text(f"  {pad('', 16)} {printable(because)}")


def _print_fields(file: ModelFile, details: dict[str, Any], terminal: Terminal) -> None:
    facts, sidecar = file.facts, file.sidecar
    terminal.heading("   ".join(part for part in (printable(file.name), file.id, stars(file)) if part))
    verdict = f"{value('verdict', file.verdict.verdict)}   ({file.verdict.rule})" if file.verdict else None
    fields: list[tuple[str, object]] = [
        (_("type"), type_name(file)),
        (_("base"), " · ".join(str(part) for part in (base_name(file), facts.get("variant")) if part)),
        (_("error"), told(file.failure.message) if file.failure else None),
        (_("file"), file.path + ("" if file.present else "   " + _("(not there now)"))),
        (_("size"), f"{human_size(file.size)}   {value('format', file.format)}, {facts.get('precision') or '-'}"),
        (_("safety"), value("safety", file.safety) if file.format == "pickle" else None),
        (_("rank"), _pair(facts.get("rank"), facts.get("alpha"))),
        (_("trains"), ", ".join(map(str, facts.get("trained") or []))),  # type: ignore[call-overload]
        (_("vectors"), facts.get("vectors")),
        (_("layers"), _hypernetwork(facts.get("hypernetwork"))),
        (_("your note"), file.user.note),
        (_("your tags"), ", ".join(file.user.tags)),
        (_("triggers"), ", ".join(word.text for word in file.triggers) or None),
        (_("weight"), sidecar.get("weight")),
        (_("measured"), "\n".join(_measured(details["verdicts"]))),
        (_("negative"), sidecar.get("negative")),
        (_("author"), sidecar.get("author")),
        (_("description"), sidecar.get("description")),
        (_("notes"), sidecar.get("notes")),
        (_("beside it"), _("; ").join(_beside(file))),
        (_("verdict"), "\n".join(_verdicts(details["verdicts"])) or verdict),
        (_("preview"), file.preview or _cover(file)),
        ("sha256", details["hashes"] and details["hashes"]["sha256"]),
        ("AutoV1", details["hashes"] and details["hashes"]["autov1"]),
        ("AutoV3", details["hashes"] and details["hashes"]["autov3"]),
        (_("also at"), "\n".join(place for place in details["places"] if place != file.path)),
        (_("tags"), _tags(facts.get("tags"))),
    ]
    for label, content in fields:
        if content not in (None, "", "-"):
            first, *rest = str(content).splitlines()
            terminal.text(f"  {pad(label, 12)} {printable(first)}")
            for line in rest:
                terminal.text(f"  {pad('', 12)} {printable(line)}")


def _verdicts(verdicts: list[dict[str, Any]]) -> list[str]:
    """Return a line for the verdict on each checkpoint, with how far it moves the picture."""
    lines = []
    for entry in verdicts:
        base, effect = entry.get("base") or {}, entry.get("effect") or {}
        parts = [f"{value('verdict', entry['verdict'])}   ({entry['rule']})"]
        if base.get("name"):
            parts.append(_("on {base}").format(base=base["name"]))
        if effect.get("mae") is not None:
            parts.append(_("changes the picture by {mae:.1f}/255").format(mae=effect["mae"]))
        parts += [" ".join(entry["flags"])] if entry.get("flags") else []
        lines.append("   ".join(parts))
    return lines


def _measured(verdicts: list[dict[str, Any]]) -> list[str]:
    from hubman.cli.commands.triggers import measured_line
    from hubman.core.measured import measured_weights

    return [measured_line(entry) for entry in measured_weights(verdicts)]


def _cover(file: ModelFile) -> str | None:
    """Say that a picture is inside the file, where there is no other."""
    from hubman.app.cover import find_cover

    return _("in the file itself; taken out by: hubman preview {id}").format(id=file.id) if find_cover(file) else None


def _beside(file: ModelFile) -> list[str]:
    """Return what is odd about the files beside a model, and what their user marked in another program."""
    sidecar: dict[str, Any] = file.sidecar
    claimed = {str(value) for kind, value in sidecar.get("hashes", ()) if kind == "sha256"}
    notes = [str(warning) for warning in sidecar.get("warnings", ())]
    if file.hashes and claimed and file.hashes.sha256 not in claimed:
        notes.append(
            _("what lies beside it was written for another content (sha256 {hash}…)").format(hash=min(claimed)[:10])
        )
    if sidecar.get("favourite"):
        notes.append(_("a favourite in Lora-Manager"))
    if sidecar.get("hidden"):
        notes.append(_("hidden in Lora-Manager"))
    return notes


def _pair(rank: object, alpha: object) -> str | None:
    return None if rank is None else f"{rank}" + (f"   alpha {alpha:g}" if isinstance(alpha, int | float) else "")


def _hypernetwork(facts: Any) -> str | None:
    if not facts:
        return None
    structure = " → ".join(f"{factor:g}" for factor in facts["layer_structure"])
    return f"{structure}   {facts['activation']}   {', '.join(map(str, facts['dims']))}"


def _tags(tags: Any) -> str | None:
    if not tags:
        return None
    shown = ", ".join(f"{tag} {count}×" for tag, count in tags[:12])
    return shown + (f" … ({len(tags)})" if len(tags) > 12 else "")
