"""Commands whose arguments are a query: `-tag:nsfw` is a condition there, not an option."""

from __future__ import annotations

from collections.abc import Iterable

import click


class QueryCommand(click.Command):
    """A command that takes `-word` for an exclusion unless it is one of its options, letter by letter.

    Everything that is no option goes behind `--`, so that click reads it as it is. A word that begins with two dashes
    stays an option: a mistyped `--jsn` must not become a query.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._apart(ctx, args))

    def _apart(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return the options with their values, `--`, and the words of the query in their order."""
        params = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        known = _names(params)
        valued = _names(param for param in params if not (param.is_flag or param.count))
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                words += rest
            elif arg in known or arg.startswith("--"):
                options.append(arg)
                if arg in valued:
                    value = next(rest, None)
                    if value is None:
                        return options  # click says that the value is missing
                    options.append(value)
            else:
                words.append(arg)
        return [*options, "--", *words]


def _names(params: Iterable[click.Option]) -> set[str]:
    return {name for param in params for name in (*param.opts, *param.secondary_opts)}
