"""What trainers write into `__metadata__` about the base. It refines what the shapes allow and never overrules them.

Trainers lie: ai-toolkit wrote `sd_1.5` into Flux LoRAs (ostris/ai-toolkit #130), kohya falls back to
`stable-diffusion-v1` for what it does not know, musubi-tuner calls Wan 2.2 `wan2.1`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence
from hubman.errors import N_

SPELLINGS: tuple[tuple[str, str], ...] = (
    # Regular expression on the beginning of a declared base, in lower case and without anything but letters and digits
    # -> architecture; the first that fits. Sources: kohya-ss/sd-scripts sai_model_spec.py and train_util.py,
    # kohya-ss/musubi-tuner sai_model_spec.py and architectures.py, Nerogar/OneTrainer resources/sd_model_spec,
    # ostris/ai-toolkit get_base_model_version, Stability-AI ModelSpec 1.0.1, SwarmUI T2IModelClassSorter.cs,
    # Civitai's baseModel names.
    (r"stablediffusionxlv1refiner|sdxlrefiner|stablediffusionxlrefiner", "sdxl-refiner"),
    (r"stablediffusionxl|sdxl|xl10", "sdxl"),
    (r"ponyv7|auraflow", "auraflow"),
    (r"stablediffusion35large|sd35large|sd35l|sd358b|stablediffusionv35large", "sd3.5-large"),
    (r"stablediffusion35medium|sd35medium|sd35m|stablediffusionv35medium", "sd3.5-medium"),
    (r"stablediffusion3m|sd3m|sd32b|stablediffusionv3medium", "sd3-medium"),
    (r"stablediffusionv?3|sd3", "sd3"),
    (r"stablediffusionv?2|sdv?2", "sd2"),
    (r"stablediffusionv?1|sdv?1", "sd1"),
    (r"flux2klein4b|f2k4b", "flux2-klein-4b"),
    (r"flux2klein9b|f2k9b", "flux2-klein-9b"),
    (r"flux2dev|fluxdev2|flux2d", "flux2-dev"),
    (r"flux2", "flux2"),
    (r"flux3", "flux3"),
    (r"flux", "flux1"),
    (r"chromaradiance|chroma1radiance", "chroma-radiance"),
    (r"chroma", "chroma"),
    (r"lumina2|luminaimage2|lumina", "lumina2"),
    (r"hunyuanvideo15|hv15", "hunyuan-video-1.5"),
    (r"hunyuanvideo|framepack", "hunyuan-video"),
    (r"hunyuanimage", "hunyuan-image-2.1"),
    (r"hunyuandit|hunyuan1", "hunyuan-dit"),
    (r"wan(?:video|ai)?22|wan(?:video)?v22", "wan-2.2"),
    (r"wan", "wan"),
    (r"qwenimage21", "qwen-image-2.1"),
    (r"qwen", "qwen-image"),
    (r"zimage", "z-image"),
    (r"kandinsky5", "kandinsky5"),
    (r"hidreamo1", "hidream-o1"),
    (r"hidream", "hidream-i1"),
    (r"ideogram4", "ideogram4"),
    (r"krea2", "krea2"),
    (r"anima(?!gine|tediff)", "anima"),
    (r"ltx(?:video|v)?2", "ltx-2"),
    (r"ltx", "ltx-video"),
    (r"mochi", "mochi"),
    (r"sana", "sana"),
    (r"pixart(?:alpha|a\b)", "pixart-alpha"),
    (r"pixartsigma|pixarte", "pixart-sigma"),
    (r"cosmospredict2", "cosmos-predict2"),
    (r"ernie", "ernie-image"),
    (r"longcatimage", "longcat-image"),
    (r"ovis", "ovis-image"),
    (r"cogview3", "cogview3"),
    (r"omnigen2", "omnigen2"),
    (r"kolors", "kolors"),
    (r"stablecascade|wuerstchen", "stable-cascade"),
    (r"cogview4", "cogview4"),
    (r"cogvideox", "cogvideox"),
    (r"(?:stablevideodiffusion|svd)", "svd"),
    (r"(?:pony|illustrious|noobai|noob|animagine)", "sdxl"),
)
TITLES = {
    "sd1": "SD 1.x",
    "sd2": "SD 2.x",
    "sdxl": "SDXL",
    "sdxl-refiner": "the SDXL refiner",
    "sd3": "SD 3",
    "sd3-medium": "SD 3 Medium",
    "sd3.5-medium": "SD 3.5 Medium",
    "sd3.5-large": "SD 3.5 Large",
    "flux1": "Flux.1",
    "flux2": "Flux.2",
    "chroma": "Chroma",
    "wan": "Wan",
    "wan-2.1": "Wan 2.1",
    "wan-2.2": "Wan 2.2",
    "qwen-image": "Qwen-Image",
    "z-image": "Z-Image",
    "hunyuan-video": "HunyuanVideo",
}
"""What a sentence calls an architecture; the others are called by their own id."""

BASE_KEYS = ("ss_base_model_version", "modelspec.architecture", "base_model_version", "ss_base_model")
SHARED_STEM = ("sd3", "flux2", "wan", "qwen-image", "chroma")
"""Architectures that have finer names beside the plain one: a declared `flux2` allows `flux2-dev`, and the reverse."""

LINEAGES: tuple[tuple[str, str], ...] = (
    # name as it occurs in base model names -> lineage. NoobAI is a child of Illustrious, so it is asked first.
    (r"noob", "noobai"),
    (r"illustrious|ilxl|illuxl|illus-?xl|\bill?[-_]xl|wai[-_]?(?:nsfw|shuffle)?[-_]?ill", "illustrious"),
    (r"pony|pdxl|pdv6|autismmix|score_9", "pony"),
    (r"animagine", "animagine"),
)

LINEAGE_HASHES = {
    # The first ten digits of the sha256 (AutoV2) of well-known bases, as their publishers and the hubs list them.
    "67ab2fd8ec": "pony",  # Pony Diffusion V6 XL
    **dict.fromkeys(("3e15ba0038", "e3d12d0f76", "735cf3fefc", "536863e9f0", "c2a1a3eaa1"), "illustrious"),
    **dict.fromkeys(("1449e5b0b9", "e3c47aedb0", "8ece83aa1b", "6327eca98b"), "animagine"),
}
LINEAGE_OLD_HASHES = {"e577480d": "pony"}
"""AutoV1 of the same; Pony's stands beside its sha256 in a real LoRA (tests/corpora/civitai_gen_seed_sdxl_lora)."""

CIVITAI_VERSIONS = {
    # Civitai's own trainer names the base by the number of its version there.
    "290640": "pony",
    "889818": "illustrious",
    "1190596": "noobai",
    "1116447": "noobai",
}

BASE_NAMES = ("ss_sd_model_name", "ss_base_model", "base_model", "ss_base_model_version", "sd_checkpoint_name")
WEAK_NAMES = ("modelspec.merged_from", "modelspec.title", "ss_output_name")

UNETS = ("sd1", "sd2", "sdxl", "sdxl-refiner", "kolors")
"""Only these are trained on noise or velocity; trainers write "epsilon" into the others, too."""

TRAINED_ON_HASH = N_("it was trained on {name}, a checkpoint whose hash is known ({key} = {value})")
NAMED = N_("its metadata names the checkpoint it was trained on: {key} = {value}")
MENTIONED = N_("its metadata mentions it: {key} = {value}")
QUALITY_TAGS = N_("it was trained with the quality tags of Pony (score_9)")
SEVERAL = N_("its metadata points to several: {names}")
CHOSEN = N_("the shapes allow several; the trainer wrote {key} = {value}")
CONTRADICTED = N_(
    "the trainer wrote {key} = {value}, which means {declared}, but its tensors are those of {found}; "
    "trainers often get this wrong, so the tensors decide"
)
PREDICTION_DECLARED = N_("its metadata declares it: {key} = {value}")


def declared(metadata: Mapping[str, str]) -> tuple[str, str] | None:
    """Return (architecture, the key that says so) as the trainer declared it."""
    for key in BASE_KEYS:
        if (value := metadata.get(key)) and (architecture := architecture_of(value)):
            return architecture, key
    return ("sd2", "ss_v2") if metadata.get("ss_v2") == "True" else None


def architecture_of(spelling: object) -> str | None:
    """Understand how a trainer, a hub or ModelSpec spells a base: `stable-diffusion-xl-v1-base/lora` is sdxl."""
    if not isinstance(spelling, str):
        return None
    plain = re.sub(r"[^a-z0-9]", "", spelling.strip().lower().split("/")[0])
    return next((architecture for pattern, architecture in SPELLINGS if re.match(pattern, plain)), None)


def related(one: str, other: str) -> bool:
    """Whether two architectures are the same, or one of them the finer name of the other."""
    if one == other:
        return True
    stem = next((stem for stem in SHARED_STEM if one.startswith(stem) and other.startswith(stem)), None)
    return stem is not None and stem in (one, other)


def refine(draft: Draft, candidates: Sequence[str]) -> tuple[str, ...]:
    """Let the trainer's word choose among what the shapes allow; a contradiction is kept as evidence only."""
    found = declared(draft.header.metadata)
    if found is None or not candidates:
        return tuple(candidates)
    architecture, key = found
    value = shortened(draft.header.metadata[key])
    matching = tuple(name for name in candidates if name == architecture)
    matching = matching or tuple(name for name in candidates if related(name, architecture))
    if not matching:
        meant, found_names = TITLES.get(architecture, architecture), [TITLES.get(name, name) for name in candidates]
        draft.note("metadata", value, CONTRADICTED, key=key, value=value, declared=meant, found=found_names)
        return tuple(candidates)
    if len(matching) < len(candidates):
        draft.note("architecture", matching, CHOSEN, key=key, value=value)
        draft.weaken(Confidence.LIKELY)
    return matching


# --- lineage -------------------------------------------------------------------------------------------------------
def tell_lineage(draft: Draft) -> None:
    """Look for what an SDXL model descends from: the hash of its base, then the base's name, then titles and tags."""
    if draft.values.get("architecture") != "sdxl":
        return
    metadata = draft.header.metadata
    if not _lineage_by_hash(draft, metadata):
        sure = _named_lineages(draft, {**_checkpoint_of(draft), **metadata}, BASE_NAMES, NAMED)
        weak = _named_lineages(draft, metadata, WEAK_NAMES, MENTIONED)
        if _has_tag(metadata, "score_9"):
            weak.append("pony")
            draft.note("lineage_candidates", "pony", QUALITY_TAGS)
        _conclude(draft, list(dict.fromkeys(sure)), list(dict.fromkeys(weak)))


def _lineage_by_hash(draft: Draft, metadata: Mapping[str, str]) -> bool:
    for key, table, digits in (
        ("ss_new_sd_model_hash", LINEAGE_HASHES, 10),
        ("ss_sd_model_hash", LINEAGE_HASHES, 10),
        ("ss_sd_model_hash", LINEAGE_OLD_HASHES, 8),
    ):
        value = metadata.get(key)
        short = value.strip().lower().removeprefix("0x")[:digits] if isinstance(value, str) else ""
        if known := table.get(short):
            draft.say("lineage", known, TRAINED_ON_HASH, name=known, key=key, value=short)
            draft.values["lineage_candidates"] = (known,)
            return True
    return False


def _checkpoint_of(draft: Draft) -> dict[str, str]:
    """Read the name of the checkpoint that A1111 stores inside an embedding or a hypernetwork."""
    tree = draft.header.tree
    name = tree.get("sd_checkpoint_name") if isinstance(tree, dict) else None
    return {"sd_checkpoint_name": name} if isinstance(name, str) else {}


def _named_lineages(draft: Draft, metadata: Mapping[str, str], keys: Sequence[str], template: str) -> list[str]:
    found = []
    for key in keys:
        value = metadata.get(key)
        if isinstance(value, str) and (lineage := lineage_of_name(value)):
            found.append(lineage)
            fact = "lineage" if template == NAMED else "lineage_candidates"
            draft.note(fact, lineage, template, key=key, value=shortened(value))
    if template == NAMED and isinstance(config := metadata.get("ot_config"), str):
        name = json_object(config).get("base_model_name")
        if isinstance(name, str) and (lineage := lineage_of_name(re.split(r"[/\\]", name)[-1])):
            found.append(lineage)
            draft.note("lineage", lineage, NAMED, key="ot_config.base_model_name", value=shortened(name))
    return found


def lineage_of_name(name: str) -> str | None:
    """Return what a checkpoint called so descends from, or None."""
    if known := CIVITAI_VERSIONS.get(name.strip().partition(".")[0]):
        return known
    return next((lineage for pattern, lineage in LINEAGES if re.search(pattern, name[:400], re.IGNORECASE)), None)


def _has_tag(metadata: Mapping[str, object], tag: str) -> bool:
    """Look for a training tag without parsing: a tag is a quoted key, escaped or not."""
    value = metadata.get("ss_tag_frequency")
    if isinstance(value, Mapping):
        return any(tag in tags for tags in value.values() if isinstance(tags, Mapping))
    return isinstance(value, str) and f'"{tag}"' in value


def _conclude(draft: Draft, sure: list[str], weak: list[str]) -> None:
    every = list(dict.fromkeys([*sure, *weak]))
    if not every:
        return
    draft.values["lineage_candidates"] = tuple(every)
    if len(sure) == 1:
        draft.values["lineage"] = sure[0]
    elif len(every) > 1:
        draft.note("lineage_candidates", every, SEVERAL, names=every)


# --- prediction type -----------------------------------------------------------------------------------------------
def prediction(draft: Draft) -> None:
    """Read the prediction type that the metadata declares: velocity where any field says so, else ModelSpec's word."""
    if draft.values.get("architecture", "sd1") not in (None, *UNETS):
        return
    metadata = draft.header.metadata
    for key, pattern in (
        ("ss_v_parameterization", r"true\Z"),
        ("modelspec.prediction_type", r"v(?:[-_ ]?pred(?:iction)?|elocity)?\Z"),
        ("modelspec.architecture", r"[^/]*-768-v(?:/|\Z)"),
        ("ss_base_model_version", r"sd_?v?2(?:\.\d)?_(?:768_)?v\b"),
    ):
        value = metadata.get(key)
        if isinstance(value, str) and re.match(pattern, value.strip(), re.IGNORECASE):
            draft.values["prediction_type"] = "v"
            draft.note("prediction_type", "v", PREDICTION_DECLARED, key=key, value=shortened(value))
            return
    value = metadata.get("modelspec.prediction_type")
    if isinstance(value, str) and value.strip().lower() in ("epsilon", "eps"):
        draft.values["prediction_type"] = "epsilon"
        draft.note(
            "prediction_type", "epsilon", PREDICTION_DECLARED, key="modelspec.prediction_type", value=shortened(value)
        )


# --- values --------------------------------------------------------------------------------------------------------
def number(metadata: Mapping[str, str], key: str) -> float | None:
    """Read a number that a trainer wrote as text; "None" and "Dynamic" are no numbers."""
    try:
        value = float(metadata.get(key, ""))
    except (ValueError, TypeError):
        return None
    return value if abs(value) < 1e9 else None


def json_object(text: str) -> Mapping[str, object]:
    """Parse JSON inside a metadata string; anything but an object is an empty one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def shortened(value: object) -> str:
    """Cut a value for showing: one line, eighty letters."""
    text = " ".join(str(value)[:400].split())
    return text if len(text) <= 80 else text[:79] + "…"
