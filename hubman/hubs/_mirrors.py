"""Files that lie at several plain addresses, on other sites than the hub's own: the first that gives them is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from hubman.core.hub import CIVITAI, HUGGINGFACE
from hubman.errors import N_, AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs._errors import refusal as trouble
from hubman.hubs._http import HttpStream, Web

MODEL_ENDINGS = (".safetensors", ".sft", ".pth", ".pt", ".ckpt", ".bin", ".onnx", ".gguf")
PAGE_HOSTS = (
    "drive.google.com", "mega.nz", "mega.co.nz", "mediafire.com", "1drv.ms", "onedrive.live.com", "dropbox.com",
    "icedrive.net", "pixeldrain.com", "gofile.io", "tensor.art", "tungsten.run", "patreon.com", "ko-fi.com",
)  # fmt: skip
"""Sites that show a page in place of a file, however an address there ends."""
SECRETS = ("token=", "auth_key=", "x-amz-", "signature=", "sig=", "expires=")
"""What makes an address a signed or a personal one: it is not kept."""


def is_direct(url: str, source: str = "") -> bool:
    """Whether an address gives the file itself: a download of Civitai, a `resolve` link, or one that names a file.

    Args:
        source: what the archive calls the site.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path.lower()
    if parts.scheme not in ("http", "https") or any(word in parts.query.lower() for word in SECRETS):
        return False
    if any(host == page or host.endswith(f".{page}") for page in PAGE_HOSTS):
        return False
    if "/api/download/models/" in path:
        return source in ("", CIVITAI)
    return "/resolve/" in path or path.endswith(MODEL_ENDINGS)


def owner_of(url: str, hub: str) -> str:
    """Return the hub whose token may be needed at an address (it is sent to that hub's own origins only)."""
    path = urlsplit(url).path
    return CIVITAI if "/api/download/models/" in path else HUGGINGFACE if "/resolve/" in path else hub


def open_first(
    web: Web,
    hub: str,
    urls: Sequence[str],
    refusal: Callable[[], HubmanError],
    *,
    start: int = 0,
    end: int | None = None,
    etag: str | None = None,
) -> HttpStream:
    """Begin to read a file from the first address that gives it.

    Args:
        refusal: makes the error for a file without any address.

    Raises:
        HubmanError: of the address that came nearest, when none gives it.
    """
    nearest: HubmanError | None = None
    for url in urls:
        try:
            stream = web.stream(owner_of(url, hub), url, start=start, end=end, etag=etag)
        except HubError as error:
            if not error.passing:
                raise
            nearest = nearest or error
            continue
        if stream.status in (200, 206, 416) and stream.content_type != "text/html":
            return stream
        with stream:
            nearest = _nearer(nearest, _refused(stream, url))
    raise nearest or refusal()


def _nearer(one: HubmanError | None, other: HubmanError) -> HubmanError:
    """Return the error that leaves more hope: log in, else try again, else gone."""
    order = (AccessError, HubError, NotFoundError)
    return min((error for error in (one, other) if error), key=lambda error: order.index(type(error)))


def _refused(stream: HttpStream, url: str) -> HubmanError:
    host, status = urlsplit(url).hostname or "", stream.status
    if status in (200, 401, 403):
        return AccessError(
            "login-elsewhere",
            N_("{host} gives this file only to those who are logged in."),
            hint=N_("Download it in a browser at {page}, then: hubman add FILE"),
            host=host,
            page=url,
        )
    if status in (404, 410, 451):
        return NotFoundError(
            "gone-from-hub",
            N_("{hub} does not give {name} away any more: it was archived or taken down."),
            hint=N_("No other address of it is known. Look for its sha256 with a search engine."),
            hub=host,
            name=urlsplit(url).path.rpartition("/")[2],
        )
    return trouble(host, stream, page=url, what=urlsplit(url).path.rpartition("/")[2])
