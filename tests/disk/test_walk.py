"""disk.walk: names and stats, links and loops, model folders, unreadable places."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hubman.disk.walk import Walk, enclosing_model_folder
from hubman.opening import open_regular

Put = Callable[..., Path]
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX file kinds and rights")


def found(root: Path, *folders: str) -> list[str]:
    return sorted(entry.relpath for entry in Walk(str(root), folders or ("",)))


def test_models_only(webui: Path, put: Put) -> None:
    """Sidecars, previews, half downloads and hidden folders are not models."""
    put("Lora/ink.safetensors")
    put("Lora/水墨/山水_v2.safetensors")
    put("Lora/half.safetensors.part")
    put(".git/x.safetensors")
    (webui / "Lora/ink.json").write_text("{}")
    (webui / "Lora/ink.preview.png").write_bytes(b"")
    assert found(webui) == ["Lora/ink.safetensors", "Lora/水墨/山水_v2.safetensors"]


def test_only_the_folders_asked_for(webui: Path, put: Put) -> None:
    """A sub-path scan does not leave its folder, and one that is gone yields nothing."""
    put("Lora/a.safetensors")
    put("VAE/b.safetensors")
    assert found(webui, "VAE") == ["VAE/b.safetensors"]
    assert found(webui, "gone") == []


def test_a_diffusers_folder_is_one_model(webui: Path, put: Put) -> None:
    """Its members are not listed; without weights it is a checkpoint's config and nothing at all."""
    put("Stable-diffusion/dream/unet/diffusion_pytorch_model.safetensors")
    (webui / "Stable-diffusion/dream/model_index.json").write_text("{}")
    (webui / "Stable-diffusion/tiny/unet").mkdir(parents=True)
    (webui / "Stable-diffusion/tiny/model_index.json").write_text("{}")
    assert found(webui) == ["Stable-diffusion/dream"]
    assert enclosing_model_folder(str(webui), "Stable-diffusion/dream/unet") == "Stable-diffusion/dream"
    assert enclosing_model_folder(str(webui), "Stable-diffusion") is None


def test_shards_are_one_model(webui: Path, put: Put) -> None:
    """The index file stands for its shards; a lone shard of another model is listed."""
    for number in (1, 2):
        put(f"VAE/t5-0000{number}-of-00002.safetensors")
    (webui / "VAE/t5.safetensors.index.json").write_text("{}")
    put("VAE/other-00001-of-00002.safetensors")
    assert found(webui) == ["VAE/other-00001-of-00002.safetensors", "VAE/t5.safetensors.index.json"]


def test_an_edited_sidecar_changes_the_signature(webui: Path, put: Put) -> None:
    """So that notes written by another program are noticed without opening them."""
    put("Lora/ink.safetensors")
    before = next(iter(Walk(str(webui))))
    (webui / "Lora/ink.json").write_text("{}")
    after = next(iter(Walk(str(webui))))
    assert before.beside == ""
    assert after.beside != ""


@posix
def test_link_loops_end(webui: Path, put: Put) -> None:
    """A link to its own parent is followed once at most; a linked file is listed."""
    real = put("Lora/ink.safetensors")
    (webui / "Lora/loop").symlink_to(webui)
    (webui / "VAE/linked.safetensors").symlink_to(real)
    (webui / "VAE/dangling.safetensors").symlink_to(webui / "nowhere")
    assert sorted(path.rsplit("/", 1)[-1] for path in found(webui)) == ["ink.safetensors", "linked.safetensors"]


@posix
def test_pipes_are_never_opened(webui: Path) -> None:
    """A FIFO named like a model would block a reader for ever."""
    os.mkfifo(webui / "Lora/pipe.safetensors")
    assert found(webui) == []


@posix
def test_undecodable_names_survive(webui: Path) -> None:
    """A name that is no UTF-8 keeps its bytes."""
    name = os.fsencode(str(webui)) + b"/Lora/caf\xe9.safetensors"
    with open(name, "wb") as file:
        file.write(b"x")
    (path,) = found(webui)
    assert os.fsencode(path) == b"Lora/caf\xe9.safetensors"


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become another user")
def test_an_unreadable_folder_is_reported_as_blocked(webui: Path, put: Put) -> None:
    """What lies below it must not be called gone. Run as another user: root reads everything."""
    put("Lora/secret/ink.safetensors")
    put("VAE/open.safetensors")
    os.chmod(webui / "Lora/secret", 0o700)
    for folder in [webui, *webui.parents]:
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            os.chmod(folder, 0o755)
    code = (
        "import sys; from hubman.disk.walk import Walk\n"
        "walk = Walk(sys.argv[1]); print([s.relpath for s in walk], list(walk.blocked))"
    )
    run = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", code, str(webui)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert run.stdout.strip() == "['VAE/open.safetensors'] ['Lora/secret']", run.stderr


@posix
def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A pipe, a folder and a device are refused, and a pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"x")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(OSError, match=r"Not a regular file|directory"):
            open_regular(path)
    with open_regular(tmp_path / "file") as file:
        assert file.read() == b"x"


@posix
def test_a_real_folder_wins_over_links_to_it(webui: Path, put: Put, tmp_path: Path) -> None:
    """By whatever name; and a link out of the root is followed after everything real, and says so."""
    put("Lora/zz/q.safetensors")
    (webui / "Lora/aa").symlink_to("zz")
    assert found(webui) == ["Lora/zz/q.safetensors"]
    (tmp_path / "outside").mkdir()
    (webui / "VAE/out").symlink_to(tmp_path / "outside")
    for folder, unclear in (("Lora/zz", False), ("Lora/aa", True), ("VAE", True), ("VAE/out", True)):
        walk = Walk(str(webui), [folder])
        list(walk)
        assert walk.met_links is unclear, folder


@posix
def test_a_root_below_is_left_out_also_behind_a_link_and_from_within(webui: Path, put: Put) -> None:
    """Its files are its own, however the walk gets there."""
    put("Lora/deep/a.safetensors")
    (webui / "VAE/link").symlink_to(webui / "Lora")
    for folder in ("", "Lora", "Lora/deep"):
        assert list(Walk(str(webui), [folder], frozenset({str(webui / "Lora")}))) == []
