"""Textual inversions: the few vectors that a word stands for.

Layouts: A1111 textual_inversion.py `save`, kohya `emb_params`, OneTrainer (with its spelling `emp_params`), diffusers
`{token: tensor}`, SDXL pairs clip_l/clip_g, and what else the corpora hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hubman.core.identify import metadata
from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Facts, Header, Kind, TensorInfo
from hubman.errors import N_, IntegrityError, Phrase

MAX_VECTORS = 512
MAX_BARE = 75
"""What fits a prompt. A table of more rows without a name is an encoded prompt, or anything."""
TEXT_WIDTHS: Mapping[int, tuple[tuple[str, ...], str]] = {
    768: (("sd1",), N_("768 is the width of CLIP-L, which SD 1.x reads")),
    1024: (("sd2",), N_("1024 is the width of OpenCLIP-H, which SD 2.x reads")),
    1280: (("sdxl",), N_("1280 is the width of OpenCLIP-bigG, which SDXL reads")),
    2048: (("pixart-alpha",), N_("2048 is the width of T5-XL")),
    4096: (
        ("pixart-alpha", "pixart-sigma", "chroma", "flux1", "sd3", "deepfloyd-if"),
        N_("4096 is the width of T5-XXL"),
    ),
}
LANGUAGE_WIDTHS: Mapping[tuple[str, int], tuple[str, ...]] = {
    # (encoder as OneTrainer names it, width) -> architectures that read it
    ("gemma", 2304): ("lumina2", "sana"),
    ("qwen", 3584): ("qwen-image",),
    ("qwen", 2560): ("z-image", "flux2-klein-4b"),
    ("llama", 4096): ("hunyuan-video", "hidream-i1"),
}
SETS: tuple[tuple[frozenset[str], tuple[str, ...], Confidence], ...] = (
    # encoders in one file -> architectures; the first whose encoders are all there. OneTrainer modelSaver/*Embedding*,
    # replicate/cog-sdxl, diffusers advanced_diffusion_training `TokenEmbeddingsHandler`.
    (frozenset({"clip_l", "clip_g", "llama"}), ("hidream-i1",), Confidence.LIKELY),
    (frozenset({"clip_l", "clip_g", "t5"}), ("sd3",), Confidence.CERTAIN),
    (frozenset({"clip_l", "clip_g"}), ("sdxl",), Confidence.CERTAIN),
    (frozenset({"clip_l", "llama"}), ("hunyuan-video",), Confidence.LIKELY),
    (frozenset({"clip_l", "t5"}), ("flux1",), Confidence.LIKELY),
    (frozenset({"clip_l"}), ("sd1", "sdxl", "flux1", "sd3"), Confidence.LIKELY),
    (frozenset({"clip_g"}), ("sdxl",), Confidence.LIKELY),
)
ALIASES = {
    # what others call the encoders: cog-sdxl's embeddings.pti, diffusers' components, sd-scripts
    "text_encoders_0": "clip_l", "text_encoders_1": "clip_g", "text_encoder": "clip_l", "text_encoder_2": "clip_g",
    "t5xxl": "t5",
}  # fmt: skip
ENCODERS = re.compile(
    r"(clip_l|clip_g|clip_h|t5|t5xxl|llama|gemma|qwen|text_encoders_[01]|text_encoder(?:_2)?)(_out)?\Z"
)
TECHNICAL = re.compile(
    r"(?:.*[./:_])?(?:weights?|bias|mean|std|scale|codebook|embeds?|embeddings?|features?|feats|latents?|labels?|data|"
    r"array|arr|tensors?|gamma|beta|alpha|hidden_states?|images?|outputs?|inputs?|params?|projection|proj|kernel|"
    r"matrix|vectors?|centroids?|clusters?|quer(?:y|ies)|keys?|values?|logits?|probs?|pooled|prompts?|masks?)_?\d*\Z|"
    r"[a-z]?\d*\Z",
    re.IGNORECASE,
)
"""Names of tensors in programs: what is called so was named by a programmer, not by the author of an embedding."""
PARAMETERS = re.compile(r"(emb_params|emp_params)(_out)?\Z")
TOKEN = re.compile(r"<[^<>]+>(?:_\d+)?\Z")
NEGATIVE = re.compile(
    r"negative|easyneg|fastneg|deepneg|badhand|bad[-_ ]?(artist|prompt|dream|picture|hand|anatomy|quality|image|x)|"
    r"unaesthetic|verybad|ng_deep|(^|[-_ ])neg([-_ \d]|$)|neg(v?\d*)$|negprompt|unspeakable|unrealisticdream|"
    r"boring_e621|civitai_safe_helper|(^|[-_ ])n(real|art)?fixer|aid[12]\d\d\b|worst[-_ ]?quality",
    re.IGNORECASE,
)
"""Names that authors give to embeddings for the negative prompt. A guess: nothing in the vectors tells."""


def identify(header: Header, name: str = "") -> Facts | None:
    """Return the facts of an embedding, or None. `name`, the file's stem, only helps to guess the negative kind."""
    vectors = _vectors(header)
    if vectors is None:
        return None
    draft = Draft(header, Kind.EMBEDDING)
    counts = {count for count, _ in vectors.values()}
    count = max(counts)
    words = (
        N_("it holds only {count} token vectors for a text encoder")
        if count > 1
        else N_("it holds only a token vector")
    )
    draft.note("kind", Kind.EMBEDDING, words, count=count)
    draft.say("vectors", count, N_("the number of rows of its tensor"))
    _tell_architecture(draft, vectors)
    _tell_negative(draft, name)
    metadata.tell_lineage(draft)
    return draft.done()


Vectors = Mapping[str, tuple[int, int]]
"""Text encoder or "" -> (number of vectors, width)."""


def _vectors(header: Header) -> Vectors | None:
    tensors = {key: info.shape for key, info in header.tensors.items()}
    if not 0 < len(tensors) <= 64:
        return None
    own = header.tree if isinstance(header.tree, dict) else {}
    if "string_to_param" in own or any("string_to_param" in key for key in tensors):
        return _of([shape for key, shape in tensors.items() if "string_to_param" in key])
    by_name = _by_encoder(tensors) or _by_parameters(tensors) or _odd_pair(tensors)
    return by_name or _by_token(header.tensors, header.tree)


def _of(shapes: list[tuple[int, ...]]) -> Vectors:
    found = [sized for shape in shapes if (sized := _sized(shape))]
    if not found:
        raise IntegrityError(
            "embedding-broken",
            N_("this embedding has no vectors in it: {why}"),
            hint=N_("download it again"),
            why=Phrase(N_("string_to_param holds no tensor of token vectors")),
        )
    return {"": max(found)}


def _sized(shape: tuple[int, ...]) -> tuple[int, int] | None:
    if len(shape) == 1 and shape[0] > 1:
        return 1, shape[0]
    return (shape[0], shape[1]) if len(shape) == 2 and 0 < shape[0] <= MAX_VECTORS and shape[1] > 1 else None


def _sizes(shapes: Mapping[str, tuple[int, ...]]) -> Vectors | None:
    sized = {key: _sized(shape) for key, shape in shapes.items()}
    known = {key: value for key, value in sized.items() if value}
    return known if known and len(known) == len(sized) else None


def _by_encoder(tensors: Mapping[str, tuple[int, ...]]) -> Vectors | None:
    if not all(ENCODERS.match(key.rpartition(".")[2]) for key in tensors):
        return None
    shapes: dict[str, tuple[int, ...]] = {}
    for key, shape in sorted(tensors.items(), key=lambda item: item[0].endswith("_out")):
        name = key.rpartition(".")[2].removesuffix("_out")
        shapes.setdefault(ALIASES.get(name, name), shape)
    return _sizes(shapes)


def _by_parameters(tensors: Mapping[str, tuple[int, ...]]) -> Vectors | None:
    if not all(PARAMETERS.match(key) for key in tensors):
        return None
    return _sizes({"": next(iter(tensors.values()))})


def _odd_pair(tensors: Mapping[str, tuple[int, ...]]) -> Vectors | None:
    """`{emb: [768], emb2: [1280]}` or a list of those: an early SDXL form (oss-roettger)."""
    leaves = {key.rpartition(".")[2]: shape for key, shape in tensors.items()}
    if set(leaves) != {"emb", "emb2"}:
        return None
    rows = sum(key.rpartition(".")[2] == "emb" for key in tensors)
    sizes = _sizes({"clip_l": leaves["emb"], "clip_g": leaves["emb2"]})
    return {key: (max(rows, count), width) for key, (count, width) in sizes.items()} if sizes else None


def _by_token(tensors: Mapping[str, TensorInfo], tree: object) -> Vectors | None:
    """diffusers: token -> vector(s). A name with a dot is a layer's, and a classifier has a bias."""
    shapes = {key: info.shape for key, info in tensors.items()}
    if tree is not None and not isinstance(tree, dict):
        return _bare(tree)
    plain = all(TOKEN.match(key) for key in shapes)
    if not plain and any(TECHNICAL.match(key) or re.search(r"(?<!\d)\.|\.(?!\d)|[/:]", key) for key in shapes):
        return None
    floats = all(info.dtype in ("F16", "BF16", "F32", "F64") for info in tensors.values())
    sizes = _sizes(shapes) if floats and len(shapes) <= 8 else None
    if sizes is None or not all(plain or width in TEXT_WIDTHS for _, width in sizes.values()):
        return None
    widths = {width for _, width in sizes.values()}
    rows = [count for count, _ in sizes.values()]
    return {"": (sum(rows) if len(rows) > 1 else rows[0], widths.pop())} if len(widths) == 1 else None


def _bare(tree: object) -> Vectors | None:
    """A tensor without any name: several CLIP vectors or one for T5; one CLIP vector is an aesthetic gradient."""
    if not isinstance(tree, TensorInfo):
        return None
    sized = _sized(tree.shape)
    if sized is None or sized[1] not in TEXT_WIDTHS or (sized[0] == 1 and sized[1] <= 1280) or sized[0] > MAX_BARE:
        return None
    return {"": sized}


# --- conclusions ---------------------------------------------------------------------------------------------------
def _tell_architecture(draft: Draft, vectors: Vectors) -> None:
    encoders = set(vectors) - {""}
    for needs, found, sure in SETS:
        if needs <= encoders:
            words = N_("it has vectors for these text encoders: {encoders}")
            draft.architectures(metadata.refine(draft, found), words, sure, encoders=sorted(encoders))
            return
    encoder, (_, width) = next(iter(vectors.items()))
    if known := LANGUAGE_WIDTHS.get((encoder, width)):
        words = N_("it has vectors for {encoder}, {width} wide")
        draft.architectures(metadata.refine(draft, known), words, Confidence.LIKELY, encoder=encoder, width=width)
        return
    _tell_by_width(draft, width)


def _tell_by_width(draft: Draft, width: int) -> None:
    known = TEXT_WIDTHS.get(width)
    if known:
        sure = Confidence.LIKELY if width == 1280 else Confidence.CERTAIN  # BERT of 2022's latent diffusion has it too
        draft.architectures(metadata.refine(draft, known[0]), known[1], sure)
        return
    declared = metadata.declared(draft.header.metadata)
    words = N_("width {width} is no known text encoder's")
    if declared is None:
        draft.architectures((), words, Confidence.LIKELY, width=width)
        return
    because = N_("width {width} is no known text encoder's; the trainer wrote {declared}")
    draft.architectures((declared[0],), because, Confidence.LIKELY, width=width, declared=declared[1])
    draft.say("variant", "custom-width", words, width=width)


def _tell_negative(draft: Draft, name: str) -> None:
    if draft.header.metadata.get("modelspec.is_negative_embedding", "").lower() in ("true", "1"):
        draft.say("negative", True, N_("its metadata declares it (modelspec.is_negative_embedding)"))
        return
    tree = draft.header.tree
    own = tree.get("name") if isinstance(tree, dict) else None
    for text, words in (
        (own, N_("a guess from its own name, {name}")),
        (name, N_("a guess from the file's name, {name}")),
    ):
        if isinstance(text, str) and NEGATIVE.search(text):
            draft.values["negative"] = True
            draft.note("negative", "true", words, name=text[:60])
            return
