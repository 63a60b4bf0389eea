"""app.cached_sources: where files come from, told by a Hugging Face cache; read only, and without any network."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path

import pytest

from hubman.app.cached_sources import cached_file, cached_sources, enriched, matches_of, record_cached
from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions
from hubman.cli import COMMANDS, run
from hubman.core.library import SidecarPolicy
from hubman.core.model_card import card_of
from hubman.disk.hf_cache import cache_folder, local_download
from hubman.errors import HubError
from hubman.hubs._http import Web
from hubman.hubs.huggingface import HuggingFace
from hubman.store.door import open_store
from hubman.store.reader import open_reader
from tests.caches import CARD, put_cached
from tests.conftest import lora_bytes
from tests.testhub import TestHub

OLD, NEW = "a" * 40, "b" * 40
DATA = lora_bytes(fill=6)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    hub = tmp_path / "hf/hub"
    put_cached(hub, "someone/ink", OLD, {"pytorch_lora_weights.safetensors": DATA})
    put_cached(hub, "someone/ink", NEW, {"pytorch_lora_weights.safetensors": DATA, "README.md": CARD.encode()})
    return hub


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def tree(folder: Path) -> list[tuple[str, int]]:
    """Return every path below a folder with its modification time."""
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


def test_a_copy_in_the_library_is_known_by_its_content(cache: Path, tmp_path: Path, no_network: None) -> None:
    """Repository, newest commit that has it, trigger word, licence and base from the card; the cache is not touched."""
    before = tree(cache)
    (match,) = matches_of({SHA256: [str(tmp_path / "models/ink.safetensors")], "0" * 64: []}, caches=[str(cache)])
    listing = match.listing
    assert (listing.hub, listing.model_id, listing.version_id) == ("huggingface", "someone/ink", NEW)
    assert (listing.words, listing.licence.name, listing.architecture, listing.kind) == (
        ("a photo of TOK dog",), "openrail++", "sdxl", "lora",
    )  # fmt: skip
    assert listing.page == "https://huggingface.co/someone/ink"
    assert match.file is not None
    assert (match.sha256, match.how, match.file.id, match.file.size) == (
        SHA256, "sha256", "pytorch_lora_weights.safetensors", len(DATA),
    )  # fmt: skip
    assert tree(cache) == before


def test_a_library_learns_where_its_files_come_from(cache: Path, webui: Path, isolated: Path, no_network: None) -> None:
    """Through the store: what the cache told once is not asked again."""
    (webui / "Lora/ink.safetensors").write_bytes(DATA)
    (webui / "Lora/other.safetensors").write_bytes(lora_bytes(fill=7))
    store = open_store(isolated / "library.db", isolated / "backups")
    add_root(store, str(webui), None, SidecarPolicy.OFF)
    with open_reader(store.path) as reader:
        roots = reader.roots()
    Sync(store, SyncOptions()).run(roots)
    environ = {"HF_HUB_CACHE": str(cache)}
    with open_reader(store.path) as reader:
        matches = cached_sources(reader, 1, environ=environ)
        assert cached_sources(reader, 1, environ={"HF_HUB_CACHE": str(cache / "absent")}) == []
    assert [(match.sha256, match.listing.model_id) for match in matches] == [(SHA256, "someone/ink")]
    with store.writer() as writer:
        writer.hubs.record_provenance([(m.sha256, m.listing, m.file.id if m.file else None, m.how) for m in matches])
    with open_reader(store.path) as reader:
        assert cached_sources(reader, 1, environ=environ) == []
        assert reader.hubs.of_contents([SHA256])[SHA256][0].listing.model_id == "someone/ink"
    store.close()


def test_a_copy_without_links_is_known_by_its_path(tmp_path: Path) -> None:
    """Windows without the right to make links, and a cache that is a root of the library."""
    snapshot = put_cached(tmp_path / "hub", "gpt2", OLD, {"unet/a.safetensors": DATA}, links=False)
    (match,) = matches_of({SHA256: [str(snapshot / "unet/a.safetensors")]}, caches=[])
    assert (match.listing.model_id, match.listing.version_id) == ("gpt2", OLD)
    assert match.file is not None
    assert (match.file.id, match.file.sha256) == ("unet/a.safetensors", SHA256)


def test_a_local_dir_is_known_by_its_notes(cache: Path, tmp_path: Path) -> None:
    """The client notes commit and sha256, not the repository: the cache says whose commit it is."""
    path = tmp_path / "models/sub/x.safetensors"
    note = tmp_path / "models/.cache/huggingface/download/sub/x.safetensors.metadata"
    for folder in (path.parent, note.parent):
        folder.mkdir(parents=True)
    path.write_bytes(b"other")
    other = hashlib.sha256(b"other").hexdigest()
    note.write_text(f"{NEW}\n{other}\n{os.stat(path).st_mtime}\n")
    noted = local_download(str(path))
    assert noted is not None
    assert (noted.commit, noted.sha256, noted.name) == (NEW, other, "sub/x.safetensors")
    (match,) = matches_of({other: [str(path)]}, caches=[str(cache)])
    assert (match.listing.model_id, match.listing.version_id) == ("someone/ink", NEW)
    assert match.file is not None
    assert match.file.id == "sub/x.safetensors"
    assert matches_of({"1" * 64: [str(path)]}, caches=[str(cache)]) == []
    note.write_text(f"{'c' * 40}\n{other}\n{os.stat(path).st_mtime}\n")
    assert matches_of({other: [str(path)]}, caches=[str(cache)]) == []
    note.write_text(f"{NEW}\n{other}\n{os.stat(path).st_mtime - 100}\n")
    assert local_download(str(path)) is None
    for text in ("", "x\ny\nz\n", f"{NEW}\n{other}\n", "\udc80"):
        note.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert local_download(str(path)) is None
    note.unlink()
    os.mkfifo(note)
    assert local_download(str(path)) is None


def test_pull_finds_what_the_cache_has(cache: Path, tmp_path: Path) -> None:
    """By commit and by branch; never a path that leads out of the repository's folder."""
    environ = {"HF_HOME": str(cache.parent)}
    name = "pytorch_lora_weights.safetensors"
    for revision in (OLD, NEW, "main", None):
        found = cached_file("someone/ink", revision, name, environ=environ)
        assert found is not None
        assert Path(found).read_bytes() == DATA
        assert not os.path.islink(found)
    secret = tmp_path / "secret.safetensors"
    secret.write_bytes(b"secret")
    snapshot = cache / "models--someone--ink/snapshots" / NEW
    (snapshot / "out.safetensors").symlink_to(secret)
    (snapshot / "gone.safetensors").symlink_to("../../blobs/" + "e" * 64)
    os.mkfifo(snapshot / "pipe.safetensors")
    for repo, revision, path in (
        ("someone/ink", "v9", name), ("someone/ink", "../main", name), ("no/body", None, name), ("../ink", None, name),
        ("someone/ink", None, "absent.bin"), ("someone/ink", None, "out.safetensors"), ("someone/ink", None, ""),
        ("someone/ink", None, "gone.safetensors"), ("someone/ink", None, "pipe.safetensors"),
        ("someone/ink", None, f"../{OLD}/{name}"), ("someone/ink", None, "x\0y"), ("a/b/c", None, name),
    ):  # fmt: skip
        assert cached_file(repo, revision, path, environ=environ) is None
    assert cached_file("someone/ink", None, name, environ={"HF_HOME": str(tmp_path / "absent")}) is None


def test_where_the_cache_is(tmp_path: Path) -> None:
    for name in ("a", "b/hub", "c/huggingface/hub"):
        (tmp_path / name).mkdir(parents=True)
    first = {"HF_HUB_CACHE": str(tmp_path / "a"), "HF_HOME": str(tmp_path / "b")}
    assert cache_folder(first) == str(tmp_path / "a")
    assert cache_folder({"HF_HOME": str(tmp_path / "b")}) == str(tmp_path / "b/hub")
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path / "c")}) == str(tmp_path / "c/huggingface/hub")
    assert cache_folder({"HF_HUB_CACHE": str(tmp_path / "z")}) is None


def test_the_hub_adds_the_rest_with_one_question_for_a_repository(tmp_path: Path) -> None:
    files = {"a.safetensors": DATA, "b.safetensors": lora_bytes(fill=8)}
    with TestHub() as hub:
        model = hub.add(*files.values(), hubs=["huggingface"], repo="someone/ink")
        for file, name in zip(model.versions[0].files, files, strict=True):
            file.name = name
        put_cached(tmp_path, "someone/ink", model.versions[0].commit, files)
        put_cached(tmp_path, "gone/away", OLD, {"c.safetensors": b"c"})
        hashes = [hashlib.sha256(data).hexdigest() for data in (*files.values(), b"c")]
        matches = matches_of({sha256: [] for sha256 in hashes}, caches=[str(tmp_path)])
        assert {match.listing.downloads for match in matches} == {None}
        base = hub.url("huggingface")
        web = Web(bases=[base], sleep=lambda _: None)
        more = enriched(HuggingFace(web, base), matches)
        assert {match.listing.model_id: match.listing.downloads for match in more} == {
            "gone/away": None,
            "someone/ink": 54,
        }
        assert {match.sha256: match.file.id for match in more if match.file} == dict(
            zip(hashes, ["a.safetensors", "b.safetensors", "c.safetensors"], strict=True)
        )
        assert len(hub.seen("huggingface")) == 2
        web.close()
        offline = Web(bases=[base], offline=True)
        with pytest.raises(HubError):
            enriched(HuggingFace(offline, base), matches)
        offline.close()


def test_what_was_changed_is_no_match(cache: Path, tmp_path: Path) -> None:
    """Bytes that are not those of the blob's name; a copy that is not what the hub has under that path."""
    path = cache / "models--someone--ink/snapshots" / NEW / "pytorch_lora_weights.safetensors"
    assert matches_of({"1" * 64: [str(path)]}, caches=[]) == []
    with TestHub() as hub:
        model = hub.add(DATA, hubs=["huggingface"], repo="someone/pen")
        name = model.versions[0].files[0].name
        other = lora_bytes(fill=9)
        copy = (
            put_cached(tmp_path / "copies", "someone/pen", model.versions[0].commit, {name: other}, links=False) / name
        )
        matches = matches_of({hashlib.sha256(other).hexdigest(): [str(copy)]}, caches=[])
        assert [match.listing.model_id for match in matches] == ["someone/pen"]
        base = hub.url("huggingface")
        web = Web(bases=[base])
        assert enriched(HuggingFace(web, base), matches) == []
        web.close()


def test_what_the_cache_tells_is_recorded(cache: Path, webui: Path, isolated: Path) -> None:
    """A hub that cannot be asked takes nothing away from it."""
    (webui / "Lora/ink.safetensors").write_bytes(DATA)
    store = open_store(isolated / "library.db", isolated / "backups")
    add_root(store, str(webui), None, SidecarPolicy.OFF)
    with open_reader(store.path) as reader:
        roots = reader.roots()
    Sync(store, SyncOptions()).run(roots)
    web = Web(offline=True)
    hub = HuggingFace(web, "https://huggingface.co")
    matches, trouble = record_cached(store, 1, hub=hub, environ={"HF_HUB_CACHE": str(cache)})
    web.close()
    assert isinstance(trouble, HubError)
    assert trouble.reference == "offline"
    assert len(matches) == 1
    with open_reader(store.path) as reader:
        (known,) = reader.hubs.of_contents([SHA256])[SHA256]
    assert known.listing.words == ("a photo of TOK dog",)
    assert record_cached(store, 1, environ={"HF_HUB_CACHE": str(cache)}) == ([], None)
    store.close()


def test_lookup_learns_from_the_cache(
    cache: Path, webui: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hugging Face itself is asked only where the user enabled it."""
    monkeypatch.setitem(COMMANDS, "lookup", ("Hubs", "lookup:lookup", "Ask the hubs about local files."))
    monkeypatch.setitem(COMMANDS, "hubs", ("Hubs", "hubs:hubs", "Which hubs there are."))
    (webui / "Lora/ink.safetensors").write_bytes(DATA)
    with TestHub() as hub:
        hub.add(b"x", hubs=["huggingface"], name="Ink", repo="someone/ink").versions[0].files[0].name = "other.bin"
        for name, value in hub.environment().items():
            monkeypatch.setenv(name, value)
        assert run(["sync", str(webui)]) == 0
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))  # what came into the cache later is for `lookup`
        capsys.readouterr()
        assert run(["lookup", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["cached"] == 1
        assert hub.seen("huggingface") == []
        assert run(["triggers", "ink"]) == 0
        assert "a photo of TOK dog" in capsys.readouterr().out
        assert run(["hubs", "enable", "huggingface"]) == 0
        (webui / "Lora/second.safetensors").write_bytes(lora_bytes(fill=2))
        assert run(["sync", str(webui)]) == 0
        put_cached(cache, "gone/away", OLD, {"x.safetensors": lora_bytes(fill=2)})
        capsys.readouterr()
        assert run(["lookup"]) == 0
        assert "1 file is known from Hugging Face's cache" in capsys.readouterr().out
        assert len(hub.seen("huggingface", "gone/away")) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# no front matter", {}),
        ("---\nlicense: mit\n", {}),
        ("---\nlicense: mit\n---\n", {"license": "mit"}),
        ("---\nbase_model:\n- a/b\n- 'c/d'\n---", {"base_model": ["a/b", "c/d"]}),
        ("---\ntags: [lora, 'x y']\n---", {"tags": ["lora", "x y"]}),
        ("---\ninstance_prompt: null\nlicense: >\n  folded\n---", {}),
        ("---\ninstance_prompt: it's 'TOK'\n---", {"instance_prompt": "it's 'TOK'"}),
        ("---\nlicense: &a mit\nother: x\n- stray\n---", {}),
        ("\ufeff---\r\nlicense: mit\r\n---\r\n", {"license": "mit"}),
        ("", {}),
    ],
)
def test_the_front_matter_of_a_card(text: str, expected: dict[str, object]) -> None:
    assert card_of(text) == expected
