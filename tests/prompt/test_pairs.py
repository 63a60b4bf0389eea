"""core.plan.render.prompt_pairs: a word keeps its place."""

from __future__ import annotations

from hubman.core.plan.prompts import choose_prompt, prompt_pairs
from hubman.core.plan.render import PromptPair
from hubman.core.types import Facts, Kind


def test_a_word_that_the_prompt_holds_stays_where_it_is() -> None:
    """An embedding that stands for a thing is useless behind a comma."""
    prompt, source = choose_prompt(
        None, {"hubman.embedding_prompt": "a {word} on a table"}, Facts(Kind.EMBEDDING), ["star"], stands_for="star"
    )
    assert (prompt, source) == ("a star on a table", "base")
    _, triggered = prompt_pairs(Kind.EMBEDDING, prompt, "", ["star"], in_negative=False)
    assert triggered == PromptPair("a star on a table")


def test_an_embedding_without_a_template_is_the_thing_in_a_photo() -> None:
    """And the user's own prompt wins, with the word appended."""
    assert choose_prompt(None, {}, Facts(Kind.EMBEDDING), ["star"], stands_for="star")[0] == "a photo of star"
    prompt, _ = choose_prompt("a castle", {}, Facts(Kind.EMBEDDING), ["star"], stands_for="star")
    assert prompt_pairs(Kind.EMBEDDING, prompt, "", ["star"], in_negative=False)[1].positive == "a castle, star"


def test_a_trigger_word_is_taken_out_of_the_neutral_prompt_only() -> None:
    """Neutral without, triggered with, in place."""
    neutral, triggered = prompt_pairs(Kind.LORA, "a shuimo mountain", "", ["shuimo"], in_negative=False)
    assert neutral.positive.split() == ["a", "mountain"]
    assert triggered.positive == "a shuimo mountain"
