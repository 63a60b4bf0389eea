"""Search of 100,000 models: in process against the bare FTS query, as a command against a bare script, and its size.

Every query is asked in turns by hubman (`Reader.search`, fifty models with all that a list shows, and the number of all
hits) and as a bare query of FTS5 for the same words (benchmarks/bare.py); of three rounds the least CPU counts.
"""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import bare, hundred_thousand
from hubman.core.query import parse_query
from hubman.store.reader import Reader, open_reader

QUERIES = 20
ROUNDS = 3
COMMANDS = 9
COMMON = ("hair", "smile", "long hair", "viewer", "blush", "solo", "xlarge", "pony", "sdxl", "v2")
Query = tuple[str, list[str]]
"""What hubman is asked, and the words of the bare query."""


def report(folder: Path) -> dict[str, object]:
    """Measure; print as it goes; return what is kept in results/search.json."""
    library = hundred_thousand.made(folder)
    yardstick = Path(os.environ.get("HUBMAN_BENCH_LIBRARY") or folder) / f"bare-{hundred_thousand.MODELS}.db"
    if not yardstick.exists():
        bare.build(library, yardstick)
    size = library.stat().st_size / hundred_thousand.MODELS
    print(f"\nsearch in {hundred_thousand.MODELS:,} models   ({size:,.0f} bytes of database a file)")
    return {
        "bytes_per_file": round(size),
        "bytes_per_file_by_table": _sizes(library),
        "in_process": _in_process(library, yardstick),
        "whole_command": _commands(library, yardstick),
        "suggestions_ms": _suggestions(library),
    }


def _sizes(library: Path) -> dict[str, int]:
    question = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 8"
    with closing(sqlite3.connect(library)) as connection:
        try:
            rows = connection.execute(question).fetchall()
        except sqlite3.OperationalError:  # a SQLite without dbstat
            return {}
    return {name: round(size / hundred_thousand.MODELS) for name, size in rows}


def classes(connection: sqlite3.Connection) -> dict[str, list[Query]]:
    """Return the fixed mix: pieces of what is in the library, by kind of query."""
    chance = random.Random(4)
    rows = connection.execute("SELECT name, words, tags, body FROM search ORDER BY file_id").fetchall()
    latin = [row for row in rows if row[0].isascii()]
    han = [run for row in rows if not row[0].isascii() for run in bare.HAN.findall(row[3]) if len(run) > 8]
    tags = [tag for row in rows if row[2] for tag in row[2].split("\n")[:3] if tag.isascii()]

    def many(make: Callable[[], Query]) -> list[Query]:
        return [make() for _ in range(QUERIES)]

    def plain(*words: str) -> Query:
        return " ".join(f'"{word}"' for word in words), list(words)

    def piece(text: str, length: int) -> str:
        start = chance.randrange(max(1, len(text) - length))
        return text[start : start + length]

    def fields() -> Query:
        tag, (name, *_) = chance.choice(tags), chance.choice(latin)
        word = name[:5]
        shapes = [(f'"{word}" type:lora base:sdxl', [word]), (f'tag:"{tag}" type:lora', [tag]),
                  (f'"{tag}" -tag:smile size:>200mb', [tag]), (f'"{word}" is:fav', [word])]  # fmt: skip
        return chance.choice(shapes)

    return {
        "a whole name": many(lambda: plain(chance.choice(rows)[0])),
        "the beginning of a name": many(lambda: plain(chance.choice(latin)[0][:5])),
        "the middle of a name": many(lambda: plain(piece(chance.choice(latin)[0], 5))),
        "a training tag": many(lambda: plain(chance.choice(tags))),
        "a common word": [plain(word) for word in COMMON if len(word) > 2],
        "two words": many(lambda: plain(chance.choice(tags), chance.choice(tags))),
        "Chinese, two characters": many(lambda: plain(piece(chance.choice(han), 2))),
        "Chinese, three characters": many(lambda: plain(piece(chance.choice(han), 3))),
        "Chinese, four characters": many(lambda: plain(piece(chance.choice(han), 4))),
        "Chinese, two words": many(lambda: plain(piece(run := chance.choice(han), 2), piece(run, 2))),
        "words and fields": many(fields),
    }


def _in_process(library: Path, yardstick: Path) -> dict[str, object]:
    results: dict[str, object] = {}
    every: list[tuple[float, float]] = []
    with open_reader(library) as reader, closing(sqlite3.connect(yardstick)) as plain:
        with closing(sqlite3.connect(library)) as connection:
            mix = classes(connection)
            recall = _recall(connection, reader, [text for name in mix if "Chinese" in name for text, _ in mix[name]])
        for name, queries in mix.items():
            pairs = [_least(reader, plain, query) for query in queries]
            results[name] = _line(name, pairs)
            every += pairs
    results["all"] = _line("all", every)
    print(f"  recall of Chinese words against instr() on every row: {recall:.3f}")
    return {**results, "recall": recall}


def _least(reader: Reader, plain: sqlite3.Connection, query: Query) -> tuple[float, float]:
    """Return the least CPU milliseconds of (hubman, the bare query)."""
    text, words = query
    table, match = bare.question(words)

    def ours() -> None:
        reader.search(parse_query(text, time.time_ns()), 50)

    def theirs() -> None:
        plain.execute(bare.QUESTION.format(table=table), [match]).fetchall()

    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for number, function in enumerate((ours, theirs)):
            before = time.process_time()
            function()
            spent[number].append((time.process_time() - before) * 1000)
    return min(spent[0]), min(spent[1])


def _line(name: str, pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    ours, theirs = sorted(pair[0] for pair in pairs), sorted(pair[1] for pair in pairs)
    line = {
        "p50_ms": _share(ours, 0.5), "p95_ms": _share(ours, 0.95), "bare_p50_ms": _share(theirs, 0.5),
        "bare_p95_ms": _share(theirs, 0.95), "p95_ratio": round(_share(ours, 0.95) / _share(theirs, 0.95), 2),
    }  # fmt: skip
    print("  {:<28} p50 {:8.2f}  p95 {:8.2f} ms   bare p50 {:8.2f}  p95 {:8.2f} ms   p95 {:5.2f} x".format(
        name, *line.values()
    ))  # fmt: skip
    return line


def _share(values: Sequence[float], share: float) -> float:
    return round(values[min(len(values) - 1, int(share * len(values)))], 3)


def _recall(connection: sqlite3.Connection, reader: Reader, texts: Sequence[str]) -> float:
    """Return the share of hits that instr() finds on every row and hubman finds as well (no more, no less, or fail)."""
    rows = connection.execute("SELECT " + " || char(10) || ".join(bare.TEXTS) + " FROM search").fetchall()
    wanted = found = 0
    for text in texts:
        words = text.strip('"').split('" "')
        there = sum(all(word in row[0] for word in words) for row in rows)
        total = reader.search(parse_query(text, 0), 1)[0]
        assert total <= there, text
        wanted, found = wanted + there, found + total
    return found / wanted


def _commands(library: Path, yardstick: Path) -> dict[str, object]:
    """Compare whole processes, one after the other, by the CPU of user and system."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["HUBMAN_HOME"] = str(library.parent)
    results: dict[str, object] = {}
    for word in ("水墨山", "kari", "smile", "水墨"):
        table, match = bare.question([word])
        commands = (["-m", "hubman", "search", word], [bare.__file__, str(yardstick), table, match])
        spent: tuple[list[float], list[float]] = ([], [])
        for _ in range(COMMANDS):
            for number, command in enumerate(commands):
                before = _children()
                subprocess.run([sys.executable, *command], env=environment, capture_output=True, check=True)
                spent[number].append((_children() - before) * 1000)
        ours, theirs = map(statistics.median, spent)
        results[word] = {"ms": round(ours, 1), "bare_ms": round(theirs, 1), "ratio": round(ours / theirs, 2)}
        print(f"  hubman search {word}: {ours:.0f} ms, bare click + sqlite3: {theirs:.0f} ms   {ours / theirs:.2f} x")
    return results


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _suggestions(library: Path) -> dict[str, float]:
    """Return the CPU milliseconds that help with a word without a hit takes."""
    from hubman.app.suggesting import suggestions

    words = ("smlie", "paladinn", "sunglases", "neckalce", '"looking at vewer"', "水墨山山", "墨水山")
    spent: dict[str, float] = {}
    with open_reader(library) as reader:
        for word in words:
            before = time.process_time()
            near = suggestions(reader, word, 0)
            spent[word] = round((time.process_time() - before) * 1000, 1)
            print(f"  nothing for {word}: {spent[word]:.0f} ms, did you mean {near}")
    return spent
