"""Search of 20,000 models: hubman's query against counting the rows, for words of every kind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.library import WORDS
from hubman.core.library import Layout, Reading, Seen, SidecarPolicy
from hubman.core.query import parse_query
from hubman.core.types import Facts, Kind, Safety, Trigger
from hubman.store.door import open_store
from hubman.store.reader import open_reader

MODELS = 20_000


def _reading(number: int) -> tuple[int, str, Reading]:
    word = WORDS[number % len(WORDS)]
    tags = tuple((f"{WORDS[(number + i) % len(WORDS)]} tag{number % 97}", 9) for i in range(40))
    triggers = (Trigger(f"{word}{number}", "modelspec", None, 1.0),)
    facts = Facts(Kind.LORA, "sdxl", tags=tags)
    return number + 1, f"{word}_{number}", Reading("safetensors", Safety.SAFE, "", facts, triggers)


def variants(folder: Path) -> dict[str, Callable[[], object]]:
    """The floor reads every row's name once."""
    store = open_store(folder / "library.db", folder / "backups")
    with store.writer() as writer:
        writer.add_root(str(folder), Layout.WEBUI, SidecarPolicy.OFF, None)
    entries = [Seen(f"Lora/{WORDS[n % len(WORDS)]}_{n}.safetensors", n, n, n) for n in range(MODELS)]
    for start in range(0, MODELS, 2000):
        with store.writer() as writer:
            writer.apply_added(1, str(folder), entries[start : start + 2000])
            writer.record_readings([_reading(number) for number in range(start, start + 2000)])
    store.close()

    def count() -> None:
        with closing(sqlite3.connect(store.path)) as connection:
            connection.execute("SELECT count(name) FROM search WHERE name <> ''").fetchone()

    def ask(text: str) -> Callable[[], object]:
        def run() -> None:
            with open_reader(store.path) as reader:
                reader.search(parse_query(text, 0), 50)

        return run

    return {
        f"read {MODELS:,} names": count,
        "rare word, mid-string (trigram index)": ask("etail19"),
        "two Chinese characters (scan)": ask("水墨"),
        "word of every tenth model": ask("watercolor"),
        "two words and a field": ask("neon tag13 type:lora"),
        "no hit": ask("zzzzzz"),
    }
