"""ModelScope's API: the site's search, the open API, a repository's files and their bytes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.testhub.catalogue import File, Model, Version
from tests.testhub.content import Content
from tests.testhub.huggingface import REPO, members
from tests.testhub.wire import Reply, Request, redirect, reply_file, reply_json

if TYPE_CHECKING:
    from tests.testhub.hub import TestHub

AIGC = {"checkpoint": "Checkpoint", "lora": "LoRA", "vae": "VAE"}
VISION = {"SD 1.5": "SD_1_5", "SDXL 1.0": "SD_XL", "Flux.1 D": "FLUX_1", "SD 2.1": "SD_2_1"}


def answer(hub: TestHub, request: Request) -> Reply:
    """Answer any request to the ModelScope port."""
    path = request.path
    if request.header("authorization") and not hub.signed_in(request):
        return _failed(401, 10010205001, "无效的访问令牌")
    if path == "/api/v1/dolphin/models":
        return _dolphin(hub, request) if request.method == "PUT" else _failed(404, 404, "404 page not found")
    if path == "/openapi/v1/models":
        return _open_search(hub, request)
    if path in ("/api/v1/users/login/info", "/openapi/v1/users/me"):
        if not hub.signed_in(request):
            return _failed(401, 10010205001, "用户未登录")
        said = {"Name": hub.account, "NickName": hub.account, "username": hub.account, "Email": ""}
        return _envelope(said) if path.startswith("/api") else reply_json({"success": True, "data": said})
    if match := re.fullmatch(rf"/openapi/v1/models/{REPO}", path):
        found = _find(hub, request, match[1], None)
        return found if isinstance(found, Reply) else reply_json({"success": True, "data": open_json(found[0])})
    if match := re.fullmatch(rf"/api/v1/models/{REPO}(?:/(revisions|repo/files|repo|repo/tree))?", path):
        return _repository(hub, request, match[1], match[2])
    if match := re.fullmatch(rf"/models/{REPO}/resolve/([^/]+)/(.+)", path, re.DOTALL):
        found = _find(hub, request, match[1], match[2])
        return found if isinstance(found, Reply) else _file(hub, request, *found, match[3])
    return _failed(404, 404, "404 page not found")


def _envelope(data: Any) -> Reply:
    return reply_json({"Code": 200, "Success": True, "Message": "success", "RequestId": "0b1c2d3e", "Data": data})


def _failed(status: int, code: int, text: str) -> Reply:
    return reply_json({"Code": code, "Success": False, "Message": text, "RequestId": "0b1c2d3e", "Data": None}, status)


def _find(hub: TestHub, request: Request, repo: str, revision: str | None) -> tuple[Model, Version] | Reply:
    model = hub.catalogue.model(request.on, lambda model: model.repo == repo)
    if model is None or (model.private and not hub.signed_in(request)):
        return _failed(404, 10010205001, f"获取模型信息失败，信息不存在: {repo}")
    newest = revision in (None, "", "master", "main")
    version = model.versions[0] if newest else model.version(lambda v: revision in (v.name, v.commit))
    if version is None:
        return _failed(404, 10010205001, f"版本不存在: {revision}")
    return model, version


def model_json(hub: TestHub, model: Model) -> dict[str, Any]:
    """Return a model as the site's search gives it."""
    version = model.versions[0]
    vision = VISION.get(version.base_model, version.base_model)
    owner, _, name = model.repo.partition("/")
    return {
        "Id": model.id,
        "Path": owner,
        "Name": name,
        "ChineseName": model.name,
        "AigcType": AIGC.get(model.kind, ""),
        "AigcAttributes": json.dumps({"SubVisionFoundation": vision}),
        "VisionFoundation": vision,
        "BaseModel": [version.base_model],
        "TriggerWords": list(version.words),
        "Tags": list(model.tags),
        "Description": model.description,
        "Downloads": model.downloads,
        "License": model.licence,
        "CoverImage": [hub.picture_url("modelscope", image) for image in version.images],
        "CreatedTime": 1740830400,
        "LastUpdatedTime": 1740830400,
        "Revision": "master",
        **model.said,
    }


def open_json(model: Model) -> dict[str, Any]:
    """Return a model as the open API gives it."""
    return {
        "id": model.repo,
        "display_name": model.name,
        "description": model.description,
        "downloads": model.downloads,
        "likes": 3,
        "license": model.licence,
        "tags": list(model.tags),
        "tasks": ["text-to-image-synthesis"],
        "private": model.private,
        "created_at": model.versions[0].published,
        "last_modified": model.versions[0].published,
    }


def _dolphin(hub: TestHub, request: Request) -> Reply:
    body = request.json
    if not isinstance(body, dict):
        return _failed(400, 10010201001, "参数错误")
    size, page = min(int(body.get("PageSize") or 10), 100), int(body.get("PageNumber") or 1)
    found = _matching(hub, request, str(body.get("Name") or ""))
    for criterion in body.get("SingleCriterion") or []:
        if isinstance(criterion, dict) and criterion.get("category") == "aigc_type":
            found = [
                model
                for model in found
                if AIGC.get(model.kind) in (criterion.get("StringValue"), criterion.get("value"))
            ]
    shown = [model_json(hub, model) for model in found[(page - 1) * size : page * size]]
    return _envelope({"Model": {"Models": shown, "TotalCount": len(found)}})


def _open_search(hub: TestHub, request: Request) -> Reply:
    size, page = int(request.field("page_size", "10")), int(request.field("page_number", "1"))
    if size * page > 3000:
        return reply_json({"success": False, "message": "page_number * page_size must not exceed 3000"}, 400)
    found = _matching(hub, request, request.field("search"))
    if owner := request.field("owner"):
        found = [model for model in found if model.repo.startswith(owner + "/")]
    shown = [open_json(model) for model in found[(page - 1) * size : page * size]]
    data = {"models": shown, "total_count": len(found), "page_number": page, "page_size": size}
    return reply_json({"success": True, "data": data})


def _matching(hub: TestHub, request: Request, text: str) -> list[Model]:
    words = text.lower().split()
    models = [model for model in hub.catalogue.of(request.on) if not model.private]
    return [model for model in models if all(word in f"{model.repo} {model.name}".lower() for word in words)]


def _repository(hub: TestHub, request: Request, repo: str, part: str | None) -> Reply:
    found = _find(hub, request, repo, request.field("Revision"))
    if isinstance(found, Reply):
        return found
    model, version = found
    if part is None:
        return _envelope(model_json(hub, model))
    if part == "revisions":
        tags = [{"Revision": v.name, "CommitId": v.commit, "CreatedAt": 1740830400} for v in model.versions]
        branches = [{"Revision": "master", "CommitId": model.versions[0].commit}]
        return _envelope({"RevisionMap": {"Branches": branches, "Tags": tags}})
    if part == "repo":
        return _file(hub, request, model, version, request.field("FilePath"))
    files = [file_json(version, *member) for member in members(model, version)]
    return _envelope({"Files": files, "LatestCommitter": {"Id": version.commit}})


def file_json(version: Version, path: str, content: Content, lfs: bool) -> dict[str, Any]:
    """Return a file of a repository."""
    said = {
        "Path": path,
        "Name": path.rpartition("/")[2],
        "Type": "blob",
        "Size": content.size,
        "Sha256": content.hashes.sha256,
        "Revision": version.commit,
        "IsLFS": lfs,
        "CommittedDate": 1740830400,
    }
    file = next((file for file in version.files if file.name == path), None)
    return {**said, **(file.said if file else {})}


def _file(hub: TestHub, request: Request, model: Model, version: Version, path: str) -> Reply:
    if model.gated and not (hub.signed_in(request) and model.granted):
        return _failed(403, 10010205002, "没有权限访问该模型")
    member = next((member for member in members(model, version) if member[0] == path), None)
    if member is None:
        return _failed(404, 10010205001, f"文件不存在: {path}")
    file: File | None = next((file for file in version.files if file.name == path), None)
    if member[2] and file:
        return redirect(hub.sign(request.on, file), 302)
    return reply_file(request, member[1])
