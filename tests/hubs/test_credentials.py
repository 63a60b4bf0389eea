"""Tokens: where they are looked for, that nobody else can read them, and that they are in no text."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hubman.disk.credentials import Credentials, Token, checked, system_keyring
from hubman.errors import HubmanError, UsageError

SECRET = "s3cr3t-t0ken-of-mine"
POSIX = pytest.mark.skipif(os.name != "posix", reason="rights and pipes of POSIX")


class Ring:
    """A keyring as the package has it; `broken` raises as a locked one does."""

    def __init__(self, *, broken: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = broken

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError(f"locked {SECRET}")

    def get_password(self, service_name: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self._check()
        self.kept[service_name, username] = password

    def delete_password(self, service_name: str, username: str) -> None:
        self._check()
        del self.kept[service_name, username]


def no_ring() -> None:
    return None


def tokens(home: Path, environ: dict[str, str] | None = None, ring: Ring | None = None) -> Credentials:
    return Credentials(home, {"HF_TOKEN_PATH": str(home / "none"), **(environ or {})}, lambda: ring)


def value(token: Token | None) -> str | None:
    return token and token.value


def fails(call: Callable[[], object]) -> HubmanError:
    with pytest.raises(UsageError) as caught:
        call()
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("hub", "environ", "found"),
    [
        ("civitai", {"HUBMAN_CIVITAI_TOKEN": "aaaa", "CIVITAI_TOKEN": "bbbb"}, ("aaaa", "HUBMAN_CIVITAI_TOKEN")),
        ("civitai", {"CIVITAI_TOKEN": "bbbb", "CIVITAI_API_KEY": "cccc"}, ("bbbb", "CIVITAI_TOKEN")),
        ("civitai", {"CIVITAI_API_KEY": " cccc\n", "CIVITAI_TOKEN": ""}, ("cccc", "CIVITAI_API_KEY")),
        ("huggingface", {"HUBMAN_HUGGINGFACE_TOKEN": "aaaa", "HF_TOKEN": "bbbb"}, ("aaaa", "HUBMAN_HUGGINGFACE_TOKEN")),
        ("huggingface", {"HF_TOKEN": "bbbb"}, ("bbbb", "HF_TOKEN")),
        ("modelscope", {"MODELSCOPE_API_TOKEN": "dddd"}, ("dddd", "MODELSCOPE_API_TOKEN")),
        ("liblib", {"HUBMAN_LIBLIB_TOKEN": "eeee"}, ("eeee", "HUBMAN_LIBLIB_TOKEN")),
        ("liblib", {"HF_TOKEN": "bbbb"}, None),
    ],
)
def test_the_environment(tmp_path: Path, hub: str, environ: dict[str, str], found: tuple[str, str] | None) -> None:
    token = tokens(tmp_path, environ).token(hub)
    assert (token and (token.value, token.source)) == found
    assert token is None or (not token.kept and token.value not in repr(token))


def test_environment_then_keyring_then_file(tmp_path: Path) -> None:
    ring = Ring()
    tokens(tmp_path).keep("civitai", "from-file")
    ring.kept["hubman", "civitai"] = "from-ring"
    environ = {"CIVITAI_TOKEN": "from-environment"}
    assert value(tokens(tmp_path, environ, ring).token("civitai")) == "from-environment"
    assert value(tokens(tmp_path, {}, ring).token("civitai")) == "from-ring"
    assert value(tokens(tmp_path, {}).token("civitai")) == "from-file"
    assert value(tokens(tmp_path, {}, Ring(broken=True)).token("civitai")) == "from-file"


def test_a_token_in_the_keyring_is_in_no_file(tmp_path: Path) -> None:
    ring = Ring()
    tokens(tmp_path).keep("civitai", SECRET)
    assert tokens(tmp_path, {}, ring).keep("civitai", SECRET) == "keyring"
    assert SECRET not in "".join(path.read_text() for path in tmp_path.iterdir())
    assert tokens(tmp_path, {}, ring).forget("civitai") == ["keyring"]
    assert tokens(tmp_path, {}, ring).token("civitai") is None


def test_a_locked_keyring_leaves_the_file(tmp_path: Path) -> None:
    ring = Ring(broken=True)
    assert tokens(tmp_path, {}, ring).keep("civitai", SECRET) == str(tmp_path / "credentials.toml")
    assert value(tokens(tmp_path, {}, ring).token("civitai")) == SECRET
    assert tokens(tmp_path, {}, ring).forget("civitai") == [str(tmp_path / "credentials.toml")]


def test_the_system_without_a_keyring() -> None:
    """In a child that has no such package, or one whose service is not there."""
    code = "import sys; sys.modules['keyring'] = None; from hubman.disk.credentials import *; print(system_keyring())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "None\n"
    assert system_keyring() is None or hasattr(system_keyring(), "get_password")


@pytest.mark.parametrize(("priority", "used"), [(5, True), (1, True), (0.5, False), (0, False), (-1, False)])
def test_a_keyring_that_keeps_secrets_in_the_open_is_none(monkeypatch: Any, priority: float, used: bool) -> None:
    """`keyrings.alt` writes plain files and says so by its priority; credentials.toml is better than that."""
    package = SimpleNamespace(get_keyring=lambda: SimpleNamespace(priority=priority))
    monkeypatch.setitem(sys.modules, "keyring", package)
    assert (system_keyring() is not None) is used


@POSIX
def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask is, from the first moment; the folder too, when it is new."""
    home = tmp_path / "new" / "home"
    old = os.umask(0)
    try:
        where = tokens(home).keep("civitai", SECRET)
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(where).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(home).st_mode) == 0o700
    assert {stat.S_IMODE(entry.stat().st_mode) & 0o077 for entry in os.scandir(home)} == {0}


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o660, 0o602, 0o610])
@POSIX
def test_a_file_that_others_can_read_is_not_used(tmp_path: Path, rights: int) -> None:
    """The hint is a command that mends it."""
    home = tmp_path / "with space"
    tokens(home).keep("civitai", SECRET)
    (home / "credentials.toml").chmod(rights)
    error = fails(lambda: tokens(home).token("civitai"))
    assert error.reference == "credentials-exposed"
    fails(lambda: tokens(home).keep("huggingface", SECRET))
    subprocess.run(error.hint.split("    ")[0], shell=True, check=True)
    assert value(tokens(home).token("civitai")) == SECRET


def test_several_hubs_share_the_file(tmp_path: Path) -> None:
    one = tokens(tmp_path)
    one.keep("civitai", "aaaa")
    one.keep("huggingface", "bbbb")
    one.keep("civitai", 'c"c\\c#')
    assert value(one.token("civitai")) == 'c"c\\c#'
    assert one.forget("civitai") == [str(one.path)]
    assert one.forget("civitai") == []
    assert (value(one.token("civitai")), value(one.token("huggingface"))) == (None, "bbbb")


def test_many_logins_at_once_lose_none(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=tokens(tmp_path).keep, args=(f"hub{number}", f"token-{number}")) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [value(tokens(tmp_path).token(f"hub{number}")) for number in range(12)] == [
        f"token-{number}" for number in range(12)
    ]


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: Any) -> None:
    tokens(tmp_path).keep("civitai", "aaaa")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        tokens(tmp_path).keep("civitai", "bbbb")
    monkeypatch.undo()
    assert value(tokens(tmp_path).token("civitai")) == "aaaa"
    assert [path.name for path in tmp_path.glob("*.tmp")] == []


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    """People keep their settings in another folder."""
    home, other = tmp_path / "home", tmp_path / "dotfiles"
    home.mkdir()
    other.mkdir()
    (home / "credentials.toml").symlink_to(other / "hubman.toml")
    tokens(home).keep("civitai", SECRET)
    assert (home / "credentials.toml").is_symlink()
    assert SECRET in (other / "hubman.toml").read_text()


@pytest.mark.parametrize(
    "content", [b"[civitai\ntoken = '" + SECRET.encode(), b"\xff\xfe", b"civitai = " + SECRET.encode()]
)
def test_a_broken_file_is_said_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "credentials.toml"
    path.write_bytes(content)
    path.chmod(0o600)
    assert fails(lambda: tokens(tmp_path).token("civitai")).reference == "credentials-unreadable"
    assert value(tokens(tmp_path, {"CIVITAI_TOKEN": "aaaa"}).token("civitai")) == "aaaa"


@POSIX
def test_what_is_no_file_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "credentials.toml", 0o600)
    assert fails(lambda: tokens(tmp_path).token("civitai")).reference == "credentials-unreadable"


@pytest.mark.parametrize("text", ["", "abc", f"{SECRET} {SECRET}", f"{SECRET}\nX: y", f"{SECRET}令牌", "x" * 5000])
def test_what_is_no_token_is_refused(tmp_path: Path, text: str) -> None:
    """It would break the header, or tell it to a log."""
    assert fails(lambda: checked(text, "")).reference == "token-invalid"
    assert not (tmp_path / "credentials.toml").exists()
    if text.strip():
        assert "CIVITAI_TOKEN" in fails(lambda: tokens(tmp_path, {"CIVITAI_TOKEN": text}).token("civitai")).message


def test_hugging_faces_own_file_is_read_and_never_written(tmp_path: Path) -> None:
    hf = tmp_path / "hf"
    hf.mkdir()
    (hf / "token").write_text(f"{SECRET}\n")
    before = (hf / "token").stat()
    for environ in ({"HF_HOME": str(hf)}, {"HF_TOKEN_PATH": str(hf / "token")}, {"XDG_CACHE_HOME": str(tmp_path)}):
        if "XDG_CACHE_HOME" in environ:
            (tmp_path / "huggingface").symlink_to(hf)
        one = Credentials(tmp_path / "home", environ, no_ring)
        token = one.token("huggingface")
        assert value(token) == SECRET
        assert token is not None
        assert not token.kept
        assert one.forget("huggingface") == []
    one.keep("huggingface", "our-own")
    assert value(one.token("huggingface")) == "our-own"
    one.forget("huggingface")
    assert value(one.token("huggingface")) == SECRET
    assert (hf / "token").stat() == before or (hf / "token").stat().st_mtime_ns == before.st_mtime_ns
    off = {"HF_HOME": str(hf), "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    assert Credentials(tmp_path / "home", off, no_ring).token("huggingface") is None
