"""From the signatures that hold to Facts: a part alone, a core with its companions, a folder by its config."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hubman.core.identify import match, metadata, quantized
from hubman.core.identify.draft import Draft
from hubman.core.identify.match import Match
from hubman.core.types import Confidence, Facts, Header, Kind
from hubman.errors import N_

COMPANIONS = re.compile(
    r"^(first_stage_model\.|(?:audio_)?vae[./]|vocoder\.|vqvae/|cond_stage_model\.|conditioner\.|"
    r"text_encoders?(_\d)?[./]|clip_[lgh]\.|te\d?\.|text_model\.|t5xxl\.)"
)
"""Prefixes of a text encoder or VAE beside the core (CompVis, Stability sgm, ComfyUI, SwarmUI, diffusers folders)."""


def companions(header: Header) -> list[str]:
    """Return the prefixes of the text encoders and VAEs that lie beside a core, sorted."""
    return sorted({found[1] for name in header.tensors if (found := COMPANIONS.match(name))})


def alone(header: Header, chosen: Sequence[Match]) -> Facts:
    """Return the facts of a file that is one part: a ControlNet, an encoder, an upscaler, ..."""
    draft = Draft(header, chosen[0].kind)
    if chosen[0].entry.signature.architectures:
        draft.note("kind", draft.kind, N_("its tensors are those of this kind of model and of nothing else"))
    match.tell(draft, chosen)
    quantized.tell(draft, chosen[0].part.inside)
    return draft.done()


def core(header: Header, chosen: Sequence[Match]) -> Facts:
    """Return the facts of a diffusion model, alone or with what it needs to make a picture."""
    beside = companions(header)
    draft = Draft(header, Kind.CHECKPOINT if beside else Kind.DIFFUSION_MODEL)
    if beside:
        draft.note("kind", draft.kind, N_("a diffusion model together with {companions}"), companions=beside)
    else:
        draft.note("kind", draft.kind, N_("a diffusion model alone, without text encoder or VAE"))
    match.tell(draft, chosen)
    _choose(draft)
    inside = chosen[0].part.inside
    if not chosen[0].part.prefix:
        inside = {name: info for name, info in inside.items() if not COMPANIONS.match(name)}
    quantized.tell(draft, inside)
    metadata.prediction(draft)
    return draft.done()


def _choose(draft: Draft) -> None:
    """Let the trainer's or packer's word choose where the structure leaves several."""
    several = draft.values.get("candidates", ())
    left = metadata.refine(draft, several)
    if len(left) == 1 < len(several):
        draft.values["candidates"] = left
        draft.values["architecture"] = left[0]


OWN = "model.diffusion_model."
FEWEST = 20


def foreign_core(header: Header) -> Facts | None:
    """A core under the prefix that every saver of whole checkpoints uses, of a structure that no family declares."""
    inside = [name for name in header.tensors if name.startswith(OWN)]
    plain = sum(name.endswith((".weight", ".bias", ".scale")) for name in inside)
    if len(inside) < FEWEST or plain * 10 < len(inside) * 8:
        return None
    beside = companions(header)
    draft = Draft(header, Kind.CHECKPOINT if beside else Kind.DIFFUSION_MODEL)
    draft.note(
        "kind", draft.kind, N_("its tensors lie under {prefix}, but hubman does not know their structure"), prefix=OWN
    )
    quantized.tell(draft, {name: header.tensors[name] for name in inside})
    draft.weaken(Confidence.GUESS)
    return draft.done()


def by_class(header: Header) -> Facts | None:
    """Return the facts of a folder whose weights are not there or not known, by the class its config.json names."""
    for path, config in header.configs.items():
        if path.rpartition("/")[2] != "config.json" or not isinstance(config, Mapping):
            continue
        for name in _class_names(config):
            found = _classes().get(name)
            if found is not None and (path == "config.json" or found[0] is Kind.DIFFUSION_MODEL):
                return _declared(header, name, found, config)
    return None


def _class_names(config: Mapping[str, object]) -> list[str]:
    listed = config.get("architectures")
    names = [config.get("_class_name"), *(listed if isinstance(listed, list) else ())]
    return [name for name in names if isinstance(name, str)]


def _classes() -> dict[str, tuple[Kind, tuple[str, ...]]]:
    return {name: found for family in match.all_families().values() for name, found in family.classes.items()}


CONTEXTS = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""`cross_attention_dim` of a U-Net or of what steers one (diffusers configs)."""


def _declared(header: Header, name: str, found: tuple[Kind, tuple[str, ...]], config: Mapping[str, object]) -> Facts:
    kind, architectures = found
    context = config.get("cross_attention_dim")
    chosen = CONTEXTS.get(context) if isinstance(context, int) else None
    whole = kind is Kind.DIFFUSION_MODEL and "model_index.json" in header.configs
    draft = Draft(header, Kind.CHECKPOINT if whole else kind)
    draft.note("kind", draft.kind, N_("its config.json names the class {name}"), name=name)
    if chosen in architectures and len(architectures) > 1:
        words = N_("the class {name} with cross_attention_dim {context} in its config.json")
        draft.architectures((str(chosen),), words, Confidence.LIKELY, name=name, context=context)
    elif architectures:
        draft.architectures(architectures, N_("the class {name} is of this architecture"), Confidence.LIKELY, name=name)
    draft.weaken(Confidence.LIKELY)
    return draft.done()
