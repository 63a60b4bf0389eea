"""OpenModelDB (openmodeldb.info): which upscaler is this? One static JSON of all models, fetched at most once a day.

Look-ups ask nothing: they are answered from that table, also without a network when it was fetched before. About half
of the files have an address that gives the file; the others lie behind pages of file hosters.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from hubman.core.hub import (
    OPENMODELDB,
    Access,
    Gate,
    Hit,
    HubQuery,
    HubRef,
    Licence,
    Listing,
    Lookup,
    Match,
    RemoteFile,
    RemoteImage,
)
from hubman.core.hub_words import format_of_word
from hubman.core.listed import Hashes
from hubman.core.types import Kind
from hubman.errors import N_, AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs._errors import refusal
from hubman.hubs._html import safe_html
from hubman.hubs._http import HttpStream, Web
from hubman.hubs._mirrors import MODEL_ENDINGS, is_direct, open_first
from hubman.hubs._tolerant import (
    mapping,
    mappings,
    moment,
    not_understood,
    picture_bytes,
    require_service,
    sha256_of,
    text,
    texts,
    web_address,
    whole,
)

TITLE = "OpenModelDB"
TABLE = "/api/v1/models.json"
FRESH_S = 86_400.0
"""Seconds for which the table is not asked for again."""
ONLY = "1"
"""Models have no versions there; this is what the only one is called here."""
CACHE_NAME = "openmodeldb.json"


@dataclass(frozen=True, slots=True)
class _Table:
    """All models, and when and as what they were fetched."""

    models: Mapping[str, Listing]
    raw: Mapping[str, object] = field(repr=False)
    etag: str | None
    fetched_s: float


class OpenModelDB:
    """core.ports.Hub.

    Args:
        cache: folder in which the table is kept from run to run; None: it is fetched once in every run that needs it.
        clock: UTC seconds.
    """

    name = OPENMODELDB
    title = TITLE
    needs_yes = False
    hash_kinds = ("sha256",)
    parallel = True

    def __init__(
        self, web: Web, base: str, *, cache: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._web = web
        self._base = base.rstrip("/")
        self._path = os.path.join(cache, CACHE_NAME) if cache else None
        self._clock = clock
        self._table: _Table | None = None
        self._calls = 0

    def resolve(self, ref: HubRef) -> tuple[Listing, ...]:
        """Return the model that a reference or a sha256 names."""
        models = self._fresh().models
        if ref.hash is not None:
            wanted = ref.hash.lower()
            found = [m for m in models.values() if any((f.sha256 or "").startswith(wanted) for f in m.files)]
        else:
            lower = (ref.model or "").lower()
            found = [listing for key, listing in models.items() if key.lower() == lower]
        if not found:
            raise NotFoundError(
                "not-on-hub", N_("{hub} has no {what}."), hint=N_("See {page} for what it has."), hub=TITLE,
                what=ref.model or ref.hash or str(ref), page=self._base,
            )  # fmt: skip
        return tuple(found)

    def by_hashes(self, wanted: Sequence[Hashes]) -> Lookup:
        """Look contents up in the table. With an old table and no network, what it lacks is not called missed."""
        before, trouble = self._calls, None
        try:
            table: _Table | None = self._fresh()
        except HubmanError as error:
            table, trouble = self._table, error
        if table is None:
            return Lookup(trouble=trouble, calls=self._calls - before)
        known = {file.sha256: (listing, file) for listing in table.models.values() for file in listing.files}
        asked = dict.fromkeys(hashes.sha256.lower() for hashes in wanted)
        found = tuple(Match(sha256, *known[sha256], "sha256") for sha256 in asked if sha256 in known)
        missed = tuple(sha256 for sha256 in asked if sha256 not in known) if trouble is None else ()
        return Lookup(found, missed, trouble, self._calls - before)

    def search(self, query: HubQuery) -> Iterator[Hit]:
        """Yield the models whose name, author or tags have all the words."""
        if query.kind not in (None, str(Kind.UPSCALER)) or query.architecture is not None:
            return
        words = query.text.lower().split()
        count = 0
        for listing in self._fresh().models.values():
            told = " ".join((listing.model_id, listing.name, listing.author or "", *listing.tags)).lower()
            if query.author and query.author.lower() not in (listing.author or "").lower():
                continue
            if query.tag and query.tag.lower() not in listing.tags:
                continue
            if count < query.limit and all(word in told for word in words):
                count += 1
                yield Hit(
                    ref=HubRef(OPENMODELDB, listing.model_id), name=listing.name, kind=listing.kind,
                    base_model=listing.base_model, author=listing.author, page=listing.page,
                )  # fmt: skip

    def versions(self, model_ids: Sequence[str]) -> Mapping[str, tuple[Listing, ...]]:
        """Return model id -> its only version."""
        models = self._fresh().models
        return {key: (models[key],) for key in dict.fromkeys(model_ids) if key in models}

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> HttpStream:
        """Begin to read a file from the first address that gives it."""
        return open_first(
            self._web, OPENMODELDB, file.urls, lambda: _only_in_a_browser(listing, file), start=start, end=end,
            etag=etag,
        )  # fmt: skip

    def picture(self, image: RemoteImage) -> bytes:
        """Return a picture."""
        return picture_bytes(self._web, OPENMODELDB, image.url)

    def account(self) -> str | None:
        """There are no accounts."""
        return None

    # --- the table -------------------------------------------------------------------------------------------------

    def _fresh(self) -> _Table:
        """Return the table, not older than a day.

        Raises:
            HubError: it cannot be fetched; an older one may be in `_table`.
        """
        if self._table is None:
            self._table = self._kept()
        now = self._clock()
        if self._table is not None and 0 <= now - self._table.fetched_s < FRESH_S:
            return self._table
        self._table = self._fetch(self._table, now)
        self._keep(self._table)
        return self._table

    def _fetch(self, old: _Table | None, now: float) -> _Table:
        self._calls += 1
        headers = {"If-None-Match": old.etag} if old is not None and old.etag else None
        answer = self._web.ask(OPENMODELDB, "GET", self._base + TABLE, headers=headers)
        require_service(OPENMODELDB, answer)
        if answer.status == 304 and old is not None:
            return _Table(old.models, old.raw, old.etag, now)
        if answer.status in (401, 403, 410, 451):
            raise refusal(OPENMODELDB, answer, what="its table of models", page=self._base)
        if answer.status != 200:
            raise not_understood(OPENMODELDB, "its models", answer.data)
        given = {name.lower(): value for name, value in answer.headers.items()}
        return _Table(parse_models(answer.data, self._base), mapping(answer.data), given.get("etag"), now)

    def _kept(self) -> _Table | None:
        """Return the table of an earlier run; None when there is none, or it is damaged: it is fetched again."""
        if self._path is None:
            return None
        try:
            with open(self._path, encoding="utf-8") as file:
                kept = mapping(json.load(file))
            if kept.get("base") != self._base:
                return None
            fetched = float(str(kept.get("fetched_s")))
            etag = text(kept.get("etag")) or None
            return _Table(parse_models(kept.get("models"), self._base), mapping(kept.get("models")), etag, fetched)
        except (OSError, ValueError, RecursionError, HubError):
            return None

    def _keep(self, table: _Table) -> None:
        """Write the table beside, then over the old one; a cache that cannot be written is none."""
        if self._path is None:
            return
        said = {"base": self._base, "etag": table.etag, "fetched_s": table.fetched_s, "models": table.raw}
        draft = f"{self._path}.{os.getpid()}.part"
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(draft, "w", encoding="utf-8") as file:
                json.dump(said, file, ensure_ascii=False)
            os.replace(draft, self._path)
        except OSError:
            return


# --- answers -------------------------------------------------------------------------------------------------------


def parse_models(answer: object, base: str) -> dict[str, Listing]:
    """Return model id -> model. One that cannot be read is left out; a table without any is none.

    Raises:
        HubError: `hub-answer`.
    """
    found = {key: listing for key, entry in mapping(answer).items() if (listing := parse_model(key, entry, base))}
    if not found and answer != {}:
        raise not_understood(OPENMODELDB, "its models", answer)
    return found


def parse_model(key: str, answer: object, base: str) -> Listing | None:
    """Return a model; None without a name or files."""
    model = mapping(answer)
    name = text(model.get("name"))
    page = f"{base}/models/{key}"
    resources = list(enumerate(mappings(model.get("resources"))))
    files = [parse_resource(key, number, resource, page) for number, resource in resources]
    if not name or not files:
        return None
    scale = whole(model.get("scale"))
    licence = text(model.get("license")) or None
    described = safe_html(text(model.get("description")).replace("\n", "<br>"))
    return Listing(
        hub=OPENMODELDB,
        model_id=key,
        version_id=ONLY,
        name=f"{scale}x-{name}" if scale and not name.lower().startswith(f"{scale}x") else name,
        kind=str(Kind.UPSCALER),
        hub_type=text(model.get("architecture")),
        base_model=text(model.get("architecture")) or None,
        author=", ".join(texts(model.get("author"))) or None,
        tags=texts(model.get("tags")) if isinstance(model.get("tags"), list) else (),
        description=described,
        licence=Licence(name=licence),
        files=tuple(_with_primary(files)),
        images=tuple(image for entry in mappings(model.get("images")) if (image := _image(entry, base))),
        access=Access() if any(file.urls for file in files) else Access(Gate.BROWSER, page=page),
        published=moment(model.get("date")),
        page=page,
    )


def _with_primary(files: Sequence[RemoteFile]) -> Iterator[RemoteFile]:
    """Call the first file primary that runs no code when it is opened and can be fetched, else the first."""
    best = min(range(len(files)), key=lambda n: (not files[n].urls, files[n].format != "safetensors", n))
    for number, file in enumerate(files):
        yield RemoteFile(
            id=file.id, name=file.name, size=file.size, hashes=file.hashes, format=file.format,
            primary=number == best, urls=file.urls, access=file.access,
        )  # fmt: skip


def parse_resource(key: str, number: int, resource: Mapping[str, object], page: str) -> RemoteFile:
    """Return a file of a model, with the addresses that give it."""
    ending = text(resource.get("type")).lower() or "pth"
    addresses = [url for entry in texts(resource.get("urls")) if (url := web_address(entry))]
    direct = tuple(url for url in addresses if is_direct(url))
    named = (unquote(urlsplit(url).path.rpartition("/")[2]) for url in direct)
    name = next((found for found in named if found.lower().endswith(MODEL_ENDINGS)), f"{key}.{ending}")
    return RemoteFile(
        id=str(number),
        name=name,
        size=whole(resource.get("size")) or None,
        hashes=sha256_of(resource.get("sha256")),
        format=format_of_word(ending),
        urls=direct,
        access=None if direct else Access(Gate.BROWSER, page=addresses[0] if addresses else page),
    )


def _image(entry: Mapping[str, object], base: str) -> RemoteImage | None:
    url = web_address(entry.get("SR"), base) or web_address(entry.get("url"), base)
    return RemoteImage(url) if url else None


def _only_in_a_browser(listing: Listing, file: RemoteFile) -> AccessError:
    access = file.access or listing.access
    return AccessError(
        "browser-only",
        N_("{name} lies only where a browser must fetch it (a gate, a payment, or a page in between)."),
        hint=N_("Open {page}, download it there, then: hubman add FILE"),
        name=file.name,
        page=access.page or listing.page or "https://openmodeldb.info",
    )
