"""Adapters on Flux.1 and SD3: merged as diffusers fuses them, in every layout, and taken off bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

from tiny_transformers import CLIP_WIDTH  # noqa: E402

from hubman.core.plan.bases import fold  # noqa: E402
from hubman.core.plan.render import AdapterPlan  # noqa: E402
from hubman.core.types import Kind  # noqa: E402
from hubman.renderers.adapters import open_adapter  # noqa: E402

pytestmark = pytest.mark.render

RANK = 4

KOHYA = ("lora_unet_", "_", (".lora_down.weight", ".lora_up.weight"))
COMFY = ("diffusion_model.", ".", (".lora_A.weight", ".lora_B.weight"))

ORIGINALS = [
    *(f"double_blocks.{n}.{s}_{rest}" for n in (0, 1) for s in ("img", "txt") for rest in ("attn.qkv", "attn.proj")),
    *(f"double_blocks.1.{s}_{rest}" for s in ("img", "txt") for rest in ("mlp.0", "mlp.2", "mod.lin")),
    *(f"single_blocks.{n}.{rest}" for n in (0, 1) for rest in ("linear2", "modulation.lin")),
]
"""Modules of the original Flux.1 whose LoRA diffusers converts at any width (it knows 3072 only for `linear1`)."""

ENDS = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "final_layer.linear": "proj_out",
    "time_in.in_layer": "time_text_embed_timestep_embedder_linear_1",
    "time_in.out_layer": "time_text_embed_timestep_embedder_linear_2",
    "vector_in.in_layer": "time_text_embed_text_embedder_linear_1",
    "vector_in.out_layer": "time_text_embed_text_embedder_linear_2",
    "guidance_in.in_layer": "time_text_embed_guidance_embedder_linear_1",
    "guidance_in.out_layer": "time_text_embed_guidance_embedder_linear_2",
}
"""Modules outside of the blocks; diffusers 0.42.1 renames them without its prefix and then drops them in silence."""


def low_rank(names: list[str], base: Any, style: tuple[str, str, tuple[str, str]], alpha: float | None) -> Any:
    """Return a LoRA on original modules."""
    prefix, dot, ends = style
    make = torch.Generator().manual_seed(5)
    tensors = {}
    for name in names:
        rows, columns = base.layout.shape(base.layout.places("unet", fold(name)))
        stem = prefix + name.replace(".", dot)
        tensors[f"{stem}{ends[0]}"] = torch.randn(RANK, columns, generator=make) * columns**-0.5
        tensors[f"{stem}{ends[1]}"] = torch.randn(rows, RANK, generator=make) * 0.3
        if alpha is not None:
            tensors[f"{stem}.alpha"] = torch.tensor(alpha)
    return tensors


def text_lora(style: str) -> dict[str, Any]:
    """Return a LoRA on two projections of CLIP (diffusers tells kohya's layout by `out_proj`)."""
    make = torch.Generator().manual_seed(6)
    stem, ends = {
        "kohya": ("lora_te1_text_model_encoder_layers_1_self_attn_{}_proj", KOHYA[2]),
        "peft": ("text_encoder.text_model.encoder.layers.1.self_attn.{}_proj", COMFY[2]),
    }[style]
    tensors = {}
    for which in ("q", "out"):
        tensors[f"{stem.format(which)}{ends[0]}"] = torch.randn(RANK, CLIP_WIDTH, generator=make) * 0.2
        tensors[f"{stem.format(which)}{ends[1]}"] = torch.randn(CLIP_WIDTH, RANK, generator=make) * 0.3
    return tensors


def peft_lora(base: Any, endings: tuple[str, ...]) -> dict[str, Any]:
    """Return a LoRA with diffusers' names on the modules of the transformer that end so."""
    names = {name: module for name, module in base.unet.named_modules() if hasattr(module, "weight")}
    make = torch.Generator().manual_seed(7)
    tensors = {}
    for name, module in names.items():
        if name.endswith(endings) and module.weight.dim() == 2:
            rows, columns = module.weight.shape
            tensors[f"transformer.{name}.lora_A.weight"] = torch.randn(RANK, columns, generator=make) * columns**-0.5
            tensors[f"transformer.{name}.lora_B.weight"] = torch.randn(rows, RANK, generator=make) * 0.3
    return tensors


def merged(base: Any, path: str, strength: float = 1.0) -> dict[tuple[str, str], Any]:
    """Return a copy of all weights with an adapter on; the base is bit-exact afterwards (asserted)."""
    before = {key: module.weight.detach().clone() for key, module in base.modules.items()}
    adapter = open_adapter(base, AdapterPlan(path, "a", "", Kind.LORA))
    assert adapter.report.match.full, adapter.report.match
    adapter.set(strength)
    after = {key: module.weight.detach().clone() for key, module in base.modules.items()}
    adapter.remove()
    assert all(torch.equal(module.weight, before[key]) for key, module in base.modules.items())
    base.check()
    return after


def fused(folder: str, path: str) -> dict[tuple[str, str], Any]:
    """Return all weights after diffusers loaded a LoRA and fused it into them."""
    import diffusers

    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipe.load_lora_weights(path)
    pipe.fuse_lora(components=[part for part in ("transformer", "text_encoder") if getattr(pipe, part, None)])
    pipe.unload_lora_weights()
    found = {("unet", fold(name)): w for name, w in pipe.transformer.named_parameters()}
    found |= {("te1", fold(name.removeprefix("text_model."))): w for name, w in pipe.text_encoder.named_parameters()}
    return {(part, name.removesuffix("_weight")): w for (part, name), w in found.items() if name.endswith("_weight")}


def assert_same(base: Any, ours: Mapping[tuple[str, str], Any], theirs: Mapping[tuple[str, str], Any]) -> None:
    """Compare weights, and make sure that something changed at all."""
    changed = 0
    for key, weight in theirs.items():
        assert (ours[key] - weight).abs().max() < 2e-6, key
        changed += not torch.equal(base.modules[key].weight, ours[key])
    assert changed > 5


@pytest.fixture
def flux(bases: dict[str, Any]) -> Any:
    return bases["dev"]


def test_a_kohya_lora_is_merged_as_diffusers_fuses_it(flux: Any, folders: dict[str, str], files: Any) -> None:
    tensors = low_rank(ORIGINALS, flux, KOHYA, alpha=2.0) | text_lora("kohya")
    path = files.safetensors("kohya", tensors)
    assert_same(flux, merged(flux, path), fused(folders["dev"], path))


def test_modules_outside_of_the_blocks_are_merged_too(flux: Any, files: Any) -> None:
    tensors = low_rank(list(ENDS), flux, KOHYA, alpha=2.0)
    after = merged(flux, files.safetensors("ends", tensors))
    for old, new in ENDS.items():
        stem = f"lora_unet_{fold(old)}"
        delta = tensors[f"{stem}.lora_up.weight"].double() @ tensors[f"{stem}.lora_down.weight"].double() * 2 / RANK
        expected = flux.modules["unet", new].weight.double() + delta
        assert (after["unet", new].double() - expected).abs().max() < 1e-6, old


def test_comfyui_names_are_the_same_modules(flux: Any, files: Any) -> None:
    names = [*ORIGINALS, *ENDS, "single_blocks.0.linear1", "final_layer.adaLN_modulation.1"]
    kohya = files.safetensors("kohya", low_rank(names, flux, KOHYA, None))
    comfy = files.safetensors("comfy", low_rank(names, flux, COMFY, None))
    first, second = merged(flux, kohya), merged(flux, comfy)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_fused_matrix_of_a_single_block_is_spread_over_its_four(flux: Any, files: Any) -> None:
    path = files.safetensors("linear1", low_rank(["single_blocks.1.linear1"], flux, KOHYA, alpha=1.0))
    after = merged(flux, path)
    t = low_rank(["single_blocks.1.linear1"], flux, KOHYA, None)
    stem = "lora_unet_single_blocks_1_linear1"
    delta = t[f"{stem}.lora_up.weight"].double() @ t[f"{stem}.lora_down.weight"].double() / RANK
    start = 0
    for name in ("attn_to_q", "attn_to_k", "attn_to_v", "proj_mlp"):
        key = ("unet", f"single_transformer_blocks_1_{name}")
        weight = flux.modules[key].weight
        expected = weight.double() + delta[start : start + len(weight)]
        assert (after[key].double() - expected).abs().max() < 1e-6
        start += len(weight)
    assert start == len(delta)


def test_the_last_modulation_swaps_its_halves(flux: Any, files: Any) -> None:
    name = "final_layer.adaLN_modulation.1"
    path = files.safetensors("final", low_rank([name], flux, KOHYA, None))
    after = merged(flux, path)["unet", "norm_out_linear"]
    t = low_rank([name], flux, KOHYA, None)
    stem = "lora_unet_final_layer_adaLN_modulation_1"
    shift, scale = (t[f"{stem}.lora_up.weight"] @ t[f"{stem}.lora_down.weight"]).chunk(2)
    assert torch.allclose(after - flux.modules["unet", "norm_out_linear"].weight, torch.cat([scale, shift]), atol=1e-6)


def test_a_lora_with_diffusers_names_is_merged_as_diffusers_fuses_it(
    flux: Any, folders: dict[str, str], files: Any
) -> None:
    ends = ("to_q", "to_k", "add_v_proj", "to_out.0", "to_add_out", "proj_mlp", "proj_out", "net.2", "norm1.linear")
    path = files.safetensors("peft", peft_lora(flux, ends) | text_lora("peft"))
    assert_same(flux, merged(flux, path), fused(folders["dev"], path))


def test_an_xlabs_lora_is_merged_as_diffusers_fuses_it(flux: Any, folders: dict[str, str], files: Any) -> None:
    make = torch.Generator().manual_seed(8)
    places = {
        "double_blocks.0.processor.qkv_lora1": "double_blocks_0_img_attn_qkv",
        "double_blocks.0.processor.qkv_lora2": "double_blocks_0_txt_attn_qkv",
        "double_blocks.1.processor.proj_lora1": "double_blocks_1_img_attn_proj",
        "double_blocks.1.processor.proj_lora2": "double_blocks_1_txt_attn_proj",
        "single_blocks.0.processor.qkv_lora": "single_blocks_0_qkv",
        "single_blocks.1.processor.proj_lora": "single_blocks_1_linear2",
    }
    tensors = {}
    for name, place in places.items():
        rows, columns = flux.layout.shape(flux.layout.places("unet", place))
        tensors[f"{name}.down.weight"] = torch.randn(RANK, columns, generator=make) * columns**-0.5
        tensors[f"{name}.up.weight"] = torch.randn(rows, RANK, generator=make) * 0.3
    path = files.safetensors("xlabs", tensors)
    assert_same(flux, merged(flux, path), fused(folders["dev"], path))


@pytest.mark.parametrize("name", ["sd3", "sd35"])
def test_a_lora_on_sd3_is_merged_as_diffusers_fuses_it(
    name: str, bases: dict[str, Any], folders: dict[str, str], files: Any
) -> None:
    base = bases[name]
    ends = ("attn.to_q", "attn2.to_v", "add_k_proj", "to_out.0", "net.2", "norm1_context.linear", "proj_out")
    path = files.safetensors("peft", peft_lora(base, ends))
    assert_same(base, merged(base, path), fused(folders[name], path))


@pytest.mark.parametrize("name", ["sd3", "sd35"])
def test_full_differences_under_the_original_names_of_sd3_land_where_diffusers_converts_them(
    name: str, bases: dict[str, Any], files: Any
) -> None:
    from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers

    base = bases[name]
    make = torch.Generator().manual_seed(9)
    deltas = {
        old: torch.randn(base.layout.shape(base.layout.places("unet", fold(old))), generator=make) * 0.1
        for old in sd3_originals(name)
    }
    state = {f"{old}.weight": delta for old, delta in deltas.items()}
    state |= {f"{old}.bias": torch.zeros(len(delta)) for old, delta in deltas.items()} | {"pos_embed": torch.zeros(1)}
    theirs = convert_sd3_transformer_checkpoint_to_diffusers(state)
    assert not [full for full in state if full.endswith(".weight")]  # it knows all of these names, and missed none
    path = files.safetensors("full", {f"diffusion_model.{old}.diff": delta for old, delta in deltas.items()})
    ours = merged(base, path)
    for full, delta in theirs.items():
        if full.endswith(".weight"):
            key = ("unet", fold(full.removesuffix(".weight")))
            assert (ours[key] - base.modules[key].weight - delta).abs().max() < 1e-6, key


def sd3_originals(name: str) -> list[str]:
    """Return the modules of the original SD3 that a model of three blocks has."""
    newer = name == "sd35"
    found = [f"{part}_embedder.mlp.{n}" for part in "ty" for n in (0, 2)]
    found += ["x_embedder.proj", "context_embedder", "final_layer.linear", "final_layer.adaLN_modulation.1"]
    for block in range(3):
        streams = {"x_block": ("attn", "attn2") if newer and block < 2 else ("attn",), "context_block": ("attn",)}
        for stream, attentions in streams.items():
            stem = f"joint_blocks.{block}.{stream}"
            found.append(f"{stem}.adaLN_modulation.1")
            ends = block == 2 and stream == "context_block"
            found += [] if ends else [f"{stem}.mlp.fc1", f"{stem}.mlp.fc2"]
            for attention in attentions:
                found.append(f"{stem}.{attention}.qkv")
                found += [] if ends else [f"{stem}.{attention}.proj"]
                found += [f"{stem}.{attention}.ln_{which}" for which in "qk"] if newer else []
    return found
