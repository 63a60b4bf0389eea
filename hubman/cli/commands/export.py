"""`hubman export`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from hubman.cli.session import Session
from hubman.cli.terminal import Terminal, json_text
from hubman.cli.words import plural
from hubman.errors import N_, ConflictError


@click.command()
@click.argument("query", nargs=-1)
@click.option(
    "-o", "--output", required=True, metavar="FILE", help="Where to write the list; - is the standard output."
)
@click.option("--force", is_flag=True, help="Replace FILE when it is there.")
@click.pass_obj
def export(session: Session, query: tuple[str, ...], output: str, force: bool) -> None:
    """Write a portable list of models: hashes, sources, your notes and tags. `hubman pull -r FILE` restores from it.

    With a QUERY only what it finds. No path of this machine and no token is in the list.
    """
    from hubman.app.exporting import export as make
    from hubman.core.query import parse_query, query_text

    terminal = Terminal()
    now = time.time_ns()
    with session.reader() as reader:
        files = reader.search(parse_query(query_text(query), now))[1]
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1e9))
        document, without = make(reader, files, made)
    text = json_text(document, indent=1) + "\n"
    if output == "-":
        click.echo(text, nl=False)
    else:
        _write(output, text, force=force)
    models = document["models"]
    count = len(models) if isinstance(models, list) else 0
    terminal.hint(plural("{count} model is in the list.", "{count} models are in the list.", count).format(count=count))
    if without:
        terminal.warn(
            plural(
                "{count} model has no hash yet and is not in it: run `hubman sync --hash all` first.",
                "{count} models have no hash yet and are not in it: run `hubman sync --hash all` first.",
                len(without),
            ).format(count=len(without))
        )


def _write(output: str, text: str, *, force: bool) -> None:
    from hubman.disk.place import write_atomic, write_new

    path, data = Path(os.path.realpath(os.path.expanduser(output))), text.encode("utf-8", "backslashreplace")
    if path.exists() and not path.is_file():  # a device or a pipe is written to; nothing is put in its place
        path.write_bytes(data)
        return
    if force:
        write_atomic(path, data)
        return
    try:
        write_new(path, data)
    except ConflictError as error:
        raise ConflictError(
            "file-exists",
            N_("{path} exists already, and hubman overwrites nothing."),
            hint=N_("Choose another name, or say --force to replace it."),
            path=path,
        ) from error
