"""HTTP/1.1 on plain sockets, one thread for each connection: small, fast, and able to lie in every way a reply can."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.testhub.content import Content, Held

MOST_HEAD = 1 << 20
MOST_BODY = 64 << 20
REASONS = {
    200: "OK", 206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 410: "Gone", 416: "Range Not Satisfiable", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


@dataclass(eq=False)
class Request:
    """A request as it came, and what became of it.

    Attributes:
        on: the name of the port: civitai, storage, ...
        connection: number of the connection; requests with the same one shared it.
        target: path and query as sent. headers: in order, names as sent.
        status, sent: of the reply; `sent` counts bytes of its body. finished: all of it was given to the network.
        etag, content: what a fault puts in the place of a file's own.
    """

    on: str
    connection: int
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    status: int = 0
    sent: int = 0
    finished: bool = False
    etag: str | None = None
    content: Callable[[Content], Content] | None = None
    ignore_range: bool = False

    def __repr__(self) -> str:
        return f"<{self.method} {self.on}{self.target} {self.status}>"

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def raw_path(self) -> str:
        """The path as sent."""
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The query's fields."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def field(self, name: str, default: str = "") -> str:
        """Return the first value of a field of the query."""
        return self.query.get(name, [default])[0]

    def header(self, name: str) -> str | None:
        """Return a header; None when it was not sent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came."""
        pairs = (part.strip().partition("=") for part in (self.header("cookie") or "").split(";"))
        return {name: value for name, _, value in pairs if name}


@dataclass
class Reply:
    """What is sent, and how badly.

    Attributes:
        data: sent as JSON when there is no body.
        start, end: the part of the body that is sent.
        length: what Content-Length claims; None: the truth; -1: no Content-Length, the connection ends it.
        chunked: sent with Transfer-Encoding: chunked.
        cut: bytes of the body after which the connection ends. reset: by a RST instead of a FIN.
        stall: bytes of the body after which nothing comes for `stall_seconds`.
        rate: bytes per second of this reply. wait: seconds before it begins. drop: no reply at all.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Content = field(default_factory=lambda: Held(b""))
    data: Any = None
    start: int = 0
    end: int | None = None
    length: int | None = None
    chunked: bool = False
    cut: int | None = None
    reset: bool = False
    stall: int | None = None
    stall_seconds: float = 0.0
    rate: float | None = None
    wait: float = 0.0
    drop: bool = False

    def settle(self) -> None:
        """Turn `data` into the body."""
        if self.data is not None:
            self.body = Held(json.dumps(self.data, ensure_ascii=False).encode())
            self.headers.setdefault("Content-Type", "application/json; charset=utf-8")
            self.data = None

    @property
    def size(self) -> int:
        """Bytes that the body really has."""
        return (self.body.size if self.end is None else self.end) - self.start


def reply_json(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a JSON reply; None is JSON's null."""
    if data is None:
        return reply_text("null", status, "application/json", headers)
    return Reply(status, dict(headers or {}), data=data)


def reply_text(
    text: str | bytes,
    status: int = 200,
    kind: str = "text/html; charset=utf-8",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Return a reply with a text."""
    body = text if isinstance(text, bytes) else text.encode()
    return Reply(status, {"Content-Type": kind, **(headers or {})}, Held(body))


def redirect(to: str, status: int = 307, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a redirect. The address is sent as it is."""
    return Reply(status, {"Location": to, **(headers or {})})


def reply_file(request: Request, content: Content, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a file, or the range of it that was asked for (RFC 9110: If-Range, If-None-Match, 206, 416)."""
    if request.content:
        content = request.content(content)
    etag = content.etag if request.etag is None else request.etag
    common = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "Last-Modified": "Sat, 01 Mar 2025 12:00:00 GMT",
        **({"ETag": etag} if etag else {}),
        **(headers or {}),
    }
    if etag and request.header("if-none-match") == etag:
        return Reply(304, common)
    asked = None if request.ignore_range else request.header("range")
    condition = request.header("if-range")
    if asked is None or (condition is not None and (condition != etag or etag.startswith("W/"))):
        return Reply(200, common, content)
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.strip())
    if not match or not (match[1] or match[2]):
        return Reply(200, common, content)
    if match[1]:
        start, end = int(match[1]), min(int(match[2]) + 1, content.size) if match[2] else content.size
    else:
        start, end = max(0, content.size - int(match[2])), content.size
    if start >= content.size or end <= start:
        return Reply(416, {**common, "Content-Range": f"bytes */{content.size}"})
    common["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    return Reply(206, common, content, start=start, end=end)


class Pace:
    """Bytes per second, shared by everybody who asks it."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._lock = threading.Lock()
        self._free = 0.0

    def take(self, amount: int, rest: Callable[[float], object]) -> None:
        """Wait until so many bytes more may be sent."""
        with self._lock:
            now = time.monotonic()
            self._free = max(self._free, now - 0.01) + amount / self.rate
            ahead = self._free - now
        if ahead > 0:
            rest(ahead)


class Cut(Exception):
    """The connection ends here, on purpose."""


class Door:
    """A listening port. `answer` makes the reply; it is called in the connection's thread.

    Args:
        paces: called for every reply: what it must ask before it sends.
    """

    def __init__(
        self,
        name: str,
        answer: Callable[[Request], Reply],
        *,
        port: int = 0,
        paces: Callable[[], list[Pace]] = list,
        failed: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.name, self._answer, self._paces, self._failed = name, answer, paces, failed
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.per_connection: float | None = None
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}
        self._threads: set[threading.Thread] = set()
        self._connections = 0
        self.busy, self.peak = 0, 0
        self._accepting = threading.Thread(target=self._accept, name=f"testhub {name}", daemon=True)
        self._accepting.start()

    @property
    def connections(self) -> int:
        """How many connections came so far."""
        return self._connections

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        with self._lock:
            sockets, threads = list(self._open.values()), list(self._threads)
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections += 1
                number = self._connections
                self._open[number] = connection
                thread = threading.Thread(target=self._serve, args=(connection, number), daemon=True)
                self._threads.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(120)
            pending = bytearray()
            own = Pace(self.per_connection) if self.per_connection else None
            while (request := self._read(connection, number, pending)) is not None:
                with self._lock:
                    self.busy += 1
                    self.peak = max(self.peak, self.busy)
                try:
                    if not self._one(connection, request, own):
                        return
                finally:
                    with self._lock:
                        self.busy -= 1
        except (OSError, Cut):
            pass  # the other end went away, or a fault ended it
        except Exception:
            self._failed(traceback.format_exc())
        finally:
            connection.close()
            with self._lock:
                self._open.pop(number, None)
                self._threads.discard(threading.current_thread())

    def _read(self, connection: socket.socket, number: int, pending: bytearray) -> Request | None:
        while (end := pending.find(b"\r\n\r\n")) < 0:
            data = connection.recv(65536)
            if not data or len(pending) > MOST_HEAD:
                return None
            pending += data
        first, *rest = bytes(pending[:end]).decode("latin-1").split("\r\n")
        del pending[: end + 4]
        method, _, target = first.partition(" ")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in rest)]
        request = Request(self.name, number, method, target.rpartition(" ")[0], headers)
        if (request.header("expect") or "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in (request.header("transfer-encoding") or "").lower():
            request.body = self._chunks(connection, pending)
            return request
        length = min(int(request.header("content-length") or 0), MOST_BODY)
        while len(pending) < length:
            data = connection.recv(1 << 20)
            if not data:
                return None
            pending += data
        request.body = bytes(pending[:length])
        del pending[:length]
        return request

    @staticmethod
    def _chunks(connection: socket.socket, pending: bytearray) -> bytes:
        body = bytearray()

        def need(amount: int) -> None:
            while len(pending) < amount:
                data = connection.recv(65536)
                if not data:
                    raise Cut
                pending.extend(data)

        while True:
            while (end := pending.find(b"\r\n")) < 0:
                need(len(pending) + 1)
            length = int(bytes(pending[:end]).split(b";")[0], 16)
            del pending[: end + 2]
            need(length + 2)
            body += pending[:length]
            del pending[: length + 2]
            if not length or len(body) > MOST_BODY:
                return bytes(body)

    def _one(self, connection: socket.socket, request: Request, own: Pace | None) -> bool:
        """Answer one request; say whether the connection may be used for another."""
        try:
            reply = self._answer(request)
            reply.settle()
        except Exception:  # a mistake in the test hub itself must not look like a hub's bad day
            self._failed(traceback.format_exc())
            reply = reply_text("the test hub is broken", 500, "text/plain")
        if reply.wait:
            self.stopping.wait(reply.wait)
        if reply.drop:
            self._reset(connection, reply.reset)
        request.status = reply.status
        keep = (request.header("connection") or "").lower() != "close" and reply.length is None
        head, bodiless = self._head(reply, keep), request.method == "HEAD" or reply.status in (204, 304)
        paces = [*self._paces(), *([own] if own else []), *([Pace(reply.rate)] if reply.rate else [])]
        try:
            if bodiless:
                request.finished = True
                connection.sendall(head)
            else:
                self._send(connection, request, reply, head, paces)
        except BaseException:
            request.finished = False
            raise
        return keep

    def _head(self, reply: Reply, keep: bool) -> bytes:
        lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Status')}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if reply.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif reply.length is None:
            lines.append(f"Content-Length: {reply.size}")
        elif reply.length >= 0:
            lines.append(f"Content-Length: {reply.length}")
        lines.append("Connection: keep-alive" if keep else "Connection: close")
        text = "\r\n".join(lines) + "\r\n\r\n"
        # Header values are sent byte for byte: a hostile name may hold anything but a line end.
        return text.encode("utf-8", "surrogateescape")

    def _send(self, connection: socket.socket, request: Request, reply: Reply, head: bytes, paces: list[Pace]) -> None:
        size = reply.size
        if size <= 65536 and not (reply.chunked or paces or reply.cut is not None or reply.stall is not None):
            body = reply.body.read(reply.start, reply.start + size)  # one packet where one is enough
            request.sent, request.finished = size, True
            connection.sendall(head + body)
            return
        connection.sendall(head)
        marks = sorted({at for at in (reply.cut, reply.stall) if at is not None and at < size})
        position = 0
        for mark in [*marks, size]:
            for sent in self._part(connection, reply, reply.start + position, reply.start + mark, paces):
                request.sent += sent
                request.finished = request.sent == size
            position = mark
            if mark == reply.cut and mark < size:
                self._reset(connection, reply.reset)
            if mark == reply.stall and mark < size:
                self.stopping.wait(reply.stall_seconds)
        if reply.chunked:
            connection.sendall(b"0\r\n\r\n")

    def _part(self, connection: socket.socket, reply: Reply, start: int, end: int, paces: list[Pace]) -> Iterator[int]:
        """Send a part of the body, yielding how many bytes go out next.

        They are counted before they are sent: whoever has read them all finds the record complete.
        """
        most = max(4096, min(int(min(pace.rate for pace in paces) / 50), 1 << 20)) if paces else 8 << 20
        file = None if reply.chunked else reply.body.opened()
        if file is not None:
            timeout = connection.gettimeout()
            connection.settimeout(None)  # a socket with a timeout does not block by itself: sendfile would say EAGAIN
            with file:
                while start < end:
                    stop = min(start + most, end)
                    self._wait_for(paces, stop - start)
                    yield stop - start
                    while start < stop:
                        sent = os.sendfile(connection.fileno(), file.fileno(), start, stop - start)
                        if not sent:
                            raise Cut
                        start += sent
            connection.settimeout(timeout)
            return
        for piece in reply.body.pieces(start, end):
            for at in range(0, len(piece), most):
                part = piece[at : at + most]
                self._wait_for(paces, len(part))
                yield len(part)
                if reply.chunked:
                    connection.sendall(f"{len(part):x}\r\n".encode() + bytes(part) + b"\r\n")
                else:
                    connection.sendall(part)

    def _wait_for(self, paces: list[Pace], amount: int) -> None:
        for pace in paces:
            pace.take(amount, self.stopping.wait)
        if self.stopping.is_set():
            raise Cut

    def _reset(self, connection: socket.socket, reset: bool) -> None:
        """End the connection: what was sent arrives, and then a RST or a FIN."""
        if reset:
            _drain(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        raise Cut


def _drain(connection: socket.socket) -> None:
    """Wait until the other end has taken what was sent: a RST throws away what is still on the way."""
    if sys.platform == "linux":
        import fcntl

        for _ in range(500):
            queued = struct.unpack("i", fcntl.ioctl(connection.fileno(), 0x5411, b"\0\0\0\0"))[0]  # SIOCOUTQ
            if not queued:
                return
            time.sleep(0.001)
    else:
        time.sleep(0.05)
