"""Checkpoints and lone diffusion models of the U-Net family: Stable Diffusion 1, 2, XL and what descends from them.

Read: the width of the text that cross-attention reads, of the pooled conditioning, of the levels, and how deep the
transformers are (Comfy-Org/ComfyUI model_detection.py reads the same; the numbers are in `unets`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from hubman.core.identify import metadata, parts, quantized, unets
from hubman.core.identify.draft import Draft, Tensors
from hubman.core.types import Confidence, Facts, Header, Kind
from hubman.errors import N_

FIRST_LDM, FIRST_DIFFUSERS = "input_blocks.0.0.weight", "conv_in.weight"

FOREIGN = re.compile(
    r"zero_convs|control_model|controlnet_cond_embedding|controlnet_down_blocks|time_stack|time_mixer|"
    r"temporal_transformer_blocks|decoder_unet|temp_convs|temp_attentions|input_hint_block|transformer_in\."
)
"""Nets built from the same blocks that are something else: ControlNet, video."""

Values = Callable[[str], Sequence[float] | None]
"""Name of a small tensor -> its numbers, or None where they are not to be had."""

INPUTS: Mapping[int, tuple[str | None, str]] = {
    # channels going in -> variant. CompVis v1-inpainting-inference.yaml, timothybrooks/instruct-pix2pix, v2-midas.
    4: (None, ""),
    9: ("inpaint", N_("it takes 9 channels: the picture, a mask and the masked picture")),
    8: ("ip2p", N_("it takes 8 channels: the picture and the one to be edited (InstructPix2Pix)")),
    5: ("depth", N_("it takes 5 channels: the picture and a depth map")),
}


@dataclass(frozen=True, slots=True)
class Core:
    """What the U-Net in a file looks like."""

    layout: unets.Layout
    prefix: str
    inputs: int
    channels: tuple[int, ...]
    depths: tuple[int, ...]
    middle: int
    context: int | None
    adm: int | None
    linear: bool | None


def identify(header: Header, values: Values | None = None) -> Facts | None:
    """Return the facts of a U-Net alone or with companions, or None when there is no U-Net.

    Args:
        values: reads the numbers of one small tensor; it is asked for SD 2's prediction type only.
    """
    tensors = header.tensors
    core = find_core(tensors)
    video = core is not None and _is_video(tensors, core)
    if core is None or (_is_foreign(tensors, core) and not video):
        return _from_configs(header)
    companions = parts.companions(header)
    draft = Draft(header, Kind.CHECKPOINT if companions else Kind.DIFFUSION_MODEL)
    if companions:
        draft.note("kind", Kind.CHECKPOINT, N_("a U-Net together with {companions}"), companions=companions)
    else:
        draft.note("kind", Kind.DIFFUSION_MODEL, N_("a U-Net alone, without text encoder or VAE"))
    own = {name: info for name, info in tensors.items() if name.startswith(core.prefix)}
    if not core.prefix and companions:
        own = {name: info for name, info in own.items() if not parts.COMPANIONS.match(name)}
    quantized.tell(draft, own)
    if video:
        draft.architectures(
            ("svd",), N_("its blocks mix frames over time (time_stack), as Stable Video Diffusion's do")
        )
        if core.adm in ORBITS:
            words = N_("it reads {width} numbers about the way round the thing (SV3D)")
            draft.say("variant", ORBITS[core.adm], words, width=core.adm)
    else:
        _tell_architecture(draft, core)
        _tell_inputs(draft, core)
        if any(".motion_modules." in name for name in tensors):
            draft.say("variant", "motion", N_("AnimateDiff's motion modules are built into it"))
    _tell_prediction(draft, core, values)
    metadata.tell_lineage(draft)
    return draft.done()


def _is_video(tensors: Tensors, core: Core) -> bool:
    """Stable Video Diffusion and SV3D: eight channels in, and a time mixer beside every block."""
    stacked = any("time_stack." in name or ".time_mixer." in name for name in tensors)
    return stacked and core.inputs == 8 and core.context == 1024


def _is_foreign(tensors: Tensors, core: Core) -> bool:
    return any(FOREIGN.search(name) for name in tensors if name.startswith(core.prefix))


# --- measuring -----------------------------------------------------------------------------------------------------
def find_core(tensors: Tensors) -> Core | None:
    """Find the U-Net, whatever prefix it has; the copy with the shortest prefix counts (the other is an EMA)."""
    for layout, first, marker in (
        ("ldm", FIRST_LDM, "middle_block.0.in_layers.0.weight"),
        ("diffusers", FIRST_DIFFUSERS, "mid_block.resnets.0.norm1.weight"),
    ):
        prefixes = sorted({name[: -len(first)] for name in tensors if name.endswith(first)}, key=len)
        for prefix in prefixes:
            times = ("time_embed.0.weight", "time_embedding.linear_1.weight")
            if prefix + marker in tensors and any(prefix + time in tensors for time in times):
                return _measure(tensors, "ldm" if layout == "ldm" else "diffusers", prefix)
    return None


_ATTENTION: Mapping[unets.Layout, re.Pattern[str]] = {
    "ldm": re.compile(r"input_blocks\.(\d{1,4})\.1\.transformer_blocks\.(\d{1,4})\.attn2\.to_k\.weight\Z"),
    "diffusers": re.compile(
        r"down_blocks\.(\d{1,4})\.attentions\.\d+\.transformer_blocks\.(\d{1,4})\.attn2\.to_k\.weight\Z"
    ),
}
_MIDDLE = re.compile(r"(?:middle_block\.1|mid_block\.attentions\.0)\.transformer_blocks\.(\d+)\.attn2\.to_k\.weight\Z")
_PROJECTION = re.compile(
    r"(?:input_blocks\.\d+\.1|down_blocks\.\d+\.attentions\.\d+|middle_block\.1|mid_block\.attentions\.0)\.proj_in\.weight\Z"
)
_WIDTH: Mapping[unets.Layout, re.Pattern[str]] = {
    "ldm": re.compile(r"input_blocks\.(\d{1,4})\.0\.out_layers\.3\.weight\Z"),
    "diffusers": re.compile(r"down_blocks\.(\d{1,4})\.resnets\.\d+\.conv2\.weight\Z"),
}


def _measure(tensors: Tensors, layout: unets.Layout, prefix: str) -> Core:
    inside = {name[len(prefix) :]: info.shape for name, info in tensors.items() if name.startswith(prefix)}
    first = inside[FIRST_LDM if layout == "ldm" else FIRST_DIFFUSERS]
    level_of = _levels(inside, layout)
    widths: dict[int, int] = {}
    depths: dict[int, int] = {}
    for name, shape in inside.items():
        if match := _WIDTH[layout].match(name):
            widths[level_of(int(match[1]))] = shape[0] if shape else 0
        elif match := _ATTENTION[layout].match(name):
            level = level_of(int(match[1]))
            depths[level] = max(depths.get(level, 0), int(match[2]) + 1)
    contexts = [shape for name, shape in inside.items() if name.endswith("attn2.to_k.weight") and len(shape) == 2]
    adm = inside.get("label_emb.0.0.weight") or inside.get("add_embedding.linear_1.weight")
    projection = next((shape for name, shape in inside.items() if _PROJECTION.match(name)), None)
    return Core(
        layout,
        prefix,
        first[1] if len(first) > 1 else 0,
        tuple(widths[level] for level in sorted(widths)),
        tuple(depths.get(level, 0) for level in sorted(widths)),
        sum(bool(_MIDDLE.match(name)) for name in inside),
        contexts[0][1] if contexts else None,
        adm[1] if adm and len(adm) == 2 else None,
        None if projection is None else len(projection) == 2,
    )


def _levels(inside: Mapping[str, tuple[int, ...]], layout: unets.Layout) -> Callable[[int], int]:
    """Map a block number to its level: in the LDM naming a level ends at each downsampling block."""
    if layout == "diffusers":
        return lambda number: number
    ends = [int(found[1]) for name in inside if (found := re.match(r"input_blocks\.(\d{1,4})\.0\.op\.weight\Z", name))]
    return lambda number: sum(end < number for end in ends)


# --- concluding ----------------------------------------------------------------------------------------------------
def _tell_architecture(draft: Draft, core: Core) -> None:
    exact = [unet for unet in unets.FAMILY if _is_exact(unet, core)]
    if exact:
        words = N_("cross-attention reads {context}-wide text and the levels are {levels}, as in {title}")
        levels, title = _list(core.channels), exact[0].words
        draft.architectures([unet.id for unet in exact], words, context=core.context, levels=levels, title=title)
        return
    alike = [unet for unet in unets.FAMILY if unet.id != "kolors" and _is_alike(unet, core)]
    if alike:
        left = metadata.refine(draft, [unet.id for unet in alike])
        words = N_("the blocks are built and named as in {title}, with levels {levels}")
        levels = _list(core.channels)
        draft.architectures(left, words, Confidence.LIKELY, title=alike[0].words, levels=levels)
        words = N_("its widths are its own: text {context}, levels {levels}")
        draft.say("variant", "custom-width", words, context=core.context, levels=levels)
        return
    _tell_relative(draft, core)


def _list(numbers: tuple[int, ...]) -> str:
    return "/".join(map(str, numbers))


def _is_exact(unet: unets.UNet, core: Core) -> bool:
    return (
        core.channels == unet.channels
        and core.depths == unet.depths
        and core.context == unet.context
        and core.linear in (unet.linear, False)  # stable-diffusion.cpp makes every projection a convolution
        and (core.adm == unet.adm or (unet is unets.SD2 and core.adm in (*UNCLIP, LOTUS)))
    )


ORBITS = {256: "sv3d-u", 1280: "sv3d-p"}
"""Width of the pooled conditioning of SV3D (Comfy-Org/ComfyUI supported_models.py SV3D_u, SV3D_p); SVD has 768."""
CONSISTENT = N_("it reads the guidance as a number of its own (cond_proj): a latent consistency model")
TASK = N_("it reads a task of width 4, as Lotus does, which estimates depth and normals")
LOTUS = 4
"""Width of the task that Lotus reads beside SD 2's blocks (EnVision-Research/Lotus; ComfyUI LotusD)."""

UNCLIP = {1536: "unclip-l", 2048: "unclip-h"}
"""Width of the picture embedding that SD 2.1 unCLIP reads (Stability-AI stablediffusion v2-1-stable-unclip-*.yaml)."""


def _is_alike(unet: unets.UNet, core: Core) -> bool:
    """Same block structure at other widths: levels, depths, kind of projection, pooled conditioning or none."""
    return (
        len(core.channels) == len(unet.channels)
        and core.depths == unet.depths
        and core.middle == unet.middle
        and core.linear == unet.linear
        and (core.adm is None) == (unet.adm is None)
    )


RELATIVES: tuple[tuple[str, int, int | None, tuple[int, ...], tuple[int, ...], str], ...] = (
    # architecture, context, pooled, levels, depths, words. ComfyUI supported_models.py (SSD1B, Segmind_Vega, KOALA_*),
    # Stability-AI x4-upscaling.yaml.
    ("ssd-1b", 2048, 2816, (320, 640, 1280), (0, 2, 4), "SSD-1B, a distilled SDXL"),
    ("segmind-vega", 2048, 2816, (320, 640, 1280), (0, 1, 2), "Segmind Vega, a distilled SDXL"),
    ("koala-700m", 2048, 2816, (320, 640, 1280), (0, 2, 5), "KOALA-700M, a distilled SDXL"),
    ("koala-1b", 2048, 2816, (320, 640, 1280), (0, 2, 6), "KOALA-1B, a distilled SDXL"),
    ("sd-x4-upscaler", 1024, None, (256, 512, 512, 1024), (0, 1, 1, 1), "the x4 upscaler of SD 2"),
)


def _tell_relative(draft: Draft, core: Core) -> None:
    for name, context, adm, channels, depths, words in RELATIVES:
        if (core.context, core.channels, core.depths) == (context, channels, depths) and adm in (None, core.adm):
            because = N_("the depths {depths} are those of {title}")
            draft.architectures([name], because, depths=_list(core.depths), title=words)
            return
    found = [unet for unet in unets.FAMILY if (unet.context, unet.adm) == (core.context, core.adm)]
    because = N_("it reads {context}-wide text, but its blocks are its own")
    draft.architectures([unet.id for unet in found], because, Confidence.GUESS, context=core.context)
    if found:
        levels, rows = _list(core.channels), _list(core.depths)
        draft.say("variant", "custom-depth", N_("levels {levels} with depths {depths}"), levels=levels, depths=rows)


def _tell_inputs(draft: Draft, core: Core) -> None:
    variant, words = INPUTS.get(core.inputs, (None, ""))
    if core.adm == LOTUS:
        draft.say("variant", "lotus", TASK)
    elif core.inputs == 8 and "cc_projection.weight" in draft.header.tensors:
        draft.say("variant", "zero123", N_("it takes a picture and the camera's turn (cc_projection), as Zero123 does"))
    elif variant and draft.values.get("architecture") != "sd-x4-upscaler":
        draft.say("variant", variant, words)
    elif core.adm in UNCLIP and draft.values.get("architecture") == "sd2":
        words = N_("it reads a picture embedding of width {width} (unCLIP)")
        draft.say("variant", UNCLIP[core.adm], words, width=core.adm)
    elif core.prefix + GUIDED[core.layout] in draft.header.tensors and not draft.values.get("variant"):
        draft.say("variant", "lcm", CONSISTENT)


GUIDED: Mapping[unets.Layout, str] = {
    "ldm": "time_embed.cond_proj.weight",
    "diffusers": "time_embedding.cond_proj.weight",
}
"""Latent consistency models (luosiallen/latent-consistency-model; diffusers `time_cond_proj_dim`)."""

MARKERS: tuple[tuple[str, str, str], ...] = (
    # empty tensor in the file, prediction type, reason. ComfyUI supported_models.py SDXL.model_type, A1111 PR #16567.
    ("edm_vpred.sigma_max", "edm-v", N_("the key edm_vpred.sigma_max marks EDM v-prediction")),
    ("edm_mean", "edm", N_("the keys edm_mean and edm_std mark Playground's EDM scaling")),
    ("v_pred", "v", N_("the empty key v_pred marks v-prediction")),
)


def _tell_prediction(draft: Draft, core: Core, values: Values | None) -> None:
    tensors = draft.header.tensors
    for marker, kind, words in MARKERS:
        if marker in tensors:
            draft.say("prediction_type", kind, words)
            break
    else:
        _tell_scheduler(draft)
    if values and not draft.values.get("prediction_type") and draft.values.get("architecture") == "sd2":
        _tell_by_values(draft, core, values)
    if draft.values.get("prediction_type") == "v" and not draft.values.get("variant"):
        draft.say("variant", "v-pred", N_("it predicts velocity, not noise"))
    if "ztsnr" in tensors:
        draft.note("prediction_type", "zero-terminal SNR", N_("the empty key ztsnr marks zero-terminal SNR"))


LAST_NORM: Mapping[unets.Layout, str] = {
    "ldm": "output_blocks.11.1.transformer_blocks.0.norm1.bias",
    "diffusers": "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
}
V_SPREAD = 0.09


def _tell_by_values(draft: Draft, core: Core, values: Values) -> None:
    """SD 2 with four channels going in has no mark; the spread of one bias does (ComfyUI SD20.model_type)."""
    found = values(core.prefix + LAST_NORM[core.layout]) if core.inputs == 4 else None
    if not found or len(found) < 2:
        return
    mean = sum(found) / len(found)
    spread = sqrt(sum((value - mean) ** 2 for value in found) / len(found))
    kind = "v" if spread > V_SPREAD else "epsilon"
    words = N_("the bias of its last norm spreads by {spread}; more than {limit} is v-prediction, less is noise")
    draft.say("prediction_type", kind, words, Confidence.LIKELY, spread=f"{spread:.3f}", limit=V_SPREAD)


def _tell_scheduler(draft: Draft) -> None:
    scheduler = draft.header.configs.get("scheduler/scheduler_config.json")
    declared = scheduler.get("prediction_type") if isinstance(scheduler, dict) else None
    kind = {"epsilon": "epsilon", "v_prediction": "v"}.get(str(declared))
    if kind:
        draft.say("prediction_type", kind, N_("scheduler_config.json says so"))
    else:
        metadata.prediction(draft)


# --- folders by their configs --------------------------------------------------------------------------------------
UNET_CLASSES = ("UNet2DConditionModel", "UNetMotionModel", None)
"""`_class_name` of the U-Nets that are measured here; those of videos are told by their class (`parts.by_class`)."""

PIPELINE_UNETS: Mapping[tuple[int, str], str] = {
    # cross_attention_dim, addition_embed_type
    (768, ""): "sd1",
    (1024, ""): "sd2",
    (2048, "text_time"): "sdxl",
    (1280, "text_time"): "sdxl-refiner",
    (768, "image"): "kandinsky2",
    (768, "image_hint"): "kandinsky2",
    (768, "text_image"): "kandinsky2",
}
UPSCALES = 7
"""Channels going into the x4 upscaler: latents and the small picture (its unet/config.json)."""


def _from_configs(header: Header) -> Facts | None:
    """A diffusers folder whose weights we could not read still says what it is in unet/config.json."""
    config = header.configs.get("unet/config.json")
    index = header.configs.get("model_index.json")
    alone = header.configs.get("config.json")
    if isinstance(alone, dict) and alone.get("_class_name") in UNET_CLASSES[:2]:
        config = alone
    if not isinstance(config, dict) or "cross_attention_dim" not in config:
        return None
    if config.get("_class_name") not in UNET_CLASSES:
        return None
    draft = Draft(header, Kind.CHECKPOINT if index is not None else Kind.DIFFUSION_MODEL)
    words = N_("a diffusers folder with a U-Net and its companions") if index else N_("a diffusers folder with a U-Net")
    draft.note("kind", draft.kind, words)
    found = _configured(config)
    words = N_("unet/config.json: cross_attention_dim {context}")
    draft.architectures([found] if found else [], words, Confidence.LIKELY, context=config["cross_attention_dim"])
    _tell_configured(draft, config)
    _tell_scheduler(draft)
    return draft.done()


def _configured(config: Mapping[str, object]) -> str | None:
    """Return the architecture of a U-Net by the numbers in its config."""
    context, extra = config["cross_attention_dim"], config.get("addition_embed_type") or ""
    found = PIPELINE_UNETS.get((context, str(extra))) if isinstance(context, int) else None
    if found == "sd2" and config.get("in_channels") == UPSCALES:
        return "sd-x4-upscaler"
    if found != "sdxl":
        return found
    if config.get("projection_class_embeddings_input_dim") == unets.KOLORS.adm:
        return "kolors"
    depths = config.get("transformer_layers_per_block")
    if not isinstance(depths, list) or len(depths) != len(unets.SDXL.depths) or depths[1:] == [*unets.SDXL.depths[1:]]:
        return found
    return next((name for name, _, _, _, rows, _ in RELATIVES if depths[1:] == [*rows[1:]]), None)


def _tell_configured(draft: Draft, config: Mapping[str, object]) -> None:
    inputs, adm = config.get("in_channels", 4), config.get("projection_class_embeddings_input_dim")
    variant, words = INPUTS.get(inputs, (None, "")) if isinstance(inputs, int) else (None, "")
    if config.get("_class_name") == "UNetMotionModel":
        draft.say("variant", "motion", N_("AnimateDiff's motion modules are built into it"))
    elif draft.values.get("architecture") == "sd2" and isinstance(adm, int) and adm in UNCLIP:
        words = N_("it reads a picture embedding of width {width} (unCLIP)")
        draft.say("variant", UNCLIP[adm], words, width=adm)
    elif draft.values.get("architecture") == "sd2" and adm == LOTUS:
        draft.say("variant", "lotus", TASK)
    elif variant:
        draft.say("variant", variant, words)
    elif isinstance(config.get("time_cond_proj_dim"), int):
        draft.say("variant", "lcm", CONSISTENT)
