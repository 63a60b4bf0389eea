"""What trainers write into `__metadata__` about the base. It refines what the shapes allow and never overrules them.

Trainers lie: ai-toolkit wrote `sd_1.5` into Flux LoRAs (ostris/ai-toolkit #130), kohya falls back to
`stable-diffusion-v1` for what it does not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence

DECLARED: tuple[tuple[str, str, str], ...] = (
    # key, regular expression on the value, architecture. Source: kohya sd-scripts sai_model_spec.py and
    # train_util.py (ss_base_model_version), musubi-tuner, Stability-AI ModelSpec 1.0.1 architecture ids.
    ("ss_base_model_version", r"sdxl", "sdxl"),
    ("ss_base_model_version", r"sd_?v2|sd_?2", "sd2"),
    ("ss_base_model_version", r"sd_?v1|sd_?1", "sd1"),
    ("modelspec.architecture", r"stable-diffusion-xl-v1-refiner", "sdxl-refiner"),
    ("modelspec.architecture", r"stable-diffusion-xl", "sdxl"),
    ("modelspec.architecture", r"stable-diffusion-v2", "sd2"),
    ("modelspec.architecture", r"stable-diffusion-v1", "sd1"),
    ("ss_base_model_version", r"flux_?2", "flux2"),
    ("ss_base_model_version", r"flux", "flux1"),
    ("modelspec.architecture", r"flux-1|flux1", "flux1"),
    ("ss_base_model_version", r"sd3", "sd3"),
    ("modelspec.architecture", r"stable-diffusion-3", "sd3"),
    ("ss_base_model_version", r"chroma", "chroma"),
    ("ss_base_model_version", r"kolors", "kolors"),
    ("ss_base_model_version", r"qwen_image", "qwen-image"),
    ("ss_base_model_version", r"hunyuan_video_1_5", "hunyuan-video-1.5"),
    ("ss_base_model_version", r"hunyuan_video", "hunyuan-video"),
    ("ss_base_model_version", r"z_image|zimage", "z-image"),
    ("ss_base_model_version", r"^wan", "wan"),
    ("ss_v2", r"^True$", "sd2"),
)

LINEAGES: tuple[tuple[str, str], ...] = (
    # name as it occurs in base model names -> lineage. NoobAI is a child of Illustrious, so it is asked first.
    (r"noob", "noobai"),
    (r"illustrious|\billu", "illustrious"),
    (r"pony|score_9", "pony"),
    (r"animagine", "animagine"),
)

LINEAGE_HASHES = {
    # AutoV2 of well-known bases: Pony Diffusion V6 XL (AI-Horde-image-model-reference stable_diffusion.json).
    "67ab2fd8ec": "pony",
}
BASE_NAMES = ("ss_sd_model_name", "ss_base_model", "modelspec.merged_from", "modelspec.title")


def declared(metadata: Mapping[str, str]) -> tuple[str, str] | None:
    """Return (architecture, the key that says so) as the trainer declared it."""
    for key, pattern, architecture in DECLARED:
        if re.search(pattern, metadata.get(key, ""), re.IGNORECASE):
            return architecture, key
    return None


def refine(draft: Draft, candidates: Sequence[str]) -> tuple[str, ...]:
    """Let the trainer's word choose among what the shapes allow; a contradiction is kept as evidence only."""
    found = declared(draft.header.metadata)
    if found is None:
        return tuple(candidates)
    architecture, key = found
    value = draft.header.metadata[key]
    matching = tuple(name for name in candidates if name == architecture or name.startswith(architecture + "-"))
    if matching and len(candidates) > 1:
        draft.note("architecture", matching, f"the trainer wrote {key} = {value}")
        draft.weaken(Confidence.LIKELY)
        return matching
    if not matching and candidates:
        draft.note("metadata", value, f"the trainer wrote {key} = {value}, which the weights contradict")
    return tuple(candidates)


def tell_lineage(draft: Draft) -> None:
    """Look for what an SDXL model descends from: the hash of its base, then the name, then the tags."""
    if draft.values.get("architecture") != "sdxl":
        return
    metadata = draft.header.metadata
    known = LINEAGE_HASHES.get(metadata.get("ss_new_sd_model_hash", "").removeprefix("0x")[:10].lower())
    if known:
        draft.say("lineage", known, "it was trained on a checkpoint whose sha256 is known")
        draft.values["lineage_candidates"] = (known,)
        return
    _lineage_by_name(draft)


def _lineage_by_name(draft: Draft) -> None:
    for key in BASE_NAMES:
        value = draft.header.metadata.get(key, "")
        for pattern, lineage in LINEAGES:
            if re.search(pattern, value, re.IGNORECASE):
                draft.values["lineage_candidates"] = (lineage,)
                draft.values["lineage"] = lineage
                draft.note("lineage", lineage, f"its metadata has {key} = {value[:80]}")
                return
    if "score_9" in draft.header.metadata.get("ss_tag_frequency", ""):
        draft.values["lineage_candidates"] = ("pony",)
        draft.note("lineage_candidates", "pony", "it was trained with the quality tags of Pony (score_9)")


def prediction(draft: Draft) -> None:
    """Read the prediction type that the metadata declares: ModelSpec's word, or kohya's for SD 2."""
    metadata = draft.header.metadata
    declared_type = metadata.get("modelspec.prediction_type", "").lower()
    if declared_type in ("epsilon", "v"):
        draft.values["prediction_type"] = declared_type
        draft.note("prediction_type", declared_type, "its metadata declares it (modelspec.prediction_type)")
    elif "_v" in metadata.get("ss_base_model_version", "").replace("_v1", "").replace("_v2", "", 1):
        draft.values["prediction_type"] = "v"
        draft.note("prediction_type", "v", f"its metadata says {metadata['ss_base_model_version']}")


def number(metadata: Mapping[str, str], key: str) -> float | None:
    """Read a number that a trainer wrote as text; "None" and "Dynamic" are no numbers."""
    try:
        value = float(metadata.get(key, ""))
    except ValueError:
        return None
    return value if abs(value) < 1e9 else None


def json_object(text: str) -> Mapping[str, object]:
    """Parse JSON inside a metadata string; anything but an object is an empty one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
