"""The labelled headers in tests/corpora, as Header values, and small models made for a test."""

from __future__ import annotations

import functools
import json
import lzma
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hubman.core.identify import unets
from hubman.core.types import Facts, Format, Header, TensorInfo
from hubman.formats.pickle import flattened

HERE = Path(__file__).resolve().parent.parent / "corpora"
SHARED = HERE.parent.parent.parent / "shared" / "corpora"

KINDS = {
    "vae_approx": "vae",
    "control_lora": "lora",
    "aesthetic_predictor": "unknown",
    "other": "unknown",
    "cached_prompt_embeds": "cached-prompt",
    "face_restore": "face-restorer",
    "lora_non_image": "non-image-lora",
}
NO_BASE = {None, "any", "toy", "sdxl-partial", "llm/bert/opt"}
DTYPES = {"torch.float32": "F32", "torch.float16": "F16", "torch.bfloat16": "BF16", "torch.int64": "I64"}

Case = Mapping[str, Any]


@functools.cache
def cases() -> tuple[Case, ...]:
    return tuple(json.loads((HERE / "INDEX.json").read_text("utf-8")))


KINDS_OF = (("ReduxImageEncoder", "ip_adapter"), ("chinese_clip_text", "unknown"), ("xlm_roberta_large", "unknown"))
"""Redux gives Flux a picture to follow; two encoders are plain BERTs, which image models share with much else."""

OWN = (("unet_ssd1b", "ssd-1b"), ("unet_segmind_vega", "segmind-vega"), ("ssd1b_unet", "ssd-1b"))
"""Distilled from SDXL with fewer blocks: architectures of their own (ComfyUI supported_models SSD1B, Segmind_Vega)."""

SAME: tuple[tuple[str, tuple[str, ...], str], ...] = (
    # part of a generated case's name, the architectures whose files look the same, why
    (r"CogView[34]|cogview[34]", ("cogview3", "cogview4"), "the default classes have one structure and width"),
    (r"sdxl_unet__|ssd1b_unet__diffusers_peft_lora\.", ("sdxl", "kolors", "ssd-1b"), "Kolors has SDXL's attention"),
    (r"te1_only", ("sdxl", "flux1", "sd3"), "all three read the same CLIP-L"),
    (r"(wan|skyreels).*14b", ("wan", "wan-2.1", "wan-2.2"), "Wan 2.2's experts have Wan 2.1's structure"),
    (r"cosmos_predict2_2b", ("cosmos-predict2", "anima"), "Anima is Cosmos-Predict2 with another text encoder"),
    (r"cosmos_predict2_14b", ("cosmos-predict2", "cosmos-1"), "the attention of both is the same"),
    (r"motif_video", ("motif-video", "hunyuan-video"), "Motif has HunyuanVideo's blocks at the same widths"),
    (r"easyanimate__diffusers_peft_lora\.", ("easyanimate", "mochi"), "attention of the same names and widths"),
    (r"(flux1|flux1_schnell|chroma).*one_block", ("flux1", "chroma", "hunyuan-video"), "one block of attention"),
    (r"lycoris/sd[12].*(ia3|oft_conv|boft_conv)", ("sd1", "sd2"), "these algorithms keep no width of the text"),
    (r"HunyuanVideo15|HunyuanImageRefiner", ("hunyuan-video-1.5", "hunyuan-image-2.1"), "one structure"),
    (r"PaellaVQ", ("wuerstchen", "stable-cascade"), "Stable Cascade took over Wuerstchen's"),
    (r"Oobleck|LongCatAudioDiTVae", ("stable-audio", "ace-step-1.5", "longcat-audio"), "all three use Oobleck"),
    (r"sd3_medium.*one_block", ("sd3-medium", "sd3.5-medium"), "the first block is the same in both"),
    (r"ltxv_13b.*one_block", ("ltx-video", "ltx-2"), "one block of the video half"),
    (r"PriorTransformer", ("unclip", "kandinsky2"), "both have this prior"),
)
"""Generated cases that several architectures share, found when the classes were compared."""


@functools.cache
def generated() -> tuple[Case, ...]:
    """Return the cases made from upstream classes by tests/corpora/generate, without their headers."""
    found = []
    for record in _generated().values():
        case = {key: value for key, value in record.items() if key not in ("tensors", "metadata", "object")}
        case["expected_type"] = next((kind for part, kind in KINDS_OF if part in case["file"]), case["expected_type"])
        case["expected_base"] = next((base for part, base in OWN if part in case["file"]), case["expected_base"])
        several = next((names for part, names, _ in SAME if re.search(part, case["file"])), None)
        if several and case["expected_base"] in several:
            case["ambiguous_base"] = sorted({*several, *(case.get("ambiguous_base") or ())})
        found.append(case)
    return tuple(found)


@functools.cache
def _generated() -> Mapping[str, Case]:
    lines = lzma.decompress((HERE / "generated.jsonl.xz").read_bytes()).decode().splitlines()
    return {record["file"]: record for record in map(json.loads, lines)}


@functools.cache
def _raw() -> Mapping[str, Case]:
    lines = lzma.decompress((HERE / "headers.jsonl.xz").read_bytes()).decode().splitlines()
    return {record["file"]: record for record in map(json.loads, lines)}


def kind_of(case: Case) -> str:
    label = case["expected_type"]
    return KINDS.get(label, label.replace("_", "-"))


def base_of(case: Case) -> str | None:
    """Return the architecture that the label names; what is no model of ours has none."""
    return None if case["expected_base"] in NO_BASE or kind_of(case) == "unknown" else case["expected_base"]


@functools.lru_cache(1024)
def _header(file: str) -> Header:
    return header_from(_raw().get(file) or _generated()[file])


def header_of(case: Case) -> Header:
    return _header(case["file"])


def right_base(facts: Facts, case: Case) -> bool:
    """A parent (`wan`) is right for its forms; several are right where nothing in the file decides."""
    several = case.get("ambiguous_base")
    if several:
        return bool(facts.candidates) and set(facts.candidates) <= set(several)
    label = base_of(case)
    if label not in ("sd3", "wan", "flux2"):
        return facts.architecture == label
    return bool(facts.candidates) and all(name == label or name.startswith(label) for name in facts.candidates)


def header_from(raw: Case) -> Header:
    """Make a Header of a corpus record: configs of a folder, a pickle's object, or a table of tensors."""
    if "configs" in raw:
        return Header(Format.FOLDER, {}, configs=raw["configs"])
    tensors = raw.get("tensors") or {}
    if tensors and all("shape" in value for value in tensors.values()):
        return safetensors(raw["tensors"], raw.get("metadata") or {})
    tree = _tree(tensors or raw.get("object"))
    return Header(Format.PICKLE, dict(flattened(tree)), tree=tree)


def safetensors(tensors: Mapping[str, Case], metadata: Mapping[str, str]) -> Header:
    infos = {name: TensorInfo(tuple(raw["shape"]), raw.get("dtype", "F16")) for name, raw in tensors.items()}
    return Header(Format.SAFETENSORS, infos, metadata)


def _tree(value: Any) -> Any:
    """Headers of pickles are kept as JSON, where keys are texts: a hypernetwork's were whole numbers."""
    if isinstance(value, dict) and "shape" in value:
        return TensorInfo(tuple(value["shape"]), DTYPES.get(value["dtype"], "F32"))
    if isinstance(value, dict):
        return {int(key) if key.isdigit() and len(key) > 2 else key: _tree(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tree(item) for item in value]
    return value


def of(shapes: Mapping[str, Iterable[int]], metadata: Mapping[str, str] | None = None, dtype: str = "F16") -> Header:
    """Make a safetensors header of names and shapes."""
    return Header(
        Format.SAFETENSORS, {name: TensorInfo(tuple(shape), dtype) for name, shape in shapes.items()}, metadata or {}
    )


# --- small models --------------------------------------------------------------------------------------------------
NARROW = unets.UNet("sd1", (16, 32, 64, 96), (1, 1, 1, 0), 1, 80, None, False, "narrow")


def unet_tensors(
    unet: unets.UNet, prefix: str = "model.diffusion_model.", inputs: int = 4
) -> dict[str, tuple[int, ...]]:
    """All weights of a U-Net in the LDM naming."""
    found: dict[str, tuple[int, ...]] = {}
    for name, (out, into) in unets._modules(unet, "ldm"):
        if name.endswith((".attn1", ".attn2")):
            continue
        if "norm" in name or name.endswith((".in_layers.0", ".out_layers.0", "out.0")):
            shape: tuple[int, ...] = (out,)
        elif name.endswith(("in_layers.2", "out_layers.3", ".op", ".conv", "out.2", "input_blocks.0.0")):
            shape = (out, inputs if name == "input_blocks.0.0" else into, 3, 3)
        elif name.endswith("skip_connection") or (name.endswith(("proj_in", "proj_out")) and not unet.linear):
            shape = (out, into, 1, 1)
        else:
            shape = (out, into)
        found[f"{prefix}{name}.weight"] = shape
    return found


def narrow_checkpoint() -> dict[str, tuple[int, ...]]:
    """SD 1's blocks at other widths, as hubman's own demo family has."""
    text = "cond_stage_model.transformer.text_model.encoder.layers."
    return {
        **unet_tensors(NARROW),
        **{
            f"{text}{layer}.self_attn.{part}_proj.weight": (80, 80)
            for layer in range(2)
            for part in ("q", "k", "v", "out")
        },
        "first_stage_model.encoder.conv_in.weight": (16, 3, 3, 3),
        "first_stage_model.decoder.conv_in.weight": (64, 4, 3, 3),
        "first_stage_model.decoder.conv_out.weight": (3, 16, 3, 3),
    }


def kohya_lora(unet: unets.UNet, rank: int = 4, text: int | None = None, only: str = "") -> dict[str, tuple[int, ...]]:
    """A LoRA for the attention blocks of a U-Net, as kohya's sd-scripts names them."""
    found: dict[str, tuple[int, ...]] = {}
    for name, (out, into) in unets._modules(unet, "diffusers"):
        if ".attentions." not in name or "norm" in name or name.endswith((".attn1", ".attn2")) or only not in name:
            continue
        kernel = () if unet.linear or not name.endswith(("proj_in", "proj_out")) else (1, 1)
        found |= _pair("lora_unet_" + name.replace(".", "_"), out, into, rank, kernel)
    for layer in range(2 if text else 0):
        for part in ("q", "k", "v", "out"):
            name = f"lora_te_text_model_encoder_layers_{layer}_self_attn_{part}_proj"
            found |= _pair(name, text or 0, text or 0, rank, ())
    return found


def _pair(name: str, out: int, into: int, rank: int, kernel: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    down, up = (rank, into, *kernel), (out, rank, *kernel)
    return {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": ()}
