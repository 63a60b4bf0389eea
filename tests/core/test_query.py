"""core.query: the grammar, and the equality of SQL and in-memory truth."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubman.core.matching import Searchable, matches
from hubman.core.query import (
    LARGEST,
    MOST_TERMS,
    Operator,
    Query,
    Term,
    parse_query,
    query_text,
    replaced,
)
from hubman.errors import UsageError

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


def test_what_the_user_said() -> None:
    """Favourites, ratings and notes have their words; `kind:` is another name of `type:`."""
    assert one("rating:>=4") == Term("rating", Operator.AT_LEAST, 4)
    assert one("is:fav") == Term("is", Operator.EQUALS, "fav")
    assert one("lineage:Pony") == Term("lineage", Operator.EQUALS, "pony")
    assert one("kind:lora") == one("type:lora")


def test_a_query_has_an_end() -> None:
    """SQLite's expressions may be 1000 deep: more conditions than anybody types are refused in words."""
    parse_query("a " * MOST_TERMS, NOW)
    with pytest.raises(UsageError, match="conditions"):
        parse_query("a " * (MOST_TERMS + 1), NOW)


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ('shuimp -shuimp tag:shuimp SHUIMP "shuimp" ink', 'shuimo -shuimp tag:shuimp shuimo "shuimo" ink'),
        ("shuimpx", "shuimpx"),
        ("ｓｈｕｉｍｐ sort:name", "shuimo sort:name"),
    ],
)
def test_one_word_of_a_query_is_written_anew(text: str, better: str) -> None:
    """Fields, exclusions and the other words stay as they were typed."""
    assert replaced(text, "shuimp", "shuimo") == better


def test_sorting() -> None:
    """`sort:` orders, a minus turns it round."""
    assert parse_query("ink sort:-added", NOW) == Query((Term("text", Operator.CONTAINS, "ink"),), "added", True)


@pytest.mark.parametrize(
    "text",
    [
        "nope:1",
        "size:big",
        "rating:good",
        "rating:>4.5",
        "rating:4mb",
        "added:<7q",
        "has:nothing",
        "is:pretty",
        "sort:beauty",
    ],
)
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


@pytest.mark.parametrize("digits", [20, 400, 5000])
def test_no_number_is_too_large(digits: int) -> None:
    """Beyond what the database can hold, a comparison means the same as at its limit."""
    huge = "9" * digits
    assert one(f"size:>{huge}tb").value == LARGEST
    assert not matches(parse_query(f"size:>{huge}", NOW), Searchable("", "", columns={"size": 5}))
    assert matches(parse_query(f"added:<{huge}y", NOW), Searchable("", "", columns={"added": NOW}))
    for text in (f"size:<{huge}.{huge}tb", f"added:<{huge}y", f"added:>{huge}h", f"rating:<{huge}"):
        assert abs(int(one(text).value)) <= LARGEST + NOW


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
        "ink",
        "shuimo",
        "style\nnature",
        "mei",
        "thanks to bob, not a photo",
        "keeper",
        "for posters",
        {"path": "Lora/ＡBC/Über.pt"},
    )
    for text in (
        "author:mei",
        "tag:nature",
        "path:abc/über",
        "path:ÜBER",
        "-author:bob",
        "-tag:photo",
        "bob",
        "photo",
        "tag:keep",
        "note:poster",
        "posters",
        "keeper",
    ):
        assert matches(parse_query(text, NOW), row), text
    for text in ("author:bob", "tag:photo", "tag:mei", "author:style", "note:bob", "trigger:keep"):
        assert not matches(parse_query(text, NOW), row), text


@given(st.text(max_size=40))
def test_any_text_is_a_query_or_a_clear_error(text: str) -> None:
    """Nothing a user can type crashes the parser."""
    with contextlib.suppress(UsageError):
        assert isinstance(parse_query(text, NOW), Query)
