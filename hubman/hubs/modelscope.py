"""ModelScope (魔搭), in China (modelscope.cn) and abroad (modelscope.ai): repositories, some of them with AIGC fields.

Every answer is an envelope `{Code, Success, Data}`. The part for models that make pictures adds AigcType,
VisionFoundation, TriggerWords and cover pictures; plain repositories have none of them. Both sites are apart: a page of
modelscope.ai is asked for there, and the token of one is never sent to the other.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode, urlsplit

from hubman.core.hub import (
    MODELSCOPE,
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
from hubman.core.hub_words import base_architecture, kind_of_hub_type
from hubman.core.listed import Hashes
from hubman.core.query import is_base
from hubman.core.repository import is_inside, is_repository, kind_of_repository, precision_of, role_of, with_primary
from hubman.errors import N_, AccessError, HubmanError, NotFoundError
from hubman.hubs._errors import refusal
from hubman.hubs._html import safe_html
from hubman.hubs._http import Answer, HttpStream, Web
from hubman.hubs._tolerant import (
    decoded,
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

TITLE = "ModelScope"
NEWEST = "master"
SITES = {"modelscope.cn": "https://www.modelscope.cn", "modelscope.ai": "https://www.modelscope.ai"}
"""Where each of both sites is, for a reference that names the one that is not the configured one."""
PAGE_SIZE = 30
MOST_PAGES = 20
"""Pages of a search. The hub answers none beyond page number times page size = 3000."""
SORTS = {"downloads": "DownloadsCount", "likes": "StarsCount", "newest": "GmtModified", "updated": "GmtModified"}
OPEN_SORTS = {"downloads": "downloads", "likes": "likes", "newest": "last_modified", "updated": "last_modified"}
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


class ModelScope:
    """modelscope.cn and modelscope.ai: core.ports.Hub."""

    name = MODELSCOPE
    title = TITLE
    needs_yes = False
    hash_kinds: tuple[str, ...] = ()
    parallel = True

    def __init__(self, web: Web, base: str) -> None:
        self._web = web
        self._base = base.rstrip("/")

    def resolve(self, ref: HubRef) -> tuple[Listing, ...]:
        """Return the repository at the revision that was named, else at its newest one."""
        listing = self._found_at(self._sites(ref.host), ref.model or "", ref.version, ref.file)
        if ref.file and not any(file.id == ref.file for file in listing.files):
            raise NotFoundError(
                "no-such-file",
                N_("{model} has no file {file} at this revision."),
                hint=N_("See what it has: {page}"),
                model=listing.model_id,
                file=ref.file,
                page=f"{listing.page}/files",
            )
        return (listing,)

    def _site(self, host: str | None) -> str:
        """Return the address that a reference's page is below: ours, unless it names the other site."""
        ours, theirs = site_of(urlsplit(self._base).hostname), site_of(host)
        return SITES[theirs] if theirs and ours and theirs != ours else self._base

    def _sites(self, host: str | None) -> tuple[str, ...]:
        """Return where to ask: at the site that a page named; without one at ours, then at the other one."""
        ours = site_of(urlsplit(self._base).hostname)
        if site_of(host) or not ours:
            return (self._site(host),)
        return (self._base, *(url for site, url in SITES.items() if site != ours))

    def _found_at(
        self, bases: Sequence[str], model: str, revision: str | None = None, wanted: str | None = None
    ) -> Listing:
        """Return a repository from the first site that has it."""
        for base in bases[:-1]:
            try:
                return self._listing(base, model, revision, wanted)
            except NotFoundError:
                continue
        return self._listing(bases[-1], model, revision, wanted)

    def _listing(self, base: str, model: str, revision: str | None, wanted: str | None = None) -> Listing:
        if not is_repository(model, owned=True):
            raise NotFoundError(
                "not-on-hub",
                N_("{hub} has no {what}."),
                hint=N_("A repository is written modelscope:owner/name."),
                hub=TITLE,
                what=model or "?",
            )
        url = f"{base}/api/v1/models/{quote(model)}"
        described = self._ask(url + (f"?{urlencode({'Revision': revision})}" if revision else ""), model, base)
        asked = urlencode({"Revision": revision or NEWEST, "Recursive": "True"})
        files = self._ask(f"{url}/repo/files?{asked}", model, base)
        return parse_model(described, files, model, revision or NEWEST, base, wanted)

    def _ask(self, url: str, what: str, base: str, *, body: object = None) -> object:
        """Return the data in the envelope; a question with a body is a PUT."""
        answer = self._web.ask(self.name, "GET" if body is None else "PUT", url, body=body)
        return data_of(answer, what, f"{base}/models/{what}")

    def by_hashes(self, wanted: Sequence[Hashes]) -> Lookup:
        """There is no such question at this hub."""
        return Lookup()

    def search(self, query: HubQuery) -> Iterator[Hit]:
        """Yield models that fit: by the site's search, which knows AIGC fields; an owner's by the documented API."""
        left = query.limit
        for hit in self._owned(query) if query.author else self._found(query):
            if _fits(hit, query):
                yield hit
                left -= 1
                if left <= 0:
                    return

    def _found(self, query: HubQuery) -> Iterator[Hit]:
        for page in range(1, MOST_PAGES + 1):
            body = {
                "Name": query.text, "PageNumber": page, "PageSize": PAGE_SIZE, "Target": "", "IsAigc": True,
                "SortBy": SORTS.get(query.sort, "Default"), "SingleCriterion": [], "Criterion": [],
            }  # fmt: skip
            data = self._ask(f"{self._base}/api/v1/dolphin/models", query.text, self._base, body=body)
            hits, total = parse_hits(data, self._base)
            yield from hits
            if not hits or page * PAGE_SIZE >= total:
                return

    def _owned(self, query: HubQuery) -> Iterator[Hit]:
        given = {"search": query.text, "owner": query.author, "sort": OPEN_SORTS.get(query.sort)}
        asked = {name: value for name, value in given.items() if value}
        for page in range(1, MOST_PAGES + 1):
            paged = urlencode({**asked, "page_number": page, "page_size": PAGE_SIZE})
            data = self._ask(f"{self._base}/openapi/v1/models?{paged}", query.author or "", self._base)
            hits, total = parse_open_hits(data, self._base)
            yield from hits
            if not hits or page * PAGE_SIZE >= total:
                return

    def versions(self, model_ids: Sequence[str]) -> Mapping[str, tuple[Listing, ...]]:
        """Return each repository at its newest revision; two questions each, the hub has no other way."""
        found: dict[str, tuple[Listing, ...]] = {}
        for model in dict.fromkeys(model_ids):
            try:
                found[model] = (self._found_at(self._sites(None), model),)
            except (NotFoundError, AccessError):
                continue
        return found

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> HttpStream:
        """Begin to read a file of the revision, from the site that the listing is of."""
        base = self._site(urlsplit(listing.page or "").hostname)
        asked = urlencode({"Revision": listing.version_id, "FilePath": file.id})
        url = f"{base}/api/v1/models/{quote(listing.model_id)}/repo?{asked}"
        stream = self._web.stream(self.name, url, start=start, end=end, etag=etag)
        if stream.status in (200, 206, 416):
            return stream
        with stream:
            raise refusal(MODELSCOPE, stream, page=listing.page, what=f"{listing.model_id}/{file.id}")

    def picture(self, image: RemoteImage) -> bytes:
        """Return a cover picture."""
        return picture_bytes(self._web, self.name, image.url)

    def account(self) -> str | None:
        """Return the account's name."""
        if not self._web.has_token(self.name):
            return None
        data = mapping(self._ask(f"{self._base}/openapi/v1/users/me", "users/me", self._base))
        name = text(data.get("username")) or text(data.get("Name")) or text(data.get("name"))
        if not name:
            raise not_understood(TITLE, "the account", data)
        return name


def site_of(host: str | None) -> str | None:
    """Return which of both sites a host is; None for any other (a mirror, a test)."""
    return next((site for site in SITES if host == site or (host or "").endswith(f".{site}")), None)


def data_of(answer: Answer, what: str, page: str) -> object:
    """Return what is in the envelope: `{Code: 200, Success, Data}`, or `{success, data}` at the documented search.

    Raises:
        HubError: `hub-busy`, `hub-answer`, ... NotFoundError: `not-on-hub`. AccessError: `login-needed`, ...
    """
    envelope = mapping(answer.data)
    code, success = whole(envelope.get("Code")), envelope.get("Success", envelope.get("success"))
    data = envelope.get("Data", envelope.get("data"))
    if answer.status != 200:
        raise refusal(MODELSCOPE, answer, page=page, what=what)
    if code in (None, 200) and success in (None, True) and data is not None:
        return data
    raise _refused(answer, code, what, page)


def _refused(answer: Answer, code: int | None, what: str, page: str) -> HubmanError:
    """Return what an envelope with status 200 and another code means."""
    fields = {"hub": TITLE, "what": what, "page": page, "name": MODELSCOPE}
    if code in (401, 403):
        return AccessError(
            "token-refused" if answer.token_sent else "login-needed",
            N_("{hub} does not accept your token for {what}.")
            if answer.token_sent
            else N_("{hub} gives {what} only to people who are logged in."),
            hint=N_("Make a token there, then: hubman hubs login {name}"),
            **fields,
        )
    if code == 404 or str(code or "").startswith("100102"):  # its numbers for what is not there or not visible
        return NotFoundError(
            "not-on-hub",
            N_("{hub} has no {what}, or does not show it to you."),
            hint=N_("Check the name at {page}; modelscope.cn and modelscope.ai have different models."),
            **fields,
        )
    return not_understood(TITLE, what, answer.data)


def parse_model(
    described: object, files: object, repository: str, revision: str, base: str, wanted: str | None = None
) -> Listing:
    """Return what the description of a model and the list of its files say together.

    Args:
        repository, revision: what was asked for.
        wanted: a file that is listed although it is no usual part of a model, because somebody asked for it.

    Raises:
        HubError: `hub-answer`.
    """
    model, listed = mapping(described), mapping(files).get("Files")
    if not model or not isinstance(listed, list):
        raise not_understood(TITLE, "a model", {"description": described, "files": files})
    entries = mappings(listed)
    found = [file for file in (_file(entry, wanted) for entry in entries) if file is not None]
    bases, word = texts(model.get("BaseModel")), _foundation(model)
    hub_type, page = text(model.get("AigcType")), f"{base}/models/{repository}"
    tags = _tags(model)
    kind = kind_of_hub_type(MODELSCOPE, hub_type) if hub_type else "unknown"
    return Listing(
        hub=MODELSCOPE,
        model_id=repository,
        version_id=_newest_commit(entries) or revision,
        name=text(model.get("ChineseName")) or text(model.get("Name")) or repository.rpartition("/")[2],
        version_name="" if revision == NEWEST or _COMMIT.match(revision) else revision,
        kind=kind if hub_type else kind_of_repository(tags, "", [file.id for file in found]),
        hub_type=hub_type or next(iter(_tasks(model)), ""),
        base_model=word or (bases[0] if bases else None),
        architecture=architecture_of(word, bases, repository),
        author=text(model.get("Path")) or repository.partition("/")[0],
        words=texts(model.get("TriggerWords")),
        tags=tags,
        description=safe_html(model.get("Description")),
        licence=Licence(name=text(model.get("License")) or None),
        files=with_primary(found),
        images=_images(model),
        access=_access(model, page),
        published=moment(model.get("LastUpdatedTime")) or moment(model.get("CreatedTime")),
        page=page,
        downloads=whole(model.get("Downloads")),
    )


def _foundation(model: Mapping[str, object]) -> str:
    """Return the site's word for the base; AigcAttributes is JSON in a text."""
    aigc = mapping(decoded(model.get("AigcAttributes"))) or mapping(model.get("AigcAttributes"))
    return text(model.get("VisionFoundation")) or text(aigc.get("SubVisionFoundation"))


def architecture_of(word: str, bases: Sequence[str], repository: str) -> str | None:
    """Return the architecture that the site's word tells, else the first known repository."""
    return next((found for found in map(base_architecture, [word, *bases, repository]) if found), None)


def _newest_commit(entries: Sequence[Mapping[str, object]]) -> str | None:
    """Return the newest commit among those that last changed each file, where all of them tell when that was."""
    dated = [(whole(entry.get("CommittedDate")), text(entry.get("Revision"))) for entry in entries]
    known = [(date, commit) for date, commit in dated if date and _COMMIT.match(commit)]
    return max(known)[1] if known and len(known) == len(dated) else None


def _access(model: Mapping[str, object], page: str) -> Access:
    """`ProtectedMode` 2 shows the page and keeps the files."""
    return Access(Gate.GATED if whole(model.get("ProtectedMode")) == 2 else Gate.OPEN, page=page)


def _file(entry: Mapping[str, object], wanted: str | None) -> RemoteFile | None:
    path = text(entry.get("Path")) or text(entry.get("Name"))
    role = role_of(path) or (("Other", "other") if path and path == wanted else None)
    if role is None or not is_inside(path) or text(entry.get("Type")) == "tree":
        return None
    return RemoteFile(
        id=path,
        name=path,
        size=whole(entry.get("Size")),
        hashes=sha256_of(entry.get("Sha256")),
        type=role[0],
        format=role[1],
        precision=precision_of(path),
        pruned=True if "pruned" in posixpath.basename(path).casefold() else None,
    )


def _tags(model: Mapping[str, object]) -> tuple[str, ...]:
    plain = texts(model["Tags"]) if isinstance(model.get("Tags"), list) else ()
    official = [text(tag.get(key)) for tag in mappings(model.get("OfficialTags")) for key in ("ChineseName", "Tag")]
    return tuple(dict.fromkeys(tag for tag in [*plain, *official] if tag))


def _tasks(model: Mapping[str, object]) -> tuple[str, ...]:
    named = [text(task.get("Name")) for task in mappings(model.get("Tasks"))]
    return tuple(filter(None, named)) or texts(model.get("Tasks"))


def _images(model: Mapping[str, object]) -> tuple[RemoteImage, ...]:
    given = [*texts(model.get("CoverImage")), *texts(model.get("CoverImages"))]
    return tuple(RemoteImage(url=address) for address in dict.fromkeys(map(web_address, given)) if address)


def parse_hits(data: object, base: str) -> tuple[list[Hit], int]:
    """Return the hits of one page of the site's own search and how many there are in all."""
    model = mapping(mapping(data).get("Model"))
    if not model or not isinstance(model.get("Models"), list | None):
        raise not_understood(TITLE, "a search", data)
    found = [_hit(entry, base) for entry in mappings(model.get("Models"))]
    return [hit for hit in found if hit is not None], whole(model.get("TotalCount")) or 0


def _hit(model: Mapping[str, object], base: str) -> Hit | None:
    owner, name = text(model.get("Path")), text(model.get("Name"))
    repository = name if "/" in name else f"{owner}/{name}"
    if not is_repository(repository, owned=True):
        return None
    word, bases, hub_type = _foundation(model), texts(model.get("BaseModel")), text(model.get("AigcType"))
    return Hit(
        ref=HubRef(MODELSCOPE, repository),
        name=text(model.get("ChineseName")) or name,
        kind=kind_of_hub_type(MODELSCOPE, hub_type) if hub_type else kind_of_repository(_tags(model), "", []),
        base_model=word or (bases[0] if bases else None),
        architecture=architecture_of(word, bases, repository),
        author=repository.partition("/")[0],
        downloads=whole(model.get("Downloads")),
        words=texts(model.get("TriggerWords")),
        page=f"{base}/models/{repository}",
    )


def parse_open_hits(data: object, base: str) -> tuple[list[Hit], int]:
    """Return the hits of one page of the documented search and how many there are in all."""
    listed = mapping(data).get("models")
    if not isinstance(listed, list):
        raise not_understood(TITLE, "a search", data)
    found = [_open_hit(entry, base) for entry in mappings(listed)]
    return [hit for hit in found if hit is not None], whole(mapping(data).get("total_count")) or 0


def _open_hit(model: Mapping[str, object], base: str) -> Hit | None:
    repository = text(model.get("id"))
    if not is_repository(repository, owned=True):
        return None
    tags = [tag.removeprefix("custom_tag:") for tag in texts(model.get("tags"))]
    bases = texts(model.get("base_model"))
    return Hit(
        ref=HubRef(MODELSCOPE, repository),
        name=text(model.get("display_name")) or repository.rpartition("/")[2],
        kind=kind_of_repository(tags, "", []),
        base_model=bases[0] if bases else None,
        architecture=architecture_of("", [*bases, *tags], repository),
        author=repository.partition("/")[0],
        downloads=whole(model.get("downloads")),
        page=f"{base}/models/{repository}",
    )


def _fits(hit: Hit, query: HubQuery) -> bool:
    return (
        (query.kind is None or hit.kind == query.kind)
        and (query.architecture is None or is_base(query.architecture, hit.architecture or ""))
        and (query.author is None or (hit.author or "").casefold() == query.author.casefold())
    )
