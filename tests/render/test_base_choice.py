"""Which modules an adapter needs, which base has them, and what is rendered then; headers only, no torch."""

from __future__ import annotations

import pytest

from hubman.core.plan import (
    AdapterPlan,
    BasePlan,
    Candidate,
    Declared,
    PromptPair,
    RenderPlan,
    Sampling,
    adapter_layout,
    adapter_shape,
    base_layout,
    choose_base,
    choose_prompt,
    declared_base,
)
from hubman.core.plan.bases import Level, block_pairs
from hubman.core.plan.fit import match_embedding, match_hypernetwork, match_modules
from hubman.core.plan.prompts import FAMILY_PROMPT, is_negative, prompt_pairs
from hubman.core.types import Facts, Format, Header, Kind, TensorInfo


def infos(shapes: dict[str, tuple[int, ...]]) -> dict[str, TensorInfo]:
    return {name: TensorInfo(shape, "F16") for name, shape in shapes.items()}


def checkpoint(width: int = 320, context: int = 768, te: int = 768) -> dict[str, TensorInfo]:
    """Return the few LDM keys of an SD1 checkpoint that these tests need."""
    block = "model.diffusion_model.input_blocks"
    text = "cond_stage_model.transformer.text_model"
    return infos(
        {
            f"{block}.0.0.weight": (width, 4, 3, 3),
            f"{block}.1.0.in_layers.2.weight": (width, width, 3, 3),
            f"{block}.1.1.proj_in.weight": (width, width, 1, 1),
            f"{block}.1.1.transformer_blocks.0.attn1.to_k.weight": (width, width),
            f"{block}.1.1.transformer_blocks.0.attn2.to_k.weight": (width, context),
            f"{block}.2.0.in_layers.2.weight": (width, width, 3, 3),
            f"{block}.3.0.op.weight": (width, width, 3, 3),
            f"{block}.4.0.in_layers.2.weight": (2 * width, width, 3, 3),
            "model.diffusion_model.middle_block.1.proj_in.weight": (2 * width, 2 * width, 1, 1),
            "model.diffusion_model.output_blocks.2.1.conv.weight": (2 * width, 2 * width, 3, 3),
            "model.diffusion_model.output_blocks.0.0.in_layers.2.weight": (2 * width, 2 * width, 3, 3),
            f"{text}.embeddings.token_embedding.weight": (49408, te),
            f"{text}.encoder.layers.0.self_attn.q_proj.weight": (te, te),
            "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
        }
    )


def lora(module: str, out: int, into: int, rank: int = 4, kind: str = "kohya") -> dict[str, tuple[int, ...]]:
    down, up = ("lora_A.weight", "lora_B.weight") if kind == "peft" else ("lora_down.weight", "lora_up.weight")
    return {f"{module}.{down}": (rank, into), f"{module}.{up}": (out, rank)}


KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (KOHYA, "kohya"),
        ("lora_unet_input_blocks_1_1_transformer_blocks_0_attn2_to_k", "kohya"),
        ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", "peft"),
        ("base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", "peft"),
        ("down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", "peft"),
        ("diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k", "peft"),
    ],
)
def test_one_module_has_many_names(module: str, kind: str) -> None:
    """kohya, LDM, diffusers, PEFT and ComfyUI spellings all mean the same weight."""
    match = match_modules(adapter_layout(infos(lora(module, 320, 768, kind=kind))), base_layout(checkpoint()))
    assert (match.matched, match.total, match.parts) == (1, 1, {"unet": (1, 1)})


@pytest.mark.parametrize(
    "module",
    [
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj",
        "text_encoder.text_model.encoder.layers.0.self_attn.q_proj",
    ],
)
def test_text_encoder_names_meet_too(module: str) -> None:
    match = match_modules(adapter_layout(infos(lora(module, 768, 768))), base_layout(checkpoint()))
    assert match.parts == {"te1": (1, 1)}


def test_old_attention_processors_are_understood() -> None:
    stem = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora"
    layout = adapter_layout(infos({f"{stem}.down.weight": (4, 768), f"{stem}.up.weight": (320, 4)}))
    assert match_modules(layout, base_layout(checkpoint())).full


def test_sizes_of_another_base_do_not_fit() -> None:
    """The SD1.5 LoRA on a narrow base: every name is there, no size is."""
    match = match_modules(adapter_layout(infos(lora(KOHYA, 320, 768))), base_layout(checkpoint(width=16, context=80)))
    assert (match.matched, match.bad_shape) == (0, (KOHYA,))


def test_position_ids_are_harmless_and_strange_tensors_are_named() -> None:
    tensors = infos(lora(KOHYA, 320, 768)) | infos(
        {"lora_te_text_model_embeddings_position_ids": (1, 77), "bundle_emb.x.clip_l": (1, 768), "odd.thing": (3,)}
    )
    match = match_modules(adapter_layout(tensors), base_layout(checkpoint()))
    assert (match.matched, match.harmless, match.unknown) == (1, 2, ("odd.thing",))
    assert not match.full


def test_a_missing_partner_is_told_apart() -> None:
    match = match_modules(adapter_layout(infos({f"{KOHYA}.lora_down.weight": (4, 768)})), base_layout(checkpoint()))
    assert match.incomplete == (KOHYA,)


@pytest.mark.parametrize(
    ("tensors", "algorithm"),
    [
        ({"hada_w1_a": (320, 4), "hada_w1_b": (4, 768), "hada_w2_a": (320, 4), "hada_w2_b": (4, 768)}, "loha"),
        ({"lokr_w1": (8, 8), "lokr_w2_a": (40, 2), "lokr_w2_b": (2, 96)}, "lokr"),
        ({"a1.weight": (768, 4), "a2.weight": (4, 768), "b1.weight": (320, 4), "b2.weight": (4, 768)}, "glora"),
        ({"a1.weight": (4, 768), "a2.weight": (768, 4), "b1.weight": (4, 768), "b2.weight": (320, 4)}, "glora"),
        ({"weight": (768,), "on_input": ()}, "ia3"),
        ({"oft_blocks": (4, 80, 80)}, "oft"),
        ({"oft_blocks": (3, 4, 80, 80)}, "boft"),
        ({"diff": (320, 768)}, "full"),
    ],
)
def test_every_algorithm_says_its_size(tensors: dict[str, tuple[int, ...]], algorithm: str) -> None:
    layout = adapter_layout(infos({f"{KOHYA}.{name}": shape for name, shape in tensors.items()}))
    assert [module.algorithm for module in layout.modules] == [algorithm]
    assert match_modules(layout, base_layout(checkpoint())).full
    assert not match_modules(layout, base_layout(checkpoint(width=48, context=112))).matched


def test_a_weight_without_a_sibling_is_no_ia3() -> None:
    layout = adapter_layout(infos({"some.layer.weight": (4, 4)}))
    assert (layout.modules, layout.unknown) == ((), ("some.layer.weight",))


def test_block_numbers_of_sd1() -> None:
    """input_blocks 1, 2, 4, 5, 7, 8 carry SD1's attentions, output_blocks 3 to 11."""
    down = [Level(2, True, True)] * 3 + [Level(2, False, False)]
    up = [Level(3, False, True)] + [Level(3, True, True)] * 2 + [Level(3, True, False)]
    pairs = dict(block_pairs(down, up))
    attentions = [old for old, new in pairs.items() if ".attentions." in new and old.startswith("input")]
    assert [int(name.split(".")[1]) for name in attentions] == [1, 2, 4, 5, 7, 8]
    assert pairs["output_blocks.5.2.conv"] == "up_blocks.1.upsamplers.0.conv"
    assert pairs["output_blocks.2.1.conv"] == "up_blocks.0.upsamplers.0.conv"


@pytest.mark.parametrize(
    ("tensors", "matched", "total"),
    [
        ({"string_to_param.*": (2, 768)}, 1, 1),
        ({"emb_params": (8, 768)}, 1, 1),
        ({"<frida>": (768,)}, 1, 1),
        ({"emb_params": (8, 1024)}, 0, 1),
        ({"clip_l": (2, 768), "clip_g": (2, 1280)}, 1, 2),
    ],
)
def test_embeddings_fit_by_width(tensors: dict[str, tuple[int, ...]], matched: int, total: int) -> None:
    match = match_embedding(infos(tensors), base_layout(checkpoint()))
    assert (match.matched, match.total) == (matched, total)


def test_hypernetworks_fit_by_attention_widths() -> None:
    base = base_layout(checkpoint())
    assert match_hypernetwork((768, 320), base).full
    assert match_hypernetwork((1024, 320), base).bad_shape == ("1024",)


# --- choosing ---


def candidate(name: str, sha: str = "", tensors: dict[str, TensorInfo] | None = None, **more: str) -> Candidate:
    return Candidate(name, sha or name * 8, base_layout(checkpoint() if tensors is None else tensors), **more)


SHAPE = adapter_shape(Facts(Kind.LORA), infos(lora(KOHYA, 320, 768)))


def test_shapes_decide_before_hints() -> None:
    """A named base that does not fit loses against a base that does."""
    narrow = candidate("narrow", tensors=checkpoint(width=16, context=80))
    choice = choose_base(SHAPE, Declared(names=("narrow.safetensors",)), [narrow, candidate("wide")])
    assert (choice.index, choice.rule) == (1, "fits")


@pytest.mark.parametrize(
    "declared",
    [
        Declared(hashes=("b" * 64,)),
        Declared(hashes=("b" * 10,)),
        Declared(hashes=("1234abcd",)),
        Declared(names=("C:\\models\\Beta.safetensors",)),
    ],
)
def test_the_named_base_wins_among_those_that_fit(declared: Declared) -> None:
    bases = [candidate("alpha", "a" * 64), candidate("beta", "b" * 64, autov1="1234abcd")]
    assert choose_base(SHAPE, declared, bases).index == 1
    assert choose_base(SHAPE, declared, bases).rule == "declared"
    assert choose_base(SHAPE, Declared(), bases).index == 0


def test_lineage_decides_before_the_alphabet() -> None:
    bases = [candidate("alpha"), candidate("pony", lineage="Pony")]
    choice = choose_base(SHAPE, Declared(lineage="Pony"), bases)
    assert (choice.index, choice.rule) == (1, "lineage")


def test_the_hash_of_nothing_names_no_base() -> None:
    """AutoV1 of a file of 1 MiB or less is the sha256 of zero bytes."""
    bases = [candidate("alpha"), candidate("tiny", autov1="e3b0c442")]
    assert choose_base(SHAPE, Declared(hashes=("e3b0c442",)), bases).index == 0


def test_no_base_incompatible_and_partial() -> None:
    narrow = candidate("narrow", tensors=checkpoint(width=16, context=80))
    assert choose_base(SHAPE, Declared(), [narrow]).rule == "none"
    assert choose_base(SHAPE, Declared(), []).rule == "none"
    assert choose_base(SHAPE, Declared(names=("narrow",)), [narrow]).rule == "misfit"
    assert choose_base(SHAPE, Declared(), [narrow], given=True).rule == "misfit"
    assert choose_base(SHAPE, Declared(), [candidate("wide")], given=True).rule == "given"
    text = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
    mixed = lora(KOHYA, 320, 768) | lora(text, 768, 768) | lora("lora_te_elsewhere", 768, 768)
    choice = choose_base(adapter_shape(Facts(Kind.LORA), infos(mixed)), Declared(), [candidate("wide")])
    assert (choice.index, choice.rule) == (0, "partial")


def test_headers_name_bases() -> None:
    kohya = Header(
        Format.SAFETENSORS,
        {},
        metadata={"ss_new_sd_model_hash": "B" * 64, "ss_sd_model_hash": "None", "ss_sd_model_name": "x.safetensors"},
    )
    assert declared_base(kohya) == Declared(("b" * 64,), ("x.safetensors",))
    pickle = Header(Format.PICKLE, {}, tree={"sd_checkpoint": "4e9defb108", "sd_checkpoint_name": "tiny", 768: []})
    assert declared_base(pickle) == Declared(("4e9defb108",), ("tiny",))


# --- planning ---

FACTS = Facts(Kind.LORA, tags=(("shuimo", 40), ("1girl", 30), ("a long caption of the picture here", 9)))


def test_the_prompt_comes_from_the_best_source() -> None:
    sample = {"hubman.sample_prompt": "a red circle"}
    assert choose_prompt("mine", sample, FACTS, ["shuimo"]) == ("mine", "given")
    assert choose_prompt(None, sample, FACTS, ["shuimo"]) == ("a red circle", "base")
    assert choose_prompt(None, {}, FACTS, ["shuimo"]) == ("1girl", "training-tags")
    assert choose_prompt(None, {}, Facts(Kind.LORA), []) == (FAMILY_PROMPT, "default")


def test_the_neutral_prompt_never_holds_the_trigger() -> None:
    neutral, triggered = prompt_pairs(Kind.LORA, "a hill, shuimo, sky", "", ["shuimo"], in_negative=False)
    assert neutral == PromptPair("a hill, sky")
    assert triggered == PromptPair("a hill, shuimo, sky")


def test_a_negative_embedding_is_called_in_the_negative_prompt() -> None:
    neutral, triggered = prompt_pairs(Kind.EMBEDDING, "a hill", "blurry", ["toy-negative"], in_negative=True)
    assert neutral == PromptPair("a hill", "blurry")
    assert triggered == PromptPair("a hill", "blurry, toy-negative")


@pytest.mark.parametrize(
    ("name", "negative"),
    [("easynegative", True), ("bad-hands-5", True), ("toy-negative", True), ("goldstar", False), ("badger", False)],
)
def test_negative_embeddings_are_told_by_name(name: str, negative: bool) -> None:
    assert is_negative(Facts(Kind.EMBEDDING), name) is negative
    assert is_negative(Facts(Kind.EMBEDDING, negative=True), name)
    assert not is_negative(Facts(Kind.LORA), name)


def test_a_plan_survives_json() -> None:
    plan = RenderPlan(
        base=BasePlan("/b.safetensors", "b", "0" * 64, "/b"),
        adapter=AdapterPlan("/水墨.safetensors", "水墨", "1" * 64, Kind.EMBEDDING, "水墨"),
        neutral=PromptPair("a"),
        triggered=PromptPair("a, 水墨", "b"),
        triggers=("水墨",),
        sampling=Sampling(seeds=(7,), width=64, height=32),
        strengths=(0.5, 1.0),
        preview_strength=0.5,
        render=False,
    )
    assert RenderPlan.from_json(plan.to_json()) == plan
    assert RenderPlan.from_json({**plan.to_json(), "later": 1}) == plan


def test_partners_that_do_not_fit_are_a_fault_of_the_file() -> None:
    """An up of another rank, a rank of 0, an alpha of several numbers: incomplete, never a crash in the renderer."""
    name = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"

    def complete(up: tuple[int, ...], down: tuple[int, ...], alpha: tuple[int, ...] = ()) -> bool:
        tensors = {
            f"{name}.lora_up.weight": TensorInfo(up, "F16"),
            f"{name}.lora_down.weight": TensorInfo(down, "F16"),
            f"{name}.alpha": TensorInfo(alpha, "F16"),
        }
        (module,) = adapter_layout(tensors).modules
        return module.complete

    assert complete((32, 4), (4, 32))
    assert complete((32, 4), (4, 32), (1,))
    assert not complete((32, 8), (4, 32))
    assert not complete((32, 0), (0, 32))
    assert not complete((32, 4), (4, 32), (4,))
