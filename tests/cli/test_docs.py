"""Docs move with the code: every command and every error reference is documented."""

from __future__ import annotations

import ast
from pathlib import Path

from hubman.cli import COMMANDS

ROOT = Path(__file__).parents[2]


def references() -> set[str]:
    """Collect the first argument of every `...Error("reference", ...)` in the source."""
    found = set()
    for path in (ROOT / "hubman").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if name.endswith("Error") and isinstance(first, ast.Constant) and "-" in str(first.value):
                found.add(str(first.value))
    return {reference for reference in found if " " not in reference}


def test_every_error_reference_is_in_the_docs() -> None:
    """docs/errors.md is where a user lands with a reference."""
    text = (ROOT / "docs/errors.md").read_text("utf-8")
    assert len(references()) > 20
    assert {reference for reference in references() if f"`{reference}`" not in text} == set()


def test_every_command_is_in_the_readme() -> None:
    """A command that nobody can find does not exist."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"hubman {name}" not in text] == []


def test_hints_name_only_commands_that_exist() -> None:
    """A next step that does not exist is worse than none."""
    import re

    for path in (ROOT / "hubman").rglob("*.py"):
        for name in re.findall(r"`hubman ([a-z]+)", path.read_text("utf-8")):
            assert name in COMMANDS, f"{path.name}: hubman {name}"
