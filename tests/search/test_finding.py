"""Order of hits, recall, and what helps after no hit."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import Row, Rows

from hubman.app.suggesting import suggestions
from hubman.core.query import parse_query
from hubman.core.typo import near_words
from hubman.store.conditions import narrowing
from hubman.store.search import SHORT_LIMIT, hit_ids

NOW = 1_700_000_000_000_000_000
HAN = "水墨山云风月花雪江湖古剑仙侠龙凤青白玄紫霜夜星河"


def found(rows: Rows, text: str) -> list[int]:
    return hit_ids(rows.reader._ask, parse_query(text, NOW))[1]


def test_the_order_of_hits(rows: Rows) -> None:
    """Name before trigger words before the user's tags before other tags before the rest."""
    rows.write([
        Row(name="8", body="an ink drawing"), Row(name="7", tags=("ink",)), Row(name="6", own_tags=("ink",)),
        Row(name="5", words=("ink wash",)), Row(name="pinky"), Row(name="old_ink"), Row(name="ink_style"),
        Row(name="Ink"),
    ])  # fmt: skip
    assert found(rows, "ink") == [8, 7, 6, 5, 4, 3, 2, 1]
    assert found(rows, "ink sort:-relevance") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert hit_ids(rows.reader._ask, parse_query("ink", NOW), 3) == (8, [8, 7, 6])


def test_among_equals_what_the_user_likes_comes_first_then_the_newest(rows: Rows) -> None:
    """A favourite, then the better rating, then the file that came last; never by chance."""
    rows.write([
        Row(name="ink a"), Row(name="ink b", rating=2), Row(name="ink c", rating=5), Row(name="ink d", favourite=True),
        Row(name="ink e", favourite=True, rating=1), Row(name="ink f"),
    ])  # fmt: skip
    assert found(rows, "ink") == [5, 4, 3, 2, 6, 1]
    assert found(rows, "sort:-rating") == [3, 2, 5, 1, 4, 6]
    assert found(rows, "sort:rating") == [5, 2, 3, 1, 4, 6]


def test_every_word_counts(rows: Rows) -> None:
    """Two words in the name are better than one in the name and one in the description."""
    rows.write([Row(name="ink", body="wash"), Row(name="wash", body="ink"), Row(name="my wash of ink")])
    assert found(rows, "ink wash")[0] == 3


def test_recall_of_chinese_is_whole(rows: Rows) -> None:
    """Every piece of two, three and four characters of every text is found in exactly the files that have it."""
    chance = random.Random(7)
    library = [
        Row(
            name="".join(chance.choices(HAN, k=3)) + chance.choice(("_v2", "", "xl")),
            words=("".join(chance.choices(HAN, k=2)), "shuimo"),
            body="".join(chance.choices(HAN, k=30)),
            note="".join(chance.choices(HAN, k=4)),
        )
        for _ in range(150)
    ]
    rows.write(library)
    texts = ["\n".join(row.texts) for row in library]
    pieces = {
        part[at : at + length]
        for text in texts[:40]
        for part in text.split("\n")
        for length in (1, 2, 3, 4)
        for at in range(len(part) - length + 1)
    }
    for piece in pieces:
        wanted = {number for number, text in enumerate(texts, 1) if piece in text}
        assert set(found(rows, f'"{piece}"')) == wanted, piece


def test_short_words_use_the_index_until_it_costs_more_than_it_saves() -> None:
    """The plan: terms for three characters and more, beginnings of terms for rare short words, rows for the rest."""
    clauses = [clause for clause, _ in narrowing(["水墨", "山水画"], lambda word: True)]
    assert ["search_fts MATCH" in clauses[0], "search_fts_terms" in clauses[1]] == [True, True]
    assert narrowing(["in"], lambda word: False) == []
    assert len(narrowing(["xl", "shuimo"], lambda word: True)) == 1
    assert SHORT_LIMIT > 0


@pytest.fixture
def names(rows: Rows) -> Rows:
    """A library of a few names."""
    rows.write([
        Row(name="shuimo_v2", words=("watercolor wash",)), Row(name="水墨山水"), Row(name="neon_city"),
        Row(name="portrait", tags=("looking at viewer", "smile")), Row(name="paladin"), Row(name="敦煌飞天"),
    ])  # fmt: skip
    return rows


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("shiumo", "shuimo"), ("shumo", "shuimo"), ("shuiimo", "shuimo"), ("shuima", "shuimo"), ("SHUIMA", "shuimo"),
        ("wtercolor", "watercolor"), ("watercolr", "watercolor"), ("waterclor", "watercolor"), ("smlie", "smile"),
        ("paladinn", "paladin"), ("xpaladin", "paladin"), ("qaladin", "paladin"), ("apladin", "paladin"),
        ("水默山水", "水墨山水"), ("默墨山水", "水墨山水"), ("敦惶飞天", "敦煌飞天"), ("敦飞天", "敦煌飞天"),
        ("水山墨", "水墨山"),
        ('"looking at vewer"', '"looking at viewer"'), ("shiumo type:lora", "shuimo type:lora"),
        ("shiumo watercolr", "shuimo watercolor"),
    ],
)  # fmt: skip
def test_one_mistake_is_told(names: Rows, typed: str, meant: str) -> None:
    """Exchanged, missing, doubled, wrong: the query as it was probably meant is among the suggestions, and has hits."""
    assert found(names, typed) == []
    near = suggestions(names.reader, typed, NOW)
    assert meant in near
    assert all(found(names, text) for text in near)


@pytest.mark.parametrize(
    "typed", ["shuimo type:vae", "neon 水墨", "zzzzqqqq", "水默", "abc", "", "-shiumo", "tag:smlie", "a" * 3000]
)
def test_nothing_is_made_up(names: Rows, typed: str) -> None:
    """Words that occur, words that are near to nothing, and words too short or too long have no suggestion."""
    assert suggestions(names.reader, typed, NOW) == []


class InMemory:
    """The texts of a library as a list."""

    def __init__(self, texts: list[str]) -> None:
        self.text = "\n".join(texts)

    def occurs(self, text: str) -> bool:
        return text in self.text

    def files(self, text: str) -> int:
        return self.text.count(text)

    def between(self, before: str, after: str) -> set[str]:
        return {letter for letter in set(self.text) - {"\n"} if before[-2:] + letter + after[:2] in self.text}


@settings(max_examples=300)
@given(data=st.data(), word=st.text(st.sampled_from("abcdeghiklmnorstu"), min_size=5, max_size=12))
def test_any_one_mistake_is_undone(data: st.DataObject, word: str) -> None:
    """For any word and any mistake: the word is found again (unless the mistaken form occurs)."""
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcdexyz"))
    kind = data.draw(st.sampled_from(["missing", "added", "wrong", "exchanged"]))
    before, rest = word[:at], word[at:]
    typed = {
        "missing": before + rest[1:], "added": before + letter + rest, "wrong": before + letter + rest[1:],
        "exchanged": before + rest[1:2] + rest[:1] + rest[2:],
    }[kind]  # fmt: skip
    texts = InMemory(["paladin", word, "水墨"])
    if not texts.occurs(typed):
        assert word in near_words(typed, texts)
