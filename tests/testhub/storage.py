"""The stores that hubs redirect to: signed links that expire, ranges, and no patience with a token."""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.testhub.catalogue import File, Picture
from tests.testhub.misbehave import disposition, expired
from tests.testhub.wire import Reply, Request, reply_file, reply_text

if TYPE_CHECKING:
    from tests.testhub.hub import TestHub

FOLDERS = {"huggingface": "xet-bridge-us", "liblib": "web/model", "modelscope": "lfs"}


def signed_path(hub: TestHub, on: str, file: File) -> str:
    """Return path and query of a link to a file as a hub's store signs it."""
    path = f"/{FOLDERS.get(on, 'model')}/{on}/{file.id}/{hashlib.sha256(str(file.id).encode()).hexdigest()}.bin"
    expires = int(time.time()) + hub.link_seconds
    signature = sign(hub, path, expires)
    hub.signatures.add(signature)
    if on == "liblib":
        return f"{path}?auth_key={expires}-0-0-{signature}&attname={quote(file.store_name, safe='')}"
    shown = quote(disposition(file.store_name), safe="")
    return f"{path}?X-Amz-Expires={expires}&X-Amz-Signature={signature}&response-content-disposition={shown}"


def sign(hub: TestHub, path: str, expires: int) -> str:
    """Return the signature of a path until a second. A hub that expired its links signs otherwise."""
    return hashlib.sha256(f"{hub.generation} {path} {expires}".encode()).hexdigest()


def answer(hub: TestHub, request: Request) -> Reply:
    """Answer any request to the store."""
    if request.header("authorization") or request.header("cookie") or request.header("token"):
        text = "<Error><Code>InvalidRequest</Code><Message>Missing x-amz-content-sha256</Message></Error>"
        return reply_text(text, 400, "application/xml")
    if request.method not in ("GET", "HEAD"):
        return reply_text("", 405)
    if match := re.fullmatch(r"/pictures/([^/]+)/(\d+)\.\w+", request.path):
        return _picture(hub, request, match[1], int(match[2]))
    if match := re.fullmatch(r"/plain/(\d+)/.*", request.path, re.DOTALL):
        file = hub.catalogue.file(int(match[1]))
        return _file(request, file) if file else _missing()
    match = re.fullmatch(r"/(?:[^/]+/)*[^/]+/(\d+)/[0-9a-f]{64}\.bin", request.path)
    file = hub.catalogue.file(int(match[1])) if match else None
    if file is None:
        return _missing()
    key = re.fullmatch(r"(\d+)-0-0-([0-9a-f]{64})", request.field("auth_key"))
    ends, signature = (key[1], key[2]) if key else (request.field("X-Amz-Expires"), request.field("X-Amz-Signature"))
    if not ends.isdecimal() or int(ends) < time.time() or signature != sign(hub, request.raw_path, int(ends)):
        return expired()
    return _file(request, file)


def _file(request: Request, file: File) -> Reply:
    return reply_file(request, file.content, {"Content-Disposition": disposition(file.store_name)})


def _picture(hub: TestHub, request: Request, on: str, number: int) -> Reply:
    image: Picture | None = hub.catalogue.picture(number)
    if image is None:
        return _missing()
    if on == "liblib" and not request.header("referer"):
        return reply_text(
            "<Error><Code>AccessDenied</Code><Message>bad referer</Message></Error>", 403, "application/xml"
        )
    kind = "video/mp4" if image.video else "image/png"
    return reply_file(request, image.content, {"Content-Type": kind})


def _missing() -> Reply:
    return reply_text("<Error><Code>NoSuchKey</Code></Error>", 404, "application/xml")
