"""The command line: parse, wire, print; no decisions. `--help` imports click and nothing else of third parties."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

import click

from hubman import __version__
from hubman.errors import HubmanError

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
    "validate": ("Trust", "validate:validate", "Render each adapter: does it work? A verdict with evidence."),
    "preview": ("Trust", "preview:preview", "Show or make the preview of a model."),
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
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot show must not end the command.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: the one funnel for every failure."""
    try:
        result = cli.main(arguments, prog_name="hubman", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`hubman ls | head`): that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except HubmanError as error:
        return _show(error)
    except Exception as error:  # the last edge: a bug must end with a place to look at, not with a wall of text
        return _bug(error)


def _show(error: HubmanError) -> int:
    from hubman.cli.words import _, error_text

    message, hint = error_text(error)
    click.secho(_("error: {text}").format(text=message), err=True, fg="red")
    if hint:
        click.secho("  " + hint, err=True)
    return error.exit_code


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
        click.secho(f"bug: {type(error).__name__}: {error}", err=True, fg="red")
        click.echo(f"  This should not happen. The traceback is in {log}", err=True)
        return 70
    click.echo(text, err=True)
    return 70
