"""LiblibAI's site API, as clients use it. No answer of it is public: the shapes are put together from what they read.

Business errors come with HTTP 200 and a code other than 0.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.testhub.catalogue import Model, Picture, Version
from tests.testhub.wire import Reply, Request, reply_json, reply_text

if TYPE_CHECKING:
    from tests.testhub.hub import TestHub

MODEL_TYPES = {"checkpoint": 1, "embedding": 2, "hypernetwork": 3, "aesthetic-gradient": 4, "lora": 5, "controlnet": 7}
BASE_TYPES = {"SD 1.5": 1, "SD 2.1": 2, "SDXL 1.0": 3, "Pony": 10, "Flux.1 D": 19, "Qwen": 37}
MOST_PAGE = 50


def answer(hub: TestHub, request: Request) -> Reply:
    """Answer any request to the LiblibAI port."""
    path = request.path.removeprefix("/api/www")
    if path == request.path:
        return reply_text(
            "<!DOCTYPE html><html><body>哩布哩布AI</body></html>", 200 if path.startswith("/modelinfo/") else 404
        )
    routes = {
        "/model/search": _search,
        "/model-version/modelVersion/listByIds": _list_by_ids,
        "/community/downloadCheck": _check,
        "/user/getUserInfo": _user,
    }
    if path in routes and request.method == "POST":
        return routes[path](hub, request)
    if (match := re.fullmatch(r"/model/getByUuid/(\w+)", path)) and request.method == "POST":
        model = hub.catalogue.model(request.on, lambda model: model.uuid == match[1])
        return _envelope(model_json(hub, model) if model else None)
    if match := re.fullmatch(r"/model-version/hash/(\w+)", path):
        value = match[1]
        found = hub.catalogue.by_hash(request.on, value) if value == value.lower() and len(value) == 64 else None
        if not found:
            return _envelope(None, msg="hash值无法找到模型")
        return _envelope(
            {**version_json(hub, found[0]), "modelUuid": found[0].model.uuid, "modelName": found[0].model.name}
        )
    if match := re.fullmatch(r"/model/download/(\w+)", path):
        return _download(hub, request, match[1])
    return _envelope(None, code=404, msg="not found")


def _envelope(data: Any, *, code: int = 0, msg: str = "") -> Reply:
    return reply_json({"code": code, "msg": msg, "data": data})


def _signed_in(hub: TestHub, request: Request) -> bool:
    given = request.header("token") or request.cookies.get("usertoken")
    return bool(given) and given == hub.tokens["liblib"]


def model_json(hub: TestHub, model: Model) -> dict[str, Any]:
    """Return what getByUuid says."""
    return {
        "id": model.id,
        "uuid": model.uuid,
        "name": model.name,
        "nickname": model.author,
        "modelType": MODEL_TYPES.get(model.kind, 10),
        "remark": model.description,
        "tagsV2": {"modelContent": [{"id": number, "name": tag} for number, tag in enumerate(model.tags, 1)]},
        "versions": [version_json(hub, version) for version in model.versions],
        "openMix": 1,
        "privilege": ["1", "2"],
        **model.said,
    }


def version_json(hub: TestHub, version: Version) -> dict[str, Any]:
    """Return a version: trigger words are a JSON string in a JSON string, as the site keeps them."""
    intro = {"ckpt": [], "cfg": 3.5, "vae": "none", "weight": version.weight or 1, "loraDes": "…"}
    intro["triggerWord"] = json.dumps(list(version.words), ensure_ascii=False)
    file = version.primary if version.files else None
    attachment = None
    if file and not version.disabled:
        attachment = {
            "modelVersionId": version.id,
            "modelSource": f"{hub.url('storage')}/web/model/liblib/{file.id}/{file.content.hashes.sha256}.bin",
            "modelSourceName": file.name,
            "modelSourceSize": file.content.size,
            "modelSourceHash": file.content.hashes.sha256,
            **file.said,
        }
    images = [_image(hub, image) for image in version.images]
    return {
        "id": version.id,
        "uuid": version.uuid,
        "name": version.name,
        "baseType": BASE_TYPES.get(version.base_model, 1),
        "triggerWord": None,
        "versionDesc": version.description,
        "versionIntro": json.dumps(intro, ensure_ascii=False),
        "downloadCount": version.model.downloads,
        "runCount": 1200,
        "createTime": version.published.replace("Z", "+00:00"),
        "showType": 1,
        "vipUsed": 2 if version.requires_login else 0,
        "exclusive": 0,
        "imageGroup": {"coverUrl": images[0]["imageUrl"], "images": images} if images else None,
        "attachment": attachment,
        **version.said,
    }


def _image(hub: TestHub, image: Picture) -> dict[str, Any]:
    meta = image.meta or {}
    shown = {
        "prompt": meta.get("prompt", ""),
        "negativePrompt": meta.get("negativePrompt", ""),
        "seed": "",
        "metainformation": "",
    }
    return {
        "imageUrl": hub.picture_url("liblib", image),
        "originalName": "cover.png",
        "width": image.width,
        "height": image.height,
        "generateInfo": shown,
    }


def _search(hub: TestHub, request: Request) -> Reply:
    body = request.json
    if not isinstance(body, dict):
        return _envelope(None, code=100000, msg="param invalid")
    size, page = min(int(body.get("pageSize") or 20), MOST_PAGE), int(body.get("page") or 1)
    keyword = str(body.get("keyword") or "").lower() if "cid" in body and body.get("requestId") else ""
    found = [
        model
        for model in hub.catalogue.of(request.on)
        if keyword in model.name.lower()
        and (not body.get("models") or MODEL_TYPES.get(model.kind, 10) in body["models"])
        and (not body.get("types") or any(BASE_TYPES.get(v.base_model, 1) in body["types"] for v in model.versions))
    ]
    shown = found[(page - 1) * size : page * size]
    items = [
        {
            "id": model.id,
            "uuid": model.uuid,
            "name": model.name,
            "nickname": model.author,
            "modelType": MODEL_TYPES.get(model.kind, 10),
            "modelTypeName": model.civitai_type,
            "baseType": [BASE_TYPES.get(version.base_model, 1) for version in model.versions],
            "downloadCount": model.downloads,
            "runCount": 1200,
            "heat": 10,
            "likeCount": 5,
            "commentCount": 0,
            "triggerWord": None,
            "createTime": model.versions[0].published.replace("Z", "+00:00"),
            "imageUrl": None,
        }
        for model in shown
    ]
    return _envelope({"data": items, "hasMore": page * size < len(found), "total": len(items)})


def _list_by_ids(hub: TestHub, request: Request) -> Reply:
    wanted = (request.json or {}).get("versionIds", [])
    found = [version for number in wanted if (version := hub.catalogue.version(request.on, int(number)))]
    return _envelope(
        [
            {
                "id": version.id,
                "modelUuid": version.model.uuid,
                "modelName": version.model.name,
                "modelVersionName": version.name,
                "baseType": BASE_TYPES.get(version.base_model, 1),
            }
            for version in found
        ]
    )


def _check(hub: TestHub, request: Request) -> Reply:
    if not _signed_in(hub, request):
        return _envelope(None, code=401, msg="请先登录")
    return _envelope(True)


def _download(hub: TestHub, request: Request, uuid: str) -> Reply:
    if not _signed_in(hub, request):
        return _envelope(None, code=401, msg="请先登录")
    if hub.liblib_quota is not None:
        if hub.liblib_quota <= 0:
            return _envelope(None, code=-1, msg="下载超过限制")
        hub.liblib_quota -= 1
    model = hub.catalogue.model(request.on, lambda model: model.uuid == uuid)
    checks = [r for r in hub.requests if r.on == request.on and r.path.endswith("/community/downloadCheck")]
    said = checks[-1].json if checks and isinstance(checks[-1].json, dict) else {}
    wanted = said.get("modelVersionId")
    version = model.version(lambda version: version.uuid == wanted) if model else None
    if version is None or not version.files or version.disabled:
        return _envelope(None, code=500, msg="模型不存在")
    return _envelope(hub.sign(request.on, version.primary))


def _user(hub: TestHub, request: Request) -> Reply:
    if not _signed_in(hub, request):
        return _envelope(None, code=401, msg="请先登录")
    return _envelope({"id": 4711, "uuid": "4" * 32, "nickname": hub.account, "vip": 0})
