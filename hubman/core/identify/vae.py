"""VAEs alone. What they look like is in families/vae_*.py; here is what tensors cannot say: config, metadata, name.

SD 1, SD 2 and SDXL share one structure, Flux.1 and SD 3 another, so those stay candidates until something decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hubman.core.identify import match
from hubman.core.identify.draft import Draft, Tensors
from hubman.core.identify.match import Part
from hubman.core.types import Confidence, Facts, Header, Kind
from hubman.errors import N_

SD = ("sd1", "sd2", "sdxl")

SCALES: Mapping[float, tuple[str, ...]] = {
    # scaling_factor in vae/config.json of the released models.
    0.18215: ("sd1", "sd2"),
    0.13025: ("sdxl",),
    0.3611: ("flux1",),
    1.5305: ("sd3",),
}
LATENTS: Mapping[int, tuple[str, ...]] = {4: SD, 16: ("flux1", "sd3")}
"""latent_channels in the config of an AutoencoderKL whose weights are not there."""

TINY_NAMES = {"taesd": "sd1", "taesdxl": "sdxl", "taesd3": "sd3", "taef1": "flux1", "taef2": "flux2"}

BESIDE = ("vocoder.", "per_channel_statistics.")
"""What lies beside a VAE and belongs to it."""

LATER = re.compile(r"^(encoder|decoder)\..*(conv\.weight|conv_s\.weight|conv1\.weight|gamma|proj_in\.weight)$")
ENDS = (
    "decoder.conv_out.", "decoder.proj_out.", "decoder.head.", "decoder.conv_norm_out.", "decoder.norm_out.",
)  # fmt: skip


def identify(header: Header, name: str = "") -> Facts | None:
    """Return the facts of a VAE alone, or None. `name` only decides the order of equal candidates."""
    named = _named_tiny(header)
    if named is not None:
        return named
    found = match.matches(header.tensors)
    chosen = match.best([one for one in found if one.kind is Kind.VAE])
    if not chosen:
        return None if found else _from_config(header, name) or _later(header)
    if not _is_all(header.tensors, chosen[0].part):
        return None
    draft = Draft(header, Kind.VAE)
    draft.note("kind", Kind.VAE, N_("it turns pictures or sound into latents, or back, and does nothing else"))
    match.tell(draft, chosen)
    _decide(draft, name)
    return draft.done()


def _is_all(tensors: Tensors, part: Part) -> bool:
    """Whether the part is all of the file but for a few tensors: a VAE beside a core is not what the file is."""
    half = re.sub(r"(encoder|decoder)\.\Z|taesd_(encoder|decoder)\.\Z", "", part.prefix)
    inside = sum(key.startswith(half) or key.startswith(BESIDE) for key in tensors)
    return inside * 10 >= len(tensors) * 9


# --- what a config or the file's name adds -------------------------------------------------------------------------
def _decide(draft: Draft, name: str) -> None:
    """The class and the scaling factor in a folder's config decide; a file's name only says which is likelier."""
    config = _config(draft.header)
    for key, found in (("_class_name", _class(config)), ("scaling_factor", SCALES.get(_number(config)))):
        several = draft.values.get("candidates", ())
        left = tuple(one for one in several if one in (found or several))
        if left and len(left) < len(several):
            words = N_("config.json has the {key} {value} of this architecture")
            draft.architectures(left, words, key=key, value=config[key])
    if draft.values.get("candidates") == SD and re.search(r"xl", name, re.IGNORECASE):
        draft.note("candidates", "sdxl", N_("the file is named {name}"), name=name)
        draft.values["candidates"] = ("sdxl", "sd1", "sd2")


def _config(header: Header) -> Mapping[str, object]:
    config = header.configs.get("config.json")
    return config if isinstance(config, Mapping) else {}


def _number(config: Mapping[str, object]) -> float:
    value = config.get("scaling_factor")
    return value if isinstance(value, (int, float)) else 0.0


def _class(config: Mapping[str, object]) -> tuple[str, ...]:
    for family in match.all_families().values():
        kind, architectures = family.classes.get(str(config.get("_class_name")), (None, ()))
        if kind is Kind.VAE:
            return architectures
    return ()


def _from_config(header: Header, name: str) -> Facts | None:
    """A folder of an AutoencoderKL whose weights are not there, or not enough: its latent channels and its scale."""
    config = _config(header)
    if config.get("_class_name") != "AutoencoderKL":
        return None
    draft = Draft(header, Kind.VAE)
    draft.note("kind", Kind.VAE, N_("its config.json names the class {name}"), name="AutoencoderKL")
    decoder = header.tensors.get("decoder.conv_in.weight")
    latents = decoder.shape[1] if decoder and len(decoder.shape) == 4 else config.get("latent_channels")
    found = LATENTS.get(latents, ()) if isinstance(latents, int) else ()
    if found:
        draft.architectures(found, N_("{latents} latent channels"), Confidence.LIKELY, latents=latents)
        _decide(draft, name)
    draft.weaken(Confidence.LIKELY)
    return draft.done()


def _named_tiny(header: Header) -> Facts | None:
    """stable-diffusion.cpp writes the name of a tiny VAE into its GGUF (`sd.vae.name`)."""
    written = header.metadata.get("sd.vae.name", "").lower()
    found = re.match(r"(taesdxl|taesd3|taesd|taef1|taef2)", written)
    if found is None:
        return None
    draft = Draft(header, Kind.VAE)
    draft.note("kind", Kind.VAE, N_("its metadata names it (sd.vae.name = {name})"), name=written[:40])
    draft.say("variant", "tiny", N_("it is the small approximate kind (TAESD)"))
    draft.architectures((TINY_NAMES[found[1]],), N_("its name says for which latents"), Confidence.LIKELY)
    return draft.done()


def _later(header: Header) -> Facts | None:
    """An encoder and a decoder of a structure that no family declares: newer than this version."""
    names = list(header.tensors)
    coded = sum(name.startswith(("encoder.", "decoder.")) for name in names)
    decodes = any(name.startswith(ENDS) for name in names) and any(map(LATER.match, names))
    if not (names and coded * 10 >= len(names) * 8 and decodes):
        return None
    draft = Draft(header, Kind.VAE)
    draft.note("kind", Kind.VAE, N_("an encoder and a decoder, of a structure that hubman does not know yet"))
    draft.weaken(Confidence.LIKELY)
    return draft.done()
