"""Trigger words as each trainer writes them, and what looks like one and is none. All of these are made up by us."""

from __future__ import annotations

import json
import time

import pytest

from hubman.core.triggers import metadata_triggers, of_header, rank_triggers, tag_cloud
from hubman.core.types import Format, Header, Kind, Sidecar, TensorInfo

GENERAL = {"1girl": 38, "solo": 36, "looking at viewer": 30, "long hair": 40, "hair bow": 40, "smile": 22}


def words(metadata: dict[str, object]) -> list[str]:
    return [trigger.text for trigger in metadata_triggers(metadata)]  # type: ignore[arg-type]


def kohya(
    tags: dict[str, dict[str, int]], pictures: dict[str, int] | None = None, subsets: object = (), **more: str
) -> dict[str, object]:
    counts = pictures or {name: max(found.values()) for name, found in tags.items()}
    return {
        "ss_tag_frequency": json.dumps(tags),
        "ss_dataset_dirs": json.dumps({name: {"n_repeats": 1, "img_count": n} for name, n in counts.items()}),
        "ss_reg_dataset_dirs": "{}",
        "ss_training_comment": "None",
        "ss_datasets": json.dumps([{"subsets": subsets}]) if subsets else "None",
        **more,
    }


# --- kohya ---------------------------------------------------------------------------------------------------------
def test_the_character_before_its_series_and_no_description() -> None:
    tags = {"10_x": {"vocaloid": 40, **GENERAL, "hatsune miku": 40}}
    assert words(kohya(tags, ss_output_name="miku_v3")) == ["hatsune miku", "vocaloid"]
    assert words(kohya({"10_x": {"umamusume": 40, "smart falcon \\(umamusume\\)": 40}}))[0].startswith("smart falcon")


def test_one_folder_in_several_resolutions_is_counted_once() -> None:
    tags = {"10_x": {"zbr tale": 40, **GENERAL}}
    assert words(kohya(tags, {"10_x": 40, "10_x (2)": 40, "10_x (3)": 40})) == ["zbr tale"]


def test_two_folders_of_one_name_are_counted_together() -> None:
    tags = {"img": {"zbr tale": 60, "1girl": 55, "blue ocean liner": 40}}
    assert words(kohya(tags, {"img": 40, "img (2)": 20})) == ["zbr tale"]


def test_a_tag_named_twice_in_a_caption_spoils_nothing() -> None:
    assert words(kohya({"img": {"zbr tale": 41, "1girl": 44}}, {"img": 40, "img (2)": 40})) == ["zbr tale"]


def test_each_folder_of_a_model_of_several_concepts_has_its_own_word() -> None:
    tags = {
        "10_alice": {"alice margatroid": 40, **GENERAL},
        "10_reimu": {"hakurei reimu": 30, "1girl": 30, "shrine": 12},
        "2_noise": {"1girl": 9, "smile": 8},
    }
    found = metadata_triggers(kohya(tags))  # type: ignore[arg-type]
    assert [trigger.text for trigger in found] == ["alice margatroid", "hakurei reimu"]
    assert all(trigger.score < 0.5 for trigger in found)
    shared = {name: {"touhou game": max(tags[name].values()), **tags[name]} for name in tags}
    assert words(kohya(shared))[0] == "touhou game"


def test_regularisation_folders_do_not_count() -> None:
    metadata = kohya({"10_ohwx man": {"ohwx man": 20}, "1_man": {"man": 200}}, {"10_ohwx man": 20})
    metadata["ss_reg_dataset_dirs"] = json.dumps({"1_man": {"n_repeats": 1, "img_count": 200}})
    assert words(metadata) == ["ohwx man"]


def test_without_captions_the_class_tokens_are_the_caption() -> None:
    subset = {"image_dir": "10_sks dog", "img_count": 12, "class_tokens": "sks dog", "is_reg": False}
    assert words(kohya({"10_sks dog": {"sks dog": 12}}, subsets=[subset])) == ["sks dog"]
    assert words({"ss_datasets": json.dumps([{"subsets": [subset]}])}) == ["sks dog"]
    captioned = kohya({"10_sks dog": {"rex the hound": 12, "dog": 12}}, subsets=[subset])
    assert words(captioned) == ["rex the hound"]
    general = {**subset, "class_tokens": "woman", "image_dir": "10_woman"}
    assert words(kohya({"10_woman": {"woman": 12}}, subsets=[general])) == []


def test_tokens_before_the_separator_are_tags_of_their_own() -> None:
    tags = {"img": {"zbr tale ||| 1girl": 25, "zbr tale ||| solo": 15, "smile": 20}}
    assert words(kohya(tags, {"img": 40})) == ["zbr tale"]


def test_the_tag_that_was_kept_in_front() -> None:
    tags = {"img": {"tall tale": 35, "1girl": 40, "little wagon train": 35}}
    assert words(kohya(tags, {"img": 40}, ss_keep_tokens="1")) == ["tall tale"]
    assert words(kohya(tags, {"img": 40}, ss_keep_tokens="0")) == []


def test_captions_in_sentences_that_share_a_made_up_token() -> None:
    captions = {f"a photo of ohwx man {place}": 2 for place in ("in a park", "at work", "on a boat", "by the sea")}
    assert words(kohya({"10_ohwx man": captions}, {"10_ohwx man": 8})) == ["ohwx man"]
    assert words(kohya({"img": captions}, {"img": 8})) == ["ohwx"]
    plain = {caption.replace("ohwx ", ""): count for caption, count in captions.items()}
    assert words(kohya({"10_john": plain}, {"10_john": 8})) == []


def test_a_short_caption_gives_what_it_names() -> None:
    assert words(kohya({"img": {"a photo of zbr knight": 20, "1boy": 18}}, {"img": 20})) == ["zbr knight"]
    assert words(kohya({"img": {"in the style of vangohx": 20, "tree": 18}}, {"img": 20})) == ["vangohx"]


@pytest.mark.parametrize(
    "tags",
    [
        {"1girl": 40, "solo": 40, "highres": 40, "best quality": 40, "rating_safe": 40, "score_9": 40},
        {"red hair": 40, "hair bow": 40, "purple eyes": 40, "pleated skirt": 40, "star (symbol)": 40},
        {"一个女孩": 40, "黑色长发": 40, "白色背景": 40, "微笑": 40},
        {"1024x1024": 40, "8k": 40, "masterpiece": 40, ":d": 40, "^_^": 40},
        {"a woman standing in front of a window": 40, "一位穿着红色连衣裙的女人站在海边": 40},
        {"monochrome": 40, "greyscale": 40, "no humans": 40, "simple background": 40, "signature": 40},
        {"photo": 40, "photograph of a man": 40, "the image shows a man": 40},
    ],
)
def test_what_describes_any_picture_is_never_a_trigger(tags: dict[str, int]) -> None:
    assert words(kohya({"10_x": tags})) == []


@pytest.mark.parametrize(
    "word", ["水墨", "hatsune miku", "sakura", "saber (fate)", "zbrstripe", "初音未来", "rem (re:zero)"]
)
def test_a_name_on_every_picture_is_one(word: str) -> None:
    assert words(kohya({"10_x": {**GENERAL, word: 40}})) == [word]


@pytest.mark.parametrize(
    "metadata",
    [
        {"ss_tag_frequency": value, "ss_dataset_dirs": other, "ss_datasets": value}
        for value in ("", "None", "null", "{", "[]", "[[", '"x"', "7", '{"a": 7}', '{"a": {"b": null}}', '{"a": [1]}')
        for other in ("", "None", '{"a": 1}', '{"a": {"img_count": "x"}}', '{"a": {"img_count": -3}}')
    ],
)
def test_malformed_metadata_gives_nothing_and_never_raises(metadata: dict[str, object]) -> None:
    assert words(metadata) == []
    assert isinstance(tag_cloud(metadata), tuple)  # type: ignore[arg-type]


def test_counts_as_texts_and_folders_left_out() -> None:
    metadata = {"ss_tag_frequency": {"zbr tale": "40", "1girl": 39.0, "smile": 10}}
    assert words(metadata) == ["zbr tale"]  # type: ignore[arg-type]
    assert tag_cloud(metadata)[0] == ("zbr tale", 40)  # type: ignore[arg-type]


# --- other trainers ------------------------------------------------------------------------------------------------
def test_ai_toolkit_writes_its_trigger_as_a_folder_with_one_tag() -> None:
    metadata = {
        "software": '{"name": "ai-toolkit"}',
        "ss_base_model_version": "flux1",
        "ss_output_name": "my_lora_v2",
        "ss_tag_frequency": '{"1_p3r5on": {"p3r5on": 1}}',
    }
    found = metadata_triggers(metadata)
    assert [(trigger.text, trigger.source, trigger.count) for trigger in found] == [("p3r5on", "header", None)]
    assert words({**metadata, "ss_tag_frequency": '{"1_woman": {"woman": 1}}'}) == []
    assert words({**metadata, "ss_tag_frequency": '{"actfig": {"actfig": 1}}'}) == []


def test_simpletuner_writes_trained_words() -> None:
    metadata = {
        "modelspec.sai_model_spec": "1.0.0",
        "trained_words": "ohwx man, portrait",
        "ss_tag_frequency": json.dumps({"faces": {"a man": 3, "smiling": 2}}),
    }
    assert words(metadata) == ["ohwx man", "portrait"]


def test_onetrainer_stores_its_configuration() -> None:
    config = {
        "additional_embeddings": [{"placeholder": "<zbr>", "train": True}, {"placeholder": "<embedding>"}],
        "concepts": [{"name": "ohwx dog", "enabled": True}, {"name": "my dataset"}, {"name": None}, 7],
        "samples": [{"prompt": "a photo of ohwx dog on grass"}, {"prompt": None}],
        "output_model_destination": "O:\\out\\dogs.safetensors",
    }
    assert words({"ot_config": json.dumps(config)}) == ["<zbr>", "ohwx dog"]
    for broken in ("", "{", "[]", '{"concepts": 7, "samples": {}, "additional_embeddings": null}'):
        assert words({"ot_config": broken}) == []


def test_musubi_says_nothing_of_its_captions() -> None:
    metadata = {
        "ss_base_model_version": "wan",
        "ss_network_module": "networks.lora_wan",
        "ss_output_name": "sample_t2v",
        "ss_datasets": json.dumps([{"resolution": [768, 512], "video_directory": "sample", "num_repeats": 5}]),
        "ss_training_comment": "None",
    }
    assert words(metadata) == []


def test_bundled_embeddings_of_every_writer() -> None:
    names = [
        *("bundle_emb.<zbr>.clip_l", "bundle_emb.<zbr>.clip_g_out", "bundle_emb.my.word.t5"),
        *("bundle_emb.third.string_to_param.*", "<s1>", "lora_unet_x.lora_down.weight"),
    ]
    header = Header(Format.SAFETENSORS, {name: TensorInfo((1, 768), "F32") for name in names})
    assert [word.text for word in of_header(header, Kind.LORA, "stem")] == ["<zbr>", "my.word", "third", "<s1>"]


def test_an_embedding_keeps_its_name_whatever_it_is() -> None:
    header = Header(Format.SAFETENSORS, {"emb_params": TensorInfo((8, 768), "F32")})
    found = of_header(header, Kind.EMBEDDING, "masterpiece")
    assert [word.text for word in rank_triggers(found)] == ["masterpiece"]


# --- what people write ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("trigger word is smart falcon \\(umamusume\\)", ["smart falcon \\(umamusume\\)"]),
        ("Trigger: zbrstripe", ["zbrstripe"]),
        ("TRIGGER WORDS: foo bar, baz. Use weight 0.8", ["foo bar", "baz"]),
        ("trigger word(s): ohwx man, weight 0.6-0.8", ["ohwx man"]),
        ("Made with love. Activation token = <zbr>", ["<zbr>"]),
        ("keyword: zbrstripe; strength 0.7", ["zbrstripe"]),
        ("Use keyword 'example' in your prompt", ["example"]),
        ("triggered by zbrstripe", ["zbrstripe"]),
        ("Trigger words are `foo bar` or `baz qux`", ["foo bar", "baz qux"]),
        ("触发词：水墨，山水", ["水墨", "山水"]),
        ("触发词为shuimo 权重0.8", ["shuimo"]),
        ("トリガーワードはzbrstripe", ["zbrstripe"]),
        ("(trigger word: (ohwx:1.2), 1girl, solo)", ["ohwx"]),
        ("no trigger word needed", []),
        ("Trigger word is not required", []),
        ("trigger words: none", []),
        ("It doesn't need a trigger word: it is always on", []),
        ("trigger: 1girl, solo, masterpiece", []),
        ("dimension is resized from 256 to 16; ", []),
        ("Dynamic resize with sv_fro: 0.9 from 384; ", []),
        ("Merged via DARE-Ties", []),
        ("nebulae", []),
        ("None", []),
    ],
)
def test_comments(comment: str, expected: list[str]) -> None:
    assert words({"ss_training_comment": comment}) == expected


def test_a_bare_comment_counts_when_the_tags_know_it() -> None:
    tags = {"img": {"ferrarif40": 15, "car": 40, "road": 20}}
    found = metadata_triggers(kohya(tags, {"img": 40}, ss_training_comment="FerrariF40"))  # type: ignore[arg-type]
    assert [(trigger.text, trigger.source) for trigger in found] == [("FerrariF40", "header")]
    assert words(kohya(tags, {"img": 40}, ss_training_comment="second try")) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("shuimo, ink wash painting", ["shuimo", "ink wash painting"]),
        ('["tiny style", "alternate style"]', ["tiny style", "alternate style"]),
        ("1girl, blue eyes, zbrstripe", ["zbrstripe", "blue eyes"]),
        ("(zbrstripe:1.2)", ["zbrstripe"]),
        ("<lora:x:0.8> zbrstripe", ["zbrstripe"]),
        ("score_9, score_8_up, zbrstripe, source_anime", ["zbrstripe"]),
        ("no lineart", ["no lineart"]),
        ("None", []),
        ("", []),
        ("word " * 60, []),
    ],
)
@pytest.mark.parametrize("key", ["modelspec.trigger_phrase", "trigger_words", "trainedWords", "ssmd_keywords"])
def test_declared_phrases(key: str, value: str, expected: list[str]) -> None:
    assert words({key: value}) == expected


def test_what_is_declared_goes_before_what_is_counted() -> None:
    metadata = kohya({"img": {"counted word": 40, "zbr": 40}}, **{"modelspec.trigger_phrase": "ZBR"})
    found = metadata_triggers(metadata)  # type: ignore[arg-type]
    assert [(trigger.text, trigger.count) for trigger in found] == [("ZBR", 40), ("counted word", 40)]


def test_descriptions_beside_a_telling_word_stand_behind_it() -> None:
    ranked = rank_triggers((), Sidecar(trigger_words=("blue eyes", "zbrstripe", "1girl", "a, b:1.1")))
    assert [trigger.text for trigger in ranked] == ["zbrstripe", "b", "blue eyes", "a"]
    assert [trigger.text for trigger in rank_triggers((), Sidecar(trigger_words=("blue eyes",)))] == ["blue eyes"]


# --- cost ----------------------------------------------------------------------------------------------------------
def test_ten_thousand_tags_are_cheap() -> None:
    tags = {f"some tag number {index}": 1 + index % 90 for index in range(10_000)}
    metadata = kohya({"10_x": {"zbr tale": 100, **tags}}, {"10_x": 100})
    header = Header(Format.SAFETENSORS, {}, metadata)  # type: ignore[arg-type]
    best = 1.0
    for _ in range(5):
        metadata["ss_tag_frequency"] = str(metadata["ss_tag_frequency"]) + " "  # another text: nothing is remembered
        start = time.process_time()
        found, cloud = of_header(header, Kind.LORA, "x"), tag_cloud(header.metadata)
        best = min(best, time.process_time() - start)
    assert found[0].text == "zbr tale"
    assert len(cloud) == 10_001
    assert best < 0.05, "measured 0.01 s on two slow cores"


def test_no_metadata_costs_nothing() -> None:
    assert metadata_triggers({}) == ()
    assert tag_cloud({}) == ()
