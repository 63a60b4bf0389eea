"""app.cache_news: `sync` and `watch` learn from Hugging Face's cache where new contents are from, offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hubman.app.cache_news import CacheNews
from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions
from hubman.app.unasked_lookup import AskUnasked
from hubman.cli import run
from hubman.config import load
from hubman.core.library import SidecarPolicy
from hubman.disk.hf_cache import blob_names
from hubman.store.door import open_store
from hubman.store.reader import open_reader
from tests.caches import CARD, put_cached
from tests.conftest import lora_bytes, opened_below

REVISION = "b" * 40
NAME = "pytorch_lora_weights.safetensors"
DATA = lora_bytes(fill=6)
Put = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    hub = tmp_path / "hf/hub"
    put_cached(hub, "someone/ink", REVISION, {NAME: DATA, "README.md": CARD.encode()})
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    return hub


def synced(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    capsys.readouterr()
    assert run(["sync", *arguments, "--json"]) == 0
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    return report


def test_sync_learns_where_a_copy_is_from(cache: Path, webui: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also with --offline: nothing leaves the machine, so nobody is asked. The second run has nothing to tell."""
    (webui / "Lora/ink.safetensors").write_bytes(DATA)
    (webui / "Lora/other.safetensors").write_bytes(lora_bytes(fill=7))
    assert synced(capsys, str(webui), "--offline")["cached"] == 1
    assert run(["triggers", "ink"]) == 0
    assert "a photo of TOK dog" in capsys.readouterr().out
    assert synced(capsys)["cached"] == 0
    (webui / "Lora/second.safetensors").write_bytes(lora_bytes(fill=8))
    capsys.readouterr()
    assert run(["sync"]) == 0
    assert "cache" not in capsys.readouterr().out


def test_the_cache_itself_as_a_root(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its files are known by their paths: it need not be the user's own, and nothing has to be hashed."""
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(cache / "absent"))
    report = synced(capsys, str(cache))
    assert (report["cached"], report["hashed"]) == (1, 0)


def test_a_sync_without_news_looks_at_no_cache(cache: Path, put: Put, webui: Path, isolated: Path) -> None:
    """In a process of its own: an unchanged library imports none of it."""
    put("Lora/a.safetensors")
    assert run(["sync", str(webui)]) == 0
    program = (
        "import sys; from hubman.cli import run; assert run(['sync']) == 0; "
        "print([name for name in sys.modules if name in ('hubman.app.cache_news', 'hubman.app.cached_sources', "
        "'hubman.disk.hf_cache')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_no_blob_is_named_by_opens_nothing_of_the_cache(
    cache: Path, put: Put, webui: Path, isolated: Path
) -> None:
    put("Lora/a.safetensors")
    store = open_store(isolated / "library.db", isolated / "backups")
    add_root(store, str(webui), None, SidecarPolicy.OFF)
    with open_reader(store.path) as reader:
        Sync(store, SyncOptions()).run(reader.roots())
    with opened_below(cache) as opened:
        assert CacheNews(store, 1).look() == 0
    assert opened == []
    assert blob_names(str(cache)) == {name.name for name in cache.glob("*/blobs/*") if len(name.name) == 64}
    assert len(blob_names(str(cache))) == 1
    store.close()


def test_a_watcher_asks_the_cache_before_the_hubs(cache: Path, webui: Path, isolated: Path) -> None:
    """Round after round, each about what came since the one before."""
    (webui / "Lora/ink.safetensors").write_bytes(DATA)
    store = open_store(isolated / "library.db", isolated / "backups")
    ask = AskUnasked(load(os.environ), store, time.time_ns())
    assert ask(lambda: False) is None
    add_root(store, str(webui), None, SidecarPolicy.OFF)
    with open_reader(store.path) as reader:
        Sync(store, SyncOptions()).run(reader.roots())
    report = ask(lambda: False)
    assert report is not None
    assert (report.cached, report.looked_up) == (1, 0)
    assert ask(lambda: False) is None
    late = CacheNews(store, time.time_ns())
    assert late.look() == 0
    store.close()
