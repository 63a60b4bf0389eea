"""Which file a MODEL argument means: paths of every kind, hash prefixes, names in another normal form."""

from __future__ import annotations

import ntpath
import os
import posixpath
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from hubman.app.library import find_all, find_one, inside
from hubman.cli import run
from hubman.core.library import Layout, Root
from hubman.errors import NotFoundError
from hubman.store.reader import open_reader

Put = Callable[..., Path]


@pytest.fixture
def found(isolated: Path) -> Callable[[str], str | None]:
    """Return a function that gives the relative path of the file that an argument means."""

    def find(text: str) -> str | None:
        with open_reader(isolated / "library.db") as reader:
            try:
                return find_one(reader, text).relpath
            except NotFoundError:
                return None

    return find


@pytest.mark.skipif(os.name != "posix", reason="links and backslashes in names")
def test_paths_through_links_and_with_odd_characters(
    webui: Path, put: Put, tmp_path: Path, found: Callable[[str], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roots are stored by their real path; the user may type any other way to the file."""
    put("Lora/deep/ink.safetensors", fill=1)
    put("Lora/a\\b.safetensors", fill=2)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (webui / "Lora/linked").symlink_to(elsewhere)
    (elsewhere / "x.safetensors").write_bytes((webui / "Lora/a\\b.safetensors").read_bytes())
    (tmp_path / "library").symlink_to(webui)
    (tmp_path / "part").symlink_to(webui / "Lora/deep")
    assert run(["sync", str(webui)]) == 0
    assert found(str(tmp_path / "library/Lora/deep/ink.safetensors")) == "Lora/deep/ink.safetensors"
    assert found(str(tmp_path / "part/ink.safetensors")) == "Lora/deep/ink.safetensors"
    assert found(str(tmp_path / "library/Lora/linked/x.safetensors")) == "Lora/linked/x.safetensors"
    assert found(str(webui / "Lora/a\\b.safetensors")) == "Lora/a\\b.safetensors"
    assert found("a\\b.safetensors") == "Lora/a\\b.safetensors"
    monkeypatch.chdir(webui / "Lora")
    assert found("deep/../deep/ink.safetensors") == "Lora/deep/ink.safetensors"
    assert found(str(webui / "Lora/none.safetensors")) is None


def test_a_path_of_a_file_that_is_gone_is_still_known(
    webui: Path, put: Put, found: Callable[[str], str | None]
) -> None:
    """`show` of a lost file tells what it was."""
    path = put("Lora/ink.safetensors", fill=1)
    run(["sync", str(webui)])
    path.unlink()
    assert found(str(path)) == "Lora/ink.safetensors"
    run(["sync"])
    assert found(str(path)) == "Lora/ink.safetensors"


def test_wildcards_of_sql_are_letters(webui: Path, put: Put, found: Callable[[str], str | None]) -> None:
    """`a_c` is not `abc`."""
    put("Lora/abc.safetensors", fill=1)
    run(["sync", str(webui)])
    assert found("a_c.safetensors") is None
    assert found("%.safetensors") is None
    assert found("Lora/abc.safetensors") == "Lora/abc.safetensors"


def test_windows_paths_by_root_and_relative_path() -> None:
    """Separators, drive letters and case as Windows has them; the innermost root first."""
    roots = [Root(1, "C:\\models", Layout.FLAT), Root(2, "C:\\models\\Lora", Layout.FLAT), Root(3, "D:\\", Layout.FLAT)]
    path = ntpath.normpath("c:/Models/lora/sub/x.safetensors")
    assert list(inside(roots, path, ntpath)) == [(2, "sub/x.safetensors"), (1, "lora/sub/x.safetensors")]
    assert list(inside(roots, "D:\\x.pt", ntpath)) == [(3, "x.pt")]
    assert list(inside(roots, "E:\\models\\x.pt", ntpath)) == []


def test_posix_paths_by_root_and_relative_path() -> None:
    """A folder whose name begins like a root's is another one."""
    roots = [Root(1, "/none/models", Layout.FLAT), Root(2, "/", Layout.FLAT)]
    assert list(inside(roots, "/none/models2/x.pt", posixpath)) == [(2, "none/models2/x.pt")]
    assert next(inside(roots, "/none/models/a\\b.pt", posixpath)) == (1, "a\\b.pt")


def test_composed_and_decomposed_names_are_one_name(webui: Path, put: Put, found: Callable[[str], str | None]) -> None:
    """A file from a Mac has NFD; what people type is NFC."""
    name = unicodedata.normalize("NFD", "Café が")
    put(f"Lora/{name}.safetensors", fill=1)
    run(["sync", str(webui)])
    if not (webui / f"Lora/{name}.safetensors").exists():
        pytest.skip("this file system normalises names")
    typed = unicodedata.normalize("NFC", name)
    assert typed != name
    for text in (typed, typed.upper(), f"{typed}.safetensors", f"Lora/{typed}.safetensors",
                 str(webui / f"Lora/{typed}.safetensors")):  # fmt: skip
        assert found(text) == f"Lora/{name}.safetensors", text


def test_prefixes_of_every_hash_kind(webui: Path, put: Put, isolated: Path) -> None:
    """From six digits on, in either case."""
    put("Lora/ink.safetensors", fill=1)
    put("Lora/other.safetensors", fill=2)
    run(["sync", str(webui)])
    with open_reader(isolated / "library.db") as reader:
        hashes = find_one(reader, "ink").hashes
        assert hashes is not None
        assert hashes.autov3 is not None
        for text in (hashes.autov3[:10], hashes.autov3[:6].upper(), hashes.sha256[:20], hashes.crc32):
            assert [file.name for file in find_all(reader, str(text))] == ["ink"], text
        assert find_all(reader, hashes.autov3[:5]) == []
