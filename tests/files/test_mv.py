"""`hubman mv` on real files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import lora_bytes
from tests.files.conftest import names, tree

Put = Callable[..., Path]
INK = {"ink.safetensors", "ink.json", "ink.civitai.info", "ink.preview.png", "ink.PNG"}


def test_everything_beside_a_model_travels(library: Path, ok: Any, unchanged: Any) -> None:
    """To a folder that is made for it; time and number stay; a scan sees nothing new."""
    before = (library / "Lora/ink.safetensors").stat()
    ok("triggers", "ink", "--set", "shuimo")
    answer = ok("mv", "ink", "Lora/style/")
    assert names(library / "Lora/style") == INK
    assert names(library / "Lora") == {"style", "other.safetensors"}
    after = (library / "Lora/style/ink.safetensors").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert {entry["how"] for entry in answer["moved"]} == {"move"}
    unchanged()
    (model,) = ok("ls", "ink")["models"]
    assert model["path"] == str(library / "Lora/style/ink.safetensors")
    assert model["preview"] == str(library / "Lora/style/ink.preview.png")
    assert model["triggers"][0] == "shuimo"


def test_a_new_name_goes_to_all_of_it_and_the_extension_stays(library: Path, ok: Any, unchanged: Any) -> None:
    """The stem changes, whatever the extension; undo puts all names back."""
    before = tree(library)
    ok("mv", "ink", "水墨 v2")
    assert names(library / "Lora") == {name.replace("ink", "水墨 v2") for name in INK} | {"other.safetensors"}
    unchanged()
    ok("undo")
    assert tree(library) == before
    unchanged()


def test_words_of_an_unhashed_file_and_its_old_id_follow(webui: Path, put: Put, ok: Any) -> None:
    """They hang on the place's alias, which changes."""
    put("Lora/ink.safetensors", fill=1)
    ok("sync", str(webui), "--hash", "none")
    (model,) = ok("ls", "ink")["models"]
    ok("triggers", "ink", "--set", "shuimo")
    ok("mv", "ink", "wash")
    assert ok("show", model["id"])["model"]["name"] == "wash"
    assert ok("triggers", "wash")["models"][0]["triggers"][0]["text"] == "shuimo"
    ok("undo")
    assert ok("triggers", "ink")["models"][0]["triggers"][0]["text"] == "shuimo"


def test_nothing_is_overwritten(library: Path, call: Any) -> None:
    """Neither the model nor a sidecar: then nothing at all is moved."""
    before = tree(library)
    code, _, err = call("mv", "ink", "other")
    assert (code, "overwrites nothing" in err) == (8, True)
    (library / "Lora/wash.json").write_text("mine")
    before |= {"Lora/wash.json": b"mine"}
    code, _, err = call("mv", "ink", "wash")
    assert (code, "wash.json" in err) == (8, True)
    assert tree(library) == before


def test_dry_run_touches_nothing(library: Path, ok: Any) -> None:
    """It says what the real run then does."""
    before = tree(library)
    said = ok("mv", "ink", "VAE", "-n")
    assert tree(library) == before
    assert said["dry_run"]
    assert ok("undo", "--list")["entries"] == []
    assert ok("mv", "ink", "VAE")["moved"] == said["moved"]


def test_several_models_need_a_folder(library: Path, ok: Any, call: Any) -> None:
    """Both go, in one entry that one undo takes back."""
    before = tree(library)
    assert call("mv", "ink", "other", "new")[0] == 2
    ok("mv", "ink", "other", "new/")
    assert names(library / "new") == INK | {"other.safetensors"}
    ok("undo")
    assert tree(library) == before
    assert not (library / "new").exists()


def test_what_two_models_share_is_copied(library: Path, ok: Any, put: Put, unchanged: Any) -> None:
    """`ink.ckpt` keeps its sidecars; undo takes the copies away again."""
    (library / "Lora/ink.ckpt").write_bytes(lora_bytes(fill=9))
    ok("sync")
    before = tree(library)
    ok("mv", str(library / "Lora/ink.safetensors"), "VAE")
    assert names(library / "VAE") == INK
    assert names(library / "Lora") == (INK - {"ink.safetensors"}) | {"ink.ckpt", "other.safetensors"}
    unchanged()
    ok("undo")
    assert tree(library) == before
    unchanged()
    ok("mv", str(library / "Lora/ink.safetensors"), str(library / "Lora/ink.ckpt"), "VAE")
    assert names(library / "VAE") == INK | {"ink.ckpt"}


@pytest.mark.parametrize("name", ["a:b", "con", "nul.safetensors", "a?", "x" * 250, ".hidden"])
def test_names_that_are_none_somewhere(library: Path, call: Any, name: str) -> None:
    """Refused with the reason, before anything is touched."""
    before = tree(library)
    code, _, err = call("mv", "ink", name)
    assert (code, "cannot be a file's name" in err) == (2, True)
    assert tree(library) == before


def test_out_of_the_library_and_into_a_model(library: Path, tmp_path: Path, call: Any, put: Put) -> None:
    """Places where the file would not be a model of the library any more."""
    code, _, err = call("mv", "ink", str(tmp_path / "elsewhere") + "/")
    assert (code, "roots add" in err) == (3, True)
    (library / "Lora/peft").mkdir()
    (library / "Lora/peft/adapter_config.json").write_text("{}")
    (library / "Lora/peft/adapter_model.safetensors").write_bytes(lora_bytes(fill=3))
    assert call("mv", "ink", "Lora/peft")[0] == 8
    assert call("mv", "ink", "Lora/.hidden/")[0] == 2
    code, _, err = call("mv", "ink", "ink.ckpt")
    assert (code, "extension" in err) == (2, True)


def test_another_root_and_another_file_system(
    library: Path, tmp_path: Path, ok: Any, unchanged: Any, small_disk: Callable[[str], Path]
) -> None:
    """Copied, compared, and only then removed; the row is the same one."""
    disk = small_disk("4m")
    (disk / "loras").mkdir()
    ok("roots", "add", str(disk))
    ok("triggers", "ink", "--set", "shuimo")
    before, names_before = (library / "Lora/ink.safetensors").stat(), names(library / "Lora")
    data = (library / "Lora/ink.safetensors").read_bytes()
    ok("mv", "ink", str(disk / "loras"))
    assert names(disk / "loras") == INK
    moved = disk / "loras/ink.safetensors"
    assert moved.read_bytes() == data
    assert moved.stat().st_mtime_ns == before.st_mtime_ns
    unchanged()
    assert ok("ls", "ink")["models"][0]["triggers"][0] == "shuimo"
    ok("undo")
    assert names(library / "Lora") == names_before
    assert names(disk / "loras") == set()
    unchanged()


def test_a_model_folder_goes_whole(library: Path, ok: Any, unchanged: Any, small_disk: Callable[[str], Path]) -> None:
    """With everything in it, hidden files and links too, within a file system and across two."""
    folder = library / "Lora/peft"
    (folder / "extra").mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(lora_bytes(fill=3))
    (folder / ".note").write_text("mine")
    (folder / "link").symlink_to("adapter_config.json")
    (library / "Lora/peft.json").write_text("{}")
    ok("sync")
    before = tree(folder)
    ok("mv", "peft", "renamed")
    assert tree(library / "Lora/renamed") == before
    assert (library / "Lora/renamed.json").exists()
    unchanged()
    disk = small_disk("4m")
    ok("roots", "add", str(disk))
    ok("mv", "renamed", str(disk))
    assert tree(disk / "renamed") == before
    assert os.readlink(disk / "renamed/link") == "adapter_config.json"
    assert not (library / "Lora/renamed").exists()
    assert names(disk) == {"renamed", "renamed.json"}
    unchanged()
    ok("undo")
    ok("undo")
    assert tree(folder) == before


def test_shards_keep_their_names_and_go_together(library: Path, ok: Any, call: Any, unchanged: Any) -> None:
    """The index names them, so that a new name is refused and a new folder is not."""
    parts = [f"big-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for number, part in enumerate(parts):
        (library / "Lora" / part).write_bytes(lora_bytes(fill=number + 5))
    (library / "Lora/big.safetensors.index.json").write_text(
        json.dumps({"weight_map": dict(zip("ab", parts, strict=True))})
    )
    ok("sync")
    assert call("mv", "big", "small")[0] == 2
    ok("mv", "big", "Lora/large/")
    assert names(library / "Lora/large") == {*parts, "big.safetensors.index.json"}
    unchanged()


def test_a_link_is_moved_and_still_leads_there(library: Path, tmp_path: Path, ok: Any, unchanged: Any) -> None:
    """A relative one is written anew, an absolute one stays as it is; what they lead to is not touched."""
    store = tmp_path / "store"
    store.mkdir()
    (store / "a.safetensors").write_bytes(lora_bytes(fill=7))
    (store / "b.safetensors").write_bytes(lora_bytes(fill=8))
    (library / "Lora/near.safetensors").symlink_to("../../store/a.safetensors")
    (library / "Lora/far.safetensors").symlink_to(store / "b.safetensors")
    ok("sync")
    ok("mv", "near", "far", "Lora/deep/er/")
    for name, target in (("near", "a"), ("far", "b")):
        link = library / f"Lora/deep/er/{name}.safetensors"
        assert link.is_symlink()
        assert link.resolve() == store / f"{target}.safetensors"
    assert os.readlink(library / "Lora/deep/er/near.safetensors") == "../../../../store/a.safetensors"
    unchanged()
    ok("undo")
    assert os.readlink(library / "Lora/near.safetensors") == "../../store/a.safetensors"


def test_one_of_several_places_has_to_be_named(library: Path, ok: Any, call: Any) -> None:
    """By its path; the other stays."""
    copy = library / "Lora/copy.safetensors"
    copy.write_bytes((library / "Lora/ink.safetensors").read_bytes())
    ok("sync")
    code, _, err = call("mv", ok("show", "ink")["model"]["id"], "VAE")
    assert (code, "lies in 2 places" in err) == (8, True)
    ok("mv", str(copy), "VAE")
    assert (library / "VAE/copy.safetensors").exists()
    assert (library / "Lora/ink.safetensors").exists()


@pytest.mark.parametrize("name", ["zwei\nZeilen", "🎨 ink", "Cafe\u0301", b"\xff\xfe".decode(errors="surrogateescape")])
def test_strange_names(library: Path, ok: Any, put: Put, unchanged: Any, name: str) -> None:
    """Newline, emoji, NFD, and bytes that are no text go there and back."""
    put(f"Lora/{name}.safetensors", fill=11)
    ok("sync")
    ok("mv", str(library / f"Lora/{name}.safetensors"), "VAE")
    assert (library / f"VAE/{name}.safetensors").exists()
    unchanged()
    ok("rm", str(library / f"VAE/{name}.safetensors"), "-y")
    assert not (library / f"VAE/{name}.safetensors").exists()
    ok("undo")
    ok("undo")
    assert (library / f"Lora/{name}.safetensors").exists()
    unchanged()


def test_only_the_case(library: Path, ok: Any) -> None:
    """On a file system that tells names apart it is another name."""
    ok("mv", "ink", "Ink")
    assert (library / "Lora/Ink.safetensors").exists()
    assert not (library / "Lora/ink.safetensors").exists()


def test_a_place_that_a_row_of_a_file_gone_had(library: Path, ok: Any, unchanged: Any) -> None:
    """What was said of the file that lay there is kept with its content."""
    ok("triggers", "other", "--set", "theirs")
    data = (library / "Lora/other.safetensors").read_bytes()
    (library / "Lora/other.safetensors").unlink()
    ok("sync")
    ok("mv", "ink", "other")
    unchanged()
    (library / "VAE/back.safetensors").write_bytes(data)
    ok("sync")
    assert ok("triggers", "back")["models"][0]["triggers"][0]["text"] == "theirs"
