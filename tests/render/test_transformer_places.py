"""Where the modules of the original Flux.1 and SD3 lie in diffusers': against diffusers' converters, at real size."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from hubman.core.plan.bases import BaseLayout, base_layout, fold, layout_of_parts  # noqa: E402
from hubman.core.plan.bases_transformers import (  # noqa: E402
    _RULES,
    _instances,
    diffusers_modules,
    original_kind,
)
from hubman.core.plan.fit import match_modules  # noqa: E402
from hubman.core.plan.flow import suited  # noqa: E402
from hubman.core.plan.modules import adapter_layout  # noqa: E402
from hubman.core.plan.render import Sampling  # noqa: E402
from hubman.core.types import TensorInfo  # noqa: E402

pytestmark = pytest.mark.render

SD35_LARGE = {
    "num_layers": 38,
    "num_attention_heads": 38,
    "caption_projection_dim": 2432,
    "pos_embed_max_size": 192,
    "qk_norm": "rms_norm",
}
SD35_MEDIUM = {
    "num_layers": 24,
    "num_attention_heads": 24,
    "caption_projection_dim": 1536,
    "pos_embed_max_size": 384,
    "qk_norm": "rms_norm",
    "dual_attention_layers": tuple(range(13)),
}
SD3_MEDIUM = {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 192}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "flux-dev": ("flux", {"guidance_embeds": True}),
    "flux-schnell": ("flux", {"guidance_embeds": False}),
    "sd3-medium": ("sd3", SD3_MEDIUM),
    "sd3.5-medium": ("sd3", SD35_MEDIUM),
    "sd3.5-large": ("sd3", SD35_LARGE),
}


@pytest.fixture(scope="module")
def shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Return model -> module -> shape of its weight, from diffusers' own classes at their real size, without memory."""
    from diffusers import FluxTransformer2DModel, SD3Transformer2DModel

    classes = {"flux": FluxTransformer2DModel, "sd3": SD3Transformer2DModel}
    found = {}
    for name, (kind, config) in MODELS.items():
        with torch.device("meta"):
            model = classes[kind](**config)
        weights = {key: value for key, value in model.state_dict().items() if key.endswith(".weight")}
        found[name] = {key.removesuffix(".weight"): tuple(value.shape) for key, value in weights.items()}
    return found


def original_modules(layout: BaseLayout, shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the modules of the original (name -> shape): those of our rules but XLabs' piece of `linear1`.

    The converter below raises for one too few and leaves one too many over, so the names are not ours to choose.
    """
    rules = _instances(_RULES[layout.transformer], shapes, "new")
    names = [rule.old for rule in rules if all(name in shapes for name in rule.new)]
    return {
        name: layout.shape(layout.places("unet", fold(name)))
        for name in names
        if not (name.startswith("single_blocks.") and name.endswith(".qkv"))
    }


def converted(kind: str, originals: dict[str, Any], model: str) -> dict[str, Any]:
    """Return diffusers name -> weight, as its converter makes them of original tensors; all of them must be used up."""
    from diffusers.loaders import single_file_utils

    convert = {
        "flux": single_file_utils.convert_flux_transformer_checkpoint_to_diffusers,
        "sd3": single_file_utils.convert_sd3_transformer_checkpoint_to_diffusers,
    }[kind]
    state = {f"{name}{'.scale' if name.endswith('_norm') else '.weight'}": t for name, t in originals.items()}
    state |= {f"{name}.bias": tensor[:, 0] for name, tensor in originals.items()}
    state |= {"pos_embed": torch.zeros(1)} if kind == "sd3" else {}
    result: dict[str, Any] = convert(state)
    assert [name for name in state if name.endswith((".weight", ".scale"))] == [], model
    return {name.removesuffix(".weight"): tensor for name, tensor in result.items() if name.endswith(".weight")}


@pytest.mark.parametrize("model", MODELS)
def test_every_row_of_an_original_module_lies_where_diffusers_converter_puts_it(
    model: str, shapes: dict[str, dict[str, tuple[int, ...]]]
) -> None:
    kind = MODELS[model][0]
    layout = layout_of_parts({"unet": shapes[model]})
    assert layout.transformer == kind
    originals = {}
    for name, shape in original_modules(layout, shapes[model]).items():
        # every row holds its own number, so that one sees where it went
        originals[name] = torch.arange(shape[0], dtype=torch.float32)[:, None].repeat(1, 2)
    theirs = converted(kind, originals, model)
    assert set(theirs) == set(shapes[model])
    for name in originals:
        taken = 0
        for place in layout.places("unet", fold(name)):
            new = next(key for key in theirs if fold(key) == place.key[1])
            rows = theirs[new][place.slice]
            assert torch.equal(rows[:, 0], torch.arange(taken, taken + len(rows), dtype=torch.float32)), (name, new)
            taken += len(rows)
        assert taken == len(originals[name]), name


@pytest.mark.parametrize("model", MODELS)
def test_a_single_file_in_the_original_layout_is_the_same_base_as_the_folder(
    model: str, shapes: dict[str, dict[str, tuple[int, ...]]]
) -> None:
    kind = MODELS[model][0]
    folder = base_layout({f"transformer/{name}.weight": TensorInfo(s, "BF16") for name, s in shapes[model].items()})
    originals = original_modules(folder, shapes[model])
    assert original_kind(originals) == kind
    assert diffusers_modules(kind, originals) == shapes[model]
    for prefix in ("", "model.diffusion_model."):
        file = {
            f"{prefix}{name}{'.scale' if name.endswith('_norm') else '.weight'}": TensorInfo(shape, "BF16")
            for name, shape in originals.items()
        }
        assert base_layout(file) == folder


def test_each_model_is_sampled_as_its_card_says(shapes: dict[str, dict[str, tuple[int, ...]]]) -> None:
    usual = Sampling(seeds=(1, 2), steps=20, cfg=7.0)
    wanted = {"flux-dev": (20, 3.5), "flux-schnell": (4, 1.0), "sd3-medium": (20, 4.5), "sd3.5-large": (20, 4.5)}
    for model, (steps, cfg) in wanted.items():
        found = suited(usual, layout_of_parts({"unet": shapes[model]}))
        assert (found.steps, found.cfg, found.sampler, found.seeds) == (steps, cfg, "euler", (1, 2))
    assert suited(usual, layout_of_parts({"unet": {"conv_in": (320, 4, 3, 3)}})) == usual


@pytest.mark.parametrize(
    "missing",
    ["transformer_blocks.0.norm1_context.linear", "single_transformer_blocks.0.norm.linear"],
)
def test_models_with_blocks_like_flux_are_not_taken_for_it(
    missing: str, shapes: dict[str, dict[str, tuple[int, ...]]]
) -> None:
    chroma = {name: shape for name, shape in shapes["flux-dev"].items() if name != missing}
    layout = layout_of_parts({"unet": chroma})
    assert layout.transformer == ""
    assert not layout.places("unet", "double_blocks_0_img_attn_qkv")


# --- adapters of every layout, at real size ----------------------------------------------------------------------


def flux_layout(shapes: dict[str, dict[str, tuple[int, ...]]]) -> BaseLayout:
    """Return Flux.1 [dev] with the CLIP and T5 that come with it, as far as adapters touch them."""
    clip = {f"encoder.layers.0.self_attn.{which}_proj": (768, 768) for which in ("q", "k", "v", "out")}
    t5 = {f"encoder.block.0.layer.0.SelfAttention.{which}": (4096, 4096) for which in "qkvo"}
    clip["embeddings.token_embedding"] = (49408, 768)
    t5["shared"] = (32128, 4096)
    return layout_of_parts({"unet": shapes["flux-dev"], "te1": clip, "te2": t5})


def pair(name: str, rows: int, columns: int, ends: tuple[str, str]) -> dict[str, TensorInfo]:
    return {f"{name}{ends[0]}": TensorInfo((16, columns), "BF16"), f"{name}{ends[1]}": TensorInfo((rows, 16), "BF16")}


KOHYA = (".lora_down.weight", ".lora_up.weight")
PEFT = (".lora_A.weight", ".lora_B.weight")
XLABS = (".down.weight", ".up.weight")

FLUX_MODULES = [
    # name as the file writes it, rows, columns, suffixes, part, how many modules of the base it changes
    ("lora_unet_double_blocks_3_img_attn_qkv", 9216, 3072, KOHYA, "unet", 3),
    ("lora_unet_double_blocks_18_txt_mod_lin", 18432, 3072, KOHYA, "unet", 1),
    ("lora_unet_single_blocks_37_linear1", 21504, 3072, KOHYA, "unet", 4),
    ("lora_unet_single_blocks_37_linear2", 3072, 15360, KOHYA, "unet", 1),
    ("lora_unet_final_layer_adaLN_modulation_1", 6144, 3072, KOHYA, "unet", 2),
    ("lora_unet_guidance_in_in_layer", 3072, 256, KOHYA, "unet", 1),
    ("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", 768, 768, KOHYA, "te1", 1),
    ("lora_te3_encoder_block_0_layer_0_SelfAttention_k", 4096, 4096, KOHYA, "te3", 1),
    ("lora_te2_encoder_block_0_layer_0_SelfAttention_k", 4096, 4096, KOHYA, "te2", 1),
    ("diffusion_model.double_blocks.0.txt_attn.qkv", 9216, 3072, PEFT, "unet", 3),
    ("text_encoders.clip_l.transformer.text_model.encoder.layers.0.self_attn.out_proj", 768, 768, PEFT, "te1", 1),
    ("text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.o", 4096, 4096, PEFT, "te3", 1),
    ("transformer.single_transformer_blocks.0.proj_mlp", 12288, 3072, PEFT, "unet", 1),
    ("transformer.transformer_blocks.0.attn.to_out.0", 3072, 3072, PEFT, "unet", 1),
    ("text_encoder.text_model.encoder.layers.0.self_attn.v_proj", 768, 768, PEFT, "te1", 1),
    ("base_model.model.proj_out", 64, 3072, PEFT, "unet", 1),
    ("base_model.model.double_blocks.0.img_attn.proj", 3072, 3072, PEFT, "unet", 1),
    ("lora_transformer_transformer_blocks_5_ff_context_net_0_proj", 12288, 3072, KOHYA, "unet", 1),
    ("lora_transformer_single_blocks_5_linear1.3", 12288, 3072, KOHYA, "unet", 1),
    ("double_blocks.7.processor.qkv_lora1", 9216, 3072, XLABS, "unet", 3),
    ("double_blocks.7.processor.qkv_lora2", 9216, 3072, XLABS, "unet", 3),
    ("double_blocks.7.processor.proj_lora1", 3072, 3072, XLABS, "unet", 1),
    ("diffusion_model.double_blocks.7.processor.proj_lora2", 3072, 3072, XLABS, "unet", 1),
    ("single_blocks.7.processor.qkv_lora", 9216, 3072, XLABS, "unet", 3),
    ("single_blocks.7.processor.proj_lora", 3072, 15360, XLABS, "unet", 1),
]


@pytest.mark.parametrize(("name", "rows", "columns", "ends", "part", "count"), FLUX_MODULES, ids=lambda v: str(v)[:60])
def test_a_module_finds_its_place_in_any_layout(
    name: str,
    rows: int,
    columns: int,
    ends: tuple[str, str],
    part: str,
    count: int,
    shapes: dict[str, dict[str, tuple[int, ...]]],
) -> None:
    base = flux_layout(shapes)
    layout = adapter_layout(pair(name, rows, columns, ends))
    match = match_modules(layout, base)
    assert match.full
    assert dict(match.parts) == {part: (1, 1)}
    assert len(base.places(part, layout.modules[0].key)) == count
    wrong = match_modules(adapter_layout(pair(name, rows + 8, columns, ends)), base)
    assert wrong.matched == 0
    assert len(wrong.bad_shape) == 1


@pytest.mark.parametrize(
    ("name", "rows", "columns", "there"),
    [
        ("lora_unet_joint_blocks_23_x_block_attn_qkv", 4608, 1536, True),
        ("lora_unet_joint_blocks_23_context_block_attn_qkv", 4608, 1536, True),
        ("lora_unet_joint_blocks_22_context_block_attn_proj", 1536, 1536, True),
        ("lora_unet_joint_blocks_23_context_block_attn_proj", 1536, 1536, False),
        ("lora_unet_joint_blocks_23_context_block_mlp_fc1", 6144, 1536, False),
        ("lora_unet_joint_blocks_12_x_block_attn2_qkv", 4608, 1536, True),
        ("lora_unet_joint_blocks_13_x_block_attn2_qkv", 4608, 1536, False),
        ("lora_unet_joint_blocks_23_context_block_adaLN_modulation_1", 3072, 1536, True),
        ("lora_unet_joint_blocks_22_context_block_adaLN_modulation_1", 9216, 1536, True),
    ],
)
def test_the_last_block_of_sd3_lacks_what_ends_in_it(
    name: str, rows: int, columns: int, there: bool, shapes: dict[str, dict[str, tuple[int, ...]]]
) -> None:
    base = layout_of_parts({"unet": shapes["sd3.5-medium"]})
    match = match_modules(adapter_layout(pair(name, rows, columns, KOHYA)), base)
    assert match.full is there
    assert bool(match.unmatched) is not there
