"""VAEs: the latent channels and the kind of blocks. SD 1, SD 2 and SDXL share one structure, so those stay candidates.

Sources: Comfy-Org/ComfyUI comfy/sd.py (class VAE), InvokeAI #6524 and #8790, madebyollin/taesd.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hubman.core.identify.draft import Draft, Tensors
from hubman.core.types import Confidence, Facts, Header, Kind

PREFIXES = ("first_stage_model.", "vae.", "vae/", "")
SD = ("sd1", "sd2", "sdxl")


@dataclass(frozen=True, slots=True)
class Signature:
    """One family of VAEs: a test on the names and shapes after the prefix, and what it means."""

    architectures: tuple[str, ...]
    test: Callable[[Tensors], bool]
    because: str
    variant: str | None = None


def _shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    info = tensors.get(name)
    return info.shape if info else ()


def _latents(tensors: Tensors) -> int:
    shape = _shape(tensors, "decoder.conv_in.weight")
    return shape[1] if len(shape) == 4 else 0


def _has(*names: str) -> Callable[[Tensors], bool]:
    return lambda tensors: all(name in tensors for name in names)


def _levels(tensors: Tensors) -> int:
    found = {match[1] for name in tensors if (match := re.match(r"encoder\.down(?:_blocks)?\.(\d+)\.", name))}
    return len(found)


def _plain_sd(tensors: Tensors) -> bool:
    return _latents(tensors) == 4 and _has("encoder.conv_in.weight", "decoder.conv_out.weight")(tensors)


SIGNATURES: tuple[Signature, ...] = (
    # ComfyUI comfy/sd.py, in the order of its tests where one is a special case of another.
    Signature(("svd",), _has("decoder.mid.block_1.mix_factor"), "its decoder mixes frames over time, as SVD's does"),
    Signature(
        ("stable-cascade",), _has("vquantizer.codebook.weight"), "it has the codebook of Stable Cascade's stage A"
    ),
    Signature(
        ("stable-cascade",), _has("previewer.blocks.0.weight"), "it has the previewer of Stable Cascade's stage C"
    ),
    Signature(
        ("flux2",),
        lambda t: _latents(t) == 32 and "bn.running_mean" in t,
        "32 latent channels with batch statistics, as Flux.2 has",
    ),
    Signature(
        ("hunyuan-image-2.1",),
        lambda t: _latents(t) == 64 and not any(key.endswith(".gamma") for key in t),
        "64 latent channels",
    ),
    Signature(
        ("flux1", "sd3"),
        lambda t: _latents(t) == 16 and "quant_conv.weight" not in t and _levels(t) == 4,
        "16 latent channels, as Flux.1 and SD 3 share",
    ),
    Signature(SD, _plain_sd, "4 latent channels; SD 1, SD 2 and SDXL share this structure"),
)

THREE_D = re.compile(r"^(encoder|decoder)\..*(conv\.weight|conv_s\.weight|conv1\.weight|gamma|proj_in\.weight)$")


def identify(header: Header, name: str = "") -> Facts | None:
    """Return the facts of a VAE alone, or None. `name` only decides the order of equal candidates."""
    tensors = _inner(header.tensors)
    tiny = _tiny(header, tensors)
    if tiny is not None:
        return tiny
    for signature in SIGNATURES:
        if signature.test(tensors):
            return _facts(header, tensors, signature, name)
    return _other(header, tensors)


def _inner(tensors: Tensors) -> Tensors:
    """Strip the prefix when everything has it (a few keys such as `quant_conv` may lie beside)."""
    for prefix in PREFIXES:
        inner = {key[len(prefix) :]: info for key, info in tensors.items() if key.startswith(prefix)}
        if inner and len(inner) * 10 >= len(tensors) * 9:
            return inner
    return tensors


def _facts(header: Header, tensors: Tensors, signature: Signature, name: str) -> Facts:
    draft = Draft(header, Kind.VAE)
    draft.note("kind", Kind.VAE, "an encoder and a decoder of pictures, and nothing else")
    width = _shape(tensors, "encoder.conv_in.weight")[:1]
    custom = signature.architectures in (SD, ("flux1", "sd3")) and width not in ((), (128,))
    found = signature.architectures
    if custom:
        found = found if _levels(tensors) == 4 else ()
        draft.say("variant", "custom-width", f"it begins {width[0]} wide, where the usual one is 128 wide")
    draft.architectures(_ordered(draft, found, name), signature.because)
    return draft.done()


def _ordered(draft: Draft, found: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The scaling factor of a folder's config decides; a file name only says which is likelier."""
    config = draft.header.configs.get("config.json")
    scale = config.get("scaling_factor") if isinstance(config, dict) else None
    if found == SD and scale == 0.13025:
        draft.note("architecture", "sdxl", "config.json has SDXL's scaling_factor 0.13025")
        return ("sdxl",)
    if found == SD and re.search(r"xl", name, re.IGNORECASE):
        draft.note("candidates", "sdxl", f"the file is named {name}")
        return ("sdxl", "sd1", "sd2")
    return found


def _tiny(header: Header, tensors: Tensors) -> Facts | None:
    """TAESD and its relatives: a plain sequence of small convolutions (madebyollin/taesd taesd.py)."""
    named = _tiny_by_name(header)
    if named is not None:
        return named
    latents = _tiny_latents(tensors)
    if latents is None:
        return None
    draft = Draft(header, Kind.VAE)
    draft.note("kind", Kind.VAE, "a short sequence of convolutions between pictures and latents")
    draft.say("variant", "tiny", "it is the small approximate kind (TAESD)")
    found = {4: SD, 16: ("flux1", "sd3"), 32: ("flux2",), 128: ("flux2",)}.get(latents, ())
    found = ("sd1", "sdxl") if found == SD else found
    draft.architectures(found, f"{latents} latent channels", Confidence.LIKELY)
    return draft.done()


TINY_NAMES = {"taesd": "sd1", "taesdxl": "sdxl", "taesd3": "sd3", "taef1": "flux1", "taef2": "flux2"}


def _tiny_by_name(header: Header) -> Facts | None:
    """stable-diffusion.cpp writes the name of a tiny VAE into its GGUF (`sd.vae.name`)."""
    written = header.metadata.get("sd.vae.name", "").lower()
    match = re.match(r"(taesdxl|taesd3|taesd|taef1|taef2)", written)
    if match is None:
        return None
    draft = Draft(header, Kind.VAE)
    draft.note("kind", Kind.VAE, f"its metadata names it (sd.vae.name = {written[:40]})")
    draft.say("variant", "tiny", "it is the small approximate kind (TAESD)")
    draft.architectures((TINY_NAMES[match[1]],), "its name says for which latents", Confidence.LIKELY)
    return draft.done()


def _tiny_latents(tensors: Tensors) -> int | None:
    for prefix in ("decoder.layers.", "decoder.", "taesd_decoder.", ""):
        first = _shape(tensors, f"{prefix}0.weight") or _shape(tensors, f"{prefix}1.weight")
        if len(first) == 4 and first[2:] == (3, 3) and _is_sequence(tensors, prefix):
            return first[1] if first[1] != 3 else _last_width(tensors, prefix)
    return None


def _is_sequence(tensors: Tensors, prefix: str) -> bool:
    """TAESD's blocks are `<n>.conv.<m>`: convolutions and nothing else, 64 wide."""
    blocks = [name for name in tensors if re.match(re.escape(prefix) + r"\d+\.conv\.\d\.weight\Z", name)]
    return len(blocks) >= 6 and all(tensors[name].shape[0] == 64 for name in blocks)


def _last_width(tensors: Tensors, prefix: str) -> int | None:
    numbers = [int(match[1]) for name in tensors if (match := re.match(re.escape(prefix) + r"(\d+)\.weight\Z", name))]
    shape = _shape(tensors, f"{prefix}{max(numbers)}.weight") if numbers else ()
    return shape[0] if shape else None


def _other(header: Header, tensors: Tensors) -> Facts | None:
    """Video and newer VAEs: an encoder or decoder whose architecture the next tables will tell."""
    names = list(tensors)
    coded = sum(name.startswith(("encoder.", "decoder.")) for name in names)
    config = header.configs.get("config.json")
    by_config = isinstance(config, dict) and "Autoencoder" in str(config.get("_class_name"))
    by_config = by_config or (isinstance(config, dict) and str(config.get("_class_name")).endswith("VAE"))
    ends = (
        "decoder.conv_out.",
        "decoder.proj_out.",
        "decoder.head.",
        "decoder.conv_out.conv.",
        "decoder.conv_norm_out.",
    )
    decodes = any(name.startswith(ends) for name in names) and any(THREE_D.match(name) for name in names)
    if not by_config and not (names and coded * 10 >= len(names) * 8 and decodes):
        return None
    draft = Draft(header, Kind.VAE)
    draft.note("kind", Kind.VAE, "an encoder and a decoder, of a structure that hubman does not know yet")
    if isinstance(config, dict) and config.get("_class_name") == "ConsistencyDecoderVAE":
        draft.architectures(
            ("sd1",), "config.json: a consistency decoder, which exists for SD 1.x only", Confidence.LIKELY
        )
    else:
        draft.architectures((), "no known structure", Confidence.LIKELY)
    return draft.done()
