"""What other programs wrote: hashes are claims, `{}` says nothing, and marks of their users are kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.core import sidecar
from hubman.core.types import Sidecar

SHA = "ab" * 32
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CIVITAI: dict[str, Any] = {
    "id": 128713, "modelId": 82098, "name": "v1.2", "trainedWords": ["shuimo"], "baseModel": "SDXL 1.0",
    "model": {"name": "Ink", "type": "LORA", "nsfw": True, "poi": False},
    "files": [
        {"name": "other.safetensors", "hashes": {"SHA256": "CD" * 32}},
        {"name": "ink.safetensors", "hashes": {"SHA256": SHA.upper(), "AutoV2": SHA[:10].upper(), "CRC32": "0011AABB"}},
    ],
}  # fmt: skip


def parse(name: str, record: object) -> Sidecar:
    return sidecar.parse(name, json.dumps(record), "ink") or Sidecar()


def test_civitai_hashes_are_those_of_our_file() -> None:
    found = parse("ink.civitai.info", CIVITAI)
    assert found.hashes == (("sha256", SHA), ("autov2", SHA[:10]), ("crc32", "0011aabb"))
    assert found.nsfw == "yes"
    assert parse("ink.civitai.info", {}) == Sidecar()


def test_lora_manager() -> None:
    """Favourite, exclude, the level of the preview, and `usage_tips`, which is JSON inside a string."""
    record = {
        "file_name": "ink", "model_name": "Ink", "sha256": SHA, "autov3": None, "base_model": "SDXL 1.0",
        "preview_nsfw_level": 4, "favorite": True, "exclude": True, "notes": "n", "civitai": CIVITAI,
        "usage_tips": '{"strength_min": 0.4, "strength_max": 0.8, "clip_skip": 2}', "unknown": 1,
    }  # fmt: skip
    found = parse("ink.metadata.json", record)
    assert (found.favourite, found.hidden, found.nsfw, found.weight) == (True, True, "4", 0.6)
    assert found.hashes == (("sha256", SHA),)
    plain = parse("ink.metadata.json", {**record, "favorite": False, "exclude": False, "preview_nsfw_level": 0})
    assert (plain.favourite, plain.hidden, plain.nsfw) == (None, None, "yes")


@pytest.mark.parametrize("claim", [NOTHING, NOTHING[:12], "", None, 5, "xyz", "0x", SHA[:20]])
def test_a_hash_that_is_none_is_no_claim(claim: object) -> None:
    assert parse("ink.metadata.json", {"model_name": "Ink", "sha256": claim, "autov3": claim}).hashes == ()
    assert parse("ink.cm-info.json", {"ModelName": "Ink", "Hashes": {"SHA256": claim}}).hashes == ()


def test_stability_matrix_and_swarm() -> None:
    found = parse("ink.cm-info.json", {"Nsfw": True, "Hashes": {"SHA256": SHA.upper()}, "TrainedWords": ["a"]})
    assert (found.hashes, found.nsfw) == ((("sha256", SHA),), "yes")
    assert parse("ink.swarm.json", {"modelspec.hash_sha256": "0x" + SHA}).hashes == (("tensors", SHA),)


def test_a_claim_is_never_taken_for_ours(ink: Path, call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The recorded hash is that of the bytes; `show` says that the sidecar was written for others."""
    ink.with_suffix(".metadata.json").write_text(json.dumps({"model_name": "Ink", "sha256": SHA, "favorite": True}))
    call("sync")
    model = call("show", "ink")["model"]
    assert model["hashes"]["sha256"] != SHA
    assert model["sidecar"]["hashes"] == [["sha256", SHA]]
    assert (model["sidecar"]["favourite"], model["favourite"]) == (True, False)
    assert run(["show", "ink"]) == 0
    out = capsys.readouterr().out
    assert "another content" in out
    assert "Lora-Manager" in out


def test_previews_in_the_order_of_the_webui(ink: Path, call: Any) -> None:
    """What a person chose in A1111 (`<stem>.png`) comes before `<stem>.preview.png`; .md beside a model is noticed."""
    for name in ("ink.webp", "ink.preview.png", "ink.png"):
        (ink.parent / name).write_bytes(b"x")
        call("sync")
    assert call("show", "ink")["model"]["preview"] == str(ink.parent / "ink.png")
    (ink.parent / "ink.md").write_text("# Trigger Words\n\nbrush\n")
    assert call("sync")["identified"] == 1
    assert [word["text"] for word in call("triggers", "ink")["models"][0]["triggers"]] == ["brush"]


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize(
    "metadata",
    [
        {"ssmd_cover_images": json.dumps([base64.b64encode(PNG).decode()])},
        {"modelspec.thumbnail": "data:image/png;base64," + base64.b64encode(PNG).decode()},
        {"ssmd_cover_images": "[1, {}", "modelspec.thumbnail": base64.b64encode(PNG).decode()},
    ],
)
def test_a_picture_in_the_header_is_the_last_resort(
    webui: Path, put: Callable[..., Path], call: Any, isolated: Path, metadata: dict[str, str]
) -> None:
    path = put("Lora/ink.safetensors", metadata=metadata)
    call("sync", str(webui))
    assert call("show", "ink")["model"]["preview"] is None
    assert run(["show", "ink"]) == 0
    picture = Path(call("preview", "ink")["preview"])
    assert (picture.read_bytes(), picture.suffix, picture.parent) == (PNG, ".png", isolated / "previews")
    path.with_suffix(".png").write_bytes(b"x")
    call("sync")
    assert call("preview", "ink")["preview"] == str(path.with_suffix(".png"))


@pytest.mark.parametrize("value", ["", "data:image/png;base64,", "data:text/html;base64,PGh0bWw+", "%%%", "[]", "null"])
def test_what_is_no_picture_is_none(webui: Path, put: Callable[..., Path], call: Any, value: str) -> None:
    put("Lora/ink.safetensors", metadata={"ssmd_cover_images": value, "modelspec.thumbnail": value})
    call("sync", str(webui))
    call("preview", "ink", code=3)
