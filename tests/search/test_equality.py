"""The database says of every row and every query what `matches` says."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rows import Row, Rows

from hubman.core.matching import matches
from hubman.core.query import parse_query
from hubman.core.search_text import fold
from hubman.errors import UsageError
from hubman.store.search import hit_ids

NOW = 1_700_000_000_000_000_000

# Letters that fold, join or mean something to FTS5, LIKE, GLOB or our own grammar; emoji; NUL; half a surrogate pair.
PIECES = st.sampled_from([
    *"ab水墨山の -:\"_%'*^+(){}\\?[].,",
    *("ß", "İ", "ı", "ﬁ", "Ａ", "ａ", "é", "e\u0301", "ς", "Σ", "ﾊﾟ", "㎏", "한", "ᄒ", "Ꭰ", "ꭰ", "👩\u200d🎨", "🎨"),
    *("\0", "\ufffe", "\uffff", "\ufffd", "\U0010ffff", "\udce9", "\u200d", "\u3000", "\x1f", "\x85"),
    *("AND", "OR", "NOT", "NEAR", "水墨", "ink", "lora"),
])  # fmt: skip
TEXT = st.lists(PIECES, max_size=7).map("".join)
LIST = st.lists(TEXT, max_size=3).map(tuple)
LINEAGES = st.sampled_from([None, "pony", "illustrious"])
BASES = st.lists(st.sampled_from(["wan-2.1", "wan", "wander", "flux1", "sd3-medium", "sdxl"]), max_size=2, unique=True)
ROW = st.builds(
    Row, name=TEXT, words=LIST, tags=LIST, author=TEXT, body=TEXT, own_tags=LIST, note=TEXT, path=TEXT,
    kind=st.sampled_from(["lora", "vae"]), lineage=LINEAGES, bases=BASES.map(tuple), size=st.integers(0, 300),
    added=st.integers(NOW - 10**15, NOW), favourite=st.booleans(), rating=st.sampled_from([None, 1, 3, 5]),
    present=st.booleans(), safety=st.sampled_from(["safe", "unsafe", "suspicious", "not-applicable"]),
    error=st.booleans(), verdict=st.sampled_from([None, "ok", "weak", "no-effect"]),
    hub_tags=LIST, hub_author=TEXT, hub_body=TEXT, newer=st.booleans(), gone=st.booleans(), deleted=st.booleans(),
    nsfw=st.sampled_from([None, 0, 1, 2, 3]), pinned=st.booleans(), hub_preview=st.booleans(),
    hubs=st.sampled_from([(), ("civitai",), ("huggingface",), ("civitai", "civarchive")]),
)  # fmt: skip
FIELD = st.sampled_from(["", "", "", "tag:", "author:", "name:", "trigger:", "note:", "path:", "-", "-tag:", "-name:"])
PLAIN = st.sampled_from([
    "type:lora", "-type:lora", "kind:vae", "base:wan", "-base:wan", "base:flux", "base:sd3", "lineage:pony",
    "-lineage:Pony", "is:fav", "-is:fav", "rating:>=3", "rating:5", "-rating:<4", "has:note", "-has:note", "has:rating",
    "has:trigger", "is:missing", "-is:missing", "is:ok", "-is:ok", "is:failed", "is:unvalidated", "is:broken",
    "is:unsafe", "has:verdict", "size:>100", "size:<=100", "added:<7d", "-added:<3d", "sort:name", "sort:-size",
    "has:hub", "-has:hub", "hub:civitai", "-hub:Civitai", "hub:hf",
    "is:outdated", "-is:outdated", "is:gone", "-is:gone",
    "is:pinned", "-is:pinned", "is:nsfw", "-is:nsfw", "has:preview", "-has:preview", "has:hash",
    "sort:rating", "sort:-rating", "sort:-added", "sort:type", "sort:base", "sort:-relevance",
])  # fmt: skip


@st.composite
def queries(draw: st.DrawFn, library: list[Row]) -> str:
    """A query of pieces of what is there, or of anything."""
    parts = draw(st.lists(PLAIN, max_size=2))
    for _ in range(draw(st.integers(0, 3))):
        word = draw(TEXT)
        if library and draw(st.booleans()):
            text = draw(st.sampled_from([text for row in library for text in (*row.texts, *row.hub_texts, row.path)]))
            start = draw(st.integers(0, len(text)))
            word = text[start : start + draw(st.integers(1, 6))]
        quote = draw(st.sampled_from(["", '"']))
        parts.append(f"{draw(FIELD)}{quote}{word}{quote}")
    return " ".join(parts)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), library=st.lists(ROW, max_size=4))
def test_sql_and_memory_agree(rows: Rows, data: st.DataObject, library: list[Row]) -> None:
    """For any rows and any query: the index only narrows, and ranking loses nothing."""
    rows.write(library)
    for _ in range(4):
        text = data.draw(queries(library))
        try:
            query = parse_query(text, NOW)
        except UsageError:
            continue
        asked_for_missing = any(term.field == "is" and term.value == "missing" for term in query.terms)
        wanted = {
            number
            for number, row in enumerate(library, 1)
            if matches(query, row.searchable) and (row.present or asked_for_missing)
        }
        total, found = hit_ids(rows.reader._ask, query)
        assert (set(found), total, len(found)) == (wanted, len(wanted), len(wanted)), text
        assert hit_ids(rows.reader._ask, query, 2) == (total, found[:2])


@pytest.mark.parametrize("length", [2, 3, 64, 65, 66, 67, 500, 5000])
def test_words_of_any_length(rows: Rows, length: int) -> None:
    """Longer than the index' questions, and longer than SQLite's patterns may be."""
    word = "".join(itertools.islice(itertools.cycle("水墨山abc'\""), length)).strip('"')
    rows.write([Row(body=f"xx{word}yy"), Row(body=f"xx{word[:-1]}"), Row(body=word[1:])])
    assert rows.reader.search(parse_query(f"note:{word}", NOW))[0] == 0
    assert hit_ids(rows.reader._ask, parse_query(f'"{fold(word)}"' if '"' not in word else word, NOW))[1] == [1]


def test_a_word_at_the_end_of_every_text(rows: Rows) -> None:
    """One, two and three characters, last of a part, last of a text, last of all."""
    word = "墨山水"
    places = [
        Row(name=word), Row(words=(word,)), Row(words=("x", word)), Row(tags=(word, "y")), Row(author=word),
        Row(body=word), Row(own_tags=(word,)), Row(note=word), Row(note="x" + word),
    ]  # fmt: skip
    rows.write(places)
    for length in (1, 2, 3):
        assert rows.reader.search(parse_query(word[-length:], NOW))[0] == len(places)


def test_texts_that_change_are_found_as_they_are_now(rows: Rows) -> None:
    """The triggers keep the index in step; FTS5's own check compares it with the texts."""
    rows.write([Row(name="水墨山水"), Row(name="ink")])
    rows.connection.execute("UPDATE search SET name = '敦煌飞天', note = '山水' WHERE file_id = 1")
    rows.connection.execute("DELETE FROM search WHERE file_id = 2")
    rows.connection.execute("INSERT INTO search_fts(search_fts, rank) VALUES ('integrity-check', 1)")
    for text, total in (("水墨", 0), ("敦煌", 1), ("飞天", 1), ("山水", 1), ("ink", 0), ("水", 1)):
        assert hit_ids(rows.reader._ask, parse_query(text, NOW))[0] == total, text
