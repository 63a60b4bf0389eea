"""What comes back: JSON of a bounded size, files as a stream of bytes, and why neither came."""

from __future__ import annotations

import codecs
import contextlib
import json
import math
import re
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import httpcore

from hubman.errors import N_, Phrase
from hubman.hubs import _errors

BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.ProxyError)
LARGE = 32 << 20
"""Bytes of a body that is read straight from the socket."""
STRAIGHT = 512 << 10
"""Bytes of one such read."""
MOST_REFUSAL = 64 << 10
"""Bytes of a refusal's body that are read."""
_STRONG = re.compile(r'"[\x21\x23-\x7e]{0,1000}"')
"""A strong ETag that can be sent back as it came; one of other letters is as good as none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hub answered: `data` is the parsed JSON, or None where the body is none.

    Attributes:
        headers: names in lower case.
        url: where it came from in the end, without secrets.
        text: the beginning of a body that is no JSON, without secrets.
        token_sent: whether the hub saw a token of ours.
        retry_after: seconds that a refusal asks to wait, None where it does not say.
    """

    status: int
    data: object
    headers: Mapping[str, str]
    url: str
    text: str = field(default="", repr=False)
    token_sent: bool = False
    retry_after: float | None = None

    def said(self) -> object:
        """Return what an error's words are read from."""
        return self.text if self.data is None else self.data


def parsed(body: bytes) -> tuple[object, bool]:
    """Return the value of a JSON body and True; (None, False) for what is none.

    Half characters (a text that was cut within an emoji) become U+FFFD, so that the answer can be stored at all.
    """
    try:
        data = json.loads(body.removeprefix(b"\xef\xbb\xbf"), parse_constant=lambda _: None, parse_float=_number)
    except (ValueError, RecursionError):
        return None, False
    return (_mended(data) if b"\\ud" in body.lower() else data), True


def _number(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value


def what_came(content_type: str, body: bytes) -> Phrase:
    """Return words for a body that is no JSON."""
    if "html" in content_type or body.lstrip()[:1] == b"<":
        return Phrase(N_("a web page"))
    return Phrase(N_("something that is no JSON ({type})"), type=re.sub(r"[^\w/+.-]", "", content_type)[:40] or "?")


def unpacked(
    hub: str, response: httpcore.Response, encoding: str, most: int, too_late: Callable[[], bool] = lambda: False
) -> bytes:
    """Return a body, unpacked; never more of it is held than `most` bytes.

    Args:
        too_late: asked at every piece, as a server may send one byte a minute for ever.

    Raises:
        HubError: `hub-slow`, `answer-too-large`, `hub-answer` (packed in a way that nobody asked for).
    """
    coding = encoding.strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise _errors.no_data(hub, Phrase(N_("something packed as {coding}"), coding=coding[:20]))
    found = bytearray()
    opener = zlib.decompressobj(47) if coding not in ("", "identity") else None
    try:
        for chunk in _parts(response):
            if too_late():
                raise _errors.out_of_time(hub)
            while True:
                if opener is not None and opener.eof:
                    opener = zlib.decompressobj(47)  # gzip members may follow one another
                found += chunk if opener is None else opener.decompress(chunk, most + 1 - len(found))
                if len(found) > most:
                    raise _errors.too_large(hub, most)
                if opener is None or not opener.unused_data:
                    break
                chunk = opener.unused_data
    except zlib.error:
        raise _errors.no_data(hub, Phrase(N_("something packed that cannot be unpacked"))) from None
    return bytes(found)


def beginning(response: httpcore.Response) -> bytes:
    """Return the first bytes of a body, at most MOST_REFUSAL."""
    found = bytearray()
    for chunk in _parts(response):
        found += chunk
        if len(found) >= MOST_REFUSAL:
            break
    return bytes(found[:MOST_REFUSAL])


def let_go(response: httpcore.Response, headers: Mapping[str, str]) -> None:
    """Be done with a redirect: its short page is read, so that the connection serves the next request too."""
    length = headers.get("content-length", "")
    if re.fullmatch(r"\d{1,5}", length):
        with contextlib.suppress(*BROKEN):
            for _ in _parts(response):
                pass
    response.close()


def _parts(response: httpcore.Response) -> Iterator[bytes]:
    stream: Any = response.stream
    return iter(stream)


def straight(response: httpcore.Response, length: int, stall_s: float) -> Iterator[bytes]:
    """Yield a body of a known length from its socket, past the parser of HTTP, which copies every byte three times.

    The first piece still comes from the parser: it is what arrived together with the headers, so that nothing is left
    in it. The connection cannot be used again afterwards, which is why only large bodies are worth it.
    """
    network = response.extensions.get("network_stream")
    parts = _parts(response)
    first = next(parts, b"")
    yield first
    left = length - len(first)
    source = None if network is None else network.get_extra_info("socket")
    packed = None if network is None else network.get_extra_info("ssl_object")
    if not isinstance(source, socket.socket) or (packed is not None and not isinstance(source, ssl.SSLSocket)):
        yield from parts  # a tunnel within a tunnel: only the parser knows how to read it
        return
    source.settimeout(stall_s)
    while left > 0:
        try:
            data = source.recv(min(left, STRAIGHT))
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        if not data:
            raise httpcore.RemoteProtocolError("the body ended too soon")
        left -= len(data)
        yield data


def reason(cause: BaseException, redact: Callable[[str], str], stall_s: float) -> Phrase | str:
    """Return why a machine could not be talked to, in words for people."""
    if isinstance(cause, httpcore.ConnectTimeout):
        return Phrase(N_("no connection came about in time"))
    if isinstance(cause, httpcore.TimeoutException):
        return Phrase(N_("nothing came for {seconds:g} seconds"), seconds=stall_s)
    if isinstance(cause, httpcore.RemoteProtocolError):
        return Phrase(N_("it was cut off"))
    inner = cause.__cause__ or cause.__context__
    text = (inner.strerror if isinstance(inner, OSError) and inner.strerror else None) or str(cause)
    return redact(text)[:200] or type(cause).__name__


def certificate_trouble(cause: BaseException) -> str | None:
    """Return what is wrong with a certificate, if that is the cause."""
    found: BaseException | None = cause
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return found.verify_message or "?"
        found = found.__cause__ or found.__context__
    return None


class HttpStream:
    """A file as it comes: core.ports.Stream. Any status; the body of a refusal is what `said` returns.

    Attributes:
        url: where it came from in the end, without its signature. headers: names in lower case.
        token_sent, retry_after: as in Answer.
    """

    def __init__(
        self,
        response: httpcore.Response,
        headers: Mapping[str, str],
        url: str,
        *,
        body: bytes | None,
        token_sent: bool,
        retry_after: float | None,
        redact: Callable[[str], str],
        stall_s: float,
    ) -> None:
        self._response, self._body, self._redact, self._stall_s = response, body, redact, stall_s
        self.status = response.status
        self.url = url
        self.headers = headers
        self.token_sent, self.retry_after = token_sent, retry_after
        self.start, self.total = 0, None
        if self.status == 206:
            match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", headers.get("content-range", ""))
            if match:
                self.start = int(match[1])
                self.total = None if match[2] == "*" else int(match[2])
        elif re.fullmatch(r"\d{1,18}", headers.get("content-length", "")):
            self.total = int(headers["content-length"])
        etag = headers.get("etag", "")
        self.etag = etag if _STRONG.fullmatch(etag) else None
        self.filename = filename_of(headers.get("content-disposition", ""))
        self.content_type = headers.get("content-type", "").partition(";")[0].strip().lower()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as they come, in pieces as the network gives them.

        Raises:
            HubError: `connection-lost`, it was cut or nothing came for too long.
        """
        if self._body is not None:
            yield self._body
            return
        try:
            if self.status in (200, 206) and (length := self._plain_length()) >= LARGE:
                yield from straight(self._response, length, self._stall_s)
            else:
                yield from _parts(self._response)
        except BROKEN as error:
            raise _errors.lost(reason(error, self._redact, self._stall_s)) from None

    def _plain_length(self) -> int:
        """Return the announced length of a body that comes as it is; 0 when it does not, or nobody says."""
        text = self.headers.get("content-length", "")
        plain = "transfer-encoding" not in self.headers and re.fullmatch(r"\d{1,18}", text)
        return int(text) if plain else 0

    def text(self, most: int = MOST_REFUSAL) -> str:
        """Return the beginning of a body that is no file, without secrets.

        Raises:
            HubError: `connection-lost`.
        """
        found = bytearray()
        for chunk in self.chunks():
            found += chunk
            if len(found) >= most:
                break
        return self._redact(found[:most].decode("utf-8", "replace"))

    def said(self) -> object:
        """Return the body of a refusal: parsed JSON, else its text; "" for a file."""
        if self._body is None:
            return ""
        data, found = parsed(self._body)
        return data if found else self._redact(self._body.decode("utf-8", "replace"))

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def filename_of(disposition: str) -> str | None:
    """Return the file name of a Content-Disposition header (RFC 6266), untrusted."""
    encoded = re.search(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", disposition, re.IGNORECASE)
    if encoded:
        with contextlib.suppress(LookupError):  # no such encoding
            codecs.lookup(encoded[1])
            return unquote(encoded[2], encoding=encoded[1], errors="replace") or None
    quoted = re.search(r'filename\s*=\s*"((?:[^"\\]|\\.)*)"', disposition, re.IGNORECASE)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1]) or None
    bare = re.search(r"filename\s*=\s*([^;\s\"]+)", disposition, re.IGNORECASE)
    return bare[1] if bare else None
