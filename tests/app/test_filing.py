"""Where a new file goes, that nothing is overwritten or put outside, and that the next scan finds nothing new."""

from __future__ import annotations

import os
import pickle
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubman.app import filing
from hubman.app.filing import Place, check_file, ending_for, place_for, put, record_placed
from hubman.app.hashing import hash_model
from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.core.hub import CIVITAI, Listing, RemoteFile
from hubman.core.library import Layout, Root, RootState
from hubman.core.safe_name import SafeName
from hubman.core.types import Format, Kind
from hubman.errors import ConflictError, HubmanError, IntegrityError, NotFoundError, UnsafeError
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes

INK = SafeName("ink.safetensors")


@pytest.fixture
def store(isolated: Path) -> Iterator[Store]:
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


def sync(store: Store) -> SyncReport:
    with open_reader(store.path) as reader:
        roots = reader.roots()
    return Sync(store, SyncOptions(hash_mode="all")).run(roots)


def place(store: Store, kind: str = "lora", **wish: str) -> Place:
    with open_reader(store.path) as reader:
        return place_for(reader, kind, INK, **wish)


def folder(path: Path, *names: str) -> Path:
    for name in names or (".",):
        (path / name).mkdir(parents=True, exist_ok=True)
    return path


def comfy(path: Path) -> Path:
    return folder(path, "checkpoints", "loras", "clip_vision", "text_encoders", "vae")


def part_of(path: Path, content: bytes | None = None) -> str:
    part = path / "download.part"
    part.write_bytes(lora_bytes(fill=7) if content is None else content)
    return str(part)


# --- where to ------------------------------------------------------------------------------------------------------


def test_without_a_root_the_command_that_adds_one_is_said(store: Store) -> None:
    with pytest.raises(NotFoundError, match="no folder") as caught:
        place(store)
    assert caught.value.reference == "no-roots"
    assert "hubman roots add" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("lora", "Lora"), ("checkpoint", "Stable-diffusion"), ("vae", "VAE"), ("upscaler", "ESRGAN")],
)
def test_a_kind_goes_to_its_folder(store: Store, webui: Path, kind: str, expected: str) -> None:
    add_root(store, str(webui), None, None)
    found = place(store, kind)
    assert (found.folder, found.path) == (expected, str(webui / expected / INK))


def test_the_root_that_holds_most_of_the_kind_is_taken(store: Store, webui: Path, tmp_path: Path) -> None:
    other = comfy(tmp_path / "comfy")
    for number in range(3):
        (other / "loras" / f"{number}.safetensors").write_bytes(lora_bytes(fill=number))
    (webui / "Lora" / "one.safetensors").write_bytes(lora_bytes(fill=9))
    for path in (webui, other):
        add_root(store, str(path), None, None)
    sync(store)
    assert place(store).path == str(other / "loras" / INK)
    assert place(store, root=str(webui)).path == str(webui / "Lora" / INK)
    assert place(store, folder="Lora/styles", root=str(webui)).path == str(webui / "Lora/styles" / INK)
    assert place(store, folder=str(webui / "Lora")).path == str(webui / "Lora" / INK)


def test_a_root_without_a_layout_takes_anything_but_only_where_no_other_has_a_folder(
    store: Store, webui: Path, tmp_path: Path
) -> None:
    flat = folder(tmp_path / "flat")
    add_root(store, str(flat), Layout.FLAT, None)
    assert place(store).path == str(flat / INK)
    assert place(store, "unknown").path == str(flat / INK)
    add_root(store, str(webui), None, None)
    assert place(store).path == str(webui / "Lora" / INK)
    assert place(store, "clip-vision").path == str(flat / INK)


def test_a_kind_without_a_folder_asks_for_one(store: Store, webui: Path) -> None:
    add_root(store, str(webui), None, None)
    with pytest.raises(NotFoundError) as caught:
        place(store, "clip-vision")
    assert caught.value.reference == "no-place"
    assert "--to" in caught.value.hint


def test_embeddings_go_beside_the_models_of_a1111(store: Store, tmp_path: Path) -> None:
    models = folder(tmp_path / "a1111" / "models", "Stable-diffusion", "Lora", "VAE", "hypernetworks").resolve()
    add_root(store, str(models), Layout.WEBUI, None)
    with pytest.raises(NotFoundError, match="embedding"):
        place(store, "embedding")
    beside = folder(tmp_path / "a1111" / "embeddings")
    add_root(store, str(beside), Layout.FLAT, None)
    assert place(store, "embedding").path == str(beside / INK)


@pytest.mark.parametrize("layout", [Layout.INVOKE, Layout.HUGGINGFACE])
def test_what_another_program_keeps_is_never_written(store: Store, tmp_path: Path, layout: Layout) -> None:
    kept = folder(tmp_path / "kept")
    add_root(store, str(kept), layout, None)
    with pytest.raises(ConflictError):
        place(store)
    for key, value in (("root", str(kept)), ("folder", str(kept / "deep"))):
        with pytest.raises(ConflictError) as caught:
            place(store, **{key: value})
        assert caught.value.reference == "kept-by-another"


def test_a_root_that_is_away_or_read_only_is_passed_over(
    store: Store, webui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, locked = comfy(tmp_path / "away"), comfy(tmp_path / "locked")
    for path in (away, locked, webui):
        add_root(store, str(path), None, None)
    away.rename(tmp_path / "elsewhere")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(locked) and real(path, mode))
    assert place(store).root.path == str(webui)
    with pytest.raises(ConflictError) as caught:
        place(store, root=str(locked))
    assert caught.value.reference == "folder-not-writable"


@pytest.mark.parametrize("wish", ["../out", "Lora/../../out", "/etc", "~/elsewhere"])
def test_a_folder_outside_the_roots_is_refused(store: Store, webui: Path, wish: str) -> None:
    add_root(store, str(webui), None, None)
    with pytest.raises(NotFoundError) as caught:
        place(store, folder=wish)
    assert caught.value.reference == "outside-roots"


@pytest.mark.parametrize("wish", [".git", "Lora/.hidden", "__pycache__"])
def test_a_folder_that_no_scan_looks_into_is_refused(store: Store, webui: Path, wish: str) -> None:
    add_root(store, str(webui), None, None)
    with pytest.raises(HubmanError) as caught:
        place(store, folder=wish)
    assert caught.value.reference in ("folder-not-scanned", "name-invalid")


# --- putting it there (case 40: links) -------------------------------------------------------------------------------


def test_a_link_out_of_the_root_is_refused_and_one_into_another_root_belongs_to_that(
    store: Store, webui: Path, tmp_path: Path
) -> None:
    outside = folder(tmp_path / "outside")
    (webui / "Lora").rmdir()
    (webui / "Lora").symlink_to(outside)
    add_root(store, str(webui), Layout.WEBUI, None)
    with pytest.raises(ConflictError) as caught:
        place(store)
    assert caught.value.reference == "leads-outside"
    assert str(outside) in caught.value.hint
    add_root(store, str(outside), Layout.FLAT, None)
    assert place(store).path == str(outside / INK)


def test_a_parent_that_became_a_link_meanwhile_is_refused(store: Store, webui: Path, tmp_path: Path) -> None:
    root = add_root(store, str(webui), None, None)
    outside, part = folder(tmp_path / "outside"), part_of(tmp_path)
    (webui / "Lora" / "sub").symlink_to(outside)
    for inside in ("Lora/sub", "Lora/sub/deeper"):
        with pytest.raises(ConflictError) as caught:
            put(part, Place(root, inside, INK))
        assert caught.value.reference == "leads-outside"
    assert list(outside.iterdir()) == []
    assert os.path.exists(part)


def test_a_target_that_is_a_link_is_neither_followed_nor_replaced(store: Store, webui: Path, tmp_path: Path) -> None:
    root = add_root(store, str(webui), None, None)
    victim = tmp_path / "victim"
    (webui / "Lora" / INK).symlink_to(victim)
    path = put(part_of(tmp_path), Place(root, "Lora", INK))
    assert path == str(webui / "Lora" / "ink (2).safetensors")
    assert not victim.exists()
    assert (webui / "Lora" / INK).is_symlink()


def test_a_link_instead_of_a_part_is_not_placed(store: Store, webui: Path, tmp_path: Path) -> None:
    root = add_root(store, str(webui), None, None)
    secret, part = tmp_path / "secret", tmp_path / "x.part"
    secret.write_bytes(b"secret")
    part.symlink_to(secret)
    with pytest.raises(IntegrityError):
        put(str(part), Place(root, "Lora", INK))
    assert list((webui / "Lora").iterdir()) == []


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("ink.safetensors", "ink.safetensors"),
        ("INK.safetensors", "ink.safetensors"),
        (unicodedata.normalize("NFD", "é.safetensors"), "é.safetensors"),
        ("ink.ckpt", "ink.safetensors"),
    ],
)
def test_nothing_is_overwritten_nor_hidden(store: Store, webui: Path, tmp_path: Path, there: str, wanted: str) -> None:
    root = add_root(store, str(webui), None, None)
    (webui / "Lora" / there).write_bytes(b"mine")
    path = Path(put(part_of(tmp_path), Place(root, "Lora", SafeName(wanted))))
    assert (webui / "Lora" / there).read_bytes() == b"mine"
    assert path.read_bytes() == lora_bytes(fill=7)
    assert path.parent == webui / "Lora"
    assert path.stem == Path(wanted).stem + " (2)"


def test_a_name_that_is_taken_at_the_last_moment_is_left_alone(
    store: Store, webui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, real = add_root(store, str(webui), None, None), filing.taken_names

    def late(place: Place) -> set[str]:
        names = real(place)
        (webui / "Lora" / INK).touch()
        return names

    monkeypatch.setattr(filing, "taken_names", late)
    assert put(part_of(tmp_path), Place(root, "Lora", INK)).endswith("ink (2).safetensors")
    assert (webui / "Lora" / INK).read_bytes() == b""


def test_a_full_disk_leaves_the_part_and_nothing_else(
    store: Store, small_disk: Callable[[str], Path], tmp_path: Path
) -> None:
    root = add_root(store, str(small_disk("64k")), Layout.FLAT, None)
    part = part_of(tmp_path, bytes(200_000))
    with pytest.raises(ConflictError) as caught:
        put(part, Place(root, "", INK))
    assert caught.value.reference == "no-space"
    assert os.listdir(root.path) == []
    assert os.path.getsize(part) == 200_000


def test_a_folder_is_made_and_a_model_folder_placed_whole(store: Store, webui: Path, tmp_path: Path) -> None:
    root = add_root(store, str(webui), None, None)
    model = folder(tmp_path / "pipe.part", "unet")
    (model / "model_index.json").write_text("{}")
    (model / "unet" / "config.json").write_text("{}")
    path = Path(put(str(model), Place(root, "Stable-diffusion/new/deep", SafeName("pipe"))))
    assert path == webui / "Stable-diffusion/new/deep/pipe"
    assert (path / "unet" / "config.json").exists()
    assert not model.exists()


# --- the look before it -----------------------------------------------------------------------------------------------


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo no",)


@pytest.mark.parametrize("name", ["ink.pt", "ink.safetensors"])
def test_a_file_that_runs_code_is_set_aside(tmp_path: Path, isolated: Path, name: str) -> None:
    part = part_of(tmp_path, pickle.dumps(_Runs()))
    with pytest.raises(UnsafeError) as caught:
        check_file(part, name, quarantine=isolated / "quarantine")
    assert caught.value.reference == "download-unsafe"
    assert not os.path.exists(part)
    kept = sorted(path.suffix for path in (isolated / "quarantine").iterdir())
    assert kept == [".quarantined", ".txt"]


def test_a_file_of_the_users_own_that_runs_code_stays_where_it_is(tmp_path: Path) -> None:
    part = part_of(tmp_path, pickle.dumps(_Runs()))
    with pytest.raises(UnsafeError, match="would run code"):
        check_file(part, "ink.pt")
    assert os.path.exists(part)


@pytest.mark.parametrize(
    ("content", "reference"),
    [
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "web-page"),
        (b'{"error": "Unauthorized"}', "web-page"),
        (b"", "empty-file"),
        (lora_bytes()[:-10], "safetensors-truncated"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes, reference: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        check_file(part_of(tmp_path, content), "ink.safetensors")
    assert caught.value.reference == reference


@pytest.mark.parametrize("name", ["readme.txt", "page.html", "picture.zip"])
def test_another_name_does_not_make_a_page_a_model(tmp_path: Path, name: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        check_file(part_of(tmp_path, b"<html>hello</html>"), name)
    assert caught.value.reference == "not-a-model"


def test_the_kind_is_that_of_the_content(tmp_path: Path) -> None:
    found = check_file(part_of(tmp_path), "checkpoint.ckpt")
    assert (found.kind, found.header.format) == (Kind.LORA, Format.SAFETENSORS)
    assert ending_for(found.header.format, "checkpoint.ckpt") == ".safetensors"
    assert ending_for(Format.PICKLE, "x.PTH") == ".pth"


# --- its row ---------------------------------------------------------------------------------------------------------


def came(sha256: str) -> tuple[str, Listing, str | None, str]:
    file = RemoteFile("7", "ink.safetensors", hashes={"sha256": sha256})
    return sha256, Listing(CIVITAI, "1", "2", "Ink", files=(file,)), "7", "download"


def test_the_next_scan_finds_nothing_new(store: Store, webui: Path, tmp_path: Path) -> None:
    root = add_root(store, str(webui), None, None)
    sync(store)
    path = put(part_of(tmp_path), Place(root, "Lora", INK))
    hashes = hash_model(path)
    record_placed(store, root, path, hashes, [came(hashes.sha256)])
    with open_reader(store.path) as reader:
        (file,) = reader.resolve(hashes.sha256)
        provenance = reader.hubs.of_contents([hashes.sha256])[hashes.sha256]
    assert (file.kind, file.path, file.present) == ("lora", path, True)
    assert file.hashes == hashes
    assert [entry.listing.name for entry in provenance] == ["Ink"]
    report = sync(store)
    assert (report.added, report.modified, report.moved, report.identified, report.hashed) == (0, 0, 0, 0, 0)
    assert report.errors == []


def test_a_watcher_that_listed_it_first_changes_nothing(store: Store, webui: Path, tmp_path: Path) -> None:
    root = add_root(store, str(webui), None, None)
    path = put(part_of(tmp_path), Place(root, "Lora", INK))
    os.utime(path, (1, 1))
    sync(store)
    hashes = hash_model(path)
    record_placed(store, root, path, hashes, [came(hashes.sha256)])
    with open_reader(store.path) as reader:
        assert len(reader.resolve(hashes.sha256)) == 1


def test_what_was_said_of_an_older_file_of_that_name_is_not_said_of_the_new_one(
    store: Store, webui: Path, tmp_path: Path
) -> None:
    root = add_root(store, str(webui), None, None)
    old = webui / "Lora" / INK
    old.write_bytes(lora_bytes(fill=1))
    os.utime(old, (1, 1))
    with open_reader(store.path) as reader:
        roots = reader.roots()
    Sync(store, SyncOptions(hash_mode="none")).run(roots)
    from hubman.core.library import UserData

    with open_reader(store.path) as reader:
        (file,) = reader.at(root.id, f"Lora/{INK}")
    with store.writer() as writer:
        writer.subjects.set_data(file.subject, UserData("about the old one", (), True, 5))
    old.unlink()
    Sync(store, SyncOptions(hash_mode="none")).run(roots)
    path = put(part_of(tmp_path), Place(root, "Lora", INK))
    hashes = hash_model(path)
    record_placed(store, root, path, hashes)
    with open_reader(store.path) as reader:
        (new,) = reader.resolve(hashes.sha256)
    assert new.user.note in (None, "")


def test_a_file_that_vanished_is_not_listed(store: Store, webui: Path, tmp_path: Path) -> None:
    root: Root = add_root(store, str(webui), None, None)
    path = put(part_of(tmp_path), Place(root, "Lora", INK))
    hashes = hash_model(path)
    os.unlink(path)
    with pytest.raises(NotFoundError):
        record_placed(store, root, path, hashes)
    assert root.state is RootState.OK


def test_a_folder_that_cannot_be_written_in_a_root_that_can(
    store: Store, webui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = add_root(store, str(webui), None, None)
    real, part = os.access, part_of(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(webui / "Lora") and real(path, mode))
    with pytest.raises(ConflictError) as caught:
        put(part, Place(root, "Lora", INK))
    assert caught.value.reference == "folder-not-writable"
    assert os.path.exists(part)
