"""CivArchive's answers as core.hub's values, in both spellings of their fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from hubman.core.hub import CIVARCHIVE, Access, Gate, Hit, HubRef, Listing, RemoteFile
from hubman.core.hub_words import base_architecture, format_of_name, kind_of_hub_type
from hubman.hubs._civitai_shape import base_variant, images_of, nsfw_of_bits, size_of, weight_of
from hubman.hubs._html import safe_html
from hubman.hubs._http import Answer
from hubman.hubs._mirrors import is_direct
from hubman.hubs._tolerant import mapping, mappings, moment, sha256_of, text, texts, web_address, whole

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def camel(value: Mapping[str, object]) -> dict[str, object]:
    """Return an object with its keys in camelCase, as the API writes most of them; inner objects stay as they are."""
    return {_camel_key(key): entry for key, entry in value.items()}


def _camel_key(key: str) -> str:
    first, *others = key.split("_")
    joined = first + "".join(other[:1].upper() + other[1:] for other in others)
    return "sizeKB" if joined == "sizeKb" else joined


def inner_of(data: object) -> Mapping[str, object]:
    """Unwrap `data` and `pageProps`."""
    found = mapping(data)
    for key in ("pageProps", "data"):
        if isinstance(found.get(key), dict):
            found = mapping(found[key])
    return found


def props_of(answer: Answer) -> Mapping[str, object]:
    return mapping(mapping(answer.data).get("pageProps"))


def models_of(answer: Answer) -> list[Mapping[str, object]]:
    data = inner_of(answer.data)
    if isinstance(data.get("model"), dict):
        return [mapping(data["model"])]
    return mappings(data.get("models")) or ([data] if isinstance(data.get("version"), dict) else [])


def parse_archived(model: Mapping[str, object], base: str) -> tuple[Listing | None, tuple[str, ...]]:
    """Return the version that an answer is about, and the ids of all versions; None without its ids."""
    known = camel(model)
    version = camel(mapping(known.get("version")))
    model_id, version_id = _identifier(known.get("id")), _identifier(version.get("id"))
    others = tuple(
        found for entry in mappings(known.get("versions")) if (found := _identifier(entry.get("id"))) is not None
    )
    if model_id is None or version_id is None:
        return None, others
    href = text(version.get("href"))
    page = web_address(href, base) if href.startswith("/") else None
    page = page or f"{base}/models/{model_id}?modelVersionId={version_id}"
    files = tuple(file for entry in mappings(version.get("files")) if (file := parse_file(entry, page)))
    base_model = text(version.get("baseModel")) or None
    described, said = safe_html(known.get("description")), safe_html(version.get("description"))
    weight, least, most = weight_of(said, described)
    bits = version.get("nsfwLevel", known.get("nsfwLevel"))
    flagged = version.get("isNsfw", known.get("isNsfw")) is True
    words = version.get("trigger", version.get("trainedWords"))
    listing = Listing(
        hub=CIVARCHIVE,
        model_id=model_id,
        version_id=version_id,
        name=text(known.get("name")) or model_id,
        version_name=text(version.get("name")),
        kind=kind_of_hub_type("civitai", known.get("type")),
        hub_type=text(known.get("type")),
        base_model=base_model,
        architecture=base_architecture(base_model),
        author=text(known.get("creatorUsername")) or text(known.get("username")) or None,
        words=texts(words) if isinstance(words, list | str) else (),
        weight=weight,
        weight_min=least,
        weight_max=most,
        tags=texts(known.get("tags")) if isinstance(known.get("tags"), list) else (),
        description=described,
        version_description=said,
        files=files,
        images=images_of([camel(image) for image in mappings(version.get("images"))], base),
        access=_access(files, page),
        published=moment(version.get("publishedAt")) or moment(version.get("createdAt")),
        nsfw=max(2, nsfw_of_bits(bits) or 0) if flagged else nsfw_of_bits(bits, highest=False),
        page=page,
        downloads=whole(version.get("downloadCount")),
        deleted=bool(version.get("deletedAt") or known.get("deletedAt")),
        variant=base_variant(version),
    )
    return listing, others


def _identifier(value: object) -> str | None:
    number = whole(value)
    if number is not None:
        return str(number)
    return value if isinstance(value, str) and IDENTIFIER.match(value) else None


def parse_file(entry: Mapping[str, object], page: str) -> RemoteFile | None:
    """Return a file with the addresses at which it still lies."""
    file = camel(entry)
    key, name = _identifier(file.get("id")), text(file.get("name"))
    mirrors = [camel(mirror) for mirror in mappings(file.get("mirrors"))]
    name = name or next((found for mirror in mirrors if (found := text(mirror.get("filename")))), "")
    if key is None or not name:
        return None
    size, about = size_of(file.get("sizeKB"), exact=True)
    if (
        size is not None and size % 256 == 0 and size % 1024
    ):  # .25, .5, .75: the page data are rounded to a place or two
        size, about = None, size
    alive = [mirror for mirror in mirrors if not mirror.get("deletedAt")]
    free = [mirror for mirror in alive if mirror.get("isGated") is not True and mirror.get("isPaid") is not True]
    urls = [
        url for mirror in free
        if (url := web_address(mirror.get("url"))) and is_direct(url, text(mirror.get("source")).lower())
    ]  # fmt: skip
    access = None
    if not urls:
        elsewhere = next((url for mirror in alive if (url := web_address(mirror.get("url")))), page)
        gates = {"isPaid": Gate.PAID, "isGated": Gate.GATED}
        gate = next((gates[key] for mirror in alive for key in gates if mirror.get(key) is True), None)
        access = Access(gate or (Gate.BROWSER if alive else Gate.GONE), page=elsewhere)
    return RemoteFile(
        id=key,
        name=name,
        size=size,
        about=about,
        hashes=sha256_of(file.get("sha256")),
        type=text(file.get("type")) or "Model",
        format=format_of_name(name),
        primary=file.get("isPrimary") is True,
        urls=tuple(dict.fromkeys(urls)),
        access=access,
    )


def _access(files: Sequence[RemoteFile], page: str) -> Access:
    """Return what stands before all files of a version, where something does."""
    if not files:
        return Access(Gate.GONE, page=page)
    return Access() if any(file.urls for file in files) else files[0].access or Access()


def parse_hit(entry: Mapping[str, object], base: str) -> Hit | None:
    """Return a line of a search: a version, or a lone file that is known by its hash."""
    url = text(entry.get("url"))
    if web_address(url, base) is None:
        return None
    parts = urlsplit(url)
    ref = None
    if match := re.fullmatch(r"/models/([A-Za-z0-9_-]{1,64})", parts.path):
        version = parse_qs(parts.query).get("modelVersionId", [""])[0]
        ref = HubRef(CIVARCHIVE, match[1], version if IDENTIFIER.match(version) else None)
    elif match := re.fullmatch(r"/sha256/([0-9a-f]{64})", parts.path):
        ref = HubRef(CIVARCHIVE, hash=match[1])
    if ref is None:
        return None
    said = camel(entry)
    base_model = text(said.get("baseModel")) or None
    return Hit(
        ref=ref,
        name=text(said.get("name")) or str(ref),
        kind=kind_of_hub_type("civitai", said.get("type")),
        base_model=base_model,
        architecture=base_architecture(base_model),
        author=text(said.get("username")) or None,
        downloads=whole(said.get("downloadCount")),
        page=web_address(url, base),
        nsfw=2 if said.get("isNsfw") is True else None,
    )
