"""LiblibAI (哩布哩布AI). Unofficial: it has no public API for models; this is what its own pages ask.

A pasted page works without an account. What is not understood is used nowhere: the error tells the answer's shape. An
answer is `{code, msg, data}` with HTTP status 200 even for a failure; `code` 0 is success. Addresses of files may be
signed (`auth_key=`): they are asked for at every download and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from hubman.core.hub import LIBLIB, Gate, Hit, HubQuery, HubRef, Listing, Lookup, Match, RemoteFile, RemoteImage
from hubman.core.listed import Hashes
from hubman.errors import N_, AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs._errors import refusal
from hubman.hubs._http import Answer, HttpStream, Web
from hubman.hubs._liblib_shape import (
    TITLE,
    fits,
    identity_of,
    page_of,
    parse_hash_hit,
    parse_hits,
    parse_model,
    request_id,
    search_body,
    source_of,
)
from hubman.hubs._tolerant import mapping, not_understood, picture_bytes, text, web_address

SITE = "https://www.liblib.art"
"""What the site's own pages send as Referer and Origin; pictures and files are not given without it."""
API = "/api/www"
MOST_PAGES = 10
MOST_ODD = 3
"""Answers that make no sense, after which no more hashes are asked about."""
QUOTA = "下载超过限制"
MOST_SAID = 200
PAGES = ("text/html", "application/json", "application/xml", "text/xml", "text/plain")
"""Content types of what is no model: a page, or a storage's words about why there is none."""


class Liblib:
    """liblib.art: core.ports.Hub."""

    name = LIBLIB
    title = TITLE
    needs_yes = True
    hash_kinds: tuple[str, ...] = ("sha256",)
    parallel = False

    def __init__(self, web: Web, base: str) -> None:
        self._web = web
        self._base = base.rstrip("/")

    def resolve(self, ref: HubRef) -> tuple[Listing, ...]:
        """Return the version that was named, else all of the model's, the newest first."""
        versions = self._versions(ref.model)
        if not ref.version:
            return versions
        named = tuple(listing for listing in versions if listing.version_id == identity_of(ref.version))
        if not named:
            raise self._missing(f"{ref.model}@{ref.version}", page_of(self._base, ref.model or ""))
        return named

    def _versions(self, model: str | None) -> tuple[Listing, ...]:
        listings = parse_model(self._model(model), self._base)
        return tuple(map(_for_account, listings)) if self._web.has_token(self.name) else listings

    def _model(self, model: str | None) -> Mapping[str, object]:
        identity = identity_of(model)
        if not identity:
            raise self._missing(model or "?", f"{self._base}/modelinfo/...")
        data = self._ask("POST", f"/model/getByUuid/{identity}", "a model", body={})
        if data is None:
            raise self._missing(identity, page_of(self._base, identity))
        return mapping(data)

    def _missing(self, what: str, page: str) -> NotFoundError:
        return NotFoundError(
            "not-on-hub",
            N_("{hub} has no {what}, or does not show it to you."),
            hint=N_("Check its page: {page}"),
            hub=TITLE,
            what=what,
            page=page,
        )

    def _ask(self, method: str, path: str, what: str, *, body: object = None) -> object:
        headers = {"Referer": f"{SITE}/", "Origin": SITE, "webid": "hubman"}
        answer = self._web.ask(self.name, method, self._base + API + path, body=body, headers=headers)
        return data_of(answer, what, self._base)

    def by_hashes(self, wanted: Sequence[Hashes]) -> Lookup:
        """Ask about one sha256 after another; what a hit looks like is not documented, so odd answers are only told."""
        found: list[Match] = []
        missed: list[str] = []
        trouble: HubmanError | None = None
        calls = odd = 0
        for hashes in wanted:
            try:
                calls += 1
                data = self._ask("GET", f"/model-version/hash/{hashes.sha256.lower()}", "a hash")
                if data is None:
                    missed.append(hashes.sha256)
                    continue
                model, version = parse_hash_hit(data)
                calls += 1
                found.append(self._match(hashes.sha256, model, version))
            except NotFoundError:  # it names a model that it does not show: nothing is known, and nothing is missed
                continue
            except (HubError, AccessError) as error:
                trouble = trouble or error
                odd += 1
                if odd >= MOST_ODD or error.reference != "hub-answer":
                    break
        return Lookup(tuple(found), tuple(missed), trouble, calls)

    def _match(self, sha256: str, model: str, version: str | None) -> Match:
        listings = self._versions(model)
        for listing in listings:
            for file in listing.files:
                if file.sha256 == sha256.lower():
                    return Match(sha256, listing, file, "sha256")
        named = [listing for listing in listings if listing.version_id == version]
        if not named:
            raise not_understood(TITLE, "a hash", {"modelUuid": model, "uuid": version, "versions": []})
        return Match(sha256, named[0], None, "sha256")

    def search(self, query: HubQuery) -> Iterator[Hit]:
        """Yield models whose name fits, until the hub says that there are no more."""
        left = query.limit
        for page in range(1, MOST_PAGES + 1):
            hits, more = parse_hits(
                self._ask("POST", "/model/search", "a search", body=search_body(query, page)), self._base
            )
            for hit in hits:
                if fits(hit, query):
                    yield hit
                    left -= 1
                    if left <= 0:
                        return
            if not more or not hits:
                return

    def versions(self, model_ids: Sequence[str]) -> Mapping[str, tuple[Listing, ...]]:
        """Return each model's versions, the newest first; one question each."""
        found: dict[str, tuple[Listing, ...]] = {}
        for model in dict.fromkeys(model_ids):
            try:
                found[model] = self._versions(model)
            except NotFoundError:
                continue
        return found

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> HttpStream:
        """Begin to read a file: from where the model's page says it is, else with the account's permission.

        The hub counts what an account downloads, so its permission is asked for only where it is needed.
        """
        model = self._model(listing.model_id)
        source = source_of(model, listing.version_id)
        if source is None:
            raise browser_only(listing, self._base)
        stream = self._stream(source, start, end, etag)
        if is_file(stream):
            return stream
        with stream:
            self._require_service(stream, listing)
        if not self._web.has_token(self.name):
            raise browser_only(listing, self._base)
        stream = self._stream(self._permission(model, listing, source), start, end, etag)
        if is_file(stream):
            return stream
        with stream:
            self._require_service(stream, listing)
            raise browser_only(listing, self._base)

    def _stream(self, url: str, start: int, end: int | None, etag: str | None) -> HttpStream:
        return self._web.stream(self.name, url, start=start, end=end, etag=etag, headers={"Referer": f"{SITE}/"})

    def _require_service(self, stream: HttpStream, listing: Listing) -> None:
        """Raise when a file did not come because the storage has trouble, which says nothing about who may have it."""
        if stream.status in (408, 429) or stream.status >= 500:
            raise refusal(LIBLIB, stream, page=listing.page, what=listing.name)

    def _permission(self, model: Mapping[str, object], listing: Listing, source: str) -> str:
        """Ask as the site's download button does; return the address that it gives, which holds for a short time."""
        check = {
            "cid": request_id(listing.model_id), "modelId": model.get("id"), "modelName": text(model.get("name")),
            "modelVersionId": listing.version_id, "url": source, "uuid": listing.model_id,
        }  # fmt: skip
        if not self._ask("POST", "/community/downloadCheck", "a download", body=check):
            raise browser_only(listing, self._base)
        given = urlencode(parse_qsl(urlsplit(source).query))
        data = self._ask("GET", f"/model/download/{listing.model_id}" + (f"?{given}" if given else ""), "a download")
        signed = web_address(data)
        if signed is None:
            raise not_understood(TITLE, "a download", data)
        return signed

    def picture(self, image: RemoteImage) -> bytes:
        """Return a picture."""
        return picture_bytes(self._web, self.name, image.url, {"Referer": f"{SITE}/"})

    def account(self) -> str | None:
        """Return the account's name."""
        if not self._web.has_token(self.name):
            return None
        try:
            data = mapping(self._ask("POST", "/user/getUserInfo", "the account", body={}))
        except (HubError, AccessError) as error:
            if error.reference in ("hub-refused", "login-needed"):
                raise _token_refused(self._base) from error
            raise
        if not data:
            raise _token_refused(self._base)
        return text(data.get("nickname")) or text(data.get("userName")) or text(data.get("name")) or TITLE


def _for_account(listing: Listing) -> Listing:
    """What only members get may be ours with a token; the hub decides when the file is asked for."""
    if listing.access.gate is Gate.PAID and listing.files:
        return replace(listing, access=replace(listing.access, gate=Gate.OPEN))
    return listing


def data_of(answer: Answer, what: str, base: str) -> object:
    """Return what is in the envelope, None where the hub has nothing.

    Raises:
        HubError: `hub-answer`, `hub-refused`, `hub-busy` ... AccessError: `download-quota`, `login-needed`.
    """
    if answer.status != 200:
        raise refusal(LIBLIB, answer, page=base, what=what)
    envelope = mapping(answer.data)
    code = envelope.get("code")
    if isinstance(code, bool) or not isinstance(code, int) or (code == 0 and "data" not in envelope):
        raise not_understood(TITLE, what, answer.data)
    if code == 0:
        return envelope["data"]
    raise _refused(code, " ".join(text(envelope.get("msg"))[:MOST_SAID].split()), base)


def _refused(code: int, said: str, base: str) -> HubmanError:
    """Return what a code other than 0 means; only the words are known, the numbers are not."""
    if QUOTA in said:
        return AccessError(
            "download-quota",
            N_("{hub} says that this account has downloaded as much as it may for now: {said}"),
            hint=N_(
                "Try again tomorrow: hubman pull goes on where it was. Or download it in a browser: hubman add FILE"
            ),
            hub=TITLE,
            said=said,
        )
    if "登录" in said or code in (401, 403):
        return AccessError(
            "login-needed",
            N_("{hub} gives this only to people who are logged in: {said}"),
            hint=N_("hubman hubs login {name}    (or download it in a browser from {page}, then: hubman add FILE)"),
            hub=TITLE,
            said=said or code,
            name=LIBLIB,
            page=base,
        )
    error = HubError(
        "hub-refused",
        N_("{hub} refuses: {said} (code {code})"),
        hint=N_("Try again later, or open {page} in a browser."),
        hub=TITLE,
        said=said or "-",
        code=code,
        page=base,
    )
    error.passing = code >= 500
    return error


def _token_refused(base: str) -> AccessError:
    return AccessError(
        "token-refused",
        N_("{hub} does not accept your token."),
        hint=N_("Log in at {page}, take the value of the cookie `usertoken`, then: hubman hubs login {name}"),
        hub=TITLE,
        name=LIBLIB,
        page=base,
    )


def browser_only(listing: Listing, base: str) -> AccessError:
    """Return the error for a file that only a logged-in browser gets."""
    return AccessError(
        "browser-only",
        N_("{hub} gives {what} only to a browser that is logged in, if to anybody."),
        hint=N_("Open {page}, download it there, then: hubman add FILE"),
        hub=TITLE,
        what=listing.name or listing.model_id,
        page=listing.page or page_of(base, listing.model_id),
    )


def is_file(stream: HttpStream) -> bool:
    """Say whether an answer is a file, and not a page that says why there is none."""
    return stream.status == 416 or (stream.status in (200, 206) and stream.content_type not in PAGES)
