"""`mv --to-its-place`, `--bring-sidecars`, and which program shows what where."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubman.core.folders import FOLDERS, PROGRAMS, its_place
from hubman.core.layout import guess_layout
from hubman.core.library import Layout
from hubman.core.misplaced import misplaced
from hubman.core.plan.place import TRASHED, belongings, fits, trashed_name
from hubman.core.types import Kind
from tests.files.conftest import names, tree

Put = Callable[..., Path]


def test_a_kind_that_contradicts_its_folder_goes_home(
    library: Path, ok: Any, put: Put, call: Any, unchanged: Any
) -> None:
    """A LoRA among the checkpoints; one in a folder of the user's own only when it is named."""
    put("Stable-diffusion/lost.safetensors", fill=21)
    (library / "Stable-diffusion/lost.json").write_text("{}")
    put("mine/own.safetensors", fill=22)
    ok("sync")
    before = tree(library)
    said = ok("mv", "--to-its-place", "-n")
    assert [Path(entry["to"]).relative_to(library).as_posix() for entry in said["moved"]] == [
        "Lora/lost.safetensors", "Lora/lost.json",
    ]  # fmt: skip
    assert tree(library) == before
    code, _, err = call("mv", "--to-its-place")
    assert (code, "-y" in err) == (2, True)
    ok("mv", "--to-its-place", "type:lora", "-y")
    assert {"lost.safetensors", "lost.json"} <= names(library / "Lora")
    assert names(library / "mine") == {"own.safetensors"}
    unchanged()
    ok("mv", "--to-its-place", "own", "-y")
    assert "own.safetensors" in names(library / "Lora")
    assert ok("mv", "--to-its-place", "-n")["moved"] == []


def test_no_place_is_told(tmp_path: Path, ok: Any, put: Put) -> None:
    """A root without a layout has none; nothing is guessed."""
    folder = tmp_path / "flat"
    folder.mkdir()
    (folder / "ink.safetensors").write_bytes(put("Lora/x.safetensors", fill=23).read_bytes())
    ok("sync", str(folder))
    answer = ok("mv", "--to-its-place", "ink", "-n")
    assert answer["moved"] == []
    assert "no layout" in answer["skipped"][0]["why"]


def test_two_of_one_name_do_not_collide(library: Path, ok: Any, put: Put, call: Any) -> None:
    """Both would get one name: nothing is moved."""
    put("Stable-diffusion/a/lost.safetensors", fill=21)
    put("VAE/lost.safetensors", fill=22)
    ok("sync")
    before = tree(library)
    code, _, err = call("mv", "--to-its-place", "-y")
    assert (code, "would both become" in err) == (8, True)
    assert tree(library) == before


def test_what_was_left_behind_is_brought(library: Path, isolated: Path, ok: Any, unchanged: Any) -> None:
    """Where the library knows of it; a name that is taken beside the model stays where it is."""
    (library / "Lora/ink.safetensors").rename(library / "VAE/wash.safetensors")
    ok("sync")
    (library / "VAE/wash.json").write_text("newer")
    ok("sync")
    with closing(sqlite3.connect(isolated / "library.db")) as connection, connection:
        connection.execute("UPDATE file SET left_behind = ? WHERE name = 'wash'", [str(library / "Lora/ink")])
    ok("mv", "wash", "--bring-sidecars")
    assert {"wash.civitai.info", "wash.preview.png", "wash.PNG"} <= names(library / "VAE")
    assert (library / "VAE/wash.json").read_text() == "newer"
    assert names(library / "Lora") == {"ink.json", "other.safetensors"}
    unchanged()
    ok("undo")
    assert {"ink.civitai.info", "ink.preview.png", "ink.PNG", "ink.json"} <= names(library / "Lora")


@pytest.mark.parametrize("layout", PROGRAMS)
def test_no_place_contradicts_its_kind(layout: Layout) -> None:
    """What is moved to its place is not reported again; a text encoder among LoRAs is, wherever one belongs."""
    for kind, folders in FOLDERS[layout].items():
        place = its_place(layout, kind, ())
        assert place == folders[0]
        assert misplaced(layout, "/m", f"{place}/x.safetensors", kind) is None
        assert misplaced(layout, "/m", f"models/{place.upper()}/sub/x.safetensors", kind) is None
    loras = FOLDERS[layout][Kind.LORA][0]
    found = misplaced(layout, "/m", f"{loras}/x.safetensors", Kind.TEXT_ENCODER)
    assert found is not None
    assert found.program == PROGRAMS[layout]


def test_what_is_there_is_taken_whatever_its_case() -> None:
    """And below `models/` where the root is a whole program."""
    assert its_place(Layout.COMFY, Kind.LORA, ["LoRAs"]) == "LoRAs"
    assert its_place(Layout.COMFY, Kind.VAE, ["models", "models/loras"]) == "models/vae"
    assert its_place(Layout.COMFY, Kind.DIFFUSION_MODEL, ["unet"]) == "unet"
    assert its_place(Layout.WEBUI, Kind.EMBEDDING, ["models", "models/Lora"]) == "embeddings"
    assert its_place(Layout.COMFY, Kind.CHECKPOINT, [], folder=True) == "diffusers"
    assert its_place(Layout.WEBUI, Kind.CHECKPOINT, [], folder=True) is None
    assert misplaced(Layout.WEBUI, "/m", "Stable-diffusion/a.vae.pt", Kind.VAE) is None
    assert misplaced(Layout.WEBUI, "/m", "Stable-diffusion/a.pt", Kind.VAE) is not None
    assert misplaced(Layout.WEBUI, "/m", "mine/a.pt", Kind.VAE) is None


def test_more_layouts_are_recognised() -> None:
    """By folders that only they have."""
    assert guess_layout(["StableDiffusion", "Lora", "ApproxVAE", "TextEncoders"]) is Layout.STABILITY_MATRIX
    assert guess_layout(["checkpoints", "loras", "vae", "prompt_expansion"]) is Layout.FOOOCUS
    assert guess_layout(["Stable-diffusion", "Lora", "VAE", "UNET", "Text-encoder"]) is Layout.SDNEXT


def test_what_belongs_to_a_model() -> None:
    """Known ends only, in any case; what another model has by its own stem, too, is shared."""
    found = belongings("a.b", ["a.b.json", "a.b.PREVIEW.png", "a.b.safetensors", "a.b.zip", "a.bc.json", "a.json"], ())
    assert [entry.name for entry in found] == ["a.b.PREVIEW.png", "a.b.json"]
    (only,) = belongings("x", ["x.preview.png"], ["x.preview"])
    assert only.shared


@pytest.mark.parametrize("name", ["水" * 85, "a" * 255, "é" * 127 + "x", "short.safetensors"])
def test_names_in_the_trash_fit(name: str) -> None:
    """Cut between characters, and always with the end that no program lists."""
    found = trashed_name(7, name)
    assert fits(found)
    assert found.endswith(TRASHED)
    assert "\ufffd" not in found
    found.encode()
