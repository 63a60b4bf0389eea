"""The vocabulary: what every layer passes to every other one, as frozen values.

Words are those of docs/design/architecture.md section 3. Spellings of the enum values are API (JSON, database, docs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from hubman.core.listed import Hashes as Hashes
from hubman.core.listed import Trigger as Trigger


class Kind(StrEnum):
    """What a file is for. Values are the product's JSON spellings."""

    CHECKPOINT = "checkpoint"
    DIFFUSION_MODEL = "diffusion-model"
    LORA = "lora"
    EMBEDDING = "embedding"
    HYPERNETWORK = "hypernetwork"
    VAE = "vae"
    CONTROLNET = "controlnet"
    T2I_ADAPTER = "t2i-adapter"
    IP_ADAPTER = "ip-adapter"
    UPSCALER = "upscaler"
    TEXT_ENCODER = "text-encoder"
    CLIP_VISION = "clip-vision"
    MOTION_MODULE = "motion-module"
    AESTHETIC_GRADIENT = "aesthetic-gradient"
    FACE_RESTORER = "face-restorer"
    CACHED_PROMPT = "cached-prompt"
    NON_IMAGE_LORA = "non-image-lora"
    UNKNOWN = "unknown"


ADAPTER_KINDS = frozenset({Kind.LORA, Kind.EMBEDDING, Kind.HYPERNETWORK})
"""Kinds that hubman proves by rendering: they change a checkpoint and are named in a prompt."""


class Format(StrEnum):
    """The container, told by its bytes and never by its name."""

    SAFETENSORS = "safetensors"
    PICKLE = "pickle"
    GGUF = "gguf"
    FOLDER = "folder"
    IMAGE = "image"
    UNKNOWN = "unknown"


class Safety(StrEnum):
    """What opening the file the usual way would do."""

    SAFE = "safe"
    SUSPICIOUS = "suspicious"
    UNSAFE = "unsafe"
    NOT_APPLICABLE = "not-applicable"


class Confidence(StrEnum):
    """How sure an identification is: shapes leave no other reading, markers decide, or a guess."""

    CERTAIN = "certain"
    LIKELY = "likely"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Shape (row-major, as torch prints it) and dtype in safetensors' spelling (F16, BF16, F32, I64, ...)."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a careful person would want to know about a file's safety or form.

    `reference` is kebab-case and stable; `message` says it in words.
    """

    reference: str
    message: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself, read without loading a tensor and without executing anything.

    Attributes:
        format: the container.
        tensors: name -> TensorInfo. For pickles the path of keys to each tensor joined by ".", wrappers included
            (`string_to_param.*`, `768.0.linear.0.weight`).
        metadata: the `__metadata__` of a safetensors file, strings as written; empty for other formats.
        tree: for pickles, the object in the file as plain dict/list/tuple/str/int/float/bool/None with a TensorInfo in
            place of each tensor (int keys stay int); None for other formats.
        configs: for folders, relative path -> parsed JSON of the config files in it.
        members: for folders, the relative POSIX paths of the files that belong to the model, sorted.
        safety, findings: the verdict of the reader about what the container would do.
        digest: hex digest of the header's bytes (same header <-> same digest), or "" where there is no header.
    """

    format: Format
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tree: object = None
    configs: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    members: tuple[str, ...] = ()
    safety: Safety = Safety.NOT_APPLICABLE
    findings: tuple[Finding, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why we say so: `fact` is a field name of Facts, `value` what we concluded.

    The reason is kept as a template with its fields, so that it can be read in the reader's language; `because` is the
    finished English sentence.
    """

    fact: str
    value: str
    template: str
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def because(self) -> str:
        """The reason in English words."""
        return in_words(self.template, self.fields)


def in_words(template: str, fields: Mapping[str, str]) -> str:
    """Put the fields into a template; a template without fields is a finished sentence."""
    return template.format_map(fields) if fields else template


@dataclass(frozen=True, slots=True)
class HypernetworkFacts:
    """The structure of a hypernetwork, as A1111 saves it.

    Attributes:
        dims: context widths that have modules (768 cross-attention of SD1; 320, 640, 1280 self-attention).
        layer_structure: width multipliers, e.g. (1, 2, 1).
    """

    dims: tuple[int, ...]
    layer_structure: tuple[float, ...]
    activation: str
    layer_norm: bool
    dropout: bool
    activate_output: bool
    name: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What we conclude from a Header, each fact with its evidence.

    Attributes:
        architecture: the one architecture, or None when several (`candidates`) or none remain.
        candidates: every architecture still possible, the likeliest first.
        lineage: what it was trained on inside the architecture (Pony, Illustrious, NoobAI), or None.
        algorithm: of an adapter: lora, locon, loha, lokr, dora, ia3, glora, oft, boft, full, ...
        variant: inpaint, depth, v-pred, tiny, custom-width, ...
        parameters: number of elements over all tensors.
        rank, alpha: of an adapter, the commonest over its modules.
        vectors: of an embedding, the number of token vectors.
        trained: parts that an adapter changes: unet, te1, te2.
        tags: the training tags with their counts, most frequent first; kept apart from trigger words.
        negative: an embedding made for the negative prompt.
    """

    kind: Kind
    architecture: str | None = None
    candidates: tuple[str, ...] = ()
    lineage: str | None = None
    lineage_candidates: tuple[str, ...] = ()
    algorithm: str | None = None
    variant: str | None = None
    precision: str | None = None
    tensors: int = 0
    parameters: int = 0
    rank: int | None = None
    alpha: float | None = None
    vectors: int | None = None
    hypernetwork: HypernetworkFacts | None = None
    trained: tuple[str, ...] = ()
    prediction_type: str | None = None
    negative: bool = False
    triggers: tuple[Trigger, ...] = ()
    tags: tuple[tuple[str, int], ...] = ()
    confidence: Confidence = Confidence.GUESS
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What the files beside a model say about it, merged over all families (A1111 .json, .civitai.info, ...).

    `warnings` say what is odd about those files: not UTF-8, too large, a link, no JSON.
    `weight` is the author's or user's preferred weight (A1111's 0 means "not set" and becomes None).
    `favourite` and `hidden` are what the user told Lora-Manager; `nsfw` is a hub's word or level, as it is written.
    `hashes` are (kind, lower-case hex) that those files claim; they are never taken for ours.
    """

    trigger_words: tuple[str, ...] = ()
    negative: str | None = None
    weight: float | None = None
    description: str | None = None
    notes: str | None = None
    author: str | None = None
    base_model: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    favourite: bool | None = None
    hidden: bool | None = None
    nsfw: str | None = None
    hashes: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
