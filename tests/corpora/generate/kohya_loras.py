"""LoRAs as kohya's sd-scripts and musubi-tuner name them: `lora_unet_` and the module's name with underscores.

The names and shapes follow from the modules of each model; the rules are facts about those trainers' files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.corpora.generate.case import Case, Shapes, of_shapes
from tests.corpora.generate.trees import natives, texts, unet, weights

SOURCE = "written by kohya's naming rule over the modules of the upstream class"
RANK, CONV_RANK = 8, 4
ATTENTION = ("Transformer2DModel",)
CONV = ("Transformer2DModel", "ResnetBlock2D", "Downsample2D", "Upsample2D")
TEXT = ("CLIPAttention", "CLIPSdpaAttention", "CLIPMLP")
Modules = dict[str, tuple[int, ...]]


def pair(name: str, shape: tuple[int, ...], rank: int = RANK, alpha: bool = True) -> dict[str, tuple[int, ...]]:
    """The tensors of one module: alpha, down and up; the kernel of a convolution goes down."""
    out, into, *kernel = shape
    rank = CONV_RANK if kernel and kernel != [1, 1] else rank
    flat = [1] * len(kernel)
    found = {
        f"{name}.lora_down.weight": (rank, into, *kernel),
        f"{name}.lora_up.weight": (out, rank, *flat),
    }
    return ({f"{name}.alpha": ()} | found) if alpha else found


def lora(modules: Modules, prefix: str, alpha: bool = True) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in modules.items():
        found |= pair(prefix + name.replace(".", "_"), shape, alpha=alpha)
    return found


def text_lora(base: str, only: int | None = None) -> dict[str, tuple[int, ...]]:
    """The text encoders' half; SDXL's are numbered from one."""
    found: dict[str, tuple[int, ...]] = {}
    encoders = texts(base)
    for number, encoder in enumerate(encoders, 1):
        if only in (None, number):
            prefix = f"lora_te{number}_" if len(encoders) > 1 else "lora_te_"
            found |= lora(dict(weights(encoder, TEXT)), prefix)
    return found


def _kept(shapes: Shapes, test: Callable[[str], object]) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in shapes.items() if test(name)}


def _oft(modules: Modules, blocks: int = 4) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in modules.items():
        stem = "oft_unet_" + name.replace(".", "_")
        size = shape[0] // blocks
        found |= {f"{stem}.oft_blocks": (blocks, size, size), f"{stem}.alpha": ()}
    return found


SINGLE = {
    "sd1": ("down_blocks_1_attentions_0", "mid_block", "up_blocks_1_attentions_1"),
    "sd2": ("down_blocks_1_attentions_0", "mid_block", "up_blocks_1_attentions_1"),
    "sdxl": ("input_blocks_8_1", "middle_block", "output_blocks_1_1", "output_blocks_0_1", "input_blocks_4_1"),
}
UNKNOWN = {"sd1": ("sd1", "sd2"), "sd2": ("sd1", "sd2"), "sdxl": ()}


def unet_cases() -> Iterator[Case]:
    for base in ("sd1", "sd2", "sdxl"):
        model = unet(base)
        modules = dict(weights(model, ATTENTION))
        whole, text = lora(modules, "lora_unet_"), text_lora(base)
        conv = lora(dict(weights(model, CONV)), "lora_unet_")
        attention = {name: shape for name, shape in modules.items() if ".attn" in name}
        self_only = _kept(whole, lambda name: "_attn1_" in name)
        outside = {name: shape for name, shape in conv.items() if name not in whole}
        yield _case(base, "lora", "lora", {**text, **whole})
        yield _case(base, "lora_unet_only", "lora_unet_only", whole)
        yield _case(base, "lora_te_only", "lora_te_only", text)
        yield _case(base, "locon_conv", "locon_conv", {**text, **conv})
        yield _case(base, "locon_conv_unet_only", "locon_conv", conv)
        yield _case(base, "selfattn_only_slider", "selfattn_only_slider", self_only, UNKNOWN[base])
        yield _case(base, "xattn_slider", "lora", _kept(whole, lambda name: "_attn2_" in name))
        yield _case(base, "xattn_kv_slider", "lora", _kept(whole, lambda name: re.search("_attn2_to_[kv]", name)))
        yield _case(base, "xattn_q_slider", "lora", _kept(whole, lambda name: "_attn2_to_q" in name), UNKNOWN[base])
        yield _case(base, "noxattn_slider", "lora", _kept(whole, lambda name: "_attn2_" not in name))
        yield _case(base, "ff_only", "lora", _kept(whole, lambda name: "_ff_net_" in name), UNKNOWN[base])
        yield _case(base, "resnet_only", "locon_conv", outside, UNKNOWN[base])
        yield _case(base, "oft", "oft", _oft(attention))
        yield _case(base, "lora_no_alpha", "lora", lora(modules, "lora_unet_", alpha=False))
        for block in SINGLE[base]:
            kept = _kept(whole, lambda name, block=block: f"lora_unet_{block}_" in name)
            yield _case(base, f"lora_only_{block}", "lora", kept)
    yield _case("sdxl", "lora_te1_only", "lora_te_only", text_lora("sdxl", 1))
    yield _case("sdxl", "lora_te2_only", "lora_te_only", text_lora("sdxl", 2))
    named = lora(dict(weights(unet("sdxl", diffusers_names=True), ATTENTION)), "lora_unet_")
    yield _case("sdxl", "lora_diffusers_names", "lora", named)
    yield _case(
        "sdxl", "lora_diffusers_selfattn", "lora", _kept(named, lambda name: "_attn1_" in name), ("sdxl", "kolors")
    )


def _case(base: str, name: str, algo: str, shapes: Shapes, ambiguous: tuple[str, ...] = ()) -> Case:
    return Case(
        file=f"generated/kohya/{base}__kohya_{name}.json",
        kind="lora",
        base=base,
        layout=f"kohya_{name}",
        source=SOURCE,
        tensors=of_shapes(shapes, "F16"),
        ambiguous=ambiguous,
        algo=algo,
        rank=RANK,
    )


# --- transformers --------------------------------------------------------------------------------------------------
WAN = ("wan", "wan-2.1", "wan-2.2")
BLOCKS = re.compile(r"(^|\.)(\w*(blocks|layers|refiner|joint_blocks)\.(block)?\d+)\.")
SKIPPED = re.compile(
    r"(_mod|modulation|adaLN_modulation|adaln_modulation|norm\w*)(\.|_|$)|final_layer|embedder|\bt_block"
)
SIDE = re.compile(r"txt_in|refiner|txtfusion|distilled_guidance|vace_|mod[CX]")
NATIVES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # name -> (file in tests/corpora, base, candidates)
    "flux1": ("comfy_generated/flux1_dev__bare.json", "flux1", ()),
    "flux1_schnell": ("comfy_generated/flux1_schnell__prefixed.json", "flux1", ()),
    "chroma": ("comfy_generated/chroma__bare.json", "chroma", ("chroma", "flux1")),
    "flux2_dev": ("musubi_generated/flux2_dev__prefixed.json", "flux2-dev", ()),
    "flux2_klein_4b": ("musubi_generated/flux2_klein_4b__prefixed.json", "flux2-klein-4b", ()),
    "flux2_klein_9b": ("musubi_generated/flux2_klein_9b__bare.json", "flux2-klein-9b", ()),
    "sd3_medium": ("comfy_generated/sd3_medium__bare.json", "sd3-medium", ()),
    "sd35_medium": ("comfy_generated/sd35_medium__prefixed.json", "sd3.5-medium", ()),
    "sd35_large": ("comfy_generated/sd35_large__prefixed.json", "sd3.5-large", ()),
    "auraflow": ("comfy_generated/auraflow__bare.json", "auraflow", ()),
    "hunyuan_video": ("comfy_generated/hunyuan_video_t2v__prefixed.json", "hunyuan-video", ()),
    "hunyuan_video_1.5": ("musubi_generated/hunyuan_video_1.5_t2v__prefixed.json", "hunyuan-video-1.5", ()),
    "hunyuan_image_2.1": ("comfy_generated/hunyuan_image_2.1__bare.json", "hunyuan-image-2.1", ()),
    "hunyuandit": ("comfy_generated/hunyuandit_v1.2__bare.json", "hunyuan-dit", ()),
    "hidream_i1": ("comfy_generated/hidream_i1__prefixed.json", "hidream-i1", ()),
    "ideogram4": ("musubi_generated/ideogram4__bare.json", "ideogram4", ()),
    "krea2": ("musubi_generated/krea2__bare.json", "krea2", ()),
    "qwen_image": ("musubi_generated/qwen_image_musubi__prefixed.json", "qwen-image", ()),
    "zimage": ("musubi_generated/zimage__bare.json", "z-image", ()),
    "omnigen2": ("comfy_generated/omnigen2__bare.json", "omnigen2", ()),
    "ltxv_13b": ("comfy_generated/ltxv_13b__bare.json", "ltx-video", ()),
    "cosmos1_7b": ("comfy_generated/cosmos1_7b_t2w__bare.json", "cosmos-1", ()),
    "cosmos_predict2_2b": ("comfy_generated/cosmos_predict2_2b_t2i__bare.json", "cosmos-predict2", ()),
    "pixart_sigma": ("comfy_generated/pixart_sigma__bare.json", "pixart-sigma", ("pixart-alpha", "pixart-sigma")),
    "wan_t2v_1.3b": ("comfy_generated/wan21_t2v_1.3b__prefixed.json", "wan-2.1", ()),
    "wan_t2v_14b": ("comfy_generated/wan21_t2v_14b__bare.json", "wan", WAN),
    "wan_i2v_14b": ("comfy_generated/wan21_flf2v_14b__bare.json", "wan-2.1", ()),
    "wan_ti2v_5b": ("comfy_generated/wan22_ti2v_5b__bare.json", "wan-2.2", ()),
    "wan_vace_1.3b": ("comfy_generated/wan21_vace_1.3b__bare.json", "wan-2.1", ()),
    "stable_cascade_c": ("comfy_generated/cascade_stage_c__bare.json", "stable-cascade", ()),
}


def block_modules(shapes: Shapes) -> Modules:
    """The linear maps inside the numbered blocks, those that modulate and embed left out, as trainers choose them."""
    return {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 2 and BLOCKS.search(name) and not SKIPPED.search(name)
    }


def _original(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Hunyuan's own names of what ComfyUI renames: `img_attn_qkv`, `img_mlp.fc1`."""
    found = {}
    for name, shape in shapes.items():
        name = re.sub(r"(img|txt)_attn\.(qkv|proj)", r"\1_attn_\2", name)
        name = re.sub(r"(img|txt)_mlp\.0", r"\1_mlp.fc1", name)
        found[re.sub(r"(img|txt)_mlp\.2", r"\1_mlp.fc2", name)] = shape
    return found


def peft(modules: Modules, prefix: str, rank: int = 16) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, (out, into) in modules.items():
        found |= {f"{prefix}{name}.lora_A.weight": (rank, into), f"{prefix}{name}.lora_B.weight": (out, rank)}
    return found


def native_cases() -> Iterator[Case]:
    for name, (file, base, ambiguous) in NATIVES.items():
        modules = block_modules(_original(natives()[file]) if base.startswith("hunyuan-") else natives()[file])
        main = {part: shape for part, shape in modules.items() if not SIDE.search(part)}
        attention = {part: shape for part, shape in modules.items() if re.search("att|linear1|qkv|to_[qkv]", part)}
        block = BLOCKS.match(next(iter(main)) + ".")
        forms: dict[str, Shapes] = {
            "musubi_kohya_lora": lora(main, "lora_unet_"),
            "musubi_kohya_lora_attention": lora(
                {part: shape for part, shape in main.items() if part in attention}, "lora_unet_"
            ),
            "musubi_kohya_lora_one_block": lora(
                {part: shape for part, shape in main.items() if block and part.startswith(block[0])}, "lora_unet_"
            ),
            "native_lora_diffusion_model": peft(modules, "diffusion_model."),
            "native_lora_bare": peft(attention, ""),
        }
        for form, shapes in forms.items():
            if not shapes:
                continue
            yield Case(
                file=f"generated/kohya/{name}__{form}.json",
                kind="lora",
                base=base,
                layout=form,
                source=SOURCE,
                tensors=of_shapes(shapes),
                ambiguous=ambiguous,
                algo="lora",
                rank=RANK if "kohya" in form else 16,
            )


def cases() -> Iterator[Case]:
    yield from unet_cases()
    yield from native_cases()
