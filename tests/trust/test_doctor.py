"""Every check of the doctor on a library that has the trouble, and on one that has not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.core.library import Layout
from hubman.core.misplaced import clash, misplaced, natural, winner


def checks(call: Any, code: int) -> dict[str, Any]:
    return {check["check"]: check for check in call("doctor", code=code)["checks"]}


def test_a_healthy_library(ink: Path, call: Any) -> None:
    found = checks(call, 0)
    problems = {name for name, check in found.items() if check["state"] != "ok"}
    assert problems <= {"backups", "rendering"}
    assert len(found) == 14


def test_a_kind_that_contradicts_its_folder(webui: Path, put: Any, call: Any) -> None:
    put("VAE/ink.safetensors")
    call("sync", str(webui))
    check = checks(call, 1)["folders"]
    assert check["items"] == [
        {"path": str(webui / "VAE/ink.safetensors"), "next": "",
         "why": "a lora in 'VAE': A1111 / Forge does not show it as one"},
    ]  # fmt: skip
    assert check["next"] == "hubman mv --to-its-place -n"


@pytest.mark.parametrize(
    ("layout", "root", "relpath", "kind", "program"),
    [
        (Layout.WEBUI, "/m", "Stable-diffusion/sub/a.safetensors", "lora", "A1111 / Forge"),
        (Layout.WEBUI, "/m", "Lora/a.safetensors", "lora", None),
        (Layout.WEBUI, "/m", "Lora/VAE/a.safetensors", "lora", "A1111 / Forge"),
        (Layout.WEBUI, "/m", "mine/a.safetensors", "lora", None),
        (Layout.WEBUI, "/m/Lora", "a.safetensors", "checkpoint", "A1111 / Forge"),
        (Layout.COMFY, "/m", "checkpoints/a.safetensors", "diffusion-model", "ComfyUI"),
        (Layout.COMFY, "/m", "diffusion_models/a.safetensors", "checkpoint", None),
        (Layout.COMFY, "/m", "controlnet/a.safetensors", "lora", None),
        (Layout.FLAT, "/m", "loras/a.safetensors", "vae", "ComfyUI"),
        (Layout.FLAT, "/m", "vae/a.safetensors", "vae", None),
        (Layout.WEBUI, "/m", "VAE/a.safetensors", "unknown", None),
        (Layout.WEBUI, "/m", "VAE/a.safetensors", "cached-prompt", None),
        (Layout.FLAT, "C:\\m\\Lora", "a.safetensors", "vae", "A1111 / Forge"),
    ],
)
def test_which_folder_is_for_which_kind(
    layout: Layout, root: str, relpath: str, kind: str, program: str | None
) -> None:
    found = misplaced(layout, root, relpath, kind)
    assert (found.program if found else None) == program


def test_two_of_one_stem(webui: Path, put: Any, call: Any) -> None:
    """The WebUI's table is filled in natural order of folders, then names, and the last one stays."""
    for number, folder in enumerate(("v10", "v2", "")):
        put(f"Lora/{folder}/ink.safetensors".replace("//", "/"), fill=number)
    put("Lora/a/same.safetensors", fill=7)
    put("Lora/b/same.safetensors", fill=7)
    call("sync", str(webui))
    check = checks(call, 1)["stems"]
    whys = {os.path.relpath(item["path"], webui): item["why"] for item in check["items"]}
    assert whys["Lora/v10/ink.safetensors"] == "A1111 / Forge loads this one"
    assert whys["Lora/v2/ink.safetensors"].startswith("hidden: ")
    assert whys["Lora/ink.safetensors"].endswith("v10/ink.safetensors")
    assert "harmless" in whys["Lora/a/same.safetensors"]


def test_who_wins() -> None:
    assert winner("lora", ["Lora/a/x.pt", "Lora/B/x.pt"]) == "Lora/B/x.pt"
    assert winner("lora", ["Lora/z/x.pt", "LyCORIS/x.pt"]) == "LyCORIS/x.pt"
    assert winner("lora", ["Lora/x.ckpt", "Lora/x.safetensors", "Lora/x.bin"]) == "Lora/x.safetensors"
    assert winner("hypernetwork", ["hypernetworks/a/x.pt", "hypernetworks/B/x.pt", "hypernetworks/c/x.bin"]) == (
        "hypernetworks/B/x.pt"
    )
    assert winner("embedding", ["embeddings/a/x.pt", "embeddings/b/x.pt"]) is None
    assert sorted(["v10", "v2", "V1"], key=natural) == ["V1", "v2", "v10"]
    assert clash(Layout.COMFY, "lora", "x", [("loras/a/x.pt", None), ("loras/b/x.pt", None)]) is None
    found = clash(Layout.WEBUI, "lora", "x", [("a/x.pt", None), ("b/x.pt", None)])
    assert found is not None
    assert not found.same  # neither was hashed, so nothing says that they are one content


def test_what_a_scan_tells(webui: Path, put: Any, call: Any) -> None:
    """Of what is new or moved only; an unchanged library says nothing."""
    put("VAE/old.safetensors")
    put("Lora/a/ink.safetensors", fill=1)
    call("sync", str(webui))
    new = put("VAE/new.safetensors", fill=2)
    second = put("Lora/b/ink.safetensors", fill=3)
    strange, hidden = call("sync")["notices"]
    assert (strange["reference"], strange["path"], strange["folder"]) == ("misplaced", str(new), "VAE")
    assert (hidden["reference"], hidden["stem"], hidden["wins"]) == ("same-stem", "ink", str(second))
    assert call("sync")["notices"] == []
    moved = (webui / "Lora/a/ink.safetensors").rename(webui / "VAE/ink.safetensors")
    (entry,) = [entry for entry in call("sync")["notices"] if entry["reference"] == "misplaced"]
    assert entry["path"] == str(moved)


def test_remains(ink: Path, webui: Path, put: Any, call: Any) -> None:
    """Orphans with the model that they may belong to, and downloads that nobody goes on with."""
    (webui / "VAE/ink.civitai.info").write_text("{}")
    (webui / "VAE/lost.preview.png").write_bytes(b"x")
    (ink.with_suffix(".preview.png")).write_bytes(b"x")
    (webui / "VAE/config.json").write_text("{}")
    old, new = webui / "VAE/big.safetensors.part", webui / "VAE/now.safetensors.part"
    for path in (old, new):
        path.write_bytes(b"x" * 10)
    os.utime(old, (0, time.time() - 3 * 86_400))
    found = checks(call, 0)
    assert {os.path.basename(item["path"]): item["why"] for item in found["orphans"]["items"]} == {
        "ink.civitai.info": f"its model may be {ink}",
        "lost.preview.png": "",
    }
    assert [item["path"] for item in found["downloads"]["items"]] == [str(old)]


def test_roots_broken_files_settings_and_the_clock(
    ink: Path, webui: Path, put: Any, call: Any, isolated: Path, tmp_path: Path
) -> None:
    (webui / "Lora/page.safetensors").write_text("<html>")
    far = put("Lora/far.safetensors", fill=4)
    os.utime(far, (time.time() + 90 * 86_400,) * 2)
    other = tmp_path / "other"
    other.mkdir()
    call("roots", "add", str(other))
    call("roots", "add", str(webui / "VAE"))
    call("sync")
    other.rmdir()
    (isolated / "config.toml").write_text('hahs = "all"\n')
    found = checks(call, 1)
    states = {name: check["state"] for name, check in found.items()}
    assert states["roots"] == states["broken"] == "problem"
    assert states["overlaps"] == states["settings"] == states["clock"] == "note"
    assert [item["path"] for item in found["roots"]["items"]] == [str(other)]
    assert [item["path"] for item in found["settings"]["items"]] == ["hahs"]
    assert [item["path"] for item in found["clock"]["items"]] == [str(far)]


def test_people_read_one_page(webui: Path, put: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(8):
        put(f"VAE/{number}.safetensors", fill=number)
    assert run(["sync", str(webui)]) == 0
    capsys.readouterr()
    assert run(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "→ hubman mv --to-its-place -n" in out
    assert "and 3 more" in out
    assert run(["doctor", "--all"]) == 1
    assert "and 3 more" not in capsys.readouterr().out


def test_stats(webui: Path, put: Any, call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Sums agree with the files on the disk."""
    paths = [put("Lora/ink.safetensors", metadata={"modelspec.trigger_phrase": "shuimo"}), put("Lora/b.safetensors")]
    paths.append(webui / "VAE/copy.safetensors")
    paths[2].write_bytes(paths[1].read_bytes())
    broken = webui / "Lora/page.safetensors"
    broken.write_text("<html>")
    call("sync", str(webui))
    call("fav", "ink")
    call("note", "ink", "x")
    call("tag", "ink", "--add", "t")
    found = call("stats")
    sizes = [path.stat().st_size for path in (*paths, broken)]
    assert (found["files"], found["bytes"], found["missing"], found["broken"]) == (4, sum(sizes), 0, 1)
    assert found["duplicates"] == {"contents": 1, "files": 1, "bytes": sizes[1]}
    assert {group["name"]: group["files"] for group in found["by_kind"]} == {"lora": 3, "unknown": 1}
    assert {group["name"]: group["bytes"] for group in found["by_root"]} == {str(webui): sum(sizes)}
    assert (found["with_trigger"], found["favourites"], found["with_note"]) == (1, 1, 1)
    assert found["hashed"] + found["unhashed"] == 4
    assert sum(group["files"] for group in found["added"]) == 4
    assert found["largest"][0]["bytes"] == max(sizes)
    paths[0].unlink()
    call("sync")
    assert call("stats")["missing"] == 1
    assert run(["stats"]) == 0
    assert "copies that are not needed" in capsys.readouterr().out
    json.dumps(found)


def test_reading_commands_work_on_an_empty_library(tmp_path: Path, call: Any) -> None:
    (tmp_path / "empty").mkdir()
    call("sync", str(tmp_path / "empty"))
    assert call("stats")["files"] == 0
    assert call("verify")["checked"] == 0
    assert run(["stats"]) == 0
    assert run(["doctor"]) == 0
