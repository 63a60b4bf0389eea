"""Civitai's API: /api/v1 and /api/download/models, as its documentation and source describe them in August 2026."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.testhub.catalogue import CIVITAI_TYPES, File, Model, Picture, Version
from tests.testhub.misbehave import LOGIN_PAGE
from tests.testhub.wire import Reply, Request, redirect, reply_json, reply_text

if TYPE_CHECKING:
    from tests.testhub.hub import TestHub

BROWSERS = re.compile("mozilla|chrome|safari|firefox|opera|edge", re.IGNORECASE)
MOST_HASHES, MOST_IDS = 100, 10_000
BASE_MODELS = (
    "SD 1.5",
    "SDXL 1.0",
    "Pony",
    "Illustrious",
    "NoobAI",
    "Flux.1 D",
    "Qwen",
    "ZImageTurbo",
    "Wan Video 2.2 T2V-A14B",
)
ENUMS = {
    "ModelType": [*dict.fromkeys(CIVITAI_TYPES.values()), "LoCon", "DoRA", "Workflows", "Other"],
    "ModelFileType": ["Model", "Pruned Model", "Negative", "Training Data", "VAE", "Config", "Archive", "Text Encoder"],
    "ActiveBaseModel": list(BASE_MODELS),
    "BaseModel": [*BASE_MODELS, "SD 1.4"],
    "BaseModelType": ["Standard", "Inpainting", "Refiner", "Pix2Pix"],
}
NSFW_WORDS = {1: "None", 2: "Soft", 4: "Mature", 8: "X", 16: "X"}


def answer(hub: TestHub, request: Request) -> Reply:
    """Answer any request to a Civitai port."""
    path = request.path.rstrip("/")
    on = request.on
    if path == "/login":
        return reply_text(LOGIN_PAGE)
    if match := re.fullmatch(r"/api/download/models/(\d+)", path):
        return _download(hub, request, int(match[1]))
    if match := re.fullmatch(r"/api/v1/models/(\d+)", path):
        number = int(match[1])
        model = hub.catalogue.model(on, lambda model: model.id == number)
        return reply_json(model_json(hub, on, model)) if model else _error(404, f"No model with id {number}")
    if match := re.fullmatch(r"/api/v1/model-versions/by-hash/(?!ids$)([^/]+)", path):
        found = hub.catalogue.by_hash(on, match[1])
        return reply_json(version_json(hub, on, found[0], full=True)) if found else _error(404, "Model not found")
    if match := re.fullmatch(r"/api/v1/model-versions/(?:mini/)?(\d+)", path):
        version = hub.catalogue.version(on, int(match[1]))
        if version is None:
            return _error(404, "Model not found")
        return reply_json(
            mini_json(hub, on, version) if "/mini/" in path else version_json(hub, on, version, full=True)
        )
    routes = {
        "/api/v1/models": _search,
        "/api/v1/model-versions/by-hash": _by_hash,
        "/api/v1/model-versions/by-hash/ids": _by_hash_ids,
        "/api/v1/images": _images,
        "/api/v1/me": _me,
        "/api/v1/enums": lambda hub, request: reply_json(ENUMS),
    }
    if path in routes:
        return routes[path](hub, request)
    return reply_text("<!DOCTYPE html><html><body>404</body></html>", 404)


def model_json(hub: TestHub, on: str, model: Model) -> dict[str, Any]:
    """Return a model with its versions."""
    archived = model.mode in ("Archived", "TakenDown")
    versions = [version_json(hub, on, version, index=index) for index, version in enumerate(model.versions)]
    for version in versions:
        if archived:
            del version["files"], version["downloadUrl"]
        if model.mode == "TakenDown":
            version["images"] = []
    commercial = list(model.commercial) if isinstance(model.commercial, (tuple, list)) else model.commercial
    return {
        "id": model.id,
        "name": model.name,
        "description": model.description,
        "allowNoCredit": model.no_credit,
        "allowCommercialUse": commercial,
        "allowDerivatives": model.derivatives,
        "allowDifferentLicense": model.different_licence,
        "type": model.civitai_type,
        "minor": False,
        "sfwOnly": False,
        "poi": False,
        "nsfw": model.nsfw,
        "nsfwLevel": model.nsfw_level,
        "availability": "Public",
        **({"mode": model.mode} if model.mode else {}),
        "cosmetic": None,
        "supportsGeneration": False,
        "stats": {"downloadCount": model.downloads, "thumbsUpCount": 14, "thumbsDownCount": 0, "commentCount": 0},
        "creator": {"username": model.author, "image": None},
        "tags": list(model.tags),
        "modelVersions": versions,
        **model.said,
    }


def version_json(hub: TestHub, on: str, version: Version, *, index: int = 0, full: bool = False) -> dict[str, Any]:
    """Return a version: as in a model, or (`full`) as /model-versions gives it."""
    model = version.model
    answer = {
        "id": version.id,
        "index": index,
        "name": version.name,
        "baseModel": version.base_model,
        "baseModelType": "Standard",
        "publishedAt": version.published,
        "availability": "EarlyAccess" if version.early_access else "Public",
        "nsfwLevel": model.nsfw_level,
        "description": version.description or None,
        "trainedWords": list(version.words),
        "stats": {"downloadCount": model.downloads, "thumbsUpCount": 14},
        "files": [file_json(hub, on, version, file) for file in version.files],
        "images": [image_json(hub, on, image) for image in version.images[: None if full else 10]],
        "downloadUrl": f"{hub.url(on)}/api/download/models/{version.id}",
    }
    if version.early_access:
        answer |= {
            "earlyAccessEndsAt": version.early_access,
            "earlyAccessConfig": {"timeframe": 7, "chargeForDownload": True},
            "paidAccess": {"permanent": False, "endsAt": version.early_access},
        }
    if full:
        del answer["index"]
        answer |= {
            "modelId": model.id,
            "createdAt": version.published,
            "updatedAt": version.published,
            "status": "Published",
            "uploadType": "Created",
            "usageControl": "InternalGeneration" if version.disabled else "Download",
            "trainingStatus": None,
            "trainingDetails": None,
            "air": f"urn:air:sd1:{model.civitai_type.lower()}:civitai:{model.id}@{version.id}",
            "model": {"name": model.name, "type": model.civitai_type, "nsfw": model.nsfw, "poi": False},
        }
    return {**answer, **version.said}


def file_json(hub: TestHub, on: str, version: Version, file: File) -> dict[str, Any]:
    """Return a file."""
    kinds = {
        "AutoV1": "autov1",
        "AutoV2": "autov2",
        "SHA256": "sha256",
        "CRC32": "crc32",
        "BLAKE3": "blake3",
        "AutoV3": "autov3",
    }
    hashes = {name: value.upper() for name, kind in kinds.items() if (value := file.hash(kind))}
    return {
        "id": file.id,
        "sizeKB": file.content.size / 1024,
        "name": file.name,
        "type": file.type,
        "pickleScanResult": file.scan,
        "pickleScanMessage": "No Pickle imports" if file.scan == "Success" else "**Detected**",
        "virusScanResult": "Success",
        "virusScanMessage": None,
        "scannedAt": version.published,
        "metadata": {"format": file.format, "size": file.size, "fp": file.fp},
        "hashes": hashes,
        **({"primary": True} if file.primary else {}),
        "downloadUrl": f"{hub.url(on)}/api/download/models/{version.id}"
        + ("" if file.primary else "?" + urlencode({"type": file.type, "format": file.format})),
        **file.said,
    }


def image_json(hub: TestHub, on: str, image: Picture) -> dict[str, Any]:
    """Return a preview of a version."""
    return {
        "id": image.id,
        "url": hub.picture_url(on, image),
        "nsfwLevel": image.nsfw,
        "width": image.width,
        "height": image.height,
        "hash": "U5IiO6s-4Vn+0~EO^5xa00VsL#IU_O?E7yWC",
        "type": "video" if image.video else "image",
        "minor": False,
        "poi": False,
        "hasMeta": image.meta is not None,
        "hasPositivePrompt": bool(image.meta),
        "onSite": False,
        "remixOfId": None,
        **({"meta": image.meta} if image.meta is not None else {}),
    }


def mini_json(hub: TestHub, on: str, version: Version) -> dict[str, Any]:
    """Return what /model-versions/mini says."""
    file = version.primary
    said = file_json(hub, on, version, file)
    return {
        "air": f"urn:air:sd1:{version.model.civitai_type.lower()}:civitai:{version.model.id}@{version.id}",
        "versionName": version.name,
        "modelName": version.model.name,
        "baseModel": version.base_model,
        "availability": "EarlyAccess" if version.early_access else "Public",
        "publishedAt": version.published,
        "size": said["sizeKB"],
        "fileType": file.type,
        "fileName": file.name,
        "hashes": said["hashes"],
        "downloadUrls": [said["downloadUrl"]],
        "format": file.format,
        "requireAuth": version.requires_login,
        "checkPermission": bool(version.early_access),
        "earlyAccessEndsAt": version.early_access,
        "minor": False,
        "sfwOnly": False,
    }


def _error(status: int, text: str, **more: Any) -> Reply:
    return reply_json({"error": text, **more}, status)


def _search(hub: TestHub, request: Request) -> Reply:
    field = request.field
    limit = field("limit", "100")
    if not limit.isdecimal() or int(limit) > 100:
        return _error(400, "Invalid limit")
    if field("query") and field("page"):
        return _error(400, "Cannot use page param with query search. Use cursor-based pagination.")
    if field("page") and int(field("page")) * int(limit) > 1000:
        return _error(429, "You've requested too many pages, please use cursors instead")
    if field("favorites") and not hub.signed_in(request):
        return _error(401, "Unauthorized")
    found = _found(hub, request)
    size = int(limit)
    cursor = re.fullmatch(r"(\d+)\|932023\|257749", field("cursor"))
    start = (int(field("page") or 1) - 1) * size if field("page") else int(cursor[1]) if cursor else 0
    items = [model_json(hub, request.on, model) for model in found[start : start + size]]
    metadata: dict[str, Any] = {}
    if size and start + size < len(found):
        query = {name: values for name, values in request.query.items() if name not in ("cursor", "page")}
        metadata["nextCursor"] = f"{start + size}|932023|257749"
        following = urlencode({**query, "cursor": metadata["nextCursor"]}, doseq=True)
        metadata["nextPage"] = f"{hub.url(request.on)}/api/v1/models?{following}"
    if field("page"):
        metadata |= {"currentPage": int(field("page")), "pageSize": size}
    return reply_json({"items": items, "metadata": metadata})


def _found(hub: TestHub, request: Request) -> list[Model]:
    """Return the models that a search is about; numbers first, so that 100 of 10,000 are found at once."""
    query = request.query

    def many(name: str) -> set[str]:
        values = query.get(name, []) + query.get(name + "[]", [])
        return {part.strip() for value in values for part in value.split(",") if part.strip()}

    ids, words = many("ids"), request.field("query").lower().split()
    nsfw = request.field("nsfw") == "true" or bool(ids)
    models: Iterable[Model] = hub.catalogue.of(request.on)
    if ids:
        models = (model for model in models if str(model.id) in ids)
    tests: list[tuple[set[str], Callable[[Model], set[str]]]] = [
        (many("modelVersionIds"), lambda model: {str(version.id) for version in model.versions}),
        (many("types"), lambda model: {model.civitai_type}),
        (many("baseModels"), lambda model: {version.base_model for version in model.versions}),
        (many("tag"), lambda model: set(model.tags)),
        (many("username"), lambda model: {model.author}),
    ]
    tests = [(wanted, said) for wanted, said in tests if wanted]

    def fits(model: Model) -> bool:
        text = f"{model.name} {' '.join(model.tags)} {model.author}".lower() if words else ""
        shown = not model.nsfw or nsfw
        return shown and all(word in text for word in words) and all(wanted & said(model) for wanted, said in tests)

    return [model for model in models if fits(model)]


def _hashes(request: Request, most: int) -> list[str] | None:
    data = request.json
    if request.method != "POST" or not isinstance(data, list) or not 0 < len(data) <= most:
        return None
    if not all(isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{64}", value) for value in data):
        return None
    return data


def _by_sha256(hub: TestHub, request: Request, value: str) -> tuple[Version, File] | None:
    """Lists of hashes are of sha256 alone: a BLAKE3 has as many digits, and is not found by them."""
    found = hub.catalogue.by_hash(request.on, value)
    return found if found is not None and found[1].hash("sha256") == value.lower() else None


def _by_hash(hub: TestHub, request: Request) -> Reply:
    wanted = _hashes(request, MOST_HASHES)
    if wanted is None:
        return _error(400, f"Request must include an array of SHA256 Hashes. Maximum of {MOST_HASHES}")
    found = {pair[0].id: pair[0] for value in wanted if (pair := _by_sha256(hub, request, value))}
    answer = [version_json(hub, request.on, version, full=True) for version in reversed(found.values())]
    for version in answer:  # the real one once gave addresses of no host here: nobody may use them
        version["downloadUrl"] = f"https://undefined/api/download/models/{version['id']}"
        for file in version["files"]:
            file["downloadUrl"] = version["downloadUrl"]
    return reply_json(answer)


def _by_hash_ids(hub: TestHub, request: Request) -> Reply:
    wanted = _hashes(request, MOST_IDS)
    if wanted is None:
        return _error(400, f"Request must include an array of SHA256 Hashes. Maximum of {MOST_IDS}")
    found = [(value, pair[0]) for value in wanted if (pair := _by_sha256(hub, request, value))]
    return reply_json(
        [{"modelVersionId": version.id, "modelId": version.model.id, "hash": value.upper()} for value, version in found]
    )


def _images(hub: TestHub, request: Request) -> Reply:
    wanted = request.field("modelVersionId")
    limit = int(request.field("limit", "50"))
    start = int(request.field("cursor", "0").partition("|")[0] or 0)
    found = []
    for model in hub.catalogue.of(request.on):
        if request.field("modelId") not in ("", str(model.id)):
            continue
        for version in model.versions:
            if wanted in ("", str(version.id)):
                found += [(version, image) for image in version.images]
    items = []
    for version, image in found[start : start + limit]:
        said = image_json(hub, request.on, image)
        word = NSFW_WORDS.get(image.nsfw, "X")
        said |= {"nsfw": word != "None", "nsfwLevel": word, "browsingLevel": image.nsfw, "createdAt": version.published}
        items.append({**said, "username": version.model.author, "baseModel": version.base_model})
    more = {"nextCursor": f"{start + limit}|1744925337225"} if start + limit < len(found) else {}
    return reply_json({"items": items, "metadata": more})


def _me(hub: TestHub, request: Request) -> Reply:
    if not hub.signed_in(request):
        return _error(401, "Unauthorized")
    return reply_json({"id": 12345, "username": hub.account, "tier": "founder", "status": "active", "isMember": True})


def _download(hub: TestHub, request: Request, number: int) -> Reply:
    version = hub.catalogue.version(request.on, number)
    browser = BROWSERS.search(request.header("user-agent") or "")
    if not number:
        return _error(400, "Missing modelVersionId")
    if version is None or not version.files:
        return _error(404, "File not found")
    if version.model.mode:
        return _error(410, "Model archived, not available for download")
    if version.disabled:
        return _error(401, "Unauthorized", message="The creator of this asset has disabled downloads on this file")
    if (version.requires_login or request.header("authorization")) and not hub.signed_in(request):
        if browser:
            return redirect(f"/login?returnUrl=%2Fmodel-versions%2F{number}&reason=download-auth")
        return _error(
            401, "Unauthorized", message="The creator of this asset requires you to be logged in to download it"
        )
    if version.early_access:
        if browser:
            return redirect(f"/model-versions/{number}")
        return _error(
            403,
            "Early Access",
            deadline=version.early_access,
            message="This asset is in Early Access. You can use Buzz access it now!",
        )
    if version.forbidden:
        return _error(403, "You do not have access to download this file")
    file = _chosen(version, request)
    if file is None:
        return _error(404, "File not found")
    return redirect(hub.sign(request.on, file), 307, {"Cache-Control": "no-store, max-age=0"})


def _chosen(version: Version, request: Request) -> File | None:
    if wanted := request.field("fileId"):
        return next((file for file in version.files if str(file.id) == wanted), None)
    asked = {name: value for name in ("type", "format", "size", "fp") if (value := request.field(name))}
    if not asked:
        return version.primary
    return next((f for f in version.files if all(getattr(f, name) == value for name, value in asked.items())), None)
