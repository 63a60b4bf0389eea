"""core.query: the grammar, and the equality of SQL and in-memory truth."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubman.core.query import LARGEST, Operator, Query, Searchable, Term, matches, parse_query, query_text
from hubman.core.search_text import fold
from hubman.errors import UsageError
from hubman.store.conditions import condition, prepare
from hubman.store.encode import candidates_text

NOW = 1_700_000_000_000_000_000


def one(text: str) -> Term:
    terms = parse_query(text, NOW).terms
    assert len(terms) == 1
    return terms[0]


def test_bare_words_phrases_and_negation() -> None:
    """Words are folded, quotes join, a minus negates."""
    assert parse_query('Ink -photo "Two Words" 水墨', NOW).terms == (
        Term("text", Operator.CONTAINS, "ink"),
        Term("text", Operator.CONTAINS, "photo", negated=True),
        Term("text", Operator.CONTAINS, "two words"),
        Term("text", Operator.CONTAINS, "水墨"),
    )


def test_sizes_and_ages() -> None:
    """Sizes are decimal, ages count back from now, and "younger" means a later moment."""
    assert one("size:>200mb") == Term("size", Operator.MORE, 200_000_000)
    assert one("size:<=1.5GiB") == Term("size", Operator.AT_MOST, int(1.5 * 2**30))
    assert one("added:<7d") == Term("added", Operator.MORE, NOW - 7 * 86400 * 10**9)


def test_names_that_people_use_for_an_architecture() -> None:
    """`base:sd1.5` is the architecture sd1."""
    assert one("base:SD1.5").value == "sd1"
    assert one("base:sdxl").value == "sdxl"


def test_sorting() -> None:
    """`sort:` orders, a minus turns it round."""
    assert parse_query("ink sort:-added", NOW) == Query((Term("text", Operator.CONTAINS, "ink"),), "added", True)


@pytest.mark.parametrize("text", ["nope:1", "size:big", "added:<7q", "has:nothing", "is:pretty", "sort:beauty"])
def test_what_cannot_be_understood_is_refused_with_what_would_work(text: str) -> None:
    """A typo in a field name must not become an empty answer."""
    with pytest.raises(UsageError) as caught:
        parse_query(text, NOW)
    assert caught.value.reference == "query-invalid"
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_a_url_is_a_word() -> None:
    """A pasted link is searched for, not taken for a field."""
    assert one("https://civitai.com/x").field == "text"


alphabet = st.sampled_from("ab水墨山 -:\"_%'*")
texts = st.text(alphabet, max_size=12)
paths = st.text(st.sampled_from("aÜüßＡ水/ .\u0308U"), max_size=10)
fields = st.sampled_from(["", "tag:", "author:", "name:", "trigger:", "path:"])


@pytest.fixture(scope="module")
def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    prepare(connection)
    connection.executescript("""
        CREATE TABLE file (id INTEGER PRIMARY KEY, kind, architecture, algorithm, size, added_ns, relpath,
            sha256, alias, safety, preview, sidecar, error_reference, present, candidates);
        CREATE TABLE search (file_id INTEGER PRIMARY KEY, name, words, tags, author, body);
        CREATE TABLE verdict (verdict, preview);
        CREATE VIRTUAL TABLE search_fts USING fts5(name, words, tags, author, body, content='search',
            content_rowid='file_id', tokenize='trigram', detail=none);
    """)
    return connection


@settings(max_examples=300, deadline=None)
@given(
    name=texts, words=texts, tags=texts, author=texts, body=texts, path=paths, field=fields,
    query=st.one_of(texts, paths), kind=st.sampled_from(["lora", "vae"]),
    size=st.integers(0, 300), operator=st.sampled_from(["size:>", "size:<=", "size:"]), bound=st.integers(0, 300),
    typed=st.sampled_from(["", "type:lora", "-type:lora", "base:wan", "-base:wan", "base:flux1", "base:sd3"]),
    bases=st.lists(st.sampled_from(["wan-2.1", "wan-2.2", "wan", "wander", "flux1", "sd3.5-large", "sd3-medium"]),
                   max_size=2, unique=True),
)  # fmt: skip
def test_sql_and_memory_agree(
    database: sqlite3.Connection, name: str, words: str, tags: str, author: str, body: str, path: str, field: str,
    query: str, kind: str, size: int, operator: str, bound: int, typed: str, bases: list[str],
) -> None:  # fmt: skip
    """For any row and any query the database says what `matches` says: the trigram index only narrows."""
    folded = [fold(text) for text in (name, words, tags, author, body)]
    base = bases[0] if len(bases) == 1 else None
    row = Searchable(*folded, {"type": kind, "size": size, "path": path, "base": base, "candidates": bases})
    try:
        parsed = parse_query(f"{field}{query} {typed} {operator}{bound}", time.time_ns())
    except UsageError:
        return
    database.execute("DELETE FROM search_fts")
    database.execute("DELETE FROM file")
    database.execute("DELETE FROM search")
    database.execute(
        "INSERT INTO file (id, kind, size, relpath, sidecar, architecture, candidates) VALUES (1, ?, ?, ?, '{}', ?, ?)",
        [kind, size, path, base, candidates_text(bases)],
    )
    database.execute("INSERT INTO search VALUES (1, ?, ?, ?, ?, ?)", folded)
    database.execute(
        "INSERT INTO search_fts (rowid, name, words, tags, author, body) VALUES (1, ?, ?, ?, ?, ?)", folded
    )
    where, values = condition(parsed)
    found = database.execute(
        f"SELECT count(*) FROM file f LEFT JOIN search s ON s.file_id = f.id LEFT JOIN verdict v ON 0 WHERE {where}",
        values,
    ).fetchone()[0]
    assert bool(found) == matches(parsed, row)


@pytest.mark.parametrize("digits", [20, 400, 5000])
def test_no_number_is_too_large(database: sqlite3.Connection, digits: int) -> None:
    """Beyond what the database can hold, a comparison means the same as at its limit."""
    huge = "9" * digits
    assert one(f"size:>{huge}tb").value == LARGEST
    assert not matches(parse_query(f"size:>{huge}", NOW), Searchable("", "", columns={"size": 5}))
    assert matches(parse_query(f"added:<{huge}y", NOW), Searchable("", "", columns={"added": NOW}))
    for text in (f"size:<{huge}.{huge}tb", f"added:<{huge}y", f"added:>{huge}h"):
        where, values = condition(parse_query(text, NOW))
        database.execute(f"SELECT 1 FROM file f WHERE {where}", values)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["ink", "-tag:nsfw"], "ink -tag:nsfw"),
        (["two words"], '"two words"'),
        (["-two words"], '-"two words"'),
        (["tag:two words", "-tag:two words"], 'tag:"two words" -tag:"two words"'),
        (["墨\u3000山"], '"墨\u3000山"'),
        (["a note: text"], '"a note: text"'),
        (['"quoted already" x'], '"quoted already" x'),
        (["- x"], '"- x"'),
    ],
)
def test_words_of_a_shell_become_a_query(words: list[str], text: str) -> None:
    """The shell took the quotes away."""
    assert query_text(words) == text


def test_a_field_looks_into_its_own_text_only() -> None:
    """A description that mentions a name is not its author."""
    row = Searchable(
        "ink", "shuimo", "style\nnature", "mei", "thanks to bob, not a photo", {"path": "Lora/ＡBC/Über.pt"}
    )
    for text in ("author:mei", "tag:nature", "path:abc/über", "path:ÜBER", "-author:bob", "-tag:photo", "bob", "photo"):
        assert matches(parse_query(text, NOW), row), text
    for text in ("author:bob", "tag:photo", "tag:mei", "author:style"):
        assert not matches(parse_query(text, NOW), row), text


@given(st.text(max_size=40))
def test_any_text_is_a_query_or_a_clear_error(text: str) -> None:
    """Nothing a user can type crashes the parser."""
    with contextlib.suppress(UsageError):
        assert isinstance(parse_query(text, NOW), Query)
