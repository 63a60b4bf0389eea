"""Trigger words: the right ones of real training metadata, and none where there is none."""

from __future__ import annotations

import json

import pytest
from corpus import HERE

from hubman.core.general_words import is_general, is_sentence
from hubman.core.triggers import metadata_triggers, of_header, rank_triggers, split_words, tag_cloud
from hubman.core.types import Format, Header, Kind, Sidecar, TensorInfo, Trigger


def dump(name: str) -> dict[str, str]:
    return json.loads((HERE / name).read_text("utf-8"))["metadata"]


def texts(metadata: dict[str, str]) -> list[str]:
    return [trigger.text for trigger in metadata_triggers(metadata)]


def kohya(tags: dict[str, dict[str, int]], pictures: dict[str, int], **more: str) -> dict[str, str]:
    dirs = {name: {"n_repeats": 1, "img_count": count} for name, count in pictures.items()}
    return {"ss_tag_frequency": json.dumps(tags), "ss_dataset_dirs": json.dumps(dirs), **more}


def test_a_real_character_gives_its_name_and_nothing_else() -> None:
    metadata = dump("lycoris_smart_falcon_4_lokr.json")
    found = metadata_triggers(metadata)
    assert [(word.text, word.count) for word in found] == [(r"smart falcon \(umamusume\)", 130)]
    del metadata["ss_training_comment"]
    found = metadata_triggers(metadata)
    assert [(word.text, word.source) for word in found] == [(r"smart falcon \(umamusume\)", "training-tags")]


def test_a_real_style_without_trigger_gives_none_but_keeps_its_tags() -> None:
    metadata = dump("civitai_gen_seed_sdxl_lora.json")
    assert texts(metadata) == []
    assert tag_cloud(metadata)[:2] == (("1girl", 96), ("brown hair", 75))


def test_real_captions_in_sentences_give_none() -> None:
    assert texts(dump("koreandolllike_v1_sd1_caption_sentences.json")) == []


def test_a_real_character_whose_hair_is_on_every_picture_and_whose_comment_is_something_else() -> None:
    found = metadata_triggers(dump("deepghs_surtr_arknights_sd1_lycoris.json"))
    assert [(word.text, word.source, word.count) for word in found] == [("surtr (arknights)", "training-tags", 1358)]


def test_a_real_trigger_that_is_on_most_pictures_only() -> None:
    found = metadata_triggers(dump("kohya_soraka_classic_sd1.json"))
    assert [(word.text, word.count) for word in found] == [("soraka_classic", 38)]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"modelspec.trigger_phrase": "shuimo, ink wash painting"}, ["shuimo", "ink wash painting"]),
        ({"modelspec.trigger_phrase": "None"}, []),
        ({"ss_training_comment": "trigger: zbrstripe"}, ["zbrstripe"]),
        ({"ss_training_comment": 'Trigger words are "foo bar", baz'}, ["foo bar", "baz"]),
        ({"ss_training_comment": "activation word = xyz\nsecond line"}, ["xyz"]),
        ({"ss_training_comment": "触发词：水墨"}, ["水墨"]),
        ({"ss_training_comment": "trained overnight on my machine"}, []),
        (kohya({"10_a": {"ohwx": 40, "1girl": 40, "solo": 40}}, {"10_a": 40}), ["ohwx"]),
        (kohya({"10_a": {"ohwx": 38, "1girl": 40}}, {"10_a": 40}), ["ohwx"]),
        (kohya({"10_a": {"tall tale": 38, "1girl": 40}}, {"10_a": 40}), []),
        (kohya({"10_a": {"tall tale": 38, "1girl": 40}}, {"10_a": 40}, ss_output_name="TallTale_v2"), ["tall tale"]),
        (kohya({"10_a": {"ohwx": 40}, "5_b": {"ohwx": 2, "hat": 20}}, {"10_a": 40, "5_b": 20}), ["ohwx"]),
        (
            kohya(
                {"10_a": {"ohwx": 40}, "1_reg": {"man": 9}},
                {"10_a": 40, "1_reg": 9},
                ss_reg_dataset_dirs='{"1_reg": {}}',
            ),
            ["ohwx"],
        ),
        (kohya({"10_a": {"ohwx": 2, "thing": 2}}, {"10_a": 2}), []),
        (kohya({}, {"10_smf girl": 20}), ["smf girl"]),
        (kohya({}, {"10_girl": 20}), []),
        (
            {
                "ss_datasets": json.dumps(
                    [{"subsets": [{"caption_prefix": "ohwx style, ", "class_tokens": "xyz", "img_count": 9}]}]
                )
            },
            ["ohwx style", "xyz"],
        ),
        ({"ss_datasets": json.dumps([{"subsets": [{"class_tokens": "sks", "img_count": 9, "is_reg": True}]}])}, []),
        ({"ss_tag_frequency": "{broken", "ss_datasets": "7", "ss_dataset_dirs": "[]"}, []),
    ],
)
def test_sources(metadata: dict[str, str], expected: list[str]) -> None:
    assert texts(metadata) == expected


@pytest.mark.parametrize(
    "tag",
    [
        "1girl",
        "solo",
        "hair bow",
        "looking at viewer",
        "black bowtie",
        ":d",
        "score_9",
        "best quality",
        "2girls",
        "one-piece swimsuit",
    ],
)
def test_general_tags(tag: str) -> None:
    assert is_general(tag)


@pytest.mark.parametrize(
    "tag", [r"smart falcon \(umamusume\)", "shuimo", "ohwx", "ink wash painting", "zbrstripe", "水墨", "sks"]
)
def test_tags_that_are_no_general_ones(tag: str) -> None:
    assert not is_general(tag)
    assert not is_sentence(tag)


def test_the_best_source_of_a_word_wins_and_keeps_its_count() -> None:
    found = (
        Trigger("Smart_Falcon", "training-tags", 130, 0.6),
        Trigger("ink wash", "hub:civitai", None, 0.92),
        Trigger("1girl", "hub:civitai", None, 0.92),
    )
    sidecar = Sidecar(trigger_words=("smart  falcon", "masterpiece"))
    ranked = rank_triggers(found, sidecar, user=["my own", "solo"])
    assert [(word.text, word.source, word.count) for word in ranked] == [
        ("my own", "user", None),
        ("solo", "user", None),
        ("smart  falcon", "sidecar", 130),
        ("ink wash", "hub:civitai", None),
    ]


def test_words_are_split_and_network_tags_left_out() -> None:
    assert split_words("<lora:a:0.6> shuimo,  ink wash ,, 1girl || second prompt\n水墨，山水") == (
        "shuimo",
        "ink wash",
        "second prompt",
        "水墨",
        "山水",
    )


def test_an_embedding_is_called_by_its_stem() -> None:
    header = Header(Format.PICKLE, {"string_to_param.*": TensorInfo((1, 768), "F32")}, tree={"name": "inner"})
    assert [word.text for word in of_header(header, Kind.EMBEDDING, "stem")] == ["stem", "inner"]
    assert [word.text for word in of_header(header, Kind.EMBEDDING)] == ["inner"]


def test_tokens_trained_along_are_triggers() -> None:
    names = ("<s1>", "<s2>", "bundle_emb.my word.clip_l", "bundle_emb.my word.clip_g", "unet:0:up")
    header = Header(Format.SAFETENSORS, {name: TensorInfo((768,), "F32") for name in names})
    assert [word.text for word in of_header(header, Kind.LORA, "stem")] == ["<s1>", "<s2>", "my word"]
