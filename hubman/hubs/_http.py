"""The only module that knows HTTP: one client for all hubs, with manners and without leaks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx

from hubman import __version__
from hubman.errors import N_, HubError

USER_AGENT = f"hubman/{__version__}"
"""Never anything that looks like a browser: Civitai then redirects to a login page (facts of docs/hubs.md)."""

MOST_REDIRECTS = 5
LARGEST_ANSWER = 64 << 20


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret and the origins (`https://host:port`) that it may be sent to. Its text never shows it.

    Attributes:
        headers: header -> template with `{}` where the secret goes.
    """

    secret: str = field(repr=False)
    origins: frozenset[str]
    headers: Mapping[str, str] = field(default_factory=lambda: {"Authorization": "Bearer {}"})

    def for_url(self, url: str) -> dict[str, str]:
        """Return the headers for a request to this address; {} for any other origin."""
        if origin_of(url) not in self.origins:
            return {}
        return {name: template.format(self.secret) for name, template in self.headers.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hub answered: `data` is the parsed JSON, or None where the body is none."""

    status: int
    data: object
    headers: Mapping[str, str]
    url: str


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address, as credentials name them."""
    parsed = httpx.URL(url)
    port = parsed.port or {"https": 443, "http": 80}.get(parsed.scheme)
    return f"{parsed.scheme}://{parsed.host}:{port}"


class Web:
    """How hubs are asked. One for a whole run; safe to use from several threads.

    Args:
        credentials: hub name -> its credential, where there is one.
        offline: every request raises `offline`.
    """

    def __init__(self, credentials: Mapping[str, Credential] | None = None, *, offline: bool = False) -> None:
        self._credentials = dict(credentials or {})
        self._offline = offline
        self._client = httpx.Client(
            headers={"User-Agent": USER_AGENT}, follow_redirects=False, timeout=httpx.Timeout(30.0, connect=10.0)
        )

    def has_token(self, hub: str) -> bool:
        """Say whether there is a token for a hub."""
        return hub in self._credentials

    def ask(
        self,
        hub: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int | bool] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> Answer:
        """Send a request whose answer is JSON, waiting and trying again where that is polite. Any status is returned.

        Args:
            hub: whose credential is sent, to the origins that it is for.
            body: sent as JSON.

        Raises:
            HubError: `offline`, `hub-unreachable`, `answer-too-large`.
        """
        response = self._send(hub, method, url, params=params, json=body, headers=headers, anonymous=anonymous)
        try:
            response.read()
        finally:
            response.close()
        try:
            data = response.json()
        except ValueError:
            data = None
        return Answer(response.status_code, data, dict(response.headers), str(response.url))

    def stream(
        self,
        hub: str,
        url: str,
        *,
        start: int = 0,
        end: int | None = None,
        etag: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpStream:
        """Begin to read a file; redirects are followed, the credential stays with its origins. Any status is returned.

        Raises:
            HubError: `offline`, `hub-unreachable`, `redirect-refused`.
        """
        wanted = {"Accept-Encoding": "identity", **(headers or {})}
        if start or end is not None:
            wanted["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
            if etag and start:
                wanted["If-Range"] = etag
        return HttpStream(self._send(hub, "GET", url, headers=wanted))

    def _send(
        self,
        hub: str,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        params: Mapping[str, str | int | bool] | None = None,
        json: object = None,
    ) -> httpx.Response:
        if self._offline:
            error = HubError("offline", N_("hubman was told not to use the network."), hint=N_("Leave out --offline."))
            error.passing = False
            raise error
        credential = None if anonymous else self._credentials.get(hub)
        for _ in range(MOST_REDIRECTS + 1):
            own = credential.for_url(url) if credential else {}
            request = self._client.build_request(
                method, url, params=params, json=json, headers={**(headers or {}), **own}
            )
            try:
                response = self._client.send(request, stream=True)
            except httpx.HTTPError as error:
                raise HubError(
                    "hub-unreachable",
                    N_("{hub} cannot be reached: {why}"),
                    hint=N_("Check the connection and try again."),
                    hub=hub,
                    why=type(error).__name__,
                ) from error
            if response.status_code not in (301, 302, 303, 307, 308) or "location" not in response.headers:
                return response
            url, params = urljoin(str(response.url), response.headers["location"]), None
            response.close()
        raise HubError("redirect-refused", N_("{hub} redirects in circles."), hub=hub)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


class HttpStream:
    """A file as it comes: core.ports.Stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        headers = response.headers
        self.status = response.status_code
        self.url = str(response.url)
        self.headers: Mapping[str, str] = dict(headers)
        self.start, self.total = 0, None
        if self.status == 206:
            match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
            if match:
                self.start = int(match[1])
                self.total = None if match[2] == "*" else int(match[2])
        elif headers.get("content-length", "").isdecimal():
            self.total = int(headers["content-length"])
        etag = headers.get("etag", "")
        self.etag = etag if etag.startswith('"') else None
        disposition = re.search(r'filename="([^"]*)"', headers.get("content-disposition", ""))
        self.filename = disposition[1] if disposition else None
        self.content_type = headers.get("content-type", "").partition(";")[0].strip().lower()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as they come."""
        try:
            yield from self._response.iter_raw()
        except httpx.HTTPError as error:
            raise HubError("connection-lost", N_("The connection was cut: {why}"), why=type(error).__name__) from error

    def text(self, most: int = 65536) -> str:
        """Return the beginning of a body that is no file: what an error says."""
        found = b""
        for chunk in self._response.iter_raw():
            found += chunk
            if len(found) >= most:
                break
        return found[:most].decode("utf-8", "replace")

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
