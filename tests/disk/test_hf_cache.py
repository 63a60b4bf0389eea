"""core.hf_cache and disk.hf_cache: a cache of Hugging Face's client, as it lies on a disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hubman.core.hf_cache import CachedFile, cached_file, repo_of, sha256_of_link
from hubman.disk.hf_cache import linked_sha256

REVISION = "5c6b1b9d0f4e4b6f9a0f8d1e2c3b4a5968778695"
SHA256, SHA1 = "ab" * 32, "cd" * 20
REPO = "/hub/models--org--name"


def test_names_of_repositories() -> None:
    """`--` separates; a few repositories have no owner."""
    assert repo_of("models--stabilityai--sdxl-turbo") == ("models", "stabilityai/sdxl-turbo")
    assert repo_of("models--gpt2") == ("models", "gpt2")
    assert repo_of("datasets--a--b.c_d") == ("datasets", "a/b.c_d")
    for name in ("models", "models--", "models--a--", "models--a--b--c", "loras--a--b", ".locks", "Lora"):
        assert repo_of(name) is None


def test_what_a_path_says() -> None:
    """Nested files, both separators, and a cache below anything."""
    found = CachedFile(REPO, "models", "org/name", REVISION, "unet/model.safetensors")
    assert cached_file(f"{REPO}/snapshots/{REVISION}/unet/model.safetensors") == found
    windows = f"C:\\hub\\models--org--name\\snapshots\\{REVISION}\\a.safetensors"
    assert cached_file(windows) == CachedFile(
        "C:/hub/models--org--name", "models", "org/name", REVISION, "a.safetensors"
    )
    for path in (
        f"{REPO}/blobs/{SHA256}",
        f"{REPO}/snapshots/main/a.safetensors",
        f"{REPO}/snapshots/{REVISION}",
        f"{REPO}/snapshots/{REVISION}/../a.safetensors",
        f"/hub/other/snapshots/{REVISION}/a.safetensors",
        "",
    ):
        assert cached_file(path) is None


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("a.safetensors", f"../../blobs/{SHA256}", SHA256),
        ("unet/a.safetensors", f"../../../blobs/{SHA256}", SHA256),
        ("a.safetensors", f"{REPO}/blobs/{SHA256}", SHA256),
        ("a.safetensors", f"..\\..\\blobs\\{SHA256}", SHA256),
        ("config.json", f"../../blobs/{SHA1}", None),
        ("a.safetensors", f"../../blobs/{SHA256}.incomplete", None),
        ("a.safetensors", f"../../blobs/{SHA256.upper()}", None),
        ("a.safetensors", f"../../blobs/{SHA256}\n", None),
        ("a.safetensors", f"../../../models--org--other/blobs/{SHA256}", None),
        ("a.safetensors", f"../../blobs/deeper/{SHA256}", None),
        ("unet/a.safetensors", f"../../blobs/{SHA256}", None),
        ("a.safetensors", f"/elsewhere/blobs/{SHA256}", None),
        ("a.safetensors", "", None),
    ],
)
def test_the_sha256_that_a_link_names(name: str, target: str, expected: str | None) -> None:
    """Only a blob of the same repository, named by 64 digits."""
    assert sha256_of_link(f"{REPO}/snapshots/{REVISION}/{name}", target) == expected


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """Return the snapshot folder of a cached repository with one weights file and one config."""
    repo = tmp_path / "hub/models--org--name"
    folder = repo / "snapshots" / REVISION
    (folder / "unet").mkdir(parents=True)
    (repo / "blobs").mkdir()
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text(REVISION)
    weights, config = b"weights", b"{}"
    sha256 = hashlib.sha256(weights).hexdigest()
    sha1 = hashlib.sha1(b"blob 2\0" + config).hexdigest()
    (repo / "blobs" / sha256).write_bytes(weights)
    (repo / "blobs" / sha1).write_bytes(config)
    (folder / "unet/model.safetensors").symlink_to(f"../../../blobs/{sha256}")
    (folder / "config.json").symlink_to(f"../../blobs/{sha1}")
    return folder


def test_a_real_cache_names_its_weights(snapshot: Path) -> None:
    """The free hash is the true one; a file named by git has none."""
    path = snapshot / "unet/model.safetensors"
    assert linked_sha256(str(path)) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert linked_sha256(str(snapshot / "config.json")) is None
    assert linked_sha256(str(snapshot / "absent.safetensors")) is None
    assert linked_sha256(str(snapshot / "unet")) is None
    assert linked_sha256(f"{snapshot}/a\0b") is None


def test_a_cache_reached_by_a_link_names_its_weights(snapshot: Path, tmp_path: Path) -> None:
    """The whole cache lies on another disk."""
    (tmp_path / "elsewhere").symlink_to(tmp_path / "hub")
    path = tmp_path / "elsewhere" / snapshot.relative_to(tmp_path / "hub") / "unet/model.safetensors"
    assert linked_sha256(str(path)) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_links_there_is_no_free_hash(snapshot: Path) -> None:
    """Windows without the right to make links: the snapshot holds the file itself."""
    path = snapshot / "unet/model.safetensors"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    assert linked_sha256(str(path)) is None


def test_a_name_is_not_believed_when_it_leads_elsewhere(snapshot: Path, tmp_path: Path) -> None:
    """A blob that is a link, a folder, or absent; a `blobs` folder or a snapshot that is somebody else's."""
    blobs, path = snapshot.parent.parent / "blobs", snapshot / "a.safetensors"
    stranger = tmp_path / "stranger"
    stranger.write_bytes(b"other bytes")
    path.symlink_to(f"../../blobs/{SHA256}")
    assert linked_sha256(str(path)) is None
    (blobs / SHA256).symlink_to(stranger)
    assert linked_sha256(str(path)) is None
    (blobs / SHA256).unlink()
    (blobs / SHA256).mkdir()
    assert linked_sha256(str(path)) is None
    (blobs / SHA256).rmdir()
    os.mkfifo(blobs / SHA256)
    assert linked_sha256(str(path)) is None
    (blobs / SHA256).unlink()
    (blobs / SHA256).write_bytes(b"right")
    assert linked_sha256(str(path)) == SHA256
    blobs.rename(tmp_path / "moved")
    blobs.symlink_to(tmp_path / "moved")
    assert linked_sha256(str(path)) is None
    blobs.unlink()
    (tmp_path / "moved").rename(blobs)
    snapshot.rename(tmp_path / "foreign")
    snapshot.symlink_to(tmp_path / "foreign")
    assert linked_sha256(str(path)) is None
