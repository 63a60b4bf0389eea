"""The WebUI's prompt language, read and written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubman.core.prompt import (
    AdapterTag,
    PromptAdapter,
    PromptStyle,
    Span,
    build_prompt,
    embedding_word,
    extract_tags,
    format_spans,
    format_weight,
    full_width_brackets,
    hypernet_tag,
    lora_tag,
    other_tags,
    parse_spans,
    split_words,
)
from hubman.core.types import Kind


def flat(text: str) -> list[tuple[str, float]]:
    return [(span.text, round(span.weight, 4)) for segment in parse_spans(text) for span in segment]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("a (red) cat", [("a ", 1.0), ("red", 1.1), (" cat", 1.0)]),
        ("a [red] cat", [("a ", 1.0), ("red", 0.9091), (" cat", 1.0)]),
        ("((red))", [("red", 1.21)]),
        ("(red:1.3)", [("red", 1.3)]),
        ("(red: 1.3 )", [("red", 1.3)]),
        ("(red:.5)", [("red", 0.5)]),
        ("(a (b:2) c:1.5)", [("a ", 1.5), ("b", 3.0), (" c", 1.5)]),
        ("(([a]))", [("a", 1.1)]),
        (r"\(literal\)", [("(literal)", 1.0)]),
        (r"(a \(b\):1.2)", [("a (b)", 1.2)]),
        (r"back\\slash", [("back\\slash", 1.0)]),
        ("(open", [("open", 1.1)]),
        ("((open", [("open", 1.21)]),
        ("[open", [("open", 0.9091)]),
        ("closed)", [("closed)", 1.0)]),
        ("closed]", [("closed]", 1.0)]),
        ("time 12:30", [("time 12:30", 1.0)]),
        ("no bracket :1.2)", [("no bracket :1.2)", 1.0)]),
        ("(word:big)", [("word:big", 1.1)]),
        ("", []),
        ("水墨，(山:1.2)", [("水墨，", 1.0), ("山", 1.2)]),
        ("(red:-1)", [("red", -1.0)]),
        ("(red:+1.5)", [("red", 1.5)]),
        ("(red:0)", [("red", 0.0)]),
        ("(red:2.)", [("red", 2.0)]),
        ("(red:99)", [("red", 99.0)]),
        ("(red:1.2.3)", [("red:1.2.3", 1.1)]),
        ("((a:2):3)", [("a", 6.0)]),
        ("([a:1.5])", [("a:1.5", 1.0)]),
        ("(a [b) c", [("a ", 1.1), ("b", 1.0), (" c", 0.9091)]),
        ("a\\b", [("ab", 1.0)]),
        (r"(a\:1.2)", [("a", 1.2)]),
        ("（红:1.2）", [("（红:1.2）", 1.0)]),
        ("(红：1.2)", [("红：1.2", 1.1)]),
    ],
)
def test_brackets_weigh_as_in_the_webui(text: str, spans: list[tuple[str, float]]) -> None:
    """Each pair of round brackets is x1.1, of square ones /1.1, a number replaces the 1.1."""
    assert flat(text) == spans


def test_break_starts_a_segment_and_keeps_weights() -> None:
    assert parse_spans("a BREAK b") == ((Span("a"),), (Span("b"),))
    assert parse_spans("(a BREAK b:1.5)") == ((Span("a", 1.5),), (Span("b", 1.5),))
    assert parse_spans("BREAKFAST") == ((Span("BREAKFAST"),),)
    assert parse_spans("BREAK") == ((), ())


@given(st.text())
@example("(:1.2)")
@example("(" * 200)
@example("\\")
def test_no_text_raises(text: str) -> None:
    """A prompt box takes anything."""
    assert parse_spans(text)
    clean, tags = extract_tags(text)
    assert len(clean) <= len(text)
    assert isinstance(tags, tuple)


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda text: "BREAK" not in text
)
weights = st.integers(-20_000, 30_000).map(lambda n: n / 10_000)


@given(st.lists(st.tuples(words, weights), max_size=6))
def test_spans_survive_writing_and_reading(parts: list[tuple[str, float]]) -> None:
    """format_spans writes what parse_spans reads, brackets and backslashes included."""
    merged: list[Span] = []
    for text, weight in parts:
        if merged and merged[-1].weight == weight:
            merged[-1] = Span(merged[-1].text + text, weight)
        else:
            merged.append(Span(text, weight))
    if "BREAK" in "".join(span.text for span in merged):
        return
    assert parse_spans(format_spans([tuple(merged)])) == (tuple(merged),)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<lora:ink:0.6>", AdapterTag(Kind.LORA, "ink", 0.6, 0.6)),
        ("<lora:ink>", AdapterTag(Kind.LORA, "ink")),
        ("<lora:水墨 山水_v2.1:0.6>", AdapterTag(Kind.LORA, "水墨 山水_v2.1", 0.6, 0.6)),
        ("<lora:ink:0.3:0.8>", AdapterTag(Kind.LORA, "ink", unet=0.8, te=0.3)),
        ("<lora:ink:te=0.3:unet=0.8>", AdapterTag(Kind.LORA, "ink", unet=0.8, te=0.3)),
        ("<lora:ink:0.5:unet=0.8>", AdapterTag(Kind.LORA, "ink", unet=0.8, te=0.5)),
        ("<lora:ink:abc>", AdapterTag(Kind.LORA, "ink")),
        ("<lora:ink:nan>", AdapterTag(Kind.LORA, "ink")),
        ("<lora:ink:.5>", AdapterTag(Kind.LORA, "ink", 0.5, 0.5)),
        ("<lora:ink:-1>", AdapterTag(Kind.LORA, "ink", -1.0, -1.0)),
        ("<lora:ink:te=0>", AdapterTag(Kind.LORA, "ink", unet=0.0, te=0.0)),
        ("<lora:ink:unet=0.2>", AdapterTag(Kind.LORA, "ink", unet=0.2, te=1.0)),
        ("<lora:ink:0.5:0.6:8>", AdapterTag(Kind.LORA, "ink", unet=0.6, te=0.5, dyn=8)),
        ("<lora:ink:0.5:dyn=8>", AdapterTag(Kind.LORA, "ink", unet=0.5, te=0.5, dyn=8)),
        ("<lora:a=b:0.5>", AdapterTag(Kind.LORA, "a=b", 0.5, 0.5)),
        ("<lyco:ink:2>", AdapterTag(Kind.LORA, "ink", 2.0, 2.0)),
        ("<hypernet:night fall:0.8>", AdapterTag(Kind.HYPERNETWORK, "night fall", 0.8, 0.8)),
    ],
)
def test_tags_are_taken_out_of_the_text(text: str, tag: AdapterTag) -> None:
    assert extract_tags(f"a cat {text}, dog") == ("a cat , dog", (tag,))


def test_what_a_tag_says_that_is_no_weight_is_kept() -> None:
    """The WebUI fails on it in its log; who renders says so."""
    (tag,) = extract_tags("<lora:ink:abc:0.5:1:x:lbw=MIDD>")[1]
    assert set(tag.unread) == {"abc", "x", "lbw=MIDD"}
    assert extract_tags("<lora:ink:0.5>")[1][0].unread == ()


def test_tags_of_other_kinds_are_told() -> None:
    assert other_tags("a <Lora:x:1> <lora:y:1> <segment:2> <3 a<b") == ("<Lora:x:1>", "<segment:2>")


@pytest.mark.parametrize(
    ("text", "typed"),
    [("（红：1.2）", True), ("(红：1.2）", True), ("【红】", True), ("水墨，山（", False), ("(红:1.2)", False)],
)
def test_full_width_brackets_are_noticed(text: str, typed: bool) -> None:
    """They are plain text in the WebUI, and a Chinese keyboard types them."""
    assert full_width_brackets(text) is typed


def test_other_angle_brackets_stay() -> None:
    text = "<3 <lora:> <zz> a<b <unknown:x:1>"
    assert extract_tags(text) == (text, ())


stems = st.text(st.characters(codec="utf-8", exclude_characters="<>:"), min_size=1, max_size=20).filter(
    lambda stem: stem.strip() and "=" not in stem
)


@given(stems, weights)
def test_a_written_tag_is_read_back(stem: str, weight: float) -> None:
    assert extract_tags(lora_tag(stem, weight)) == ("", (AdapterTag(Kind.LORA, stem, weight, weight),))
    assert extract_tags(hypernet_tag(stem, weight)) == ("", (AdapterTag(Kind.HYPERNETWORK, stem, weight, weight),))


@given(stems, weights, weights)
def test_separate_text_encoder_weights_are_read_back(stem: str, unet: float, te: float) -> None:
    assert extract_tags(lora_tag(stem, unet, te))[1] == (AdapterTag(Kind.LORA, stem, unet, te),)


@pytest.mark.parametrize(("weight", "text"), [(1.0, "1"), (0.6, "0.6"), (0.60000001, "0.6"), (-0.0, "0"), (1e-9, "0")])
def test_weights_are_written_as_people_do(weight: float, text: str) -> None:
    assert format_weight(weight) == text


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("a fuzzy circle", ["zz"], []),
        ("a zz circle", ["zz"], ["zz"]),
        ("ZZ, zz", ["zz"], ["zz", "zz"]),
        ("zz", ["zz"], ["zz"]),
        ("zz_1", ["zz"], []),
        ("bad-hands-5, toy", ["bad-hands", "bad-hands-5"], ["bad-hands-5"]),
        ("easynegative,bad", ["bad", "easynegative"], ["easynegative", "bad"]),
        ("美丽水墨画", ["水墨"], ["水墨"]),
        ("一只goldstar在天上", ["goldstar"], ["goldstar"]),
        ("a.b", ["a.b"], ["a.b"]),
        ("axb", ["a.b"], []),
        ("nothing", [], []),
    ],
)
def test_embedding_names_match_whole_words(text: str, names: list[str], found: list[str]) -> None:
    """`zz` is not in `fuzzy`: the trap of embeddings that become tokens."""
    pieces = split_words(text, names)
    assert "".join(piece for piece, _ in pieces) == text
    assert [name for _, name in pieces if name is not None] == found


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=6), max_size=4))
def test_split_words_loses_nothing(text: str, names: list[str]) -> None:
    pieces = split_words(text, names)
    assert "".join(piece for piece, _ in pieces) == text
    assert all(name is None or name in names for _, name in pieces)


INK = PromptAdapter(Kind.LORA, "水墨山水_v2", 0.6, ("shuimo", "ink wash"))
STAR = PromptAdapter(Kind.EMBEDDING, "goldstar")
BAD = PromptAdapter(Kind.EMBEDDING, "bad (v2)", negative=True)
NIGHT = PromptAdapter(Kind.HYPERNETWORK, "nightfall", 0.8)


def test_a_prompt_for_the_webui_holds_everything() -> None:
    built = build_prompt([INK, STAR, BAD, NIGHT], "a mountain, shuimo", "photo")
    assert built.positive == "<lora:水墨山水_v2:0.6> <hypernet:nightfall:0.8>, ink wash, goldstar, a mountain, shuimo"
    assert built.negative == r"bad \(v2\), photo"
    assert built.adapters == ()


def test_a_prompt_for_comfyui_names_embeddings_and_leaves_loaders_to_nodes() -> None:
    built = build_prompt([INK, STAR, NIGHT], "a mountain", style=PromptStyle.COMFY)
    assert built.positive == "shuimo, ink wash, embedding:goldstar, a mountain"
    assert [note.split(":")[0] for note in built.notes] == ["LoraLoader", "HypernetworkLoader"]
    assert built.adapters == (INK, NIGHT)


def test_a_prompt_for_diffusers_has_plain_words() -> None:
    built = build_prompt([INK, STAR], "a mountain", style=PromptStyle.DIFFUSERS)
    assert built.positive == "shuimo, ink wash, goldstar, a mountain"
    assert built.adapters == (INK, STAR)


def test_an_emphasised_embedding_is_a_weighted_word() -> None:
    assert embedding_word("bad (v2)", 1.2) == r"(bad \(v2\):1.2)"
    assert embedding_word("bad", 1.2, PromptStyle.COMFY) == "(embedding:bad:1.2)"
    assert parse_spans(embedding_word("bad (v2)", 1.2)) == ((Span("bad (v2)", 1.2),),)


def test_an_empty_prompt_is_empty() -> None:
    assert build_prompt([]).positive == ""
