"""What the hubs of the test hub know: models, versions, files, pictures, and the tables to find them by."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.testhub.content import Content, content_of, picture

CIVITAI_TYPES: Mapping[str, str] = {
    "checkpoint": "Checkpoint", "lora": "LORA", "embedding": "TextualInversion", "hypernetwork": "Hypernetwork",
    "vae": "VAE", "controlnet": "Controlnet", "upscaler": "Upscaler", "motion-module": "MotionModule",
    "text-encoder": "TextEncoder", "diffusion-model": "UNet", "clip-vision": "CLIPVision",
    "aesthetic-gradient": "AestheticGradient",
}  # fmt: skip
"""hubman's kinds -> Civitai's types; another string is served as it is."""


@dataclass(eq=False)
class File:
    """A file of a version. `hashes` replaces what is computed; `said` replaces fields of the hub's JSON."""

    name: str
    content: Content
    id: int = 0
    type: str = "Model"
    format: str = "SafeTensor"
    fp: str | None = "fp16"
    size: str | None = "full"
    primary: bool = False
    scan: str = "Success"
    disposition: str | None = None
    mirrors: tuple[str, ...] = ()
    said: dict[str, Any] = field(default_factory=dict)

    def hash(self, kind: str) -> str | None:
        """Return a hash by its name in core/hub.py, lower case."""
        return getattr(self.content.hashes, kind)

    @property
    def store_name(self) -> str:
        """The name in Content-Disposition: it may differ from the one in the JSON."""
        return self.name if self.disposition is None else self.disposition

    @property
    def lfs(self) -> bool:
        """Whether a git hub keeps it in its large-file store."""
        return self.content.size > 65536 or self.name.rpartition(".")[2] in (
            "safetensors",
            "ckpt",
            "pt",
            "pth",
            "bin",
            "gguf",
        )


@dataclass(eq=False)
class Picture:
    """A preview. `nsfw`: Civitai's bit mask."""

    content: Content
    id: int = 0
    width: int = 8
    height: int = 8
    nsfw: int = 1
    video: bool = False
    meta: dict[str, Any] | None = None


@dataclass(eq=False)
class Version:
    """A version of a model; a commit of a repository."""

    name: str = "v1.0"
    files: list[File] = field(default_factory=list)
    images: list[Picture] = field(default_factory=list)
    id: int = 0
    words: tuple[str, ...] = ()
    base_model: str = "SD 1.5"
    description: str = ""
    published: str = "2025-03-01T12:00:00.000Z"
    early_access: str | None = None
    requires_login: bool = False
    disabled: bool = False
    forbidden: bool = False
    weight: float | None = None
    said: dict[str, Any] = field(default_factory=dict)
    model: Model = field(default=None, repr=False)  # type: ignore[assignment]

    @property
    def uuid(self) -> str:
        """LiblibAI's name for it: 32 hex."""
        return hashlib.sha256(f"version {self.id}".encode()).hexdigest()[:32]

    @property
    def commit(self) -> str:
        """The commit of a repository: 40 hex."""
        return hashlib.sha256(f"commit {self.id}".encode()).hexdigest()[:40]

    @property
    def primary(self) -> File:
        """The file that a download button gives."""
        return next((file for file in self.files if file.primary), self.files[0])


@dataclass(eq=False)
class Model:
    """A model, as every hub that has it tells of it. Versions are newest first.

    Attributes:
        repo: `org/name` on the hubs that are made of repositories.
        gated: False, "auto" or "manual". granted: whether the test's own token may pass the gate.
        mode: None, "Archived" or "TakenDown" (Civitai). deleted: taken down; CivArchive still has it.
        renamed: earlier `org/name`s that redirect to `repo`.
        said: replaces fields of the model's JSON on every hub.
    """

    name: str
    kind: str = "lora"
    hubs: tuple[str, ...] = ("civitai",)
    versions: list[Version] = field(default_factory=list)
    id: int = 0
    repo: str = ""
    author: str = "inkmaker"
    description: str = "<p>Ink on paper.</p>"
    tags: tuple[str, ...] = ("style",)
    nsfw: bool = False
    nsfw_level: int = 1
    licence: str = "openrail++"
    commercial: Any = ("Image", "RentCivit")
    no_credit: bool = True
    derivatives: bool = True
    different_licence: bool = False
    downloads: int = 54
    gated: bool | str = False
    granted: bool = False
    private: bool = False
    mode: str | None = None
    deleted: bool = False
    renamed: tuple[str, ...] = ()
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def uuid(self) -> str:
        """LiblibAI's name for it: 32 hex."""
        return hashlib.sha256(f"model {self.id}".encode()).hexdigest()[:32]

    @property
    def civitai_type(self) -> str:
        """Civitai's word for its kind."""
        return CIVITAI_TYPES.get(self.kind, self.kind)

    def version(self, wanted: Callable[[Version], bool]) -> Version | None:
        """Return the newest version that is wanted."""
        return next((version for version in self.versions if wanted(version)), None)


class Catalogue:
    """All models of all hubs of one test hub."""

    def __init__(self) -> None:
        self.models: list[Model] = []
        self._numbers = itertools.count(1001)
        self._lock = threading.Lock()
        self._by_hash: dict[str, list[tuple[Version, File]]] = {}
        self._not_hashed: list[tuple[Version, File]] = []
        self._versions: dict[int, Version] = {}
        self._files: dict[int, File] = {}
        self._pictures: dict[int, Picture] = {}

    def add(self, model: Model) -> Model:
        """Add a model; what has no number gets one."""
        with self._lock:
            model.id = model.id or next(self._numbers)
            model.repo = model.repo or f"{model.author}/{_slug(model.name)}"
            for version in model.versions:
                version.model = model
                version.id = version.id or next(self._numbers)
                self._versions[version.id] = version
                if version.files and not any(file.primary for file in version.files):
                    version.files[0].primary = True
                for file in version.files:
                    file.id = file.id or next(self._numbers)
                    self._files[file.id] = file
                    self._not_hashed.append((version, file))
                for image in version.images:
                    image.id = image.id or next(self._numbers)
                    self._pictures[image.id] = image
            self.models.append(model)
        return model

    def of(self, hub: str) -> Iterator[Model]:
        """Yield the models of a hub that are still there, in the order in which they came."""
        return (
            model for model in list(self.models) if hub in model.hubs and not (model.deleted and hub != "civarchive")
        )

    def model(self, hub: str, wanted: Callable[[Model], bool]) -> Model | None:
        """Return the first model of a hub that is wanted."""
        return next((model for model in self.of(hub) if wanted(model)), None)

    def version(self, hub: str, number: int) -> Version | None:
        """Return a version by its number."""
        version = self._versions.get(number)
        return version if version and self._has(hub, version.model) else None

    def file(self, number: int) -> File | None:
        """Return a file by its number."""
        return self._files.get(number)

    def picture(self, number: int) -> Picture | None:
        """Return a picture by its number."""
        return self._pictures.get(number)

    def by_hash(self, hub: str, value: str) -> tuple[Version, File] | None:
        """Return the first file that has this hash, of whichever kind."""
        with self._lock:
            for version, file in self._not_hashed:
                said = file.content.hashes
                for text in (said.sha256, said.autov1, said.autov2, said.autov3, said.crc32, said.blake3):
                    if text:
                        self._by_hash.setdefault(text.lower(), []).append((version, file))
            self._not_hashed.clear()
            found = self._by_hash.get(value.lower(), [])
        return next(((version, file) for version, file in found if self._has(hub, version.model)), None)

    @staticmethod
    def _has(hub: str, model: Model) -> bool:
        return hub in model.hubs and not (model.deleted and hub != "civarchive")


def make_model(
    name: str = "Ink Wash",
    *,
    hubs: Iterable[str] = ("civitai",),
    files: Sequence[File | Content | bytes | Any] = (),
    versions: Sequence[Version] = (),
    file_name: str | None = None,
    words: Iterable[str] = ("shuimo",),
    base_model: str = "SD 1.5",
    images: Sequence[Picture | bytes] | None = None,
    version_description: str = "",
    early_access: str | None = None,
    requires_login: bool = False,
    disabled: bool = False,
    forbidden: bool = False,
    weight: float | None = None,
    **fields: Any,
) -> Model:
    """Build a model; with `files` it gets one version of them. See Model, Version and File for the other words.

    Args:
        files: File values, contents, bytes or paths.
        images: Picture values or bytes; None: one small PNG.
    """
    made = []
    for number, file in enumerate(files):
        if not isinstance(file, File):
            ending = f"_{number}.safetensors" if number else ".safetensors"
            file = File(file_name if file_name and not number else _slug(name) + ending, content_of(file))
        made.append(file)
    shown = [picture()] if images is None else images
    pictures = [image if isinstance(image, Picture) else Picture(content_of(image)) for image in shown]
    everything = list(versions)
    if made:
        everything.append(
            Version(
                files=made,
                images=pictures,
                words=tuple(words),
                base_model=base_model,
                description=version_description,
                early_access=early_access,
                requires_login=requires_login,
                disabled=disabled,
                forbidden=forbidden,
                weight=weight,
            )
        )
    return Model(name, hubs=tuple(hubs), versions=everything, **fields)


def _slug(name: str) -> str:
    clean = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name.lower())
    return "-".join(filter(None, clean.split("-"))) or "model"
