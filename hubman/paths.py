"""Where the files that ship beside the code are: in a wheel inside the package, in a checkout at its top level."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped(in_wheel: str, in_checkout: str) -> Path:
    """Return `hubman/<in_wheel>` when it exists (an installed wheel), else `<checkout>/<in_checkout>`."""
    inside = PACKAGE / in_wheel
    return inside if inside.is_dir() else PACKAGE.parent / in_checkout


def migrations() -> Path:
    """Return the folder of the Alembic migrations."""
    return shipped("_migrations", "migrations")


def demo_models() -> Path:
    """Return the folder of the demo family, in WebUI layout."""
    return shipped("_demo", "models")
