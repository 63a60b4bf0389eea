"""LiblibAI's answers, read without trust: no recorded answer of its model endpoints is public, only clients' code.

Fields are those that public clients read (docs/hubs/liblib.md). Identities are 32 hex digits, with or without dashes.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from hubman.core.hub import LIBLIB, Access, Gate, Hit, HubQuery, HubRef, Licence, Listing, RemoteFile, RemoteImage
from hubman.core.hub_words import LIBLIB_BASES, LIBLIB_TYPES, base_architecture, format_of_name, kind_of_hub_type
from hubman.core.query import is_base
from hubman.core.repository import precision_of
from hubman.core.stated_weight import LARGEST
from hubman.hubs._html import safe_html
from hubman.hubs._tolerant import (
    decoded,
    mapping,
    mappings,
    moment,
    not_understood,
    number,
    sha256_of,
    text,
    texts,
    web_address,
    whole,
)

TITLE = "LiblibAI"
PAGE_SIZE = 50
LARGEST_LORA = 2_000_000_000
"""Bytes. The site files some checkpoints under LoRA; what is larger is said to be unknown, and its content decides."""
_UUID = re.compile(r"[0-9a-f]{32}\Z")
_SIGNATURE = re.compile(r"(?:[?&]|&amp;)?auth_key=[^&\"'\s<>]*", re.IGNORECASE)
_PRIVILEGES = {"1": "Image", "2": "Sell"}
"""LiblibAI's `privilege` in Civitai's words: sell the pictures, resell the model."""


def identity_of(value: object) -> str:
    """Return 32 lower-case hex digits where a value is a UUID, else ""."""
    found = text(value).replace("-", "").lower()
    return found if _UUID.match(found) else ""


def page_of(base: str, model: str, version: str | None = None) -> str:
    """Return the page of a model or of one of its versions."""
    return f"{base}/modelinfo/{model}" + (f"?versionUuid={version}" if version else "")


def request_id(seed: str) -> str:
    """Return an id for a question: the hub ignores the words of one without; ours tells nothing about the user."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"hubman:{seed}").hex


def parse_model(answer: object, base: str) -> tuple[Listing, ...]:
    """Return the versions that `POST /model/getByUuid` tells, the newest first.

    Raises:
        HubError: `hub-answer`.
    """
    model = mapping(answer)
    identity = identity_of(model.get("uuid"))
    if not identity or not isinstance(model.get("versions"), list):
        raise not_understood(TITLE, "a model", answer)
    found = [_listing(model, identity, version, base) for version in mappings(model.get("versions"))]
    listings = [listing for listing in found if listing is not None]
    if not listings and model["versions"]:
        raise not_understood(TITLE, "a model", answer)
    return tuple(sorted(listings, key=lambda listing: listing.published or "", reverse=True))


def _listing(model: Mapping[str, object], identity: str, version: Mapping[str, object], base: str) -> Listing | None:
    version_id = identity_of(version.get("uuid"))
    if not version_id:
        return None
    kind_number, base_number = whole(model.get("modelType")), _base_number(version, model)
    file = _file(version, version_id)
    intro = mapping(decoded(version.get("versionIntro"))) or mapping(version.get("versionIntro"))
    word = text(version.get("baseTypeName")) or LIBLIB_BASES.get(base_number or 0)
    kind = kind_of_hub_type(LIBLIB, kind_number)
    kind = "unknown" if kind == "lora" and file and (file.size or 0) > LARGEST_LORA else kind
    weight, page = number(intro.get("weight")), page_of(base, identity, version_id)
    return Listing(
        hub=LIBLIB,
        model_id=identity,
        version_id=version_id,
        name=text(model.get("name")),
        version_name=text(version.get("name")),
        kind=kind,
        hub_type=LIBLIB_TYPES.get(kind_number or 0, "") or text(model.get("modelTypeName")) or str(kind_number or ""),
        base_model=word or (str(base_number) if base_number else None),
        architecture=base_architecture(word),
        author=text(model.get("nickname")) or text(model.get("userName")) or None,
        words=words_of(version, intro),
        weight=weight if weight and 0 < weight <= LARGEST and kind == "lora" else None,
        tags=_tags(model),
        description=_SIGNATURE.sub("", safe_html(model.get("remark"))),
        version_description=_SIGNATURE.sub("", safe_html(version.get("versionDesc"))),
        licence=licence_of(model, version),
        files=(file,) if file else (),
        images=_images(version),
        access=_access(version, file, page),
        published=moment(version.get("createTime")),
        page=page,
        downloads=whole(version.get("downloadCount")),
    )


def _base_number(version: Mapping[str, object], model: Mapping[str, object]) -> int | None:
    """Return the number of the base: one of its own or a list of one; else the model's, where that has only one."""
    for given in (version.get("baseType"), model.get("baseType")):
        numbers = [found for code in (given if isinstance(given, list) else [given]) if (found := whole(code))]
        if len(numbers) == 1:
            return numbers[0]
    return None


def _file(version: Mapping[str, object], version_id: str) -> RemoteFile | None:
    attachment = _attachment(version)
    source = web_address(attachment.get("modelSource"))
    if source is None:
        return None
    name = text(attachment.get("modelSourceName")) or urlsplit(source).path.rpartition("/")[2]
    return RemoteFile(
        id=str(whole(attachment.get("modelVersionId")) or version_id),
        name=name,
        size=whole(attachment.get("modelSourceSize")) or None,
        hashes=sha256_of(attachment.get("modelSourceHash")),
        format=format_of_name(name),
        precision=precision_of(name),
        primary=True,
        urls=() if urlsplit(source).query else (source,),
    )


def _attachment(version: Mapping[str, object]) -> Mapping[str, object]:
    """Return the version's file; of a list the first one."""
    given = version.get("attachment")
    return mapping(given) or next(iter(mappings(given)), {})


def source_of(model: Mapping[str, object], version: str) -> str | None:
    """Return where a version's file is now; it may be signed, so it is used at once and kept nowhere."""
    for entry in mappings(model.get("versions")):
        if identity_of(entry.get("uuid")) == version:
            return web_address(_attachment(entry).get("modelSource"))
    return None


def _access(version: Mapping[str, object], file: RemoteFile | None, page: str) -> Access:
    """What has no address is used on the hub's machines only, or is for a logged-in browser: we cannot tell which."""
    if file is None:
        return Access(Gate.BROWSER, page=page)
    return Access(Gate.PAID if whole(version.get("vipUsed")) in (1, 2) else Gate.OPEN, page=page)


def words_of(version: Mapping[str, object], intro: Mapping[str, object]) -> tuple[str, ...]:
    """Return the trigger words: a text, a list, or a list written as JSON into a text, here or in the introduction."""
    if whole(intro.get("noTriggerWord")) == 1 or intro.get("noTriggerWord") is True:
        return ()
    return tuple(dict.fromkeys([*_words(version.get("triggerWord")), *_words(intro.get("triggerWord"))]))


def _words(value: object) -> tuple[str, ...]:
    listed = decoded(value) if text(value).startswith("[") else None
    return texts(listed if isinstance(listed, list) else value)


def licence_of(model: Mapping[str, object], version: Mapping[str, object]) -> Licence:
    """Return what the author allows: `privilege` (1 sell pictures, 2 resell the model) and `openMix` (merge it)."""
    given = model.get("privilege", version.get("privilege"))
    allowed = None
    if isinstance(given, list):
        known = {str(entry) for entry in given if isinstance(entry, int | str)}
        allowed = tuple(word for code, word in _PRIVILEGES.items() if code in known)
    mix = whole(model.get("openMix"))
    return Licence(commercial=allowed, derivatives=bool(mix) if mix in (0, 1) else None)


def _tags(model: Mapping[str, object]) -> tuple[str, ...]:
    groups = mapping(model.get("tagsV2")).values()
    return texts([text(tag.get("name")) for group in groups for tag in mappings(group)])


def _images(version: Mapping[str, object]) -> tuple[RemoteImage, ...]:
    group = mapping(version.get("imageGroup"))
    found: dict[str, RemoteImage] = {}
    for entry in [*mappings(group.get("images")), {"imageUrl": group.get("coverUrl")}]:
        address = web_address(entry.get("imageUrl")) or web_address(entry.get("url"))
        if address is None:
            continue
        url = urlsplit(address)._replace(query="", fragment="").geturl()  # a signature is in the query
        info = mapping(entry.get("generateInfo"))
        image = RemoteImage(
            url=url, width=whole(entry.get("width")), height=whole(entry.get("height")),
            video=url.lower().endswith((".mp4", ".webm", ".mov")), prompt=text(info.get("prompt")) or None,
            negative=text(info.get("negativePrompt")) or None,
        )  # fmt: skip
        found.setdefault(url, image)
    cover = web_address(group.get("coverUrl"))
    first = urlsplit(cover)._replace(query="", fragment="").geturl() if cover else ""
    return tuple(sorted(found.values(), key=lambda image: image.url != first))


def parse_hash_hit(data: object) -> tuple[str, str | None]:
    """Return the model's and the version's UUID that an answer about a hash names.

    Nobody has published such an answer. Only what is recognisably a model (`uuid` with `versions`) or a version
    (`modelUuid`, and its own `uuid`) counts.

    Raises:
        HubError: `hub-answer`.
    """
    entry = mapping(data)
    model, own = identity_of(entry.get("modelUuid")), identity_of(entry.get("uuid"))
    if model:
        return model, own or identity_of(entry.get("versionUuid")) or None
    if own and isinstance(entry.get("versions"), list):
        return own, None
    raise not_understood(TITLE, "a hash", data)


def search_body(query: HubQuery, page: int) -> dict[str, object]:
    """Return the question of a search: kinds and bases are the hub's numbers."""
    kinds = [code for code in LIBLIB_TYPES if kind_of_hub_type(LIBLIB, code) == query.kind]
    wanted = query.architecture or ""
    bases = [code for code, word in LIBLIB_BASES.items() if is_base(wanted, base_architecture(word) or "")]
    return {
        "keyword": query.text, "page": page, "pageSize": PAGE_SIZE,
        "types": bases if wanted else [], "models": kinds if query.kind else [],
        "tagIds": [], "scene": "ImgGenerator", "cid": request_id("search"), "requestId": request_id(query.text),
    }  # fmt: skip


def parse_hits(data: object, base: str) -> tuple[list[Hit], bool]:
    """Return the hits of a page, and whether there are more; `total` means two different things, so nobody reads it.

    Raises:
        HubError: `hub-answer`.
    """
    page = mapping(data)
    if "data" not in page or not isinstance(page.get("data"), list | None):
        raise not_understood(TITLE, "a search", data)
    hits = [hit for hit in (_hit(entry, base) for entry in mappings(page.get("data"))) if hit is not None]
    return hits, page.get("hasMore") is True


def _hit(entry: Mapping[str, object], base: str) -> Hit | None:
    identity = identity_of(entry.get("uuid"))
    if not identity:
        return None
    given = entry.get("baseType")
    numbers = [whole(code) for code in (given if isinstance(given, list) else [given])]
    words = [LIBLIB_BASES[code] for code in numbers if code is not None and code in LIBLIB_BASES]
    return Hit(
        ref=HubRef(LIBLIB, identity),
        name=text(entry.get("name")),
        kind=kind_of_hub_type(LIBLIB, whole(entry.get("modelType"))),
        base_model=", ".join(words) or None,
        architecture=next((found for found in map(base_architecture, words) if found), None),
        author=text(entry.get("nickname")) or None,
        downloads=whole(entry.get("downloadCount")),
        words=_words(entry.get("triggerWord")),
        page=page_of(base, identity),
    )


def fits(hit: Hit, query: HubQuery) -> bool:
    """A model of several bases is kept where the hub was asked for one of them: its first is not always that one."""
    return (query.kind is None or hit.kind == query.kind) and (
        query.author is None or (hit.author or "").casefold() == query.author.casefold()
    )
