"""Hugging Face's API: models, trees, resolve. A Version is a commit; the newest is `main`, its name is a tag."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from tests.testhub.catalogue import File, Model, Version
from tests.testhub.content import Content, Held
from tests.testhub.wire import Reply, Request, redirect, reply_file, reply_json

if TYPE_CHECKING:
    from tests.testhub.hub import TestHub

TREE_PAGE = 50
"""Entries of a tree in one page here (the real one: 1000, or 50 when expanded)."""
REPO = r"([\w.-]+/[\w.-]+)"


def answer(hub: TestHub, request: Request) -> Reply:
    """Answer any request to the Hugging Face port."""
    reply = _answer(hub, request)
    if request.path.startswith("/api/"):
        reply.headers.setdefault("RateLimit", '"api";r=480;t=55')
        reply.headers.setdefault("RateLimit-Policy", '"fixed window";"api";q=500;w=300')
    return reply


def _answer(hub: TestHub, request: Request) -> Reply:
    path = request.path
    if request.header("authorization") and not hub.signed_in(request):
        return _error(401, None, "Invalid credentials in Authorization header")
    if path == "/api/whoami-v2":
        if not hub.signed_in(request):
            return _error(401, None, "Invalid username or password.")
        token = {"displayName": "test", "role": "read"}
        return reply_json(
            {
                "type": "user",
                "id": "65a1b2c3",
                "name": hub.account,
                "fullname": hub.account,
                "auth": {"accessToken": token},
            }
        )
    if path in ("/api/models", "/api/models/"):
        return _search(hub, request)
    if match := re.fullmatch(rf"/api/models/{REPO}(?:/revision/([^/]+))?", path):
        return _info(hub, request, match[1], match[2])
    if match := re.fullmatch(rf"/api/models/{REPO}/tree/([^/]+)(?:/(.*))?", path):
        return _tree(hub, request, match[1], match[2], match[3] or "")
    if match := re.fullmatch(rf"/api/models/{REPO}/paths-info/([^/]+)", path):
        return _paths(hub, request, match[1], match[2])
    if match := re.fullmatch(rf"/api/models/{REPO}/auth-check", path):
        found = _find(hub, request, match[1], None)
        return found if isinstance(found, Reply) else _gate(hub, request, *found) or reply_json({})
    if match := re.fullmatch(rf"/{REPO}/(?:resolve|raw)/([^/]+)/(.+)", path, re.DOTALL):
        return _resolve(hub, request, match[1], match[2], match[3])
    return _error(404, None, "Sorry, we can't find the page you are looking for.")


def _error(status: int, code: str | None, text: str, **headers: str) -> Reply:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply_json(
        {"error": text}, status, {**({"X-Error-Code": code} if code else {}), "X-Error-Message": text, **more}
    )


def _find(hub: TestHub, request: Request, repo: str, revision: str | None) -> tuple[Model, Version] | Reply:
    """Return a repository at a revision, or the reply that says why not."""
    model = hub.catalogue.model(request.on, lambda model: model.repo == repo)
    if model is None and (renamed := hub.catalogue.model(request.on, lambda model: repo in model.renamed)):
        return redirect(request.target.replace(repo, renamed.repo, 1), 307)
    if model is None or (model.private and not hub.signed_in(request)):
        return _error(404 if hub.signed_in(request) else 401, "RepoNotFound", "Repository not found")
    version = _version(model, revision)
    if version is None:
        return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    return model, version


def _version(model: Model, revision: str | None) -> Version | None:
    if revision in (None, "main", "refs%2Fheads%2Fmain", "HEAD"):
        return model.versions[0]
    return model.version(lambda version: revision in (version.commit, version.name) or version.commit[:7] == revision)


def members(model: Model, version: Version) -> list[tuple[str, Content, bool]]:
    """Return path, content and whether it is in the large-file store, of everything in a commit."""
    made = [(file.name, file.content, file.lfs) for file in version.files]
    names = {name for name, _, _ in made}
    extra = {".gitattributes": "*.safetensors filter=lfs\n", "README.md": _card_text(model, version)}
    made += [(name, Held(text.encode()), False) for name, text in extra.items() if name not in names]
    for number, image in enumerate(version.images):
        if f"image_{number}.png" not in names:
            made.append((f"image_{number}.png", image.content, False))
    return sorted(made, key=lambda entry: entry[0])


def card(model: Model, version: Version) -> dict[str, Any]:
    """Return cardData."""
    return {
        "license": model.licence,
        "base_model": version.base_model,
        "instance_prompt": ", ".join(version.words) or None,
        "tags": list(model.tags),
        "widget": [
            {"text": f"a photo of {' '.join(version.words)}", "output": {"url": f"image_{number}.png"}}
            for number in range(len(version.images))
        ],
    }


def info(hub: TestHub, model: Model, version: Version, *, blobs: bool = False, full: bool = True) -> dict[str, Any]:
    """Return a repository as the API tells of it."""
    kind = {"lora": ["lora", "template:sd-lora"], "embedding": ["textual_inversion"]}.get(model.kind, [])
    relation = "adapter:" if model.kind == "lora" else ""
    tags = [
        "diffusers",
        "text-to-image",
        *kind,
        *model.tags,
        f"base_model:{version.base_model}",
        f"license:{model.licence}",
    ]
    answer: dict[str, Any] = {
        "_id": hashlib.sha256(model.repo.encode()).hexdigest()[:24],
        "id": model.repo,
        "modelId": model.repo,
        "author": model.repo.partition("/")[0],
        "sha": version.commit,
        "lastModified": version.published,
        "createdAt": model.versions[-1].published,
        "private": model.private,
        "disabled": False,
        "gated": model.gated,
        "pipeline_tag": "text-to-image",
        "tags": [*tags, *([f"base_model:{relation}{version.base_model}"] if relation else []), "region:us"],
        "downloads": model.downloads,
        "likes": 12,
        "library_name": "diffusers",
        "cardData": card(model, version),
    }
    if full:
        answer["siblings"] = [
            {"rfilename": path, **(_blob(content, lfs) if blobs else {})}
            for path, content, lfs in members(model, version)
        ]
    return {**answer, **model.said}


def _blob(content: Content, lfs: bool) -> dict[str, Any]:
    more = {"lfs": {"sha256": content.hashes.sha256, "size": content.size, "pointerSize": 134}} if lfs else {}
    return {"blobId": content.blob_id, "size": content.size, **more}


def _card_text(model: Model, version: Version) -> str:
    lines = [f"license: {model.licence}", f"base_model: {version.base_model}"]
    return "---\n" + "\n".join(lines) + f"\n---\n# {model.name}\n\n{model.description}\n"


def _search(hub: TestHub, request: Request) -> Reply:
    words = request.field("search").lower().split()
    author, limit = request.field("author"), int(request.field("limit", "1000"))
    start = int(request.field("cursor", "0") or 0)
    full = request.field("full").lower() in ("true", "1")
    found = []
    for model in hub.catalogue.of(request.on):
        said = info(hub, model, model.versions[0], full=full)
        if model.private or (author and said["author"] != author):
            continue
        if all(word in model.repo.lower() for word in words) and all(
            tag in said["tags"] for value in request.query.get("filter", []) for tag in value.split(",")
        ):
            found.append(said)
    if request.field("sort") == "downloads":
        found.sort(key=lambda said: -said["downloads"])
    reply = reply_json(found[start : start + limit])
    if start + limit < len(found):
        query = urlencode({**request.query, "cursor": str(start + limit)}, doseq=True)
        reply.headers["Link"] = f'<{hub.url(request.on)}/api/models?{query}>; rel="next"'
    return reply


def _info(hub: TestHub, request: Request, repo: str, revision: str | None) -> Reply:
    found = _find(hub, request, repo, revision)
    if isinstance(found, Reply):
        return found
    return reply_json(info(hub, *found, blobs=request.field("blobs").lower() in ("true", "1")))


def _tree(hub: TestHub, request: Request, repo: str, revision: str, below: str) -> Reply:
    found = _find(hub, request, repo, revision)
    if isinstance(found, Reply):
        return found
    recursive = request.field("recursive").lower() in ("true", "1")
    prefix = f"{below}/" if below else ""
    entries: dict[str, dict[str, Any]] = {}
    for path, content, lfs in members(*found):
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts)):
            folder = prefix + "/".join(parts[:depth])
            if recursive or depth == 1:
                entries.setdefault(
                    folder,
                    {
                        "type": "directory",
                        "oid": hashlib.sha256(folder.encode()).hexdigest()[:40],
                        "size": 0,
                        "path": folder,
                    },
                )
        if recursive or len(parts) == 1:
            entries[path] = entry(path, content, lfs)
    if below and not entries:
        return _error(404, "EntryNotFound", f"{below} does not exist on {revision}")
    listed = list(entries.values())
    start = int(request.field("cursor", "0") or 0)
    reply = reply_json(listed[start : start + TREE_PAGE])
    if start + TREE_PAGE < len(listed):
        query = urlencode({**request.query, "cursor": str(start + TREE_PAGE)}, doseq=True)
        reply.headers["Link"] = f'<{hub.url(request.on)}{quote(request.path)}?{query}>; rel="next"'
    return reply


def entry(path: str, content: Content, lfs: bool) -> dict[str, Any]:
    """Return a file of a tree: here the sha256 is called `oid`."""
    said = {"type": "file", "oid": content.blob_id, "size": content.size, "path": path}
    if lfs:
        said["lfs"] = {"oid": content.hashes.sha256, "size": content.size, "pointerSize": 134}
        said["xetHash"] = hashlib.sha256(b"xet" + path.encode()).hexdigest()
    return said


def _paths(hub: TestHub, request: Request, repo: str, revision: str) -> Reply:
    found = _find(hub, request, repo, revision)
    if isinstance(found, Reply):
        return found
    wanted = (request.json or {}).get("paths", [])
    return reply_json([entry(*member) for member in members(*found) if member[0] in wanted])


def _resolve(hub: TestHub, request: Request, repo: str, revision: str, path: str) -> Reply:
    found = _find(hub, request, repo, revision)
    if isinstance(found, Reply):
        return found
    model, version = found
    if (refused := _gate(hub, request, model, version)) is not None:
        return refused
    member = next((member for member in members(model, version) if member[0] == path), None)
    if member is None:
        return _error(404, "EntryNotFound", "Entry not found", X_Repo_Commit=version.commit)
    _, content, lfs = member
    file = next((file for file in version.files if file.name == path), None)
    common = {"X-Repo-Commit": version.commit, "Accept-Ranges": "bytes"}
    if not lfs or file is None:
        small = {**common, "ETag": f'"{content.blob_id}"', "Content-Type": "text/plain; charset=utf-8"}
        return reply_file(request, content, small)
    sha256 = file.said.get("sha256", content.hashes.sha256)
    return redirect(
        _signed(hub, request, file),
        302,
        {**common, "X-Linked-Size": str(content.size), "X-Linked-ETag": f'"{sha256}"', "ETag": f'"{content.blob_id}"'},
    )


def _gate(hub: TestHub, request: Request, model: Model, version: Version) -> Reply | None:
    """Return what keeps somebody out of a repository's files; None: nothing."""
    if model.gated and not (hub.signed_in(request) and model.granted):
        text = f"Access to model {model.repo} is restricted"
        if hub.signed_in(request):
            page = f"https://huggingface.co/{model.repo}"
            return _error(403, "GatedRepo", f"{text} and you are not in the authorized list. Visit {page}.")
        return _error(
            401, "GatedRepo", f"{text}. You must have access to it and be authenticated to access it. Please log in."
        )
    if version.disabled:
        return _error(403, None, "Access to this resource is disabled.")
    return None


def _signed(hub: TestHub, request: Request, file: File) -> str:
    return hub.sign(request.on, file)
