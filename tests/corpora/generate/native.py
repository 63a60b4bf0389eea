"""Layouts that no installed package builds: the models' own names, as their authors and ComfyUI's packages use them.

A native layout is made of diffusers' model by turning its names round. Where diffusers has a converter from that
layout, the result is put through it on the meta device, and a case is only made if exactly diffusers' model comes out.
The others follow from what is known of the format; `source` says which of the two a case is.
"""

from __future__ import annotations

import json
import lzma
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from diffusers.loaders import single_file_utils

from tests.corpora.generate.case import Case, of_shapes
from tests.corpora.generate.diffusers_labels import DEFAULTS, NAMED, Label
from tests.corpora.generate.diffusers_models import build
from tests.corpora.generate.trees import CORPORA, natives

Modules = dict[str, tuple[int, ...]]
CHECKED = "diffusers' names turned round, and back by its own converter"
AUTHORED = "names and shapes written from the format's own code"


class Native(NamedTuple):
    """A native layout: whose names are turned round and how.

    `renames` are (pattern, replacement) in order; `fused` are (parts, whole) whose first dimensions add up; `more` are
    tensors that only the native layout has; `converter` is the part of diffusers that turns it back.
    """

    model: str
    renames: Sequence[tuple[str, str]]
    fused: Sequence[tuple[tuple[str, ...], str]] = ()
    more: Callable[[Modules], Modules] = lambda found: {}
    converter: str = ""
    drop: str = "$^"


QKV = ("attn.to_q", "attn.to_k", "attn.to_v")
LUMINA = Native(
    "lumina2",
    [
        (r"^time_caption_embed\.caption_embedder", "cap_embedder"),
        (r"^time_caption_embed\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
        (r"^time_caption_embed\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
        (r"^norm_out\.linear_1", "final_layer.adaLN_modulation.1"),
        (r"^norm_out\.linear_2", "final_layer.linear"),
        (r"attn\.to_out\.0", "attention.out"),
        (r"attn\.norm_([qk])", r"attention.\1_norm"),
        (r"attn\.qkv", "attention.qkv"),
        (r"feed_forward\.linear_", "feed_forward.w"),
        (r"norm1\.linear", "adaLN_modulation.1"),
        (r"(?<!ffn_)norm1\.norm|(?<!ffn_)norm1(?=\.weight)", "attention_norm1"),
        (r"(?<!ffn_)norm2", "attention_norm2"),
    ],
    [(QKV, "attn.qkv")],
    lambda found: {"norm_final.weight": (2304,)},
    "convert_lumina2_to_diffusers",
)
MOCHI = Native(
    "mochi_1",
    [
        (r"^patch_embed\.proj", "x_embedder.proj"),
        (r"^time_embed\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
        (r"^time_embed\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
        (r"^time_embed\.pooler", "t5_y_embedder"),
        (r"^time_embed\.caption_proj", "t5_yproj"),
        (r"^transformer_blocks", "blocks"),
        (r"norm1_context\.linear(_1)?", "mod_y"),
        (r"norm1\.linear", "mod_x"),
        (r"attn1\.norm_added_([qk])", r"attn.\1_norm_y"),
        (r"attn1\.norm_([qk])", r"attn.\1_norm_x"),
        (r"attn1\.to_out\.0", "attn.proj_x"),
        (r"attn1\.to_add_out", "attn.proj_y"),
        (r"attn1\.qkv_", "attn.qkv_"),
        (r"ff_context\.net\.0\.proj", "mlp_y.w1"),
        (r"ff_context\.net\.2", "mlp_y.w2"),
        (r"ff\.net\.0\.proj", "mlp_x.w1"),
        (r"ff\.net\.2", "mlp_x.w2"),
        (r"^norm_out\.linear", "final_layer.mod"),
        (r"^proj_out", "final_layer.linear"),
    ],
    [
        (("attn1.to_q", "attn1.to_k", "attn1.to_v"), "attn1.qkv_x"),
        (("attn1.add_q_proj", "attn1.add_k_proj", "attn1.add_v_proj"), "attn1.qkv_y"),
    ],
    converter="convert_mochi_transformer_checkpoint_to_diffusers",
)
LTX = [(r"^proj_in", "patchify_proj"), (r"^time_embed", "adaln_single"), (r"norm_([qk])", r"\1_norm")]
LTX2 = [
    (r"^audio_proj_in", "audio_patchify_proj"),
    (r"^proj_in", "patchify_proj"),
    (r"^audio_time_embed", "audio_adaln_single"),
    (r"^time_embed", "adaln_single"),
    (r"^av_cross_attn_video_scale_shift\.", "av_ca_video_scale_shift_adaln_single."),
    (r"^av_cross_attn_video_a2v_gate\.", "av_ca_a2v_gate_adaln_single."),
    (r"^av_cross_attn_audio_scale_shift\.", "av_ca_audio_scale_shift_adaln_single."),
    (r"^av_cross_attn_audio_v2a_gate\.", "av_ca_v2a_gate_adaln_single."),
    (r"video_a2v_cross_attn_scale_shift_table", "scale_shift_table_a2v_ca_video"),
    (r"audio_a2v_cross_attn_scale_shift_table", "scale_shift_table_a2v_ca_audio"),
    (r"norm_([qk])", r"\1_norm"),
]
SANA = Native(
    "SanaTransformer2DModel",
    [
        (r"^patch_embed\.proj", "x_embedder.proj"),
        (r"^time_embed\.emb\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
        (r"^time_embed\.emb\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
        (r"^time_embed\.linear", "t_block.1"),
        (r"^caption_projection\.linear_", "y_embedder.y_proj.fc"),
        (r"^caption_norm", "attention_y_norm"),
        (r"^proj_out", "final_layer.linear"),
        (r"^scale_shift_table", "final_layer.scale_shift_table"),
        (r"^transformer_blocks", "blocks"),
        (r"attn1\.to_out\.0", "attn.proj"),
        (r"attn1\.qkv", "attn.qkv"),
        (r"attn2\.to_q", "cross_attn.q_linear"),
        (r"attn2\.kv", "cross_attn.kv_linear"),
        (r"attn2\.to_out\.0", "cross_attn.proj"),
        (r"ff\.conv_(inverted|depth|point)", r"mlp.\1_conv.conv"),
    ],
    [(("attn1.to_q", "attn1.to_k", "attn1.to_v"), "attn1.qkv"), (("attn2.to_k", "attn2.to_v"), "attn2.kv")],
    lambda found: {
        "pos_embed": (1, 1024, found["x_embedder.proj.weight"][0]),
        "y_embedder.y_embedding": (300, 2304),
    },
    "convert_sana_transformer_to_diffusers",
)
WAN = [
    (r"^condition_embedder\.time_embedder\.linear_1", "time_embedding.0"),
    (r"^condition_embedder\.time_embedder\.linear_2", "time_embedding.2"),
    (r"^condition_embedder\.text_embedder\.linear_1", "text_embedding.0"),
    (r"^condition_embedder\.text_embedder\.linear_2", "text_embedding.2"),
    (r"^condition_embedder\.time_proj", "time_projection.1"),
    (r"^condition_embedder\.image_embedder\.norm1", "img_emb.proj.0"),
    (r"^condition_embedder\.image_embedder\.ff\.net\.0\.proj", "img_emb.proj.1"),
    (r"^condition_embedder\.image_embedder\.ff\.net\.2", "img_emb.proj.3"),
    (r"^condition_embedder\.image_embedder\.norm2", "img_emb.proj.4"),
    (r"^condition_embedder\.image_embedder\.pos_embed", "img_emb.emb_pos"),
    (r"^scale_shift_table", "head.modulation"),
    (r"^proj_out", "head.head"),
    (r"(vace_blocks\.\d+)\.proj_in", r"\1.before_proj"),
    (r"(vace_blocks\.\d+)\.proj_out", r"\1.after_proj"),
    (r"scale_shift_table", "modulation"),
    (r"ffn\.net\.0\.proj", "ffn.0"),
    (r"ffn\.net\.2", "ffn.2"),
    (r"attn1\.", "self_attn."),
    (r"attn2\.", "cross_attn."),
    (r"\.to_out\.0\.", ".o."),
    (r"\.to_([qkv])\.", r".\1."),
    (r"\.add_([kv])_proj\.", r".\1_img."),
    (r"\.norm_added_k\.", ".norm_k_img."),
    (r"\.norm2\.", ".norm_swap."),
    (r"\.norm3\.", ".norm2."),
    (r"\.norm_swap\.", ".norm3."),
]
HUNYUAN = Native(
    "HunyuanVideoTransformer3DModel",
    [
        (r"^context_embedder\.time_text_embed\.timestep_embedder\.linear_1", "txt_in.t_embedder.mlp.0"),
        (r"^context_embedder\.time_text_embed\.timestep_embedder\.linear_2", "txt_in.t_embedder.mlp.2"),
        (r"^context_embedder\.time_text_embed\.text_embedder", "txt_in.c_embedder"),
        (r"^context_embedder\.proj_in", "txt_in.input_embedder"),
        (r"^context_embedder\.token_refiner\.refiner_blocks", "txt_in.individual_token_refiner.blocks"),
        (r"(refiner\.blocks\.\d+)\.norm_out\.linear", r"\1.adaLN_modulation.1"),
        (r"(refiner\.blocks\.\d+)\.attn\.qkv", r"\1.self_attn_qkv"),
        (r"(refiner\.blocks\.\d+)\.attn\.to_out\.0", r"\1.self_attn_proj"),
        (r"(refiner\.blocks\.\d+)\.ff\.net\.0\.proj", r"\1.mlp.fc1"),
        (r"(refiner\.blocks\.\d+)\.ff\.net\.2", r"\1.mlp.fc2"),
        (r"^x_embedder", "img_in"),
        (r"^time_text_embed\.timestep_embedder\.linear_1", "time_in.mlp.0"),
        (r"^time_text_embed\.timestep_embedder\.linear_2", "time_in.mlp.2"),
        (r"^time_text_embed\.guidance_embedder\.linear_1", "guidance_in.mlp.0"),
        (r"^time_text_embed\.guidance_embedder\.linear_2", "guidance_in.mlp.2"),
        (r"^time_text_embed\.text_embedder\.linear_1", "vector_in.in_layer"),
        (r"^time_text_embed\.text_embedder\.linear_2", "vector_in.out_layer"),
        (r"^single_transformer_blocks", "single_blocks"),
        (r"^transformer_blocks", "double_blocks"),
        (r"^(double.*)attn\.norm_added_([qk])", r"\1txt_attn_\2_norm"),
        (r"^(double.*)attn\.norm_([qk])", r"\1img_attn_\2_norm"),
        (r"^(double.*)attn\.to_out\.0", r"\1img_attn_proj"),
        (r"^(double.*)attn\.to_add_out", r"\1txt_attn_proj"),
        (r"^(double.*)attn\.qkv", r"\1img_attn_qkv"),
        (r"^(double.*)attn\.added", r"\1txt_attn_qkv"),
        (r"^(double.*)norm1_context\.linear", r"\1txt_mod.linear"),
        (r"^(double.*)norm1\.linear", r"\1img_mod.linear"),
        (r"^(double.*)ff_context\.net\.0\.proj", r"\1txt_mlp.fc1"),
        (r"^(double.*)ff_context\.net\.2", r"\1txt_mlp.fc2"),
        (r"^(double.*)ff\.net\.0\.proj", r"\1img_mlp.fc1"),
        (r"^(double.*)ff\.net\.2", r"\1img_mlp.fc2"),
        (r"^(single.*)attn\.norm_([qk])", r"\1\2_norm"),
        (r"^(single.*)proj_out", r"\1linear2"),
        (r"^(single.*)norm\.linear", r"\1modulation.linear"),
        (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
        (r"^proj_out", "final_layer.linear"),
    ],
    [
        (("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"), "attn.added"),
        (("single:attn.to_q", "single:attn.to_k", "single:attn.to_v", "single:proj_mlp"), "linear1"),
        (QKV, "attn.qkv"),
    ],
    converter="convert_hunyuan_video_transformer_to_diffusers",
)
FLUX3 = [
    (r"^x_embedders", "emb_in"),
    (r"^context_embedder", "txt_in"),
    (r"^mode_blocks", "content_mode_blocks"),
    (r"^single_transformer_blocks", "single_blocks"),
    (r"^timestep_embedder\.linear_1", "time_in.in_layer"),
    (r"^timestep_embedder\.linear_2", "time_in.out_layer"),
    (r"^norm_out\.linear", "final_layer.image.adaLN_modulation.1"),
    (r"^proj_out", "final_layer.image.linear"),
    (r"attn\.to_([qkv])\.", r"\1_proj."),
    (r"attn\.to_out\.0", "attn_out"),
    (r"attn\.norm_q\.weight", "norm.query_norm.scale"),
    (r"attn\.norm_k\.weight", "norm.key_norm.scale"),
    (r"ff\.linear_in", "mlp_in"),
    (r"ff\.linear_out", "mlp_out"),
    (r"(modulation\w*)\.linear\.weight", r"\1.lin.weight"),
]
MOTION = [
    (r"motion_modules\.(\d+)\.", r"motion_modules.\1.temporal_transformer."),
    (r"pos_embed\.pe", "pos_encoder.pe"),
    (r"\.attn1\.", ".attention_blocks.0."),
    (r"\.attn2\.", ".attention_blocks.1."),
    (r"\.norm1\.", ".norms.0."),
    (r"\.norm2\.", ".norms.1."),
    (r"\.norm3\.", ".ff_norm."),
]


def _wan(model: str) -> Native:
    return Native(model, WAN, converter="convert_wan_transformer_to_diffusers")


def _ltx(model: str) -> Native:
    return Native(model, LTX, converter="convert_ltx_transformer_checkpoint_to_diffusers")


def _same(model: str) -> Native:
    """Authors who use diffusers' own names."""
    return Native(model, ())


LAYOUTS: dict[str, Native] = {
    "lumina2": LUMINA,
    "mochi": MOCHI,
    "ltxv_2b": _ltx("ltx_video_0.9"),
    "ltxv_13b": _ltx("ltx_video_0.9.7_13b"),
    "ltx2": Native("LTX2VideoTransformer3DModel", LTX2, converter="convert_ltx2_transformer_to_diffusers"),
    "sana_1.6b": SANA,
    "sana_600m": SANA._replace(model="sana_600m"),
    "wan21_i2v_14b": _wan("wan21_i2v_14b"),
    "wan_t2v_14b": _wan("wan_t2v_14b"),
    "wan_t2v_1.3b": _wan("wan_t2v_1.3b"),
    "wan21_vace_14b": _wan("wan21_vace_14b"),
    "skyreels_v2_i2v_1.3b": _wan("skyreels_v2_i2v_1.3b"),
    "hunyuan_video_original": HUNYUAN,
    "hunyuan_video_i2v_original": HUNYUAN._replace(model="hunyuan_video_i2v_concat"),
    "flux3": Native("Flux3Transformer2DModel", FLUX3, converter="convert_flux3_transformer_checkpoint_to_diffusers"),
    "ernie_image": _same("ErnieImageTransformer2DModel"),
    "longcat_image": _same("LongCatImageTransformer2DModel"),
    "kandinsky5_image": _same("kandinsky5_image"),
    "kandinsky5_lite": _same("kandinsky5_lite"),
    "motion_v1": Native("motion_adapter_v1", MOTION, converter="convert_animatediff_checkpoint_to_diffusers"),
    "motion_v2": Native("motion_adapter_v2", MOTION, converter="convert_animatediff_checkpoint_to_diffusers"),
    "motion_v3": Native("motion_adapter_v3", MOTION, converter="convert_animatediff_checkpoint_to_diffusers"),
    "motion_sdxl_beta": Native("motion_adapter_sdxl", MOTION, converter="convert_animatediff_checkpoint_to_diffusers"),
    "motion_animatelcm": Native("motion_adapter_v2", MOTION, drop=r"pos_embed"),
}


def diffusers_shapes(name: str) -> tuple[Modules, Label]:
    kind, label, config = NAMED[name] if name in NAMED else (name, DEFAULTS[name], {})
    return {key: tuple(value.shape) for key, value in build(kind, config).state_dict().items()}, label


def turned(native: Native, shapes: Modules) -> Modules:
    """The native names and shapes of a model of diffusers."""
    found = {name: shape for name, shape in shapes.items() if not re.search(native.drop, name)}
    for parts, whole in native.fused:
        found = _fuse(found, parts, whole)
    for pattern, replacement in native.renames:
        found = {re.sub(pattern, replacement, name): shape for name, shape in found.items()}
    return {**found, **native.more(found)}


def _fuse(shapes: Modules, parts: tuple[str, ...], whole: str) -> Modules:
    """Add parts up along the first dimension; a part "single:x" is x in blocks whose name begins with single."""
    begin, _, first = parts[0].rpartition(":")
    rest = {part.rpartition(":")[2] for part in parts[1:]}
    found: Modules = {}
    for name, shape in shapes.items():
        stem, hit, end = _split(name, first) if name.startswith(begin) else (name, False, "")
        if hit and all(f"{stem}{part}{end}" in shapes for part in rest):
            total = shape[0] + sum(shapes[f"{stem}{part}{end}"][0] for part in rest)
            found[f"{stem}{whole}{end}"] = (total, *shape[1:])
        elif not any(
            name.startswith(begin) and _split(name, part)[1] and _whole(shapes, name, part, first) for part in rest
        ):
            found[name] = shape
    return found


def _split(name: str, part: str) -> tuple[str, bool, str]:
    match = re.search(rf"(?:^|\.){re.escape(part)}(?=\.\w+$)", name)
    if not match:
        return name, False, ""
    start = match.end() - len(part)
    return name[:start], True, name[match.end() :]


def _whole(shapes: Modules, name: str, part: str, first: str) -> bool:
    stem, _, end = _split(name, part)
    return f"{stem}{first}{end}" in shapes


def comes_back(native: Native, found: Modules, shapes: Modules) -> bool:
    """Whether diffusers' converter makes its own model of the native layout."""
    meta = {name: torch.empty(shape, device="meta") for name, shape in found.items()}
    back = getattr(single_file_utils, native.converter)(meta)
    made = {name: tuple(value.shape) for name, value in back.items()}
    kept = {name: shape for name, shape in shapes.items() if "pos_embed.pe" not in name}
    wrong = [name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name)]
    if wrong:
        sys.stderr.write(f"  {native.model}: {len(wrong)} do not come back, as {sorted(wrong)[:4]}\n")
    return not wrong


def _case(file: str, label: Label, shapes: Mapping[str, tuple[int, ...]], checked: bool, **more: Any) -> Case:
    return Case(
        file=f"generated/native/{file}.json",
        kind=label.kind,
        base=label.base,
        layout=more.pop("layout", "native layout"),
        source=CHECKED if checked else AUTHORED,
        tensors=of_shapes(shapes, more.pop("dtype", "BF16")),
        ambiguous=label.ambiguous,
        variant=label.variant,
        provenance="spec-authored",
        **more,
    )


def layout_cases() -> Iterator[Case]:
    for name, native in LAYOUTS.items():
        shapes, label = diffusers_shapes(native.model)
        found = turned(native, shapes)
        checked = bool(native.converter) and comes_back(native, found, shapes)
        if native.converter and not checked:
            continue
        if native.renames:
            yield _case(f"{name}__bare", label, found, checked)
        if label.kind == "diffusion_model":
            yield _case(
                f"{name}__prefixed", label, {f"model.diffusion_model.{key}": at for key, at in found.items()}, checked
            )


# --- what steers ---------------------------------------------------------------------------------------------------
HINT = ((3, 16), (16, 16), (16, 32), (32, 32), (32, 96), (96, 96), (96, 256))


def controlnet(unet: Modules) -> Modules:
    """LDM's ControlNet: the way down and the middle of a U-Net, a hint's convolutions, and a zero convolution each."""
    found = {name: shape for name, shape in unet.items() if not name.startswith(("out.", "output_blocks."))}
    width = found["input_blocks.0.0.weight"][0]
    found["input_blocks.0.0.weight"] = (width, 4, 3, 3)
    for number, (into, out) in enumerate((*HINT, (256, width))):
        found |= {
            f"input_hint_block.{2 * number}.weight": (out, into, 3, 3),
            f"input_hint_block.{2 * number}.bias": (out,),
        }
    numbers = sorted({int(name.split(".")[1]) for name in found if name.startswith("input_blocks.")})
    for number in numbers:
        for end in ("0.out_layers.3", "0.op", "0"):
            if f"input_blocks.{number}.{end}.bias" in found:
                width = found[f"input_blocks.{number}.{end}.bias"][0]
        found |= {f"zero_convs.{number}.0.weight": (width, width, 1, 1), f"zero_convs.{number}.0.bias": (width,)}
    return {**found, "middle_block_out.0.weight": (width, width, 1, 1), "middle_block_out.0.bias": (width,)}


def controlnet_cases() -> Iterator[Case]:
    unets = {
        "sd1": "comfy_generated/sd15_ip2p_unet__ldm_prefixed.json",
        "sd2": "comfy_generated/sd21_unet__ldm_prefixed.json",
        "sdxl": "comfy_generated/sdxl_unet__bare.json",
    }
    for base, file in unets.items():
        shapes = controlnet(natives()[file])
        label = Label("controlnet", base)
        yield _case(f"controlnet_{base}__bare", label, shapes, False, dtype="F16")
        prefixed = {f"control_model.{name}": shape for name, shape in shapes.items()}
        yield _case(f"controlnet_{base}__control_model", label, prefixed, False, dtype="F16")


def t2i_cases() -> Iterator[Case]:
    for name in ("full_sd1", "full_sd1_gray", "light_sd1", "full_sdxl"):
        shapes, label = diffusers_shapes(f"t2i_adapter_{name}")
        found = {}
        for key, shape in shapes.items():
            key = key.removeprefix("adapter.")
            if "light" in name:
                key = key.replace(".resnets.", ".body.")
            else:
                key = re.sub(r"body\.(\d+)\.resnets\.(\d+)", lambda hit: f"body.{2 * int(hit[1]) + int(hit[2])}", key)
                key = re.sub(r"body\.(\d+)\.in_conv", lambda hit: f"body.{2 * int(hit[1])}.in_conv", key)
            found[key] = shape
        yield _case(f"t2i_adapter_{name}", label, found, False, dtype="F32")


def _processors(name: str) -> list[tuple[int, int | None]]:
    """Hidden width and text width (None for self-attention) of each attention, as IP-Adapter counts them."""
    kind, _, config = NAMED[name]
    model = build(kind, config)
    parts = dict(model.named_modules())
    found: list[tuple[int, int | None]] = []
    for key in model.attn_processors:
        attention = parts[key.removesuffix(".processor")]
        text = attention.to_k.in_features if ".attn2." in key else None
        found.append((attention.to_q.out_features, text))
    return found


def _norm(name: str, size: int) -> Modules:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def _linear(name: str, out: int, into: int) -> Modules:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def resampler(dim: int, image: int, out: int, heads: int, queries: int = 16) -> Modules:
    """The projection of IP-Adapter plus."""
    inner = heads * 64
    found: Modules = {"image_proj.latents": (1, queries, dim)}
    found |= _linear("image_proj.proj_in", dim, image) | _linear("image_proj.proj_out", out, dim)
    found |= _norm("image_proj.norm_out", out)
    for layer in range(4):
        stem = f"image_proj.layers.{layer}"
        found |= _norm(f"{stem}.0.norm1", dim) | _norm(f"{stem}.0.norm2", dim) | _norm(f"{stem}.1.0", dim)
        found |= {
            f"{stem}.0.to_q.weight": (inner, dim),
            f"{stem}.0.to_kv.weight": (2 * inner, dim),
            f"{stem}.0.to_out.weight": (dim, inner),
            f"{stem}.1.1.weight": (4 * dim, dim),
            f"{stem}.1.3.weight": (dim, 4 * dim),
        }
    return found


def ip_adapter_cases() -> Iterator[Case]:
    def layers(name: str, rank: int = 0) -> Modules:
        found: Modules = {}
        for number, (hidden, text) in enumerate(_processors(name)):
            stem = f"ip_adapter.{number}"
            for part in ("to_q", "to_k", "to_v", "to_out") if rank else ():
                into = text if text and part in ("to_k", "to_v") else hidden
                found |= {
                    f"{stem}.{part}_lora.down.weight": (rank, into),
                    f"{stem}.{part}_lora.up.weight": (hidden, rank),
                }
            if text:
                found |= {f"{stem}.to_k_ip.weight": (hidden, text), f"{stem}.to_v_ip.weight": (hidden, text)}
        return found

    def base(text: int, image: int, tokens: int = 4) -> Modules:
        return _linear("image_proj.proj", tokens * text, image) | _norm("image_proj.norm", text)

    face = _linear("image_proj.proj.0", 1024, 512) | _linear("image_proj.proj.2", 4 * 768, 1024)
    face_xl = _linear("image_proj.proj.0", 1024, 512) | _linear("image_proj.proj.2", 4 * 2048, 1024)
    full = _linear("image_proj.proj.0", 1280, 1280) | _linear("image_proj.proj.2", 768, 1280)
    made: dict[str, tuple[str, str, Modules]] = {
        "sd1_standard": ("unet_sd15", "standard", base(768, 1024)),
        "sd1_plus": ("unet_sd15", "plus", resampler(768, 1280, 768, 12)),
        "sd1_full_face": ("unet_sd15", "full-face", full | _norm("image_proj.proj.3", 768)),
        "sd1_faceid": ("unet_sd15", "faceid", face | _norm("image_proj.norm", 768)),
        "sdxl_standard_vit_h": ("unet_sdxl", "standard", base(2048, 1024)),
        "sdxl_standard_vit_g": ("unet_sdxl", "standard", base(2048, 1280)),
        "sdxl_plus": ("unet_sdxl", "plus", resampler(1280, 1280, 2048, 20)),
        "sdxl_faceid": ("unet_sdxl", "faceid", face_xl | _norm("image_proj.norm", 2048)),
        "kolors_plus": ("unet_kolors", "plus", resampler(2048, 1024, 2048, 32)),
    }
    for name, (unet, variant, projection) in made.items():
        label = Label("ip_adapter", NAMED[unet][1].base, (), variant)
        if name == "kolors_plus":
            label = label._replace(ambiguous=("sdxl", "kolors"))
        tensors = projection | layers(unet, 128 if "faceid" in variant else 0)
        yield _case(f"ip_adapter_{name}", label, tensors, False, dtype="F16", layout=variant)


# --- whole checkpoints and odd ones --------------------------------------------------------------------------------
def other_cases() -> Iterator[Case]:
    anima = natives()["comfy_generated/cosmos_predict2_2b_t2i__bare.json"]
    adapter, _ = diffusers_shapes("AnimaTextConditioner")
    whole = {**anima, **{f"llm_adapter.{name}": shape for name, shape in adapter.items()}}
    label = Label("diffusion_model", "anima")
    yield _case("anima__bare", label, whole, False)
    yield _case("anima__net", label, {f"net.{name}": shape for name, shape in whole.items()}, False)
    shapes, _ = diffusers_shapes("motion_adapter_v2")
    motion: Modules = {}
    for key, shape in turned(LAYOUTS["motion_v2"], shapes).items():
        hit = re.fullmatch(r"(.*attention_blocks\.\d)\.(to_[qkv]|to_out)(?:\.0)?\.weight", key)
        if hit:
            stem = f"{hit[1]}.processor.{hit[2]}_lora"
            motion |= {f"{stem}.down.weight": (64, shape[1]), f"{stem}.up.weight": (shape[0], 64)}
    motion = {name: shape for name, shape in motion.items() if not name.startswith("mid_block")}
    yield _case("motion_lora_v2", Label("lora", "sd1", (), "motion"), motion, False, dtype="F32", algo="lora", rank=64)
    vaes = dict(_vaes())
    clip, t5 = _clip(768, 12), _t5()
    both = {"clip_l": clip, "clip_g": {**_clip(1280, 32), "text_projection.weight": (1280, 1280)}, "t5xxl": t5}
    for name, base, file, texts in (
        ("flux1_dev", "flux1", "comfy_generated/flux1_dev__bare.json", {"clip_l": clip, "t5xxl": t5}),
        ("sd35_large", "sd3.5-large", "comfy_generated/sd35_large__prefixed.json", both),
        ("chroma", "chroma", "comfy_generated/chroma__bare.json", {"t5xxl": t5}),
    ):
        found = {f"model.diffusion_model.{key}": shape for key, shape in natives()[file].items()}
        for text, shapes in texts.items():
            found |= {f"text_encoders.{text}.transformer.{key}": shape for key, shape in shapes.items()}
        found |= {f"vae.{key.removeprefix('first_stage_model.')}": shape for key, shape in vaes["flux"].items()}
        yield _case(f"checkpoint_{name}", Label("checkpoint", base), found, False)
    ltx, _ = diffusers_shapes("ltx_video_0.9")
    found = {f"model.diffusion_model.{key}": shape for key, shape in turned(LAYOUTS["ltxv_2b"], ltx).items()}
    found |= {f"vae.{key}": shape for key, shape in vaes["ltx"].items()}
    yield _case("checkpoint_ltxv_0.9", Label("checkpoint", "ltx-video"), found, False)


def _vaes() -> Iterator[tuple[str, Modules]]:
    wanted = {
        "comfy_generated/vae__flux1_sd3_16ch_ldm__first_stage_model.json": "flux",
        "comfy_generated/vae__ltxv_v0.json": "ltx",
    }
    with lzma.open(CORPORA / "headers.jsonl.xz", "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            if record["file"] in wanted:
                shapes = {name: tuple(raw["shape"]) for name, raw in record["tensors"].items()}
                yield wanted[record["file"]], shapes


def _clip(width: int, layers: int) -> Modules:
    stem = "text_model."
    found: Modules = {
        f"{stem}embeddings.token_embedding.weight": (49408, width),
        f"{stem}embeddings.position_embedding.weight": (77, width),
    } | _norm(f"{stem}final_layer_norm", width)
    for layer in range(layers):
        at = f"{stem}encoder.layers.{layer}"
        found |= _norm(f"{at}.layer_norm1", width) | _norm(f"{at}.layer_norm2", width)
        found |= _linear(f"{at}.mlp.fc1", 4 * width, width) | _linear(f"{at}.mlp.fc2", width, 4 * width)
        for part in ("q", "k", "v", "out"):
            found |= _linear(f"{at}.self_attn.{part}_proj", width, width)
    return found


def _t5() -> Modules:
    found: Modules = {"shared.weight": (32128, 4096), "encoder.final_layer_norm.weight": (4096,)}
    for layer in range(24):
        at = f"encoder.block.{layer}.layer"
        found |= {f"{at}.0.SelfAttention.{part}.weight": (4096, 4096) for part in "qkvo"}
        found |= {f"{at}.{number}.layer_norm.weight": (4096,) for number in (0, 1)}
        found |= {f"{at}.1.DenseReluDense.{part}.weight": (10240, 4096) for part in ("wi_0", "wi_1")}
        found[f"{at}.1.DenseReluDense.wo.weight"] = (4096, 10240)
    found["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = (32, 64)
    return found


def cases() -> Iterator[Case]:
    yield from layout_cases()
    yield from controlnet_cases()
    yield from t2i_cases()
    yield from ip_adapter_cases()
    yield from other_cases()
