"""Libraries for the queue: variants of one real LoRA, each other bytes, named as the test wants."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from hubman.paths import demo_models

HOSTILE = Path(__file__).parents[1] / "render/hostile_worker.py"
FAST = ("--steps", "2", "--seeds", "1")


def variant(source: Path, target: Path, mark: str) -> Path:
    """Copy a safetensors file with one more word in its metadata, so that it is another content."""
    content = source.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.setdefault("__metadata__", {})["mark"] = mark
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    return target


def library(folder: Path, *names: str, bases: tuple[str, ...] = ("tinyshapes",)) -> Path:
    """Make a library of demo checkpoints, and of variants of the demo LoRA under these names."""
    source = demo_models()
    for base in bases:
        target = folder / "Stable-diffusion"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / f"Stable-diffusion/{base}.safetensors", target / f"{base}.safetensors")
        shutil.copytree(source / f"Stable-diffusion/{base}", target / base)
    for name in names:
        variant(source / "Lora/zbrstripe_lora.safetensors", folder / f"Lora/{name}.safetensors", name)
    return folder


def hubman(*arguments: str, hostile: bool = False) -> list[str]:
    """Return the command line of a real process; `hostile`: its render process is tests/render/hostile_worker.py."""
    if not hostile:
        return [sys.executable, "-m", "hubman", *arguments]
    worker = (sys.executable, str(HOSTILE), "bare")
    program = (
        f"import sys; from hubman.renderers import process; process.WORKER = {worker!r}; "
        "from hubman.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    return [sys.executable, "-c", program, *arguments]


def verdicts(home: Path) -> dict[str, tuple[int, str]]:
    """Return name -> (when it was made, the JSON) of all verdicts in the database, one for each content."""
    with closing(sqlite3.connect(f"{(home / 'library.db').as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT made_ns, detail FROM verdict").fetchall()
    found = {json.loads(detail)["name"]: (made_ns, detail) for made_ns, detail in rows}
    assert len(found) == len(rows)
    return found
