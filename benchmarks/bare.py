"""The yardstick of search: what a plain script gets from FTS5 for the same words, ranked by FTS5 (bm25).

Two tables of default detail over the same folded texts: `tri` (tokenizer trigram) answers words of three characters and
more as a phrase; `uni` (unicode61, every run of Chinese split into pairs) answers shorter ones. As a program:
`python bare.py DATABASE TABLE MATCH` is the bare click + sqlite3 script that lists fifty names.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

TEXTS = ("name", "words", "own_tags", "note", "tags", "author", "body")
HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]+")
QUESTION = "SELECT rowid, name FROM {table} WHERE {table} MATCH ? ORDER BY rank LIMIT 50"


def build(library: Path, target: Path) -> None:
    """Make both tables in a database of their own."""
    columns = ", ".join(TEXTS)
    with closing(sqlite3.connect(target)) as connection:
        connection.create_function("pairs", 1, pairs)
        connection.execute("ATTACH ? AS library", [str(library)])
        split = ", ".join(f"pairs({name})" for name in TEXTS)
        for table, tokenizer, values in (("tri", "trigram", columns), ("uni", "unicode61", split)):
            connection.execute(f"CREATE VIRTUAL TABLE {table} USING fts5({columns}, tokenize='{tokenizer}')")
            connection.execute(f"INSERT INTO {table}(rowid, {columns}) SELECT file_id, {values} FROM library.search")
        connection.commit()


def pairs(text: str) -> str:
    """Write each run of Chinese as its overlapping pairs of characters."""
    return HAN.sub(lambda run: f" {' '.join(run[0][at : at + 2] for at in range(max(1, len(run[0]) - 1)))} ", text)


def question(words: list[str]) -> tuple[str, str]:
    """Return the table and the MATCH expression that a plain script would use for these words."""
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    if all(len(word) >= 3 for word in words):
        return "tri", " ".join(quoted)
    return "uni", " ".join('"' + pairs(word).strip() + '"' for word in words)


if __name__ == "__main__":
    import click

    @click.command()
    @click.argument("database")
    @click.argument("table")
    @click.argument("match")
    def main(database: str, table: str, match: str) -> None:
        """Print fifty names."""
        for number, name in sqlite3.connect(database).execute(QUESTION.format(table=table), [match]):
            click.echo(f"{number}  {name}")

    main()
