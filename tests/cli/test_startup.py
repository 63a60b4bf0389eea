"""What each command imports: asserted on sys.modules, not on time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hubman.cli import run

HEAVY = {"sqlalchemy", "alembic", "httpx", "fastapi", "watchdog", "PIL", "numpy", "torch", "diffusers"}


def third_party(code: str) -> set[str]:
    """Run code in a fresh interpreter; return the top-level third-party modules it loaded."""
    program = f"""
import sys, json
{code}
loaded = {{name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}}
names = {{name.split(".")[0] for name, path in loaded.items() if "site-packages" in path}}
print()
print(json.dumps(sorted(name for name in names if not name.startswith(("_", "sitecustomize")))))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_import_hubman_loads_nothing() -> None:
    """The package is free to import."""
    assert third_party("import hubman") == set()


def test_help_loads_click_only() -> None:
    """A list of commands needs no command."""
    assert third_party("from hubman.cli import run; run(['--help'])") <= {"click", "colorama"}


@pytest.mark.parametrize(
    "command",
    [
        ["search", "ink"],
        ["ls"],
        ["show", "ink"],
        ["triggers", "ink"],
        ["prompt", "ink"],
        ["note", "ink"],
        ["tag", "ink"],
        ["stats"],
        ["verify"],
        ["doctor"],
    ],
)
def test_reading_commands_stay_light(command: list[str], webui: Path, put: Callable[..., Path]) -> None:
    """SQLAlchemy costs 255 ms, torch seconds: answering from a real library needs neither."""
    put("Lora/ink.safetensors")
    assert run(["sync", str(webui)]) == 0
    assert not third_party(f"from hubman.cli import run; assert run({command!r}) == 0") & HEAVY


def test_a_sync_that_finds_nothing_new_imports_no_sqlalchemy(tmp_path: Path) -> None:
    """Known rows are read by the standard library; the write door is opened at the first write."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    assert run(["sync", str(tmp_path / "models")]) == 0
    loaded = third_party("from hubman.cli import run; assert run(['sync']) == 0")
    assert not loaded & {"sqlalchemy", "alembic", "watchdog", "torch"}


def test_nothing_posix_is_imported_at_load() -> None:
    """Windows has no resource, fcntl, pwd or termios: every module must import without them."""
    code = (
        "import sys, pkgutil, importlib\n"
        "for name in ('resource', 'fcntl', 'pwd', 'grp', 'termios', 'tty', 'pty'): sys.modules[name] = None\n"
        "import hubman\n"
        "skip = ('hubman.__main__', 'hubman.renderers')\n"
        "for module in pkgutil.walk_packages(hubman.__path__, 'hubman.'):\n"
        "    if not module.name.startswith(skip) and '_demo' not in module.name: importlib.import_module(module.name)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
