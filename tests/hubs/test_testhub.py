"""The test hub itself, asked with plain sockets and http.client: what it promises is what it does."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hubman.disk.digest import digest_file
from tests.conftest import lora_bytes
from tests.testhub import TestHub, misbehave
from tests.testhub.catalogue import File, Model, Version
from tests.testhub.content import Held, OnDisk, Promised, Seeded, big_safetensors, picture
from tests.testhub.hub import ANSWERS, HUB_NAMES
from tests.testhub.misbehave import (
    Chunked,
    Cut,
    Disposition,
    Drop,
    Etag,
    GzipBomb,
    HugeJson,
    IgnoreRange,
    Loop,
    NoLength,
    OtherContent,
    PickleInstead,
    Redirect,
    Slow,
    Stall,
    Status,
    WrongHash,
    WrongLength,
    WrongRange,
    WrongSize,
)
from tests.testhub.names import HOSTILE_NAMES

DATA = lora_bytes(7)
SHA256 = hashlib.sha256(DATA).hexdigest()
ALL = ("civitai", "huggingface", "modelscope", "liblib", "civarchive", "openmodeldb")


class Got:
    """A reply as http.client saw it; `error` is what reading the body raised."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.error = answer.status, answer.headers, None
        try:
            self.body = answer.read()
        except http.client.IncompleteRead as error:
            self.body, self.error = error.partial, error
        except OSError as error:
            self.body, self.error = b"", error

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(url: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None, **more: str) -> Got:
    """Send one request over a connection of its own."""
    where = urlsplit(url)
    assert where.hostname
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
    try:
        data = None if body is None else json.dumps(body)
        sent = {"User-Agent": "hubman/test", **(headers or {}), **{k.replace("_", "-"): v for k, v in more.items()}}
        connection.request(method, where.path + (f"?{where.query}" if where.query else ""), data, sent)
        return Got(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture
def hub() -> Iterator[TestHub]:
    """A test hub with nothing in it."""
    with TestHub() as hub:
        yield hub


@pytest.fixture
def model(hub: TestHub) -> Model:
    """One LoRA on all hubs."""
    return hub.add(DATA, hubs=ALL, file_name="ink.safetensors")


@pytest.fixture
def link(hub: TestHub, model: Model) -> str:
    """A signed link to its file."""
    return hub.sign("civitai", model.versions[0].files[0])


def test_every_hub_has_an_origin_of_its_own(hub: TestHub) -> None:
    assert len({hub.url(name) for name in ANSWERS}) == len(ANSWERS)
    assert set(hub.environment()) == {f"HUBMAN_{name.upper()}_URL" for name in HUB_NAMES}


def test_ports_may_be_chosen() -> None:
    """The first is given, the others follow; the store may be elsewhere. What is taken is told."""
    for port in range(21_000, 60_000, 97):
        try:
            with TestHub(port=port, storage_port=port + 50) as hub:
                assert [door.port for name, door in hub.doors.items() if name != "storage"] == [
                    port + number for number, name in enumerate(ANSWERS) if name != "storage"
                ]
                assert hub.doors["storage"].port == port + 50
                with pytest.raises(OSError, match=str(port)), TestHub(port=port):
                    pass
            with TestHub(port=port) as hub:
                assert len({door.port for door in hub.doors.values()}) == len(ANSWERS)
                return
        except OSError:  # somebody else has one of them
            continue
    raise AssertionError("no nine free ports in a row")


def test_civitai_tells_of_a_model_by_number_version_hash_and_words(hub: TestHub, model: Model) -> None:
    base, version = hub.url("civitai") + "/api/v1", model.versions[0]
    said = ask(f"{base}/models/{model.id}").json
    (file,) = said["modelVersions"][0]["files"]
    assert file["hashes"]["SHA256"] == SHA256.upper()
    assert file["sizeKB"] * 1024 == len(DATA)
    assert ask(f"{base}/models?query=INK&types=LORA").json["items"][0]["id"] == model.id
    assert ask(f"{base}/models?query=ink&types=VAE").json["items"] == []
    assert ask(f"{base}/models?ids={model.id},7").json["items"][0]["name"] == "Ink Wash"
    full = ask(f"{base}/model-versions/{version.id}").json
    assert full["modelId"] == model.id
    assert full["trainedWords"] == ["shuimo"]
    for kind in ("SHA256", "AutoV2", "AutoV3", "CRC32", "BLAKE3"):
        assert ask(f"{base}/model-versions/by-hash/{file['hashes'][kind].lower()}").json["id"] == version.id
    assert ask(f"{base}/models/1").json == {"error": "No model with id 1"}
    assert ask(f"{base}/model-versions/by-hash/DEADBEEF").status == 404
    assert ask(f"{base}/images?modelVersionId={version.id}").json["items"][0]["nsfwLevel"] == "None"
    assert "LORA" in ask(f"{base}/enums").json["ModelType"]


def test_civitai_takes_hashes_in_bulk_up_to_its_limits(hub: TestHub, model: Model) -> None:
    base = hub.url("civitai") + "/api/v1/model-versions/by-hash"
    other = "0" * 64
    assert ask(base + "/ids", "POST", [SHA256, other]).json == [
        {"modelVersionId": model.versions[0].id, "modelId": model.id, "hash": SHA256.upper()}
    ]
    (version,) = ask(base, "POST", [other, SHA256.upper()]).json
    assert version["modelId"] == model.id
    assert "undefined" in version["downloadUrl"], "nobody may use the address in this answer"
    assert ask(base, "POST", [other] * 100).json == []
    assert ask(base, "POST", [other] * 101).status == 400
    assert ask(base + "/ids", "POST", [other] * 10_000).json == []
    assert ask(base + "/ids", "POST", [other] * 10_001).status == 400
    assert ask(base, "POST", ["abc"]).status == 400


def test_civitai_search_has_a_cursor_and_the_real_ones_refusals(hub: TestHub) -> None:
    for number in range(5):
        hub.add_model(f"Ink {number}", files=[Promised(f"{number:064x}")])
    base = hub.url("civitai") + "/api/v1/models"
    first = ask(f"{base}?query=ink&limit=2").json
    names = [item["name"] for item in first["items"]]
    following = first["metadata"]["nextPage"]
    while following:
        page = ask(following).json
        names += [item["name"] for item in page["items"]]
        following = page["metadata"].get("nextPage")
    assert names == [f"Ink {number}" for number in range(5)]
    assert ask(f"{base}?query=ink&page=2").status == 400
    assert ask(f"{base}?limit=100&page=11").status == 429
    assert ask(f"{base}?limit=101").status == 400


def test_civitai_download_is_a_signed_redirect_to_another_origin(hub: TestHub, model: Model) -> None:
    version = model.versions[0]
    answer = ask(f"{hub.url('civitai')}/api/download/models/{version.id}")
    assert answer.status == 307
    link = answer.headers["Location"]
    assert link.startswith(hub.url("storage"))
    got = ask(link)
    assert got.body == DATA
    assert "ink.safetensors" in got.headers["Content-Disposition"]
    assert any(signature in link for signature in hub.signatures)
    assert ask(link, Authorization="Bearer x").status == 400, "as R2 does"
    assert ask(link.replace("Signature=", "Signature=0")).status == 403
    hub.expire_links()
    assert ask(link).status == 403
    hub.link_seconds = -1
    assert ask(hub.sign("civitai", version.files[0])).status == 403


def test_civitai_chooses_the_file_by_number_or_words(hub: TestHub) -> None:
    small, other = File("b.safetensors", Held(b"b" * 20), fp="fp32"), File("c.vae.pt", Held(b"c" * 30), type="VAE")
    model = hub.add(DATA, small, other)
    base = f"{hub.url('civitai')}/api/download/models/{model.versions[0].id}"

    def got(query: str) -> bytes:
        answer = ask(base + query)
        return ask(answer.headers["Location"]).body if answer.status == 307 else b"%d" % answer.status

    assert got("") == DATA
    assert got(f"?fileId={other.id}") == b"c" * 30
    assert got("?type=Model&fp=fp32") == b"b" * 20
    assert got("?type=Config") == b"404"


@pytest.mark.parametrize(
    ("how", "status", "text"),
    [
        ({"requires_login": True}, 401, "logged in"),
        ({"disabled": True}, 401, "disabled"),
        ({"early_access": "2026-12-01T00:00:00.000Z"}, 403, "2026-12-01"),
        ({"forbidden": True}, 403, "do not have access"),
        ({"mode": "Archived"}, 410, "archived"),
        ({"deleted": True}, 404, "not found"),
    ],
)
def test_civitai_gates(hub: TestHub, how: dict[str, Any], status: int, text: str) -> None:
    model = hub.add(DATA, **how)
    answer = ask(f"{hub.url('civitai')}/api/download/models/{model.versions[0].id}")
    assert (answer.status, text in answer.body.decode()) == (status, True)


def test_civitai_sends_a_browser_to_the_login_page_and_lets_its_own_token_in(hub: TestHub) -> None:
    model = hub.add(DATA, requires_login=True)
    url = f"{hub.url('civitai')}/api/download/models/{model.versions[0].id}"
    answer = ask(url, User_Agent="Mozilla/5.0")
    assert "reason=download-auth" in answer.headers["Location"]
    page = ask(hub.url("civitai") + answer.headers["Location"])
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert ask(url, Authorization="Bearer wrong").status == 401
    assert ask(url, Authorization=f"Bearer {hub.tokens['civitai']}").status == 307
    assert ask(hub.url("civitai") + "/api/v1/me").status == 401
    assert ask(hub.url("civitai") + "/api/v1/me", Authorization=f"Bearer {hub.tokens['civitai']}").json["username"]


def test_the_other_civitai_has_models_of_its_own(hub: TestHub) -> None:
    model = hub.add(DATA, hubs=["civitai.red"])
    assert ask(f"{hub.url('civitai')}/api/v1/models/{model.id}").status == 404
    assert ask(f"{hub.url('civitai.red')}/api/v1/models/{model.id}").status == 200


def test_huggingface_tells_of_a_repository_and_redirects_its_large_files(hub: TestHub, model: Model) -> None:
    base, repo, version = hub.url("huggingface"), model.repo, model.versions[0]
    said = ask(f"{base}/api/models/{repo}?blobs=true").json
    large = {entry["rfilename"]: entry for entry in said["siblings"]}["ink.safetensors"]
    assert large["lfs"]["sha256"] == SHA256
    assert said["sha"] == version.commit
    assert "siblings" in ask(f"{base}/api/models/{repo}/revision/v1.0").json
    tree = {entry["path"]: entry for entry in ask(f"{base}/api/models/{repo}/tree/main?recursive=true").json}
    assert tree["ink.safetensors"]["lfs"]["oid"] == SHA256
    assert "lfs" not in tree["README.md"]
    head = ask(f"{base}/{repo}/resolve/main/ink.safetensors", "HEAD")
    assert head.status == 302
    assert head.headers["X-Linked-ETag"] == f'"{SHA256}"'
    assert head.headers["X-Repo-Commit"] == version.commit
    assert ask(head.headers["Location"]).body == DATA
    card = ask(f"{base}/{repo}/resolve/main/README.md")
    assert (card.status, b"license: openrail++" in card.body) == (200, True)
    assert ask(f"{base}/api/models?search=ink").json[0]["id"] == repo
    assert "RateLimit" in ask(f"{base}/api/models?search=ink").headers


def test_huggingface_refuses_with_its_own_codes(hub: TestHub, model: Model) -> None:
    base = hub.url("huggingface")
    token = {"Authorization": f"Bearer {hub.tokens['huggingface']}"}

    def refused(path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str | None]:
        answer = ask(base + path, headers=headers)
        return answer.status, answer.headers["X-Error-Code"]

    assert refused("/api/models/no/body") == (401, "RepoNotFound")
    assert refused("/api/models/no/body", token) == (404, "RepoNotFound")
    assert refused(f"/{model.repo}/resolve/nowhere/a.txt") == (404, "RevisionNotFound")
    assert refused(f"/{model.repo}/resolve/main/a.txt") == (404, "EntryNotFound")
    assert refused("/api/whoami-v2", {"Authorization": "Bearer wrong"}) == (401, None)
    assert ask(base + "/api/whoami-v2", headers=token).json["name"] == "tester"
    gated = hub.add(DATA, name="Gated", hubs=["huggingface"], gated="manual", renamed=("old/name",))
    where = f"/{gated.repo}/resolve/main/gated.safetensors"
    assert refused(where) == (401, "GatedRepo")
    assert refused(where, token) == (403, "GatedRepo")
    gated.granted = True
    assert refused(where, token) == (302, None)
    renamed = ask(base + "/api/models/old/name")
    assert (renamed.status, renamed.headers["Location"]) == (307, f"/api/models/{gated.repo}")


def test_huggingface_trees_and_lists_have_pages(hub: TestHub) -> None:
    many = [File(f"unet/part{number:03}.safetensors", Held(b"%d" % number)) for number in range(120)]
    model = hub.add(*many, hubs=["huggingface"])
    url: str | None = f"{hub.url('huggingface')}/api/models/{model.repo}/tree/main?recursive=true"
    paths = []
    while url:
        answer = ask(url)
        paths += [entry["path"] for entry in answer.json]
        link = answer.headers["Link"]
        url = link.partition("<")[2].partition(">")[0] if link else None
    assert len(paths) == len(set(paths)) == 120 + 4
    assert "unet" in paths
    for number in range(3):
        hub.add(b"x", name=f"Other {number}", hubs=["huggingface"])
    answer = ask(hub.url("huggingface") + "/api/models?search=other&limit=2")
    assert len(answer.json) == 2
    assert len(ask(answer.headers["Link"].partition("<")[2].partition(">")[0]).json) == 1


def test_liblib_has_an_envelope_and_a_login_for_downloads(hub: TestHub, model: Model) -> None:
    base = hub.url("liblib") + "/api/www"
    said = ask(f"{base}/model/getByUuid/{model.uuid}", "POST", {}).json
    assert said["code"] == 0
    (version,) = said["data"]["versions"]
    assert json.loads(json.loads(version["versionIntro"])["triggerWord"]) == ["shuimo"]
    assert version["attachment"]["modelSourceHash"] == SHA256
    assert ask(version["attachment"]["modelSource"]).status == 403, "not without a signature"
    assert ask(f"{base}/model/getByUuid/{'0' * 32}", "POST", {}).json["data"] is None
    assert ask(f"{base}/model-version/hash/{SHA256}").json["data"]["uuid"] == version["uuid"]
    assert ask(f"{base}/model-version/hash/{'0' * 64}").json["data"] is None
    search = {"keyword": "ink", "page": 1, "pageSize": 50, "cid": "", "requestId": "r"}
    assert ask(f"{base}/model/search", "POST", search).json["data"]["data"][0]["uuid"] == model.uuid
    listed = ask(f"{base}/model-version/modelVersion/listByIds", "POST", {"versionIds": [version["id"]]}).json
    assert listed["data"][0]["modelUuid"] == model.uuid
    token = {"token": hub.tokens["liblib"]}
    wanted = {"modelId": model.id, "modelVersionId": version["uuid"], "uuid": model.uuid}
    assert ask(f"{base}/community/downloadCheck", "POST", wanted).json["code"] != 0
    assert ask(f"{base}/community/downloadCheck", "POST", wanted, token).json["data"] is True
    link = ask(f"{base}/model/download/{model.uuid}?timestamp=1", headers=token).json["data"]
    assert "auth_key=" in link
    assert ask(link).body == DATA
    hub.liblib_quota = 0
    assert ask(f"{base}/model/download/{model.uuid}", headers=token).json["msg"] == "下载超过限制"
    assert ask(f"{base}/user/getUserInfo", "POST", {}, token).json["data"]["nickname"] == "tester"
    assert ask(version["imageGroup"]["coverUrl"]).status == 403, "no picture without a Referer"
    assert ask(version["imageGroup"]["coverUrl"], Referer="https://www.liblib.art").body == picture()


def test_modelscope_searches_lists_and_redirects(hub: TestHub, model: Model) -> None:
    base, repo = hub.url("modelscope"), model.repo
    (found,) = ask(f"{base}/api/v1/dolphin/models", "PUT", {"Name": "ink", "PageSize": 10, "PageNumber": 1}).json[
        "Data"
    ]["Model"]["Models"]
    assert (found["Path"] + "/" + found["Name"], found["TriggerWords"]) == (repo, ["shuimo"])
    assert ask(f"{base}/api/v1/dolphin/models").status == 404, "only PUT"
    assert ask(f"{base}/openapi/v1/models?search=ink").json["data"]["models"][0]["id"] == repo
    assert ask(f"{base}/openapi/v1/models?page_number=31&page_size=100").status == 400
    files = {f["Path"]: f for f in ask(f"{base}/api/v1/models/{repo}/repo/files?Revision=master").json["Data"]["Files"]}
    assert files["ink.safetensors"]["Sha256"] == SHA256
    for path in (
        f"/api/v1/models/{repo}/repo?Revision=master&FilePath=ink.safetensors",
        f"/models/{repo}/resolve/master/ink.safetensors",
    ):
        answer = ask(base + path)
        assert answer.status == 302
        assert ask(answer.headers["Location"]).body == DATA
    assert ask(f"{base}/api/v1/models/no/body").json["Success"] is False
    assert ask(f"{base}/api/v1/users/login/info").status == 401


def test_civarchive_keeps_what_was_deleted(hub: TestHub) -> None:
    model = hub.add(DATA, hubs=["civitai", "civarchive"], deleted=True)
    base = hub.url("civarchive")
    said = ask(f"{base}/api/sha256/{SHA256}").json
    assert said["model"]["deletedAt"]
    dead, alive = said["files"]
    assert ask(dead["url"]).status == 404
    assert ask(alive["url"]).body == DATA
    assert ask(f"{base}/api/models/{model.id}").json["version"]["files"][0]["sha256"] == SHA256
    assert ask(f"{base}/api/models/7").status == 500, "as the real one does"
    assert ask(f"{base}/api/search?q=ink").json["results"][0]["kind"] == "version"
    page = ask(f"{base}/_next/data/{hub.build}/models/{model.id}.json").json["pageProps"]["model"]
    assert page["version"]["files"][0]["size_kb"] * 1024 == len(DATA)
    assert ask(f"{base}/_next/data/old/models/{model.id}.json").status == 404


def test_openmodeldb_is_one_json(hub: TestHub, model: Model) -> None:
    models = ask(hub.url("openmodeldb") + "/api/v1/models.json").json
    (resource,) = models["4x-Ink-Wash"]["resources"]
    assert resource["sha256"] == SHA256
    assert ask(resource["urls"][0]).body == DATA


@pytest.mark.parametrize(
    ("asked", "status", "wanted", "shown"),
    [
        ("bytes=0-", 206, DATA, f"bytes 0-{len(DATA) - 1}/{len(DATA)}"),
        ("bytes=100-199", 206, DATA[100:200], f"bytes 100-199/{len(DATA)}"),
        ("bytes=-10", 206, DATA[-10:], f"bytes {len(DATA) - 10}-{len(DATA) - 1}/{len(DATA)}"),
        (f"bytes={len(DATA) - 1}-999999999", 206, DATA[-1:], f"bytes {len(DATA) - 1}-{len(DATA) - 1}/{len(DATA)}"),
        (f"bytes={len(DATA)}-", 416, b"", f"bytes */{len(DATA)}"),
        ("bytes=0-1,5-6", 200, DATA, None),
        ("lines=1-2", 200, DATA, None),
    ],
)
def test_ranges(link: str, asked: str, status: int, wanted: bytes, shown: str | None) -> None:
    got = ask(link, Range=asked)
    assert (got.status, got.body, got.headers["Content-Range"]) == (status, wanted, shown)


def test_if_range_and_if_none_match(hub: TestHub, link: str) -> None:
    etag = ask(link).headers["ETag"]
    assert ask(link, Range="bytes=9-", If_Range=etag).status == 206
    assert ask(link, Range="bytes=9-", If_Range='"other"').body == DATA
    assert ask(link, If_None_Match=etag).status == 304
    hub.misbehave(Etag(f"W/{etag}"))
    assert ask(link).headers["ETag"] == f"W/{etag}"
    assert ask(link, Range="bytes=9-", If_Range=f"W/{etag}").status == 200, "a weak one is no condition for a range"


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_ends_after_exactly_n_bytes(hub: TestHub, link: str, reset: bool) -> None:
    hub.misbehave(Cut(after=20_000, reset=reset), on="storage", times=1)
    where = urlsplit(link)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received, ended = b"", ""
        while not ended:
            try:
                data = connection.recv(65536)
                received, ended = received + data, "" if data else "fin"
            except ConnectionResetError:
                ended = "rst"
    assert received.partition(b"\r\n\r\n")[2] == DATA[:20_000]
    assert ended == ("rst" if reset else "fin")
    assert hub.requests[-1].sent == 20_000
    assert not hub.requests[-1].finished
    assert ask(link).body == DATA


def test_random_cuts_are_the_same_for_the_same_seed(hub: TestHub, link: str) -> None:
    def places(seed: int) -> list[int]:
        with hub.misbehave(Cut(), on="storage", seed=seed):
            return [len(ask(link).body) for _ in range(4)]

    assert places(1) == places(1) != places(2)


def test_a_range_that_is_ignored_or_wrong(hub: TestHub, link: str) -> None:
    with hub.misbehave(IgnoreRange()):
        assert (ask(link, Range="bytes=5-").status, ask(link, Range="bytes=5-").body) == (200, DATA)
    with hub.misbehave(WrongRange(shift=3)):
        got = ask(link, Range="bytes=5-")
        assert (got.body, got.headers["Content-Range"]) == (DATA[5:], f"bytes 8-{len(DATA) - 1}/{len(DATA)}")
    with hub.misbehave(WrongRange(shift=3, honest=True)):
        assert ask(link, Range="bytes=5-").body == DATA[8:]
    with hub.misbehave(WrongRange(missing=True)):
        assert ask(link, Range="bytes=5-").headers["Content-Range"] is None
    with hub.misbehave(WrongRange(shift=0, total=5)):
        assert ask(link, Range="bytes=5-").headers["Content-Range"].endswith("/5")


def test_lengths_that_lie(hub: TestHub, link: str) -> None:
    with hub.misbehave(WrongLength(by=9)):
        got = ask(link)
        assert (got.body, isinstance(got.error, http.client.IncompleteRead)) == (DATA, True)
    with hub.misbehave(WrongLength(by=-9)):
        assert ask(link).body == DATA[:-9]
    with hub.misbehave(NoLength()):
        got = ask(link)
        assert (got.body, got.headers["Content-Length"]) == (DATA, None)
    with hub.misbehave(Chunked()):
        got = ask(link)
        assert (got.body, got.headers["Transfer-Encoding"]) == (DATA, "chunked")


def test_contents_that_are_not_what_was_promised(hub: TestHub, link: str) -> None:
    etag = ask(link).headers["ETag"]
    with hub.misbehave(WrongHash(at=10)):
        got = ask(link)
        assert [n for n in range(len(DATA)) if got.body[n] != DATA[n]] == [10]
        assert got.headers["ETag"] == etag
    with hub.misbehave(WrongSize(by=5)):
        assert ask(link).body == DATA + bytes(5)
    with hub.misbehave(WrongSize(by=-5)):
        assert ask(link).body == DATA[:-5]
    with hub.misbehave(OtherContent(seed=4)):
        got = ask(link, Range="bytes=9-", If_Range=etag)
        assert (got.status, len(got.body), got.body == DATA) == (200, len(DATA), False)
        assert got.headers["ETag"] != etag
    with hub.misbehave(PickleInstead()):
        assert ask(link).body.startswith(b"cposix\nsystem")
    assert ask(link).body == DATA


def test_statuses_pages_and_redirects(hub: TestHub, model: Model) -> None:
    url = f"{hub.url('civitai')}/api/v1/models/{model.id}"
    date = misbehave.http_date(time.time() + 60)
    with hub.misbehave(Status(429, retry_after=7)):
        assert (ask(url).status, ask(url).headers["Retry-After"]) == (429, "7")
    with hub.misbehave(Status(503, retry_after=date, body={"error": "later"})):
        assert (ask(url).headers["Retry-After"], ask(url).json) == (date, {"error": "later"})
    with hub.misbehave(misbehave.LoginPage()):
        assert (ask(url).status, b"Sign in" in ask(url).body) == (200, True)
    with hub.misbehave(misbehave.LoginRedirect()):
        assert ask(url).headers["Location"].startswith("/login?")
    with hub.misbehave(Loop()):
        assert ask(url).headers["Location"] in url
    for to in ("{elsewhere}{path}", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"):
        with hub.misbehave(Redirect(to)):
            wanted = to.replace("{elsewhere}", hub.url("elsewhere")).replace("{path}", urlsplit(url).path)
            assert ask(url).headers["Location"] == wanted
    with hub.misbehave(Redirect("/end", hops=50)):
        hops, at = 0, url
        while not at.endswith("/end"):
            at, hops = hub.url("civitai") + ask(at).headers["Location"], hops + 1
        assert hops == 51


def test_json_that_is_none_or_strange(hub: TestHub, model: Model) -> None:
    url = f"{hub.url('civitai')}/api/v1/models/{model.id}"
    plain = ask(url).json
    for fault in (misbehave.html(), misbehave.garbage(), misbehave.empty()):
        with hub.misbehave(fault), pytest.raises(ValueError):
            _ = ask(url).json
    with hub.misbehave(misbehave.unknown_fields()):
        strange = ask(url).json
        assert strange["zzNew"] == {"a": [1]}
        assert strange["modelVersions"][0]["zzNew"]
    for maker in (misbehave.nulls, misbehave.missing, misbehave.wrong_types):
        with hub.misbehave(maker(0.5), seed=3):
            assert ask(url).json != plain
    with hub.misbehave(misbehave.wrong_types(1.0, keep="id|name")):
        assert ask(url).json["id"] == model.id
    with hub.misbehave(HugeJson(3 << 20)):
        assert len(ask(url).json["a"]) == (3 << 20) - 9
    with hub.misbehave(GzipBomb(8 << 20)):
        got = ask(url)
        assert len(got.body) < 20_000
        assert len(gzip.decompress(got.body)) == (8 << 20) + 2
    with hub.misbehave(misbehave.Deep(50_000)):
        assert ask(url).body.startswith(b"[[[[")


def test_no_answer_at_all(hub: TestHub, model: Model) -> None:
    with hub.misbehave(Drop()), pytest.raises(http.client.RemoteDisconnected):
        ask(hub.url("civitai") + "/api/v1/me")
    with hub.misbehave(Drop(reset=True)), pytest.raises(ConnectionResetError):
        ask(hub.url("civitai") + "/api/v1/me")


def test_rules_count_skip_and_choose(hub: TestHub, link: str) -> None:
    url = hub.url("civitai") + "/api/v1/enums"
    rule = hub.misbehave(Status(500), on="civitai", path="enums", method="GET", skip=1, times=2)
    assert [ask(url).status for _ in range(5)] == [200, 500, 500, 200, 200]
    assert rule.used == 2
    assert ask(link).status == 200
    hub.misbehave(Status(500), chance=0.5, seed=1)
    assert {ask(url).status for _ in range(30)} == {200, 500}
    hub.behave()
    assert ask(url).status == 200
    with pytest.raises(ValueError, match="no port"):
        hub.misbehave(Status(500), on="civitia")


def test_a_stall_and_a_slow_line_end_with_the_hub() -> None:
    """Nobody waits for a fault of an hour when a test is over."""
    began = time.monotonic()
    with TestHub() as hub:
        link = hub.sign("civitai", hub.add(big_safetensors(1 << 20)).versions[0].files[0])
        hub.misbehave(Stall(after=5000, seconds=3600), times=1)
        hub.misbehave(Slow(rate=1000), times=1, skip=1)
        where = urlsplit(link)
        connections = [socket.create_connection((where.hostname, where.port), timeout=20) for _ in range(2)]
        for connection in connections:
            connection.sendall(f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    for connection in connections:
        connection.close()
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_hostile_names_travel_in_json_and_headers(hub: TestHub, name: str) -> None:
    """They arrive as they are: in JSON, and percent-encoded in Content-Disposition."""
    model = hub.add(File(name, Held(DATA)))
    said = ask(f"{hub.url('civitai')}/api/v1/models/{model.id}").json
    assert said["modelVersions"][0]["files"][0]["name"] == name
    for form in ("plain", "star", "both"):
        with hub.misbehave(Disposition(name, form), on="storage"):
            assert ask(hub.sign("civitai", model.versions[0].files[0])).body == DATA


def test_forty_five_names() -> None:
    assert len(set(HOSTILE_NAMES)) == 45


def test_a_token_is_a_leak_anywhere_but_in_a_header_at_home(hub: TestHub, model: Model, link: str) -> None:
    token = hub.tokens["civitai"]
    bearer = {"Authorization": f"Bearer {token}"}
    home = hub.url("civitai") + "/api/v1/me"
    ask(home, headers=bearer)
    ask(hub.url("civitai.red") + "/api/v1/me", headers=bearer)
    assert hub.leaks(token) == []
    ask(f"{home}?token={token}")
    ask(home, headers={"Referer": f"http://x/?token={token}"})
    ask(home, "POST", {"token": token})
    ask(hub.url("huggingface") + "/api/models", headers=bearer)
    ask(home.replace("127.0.0.1", "localhost"), headers=bearer)
    ask(link, headers={"X-Api-Key": token})
    ask(f"{hub.url('elsewhere')}/%63ivitai{token.removeprefix('civitai')}")
    assert [request.on for request in hub.leaks(token)] == ["civitai"] * 3 + [
        "huggingface",
        "civitai",
        "storage",
        "elsewhere",
    ]
    assert hub.leaks("my-own-secret", home="civitai") == []


def test_requests_are_recorded(hub: TestHub, model: Model) -> None:
    ask(f"{hub.url('civitai')}/api/v1/models/{model.id}?a=%20b", "GET", headers={"X-Thing": "yes"})
    (request,) = hub.seen("civitai", "/models/", "GET")
    assert (request.path, request.field("a"), request.header("x-thing")) == (f"/api/v1/models/{model.id}", " b", "yes")
    assert (request.header("User-Agent"), request.status, request.finished) == ("hubman/test", 200, True)
    hub.forget()
    assert hub.requests == []


def test_connections_are_kept_and_counted(hub: TestHub, link: str) -> None:
    where = urlsplit(link)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    for _ in range(3):
        connection.request("GET", f"{where.path}?{where.query}")
        assert connection.getresponse().read() == DATA
    connection.close()
    assert hub.doors["storage"].connections == 1
    barrier = threading.Barrier(4)

    def together() -> None:
        barrier.wait(10)
        ask(link)

    with hub.misbehave(misbehave.Late(0.2)):
        threads = [threading.Thread(target=together) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert hub.doors["storage"].peak == 4


def test_a_big_file_is_made_up_and_has_true_hashes(tmp_path: Path, hub: TestHub) -> None:
    content = big_safetensors(5_000_001, seed=4, metadata={"ss_network_dim": "4"})
    path = tmp_path / "big.safetensors"
    path.write_bytes(content.read())
    header = int.from_bytes(content.read(0, 8), "little")
    assert content.hashes == digest_file(str(path), 8 + header)
    assert content.hashes.autov1
    whole = content.read()
    assert [content.read(at, at + 3_000_000) for at in (0, 5, 1032, 1_049_600)] == [
        whole[at : at + 3_000_000] for at in (0, 5, 1032, 1_049_600)
    ]
    blocks = {whole[1032 + at : 1032 + at + 16] for at in range(0, 4 << 20, 1 << 20)}
    assert len(blocks) == 4, "every block differs, so that none can be in the place of another"
    assert Seeded(100, 1).read() != Seeded(100, 2).read()
    link = hub.sign("civitai", hub.add(content).versions[0].files[0])
    got = ask(link, Range="bytes=4000000-")
    assert got.body == whole[4_000_000:]


def test_a_real_file_is_sent_as_it_is(tmp_path: Path, hub: TestHub) -> None:
    path = tmp_path / "real.safetensors"
    path.write_bytes(os.urandom(3_000_000))
    content = OnDisk(path)
    link = hub.sign("civitai", hub.add(content).versions[0].files[0])
    assert ask(link).body == path.read_bytes()
    assert ask(link, Range="bytes=1000001-2000000").body == path.read_bytes()[1_000_001:2_000_001]
    hub.misbehave(Cut(after=1_234_567), on="storage")
    assert ask(link).body == path.read_bytes()[:1_234_567]


def test_a_promised_content_is_known_by_its_hash_and_has_no_bytes(hub: TestHub) -> None:
    model = hub.add_model("Far Away", files=[Promised("ab" * 32, 12345)], versions=[])
    assert ask(f"{hub.url('civitai')}/api/v1/model-versions/by-hash/{'AB' * 32}").json["modelId"] == model.id


def test_a_mistake_of_the_hub_itself_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="only promised"), TestHub() as hub:
        ask(hub.sign("civitai", hub.add(Promised("ab" * 32)).versions[0].files[0]))


def test_versions_are_newest_first_everywhere(hub: TestHub) -> None:
    versions = [
        Version("v2", [File("b.safetensors", Held(b"b" * 99))]),
        Version("v1", [File("a.safetensors", Held(b"a" * 99))]),
    ]
    model = hub.add_model("Two", versions=versions, hubs=ALL)
    said = ask(f"{hub.url('civitai')}/api/v1/models/{model.id}").json
    assert [version["name"] for version in said["modelVersions"]] == ["v2", "v1"]
    assert ask(f"{hub.url('huggingface')}/api/models/{model.repo}").json["sha"] == versions[0].commit
    assert (
        ask(ask(f"{hub.url('huggingface')}/{model.repo}/resolve/v1/a.safetensors").headers["Location"]).body
        == b"a" * 99
    )


def test_a_contributor_can_start_it(tmp_path: Path) -> None:
    (tmp_path / "ink.safetensors").write_bytes(DATA)
    command = [sys.executable, "-m", "tests.testhub", "--library", str(tmp_path), "--for", "20"]
    command += ["--misbehave", "Status(429, retry_after=2)@civitai*1"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(6)]
            urls = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
            assert set(urls) == {f"HUBMAN_{name.upper()}_URL" for name in HUB_NAMES}
            assert [ask(urls["HUBMAN_CIVITAI_URL"] + "/api/v1/enums").status for _ in range(2)] == [429, 200]
            found = ask(urls["HUBMAN_MODELSCOPE_URL"] + "/openapi/v1/models?search=ink").json
            assert found["data"]["models"][0]["display_name"] == "ink"
        finally:
            process.kill()
