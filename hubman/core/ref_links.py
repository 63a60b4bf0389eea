"""Links of the hubs' pages -> HubRef: which host is whose, and what the parts of a path mean there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from hubman.core.hub import CIVARCHIVE, CIVITAI, HASH_KINDS, HUGGINGFACE, LIBLIB, MODELSCOPE, OPENMODELDB, HubRef
from hubman.core.ref_parts import NO_OWNERS, NoReferenceError, inside, number, owned, revision, uuid, word
from hubman.errors import N_, Phrase

HOSTS: Mapping[str, str] = MappingProxyType({
    "civitai.com": CIVITAI, "civitai.red": CIVITAI, "civitai.green": CIVITAI, "civitai.buzz": CIVITAI,
    "huggingface.co": HUGGINGFACE, "hf.co": HUGGINGFACE, "hf-mirror.com": HUGGINGFACE,
    "liblib.art": LIBLIB, "liblib.ai": LIBLIB, "liblib.tv": LIBLIB, "liblibai.com": LIBLIB,
    "modelscope.cn": MODELSCOPE, "modelscope.ai": MODELSCOPE,
    "civarchive.com": CIVARCHIVE, "civitaiarchive.com": CIVARCHIVE,
    "openmodeldb.info": OPENMODELDB,
})  # fmt: skip
OTHER_HOSTS = frozenset({"civitai.red", "hf-mirror.com", "modelscope.ai"})
"""Those that answer otherwise than the hub's usual host, or know other models."""

_STORES = (
    ".cloudflarestorage.com", ".backblazeb2.com", ".hf.co", ".huggingface.co", ".liblib.cloud", ".vibrou.com",
    ".aliyuncs.com",
)  # fmt: skip
_LOCALE = re.compile(r"[a-z]{2}(-[A-Za-z]{2,4})?")
_FILTERS = ("type", "format", "size", "fp", "quantType")
_FILTER_VALUE = re.compile(r"[A-Za-z0-9 ._-]{1,40}")

_PICTURE = Phrase(N_("it is a picture or a post"))
_PICTURE_HINT = N_("open its page and copy the link of the model it was made with")
_NO_PAGE = Phrase(N_("this page of the hub shows no model"))
_NO_PAGE_HINT = N_("open the model's page and copy its address")
_SIGNED = Phrase(N_("it is an address for one download, which expires"))

Query = Mapping[str, str]


def site_of(authority: str, hosts: Mapping[str, str]) -> str | None:
    """Return the hub whose pages are at this host (with port, where there is one), None for anybody else's."""
    try:
        host, port = _host(authority)
    except (ValueError, NoReferenceError):
        return None
    return hosts.get(f"{host}:{port}" if port else host) or (None if port else HOSTS.get(host.removeprefix("www.")))


def read_link(text: str, hosts: Mapping[str, str]) -> HubRef:
    """Read an address; its scheme may be left out.

    Raises:
        NoReferenceError: no hub's, or no model's.
        ValueError: it cannot be taken apart.
    """
    parts = urlsplit(text if "://" in text.split("?", 1)[0] else "https://" + text.removeprefix("//"))
    if parts.scheme.lower() not in ("http", "https"):
        raise NoReferenceError
    host, port = _host(parts.netloc, parts.scheme)
    name = f"{host}:{port}" if port else host
    hub = hosts.get(name) or (None if port else HOSTS.get(host.removeprefix("www.").removeprefix("m.")))
    if hub is None:
        raise _foreign(host)
    steps = [step for step in parts.path.split("/") if step]
    query = dict(parse_qsl(parts.query, max_num_fields=100))
    ref = _READERS[hub](steps, query)
    usual = host.removeprefix("www.")
    if name in hosts or usual not in OTHER_HOSTS:
        return ref
    return HubRef(ref.hub, ref.model, ref.version, ref.file, ref.hash, usual)


def _host(authority: str, scheme: str = "https") -> tuple[str, int | None]:
    """Part host and port as a browser does: no user name, IDN as ASCII, lower case, no port that is the usual one."""
    parts = urlsplit("//" + authority)
    host = (parts.hostname or "").rstrip(".")
    if not host or len(host) > 253:
        raise NoReferenceError
    if not host.isascii():
        host = host.encode("idna").decode("ascii").lower()
    usual = {"http": 80, "https": 443}.get(scheme.lower())
    return host, None if parts.port in (None, usual, 443) else parts.port


def _foreign(host: str) -> NoReferenceError:
    if host.startswith(("image.civitai.", "imagecache.civitai.", "image-b2.civitai.")):
        return NoReferenceError(_PICTURE, _PICTURE_HINT)
    if host.endswith(_STORES):
        return NoReferenceError(_SIGNED, _NO_PAGE_HINT)
    return NoReferenceError()


def _civitai(steps: Sequence[str], query: Query) -> HubRef:
    if steps and _LOCALE.fullmatch(steps[0]):
        steps = steps[1:]
    match list(steps):
        case ["models", model, *_] | ["api", "v1", "models", model]:
            return HubRef(CIVITAI, number(model), _optional(number, query.get("modelVersionId")))
        case ["api", "download", "models", version]:
            return HubRef(CIVITAI, None, number(version), _civitai_file(query))
        case ["api", "v1", "model-versions", "by-hash", digest]:
            return HubRef(None, hash=_digest(digest))
        case ["api", "v1", "model-versions", "mini", version]:
            return HubRef(CIVITAI, None, number(version), _optional(number, query.get("modelFileId")))
        case ["model-versions", version, *_] | ["api", "v1", "model-versions", version]:
            return HubRef(CIVITAI, None, number(version))
        case ["images" | "posts", *_]:
            raise NoReferenceError(_PICTURE, _PICTURE_HINT)
        case _:
            raise NoReferenceError(_NO_PAGE, _NO_PAGE_HINT)


def _civitai_file(query: Query) -> str | None:
    """Return the file that a download link means: its number, else the link's own conditions, in a fixed order."""
    if query.get("fileId"):
        return number(query["fileId"])
    found = [f"{key}={query[key]}" for key in _FILTERS if _FILTER_VALUE.fullmatch(query.get(key, ""))]
    return "&".join(found).replace(" ", "+") or None


def _huggingface(steps: Sequence[str], query: Query) -> HubRef:
    match list(steps):
        case ["datasets", *_]:
            raise NoReferenceError(Phrase(N_("it is a data set")), _NO_PAGE_HINT)
        case ["spaces", *_]:
            raise NoReferenceError(
                Phrase(N_("it is a space, a program that uses models")),
                N_("open the model that it links to and copy its address"),
            )
        case ["api", "models", owner, name]:
            return HubRef(HUGGINGFACE, owned(owner, name))
        case ["api", "models", owner, name, "revision", *rest]:
            return HubRef(HUGGINGFACE, owned(owner, name), *_at_revision(rest))
        case ["api", "resolve-cache", "models", owner, name, *rest]:
            return HubRef(HUGGINGFACE, owned(owner, name), *_at_revision(rest))
        case [owner, name, "tree" | "blob" | "resolve" | "raw" | "blame" | "commit" | "commits", *rest]:
            return HubRef(HUGGINGFACE, owned(owner, name), *_at_revision(rest))
        case [owner, name] | [owner, name, "discussions" | "community" | "colab" | "edit" | "settings", *_]:
            if owner.lower() in NO_OWNERS:
                raise NoReferenceError(_NO_PAGE, _NO_PAGE_HINT)
            return HubRef(HUGGINGFACE, owned(owner, name))
        case [_]:
            raise NoReferenceError(Phrase(N_("it is an author's page")), _NO_PAGE_HINT)
        case _:
            raise NoReferenceError(_NO_PAGE, _NO_PAGE_HINT)


def _at_revision(rest: Sequence[str]) -> tuple[str | None, str | None]:
    """Part `rev[/path]`. A pull request's revision is three steps (`refs/pr/1`) where it is not encoded."""
    if not rest:
        return None, None
    length = 3 if rest[0] == "refs" and len(rest) >= 3 else 1
    path = "/".join(rest[length:])
    return revision("/".join(rest[:length])), inside(path) if path else None


def _liblib(steps: Sequence[str], query: Query) -> HubRef:
    if steps and _LOCALE.fullmatch(steps[0]):
        steps = steps[1:]
    match list(steps):
        case ["modelinfo" | "modelInfo", model, *_]:
            return HubRef(LIBLIB, uuid(model), _optional(uuid, query.get("versionUuid")))
        case ["imageinfo" | "imageInfo", *_]:
            raise NoReferenceError(_PICTURE, _PICTURE_HINT)
        case _:
            raise NoReferenceError(_NO_PAGE, _NO_PAGE_HINT)


def _modelscope(steps: Sequence[str], query: Query) -> HubRef:
    match list(steps):
        case ["datasets" | "studios", *_]:
            raise NoReferenceError(_NO_PAGE, _NO_PAGE_HINT)
        case ["models", owner, name, "resolve", *rest] | ["models", owner, name, "file", "view", *rest]:
            return HubRef(MODELSCOPE, owned(owner, name), *_at_revision(rest))
        case ["api", "v1", "models", owner, name, "repo"]:
            version, file = query.get("Revision"), query.get("FilePath")
            # parse_qsl has decoded them already
            return HubRef(
                MODELSCOPE, owned(owner, name), revision(_again(version)) if version else None,
                inside(_again(file)) if file else None,
            )  # fmt: skip
        case ["models", owner, name, *_]:
            version = query.get("revision") or query.get("Revision")
            return HubRef(MODELSCOPE, owned(owner, name), revision(_again(version)) if version else None)
        case _:
            raise NoReferenceError(_NO_PAGE, _NO_PAGE_HINT)


def _again(text: str) -> str:
    """Encode a percent sign, for what is decoded only once."""
    return text.replace("%", "%25")


def _civarchive(steps: Sequence[str], query: Query) -> HubRef:
    steps = steps[1:] if steps[:1] == ["api"] else steps
    match list(steps):
        case ["models", model, *_]:
            return HubRef(CIVARCHIVE, number(model), _optional(number, query.get("modelVersionId")))
        case ["sha256", digest, *_] if len(digest) == 64:
            return HubRef(CIVARCHIVE, hash=_digest(digest))
        case _:
            raise NoReferenceError(_NO_PAGE, _NO_PAGE_HINT)


def _openmodeldb(steps: Sequence[str], query: Query) -> HubRef:
    match list(steps):
        case ["models", name]:
            return HubRef(OPENMODELDB, word(name))
        case _:
            raise NoReferenceError(_NO_PAGE, _NO_PAGE_HINT)


_READERS: Mapping[str, Callable[[Sequence[str], Query], HubRef]] = MappingProxyType({
    CIVITAI: _civitai, HUGGINGFACE: _huggingface, LIBLIB: _liblib, MODELSCOPE: _modelscope, CIVARCHIVE: _civarchive,
    OPENMODELDB: _openmodeldb,
})  # fmt: skip


def _optional(check: Callable[[str], str], text: str | None) -> str | None:
    return check(text) if text else None


def _digest(text: str) -> str:
    plain = text.lower()
    if len(plain) not in HASH_KINDS or not re.fullmatch(r"[0-9a-f]+", plain):
        raise NoReferenceError
    return plain
