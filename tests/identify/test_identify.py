"""What a file is follows from its tensors: the labelled corpus, and what must not change an answer."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from corpus import (
    NARROW,
    SHARED,
    Case,
    cases,
    header_from,
    header_of,
    kind_of,
    kohya_lora,
    narrow_checkpoint,
    of,
    right_base,
    unet_tensors,
)

from hubman.core.identify import identify, unets
from hubman.core.types import Confidence, Facts, Format, Header, Kind, TensorInfo
from hubman.errors import IntegrityError

FAMILY = {"sd1", "sd2", "sdxl", "sdxl-refiner", "sd-x4-upscaler", "svd"}
OURS = {"checkpoint", "diffusion-model", "lora", "embedding", "hypernetwork", "vae"}
LATER = {"da09a2c4__taesd-decoder.gguf.header.json"}
"""Of the family, but told by later tables: a GGUF of which only the container is known."""


def is_ours(case: Case) -> bool:
    name = case["file"].rpartition("/")[2]
    return kind_of(case) in OURS and case["expected_base"] in FAMILY and name not in LATER


OURS_CASES = [case for case in cases() if is_ours(case)]


@pytest.mark.parametrize("case", OURS_CASES, ids=lambda case: case["file"])
def test_the_stable_diffusion_family(case: Case) -> None:
    facts = identify(header_of(case))
    assert facts.kind == kind_of(case)
    assert right_base(facts, case), (facts.architecture, facts.candidates)
    assert all(fact.because for fact in facts.evidence)
    assert facts.architecture is None or facts.candidates == (facts.architecture,)
    for label, value in (("rank", facts.rank), ("vectors", facts.vectors)):
        assert label not in case or case[label] == value
    if "trigger_words" in case:
        assert [trigger.text for trigger in facts.triggers] == case["trigger_words"]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["file"])
def test_nothing_else_is_taken_for_one_of_ours(case: Case) -> None:
    facts = identify(header_of(case))
    assert facts.kind in (kind_of(case), Kind.UNKNOWN)
    if facts.architecture is not None:
        assert right_base(facts, case)


ALGORITHMS = {
    "lora_te_only": "lora",
    "lora_unet_only": "lora",
    "selfattn_only_slider": "lora",
    "dylora": "lora",
    "locon_conv": "locon",
    "locon_norm": "locon",
    "lokr_tiny": "lokr",
    "lokr_dora": "lokr",
    "loha_dora": "loha",
}


@pytest.mark.parametrize("case", [case for case in cases() if case.get("algo")], ids=lambda case: case["file"])
def test_the_algorithm(case: Case) -> None:
    facts = identify(header_of(case))
    assert facts.algorithm == ALGORITHMS.get(case["algo"], case["algo"])
    assert (facts.variant == "dora") == case["algo"].endswith("_dora")


@pytest.mark.parametrize("case", OURS_CASES, ids=lambda case: case["file"])
def test_neither_name_nor_order_nor_dtype_changes_the_answer(case: Case) -> None:
    header = header_of(case)
    plain = identify(header)
    keys = list(header.tensors)
    random.Random(1).shuffle(keys)
    shuffled = replace(header, tensors={key: header.tensors[key] for key in keys})
    for changed, name in ((shuffled, ""), (header, "pony_illustrious_flux_sdxl_v_pred"), (header, "模型")):
        facts = identify(changed, name=name)
        assert (facts.kind, facts.architecture, facts.algorithm, facts.rank, facts.variant) == (
            plain.kind,
            plain.architecture,
            plain.algorithm,
            plain.rank,
            plain.variant,
        )
        assert set(facts.candidates) == set(plain.candidates)


LIAR = {"ss_base_model_version": "sd_v2", "modelspec.architecture": "stable-diffusion-v2-768-v"}


@pytest.mark.parametrize("case", OURS_CASES, ids=lambda case: case["file"])
def test_a_lying_trainer_is_not_believed_against_the_shapes(case: Case) -> None:
    header = header_of(case)
    plain = identify(header)
    facts = identify(replace(header, metadata={**header.metadata, **LIAR}))
    assert facts.kind == plain.kind
    if plain.architecture:
        assert facts.architecture == plain.architecture
    else:
        assert set(facts.candidates) <= set(plain.candidates)


# --- prefixes and containers ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("prefix", ["", "model.diffusion_model.", "diffusion_model.", "model.", "unet.", "module.net."])
@pytest.mark.parametrize("unet", unets.FAMILY, ids=lambda unet: unet.id)
def test_a_prefix_does_not_matter(prefix: str, unet: unets.UNet) -> None:
    facts = identify(of(unet_tensors(unet, prefix)))
    assert (facts.kind, facts.architecture, facts.confidence) == (Kind.DIFFUSION_MODEL, unet.id, Confidence.CERTAIN)


def test_a_text_encoder_or_vae_makes_a_checkpoint() -> None:
    tensors = unet_tensors(unets.SD1)
    for companion in (
        "first_stage_model.decoder.conv_in.weight",
        "cond_stage_model.x.weight",
        "conditioner.embedders.0.x",
    ):
        assert identify(of({**tensors, companion: (4, 4)})).kind is Kind.CHECKPOINT


def test_a_few_adapter_keys_in_a_merged_checkpoint_do_not_make_a_lora() -> None:
    merged = {**narrow_checkpoint(), "lora_unet_x.lora_down.weight": (4, 8), "lora_unet_x.lora_up.weight": (8, 4)}
    assert identify(of(merged)).kind is Kind.CHECKPOINT


def test_an_average_of_weights_beside_the_model_does_not_confuse() -> None:
    ema = {
        name.replace("model.diffusion_model.", "model_ema.diffusion_model.", 1): shape
        for name, shape in narrow_checkpoint().items()
    }
    facts = identify(of({**narrow_checkpoint(), **ema}))
    assert (facts.kind, facts.architecture) == (Kind.CHECKPOINT, "sd1")


@pytest.mark.parametrize(("inputs", "variant"), [(4, None), (9, "inpaint"), (8, "ip2p"), (5, "depth")])
def test_the_channels_going_in_tell_the_variant(inputs: int, variant: str | None) -> None:
    facts = identify(of(unet_tensors(unets.SD2, inputs=inputs)))
    assert (facts.architecture, facts.variant) == ("sd2", variant)


@pytest.mark.parametrize(
    ("marker", "expected"), [("v_pred", "v"), ("edm_mean", "edm"), ("edm_vpred.sigma_max", "edm-v")]
)
def test_markers_tell_the_prediction_type(marker: str, expected: str) -> None:
    assert identify(of({**unet_tensors(unets.SDXL), marker: (0,)})).prediction_type == expected


def test_the_scheduler_of_a_folder_tells_the_prediction_type() -> None:
    configs = {
        "model_index.json": {"_class_name": "StableDiffusionPipeline"},
        "unet/config.json": {"cross_attention_dim": 1024, "in_channels": 4},
        "scheduler/scheduler_config.json": {"prediction_type": "v_prediction"},
    }
    facts = identify(Header(Format.FOLDER, {}, configs=configs))
    assert (facts.kind, facts.architecture, facts.prediction_type) == (Kind.CHECKPOINT, "sd2", "v")


# --- custom widths -------------------------------------------------------------------------------------------------
def test_a_narrow_checkpoint_is_sd1_of_custom_width() -> None:
    facts = identify(of(narrow_checkpoint()))
    assert (facts.kind, facts.architecture, facts.variant) == (Kind.CHECKPOINT, "sd1", "custom-width")
    assert facts.confidence is Confidence.LIKELY


@pytest.mark.parametrize("text", [None, 80])
def test_a_lora_for_it_is_sd1_by_the_names_of_its_modules(text: int | None) -> None:
    facts = identify(of(kohya_lora(NARROW, text=text), {"ss_base_model_version": "sd_v1", "ss_network_alpha": "2.0"}))
    assert (facts.kind, facts.architecture, facts.variant) == (Kind.LORA, "sd1", "custom-width")
    assert (facts.algorithm, facts.rank, facts.alpha) == ("lora", 4, 2.0)
    assert facts.trained == (("unet", "te1") if text else ("unet",))


def test_without_projections_and_metadata_a_narrow_lora_may_be_sd1_or_sd2() -> None:
    attention = kohya_lora(NARROW, only="attn")
    assert identify(of(attention)).candidates == ("sd1", "sd2")
    assert identify(of(attention, {"ss_base_model_version": "sd_v1"})).architecture == "sd1"
    assert identify(of(kohya_lora(NARROW))).architecture == "sd1"  # proj_in is a convolution there


@pytest.mark.parametrize("declared", [None, "sd_v1"])
def test_an_embedding_of_unknown_width(declared: str | None) -> None:
    facts = identify(of({"emb_params": (2, 80)}, {"ss_base_model_version": declared} if declared else {}))
    assert (facts.kind, facts.vectors) == (Kind.EMBEDDING, 2)
    assert (facts.architecture, facts.candidates) == (("sd1", ("sd1",)) if declared else (None, ()))
    assert any("width 80 is no known text encoder's" in fact.because for fact in facts.evidence)


# --- embeddings ----------------------------------------------------------------------------------------------------
EMBEDDINGS: tuple[tuple[dict[str, tuple[int, ...]], int, str], ...] = (
    ({"emb_params": (75, 768)}, 75, "sd1"),
    ({"emp_params": (1, 1024)}, 1, "sd2"),
    ({"string_to_param.*": (4, 1024)}, 4, "sd2"),
    ({"clip_l": (3, 768), "clip_g": (3, 1280)}, 3, "sdxl"),
    ({"clip_g": (2, 1280), "clip_l": (2, 768), "clip_g_out": (1, 1280)}, 2, "sdxl"),
    ({"clip_l": (2, 768), "clip_g": (2, 1280), "t5": (2, 4096)}, 2, "sd3"),
    ({"<frida>": (10, 768)}, 10, "sd1"),
    ({"<krk>": (768,)}, 1, "sd1"),
    ({"<a>": (1024,), "<b>": (1024,)}, 2, "sd2"),
    ({"emb": (768,), "emb2": (1280,)}, 1, "sdxl"),
)


@pytest.mark.parametrize(("shapes", "vectors", "base"), EMBEDDINGS)
def test_layouts_of_embeddings(shapes: dict[str, tuple[int, ...]], vectors: int, base: str) -> None:
    facts = identify(of(shapes))
    assert (facts.kind, facts.vectors, facts.architecture) == (Kind.EMBEDDING, vectors, base)


@pytest.mark.parametrize(
    "shapes",
    [
        {"linear.weight": (1, 768), "linear.bias": (1,)},
        {"mean": (768,), "std": (768,)},
        {"weight": (10, 768)},
        {"x": (10,)},
        {"position_ids": (1, 77)},
    ],
)
def test_small_files_that_are_no_embeddings(shapes: dict[str, tuple[int, ...]]) -> None:
    assert identify(of(shapes)).kind is Kind.UNKNOWN


def test_bare_tensors() -> None:
    def bare(*shape: int) -> Facts:
        info = TensorInfo(shape, "F32")
        return identify(Header(Format.PICKLE, {"": info}, tree=info))

    assert bare(1, 768).kind is bare(768).kind is Kind.AESTHETIC_GRADIENT
    assert bare(1, 77, 768).kind is Kind.CACHED_PROMPT
    assert bare(4096).kind is bare(8, 768).kind is Kind.EMBEDDING
    assert bare(3, 3, 3).kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    ("name", "negative"),
    [
        ("EasyNegative", True),
        ("badhandv4", True),
        ("bad_prompt_version2", True),
        ("my-neg", True),
        ("negasonic", False),
        ("old_ink", False),
    ],
)
def test_the_negative_kind_is_guessed_from_names(name: str, negative: bool) -> None:
    assert identify(of({"emb_params": (8, 768)}), name=name).negative is negative
    assert identify(of({"emb_params": (8, 768)}, {"modelspec.is_negative_embedding": "true"})).negative


def test_a_broken_embedding_is_an_error() -> None:
    with pytest.raises(IntegrityError) as caught:
        identify(of({"string_to_param.*": (3, 3, 3)}))
    assert caught.value.reference == "embedding-broken"


# --- hypernetworks -------------------------------------------------------------------------------------------------
def hypernetwork(dims: tuple[int, ...], structure: tuple[float, ...] = (1, 2, 1), **settings: object) -> Header:
    def network(width: int) -> dict[str, TensorInfo]:
        sizes = [int(width * part) for part in structure]
        pairs = zip(sizes[1:], sizes, strict=False)
        return {f"linear.{index}.weight": TensorInfo(pair, "F32") for index, pair in enumerate(pairs)}

    return Header(Format.PICKLE, {}, tree={**{width: (network(width), network(width)) for width in dims}, **settings})


@pytest.mark.parametrize(
    ("dims", "candidates"),
    [((320, 640, 768, 1280), ("sd1",)), ((1024,), ("sd2",)), ((320, 640), ("sd1", "sd2")), ((16, 32, 64, 80), ())],
)
def test_hypernetworks(dims: tuple[int, ...], candidates: tuple[str, ...]) -> None:
    facts = identify(hypernetwork(dims, (1, 1.5, 1), step=7, name="h", activation_func="swish", use_dropout=True))
    assert (facts.kind, facts.candidates) == (Kind.HYPERNETWORK, candidates)
    assert facts.hypernetwork is not None
    assert facts.hypernetwork.dims == dims
    assert facts.hypernetwork.layer_structure == (1, 1.5, 1)
    assert (facts.hypernetwork.activation, facts.hypernetwork.dropout, facts.hypernetwork.step) == ("swish", True, 7)


def test_the_structure_is_measured_where_it_is_not_written() -> None:
    facts = identify(hypernetwork((768,), (1, 2, 2, 1)))
    assert facts.hypernetwork is not None
    assert facts.hypernetwork.layer_structure == (1, 2, 2, 1)


def test_a_hypernetwork_that_does_not_fit_itself_is_an_error() -> None:
    header = hypernetwork((768,))
    assert isinstance(header.tree, dict)
    with pytest.raises(IntegrityError) as caught:
        identify(replace(header, tree={640: header.tree[768]}))
    assert caught.value.reference == "hypernetwork-broken"


# --- adapters ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("unet", [unets.SD1, unets.SD2], ids=lambda unet: unet.id)
@pytest.mark.parametrize("only", ["attn2.to_k", "down_blocks.2.attentions.0", "proj_in", "mid_block"])
def test_one_block_of_a_lora_is_enough(unet: unets.UNet, only: str) -> None:
    assert identify(of(kohya_lora(unet, only=only))).architecture == unet.id


def test_self_attention_alone_leaves_both() -> None:
    facts = identify(of(kohya_lora(unets.SD1, only="attn1")))
    assert (facts.architecture, facts.candidates) == (None, ("sd1", "sd2"))


def test_under_diffusers_names_sdxl_and_kolors_are_one() -> None:
    lora = kohya_lora(unets.SDXL, only="attn2.to_k")
    assert identify(of(lora)).candidates == ("sdxl",), "kohya trains no Kolors"
    peft = {
        f"unet.{name}.lora_{part}.weight": shape
        for name, (out, into) in unets._modules(unets.SDXL, "diffusers")
        if name.endswith("attn2.to_k")
        for part, shape in (("A", (4, into)), ("B", (out, 4)))
    }
    assert identify(of(peft)).candidates == ("sdxl", "kolors")
    assert identify(of(lora, {"ss_base_model_version": "sdxl_base_v1-0"})).architecture == "sdxl"


@pytest.mark.parametrize(
    ("metadata", "lineage"),
    [
        ({"ss_new_sd_model_hash": "67ab2fd8ec439a89b3fedb15cc65f54336af163c7eb5e4f2acc98f090a29b0b3"}, "pony"),
        ({"ss_sd_model_name": "ponyDiffusionV6XL.safetensors"}, "pony"),
        ({"ss_sd_model_name": "Illustrious-XL-v0.1.safetensors"}, "illustrious"),
        ({"ss_sd_model_name": "noobaiXLNAIXL_vPred10.safetensors"}, "noobai"),
        ({"ss_sd_model_name": "sd_xl_base_1.0.safetensors"}, None),
    ],
)
def test_lineage(metadata: dict[str, str], lineage: str | None) -> None:
    lora = kohya_lora(unets.SDXL)
    facts = identify(of(lora, {"ss_base_model_version": "sdxl_base_v1-0", **metadata}))
    assert (facts.architecture, facts.lineage) == ("sdxl", lineage)


def test_an_empty_header_is_unknown() -> None:
    facts = identify(of({}))
    assert (facts.kind, facts.tensors, facts.confidence) == (Kind.UNKNOWN, 0, Confidence.GUESS)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the whole corpus is not here")
def test_no_case_of_the_whole_corpus_is_called_what_it_is_not() -> None:
    wrong = []
    for case in json.loads((SHARED / "INDEX.json").read_text("utf-8")):
        path = SHARED / case["file"]
        path = path if path.suffix == ".json" else path.with_name(path.name + ".header.json")
        if not path.is_file():
            continue
        facts = identify(header_from(json.loads(path.read_text("utf-8"))))
        if facts.kind not in (kind_of(case), Kind.UNKNOWN) or (facts.architecture and not right_base(facts, case)):
            wrong.append((case["file"], facts.kind, facts.architecture))
    assert wrong == []
