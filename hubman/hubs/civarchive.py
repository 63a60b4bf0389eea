"""CivArchive (civarchive.com): what it kept of models, and where else a file lies that was deleted on its own hub.

Its API is not documented. Fields come in camelCase there and in snake_case in the data of its pages, which are asked
when the API is not there; a model number that it does not know gives status 500.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, urlsplit

from hubman.core.hub import (
    CIVARCHIVE,
    Gate,
    Hit,
    HubQuery,
    HubRef,
    Listing,
    Lookup,
    Match,
    RemoteFile,
    RemoteImage,
)
from hubman.core.hub_words import civitai_types
from hubman.core.listed import Hashes
from hubman.errors import N_, AccessError, HubError, HubmanError, NotFoundError, Phrase
from hubman.hubs._civarchive_answers import IDENTIFIER, camel, inner_of, models_of, parse_archived, parse_hit, props_of
from hubman.hubs._civitai_shape import newest_first
from hubman.hubs._errors import refusal
from hubman.hubs._http import Answer, HttpStream, Web
from hubman.hubs._mirrors import open_first
from hubman.hubs._tolerant import (
    mapping,
    mappings,
    not_understood,
    picture_bytes,
    require_service,
    whole,
)

TITLE = "CivArchive"
MOST_ASKED = 50
"""Contents per lookup: the archive is asked for one at a time, and answers 429 to those who hurry."""
MOST_VERSIONS = 20
"""Versions of one model that are fetched, one request each."""
NO_CONTENT = "0" * 64
"""The sha256 of nothing that anybody has: what a working archive answers with 404."""
MOST_PAGES = 10
MOST_PAGE_BYTES = 4 << 20
_BUILD = re.compile(r'"buildId"\s*:\s*"([A-Za-z0-9_.-]{1,80})"')


class CivArchive:
    """core.ports.Hub.

    Args:
        bases: hub -> address to use for its mirrors in place of its own (a configured Civitai or Hugging Face).
    """

    name = CIVARCHIVE
    title = TITLE
    needs_yes = False
    official = False  # its API is not documented by its makers
    hash_kinds = ("sha256",)
    parallel = True

    def __init__(self, web: Web, base: str, *, bases: Mapping[str, str] | None = None) -> None:
        self._web = web
        self._base = base.rstrip("/")
        self._mirrors = {name: address.rstrip("/") for name, address in (bases or {}).items()}
        self._build: str | None = None
        self._calls = 0

    def resolve(self, ref: HubRef) -> tuple[Listing, ...]:
        """Return the version that a reference names, else all versions of its model, newest first."""
        if ref.hash is not None:
            listings = self._of_hash(ref.hash) if len(ref.hash) == 64 else ()
            if not listings:
                raise _absent(f"hash {ref.hash}")
            return listings
        if ref.model is None:
            raise _absent(str(ref))
        listing, others = self._version(ref.model, ref.version)
        if ref.version is not None:
            return (listing,)
        found = {listing.version_id: listing}
        for version in [other for other in others if other not in found][: MOST_VERSIONS - 1]:
            found[version] = self._version(ref.model, version)[0]
        return newest_first(list(found.values()))

    def by_hashes(self, wanted: Sequence[Hashes]) -> Lookup:
        """Ask for contents one by one, at most MOST_ASKED; found is what a file in the answer has the hash of."""
        found: dict[str, Match] = {}
        missed: list[str] = []
        before = self._calls
        trouble: HubmanError | None = None
        for sha256 in sorted({hashes.sha256.lower() for hashes in wanted})[:MOST_ASKED]:
            try:
                listings = self._of_hash(sha256)
            except HubmanError as error:
                trouble = error
                break
            if not listings:
                missed.append(sha256)
            for listing in listings[:1]:
                file = next(file for file in listing.files if file.sha256 == sha256)
                found[sha256] = Match(sha256, listing, file, "sha256")
        return Lookup(tuple(found.values()), tuple(missed), trouble, self._calls - before)

    def search(self, query: HubQuery) -> Iterator[Hit]:
        """Yield what the archive's own search page shows."""
        params: dict[str, str] = {"q": query.text}
        types = civitai_types(query.kind) if query.kind else ()
        if len(types) == 1:
            params["type"] = types[0]
        params |= {"username": query.author} if query.author else {}
        params |= {"tags": query.tag} if query.tag else {}
        params |= {"rating": "all"} if query.nsfw else {}
        seen = set[HubRef]()
        count = 0
        for page in range(1, MOST_PAGES + 1):
            answer = self._page("top-models", {**params, "page": str(page)})
            shown = mappings(mapping(mapping(props_of(answer).get("data"))).get("results"))
            fresh = [hit for entry in shown if (hit := parse_hit(entry, self._base)) and hit.ref not in seen]
            seen |= {hit.ref for hit in fresh}
            for hit in fresh:
                if count < query.limit and _wanted(hit, query):
                    count += 1
                    yield hit
            if not fresh or count >= query.limit:
                return

    def versions(self, model_ids: Sequence[str]) -> Mapping[str, tuple[Listing, ...]]:
        """Return model id -> its versions, newest first. The archive has no question for several models."""
        found = {}
        for model_id in dict.fromkeys(model_ids):
            try:
                found[model_id] = self.resolve(HubRef(CIVARCHIVE, model_id))
            except NotFoundError:
                continue
        return found

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> HttpStream:
        """Begin to read a file from the first mirror that gives it."""
        urls = [self._at_base(url) for url in file.urls]
        return open_first(
            self._web, CIVARCHIVE, urls, lambda: _no_mirror(listing, file), start=start, end=end, etag=etag
        )

    def picture(self, image: RemoteImage) -> bytes:
        """Return a picture."""
        return picture_bytes(self._web, CIVARCHIVE, image.url)

    def account(self) -> str | None:
        """There are no accounts."""
        return None

    # --- asking ----------------------------------------------------------------------------------------------------

    def _at_base(self, url: str) -> str:
        """Put a mirror behind the configured address of its hub."""
        parts = urlsplit(url)
        for name, hosts in (("civitai", ("civitai.com", "civitai.red")), ("huggingface", ("huggingface.co",))):
            if parts.hostname in hosts and name in self._mirrors:
                return self._mirrors[name] + parts.path + (f"?{parts.query}" if parts.query else "")
        return url

    def _ask(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        self._calls += 1
        return self._web.ask(CIVARCHIVE, "GET", self._base + path, params=params)

    def _of_hash(self, sha256: str) -> tuple[Listing, ...]:
        """Return the versions in which a file of this content lies; () when the archive does not know it."""
        answer = self._ask(f"/api/sha256/{sha256.lower()}")
        require_service(CIVARCHIVE, answer)
        if answer.data is None and answer.status in (200, 404):  # a page: the API is not there any more
            answer = self._page(f"sha256/{sha256.lower()}", {})
        if answer.status in (404, 410):
            return ()
        if answer.status != 200:
            raise refusal(
                CIVARCHIVE,
                answer,
                what=Phrase(N_("hash {hash}"), hash=sha256[:10]),
                page=f"{self._base}/sha256/{sha256}",
            )
        listings = [listing for model in models_of(answer) if (listing := parse_archived(model, self._base)[0])]
        known = [listing for listing in listings if any(file.sha256 == sha256.lower() for file in listing.files)]
        if not known:
            known = self._through_files(answer, sha256.lower())
        if not known:
            raise not_understood(CIVARCHIVE, "a hash", answer.data)
        return tuple(known)

    def _through_files(self, answer: Answer, sha256: str) -> list[Listing]:
        """Follow an answer that names the models only by number."""
        data = camel(inner_of(answer.data))
        places = [camel(entry) for entry in mappings(data.get("files"))]
        places += [camel(model) | {"modelId": model.get("id")} for model in map(mapping, models_of(answer))]
        found = []
        for place in places[:3]:
            version = mapping(place.get("version"))
            model_id, version_id = whole(place.get("modelId")), whole(place.get("modelVersionId", version.get("id")))
            if model_id is None or version_id is None:
                continue
            listing, _ = self._version(str(model_id), str(version_id))
            if any(file.sha256 == sha256 for file in listing.files):
                found.append(listing)
                break
        return found

    def _version(self, model: str, version: str | None) -> tuple[Listing, tuple[str, ...]]:
        """Return a version (None: the one that the archive shows first) and the ids of all."""
        if not IDENTIFIER.match(model):
            raise _absent(f"model {model}")
        params = {"modelVersionId": version} if version else {}
        what = Phrase(N_("model {model}"), model=model)
        if version is not None:
            what = Phrase(N_("version {version} of model {model}"), version=version, model=model)
        answer = self._ask(f"/api/models/{quote(model, safe='')}", params)
        if answer.status == 500 and self._ask(f"/api/sha256/{NO_CONTENT}").status in (200, 404):
            raise _absent(what)  # it works, and says so of numbers that it does not know
        require_service(CIVARCHIVE, answer)
        if answer.data is None and answer.status in (200, 404):
            answer = self._page(f"models/{quote(model, safe='')}", params)
        if answer.status in (404, 410):
            raise _absent(what)
        if answer.status != 200:
            raise refusal(CIVARCHIVE, answer, what=what, page=f"{self._base}/models/{model}")
        for said in models_of(answer):
            listing, others = parse_archived(said, self._base)
            if listing is not None:
                if version is not None and listing.version_id != version:
                    raise _absent(f"version {version} of model {model}")
                return listing, others
        raise not_understood(CIVARCHIVE, Phrase(N_("model {model}"), model=model), answer.data)

    def _page(self, path: str, params: Mapping[str, str]) -> Answer:
        """Return the data of a page. Its address has the number of the site's build in it, which changes."""
        fresh = self._build is None
        build = self._build or self._current_build()
        answer = self._ask(f"/_next/data/{build}/{path}.json", params)
        if answer.status == 404 and not fresh and self._current_build() != build:
            answer = self._ask(f"/_next/data/{self._build}/{path}.json", params)
        if answer.status == 404:
            return answer
        require_service(CIVARCHIVE, answer)
        if answer.status != 200:
            raise refusal(CIVARCHIVE, answer, page=self._base)
        if mapping(answer.data).get("pageProps") is None:
            raise not_understood(CIVARCHIVE, "a page", answer.data)
        return answer

    def _current_build(self) -> str:
        self._calls += 1
        with self._web.stream(CIVARCHIVE, self._base + "/") as stream:
            found = _BUILD.search(stream.text(MOST_PAGE_BYTES)) if stream.status == 200 else None
        if found is None:
            raise HubError(
                "hub-answer",
                N_("{hub} answered the question for {what} with something that hubman does not understand: {shape}"),
                hint=N_("Nothing of it was kept. Try again later; if it stays so, report it with this line."),
                hub=self.title, what="its front page", shape="a page without a build id",
            )  # fmt: skip
        self._build = found[1]
        return self._build


def _wanted(hit: Hit, query: HubQuery) -> bool:
    """Decide what the archive's page cannot filter."""
    return (query.kind in (None, hit.kind)) and (query.architecture in (None, hit.architecture))


# --- refusals ------------------------------------------------------------------------------------------------------


def _absent(what: str) -> NotFoundError:
    return NotFoundError(
        "not-on-hub", N_("{hub} has no {what}."), hint=N_("Its pages show what it has: https://civarchive.com"),
        hub=TITLE, what=what,
    )  # fmt: skip


def _no_mirror(listing: Listing, file: RemoteFile) -> HubmanError:
    access = file.access or listing.access
    if access.gate is Gate.GONE:
        return NotFoundError(
            "gone-from-hub",
            N_("{hub} does not give {name} away any more: it was archived or taken down."),
            hint=N_("No other address of it is known. Look for its sha256 with a search engine."),
            hub=TITLE,
            name=file.name,
        )
    return AccessError(
        "browser-only",
        N_("{name} lies only where a browser must fetch it (a gate, a payment, or a page in between)."),
        hint=N_("Open {page}, download it there, then: hubman add FILE"),
        name=file.name,
        page=access.page or listing.page or "https://civarchive.com",
    )
