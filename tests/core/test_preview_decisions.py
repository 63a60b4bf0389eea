"""What a preview shows, how large, at which weight and seed, and what its file says: decided without a renderer."""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hubman.config import load
from hubman.core.hub import RemoteImage
from hubman.core.measured import measured_weights, measured_words
from hubman.core.plan.examples import Example, choose_example, images_in_sidecar, noted_prompt
from hubman.core.plan.explicit import is_explicit, is_refused, with_negative, without_explicit
from hubman.core.plan.median_seed import median_seed
from hubman.core.plan.preview_prompt import PreviewWords, is_style, preview_prompt
from hubman.core.plan.render import BasePlan, PromptPair, Sampling
from hubman.core.plan.training_size import preview_size, trained_size
from hubman.core.png_text import own_record, read_texts, with_texts
from hubman.core.recipe import Recipe, Used, parameters
from hubman.core.types import Facts, Kind
from hubman.errors import UsageError

TAGS = (("shuimo", 90), ("1girl", 80), ("nude", 70), ("long_hair", 60), ("best quality", 50), ("smile", 9))
LORA = PreviewWords(Kind.LORA, Facts(Kind.LORA, tags=TAGS), ("shuimo",))


# --- nothing explicit unasked ---


@pytest.mark.parametrize(
    "text",
    [
        "nude", "1girl, completely_nude, smile", "NSFW", "rating:explicit", "sex_toy", "(spread legs:1.2)", "全裸少女",
        "一个裸体的人", "r-18", "blowjob", "guro", "no_panties",
    ],
)  # fmt: skip
def test_explicit_words_are_known(text: str) -> None:
    assert is_explicit(text)


@pytest.mark.parametrize(
    "text",
    [
        "a cockpit", "Essex in the evening", "peacock feathers", "class analysis", "nudibranch", "cucumber", "assassin",
        "a Sussex cottage", "therapist", "水墨山水", "1girl, long hair", "grapes", "cumulus clouds", "",
    ],
)  # fmt: skip
def test_words_that_only_hold_one_are_not(text: str) -> None:
    assert not is_explicit(text)


@pytest.mark.parametrize(("text", "refused"), [
    ("loli", True), ("a child, nude", True), ("正太控", True), ("小女孩, 裸体", True), ("schoolgirl", False),
    ("nude woman", False), ("a child with a kite", False),
])  # fmt: skip
def test_a_sexualised_minor_is_never_drawn(text: str, refused: bool) -> None:
    assert is_refused(text) is refused
    kept, left_out = without_explicit([part.strip() for part in text.split(",")], allowed=True)
    assert bool(left_out) is refused
    assert not refused or not is_explicit(", ".join(kept))


@pytest.mark.parametrize(("toml", "variable", "allowed"), [
    ("", "", False), ("[preview]\nexplicit = true", "", True), ("preview.explicit = true", "0", False), ("", "1", True),
])  # fmt: skip
def test_the_user_may_allow_it(tmp_path: Path, toml: str, variable: str, allowed: bool) -> None:
    (tmp_path / "config.toml").write_text(toml)
    assert load({"HUBMAN_EXPLICIT": variable}, home=str(tmp_path)).explicit is allowed
    (tmp_path / "config.toml").write_text("preview = 7")
    with pytest.raises(UsageError):
        load({}, home=str(tmp_path))


def test_previews_say_nsfw_in_the_negative_prompt_once() -> None:
    assert with_negative("") == "nsfw, nude, nudity"
    assert with_negative("blurry, NSFW,") == "blurry, NSFW, nude, nudity"
    assert with_negative("blurry", allowed=True) == "blurry"


# --- the prompt, in its order ---


def shown(**known: Any) -> tuple[str, str]:
    explicit = known.pop("explicit", False)
    fields = {name: getattr(LORA, name) for name in LORA.__slots__} | known
    found = preview_prompt(PreviewWords(**fields), explicit=explicit)
    return found.source, found.pair.positive


EXAMPLE = Example("shuimo, a boat on a river", "photo")


def test_the_user_then_the_note_then_the_hub_then_tags_then_a_template() -> None:
    """Each is taken away in turn; the adapter's word is in all of them."""
    every: dict[str, Any] = {"given": "a red bridge", "noted": "a tall tree", "example": EXAMPLE}
    assert shown(**every) == ("given", "a red bridge, shuimo")
    assert shown(**{**every, "given": None}) == ("note", "a tall tree, shuimo")
    assert shown(**{**every, "given": None, "noted": None}) == ("hub-example", "shuimo, a boat on a river")
    assert shown() == ("training-tags", "shuimo, 1girl, long hair, smile")
    assert shown(facts=Facts(Kind.LORA)) == ("template", "shuimo, plain background")
    assert shown(facts=Facts(Kind.LORA), labels=("ink_style_xl",))[1].startswith("shuimo, a small house by a lake")


def test_the_base_that_names_its_own_prompt_is_shown_it_with_the_word() -> None:
    base = {"hubman.sample_prompt": "a red circle", "hubman.embedding_prompt": "a {word} on blue"}
    assert shown(base=base) == ("base", "a red circle, shuimo")
    star = preview_prompt(PreviewWords(Kind.EMBEDDING, Facts(Kind.EMBEDDING), ("goldstar",), base=base))
    assert (star.source, star.pair.positive) == ("base", "a goldstar on blue")


def test_an_embedding_stands_where_it_belongs() -> None:
    thing = preview_prompt(PreviewWords(Kind.EMBEDDING, Facts(Kind.EMBEDDING), ("zz(2)",)))
    assert thing.pair.positive == r"a photo of zz\(2\)"
    bad = preview_prompt(PreviewWords(Kind.EMBEDDING, Facts(Kind.EMBEDDING), ("badhand",), in_negative=True))
    assert "badhand" not in bad.pair.positive
    assert bad.pair.negative == "badhand, nsfw, nude, nudity"


def test_explicit_tags_words_and_examples_are_left_out_and_said() -> None:
    found = preview_prompt(PreviewWords(Kind.LORA, Facts(Kind.LORA), ("nude", "shuimo")))
    assert (found.pair.positive, found.left_out) == ("shuimo, plain background", ("nude",))
    assert "nude" in shown(explicit=True)[1]
    assert shown(noted="a naked man")[0] == "training-tags"


def test_who_types_it_has_asked_for_it_but_not_for_everything() -> None:
    asked = preview_prompt(PreviewWords(Kind.LORA, Facts(Kind.LORA), ("x",), given="a nude statue"))
    assert (asked.pair.positive, asked.pair.negative) == ("a nude statue, x", "")
    with pytest.raises(UsageError) as refused:
        preview_prompt(PreviewWords(Kind.LORA, Facts(Kind.LORA), ("x",), given="nude child"))
    assert refused.value.reference == "prompt-refused"


@pytest.mark.parametrize(("label", "style"), [
    ("ink_style_v2", True), ("国画风格", True), ("水墨山水", True), ("watercolor painting", True),
    ("lifestyles", False), ("soraka", False), ("red_car", False),
])  # fmt: skip
def test_a_style_is_told_by_its_words(label: str, style: bool) -> None:
    assert is_style([label]) is style


# --- a hub's example ---


def picked(*images: RemoteImage, level: int | None = None, explicit: bool = False) -> str | None:
    found = choose_example([(image, level) for image in images], ["ink"], ["shuimo"], Kind.LORA, explicit=explicit)
    return found.prompt if found else None


def picture(prompt: str | None, nsfw: int | None = 0, negative: str = "") -> RemoteImage:
    return RemoteImage("https://x", 832, 1216, nsfw, prompt=prompt, negative=negative)


def test_the_example_that_names_this_adapter_and_no_other_is_followed() -> None:
    other, own = "<lora:else:1>, a dog, shuimo", "<lora:Ink:0.7>, shuimo, a boat"
    both = "<lora:ink:0.7><lora:more:1> shuimo, a fox"
    assert picked(picture(other), picture(both), picture(own)) == "shuimo, a boat"
    assert picked(picture(other), picture(both)) == "shuimo, a fox"
    assert picked(picture(other)) == "a dog, shuimo"
    assert picked(picture(None), picture("  ")) is None


@pytest.mark.parametrize(("level", "listing", "taken"), [
    (0, None, True), (1, 3, True), (2, 0, False), (3, None, False), (None, 2, False), (None, 1, True),
    (None, None, True),
])  # fmt: skip
def test_only_a_picture_that_anybody_may_see_is_followed(level: int | None, listing: int | None, taken: bool) -> None:
    assert (picked(picture("shuimo, a boat", level), level=listing) is not None) is taken
    assert picked(picture("shuimo, a boat", level), level=listing, explicit=True) == "shuimo, a boat"


def test_its_words_are_judged_whatever_its_level_says() -> None:
    assert picked(picture("shuimo, completely nude")) is None
    assert picked(picture("shuimo, completely nude", 3), explicit=True) == "shuimo, completely nude"
    assert picked(picture("loli, shuimo", 3), explicit=True) is None
    rated, unrated = picture("shuimo, rated", 1), picture("shuimo, unrated", None)
    assert picked(unrated, rated) == "shuimo, rated"


def test_what_is_no_text_for_the_renderer_goes() -> None:
    text = (
        "shuimo, embedding:easynegative, (embedding:bad:1.2), __color__ hat, {red|blue} bird,,\n  a <hypernet:x:1> lake"
    )
    assert picked(picture(text)) == "shuimo, hat, bird, a lake"


def test_examples_beside_the_model() -> None:
    """Civitai-Helper's card and Lora-Manager's; odd fields count as missing."""
    images = [
        {"meta": {"prompt": "a boat", "negativePrompt": "blur"}, "nsfwLevel": 1, "width": 512, "height": 768},
        {"meta": {"prompt": "x"}, "nsfw": "X"}, {"meta": {"prompt": 7}}, {"meta": None}, 5, {"nsfw": True},
    ]  # fmt: skip
    found = images_in_sidecar({"images": images})
    assert found == images_in_sidecar({"civitai": {"images": images}})
    assert [(entry.prompt, entry.nsfw, entry.width) for entry in found] == [("a boat", 0, 512), ("x", 3, None)]
    assert images_in_sidecar({"images": "none"}) == []


def test_a_note_may_state_the_prompt() -> None:
    assert noted_prompt(["nice one\nPreview prompt: a red fox, <lora:ink:1>\nweight 0.6"]) == "a red fox"
    assert noted_prompt([None, "预览提示词：山水，小船"]) == "山水，小船"
    assert noted_prompt(["no prompt here", 7]) is None


# --- size ---


def buckets(**counts: int) -> str:
    sizes = {key: {"resolution": [int(n) for n in key[1:].split("x")], "count": count} for key, count in counts.items()}
    return json.dumps({"buckets": sizes, "mean_img_ar_error": 0.01})


@pytest.mark.parametrize(("metadata", "expected"), [
    ({"ss_bucket_info": buckets(b640x896=9, b576x960=2), "ss_resolution": "768"}, ((640, 896), "ss_bucket_info")),
    ({"ss_bucket_info": "null", "ss_resolution": "(713, 891)"}, ((713, 891), "ss_resolution")),
    ({"ss_resolution": "512,512"}, ((512, 512), "ss_resolution")),
    ({"ss_resolution": "768"}, ((768, 768), "ss_resolution")),
    ({"modelspec.resolution": "1024x1024"}, ((1024, 1024), "modelspec.resolution")),
    ({"ss_datasets": json.dumps([{"bucket_info": json.loads(buckets(b512x768=3))}])}, ((512, 768), "ss_bucket_info")),
    ({"ss_bucket_info": '{"buckets": [1]}', "ss_resolution": "None"}, None),
    ({"ss_bucket_info": "{", "ss_datasets": "[" * 3000}, None),
    ({}, None),
], ids=range(9))  # fmt: skip
def test_the_size_that_it_was_trained_at(metadata: Mapping[str, str], expected: object) -> None:
    assert trained_size(metadata) == expected


def test_the_commonest_bucket_of_real_files() -> None:
    """smart_falcon of the corpus: 396 pictures of 640 x 896, a portrait, on a base of 512."""
    found = trained_size({"ss_bucket_info": buckets(b640x896=396, b576x960=204, b768x768=36)})
    assert found is not None
    assert preview_size(found[0], (512, 512)) == (448, 576)


@pytest.mark.parametrize(("trained", "native", "expected"), [
    (None, (512, 512), (512, 512)),
    ((512, 768), (512, 512), (448, 576)),
    ((512, 512), (1024, 1024), (512, 512)),
    ((256, 256), (1024, 1024), (512, 512)),
    ((1024, 1024), (512, 512), (512, 512)),
    ((832, 1216), (1024, 1024), (832, 1216)),
    ((768, 512), (768, 768), (768, 512)),
    ((64, 64), (64, 64), (64, 64)),
    ((512, 512), (64, 64), (64, 64)),
    ((100, 4000), (512, 512), (384, 640)),
], ids=str)  # fmt: skip
def test_the_size_of_a_preview(trained: tuple[int, int] | None, native: tuple[int, int], expected: object) -> None:
    size = preview_size(trained, native)
    assert size == expected
    assert size[0] * size[1] <= native[0] * native[1]
    step = 64 if native[0] >= 512 else 8
    assert size[0] % step == size[1] % step == 0


def test_the_seed_that_changed_like_the_median() -> None:
    assert [median_seed(changes) for changes in ([3.0], [9.0, 1.0], [1.0, 9.0, 5.0], [2.0, 2.0, 2.0])] == [0, 1, 2, 0]


# --- the file ---


def tiny_png() -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("parameters", "somebody else's")
    info.add_itxt("Comment", "旧", zip=True)
    stream = io.BytesIO()
    Image.new("RGB", (4, 3), (10, 200, 30)).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def test_pillow_reads_what_is_written_and_the_pixels_stay() -> None:
    pytest.importorskip("PIL")
    from PIL import Image

    before = tiny_png()
    assert read_texts(before) == {"parameters": "somebody else's", "Comment": "旧"}
    data = with_texts(before, {"parameters": "<lora:水墨:0.6>, a\nSteps: 4"}, {"weight": 0.6})
    with Image.open(io.BytesIO(data)) as picture, Image.open(io.BytesIO(before)) as old:
        assert picture.text["parameters"] == "<lora:水墨:0.6>, a\nSteps: 4"
        assert set(picture.text) == {"parameters", "hubman"}
        assert picture.tobytes() == old.tobytes()
    assert (own_record(data) or {})["weight"] == 0.6


def test_any_changed_byte_breaks_the_seal() -> None:
    pytest.importorskip("PIL")
    data = with_texts(tiny_png(), {"parameters": "a"}, {"weight": 0.6})
    assert own_record(data) is not None
    assert own_record(tiny_png()) is None
    other = data.replace(b"parameters\0a", b"parameters\0b")  # an editor that writes a right checksum
    start = other.index(b"tEXtparameters")
    (length,) = (int.from_bytes(other[start - 4 : start], "big"),)
    crc = zlib.crc32(other[start : start + 4 + length]).to_bytes(4, "big")
    other = other[: start + 4 + length] + crc + other[start + 8 + length :]
    assert read_texts(other)["parameters"] == "b"
    assert own_record(other) is None
    for cut in (0, 8, 40, len(data) - 1):
        assert own_record(data[:cut]) is None


def a1111(text: str) -> dict[str, str]:
    """Read the last line as the WebUI's users know it: `Key: value` parted by commas, quoted values whole."""
    pairs = re.findall(r'([\w ]+): ("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)', text.splitlines()[-1])
    return {key: json.loads(value) if value.startswith('"') else value for key, value in pairs}


def test_the_recipe_is_read_as_a1111_reads_it() -> None:
    base = BasePlan("/x", "dream, shaper: 8", "ab" * 32)
    used = (Used(Kind.LORA, "ink: v2", 0.65, "1234567890abcdef"), Used(Kind.EMBEDDING, "zz", 1.0, "f" * 64))
    sampling = Sampling(steps=20, cfg=7.0, sampler="dpmpp_2m_karras", clip_skip=2)
    text = parameters(Recipe(PromptPair("a boat, zz", "blur"), sampling, 7, (512, 768), base, used))
    lines = text.splitlines()
    assert lines[:2] == ["<lora:ink: v2:0.65>, a boat, zz", "Negative prompt: blur"]
    assert a1111(text) == {
        "Steps": "20", "Sampler": "DPM++ 2M Karras", "CFG scale": "7", "Seed": "7", "Size": "512x768",
        "Model hash": "ababababab", "Model": "dream, shaper: 8", "Clip skip": "2",
        "Lora hashes": "ink: v2: 1234567890ab", "TI hashes": f"zz: {'f' * 12}", "RNG": "CPU", "Version": "hubman",
    }  # fmt: skip


# --- what was measured ---


def verdict(base: str, weight: float | None, **more: Any) -> dict[str, Any]:
    found = None if weight is None else {"weight": weight, "range": [0.4, 1.1], "prompt_kept": 0.9, "burns_from": 1.2}
    return {"verdict": "ok", "base": {"name": base, "sha256": base[0] * 64}, "weight": found, **more}


def test_a_weight_for_each_checkpoint_the_latest_first() -> None:
    found = measured_weights([verdict("a", 0.8), verdict("b", None), verdict("c", 0.5), verdict("a", 0.1), {}])
    assert [(entry.base, entry.weight, entry.burns_from) for entry in found] == [("a", 0.8, 1.2), ("c", 0.5, 1.2)]
    assert found[0].to_json() == {
        "base": "a", "sha256": "a" * 64, "weight": 0.8, "range": [0.4, 1.1], "burns_from": 1.2, "prompt_kept": 0.9,
    }  # fmt: skip


def test_a_word_that_wakes_it_anywhere_is_a_trigger_word() -> None:
    words = [{"text": "Shui_Mo", "wakes": False}, {"text": "x", "wakes": False}, {"text": "y", "wakes": None}]
    first = verdict("a", 0.8, trigger={"words": words})
    second = verdict("b", 0.8, trigger={"words": [{"text": "shui mo", "wakes": True}, "old form"]})
    assert measured_words([first, second]) == {"shui mo": True, "x": False}
