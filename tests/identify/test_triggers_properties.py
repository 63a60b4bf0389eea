"""What holds for any training set: descriptions and sentences never appear, order and noise change nothing."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from hubman.core.general_words import is_general, is_never, is_sentence
from hubman.core.triggers import metadata_triggers, rank_triggers, same, tag_cloud
from hubman.core.types import Sidecar

DESCRIPTIONS = [
    *(
        "1girl",
        "solo",
        "2girls",
        "long hair",
        "very long hair",
        "blue eyes",
        "smile",
        "blush",
        "open mouth",
        "hair bow",
    ),
    *("looking at viewer", "upper body", "simple background", "white background", "outdoors", "monochrome", ":d"),
    *("school uniform", "pleated skirt", "black thighhighs", "masterpiece", "best quality", "highres", "score_9"),
    *("rating_safe", "a woman standing in front of a window", "a photo of a man"),
]
NAMES = st.sampled_from(["zbrstripe", "smart falcon \\(umamusume\\)", "hatsune miku", "ohwx man", "水墨", "p3r5on"])
TAGS = st.one_of(st.sampled_from(DESCRIPTIONS), st.text(min_size=1, max_size=30))
COUNTS = st.integers(-3, 60)
FOLDERS = st.dictionaries(
    st.sampled_from(["img", "10_x", "10_ohwx man", "3_1girl", "5_style", ""]),
    st.dictionaries(TAGS, COUNTS, max_size=12),
    max_size=3,
)
ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TAGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TAGS, inner, max_size=4),
    max_leaves=12,
)
KEYS = (
    *("ss_tag_frequency", "ss_dataset_dirs", "ss_reg_dataset_dirs", "ss_datasets", "ss_training_comment", "ot_config"),
    *("modelspec.trigger_phrase", "trained_words", "ss_keep_tokens", "ss_output_name", "ss_num_train_images"),
)


def metadata_of(folders: dict[str, dict[str, int]], pictures: int = 40, **more: str) -> dict[str, str]:
    dirs = {name: {"n_repeats": 1, "img_count": pictures} for name in folders}
    return {"ss_tag_frequency": json.dumps(folders), "ss_dataset_dirs": json.dumps(dirs), **more}


@given(folders=FOLDERS, pictures=st.integers(0, 60), name=st.text(max_size=20))
def test_no_description_and_no_sentence_is_ever_presented(
    folders: dict[str, dict[str, int]], pictures: int, name: str
) -> None:
    for trigger in metadata_triggers(metadata_of(folders, pictures, ss_output_name=name)):
        assert not is_general(trigger.text)
        assert not is_sentence(trigger.text)
        assert trigger.text.strip() == trigger.text != ""
        assert 0 < trigger.score <= 1


@given(words=st.lists(TAGS, max_size=8))
def test_no_count_and_no_grade_comes_through_a_sidecar(words: list[str]) -> None:
    for trigger in rank_triggers((), Sidecar(trigger_words=tuple(words))):
        assert not is_never(trigger.text)


@given(values=st.dictionaries(st.sampled_from(KEYS), ANY, max_size=6), as_text=st.booleans())
def test_any_metadata_is_survived(values: dict[str, object], as_text: bool) -> None:
    metadata = {key: json.dumps(value) if as_text else value for key, value in values.items()}
    metadata_triggers(metadata)  # type: ignore[arg-type]
    tag_cloud(metadata)  # type: ignore[arg-type]


@given(
    name=NAMES,
    others=st.dictionaries(st.sampled_from(DESCRIPTIONS), st.integers(1, 40), max_size=10),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_tags_and_folders_changes_nothing(name: str, others: dict[str, int], order: object) -> None:
    folders = {"10_a": {name: 40, **others}, "5_b": {**others, name: 40}}
    expected = [trigger.text for trigger in metadata_triggers(metadata_of(folders))]
    assert expected == [name]
    shuffled = {}
    for folder in sorted(folders, key=lambda _: order.random()):  # type: ignore[attr-defined]
        tags = sorted(folders[folder].items(), key=lambda _: order.random())  # type: ignore[attr-defined]
        shuffled[folder] = dict(tags)
    assert [trigger.text for trigger in metadata_triggers(metadata_of(shuffled))] == expected


@settings(max_examples=50)
@given(
    name=NAMES,
    noise=st.dictionaries(st.sampled_from(DESCRIPTIONS), st.integers(1, 6), min_size=1, max_size=8),
    folder=st.sampled_from(["1_noise", "bg", "2_1girl", "reg"]),
)
def test_a_folder_of_something_else_does_not_take_the_first_place(
    name: str, noise: dict[str, int], folder: str
) -> None:
    metadata = metadata_of({"10_a": {name: 40, "1girl": 39, "solo": 30}})
    tags, dirs = json.loads(metadata["ss_tag_frequency"]), json.loads(metadata["ss_dataset_dirs"])
    tags[folder], dirs[folder] = noise, {"n_repeats": 1, "img_count": 6}
    noisy = {"ss_tag_frequency": json.dumps(tags), "ss_dataset_dirs": json.dumps(dirs)}
    assert metadata_triggers(noisy)[0].text == name


@given(name=NAMES, case=st.sampled_from([str.upper, str.title, lambda text: text.replace(" ", "_")]))
def test_spellings_that_a_webui_treats_alike_are_one_word(name: str, case: object) -> None:
    other = case(name)  # type: ignore[operator]
    metadata = metadata_of({"10_a": {name: 40, "1girl": 39}}, **{"modelspec.trigger_phrase": other})
    found = metadata_triggers(metadata)
    assert len({same(trigger.text) for trigger in found}) == len(found) == 1
    assert found[0].count == 40
