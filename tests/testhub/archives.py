"""CivArchive (its API, and the data of its pages) and OpenModelDB (one JSON of all models)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.testhub.catalogue import File, Model, Version
from tests.testhub.wire import Reply, Request, reply_json, reply_text

if TYPE_CHECKING:
    from tests.testhub.hub import TestHub


def civarchive(hub: TestHub, request: Request) -> Reply:
    """Answer any request to the CivArchive port. `hub.build` is the id that addresses of page data have in them."""
    path = request.path
    if match := re.fullmatch(r"/api/sha256/([^/]+)", path):
        return _by_hash(hub, request, match[1])
    if match := re.fullmatch(r"/api/models/([^/]+)", path):
        found = _find(hub, request, match[1])
        return found if isinstance(found, Reply) else reply_json(archived(hub, *found))
    if path == "/api/search":
        shown = _results(hub, request)
        page, size = int(request.field("page", "1")), 20
        return reply_json({"results": shown[(page - 1) * size : page * size], "total_hits": len(shown), "page": page})
    if match := re.fullmatch(r"/_next/data/([^/]+)/(.+)\.json", path):
        return _page(hub, request, match[2]) if match[1] == hub.build else reply_text("", 404)
    state = json.dumps({"buildId": hub.build, "page": path})
    return reply_text(f'<html><script id="__NEXT_DATA__" type="application/json">{state}</script></html>')


def _find(hub: TestHub, request: Request, number: str) -> tuple[Model, Version] | Reply:
    model = hub.catalogue.model(request.on, lambda model: str(model.id) == number)
    if model is None:
        return reply_text("Internal Server Error", 500, "text/plain")  # as the real one does
    wanted = request.field("modelVersionId")
    version = model.version(lambda version: not wanted or str(version.id) == wanted)
    return (model, version) if version else reply_json({"error": "Not found"}, 404)


def _by_hash(hub: TestHub, request: Request, value: str) -> Reply:
    found = hub.catalogue.by_hash(request.on, value) if len(value) == 64 and value == value.lower() else None
    if not found:
        return reply_json({"error": "Not found"}, 404)
    version, file = found
    return reply_json(
        {
            "id": file.id,
            "files": [
                {
                    **mirror,
                    "model_id": version.model.id,
                    "model_version_id": version.id,
                    "sha256": value,
                    "filename": file.name,
                }
                for mirror in _mirrors(hub, version, file)
            ],
            "model": archived(hub, version.model, version),
        }
    )


def archived(hub: TestHub, model: Model, version: Version) -> dict[str, Any]:
    """Return a model with one version, as the archive tells of it."""
    deleted = "2025-10-10T23:15:26.766Z" if model.deleted else None
    where = f"/models/{model.id}?modelVersionId={version.id}"
    return {
        "id": model.id,
        "name": model.name,
        "type": model.civitai_type,
        "description": model.description,
        "downloadCount": model.downloads,
        "is_nsfw": model.nsfw,
        "nsfw_level": model.nsfw_level,
        "createdAt": version.published,
        "updatedAt": version.published,
        "deletedAt": deleted,
        "tags": list(model.tags),
        "creator_username": model.author,
        "creator_name": model.author,
        "username": model.author,
        "versions": [
            {"id": v.id, "name": v.name, "href": f"/models/{model.id}?modelVersionId={v.id}"} for v in model.versions
        ],
        "version": {
            "id": version.id,
            "modelId": model.id,
            "name": version.name,
            "baseModel": version.base_model,
            "baseModelType": "Standard",
            "description": version.description or None,
            "downloadCount": model.downloads,
            "is_nsfw": model.nsfw,
            "nsfw_level": model.nsfw_level,
            "createdAt": version.published,
            "updatedAt": version.published,
            "deletedAt": deleted,
            "files": [_file(hub, version, file, deleted) for file in version.files],
            "images": [
                {
                    "id": image.id,
                    "url": hub.picture_url("civarchive", image),
                    "nsfwLevel": image.nsfw,
                    "width": image.width,
                    "height": image.height,
                    "type": "video" if image.video else "image",
                }
                for image in version.images
            ],
            "trigger": list(version.words),
            "allow_download": True,
            "download_url": f"/api/download/models/{version.id}",
            "platform_url": f"https://civitai.com{where}",
            "civitai_model_id": model.id,
            "civitai_model_version_id": version.id,
            "href": where,
            "mirrors": [],
        },
        "platform": "civitai",
        "platform_name": "CivitAI",
        **model.said,
    }


def _file(hub: TestHub, version: Version, file: File, deleted: str | None) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "type": file.type,
        "sizeKB": file.content.size / 1024,
        "downloadUrl": f"https://civitai.com/api/download/models/{version.id}",
        "modelId": version.model.id,
        "modelVersionId": version.id,
        "sha256": file.content.hashes.sha256,
        "createdAt": version.published,
        "is_primary": file.primary,
        "mirrors": _mirrors(hub, version, file),
        **file.said,
    }


def _mirrors(hub: TestHub, version: Version, file: File) -> list[dict[str, Any]]:
    """Civitai's own (dead if the model is deleted), and one that works, unless the file says its own."""
    gone = "2025-10-10T23:15:26.766Z" if version.model.deleted else None
    civitai = f"{hub.url('civitai')}/api/download/models/{version.id}"
    urls = [("civitai", civitai, gone)]
    urls += [("huggingface", url, None) for url in file.mirrors or (hub.plain_url(file),)]
    return [
        {"filename": file.name, "url": url, "source": source, "deletedAt": at, "is_gated": False, "is_paid": False}
        for source, url, at in urls
    ]


def _results(hub: TestHub, request: Request) -> list[dict[str, Any]]:
    words = request.field("q").lower().split()
    return [
        {
            "id": f"v{version.id}",
            "name": f"{model.name} {version.name}",
            "type": model.civitai_type,
            "kind": "version",
            "download_count": model.downloads,
            "url": f"/models/{model.id}?modelVersionId={version.id}",
            "base_model": version.base_model,
            "image_url": None,
            "is_nsfw": model.nsfw,
            "created_at": 1740830400,
            "username": model.author,
            "platform": "civitai",
        }
        for model in hub.catalogue.of(request.on)
        if all(word in model.name.lower() for word in words)
        and request.field("type").lower() in ("", "all", model.civitai_type.lower())
        for version in model.versions
    ]


def _page(hub: TestHub, request: Request, path: str) -> Reply:
    """Return the data of a page: snake_case where the API has camelCase."""
    if path in ("top-models", "search"):
        shown = _results(hub, request)
        data = {"results": shown, "hits": len(shown), "totalHits": len(shown)}
        return reply_json({"pageProps": {"data": data, "filters": {"q": request.field("q"), "page": 1}}})
    if match := re.fullmatch(r"models/(\d+)", path):
        found = _find(hub, request, match[1])
        return found if isinstance(found, Reply) else reply_json({"pageProps": {"model": snake(archived(hub, *found))}})
    if match := re.fullmatch(r"sha256/([0-9a-f]{64})", path):
        pair = hub.catalogue.by_hash(request.on, match[1])
        if pair:
            said = snake(archived(hub, pair[0].model, pair[0]))
            return reply_json({"pageProps": {"id": f"file-{pair[1].id}", "models": [said]}})
    return reply_text("", 404)


def snake(data: Any) -> Any:
    """Return JSON with its keys in snake_case."""
    if isinstance(data, dict):
        return {
            re.sub(r"(?<=[a-z])(KB|[A-Z])", lambda m: "_" + m[1].lower(), key): snake(value)
            for key, value in data.items()
        }
    return [snake(value) for value in data] if isinstance(data, list) else data


def openmodeldb(hub: TestHub, request: Request) -> Reply:
    """Answer any request to the OpenModelDB port."""
    models = {upscaler_id(model): upscaler(hub, model) for model in hub.catalogue.of(request.on)}
    if request.path == "/api/v1/models.json":
        return reply_json(models)
    match = re.fullmatch(r"/(?:data/models|api/v1/models)/([^/]+)\.json", request.path)
    if match and match[1] in models:
        return reply_json(models[match[1]])
    found = request.path.removeprefix("/models/") in models
    return reply_text("<html><body>OpenModelDB</body></html>", 200 if found or request.path == "/" else 404)


def upscaler_id(model: Model) -> str:
    """Return what the database calls a model: `4x-UltraSharp`."""
    return f"4x-{model.name.replace(' ', '-')}"


def upscaler(hub: TestHub, model: Model) -> dict[str, Any]:
    """Return a model of the database."""
    version = model.versions[0]
    return {
        "name": model.name,
        "author": model.author,
        "license": model.licence,
        "tags": list(model.tags),
        "description": model.description,
        "date": version.published[:10],
        "architecture": "esrgan",
        "size": ["64nf", "23nb"],
        "scale": 4,
        "inputChannels": 3,
        "outputChannels": 3,
        "resources": [
            {
                "platform": "pytorch",
                "type": file.name.rpartition(".")[2],
                "size": file.content.size,
                "sha256": file.content.hashes.sha256,
                "urls": list(file.mirrors) or [hub.plain_url(file)],
                **file.said,
            }
            for file in version.files
        ],
        "images": [{"type": "standalone", "url": hub.picture_url("openmodeldb", image)} for image in version.images],
        "trainingIterations": 400000,
        **model.said,
    }
