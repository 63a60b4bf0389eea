"""Civitai (`civitai.com` and, for what is not shown there, `civitai.red`): its public API v1 and its downloads.

A library is looked up by sha256 in blocks of 10,000; what is known comes back with its models in blocks of 100, so
that tags, licence and description cost nothing more. Addresses of files are built here: those in answers are wrong at
times (a batch answer had `https://undefined/...`). Pages are asked for by cursor alone: page numbers end at 1,000
results with a 429 that never passes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from hubman.core.hub import CIVITAI, Gate, Hit, HubQuery, HubRef, Listing, Lookup, RemoteFile, RemoteImage
from hubman.core.hub_words import architecture_words, civitai_types
from hubman.core.listed import Hashes
from hubman.core.plan.gates import refusal
from hubman.errors import N_, AccessError, HubError, HubmanError, Phrase
from hubman.hubs._civitai_answers import cursor_of, items_of, parse_hit, parse_model, parse_version
from hubman.hubs._civitai_lookup import MOST_IDS, MOST_VERSIONS, Session, blocks, models_by_number
from hubman.hubs._civitai_refusals import HOME, TITLE, absent, download_error, login_needed
from hubman.hubs._http import Answer, HttpStream, Web
from hubman.hubs._tolerant import mapping, not_understood, picture_bytes, require_service, text, whole

SIBLING = "https://civitai.red"
MOST_ODD = 50
"""Contents per lookup that are asked for one by one by AutoV3; the next lookup goes on with others."""
MOST_PAGES = 40
"""Pages of a search that are turned."""
PICTURE_WIDTH = 450
"""Pixels that the picture server is asked for: a preview, not the original of several megabytes."""
SORTS = {
    "downloads": "Most Downloaded", "newest": "Newest", "rating": "Highest Rated", "likes": "Most Liked",
    "oldest": "Oldest",
}  # fmt: skip
_SIZE_SEGMENT = re.compile(r"/(?:width=\d+|original=true)(?:,[^/]*)?/")


class Civitai:
    """core.ports.Hub.

    Args:
        base: address that everything is below.
        sibling: where to ask for what `base` does not have; None: civitai.red for the usual base, nowhere for others.
        clock: UTC seconds, to tell whether early access has ended.
    """

    name = CIVITAI
    title = TITLE
    needs_yes = False
    hash_kinds = ("sha256", "autov3")
    parallel = True

    def __init__(
        self, web: Web, base: str, *, sibling: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._web = web
        base = base.rstrip("/")
        other = sibling.rstrip("/") if sibling else SIBLING if base == HOME else None
        self._bases = (base,) if other is None else (base, other)
        self._clock = clock

    # --- what a reference leads to ---------------------------------------------------------------------------------

    def resolve(self, ref: HubRef) -> tuple[Listing, ...]:
        """Return the version that a reference names, else all versions of its model, newest first."""
        bases = self._from(ref.host)
        if ref.hash is not None:
            answer, base = self._get(
                f"/model-versions/by-hash/{ref.hash}", Phrase(N_("hash {hash}"), hash=ref.hash), bases
            )
            return (self._whole_version(answer, base),)
        if ref.version is not None:
            answer, base = self._get(
                f"/model-versions/{ref.version}", Phrase(N_("version {version}"), version=ref.version), bases
            )
            listing = self._whole_version(answer, base)
            if ref.model is not None and listing.model_id != ref.model:
                raise absent(f"version {ref.version} of model {ref.model}")
            return (listing,)
        if ref.model is None:
            raise absent(str(ref))
        answer, base = self._get(f"/models/{ref.model}", Phrase(N_("model {model}"), model=ref.model), bases)
        found = parse_model(answer, base, self._clock())
        if not found:
            raise absent(f"published version of model {ref.model}")
        return found

    def _whole_version(self, answer: object, base: str) -> Listing:
        """Return a version with what only its model says (tags, description, licence, author), where that is shown."""
        version = mapping(answer)
        model: Mapping[str, object] = {}
        if (model_id := whole(version.get("modelId"))) is not None:
            told = self._ask("GET", f"/models/{model_id}", base)
            if told.status == 200 and whole(mapping(told.data).get("id")) == model_id:
                model = mapping(told.data)
        return parse_version(answer, base, self._clock(), model)

    # --- local contents --------------------------------------------------------------------------------------------

    def by_hashes(self, wanted: Sequence[Hashes]) -> Lookup:
        """Ask about local contents: all sha256 at once, then what is left by AutoV3, at most MOST_ODD of those."""
        session = Session(self._ask, self._bases, self._clock())
        ours = {hashes.sha256.lower(): hashes for hashes in wanted}
        try:
            for part in blocks(sorted(ours), MOST_IDS):
                session.by_sha256(part)
            settled = session.settled
            left = [hashes for sha256, hashes in ours.items() if sha256 not in settled]
            session.missed.update(hashes.sha256.lower() for hashes in left if hashes.autov3 is None)
            for hashes in [hashes for hashes in left if hashes.autov3][:MOST_ODD]:
                session.by_autov3(hashes)
        except HubmanError as error:
            return session.lookup(error)
        return session.lookup()

    # --- many models -----------------------------------------------------------------------------------------------

    def search(self, query: HubQuery) -> Iterator[Hit]:
        """Yield what a search finds; pages are asked for by cursor, as they are taken."""
        params = _search_params(query)
        seen: set[str] = set()
        count = 0
        for _ in range(MOST_PAGES if params is not None else 0):
            assert params is not None
            answer = self._ask("GET", "/models", self._bases[0], params)
            items = items_of(answer)
            for item in items:
                if count < query.limit and (hit := parse_hit(item, self._bases[0])):
                    count += 1
                    yield hit
            cursor = cursor_of(answer.data)
            if count >= query.limit or cursor is None or cursor in seen:
                return
            seen.add(cursor)
            params["cursor"] = cursor

    def versions(self, model_ids: Sequence[str]) -> Mapping[str, tuple[Listing, ...]]:
        """Return model number -> its versions, newest first; 100 models a request."""
        found: dict[str, tuple[Listing, ...]] = {}
        for base in self._bases:
            left = [key for key in dict.fromkeys(model_ids) if key not in found and key.isascii() and key.isdecimal()]
            for part in blocks(left, MOST_VERSIONS):
                for model in models_by_number(self._ask, part, base):
                    if listings := parse_model(model, base, self._clock()):
                        found[listings[0].model_id] = listings
        return {key: found[key] for key in dict.fromkeys(model_ids) if key in found}

    # --- bytes -----------------------------------------------------------------------------------------------------

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> HttpStream:
        """Begin to read a file. The hub redirects to a signed address, anew at every call."""
        if listing.access.gate in (Gate.DISABLED, Gate.GONE):
            raise refusal(listing.access, listing)
        where = f"/api/download/models/{listing.version_id}" + (f"?fileId={file.id}" if file.id.isdecimal() else "")
        bases = self._from(urlsplit(listing.page).hostname if listing.page else None)
        for last, base in [(base == bases[-1], base) for base in bases]:
            stream = self._web.stream(CIVITAI, base + where, start=start, end=end, etag=etag)
            if stream.status == 404 and not last:
                stream.close()
                continue
            if stream.status in (200, 206, 416) and not self._is_login(stream):
                return stream
            with stream:
                raise download_error(stream, listing)
        raise AssertionError("there is at least one base")

    def _is_login(self, stream: HttpStream) -> bool:
        """Whether a redirect led to a page of the site: storage is on other hosts, and gives no HTML."""
        return stream.content_type == "text/html" and any(stream.url.startswith(f"{base}/") for base in self._bases)

    def picture(self, image: RemoteImage) -> bytes:
        """Return a picture, as wide as a preview is."""
        if image.video:
            raise HubError("hub-answer", N_("{hub} gave no picture that can be used as a preview."), hub=self.title)
        return picture_bytes(self._web, CIVITAI, picture_address(image.url))

    def account(self) -> str | None:
        """Return the user that the token belongs to."""
        if not self._web.has_token(CIVITAI):
            return None
        answer = self._ask("GET", "/me", self._bases[0])
        if answer.status in (401, 403):
            raise AccessError(
                "token-refused",
                N_("{hub} refuses the token."),
                hint=N_("Make a new one at {page} and run: hubman hubs login {name}"),
                hub=self.title,
                page=f"{self._bases[0]}/user/account",
                name=CIVITAI,
            )
        user = text(mapping(answer.data).get("username"))
        if answer.status != 200 or not user:
            raise not_understood(CIVITAI, "the account", answer.data)
        return user

    # --- asking ----------------------------------------------------------------------------------------------------

    def _from(self, host: str | None) -> tuple[str, ...]:
        """Return the bases, the one with this host first."""
        return tuple(sorted(self._bases, key=lambda base: urlsplit(base).hostname != host)) if host else self._bases

    def _ask(
        self, method: str, path: str, base: str, params: Mapping[str, str] | None = None, body: object = None
    ) -> Answer:
        answer = self._web.ask(CIVITAI, method, f"{base}/api/v1{path}", params=params, body=body)
        require_service(CIVITAI, answer)
        return answer

    def _get(self, path: str, what: str, bases: Iterable[str]) -> tuple[object, str]:
        """Ask one site after the other; return the first answer that is not 404, and who gave it."""
        for base in bases:
            answer = self._ask("GET", path, base)
            if answer.status in (404, 410):
                continue
            if answer.status in (401, 403):
                raise login_needed(what, base)
            if answer.status != 200:
                raise not_understood(CIVITAI, what, answer.data)
            return answer.data, base
        raise absent(what)


def _search_params(query: HubQuery) -> dict[str, str] | None:
    """Return the parameters of a search; None when Civitai has no such kind or base at all."""
    params = {"limit": str(max(1, min(query.limit, MOST_VERSIONS))), "nsfw": "true" if query.nsfw else "false"}
    if query.text.strip():
        params["query"] = query.text.strip()
    if query.kind:
        params["types"] = ",".join(civitai_types(query.kind))
    if query.architecture:
        params["baseModels"] = ",".join(architecture_words(query.architecture))
    if query.author:
        params["username"] = query.author
    if query.tag:
        params["tag"] = query.tag
    if query.sort in SORTS:
        params["sort"] = SORTS[query.sort]
    return None if "" in (params.get("types"), params.get("baseModels")) else params


def picture_address(url: str) -> str:
    """Return the address of a smaller copy of a picture, where it names its size the way Civitai's server does."""
    return _SIZE_SEGMENT.sub(f"/width={PICTURE_WIDTH}/", url, count=1)
