"""A Hugging Face cache as a root: its hashes are free, said to be claims, and confirmed by reading."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.core.library import Layout, SidecarPolicy
from hubman.core.query import parse_query
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes


def cache(tmp_path: Path, data: bytes, claim: str) -> Path:
    """Make a cache with one repository of one file; return its folder."""
    repo = tmp_path / "hub" / "models--someone--ink"
    blob = repo / "blobs" / claim
    blob.parent.mkdir(parents=True)
    blob.write_bytes(data)
    snapshot = repo / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "ink.safetensors").symlink_to(f"../../blobs/{claim}")
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("a" * 40)
    return tmp_path / "hub"


def sync(store: Store, root: Path, **options: object) -> SyncReport:
    add_root(store, str(root), None, SidecarPolicy.OFF)
    with open_reader(store.path) as reader:
        roots = reader.roots()
    assert roots[0].layout is Layout.HUGGINGFACE
    return Sync(store, SyncOptions(**options)).run(roots)  # type: ignore[arg-type]


def claimed(store: Store) -> set[str]:
    with open_reader(store.path) as reader:
        return reader.statistics.claimed()


def test_the_hash_is_free_and_a_claim_until_it_is_read(tmp_path: Path, isolated: Path) -> None:
    """No byte of the weights is read for it; `--hash all` reads them and confirms."""
    data = lora_bytes(fill=3)
    sha256 = hashlib.sha256(data).hexdigest()
    root = cache(tmp_path, data, sha256)
    store = open_store(isolated / "library.db", isolated / "backups")
    report = sync(store, root)
    assert (report.added, report.hashed, report.errors) == (1, 0, [])
    with open_reader(store.path) as reader:
        (file,) = reader.search(parse_query("ink", 0))[1]
    assert file.hashes is not None
    assert (file.id, file.hashes.sha256, file.hashes.crc32) == (sha256[:10], sha256, None)
    assert claimed(store) == {sha256}
    assert sync(store, root, hash_mode="all").hashed == 1
    assert claimed(store) == set()
    with open_reader(store.path) as reader:
        (file,) = reader.search(parse_query("ink", 0))[1]
    assert file.hashes is not None
    assert file.hashes.crc32 is not None
    store.close()


def test_a_false_claim_is_found_out_by_reading(tmp_path: Path, isolated: Path) -> None:
    """The bytes are not what the name says: told as such, and never confirmed."""
    root = cache(tmp_path, lora_bytes(fill=4), "b" * 64)
    store = open_store(isolated / "library.db", isolated / "backups")
    sync(store, root)
    assert claimed(store) == {"b" * 64}
    (error,) = sync(store, root, hash_mode="all").errors
    assert error["reference"] == "content-changed"
    assert claimed(store) == {"b" * 64}
    store.close()
