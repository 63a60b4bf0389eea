"""The command line: parse, wire, print; no decisions. `--help` imports click and nothing else of third parties."""

from __future__ import annotations

import errno
import importlib
import io
import sys
from typing import NoReturn

import click

from hubman import __version__
from hubman.cli import outlet
from hubman.errors import N_, HubmanError

COMMANDS: dict[str, tuple[str, str, str]] = {
    # name: (section, module:attribute, one line)
    "sync": ("Index", "sync:sync", "Scan the roots: identify, hash, read sidecars."),
    "watch": ("Index", "watch:watch", "Keep the index right while files change, in the foreground."),
    "roots": ("Index", "roots:roots", "Add, list and remove the watched folders."),
    "inspect": ("Index", "inspect:inspect", "What is this file? Needs no library, writes nothing."),
    "search": ("Find and use", "search:search", "Find models by text and fields."),
    "ls": ("Find and use", "search:ls", "List models."),
    "show": ("Find and use", "show:show", "Everything known of a model, and how we know it (--why)."),
    "triggers": ("Find and use", "triggers:triggers", "Trigger words, weight and the tag to paste; -c copies."),
    "prompt": ("Find and use", "prompt:prompt", "A ready prompt from several models."),
    "pull": ("From the hubs", "pull:pull", "Download models: verified, filed by what they are, resumable."),
    "add": ("From the hubs", "add:add", "File what a browser saved: checked, moved into its right folder, undoable."),
    "lookup": ("From the hubs", "lookup:lookup", "Ask hubs about local files by hash: words, pages, newer versions."),
    "outdated": ("From the hubs", "outdated:outdated", "Newer versions of your models, of the same base and variant."),
    "update": ("From the hubs", "update:update", "Fetch newer versions; --pin keeps a model as it is."),
    "export": ("From the hubs", "export:export", "A portable list of your models; `pull -r` restores from it."),
    "hubs": ("From the hubs", "hubs:hubs", "Which hubs there are, who may be asked about your files, tokens, search."),
    "note": ("Your data", "note:note", "Keep a note on a model, or print it."),
    "tag": ("Your data", "tag:tag", "Tag models with words of your own."),
    "fav": ("Your data", "fav:fav", "Make models favourites."),
    "rate": ("Your data", "rate:rate", "Rate models from 1 to 5."),
    "sidecars": ("Your data", "sidecars:sidecars", "Write .json and previews beside the models, where a root says so."),
    "mv": ("Files", "mv:mv", "Move or rename models with all that belongs to them."),
    "rm": ("Files", "rm:rm", "Move models to the trash; restored within 30 days."),
    "trash": ("Files", "trash:trash", "List, restore or delete what was removed."),
    "undo": ("Files", "undo:undo", "Take back the latest action; --list shows them."),
    "forget": ("Files", "forget:forget", "Drop a model from the library; the file stays."),
    "scan": ("Trust", "scan:scan", "Would opening a file run code? What its pickle would do, in words."),
    "verify": ("Trust", "verify:verify", "Read the models again: bit rot, truncation, drift."),
    "validate": ("Trust", "validate:validate", "Render each adapter: does it work? A verdict with evidence."),
    "preview": ("Trust", "preview:preview", "Show, make or set the preview of a model."),
    "render": ("Trust", "render:render", "Pictures of a prompt, with the adapters that it calls."),
    "sheet": ("Trust", "sheet:sheet", "A contact sheet: adapters x weights, checkpoints, trigger words."),
    "dupes": ("Run and care", "dupes:dupes", "What lies here more than once; --similar compares weights."),
    "stats": ("Run and care", "stats:stats", "What is in the library, in numbers."),
    "doctor": ("Run and care", "doctor:doctor", "One page of checks: what is wrong, why, and the next command."),
    "db": ("Run and care", "db:db", "Check, back up, restore and shrink the database."),
    "demo": ("Run and care", "demo:demo", "See all of it work on the tiny models that ship with hubman."),
    "init": ("Run and care", "init:init", "Create an empty library in the WebUI layout."),
    "version": ("Run and care", "version:version", "Versions of hubman and of what it stands on."),
}


class LazyGroup(click.Group):
    """A group that imports a command when it is run, and lists all of them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][1].partition(":")
        loaded = importlib.import_module(f"hubman.cli.commands.{module}")
        command: click.Command = getattr(loaded, attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1) if args else []
            if near:
                raise click.UsageError(f"{error.message} Did you mean `hubman {near[0]}`?", ctx) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, (section, _, line) in COMMANDS.items():
            sections.setdefault(section, []).append((name, line))
        for section, lines in sections.items():
            with formatter.section(section):
                formatter.write_dl(lines)


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", metavar="DIR", help="Folder of database, config and previews (default: $HUBMAN_HOME).")
@click.option(
    "--lang", metavar="LOCALE", help="Language of tables and messages: en, zh_CN (default: the environment's)."
)
@click.version_option(__version__, prog_name="hubman")
@click.pass_context
def cli(ctx: click.Context, home: str | None, lang: str | None) -> None:
    """hubman keeps a library of image-generation models in order.

    It watches the folders, knows what every file is from its content, finds the words that wake it, and proves that
    each adapter works by rendering with it. Start with `hubman demo`, or `hubman roots add FOLDER`.
    """
    from hubman.cli.session import Session

    ctx.obj = Session.start(home, lang)
    if ctx.invoked_subcommand is None:
        from hubman.cli.commands.status import status

        ctx.invoke(status)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code of docs/errors.md."""
    outlet.install()
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: the one funnel for every failure."""
    try:
        result = cli.main(arguments, prog_name="hubman", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        return _misused(error)
    except (KeyboardInterrupt, click.Abort) as error:
        return _interrupted(error)
    except HubmanError as error:
        return _show(error)
    except outlet.OutputLostError as error:
        return _lost(error.cause)
    except OSError as error:
        return _refused(error)
    except Exception as error:  # the last edge: a bug must end with a place to look at, not with a wall of text
        return _bug(error)


def _aside(text: str, fg: str | None = None) -> None:
    from hubman.cli.terminal import aside

    aside(text, fg=fg)


def _interrupted(error: BaseException) -> int:
    """Say that Ctrl-C was heard and what is kept, in the command's own words where it has some.

    click makes an Abort of it; an Abort without a cause is a question that was not answered with yes.
    """
    from hubman.cli.words import _

    cause = error if isinstance(error, KeyboardInterrupt) else error.__cause__
    if not isinstance(cause, KeyboardInterrupt):
        _aside("")
        return 130
    said = str(cause.args[0]) if cause.args else ""
    _aside(said or _("Interrupted. What was finished before is kept; the same command goes on from there."), "yellow")
    return 130


def _misused(error: click.ClickException) -> int:
    """Show click's own usage errors; they repeat arguments, and arguments may be file names."""
    text = io.StringIO()
    error.show(text)
    _aside(text.getvalue().rstrip("\n"))
    return error.exit_code


def _show(error: HubmanError) -> int:
    from hubman.cli.words import _, error_text

    message, hint = error_text(error)
    _aside(_("error: {text}").format(text=message), fg="red")
    if hint:
        _aside("  " + hint)
    return error.exit_code


REFUSALS = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO,
)  # fmt: skip
"""What the system says of a path that the user named: no bug, and no place for a traceback."""


def _lost(error: OSError) -> int:
    if isinstance(error, BrokenPipeError):
        return 0  # the reader of our output went away (`hubman ls | head`): that is its right
    return _show(
        HubmanError("output-failed", N_("The output could not be written: {why}"), why=error.strerror or error)
    )


def _refused(error: OSError) -> int:
    """Tell what the system refused of a path; anything else is a bug."""
    if error.filename is None or error.errno not in REFUSALS:
        return _bug(error)
    return _show(
        HubmanError("system-refused", N_("{path}: the system says: {why}"), path=error.filename, why=error.strerror)
    )


def _bug(error: Exception) -> int:
    import tempfile
    import traceback
    from pathlib import Path

    from hubman.cli.session import log_folder

    text = "".join(traceback.format_exception(error))
    for folder in (log_folder(), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            log = folder / "crash.log"
            log.write_text(text, "utf-8", errors="backslashreplace")
        except OSError:
            continue
        _aside(f"bug: {type(error).__name__}: {error}", fg="red")
        _aside(f"  This should not happen. The traceback is in {log}")
        return 70
    _aside(text)
    return 70
