"""What trainers say about the base: every spelling, and what becomes of a lie."""

from __future__ import annotations

import json

import pytest
from corpus import HERE
from hypothesis import given
from hypothesis import strategies as st

from hubman.core.identify import metadata
from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Format, Header, Kind, TensorInfo


def draft_of(values: dict[str, str], architecture: str | None = "sdxl", tree: object = None) -> Draft:
    header = Header(Format.SAFETENSORS, {"x": TensorInfo((1,), "F16")}, values, tree=tree)
    draft = Draft(header, Kind.LORA)
    draft.values["architecture"] = architecture
    return draft


@pytest.mark.parametrize(
    ("spelling", "architecture"),
    [
        # kohya-ss/sd-scripts
        ("sd_v1", "sd1"),
        ("sd_v2", "sd2"),
        ("sd_v2_v", "sd2"),
        ("sdxl_base_v1-0", "sdxl"),
        ("sd3-m", "sd3-medium"),
        ("sd3", "sd3"),
        ("flux1", "flux1"),
        ("chroma", "chroma"),
        ("lumina2", "lumina2"),
        ("hunyuan-image-2.1", "hunyuan-image-2.1"),
        ("anima", "anima"),
        # ModelSpec, as kohya, musubi-tuner and SwarmUI write it
        ("stable-diffusion-v1/lora", "sd1"),
        ("stable-diffusion-v2-768-v/textual-inversion", "sd2"),
        ("stable-diffusion-xl-v1-base/lora", "sdxl"),
        ("stable-diffusion-xl-v1-refiner", "sdxl-refiner"),
        ("stable-diffusion-3-5-large/lora", "sd3.5-large"),
        ("stable-diffusion-v3.5-medium", "sd3.5-medium"),
        ("stable-diffusion-3-medium", "sd3-medium"),
        ("flux-1-dev/lora", "flux1"),
        ("Flux.1-dev/lora", "flux1"),
        ("flux-1-schnell", "flux1"),
        ("wan2.1/lora", "wan"),
        ("Qwen-Image-Edit/lora", "qwen-image"),
        ("lumina-2", "lumina2"),
        ("pixart-sigma", "pixart-sigma"),
        # musubi-tuner
        ("hunyuan_video", "hunyuan-video"),
        ("hunyuan_video_1_5", "hunyuan-video-1.5"),
        ("framepack", "hunyuan-video"),
        ("wan", "wan"),
        ("flux_kontext", "flux1"),
        ("flux_2_dev", "flux2-dev"),
        ("flux_2_klein_4b", "flux2-klein-4b"),
        ("flux_2_klein_9b", "flux2-klein-9b"),
        ("qwen_image_layered", "qwen-image"),
        ("kandinsky5", "kandinsky5"),
        ("z_image", "z-image"),
        ("hidream_o1_image", "hidream-o1"),
        ("ideogram4", "ideogram4"),
        ("krea2", "krea2"),
        # ai-toolkit, OneTrainer, Civitai
        ("sd_1.5", "sd1"),
        ("sdxl_1.0", "sdxl"),
        ("sdxl_", "sdxl"),
        ("zimage", "z-image"),
        ("wan_2.2_14b", "wan-2.2"),
        ("flux2_klein_4b", "flux2-klein-4b"),
        ("ltx2", "ltx-2"),
        ("hidream", "hidream-i1"),
        ("SD 1.5", "sd1"),
        ("SDXL 1.0", "sdxl"),
        ("Pony", "sdxl"),
        ("Pony V7", "auraflow"),
        ("Illustrious", "sdxl"),
        ("NoobAI", "sdxl"),
        ("Flux.1 D", "flux1"),
        # nothing
        ("None", None),
        ("", None),
        ("[name]", None),
        ("something-nobody-predicted", None),
        ("zeta_chroma", None),
    ],
)
def test_spellings(spelling: str, architecture: str | None) -> None:
    assert metadata.architecture_of(spelling) == architecture
    found = metadata.declared({"ss_base_model_version": spelling})
    assert found == ((architecture, "ss_base_model_version") if architecture else None)


def test_the_base_goes_before_modelspec_where_kohya_falls_back_to_sd1() -> None:
    values = {"ss_base_model_version": "krea2", "modelspec.architecture": "stable-diffusion-v1/lora"}
    assert metadata.declared(values) == ("krea2", "ss_base_model_version")
    assert metadata.declared({"ss_v2": "True"}) == ("sd2", "ss_v2")
    assert metadata.declared({"ss_v2": "False"}) is None


def test_the_trainer_chooses_among_what_the_shapes_allow() -> None:
    draft = draft_of({"ss_base_model_version": "sdxl_base_v1-0"})
    assert metadata.refine(draft, ("sdxl", "kolors")) == ("sdxl",)
    assert draft.confidence is Confidence.LIKELY
    draft = draft_of({"ss_base_model_version": "flux_2_klein_9b"})
    assert metadata.refine(draft, ("flux2-dev", "flux2-klein-9b")) == ("flux2-klein-9b",)
    assert metadata.refine(draft_of({"ss_base_model_version": "flux2"}), ("flux2-dev", "flux1")) == ("flux2-dev",)
    assert metadata.refine(draft_of({"ss_base_model_version": "wan"}), ("wan-2.1", "wan-2.2")) == ("wan-2.1", "wan-2.2")
    assert metadata.refine(draft_of({"ss_base_model_version": "hunyuan_video"}), ("hunyuan-video-1.5", "flux1")) == (
        ("hunyuan-video-1.5", "flux1")
    )


def test_a_lie_is_kept_as_evidence_and_changes_nothing() -> None:
    draft = draft_of({"ss_base_model_version": "sd_1.5"})
    assert metadata.refine(draft, ("flux1",)) == ("flux1",)
    assert draft.confidence is Confidence.CERTAIN
    (evidence,) = draft.evidence
    assert evidence.fact == "metadata"
    assert "SD 1.x, but its tensors are those of Flux.1" in evidence.because


def test_what_confirms_needs_no_words() -> None:
    draft = draft_of({"ss_base_model_version": "flux1"})
    assert metadata.refine(draft, ("flux1",)) == ("flux1",)
    assert metadata.refine(draft_of({}), ("a", "b")) == ("a", "b")
    assert draft.evidence == []


# --- lineage -------------------------------------------------------------------------------------------------------
def test_the_hash_of_a_real_lora_names_pony() -> None:
    values = json.loads((HERE / "civitai_gen_seed_sdxl_lora.json").read_text("utf-8"))["metadata"]
    draft = draft_of(values)
    metadata.tell_lineage(draft)
    assert (draft.values["lineage"], draft.values["lineage_candidates"]) == ("pony", ("pony",))
    del values["ss_new_sd_model_hash"]
    metadata.tell_lineage(draft := draft_of(values))
    assert draft.values["lineage"] == "pony"
    assert "ss_sd_model_hash" in draft.evidence[0].because


@pytest.mark.parametrize(
    ("values", "lineage", "candidates"),
    [
        ({"ss_new_sd_model_hash": "0x67AB2FD8EC439A89"}, "pony", ("pony",)),
        ({"ss_sd_model_name": "illustriousXL_v01.safetensors"}, "illustrious", ("illustrious",)),
        ({"ss_sd_model_name": "noobaiXLNAIXL_vPred10Version.safetensors"}, "noobai", ("noobai",)),
        ({"ss_sd_model_name": "ponyDiffusionV6XL_v6StartWithThisOne.safetensors"}, "pony", ("pony",)),
        ({"ss_sd_model_name": "animagine-xl-3.1.safetensors"}, "animagine", ("animagine",)),
        ({"ss_sd_model_name": "889818.safetensors"}, "illustrious", ("illustrious",)),
        ({"ot_config": '{"base_model_name": "/models/noobaiXL.safetensors"}'}, "noobai", ("noobai",)),
        ({"modelspec.title": "style for illustrious"}, None, ("illustrious",)),
        ({"modelspec.title": "an illustration of a cat"}, None, None),
        ({"ss_tag_frequency": '{"img": {"score_9": 12}}'}, None, ("pony",)),
        ({"ss_tag_frequency": '{"img": {"my score_9 x": 12}}'}, None, None),
        (
            {"ss_sd_model_name": "illustriousXL.safetensors", "ss_tag_frequency": '{"img": {"score_9": 12}}'},
            "illustrious",
            ("illustrious", "pony"),
        ),
        ({"ss_sd_model_name": "sd_xl_base_1.0.safetensors"}, None, None),
        ({}, None, None),
    ],
)
def test_lineage(values: dict[str, str], lineage: str | None, candidates: tuple[str, ...] | None) -> None:
    draft = draft_of(values)
    metadata.tell_lineage(draft)
    assert (draft.values.get("lineage"), draft.values.get("lineage_candidates")) == (lineage, candidates)
    assert bool(draft.evidence) == (candidates is not None)
    other = draft_of(values, "sd1")
    metadata.tell_lineage(other)
    assert "lineage" not in other.values


def test_an_embedding_knows_its_checkpoint() -> None:
    draft = draft_of({}, tree={"name": "x", "sd_checkpoint_name": "ponyDiffusionV6XL"})
    metadata.tell_lineage(draft)
    assert draft.values["lineage"] == "pony"


# --- prediction type and numbers -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "architecture", "expected"),
    [
        ({"modelspec.prediction_type": "epsilon"}, "sdxl", "epsilon"),
        ({"modelspec.prediction_type": "v"}, "sdxl", "v"),
        ({"modelspec.prediction_type": "v_prediction"}, "sdxl", "v"),
        ({"modelspec.prediction_type": "epsilon", "ss_v_parameterization": "True"}, "sdxl", "v"),
        ({"ss_v_parameterization": "False"}, "sdxl", None),
        ({"modelspec.architecture": "stable-diffusion-v2-768-v/lora"}, "sd2", "v"),
        ({"modelspec.architecture": "stable-diffusion-v2-512"}, "sd2", None),
        ({"ss_base_model_version": "sd_v2_v"}, "sd2", "v"),
        ({"ss_base_model_version": "sd_v2"}, "sd2", None),
        ({"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl", None),
        ({"modelspec.prediction_type": "epsilon"}, "sd3-medium", None),
        ({"modelspec.prediction_type": "epsilon"}, None, "epsilon"),
    ],
)
def test_prediction_type(values: dict[str, str], architecture: str | None, expected: str | None) -> None:
    draft = draft_of(values, architecture)
    metadata.prediction(draft)
    assert draft.values.get("prediction_type") == expected


def test_words_are_no_numbers() -> None:
    assert metadata.number({"ss_network_dim": "Dynamic"}, "ss_network_dim") is None
    assert metadata.number({"ss_network_dim": "nan"}, "ss_network_dim") is None


KEYS = (*metadata.BASE_KEYS, *metadata.BASE_NAMES, *metadata.WEAK_NAMES, "ot_config", "ss_v_parameterization")


@given(
    values=st.dictionaries(
        st.sampled_from([*KEYS, "modelspec.prediction_type", "ss_new_sd_model_hash", "lora_adapter_metadata"]),
        st.text(max_size=60) | st.sampled_from(["sdxl", "None", "{", "True", "pony {x}", "%s", "67ab2fd8ec"]),
    ),
    names=st.lists(st.sampled_from(["sd1", "sd2", "sdxl", "flux1", "wan-2.1"]), unique=True),
)
def test_any_metadata_is_survived_and_never_adds_an_architecture(values: dict[str, str], names: list[str]) -> None:
    draft = draft_of(values)
    assert set(metadata.refine(draft, names)) <= set(names)
    metadata.tell_lineage(draft)
    metadata.prediction(draft)
    assert all(evidence.because for evidence in draft.evidence)
