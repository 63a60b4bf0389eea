"""Hugging Face: repositories at a commit. Nothing is looked up by hash here; app/cached_sources.py asks its cache.

A reference leads to one listing: the repository at one revision with the files that are its model. Two keys hold the
sha256 of a file: `lfs.sha256` in the model's description, `lfs.oid` in a tree.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from hubman.core.hub import (
    HUGGINGFACE,
    Access,
    Gate,
    Hit,
    HubQuery,
    HubRef,
    Licence,
    Listing,
    Lookup,
    RemoteFile,
    RemoteImage,
)
from hubman.core.hub_words import base_architecture
from hubman.core.listed import Hashes
from hubman.core.query import is_base
from hubman.core.repository import is_inside, is_repository, kind_of_repository, precision_of, role_of, with_primary
from hubman.errors import N_, AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs._errors import refusal
from hubman.hubs._http import Answer, HttpStream, Web
from hubman.hubs._tolerant import (
    mapping,
    mappings,
    moment,
    not_understood,
    picture_bytes,
    sha256_of,
    text,
    texts,
    web_address,
    whole,
)

TITLE = "Hugging Face"
MOST_PLAIN = 50_000_000_000
"""Bytes of a file that the hub still serves without its own protocol (Xet)."""
MOST_PAGES = 20
PAGE_SIZE = 50
ADULT_TAG = "not-for-all-audiences"
SORTS = {"downloads": "downloads", "likes": "likes", "newest": "createdAt", "updated": "lastModified"}
KIND_TAGS = {"lora": "lora", "embedding": "textual_inversion", "controlnet": "controlnet", "ip-adapter": "ip-adapter"}
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_LINKED = re.compile(r'"?([0-9a-f]{64})"?\Z')


class HuggingFace:
    """huggingface.co, or a mirror of it: core.ports.Hub."""

    name = HUGGINGFACE
    title = TITLE
    needs_yes = False
    hash_kinds: tuple[str, ...] = ()
    parallel = True

    def __init__(self, web: Web, base: str) -> None:
        self._web = web
        self._base = base.rstrip("/")

    def resolve(self, ref: HubRef) -> tuple[Listing, ...]:
        """Return the repository at the revision that was named, else at its newest commit."""
        listing = self._listing(ref.model or "", ref.version, ref.file)
        if listing.access.gate is Gate.GATED and self._web.has_token(self.name) and self._let_in(listing.model_id):
            listing = replace(listing, access=replace(listing.access, gate=Gate.OPEN))
        if ref.file and not any(file.id == ref.file for file in listing.files):
            raise NotFoundError(
                "no-such-file",
                N_("{model} has no file {file} at this revision."),
                hint=N_("See what it has: {page}"),
                model=listing.model_id,
                file=ref.file,
                page=f"{listing.page}/tree/{listing.version_id}",
            )
        return (self._with_heads(listing, ref.file),)

    def _listing(self, repository: str, revision: str | None, wanted: str | None = None) -> Listing:
        if not is_repository(repository):
            raise NotFoundError(
                "not-on-hub",
                N_("{hub} has no {what}."),
                hint=N_("A repository is written hf:owner/name."),
                hub=TITLE,
                what=repository or "?",
            )
        url = f"{self._base}/api/models/{quote(repository)}"
        if revision:
            url += f"/revision/{quote(revision, safe='')}"
        listing = parse_model(self._ask(f"{url}?blobs=true", repository).data, self._base, wanted)
        return self._with_tree(listing) if any(map(_incomplete, listing.files)) else listing

    def _with_tree(self, listing: Listing) -> Listing:
        """Fill in what the description left out (a mirror that does not know `blobs`), from the repository's tree."""
        found: dict[str, RemoteFile] = {}
        url: str | None = f"{self._base}/api/models/{quote(listing.model_id)}/tree/{listing.version_id}?recursive=true"
        try:
            for _ in range(MOST_PAGES):
                if url is None:
                    break
                answer = self._ask(url, listing.model_id)
                found |= {file.id: file for file in parse_tree(answer.data)}
                url = self._next_page(answer, url)
        except NotFoundError:  # a mirror that has no trees either
            return listing
        files = tuple(_completed(file, found.get(file.id)) for file in listing.files)
        return replace(listing, files=files)

    def _with_heads(self, listing: Listing, wanted: str | None) -> Listing:
        """Ask for the headers of the named file where neither description nor tree told its sha256."""
        for file in listing.files:
            if file.id == wanted and _incomplete(file):
                url = self._address(listing, file)
                answer = self._web.ask(self.name, "HEAD", url, headers={"Accept-Encoding": "identity"}, stay=True)
                known = _completed(file, parse_head(answer, file))
                return replace(listing, files=tuple(known if each is file else each for each in listing.files))
        return listing

    def _let_in(self, repository: str) -> bool:
        """Say whether the account of the token may read a gated repository; a mirror that cannot tell says yes."""
        answer = self._web.ask(self.name, "GET", f"{self._base}/api/models/{quote(repository)}/auth-check")
        return answer.status not in (401, 403)

    def by_hashes(self, wanted: Sequence[Hashes]) -> Lookup:
        """There is no such question at this hub; app/cached_sources.py asks the cache on this machine."""
        return Lookup()

    def search(self, query: HubQuery) -> Iterator[Hit]:
        """Yield models that fit; what the hub cannot filter by is filtered here."""
        given = [("search", query.text)] if query.text else []
        given += [("author", query.author)] if query.author else []
        given += [("filter", tag) for tag in (query.tag, KIND_TAGS.get(query.kind or "")) if tag]
        given += [("sort", SORTS[query.sort])] if query.sort in SORTS else []
        given += [("limit", str(PAGE_SIZE)), ("full", "true"), ("cardData", "true")]
        url: str | None = f"{self._base}/api/models?{urlencode(given)}"
        left = query.limit
        for _ in range(MOST_PAGES):
            if url is None:
                return
            answer = self._ask(url, query.text)
            for hit in parse_hits(answer.data, self._base):
                if _fits(hit, query):
                    yield hit
                    left -= 1
                    if left <= 0:
                        return
            url = self._next_page(answer, url)

    def _next_page(self, answer: Answer, asked: str) -> str | None:
        """Return the next page's address below our own base: a mirror hands links to the original through."""
        found = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
        if not found:
            return None
        now = urlsplit(asked)
        query = urlencode(parse_qsl(urlsplit(found[1]).query))
        return now._replace(query=query).geturl() if query and query != now.query else None

    def versions(self, model_ids: Sequence[str]) -> Mapping[str, tuple[Listing, ...]]:
        """Return each repository at its newest commit; one question each, the hub has no other way."""
        found: dict[str, tuple[Listing, ...]] = {}
        for repository in dict.fromkeys(model_ids):
            try:
                found[repository] = (self._listing(repository, None),)
            except (NotFoundError, AccessError):
                continue
        return found

    def _address(self, listing: Listing, file: RemoteFile) -> str:
        revision = quote(listing.version_id, safe="")
        return f"{self._base}/{quote(listing.model_id)}/resolve/{revision}/{quote(file.id)}"

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> HttpStream:
        """Begin to read a file of the commit."""
        if (file.size or 0) > MOST_PLAIN:
            raise _too_large(listing, file)
        stream = self._web.stream(self.name, self._address(listing, file), start=start, end=end, etag=etag)
        if stream.status in (200, 206, 416):
            return stream
        with stream:
            raise self._refused(stream, f"{listing.model_id}/{file.id}", listing.model_id)

    def picture(self, image: RemoteImage) -> bytes:
        """Return a picture of a model's card."""
        return picture_bytes(self._web, self.name, image.url)

    def account(self) -> str | None:
        """Return the account's name."""
        if not self._web.has_token(self.name):
            return None
        answer = self._ask(f"{self._base}/api/whoami-v2", "whoami")
        name = text(mapping(answer.data).get("name"))
        if not name:
            raise not_understood(TITLE, "whoami", answer.data)
        return name

    def _ask(self, url: str, what: str) -> Answer:
        answer = self._web.ask(self.name, "GET", url)
        if answer.status != 200:
            raise self._refused(answer, what, what)
        return answer

    def _refused(self, answer: Answer | HttpStream, what: str, repository: str) -> HubmanError:
        """Return what a refusal means: headers say it, the status alone does not."""
        said, page = answer.headers.get("x-error-message", ""), f"{self._base}/{repository}"
        if answer.headers.get("x-error-code", "") == "" and "disabled" in said.casefold():
            return AccessError(
                "download-disabled",
                N_("{hub} has disabled {what}."),
                hint=N_("See {page} for why; the same file may be elsewhere: hubman pull SHA256"),
                hub=TITLE,
                what=what,
                page=page,
            )
        if answer.headers.get("x-error-code") == "EntryNotFound":
            return NotFoundError(
                "no-such-file",
                N_("{model} has no file {file} at this revision."),
                hint=N_("See what it has: {page}"),
                model=repository,
                file=what.removeprefix(f"{repository}/"),
                page=f"{page}/tree/main",
            )
        if answer.status == 401 and not answer.token_sent and not answer.headers.get("x-error-code"):
            return NotFoundError(
                "not-on-hub",
                N_("{hub} has no {what}, or does not show it to you."),
                hint=N_("Check the name at {page}; if it is private: hubman hubs login {name}"),
                hub=TITLE,
                what=what,
                page=page,
                name=HUGGINGFACE,
            )
        return refusal(HUGGINGFACE, answer, page=page, what=what)


def _too_large(listing: Listing, file: RemoteFile) -> HubError:
    error = HubError(
        "too-large-for-http",
        N_("{file} has more than 50 GB, and {hub} serves such files only to its own client."),
        hint=N_("hf download {repository} {file}    then: hubman add FILE"),
        hub=TITLE,
        file=file.id,
        repository=listing.model_id,
    )
    error.passing = False
    return error


def _incomplete(file: RemoteFile) -> bool:
    return file.size is None or (file.sha256 is None and file.type not in ("Config", "Other"))


def _completed(file: RemoteFile, known: RemoteFile | None) -> RemoteFile:
    if known is None:
        return file
    size = known.size if file.size is None else file.size
    return replace(file, size=size, hashes={**known.hashes, **file.hashes})


def parse_head(answer: Answer, file: RemoteFile) -> RemoteFile | None:
    """Return what the headers of a file say: `X-Linked-ETag` is the sha256 of what is in large-file storage."""
    if answer.status not in (200, 302, 307):
        return None
    headers = answer.headers
    linked = _LINKED.match(headers.get("x-linked-etag", ""))
    size = whole(headers.get("x-linked-size")) if "x-linked-size" in headers else None
    if size is None and answer.status == 200:
        size = whole(headers.get("content-length"))
    return replace(file, size=size, hashes={"sha256": linked[1]} if linked else {})


def parse_model(answer: object, base: str, wanted: str | None = None) -> Listing:
    """Return what `GET /api/models/{id}` says.

    Args:
        wanted: a file that is listed although it is no usual part of a model, because somebody asked for it.

    Raises:
        HubError: `hub-answer`.
    """
    model = mapping(answer)
    repository, commit = text(model.get("id")) or text(model.get("modelId")), text(model.get("sha"))
    if not is_repository(repository) or not _COMMIT.match(commit) or not isinstance(model.get("siblings"), list):
        raise not_understood(TITLE, "a model", answer)
    card, tags = mapping(model.get("cardData")), _tags(model)
    pipeline = text(mapping(mapping(model.get("config")).get("diffusers")).get("class_name"))
    task = text(model.get("pipeline_tag"))
    found = (_file(entry, "rfilename", wanted) for entry in mappings(model.get("siblings")))
    files = with_primary(file for file in found if file is not None)
    bases = base_models(card, tags)
    page = f"{base}/{repository}"
    return Listing(
        hub=HUGGINGFACE,
        model_id=repository,
        version_id=commit,
        name=repository.rpartition("/")[2],
        version_name=commit[:7],
        kind=kind_of_repository(tags, pipeline or task, [file.id for file in files]),
        hub_type=pipeline or task or text(model.get("library_name")),
        base_model=bases[0] if bases else None,
        architecture=architecture_of(bases, tags, repository),
        author=_author(model, repository),
        words=texts(card.get("instance_prompt")),
        tags=tuple(tag for tag in tags if ":" not in tag),
        licence=licence_of(card, tags),
        files=files,
        images=images_of(card, f"{page}/resolve/{commit}/", adult=ADULT_TAG in tags),
        access=_access(model, page),
        published=moment(model.get("lastModified")) or moment(model.get("createdAt")),
        nsfw=2 if ADULT_TAG in tags else None,
        page=page,
        downloads=whole(model.get("downloads")),
    )


def _tags(model: Mapping[str, object]) -> tuple[str, ...]:
    return texts(model["tags"]) if isinstance(model.get("tags"), list) else ()


def _author(model: Mapping[str, object], repository: str) -> str | None:
    return text(model.get("author")) or (repository.partition("/")[0] if "/" in repository else None)


def _access(model: Mapping[str, object], page: str) -> Access:
    if model.get("disabled") is True:
        return Access(Gate.DISABLED, page=page)
    return Access(Gate.GATED if model.get("gated") in ("auto", "manual", True) else Gate.OPEN, page=page)


def _file(entry: Mapping[str, object], key: str, wanted: str | None = None) -> RemoteFile | None:
    """Return a file of a description (`rfilename`) or a tree (`path`); None for what is no part of a model."""
    path = text(entry.get(key))
    role = role_of(path) or (("Other", "other") if path and path == wanted else None)
    if role is None or not is_inside(path):
        return None
    lfs = mapping(entry.get("lfs"))
    size = whole(lfs.get("size"))
    return RemoteFile(
        id=path,
        name=path,
        size=whole(entry.get("size")) if size is None else size,
        hashes=sha256_of(lfs.get("sha256")) or sha256_of(lfs.get("oid")),
        type=role[0],
        format=role[1],
        precision=precision_of(path),
        pruned=True if "pruned" in posixpath.basename(path).casefold() else None,
        scan=text(mapping(entry.get("securityFileStatus")).get("status")),
    )


def parse_tree(answer: object) -> list[RemoteFile]:
    """Return the files of one page of `GET /api/models/{id}/tree/{revision}`."""
    if not isinstance(answer, list):
        raise not_understood(TITLE, "a tree", answer)
    found = (_file(entry, "path") for entry in mappings(answer) if entry.get("type") != "directory")
    return [file for file in found if file is not None]


def base_models(card: Mapping[str, object], tags: Sequence[str]) -> tuple[str, ...]:
    """Return the repositories that a model adapts: the card says it as a text or a list, the tags say it again."""
    tagged = (re.fullmatch(r"base_model:(?:[a-z]+:)?([\w.-]+/[\w.-]+)", tag) for tag in tags)
    return tuple(dict.fromkeys([*texts(card.get("base_model")), *(found[1] for found in tagged if found)]))


def architecture_of(bases: Sequence[str], tags: Sequence[str], repository: str) -> str | None:
    """Return the architecture that the first known name tells: what is adapted, a tag, the repository itself."""
    named = [*bases, *(tag for tag in tags if not tag.startswith("base_model:")), repository]
    return next((found for found in map(base_architecture, named) if found), None)


def licence_of(card: Mapping[str, object], tags: Sequence[str]) -> Licence:
    """Return the licence: the card's word, its own name where that is `other`, else the tag's."""
    tagged = next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
    named = next(iter(texts(card.get("license"))), "") or tagged
    if named == "other":
        named = text(card.get("license_name")) or named
    return Licence(name=named or None, url=web_address(card.get("license_link")))


def images_of(card: Mapping[str, object], folder: str, *, adult: bool = False) -> tuple[RemoteImage, ...]:
    """Return the card's sample pictures with their prompts; relative addresses are files of the repository."""
    found = []
    for entry in mappings(card.get("widget")):
        given = text(mapping(entry.get("output")).get("url"))
        if given and "://" not in given:
            if not is_inside(given.removeprefix("./")):
                continue
            given = quote(given.removeprefix("./"), safe="/%")
        if address := web_address(given, folder):
            found.append(RemoteImage(
                url=address, nsfw=2 if adult else None, video=address.lower().endswith((".mp4", ".webm")),
                prompt=_prompt(entry) or None,
                negative=text(mapping(entry.get("parameters")).get("negative_prompt")) or None,
            ))  # fmt: skip
    return tuple(found)


def _prompt(entry: Mapping[str, object]) -> str:
    """Return a sample's prompt; `-` is what the hub's own trainers write for none."""
    prompt = text(entry.get("text"))
    return "" if prompt == "-" else prompt


def parse_hits(answer: object, base: str) -> list[Hit]:
    """Return one page of `GET /api/models`."""
    if not isinstance(answer, list):
        raise not_understood(TITLE, "a search", answer)
    return [hit for hit in (_hit(entry, base) for entry in mappings(answer)) if hit is not None]


def _hit(model: Mapping[str, object], base: str) -> Hit | None:
    repository = text(model.get("id")) or text(model.get("modelId"))
    if not is_repository(repository):
        return None
    card, tags = mapping(model.get("cardData")), _tags(model)
    bases = base_models(card, tags)
    paths = [text(entry.get("rfilename")) for entry in mappings(model.get("siblings"))]
    return Hit(
        ref=HubRef(HUGGINGFACE, repository),
        name=repository.rpartition("/")[2],
        kind=kind_of_repository(tags, text(model.get("pipeline_tag")), paths),
        base_model=bases[0] if bases else None,
        architecture=architecture_of(bases, tags, repository),
        author=_author(model, repository),
        downloads=whole(model.get("downloads")),
        words=texts(card.get("instance_prompt")),
        page=f"{base}/{repository}",
        nsfw=2 if ADULT_TAG in tags else None,
    )


def _fits(hit: Hit, query: HubQuery) -> bool:
    return (
        (query.nsfw or not hit.nsfw)
        and (query.kind is None or hit.kind == query.kind)
        and (query.architecture is None or is_base(query.architecture, hit.architecture or ""))
    )
