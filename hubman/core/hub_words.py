"""Hubs' words for kinds, bases and files, in ours. Tables only: what is not in them is None, never a guess.

A hub's vocabulary grows every week. A word that is not known here is kept as the hub wrote it, and our own reading of
the file decides; that is why nothing in this module fails on a word.

Sources: Civitai's enumerations (`GET /api/v1/enums`), LiblibAI's numbers as public clients name them, ModelScope's
`VisionFoundation`, and the names of the base repositories on Hugging Face and of their copies on ModelScope.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from hubman.core.query import is_base
from hubman.core.types import Kind


class Base(NamedTuple):
    """What a hub's word for a base means.

    Attributes:
        architecture: as hubman.core.identify spells it; None where several are meant or it is none of ours.
        lineage: pony, illustrious, noobai, animagine.
        line: what parts weights of one architecture that do not replace each other (lcm, turbo, i2v-720p, kontext).
    """

    architecture: str | None = None
    lineage: str | None = None
    line: str | None = None


NOTHING = Base()

_KINDS: Mapping[str, Kind] = MappingProxyType({
    # Civitai's ModelType, LiblibAI's and ModelScope's words, tags of Hugging Face: letters and digits, lower case.
    "checkpoint": Kind.CHECKPOINT, "textualinversion": Kind.EMBEDDING, "embedding": Kind.EMBEDDING,
    "embeddings": Kind.EMBEDDING, "hypernetwork": Kind.HYPERNETWORK, "aestheticgradient": Kind.AESTHETIC_GRADIENT,
    "lora": Kind.LORA, "locon": Kind.LORA, "dora": Kind.LORA, "lycoris": Kind.LORA, "loha": Kind.LORA,
    "lokr": Kind.LORA, "controlnet": Kind.CONTROLNET, "t2iadapter": Kind.T2I_ADAPTER, "ipadapter": Kind.IP_ADAPTER,
    "upscaler": Kind.UPSCALER, "motionmodule": Kind.MOTION_MODULE, "vae": Kind.VAE, "textencoder": Kind.TEXT_ENCODER,
    "clip": Kind.TEXT_ENCODER, "unet": Kind.DIFFUSION_MODEL, "diffusionmodel": Kind.DIFFUSION_MODEL,
    "clipvision": Kind.CLIP_VISION, "templatesdlora": Kind.LORA, "templatediffusionlora": Kind.LORA,
})  # fmt: skip

LIBLIB_TYPES: Mapping[int, str] = MappingProxyType({
    1: "Checkpoint", 2: "Textual Inversion", 3: "Hypernetwork", 4: "Aesthetic Gradient", 5: "LoRA", 6: "LyCORIS",
    7: "Controlnet", 8: "Poses", 9: "Wildcards", 10: "Other", 18: "workflow",
})  # fmt: skip
"""LiblibAI's modelType. Some checkpoints are filed under 5: size and header decide."""

LIBLIB_BASES: Mapping[int, str] = MappingProxyType({
    1: "SD 1.5", 2: "SD 2.1", 3: "SDXL", 4: "Cascade Stage a", 5: "Cascade Stage b", 6: "Cascade Stage c", 7: "SD3",
    8: "HunyuanDiT v1.2", 9: "PixArt Σ", 10: "Pony", 11: "Kolors", 12: "HunyuanDiT v1.1", 13: "PixArt α",
    14: "AuraFlow", 15: "Playground V2", 16: "Lumina", 17: "SVD", 18: "SVD XT", 19: "F.1", 20: "SD 3.5M",
    21: "SD 3.5L", 24: "Hunyuan", 27: "IMG1", 30: "Seedream", 31: "Kontext", 37: "QwenImage", 39: "QwenEdit",
    40: "Nano", 42: "Midjourney", 50: "F2Pro", 51: "F2Flex", 53: "ZImageTurbo", 55: "Seedream45", 70: "Nano2",
})  # fmt: skip
"""LiblibAI's baseType, as far as it is known. What runs on LiblibAI's machines only has no architecture here."""

CIVITAI_BASES: Mapping[str, Base] = MappingProxyType({
    "Anima": Base("anima"), "AuraFlow": Base("auraflow"), "Chroma": Base("chroma"), "CogVideoX": Base("cogvideox"),
    "Ernie": Base("ernie-image"), "Flux.1 S": Base("flux1", line="schnell"), "Flux.1 D": Base("flux1"),
    "Flux.1 Krea": Base("flux1", line="krea"), "Flux.1 Kontext": Base("flux1", line="kontext"),
    "Flux.2 D": Base("flux2-dev"), "Flux.2 Klein 9B": Base("flux2-klein-9b"),
    "Flux.2 Klein 9B-base": Base("flux2-klein-9b", line="base"), "Flux.2 Klein 4B": Base("flux2-klein-4b"),
    "Flux.2 Klein 4B-base": Base("flux2-klein-4b", line="base"), "Flux 3 Video": Base("flux3"),
    "HiDream": Base("hidream-i1"), "HiDream-O1": Base("hidream-o1"), "Hunyuan 1": Base("hunyuan-dit"),
    "Hunyuan Video": Base("hunyuan-video"), "Ideogram 4.0": Base("ideogram4"), "Boogu": Base("boogu-image"),
    "Illustrious": Base("sdxl", "illustrious"), "Kolors": Base("kolors"), "Krea 2": Base("krea2"),
    "LTXV": Base("ltx-video"), "LTXV2": Base("ltx-2"), "LTXV 2.3": Base("ltx-2", line="2.3"), "Lens": Base("lens"),
    "Lumina": Base("lumina2"), "MageFlow": Base("mage-flow"), "Mochi": Base("mochi"),
    "NoobAI": Base("sdxl", "noobai"), "PixArt a": Base("pixart-alpha"), "PixArt E": Base("pixart-sigma"),
    "Playground v2": Base("sdxl", line="playground"), "Pony": Base("sdxl", "pony"), "Pony V7": Base("auraflow"),
    "Qwen": Base("qwen-image"), "Stable Cascade": Base("stable-cascade"), "SD 1.4": Base("sd1"), "SD 1.5": Base("sd1"),
    "SD 1.5 LCM": Base("sd1", line="lcm"), "SD 1.5 Hyper": Base("sd1", line="hyper"), "SD 2.0": Base("sd2"),
    "SD 2.0 768": Base("sd2", line="768"), "SD 2.1": Base("sd2"), "SD 2.1 768": Base("sd2", line="768"),
    "SD 2.1 Unclip": Base("sd2", line="unclip"), "SD 3": Base("sd3"), "SD 3.5": Base("sd3", line="3.5"),
    "SD 3.5 Large": Base("sd3.5-large"), "SD 3.5 Large Turbo": Base("sd3.5-large", line="turbo"),
    "SD 3.5 Medium": Base("sd3.5-medium"), "SDXL 0.9": Base("sdxl"), "SDXL 1.0": Base("sdxl"),
    "SDXL 1.0 LCM": Base("sdxl", line="lcm"), "SDXL Lightning": Base("sdxl", line="lightning"),
    "SDXL Hyper": Base("sdxl", line="hyper"), "SDXL Turbo": Base("sdxl", line="turbo"), "SVD": Base("svd"),
    "SVD XT": Base("svd", line="xt"), "Wan Video": Base("wan"),
    "Wan Video 1.3B t2v": Base("wan-2.1", line="1.3b-t2v"), "Wan Video 14B t2v": Base("wan-2.1", line="14b-t2v"),
    "Wan Video 14B i2v 480p": Base("wan-2.1", line="14b-i2v-480p"),
    "Wan Video 14B i2v 720p": Base("wan-2.1", line="14b-i2v-720p"),
    "Wan Video 2.2 TI2V-5B": Base("wan-2.2", line="ti2v-5b"),
    "Wan Video 2.2 I2V-A14B": Base("wan-2.2", line="i2v-a14b"),
    "Wan Video 2.2 T2V-A14B": Base("wan-2.2", line="t2v-a14b"), "ZImageTurbo": Base("z-image", line="turbo"),
    "ZImageBase": Base("z-image", line="base"), "MiniMax H3": Base("minimax-h3"), "Hunyuan3D": Base("hunyuan3d"),
    # Several architectures, or models that nobody can download: known words without an architecture.
    **dict.fromkeys((
        "ACE Audio", "Grok", "HappyHorse", "MAI", "Imagen4", "Nano Banana", "ODOR", "OpenAI", "Upscaler", "Other",
        "Qwen 2", "Qwen 3", "SDXL Distilled", "Reve", "Seedream", "Sora 2", "Veo 3", "Wan Video 2.5 T2V",
        "Wan Video 2.5 I2V", "Wan Image 2.7", "Wan Video 2.7", "Vidu Q1", "Kling", "Seedance", "PolyGen", "Tripo",
    ), NOTHING),
})  # fmt: skip
"""Civitai's baseModel: all of its enumeration."""

_BASES: Mapping[str, Base] = MappingProxyType({
    **CIVITAI_BASES,
    # --- LiblibAI ---
    "SD 1": Base("sd1"), "SDXL": Base("sdxl"), "SD3": Base("sd3"), "Cascade Stage a": Base("stable-cascade"),
    "Cascade Stage b": Base("stable-cascade"), "Cascade Stage c": Base("stable-cascade"),
    "HunyuanDiT v1.1": Base("hunyuan-dit"), "HunyuanDiT v1.2": Base("hunyuan-dit"), "PixArt Σ": Base("pixart-sigma"),
    "PixArt α": Base("pixart-alpha"), "F.1": Base("flux1"), "F.1 (FLUX.1)": Base("flux1"),
    "SD 3.5M": Base("sd3.5-medium"), "SD 3.5L": Base("sd3.5-large"), "Kontext": Base("flux1", line="kontext"),
    "QwenImage": Base("qwen-image"), "QwenEdit": Base("qwen-image", line="edit"), "1.5": Base("sd1"),
    "XL": Base("sdxl"), "v1.5": Base("sd1"), "SD v1.5": Base("sd1"), "v2.1": Base("sd2"), "SD v2.1": Base("sd2"),
    # --- ModelScope's VisionFoundation ---
    "SD_1_5": Base("sd1"), "SD_2_1": Base("sd2"), "SD_XL": Base("sdxl"), "SD_3": Base("sd3"), "FLUX_1": Base("flux1"),
    "QWEN_IMAGE": Base("qwen-image"), "WAN_2_1": Base("wan-2.1"), "WAN_2_2": Base("wan-2.2"),
    "FLUX_1_DEV": Base("flux1"), "FLUX_1_SCHNELL": Base("flux1", line="schnell"), "QWEN_IMAGE_20_B": Base("qwen-image"),
    "QWEN_IMAGE_EDIT": Base("qwen-image", line="edit"), "WAN_VIDEO_2_1_T_2_V_1_3_B": Base("wan-2.1", line="1.3b-t2v"),
    "WAN_VIDEO_2_1_T_2_V_14_B": Base("wan-2.1", line="14b-t2v"),
    "HUNYUAN_VIDEO": Base("hunyuan-video"), "Z_IMAGE": Base("z-image"), "Z_IMAGE_TURBO": Base("z-image", line="turbo"),
    # --- tags of Hugging Face ---
    "stable-diffusion-xl": Base("sdxl"), "stable-diffusion-xl-diffusers": Base("sdxl"),
    "diffusers:StableDiffusionPipeline": NOTHING,  # of SD 1 and SD 2
    "diffusers:StableDiffusionXLPipeline": Base("sdxl"),
    "diffusers:StableDiffusionXLInpaintPipeline": Base("sdxl", line="inpaint"), "diffusers:FluxPipeline": Base("flux1"),
    "diffusers:FluxKontextPipeline": Base("flux1", line="kontext"), "diffusers:StableDiffusion3Pipeline": Base("sd3"),
    "diffusers:QwenImagePipeline": Base("qwen-image"), "diffusers:ZImagePipeline": Base("z-image"),
})  # fmt: skip

_REPOSITORIES: Mapping[str, Base] = MappingProxyType({
    # The name of a base repository, without its owner: mirrors on both hubs keep the name. Lower case.
    **dict.fromkeys(("stable-diffusion-v1-5", "stable-diffusion-v1-4", "stable-diffusion-v1-3", "sd-v1-5",
                     "stable-diffusion-1.5", "anything-v5", "dreamshaper-8"), Base("sd1")),
    "stable-diffusion-inpainting": Base("sd1", line="inpaint"),
    "stable-diffusion-v1-5-inpainting": Base("sd1", line="inpaint"),
    **dict.fromkeys(("stable-diffusion-2", "stable-diffusion-2-1"), Base("sd2", line="768")),
    **dict.fromkeys(("stable-diffusion-2-base", "stable-diffusion-2-1-base"), Base("sd2")),
    "stable-diffusion-2-inpainting": Base("sd2", line="inpaint"),
    "stable-diffusion-2-depth": Base("sd2", line="depth"),
    "stable-diffusion-xl-base-1.0": Base("sdxl"), "stable-diffusion-xl-base-0.9": Base("sdxl"),
    "stable-diffusion-xl-refiner-1.0": Base("sdxl-refiner"),
    "stable-diffusion-xl-1.0-inpainting-0.1": Base("sdxl", line="inpaint"),
    "sdxl-turbo": Base("sdxl", line="turbo"), "sdxl-lightning": Base("sdxl", line="lightning"),
    "ssd-1b": Base("ssd-1b"), "segmind-vega": Base("segmind-vega"),
    "playground-v2-1024px-aesthetic": Base("sdxl", line="playground"),
    "playground-v2.5-1024px-aesthetic": Base("sdxl", line="playground"),
    **dict.fromkeys(("animagine-xl-3.0", "animagine-xl-3.1", "animagine-xl-4.0", "animagine-xl-2.0"),
                    Base("sdxl", "animagine")),
    **dict.fromkeys(("illustrious-xl-early-release-v0", "illustrious-xl-v1.0", "illustrious-xl-v1.1",
                     "illustrious-xl-v2.0"), Base("sdxl", "illustrious")),
    **dict.fromkeys(("noobai-xl-1.0", "noobai-xl-1.1"), Base("sdxl", "noobai")),
    "noobai-xl-vpred-1.0": Base("sdxl", "noobai", "v-pred"),
    **dict.fromkeys(("pony-diffusion-v6-xl", "pony-diffusion-v6"), Base("sdxl", "pony")),
    "pony-v7-base": Base("auraflow"), "auraflow": Base("auraflow"), "auraflow-v0.3": Base("auraflow"),
    "stable-diffusion-3-medium": Base("sd3-medium"), "stable-diffusion-3.5-medium": Base("sd3.5-medium"),
    "stable-diffusion-3.5-large": Base("sd3.5-large"),
    "stable-diffusion-3.5-large-turbo": Base("sd3.5-large", line="turbo"),
    "stable-cascade": Base("stable-cascade"), "wuerstchen": Base("wuerstchen"),
    "flux.1-dev": Base("flux1"), "flux.1-schnell": Base("flux1", line="schnell"),
    "flux.1-krea-dev": Base("flux1", line="krea"), "flux.1-kontext-dev": Base("flux1", line="kontext"),
    "flux.1-fill-dev": Base("flux1", line="inpaint"), "flux.1-depth-dev": Base("flux1", line="depth"),
    "flux.1-canny-dev": Base("flux1", line="canny"), "flux.2-dev": Base("flux2-dev"),
    "flux.2-klein-4b": Base("flux2-klein-4b"), "flux.2-klein-base-4b": Base("flux2-klein-4b", line="base"),
    "flux.2-klein-9b": Base("flux2-klein-9b"), "flux.2-klein-base-9b": Base("flux2-klein-9b", line="base"),
    "chroma": Base("chroma"), "chroma1-hd": Base("chroma"), "chroma1-base": Base("chroma"),
    "chroma1-radiance": Base("chroma-radiance"), "kolors": Base("kolors"), "hunyuandit": Base("hunyuan-dit"),
    "hunyuandit-v1.1": Base("hunyuan-dit"), "hunyuandit-v1.2": Base("hunyuan-dit"),
    "hunyuanvideo": Base("hunyuan-video"), "hunyuanvideo-i2v": Base("hunyuan-video", line="i2v"),
    "hunyuanvideo-1.5": Base("hunyuan-video-1.5"), "hunyuanimage-2.1": Base("hunyuan-image-2.1"),
    "pixart-xl-2-1024-ms": Base("pixart-alpha"), "pixart-sigma-xl-2-1024-ms": Base("pixart-sigma"),
    "lumina-image-2.0": Base("lumina2"), "ltx-video": Base("ltx-video"), "ltx-2": Base("ltx-2"),
    "mochi-1-preview": Base("mochi"), "cogvideox-2b": Base("cogvideox", line="2b"),
    "cogvideox-5b": Base("cogvideox", line="5b"), "cogvideox-5b-i2v": Base("cogvideox", line="5b-i2v"),
    "qwen-image-2512": Base("qwen-image"), "qwen-image-edit-2511": Base("qwen-image", line="edit-2511"),
    "qwen-image": Base("qwen-image"), "qwen-image-edit": Base("qwen-image", line="edit"),
    "qwen-image-edit-2509": Base("qwen-image", line="edit-2509"), "z-image": Base("z-image", line="base"),
    "z-image-turbo": Base("z-image", line="turbo"), "hidream-i1-full": Base("hidream-i1"),
    "hidream-i1-dev": Base("hidream-i1", line="dev"), "hidream-i1-fast": Base("hidream-i1", line="fast"),
    "wan2.1-t2v-1.3b": Base("wan-2.1", line="1.3b-t2v"), "wan2.1-t2v-14b": Base("wan-2.1", line="14b-t2v"),
    "wan2.1-i2v-14b-480p": Base("wan-2.1", line="14b-i2v-480p"),
    "wan2.1-i2v-14b-720p": Base("wan-2.1", line="14b-i2v-720p"), "wan2.2-ti2v-5b": Base("wan-2.2", line="ti2v-5b"),
    "wan2.2-t2v-a14b": Base("wan-2.2", line="t2v-a14b"), "wan2.2-i2v-a14b": Base("wan-2.2", line="i2v-a14b"),
    "stable-video-diffusion-img2vid": Base("svd"), "stable-video-diffusion-img2vid-xt": Base("svd", line="xt"),
})  # fmt: skip

_ENDINGS = ("-diffusers", "-fp16", "-fp8", "-bnb-4bit", "-gguf", "-bf16")
"""What repackaged copies of a base put behind its name; its weights are the same."""

_FORMATS: Mapping[str, str] = MappingProxyType({
    "safetensor": "safetensors", "safetensors": "safetensors", "sft": "safetensors", "pickletensor": "pickle",
    "ckpt": "pickle", "pt": "pickle", "pth": "pickle", "bin": "pickle", "gguf": "gguf", "onnx": "onnx",
    "diffusers": "diffusers", "coreml": "other", "other": "other",
})  # fmt: skip

_FILE_KINDS: Mapping[str, Kind] = MappingProxyType({
    # Civitai's words for a file of a model that is not the model itself.
    "vae": Kind.VAE, "textencoder": Kind.TEXT_ENCODER, "visionencoder": Kind.CLIP_VISION,
    "clipvision": Kind.CLIP_VISION, "unet": Kind.DIFFUSION_MODEL, "diffusionmodel": Kind.DIFFUSION_MODEL,
    "controlnet": Kind.CONTROLNET, "upscaler": Kind.UPSCALER, "enhancementlora": Kind.LORA,
    "negative": Kind.EMBEDDING,
})  # fmt: skip

_ALIKE = (
    # Kinds that hubs file under each other's names: an UNet as a Checkpoint, a control LoRA as a LoRA or a Controlnet.
    {Kind.CHECKPOINT, Kind.DIFFUSION_MODEL, Kind.TEXT_ENCODER, Kind.CLIP_VISION, Kind.VAE, Kind.CONTROLNET,
     Kind.T2I_ADAPTER, Kind.IP_ADAPTER, Kind.MOTION_MODULE},
    {Kind.LORA, Kind.NON_IMAGE_LORA, Kind.HYPERNETWORK, Kind.CONTROLNET, Kind.T2I_ADAPTER, Kind.IP_ADAPTER,
     Kind.MOTION_MODULE},
    {Kind.EMBEDDING, Kind.AESTHETIC_GRADIENT, Kind.HYPERNETWORK},
    {Kind.UPSCALER, Kind.FACE_RESTORER},
)  # fmt: skip

NO_MODELS = frozenset({"training data", "config", "archive", "workflow", "other"})
"""Civitai's file types, in lower case, that are no weights."""


def _plain(word: str) -> str:
    """Return letters and digits in lower case: `SD_1_5`, `SD 1.5` and `sd1.5` are one word."""
    return "".join(letter for letter in word.casefold() if letter.isalnum())


CIVITAI_TYPES = (
    "Checkpoint", "TextualInversion", "Hypernetwork", "AestheticGradient", "LORA", "LoCon", "DoRA", "Controlnet",
    "Upscaler", "MotionModule", "VAE", "TextEncoder", "UNet", "CLIPVision", "CLIP",
)  # fmt: skip
"""Civitai's ModelType, as far as they are kinds of ours: what a search may ask for."""

_BY_PLAIN = {_plain(word): base for word, base in _BASES.items()}


def kind_of_hub_type(hub: str, word: object) -> str:
    """Return the Kind of what a hub calls a type; "unknown" for words that are none of ours.

    Args:
        hub: a name of core.hub. LiblibAI's types are numbers.
        word: Civitai's ModelType, LiblibAI's modelType, ModelScope's AigcType, a tag of Hugging Face.
    """
    if hub == "liblib" and isinstance(word, (int, str)) and str(word).isdecimal():
        word = LIBLIB_TYPES.get(int(word), "")
    return str(_KINDS.get(_plain(word), Kind.UNKNOWN)) if isinstance(word, str) else str(Kind.UNKNOWN)


def kind_of_file(word: object, kind: str) -> str:
    """Return the Kind of one file of a model of a kind: the VAE that lies beside a checkpoint is a VAE."""
    found = _FILE_KINDS.get(_plain(word)) if isinstance(word, str) else None
    return str(found) if found else kind


def kinds_agree(one: str, other: str) -> bool:
    """Whether a file that is of one Kind may be what a hub calls another; unknown agrees with all."""
    return str(Kind.UNKNOWN) in (one, other) or one == other or any(one in group and other in group for group in _ALIKE)


def base_of(word: object) -> Base | None:
    """Return what a hub's word, number-free tag or base repository means; None for a word that nobody knows here."""
    if not isinstance(word, str) or not word.strip():
        return None
    text = word.strip().removeprefix("基础算法").strip()
    if text.startswith("base_model:"):
        text = text.rpartition(":")[2]
    if "/" in text:
        return _of_repository(text.rpartition("/")[2].casefold())
    return _BY_PLAIN.get(_plain(text)) or _of_repository(text.casefold())


def _of_repository(name: str) -> Base | None:
    found = _REPOSITORIES.get(name)
    for ending in _ENDINGS:
        if found is None and name.endswith(ending):
            found = _REPOSITORIES.get(name.removesuffix(ending))
    return found


def base_architecture(word: str | None) -> str | None:
    """Return the architecture that a hub's word for a base stands for, as hubman spells it, or None."""
    return (base_of(word) or NOTHING).architecture


def base_lineage(word: str | None) -> str | None:
    """Return pony, illustrious, ..., where a hub's word for a base says that, or None."""
    return (base_of(word) or NOTHING).lineage


def base_line(word: str | None) -> str | None:
    """Return what parts a base from others of its architecture (turbo, i2v-720p, kontext), or None."""
    return (base_of(word) or NOTHING).line


def format_of_word(word: object) -> str | None:
    """Return safetensors, pickle, gguf, onnx, diffusers, other for a hub's word or an ending; None for others."""
    return _FORMATS.get(_plain(word)) if isinstance(word, str) else None


def format_of_name(name: str) -> str | None:
    """Return the format that the ending of a file's name promises; its bytes decide (formats/)."""
    return format_of_word(name.rpartition(".")[2]) if "." in name else None


def civitai_types(kind: str) -> tuple[str, ...]:
    """Return Civitai's types that are of a Kind; () where it has none."""
    return tuple(word for word in CIVITAI_TYPES if _KINDS.get(_plain(word)) == kind)


def architecture_words(architecture: str) -> tuple[str, ...]:
    """Return Civitai's words for the bases of an architecture or of its forms; () where it has none."""
    return tuple(word for word in CIVITAI_BASES if (own := _BASES[word].architecture) and is_base(architecture, own))
