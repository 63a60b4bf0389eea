"""Tokens of hubs: where they are looked for, and the one file that they are kept in where there is no keyring.

A token is read from the environment, the system's keyring (where the package `keyring` is installed and works), or
`credentials.toml` in the home folder, in that order. Hugging Face's own token file comes last; it is never written.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hubman.errors import N_, UsageError

FILE = "credentials.toml"
SERVICE = "hubman"
MOST_FILE = 1 << 20

VARIABLES: Mapping[str, tuple[str, ...]] = {
    "civitai": ("CIVITAI_TOKEN", "CIVITAI_API_KEY"),
    "huggingface": ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"),
    "modelscope": ("MODELSCOPE_API_TOKEN",),
}
"""Variables of the hubs' own tools; HUBMAN_<HUB>_TOKEN comes before them."""

_TOKEN = re.compile(r"[\x21-\x7e]{4,4096}")
_NAME = re.compile(r"[a-z0-9_-]{1,32}")


class Keyring(Protocol):
    """What is used of the package `keyring`."""

    def get_password(self, service_name: str, username: str) -> str | None: ...
    def set_password(self, service_name: str, username: str, password: str) -> None: ...
    def delete_password(self, service_name: str, username: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Token:
    """A token. Its text never shows it.

    Attributes:
        source: where it was found: a variable, "keyring", or a path.
        kept: whether hubman keeps it itself, so that `hubs logout` can forget it.
    """

    value: str = field(repr=False)
    source: str
    kept: bool


def system_keyring() -> Keyring | None:
    """Return the system's keyring, where the package is installed and something stands behind it."""
    try:
        package: Any = importlib.import_module("keyring")
        backend = package.get_keyring()
        if backend.priority < 1:  # the package's own line below which a backend keeps its secrets in the open, or not
            return None
    except Exception:  # not installed; and a backend may raise whatever its system's service raises
        return None
    found: Keyring = package
    return found


class Credentials:
    """The tokens of one user.

    Args:
        home: hubman's home folder.
        keyring: called when it is needed; None: no keyring.
    """

    def __init__(
        self, home: Path, environ: Mapping[str, str], keyring: Callable[[], Keyring | None] = system_keyring
    ) -> None:
        self.path = home / FILE
        self._environ = environ
        self._make_keyring = keyring
        self._keyring: Keyring | None = None
        self._asked = False

    def token(self, hub: str) -> Token | None:
        """Return the token of a hub, None where there is none.

        Raises:
            UsageError: `credentials-exposed`, `credentials-unreadable`, `token-invalid` (it cannot be one).
        """
        for variable in (f"HUBMAN_{hub.upper()}_TOKEN", *VARIABLES.get(hub, ())):
            value = self._environ.get(variable, "").strip()
            if value:
                return Token(checked(value, variable), variable, kept=False)
        kept = self._in_keyring(hub)
        if kept:
            return Token(checked(kept, "keyring"), "keyring", kept=True)
        value = self._read().get(hub, "")
        if value:
            return Token(checked(value, str(self.path)), str(self.path), kept=True)
        return self._of_huggingface() if hub == "huggingface" else None

    def keep(self, hub: str, value: str) -> str:
        """Keep a token in the keyring, else in the file; return where.

        Raises:
            UsageError: `token-invalid`; as `token`. OSError: the file cannot be written.
        """
        value = checked(value.strip(), "")
        keyring = self._usable_keyring()
        if keyring is not None:
            with contextlib.suppress(Exception):  # locked, or its service is gone: then the file
                keyring.set_password(SERVICE, hub, value)
                if keyring.get_password(SERVICE, hub) == value:
                    self._drop(hub)
                    return "keyring"
        with self._locked():
            self._write({**self._read(), hub: value})
        return str(self.path)

    def forget(self, hub: str) -> list[str]:
        """Forget the token that hubman keeps of a hub; return where it was. Nobody else's files are touched."""
        found = []
        keyring = self._usable_keyring()
        if keyring is not None:
            with contextlib.suppress(Exception):
                if keyring.get_password(SERVICE, hub):
                    keyring.delete_password(SERVICE, hub)
                    found.append("keyring")
        if self._drop(hub):
            found.append(str(self.path))
        return found

    def _in_keyring(self, hub: str) -> str | None:
        keyring = self._usable_keyring()
        if keyring is None:
            return None
        try:
            return (keyring.get_password(SERVICE, hub) or "").strip() or None
        except Exception:  # as in system_keyring: then it is as if there were none
            return None

    def _usable_keyring(self) -> Keyring | None:
        if not self._asked:
            self._keyring, self._asked = self._make_keyring(), True
        return self._keyring

    def _of_huggingface(self) -> Token | None:
        """Read the file that Hugging Face's own tools log in with."""
        if self._environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in ("1", "ON", "YES", "TRUE"):
            return None
        cache = self._environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
        home = self._environ.get("HF_HOME") or os.path.join(cache, "huggingface")
        path = os.path.expanduser(self._environ.get("HF_TOKEN_PATH") or os.path.join(home, "token"))
        try:
            with open(path, encoding="utf-8") as file:
                value = file.read(MOST_FILE).strip()
        except (OSError, UnicodeDecodeError):
            return None
        return Token(checked(value, path), path, kept=False) if value else None

    def _drop(self, hub: str) -> bool:
        if not self.path.exists():
            return False
        with self._locked():
            known = self._read()
            if hub not in known:
                return False
            del known[hub]
            self._write(known)
        return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else change the file meanwhile; a new home folder is its owner's alone."""
        from filelock import FileLock

        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(str(self.path) + ".lock", timeout=30, mode=0o600):
            yield

    def _read(self) -> dict[str, str]:
        """Return hub -> token of the file.

        Raises:
            UsageError: `credentials-exposed`, `credentials-unreadable`.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unreadable(self.path, error.strerror or error) from None
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise _unreadable(self.path, "it is no file")
            if os.name == "posix" and about.st_mode & 0o077:
                raise UsageError(
                    "credentials-exposed",
                    N_("{path} can be read or changed by others on this machine (rights {rights}). It is not used."),
                    hint=N_("chmod 600 {quoted}    and if others had the time to read it, make new tokens"),
                    path=self.path,
                    rights=f"{stat.S_IMODE(about.st_mode):o}",
                    quoted=_quoted(str(self.path)),
                )
            data = file.read(MOST_FILE)
        return _tokens(self.path, data)

    def _write(self, tokens: Mapping[str, str]) -> None:
        """Replace the file: a new one that was never anybody else's to read, synced, renamed over the old one."""
        lines = ["# Tokens of hubs, written by `hubman hubs login`. Nobody else should be able to read this file.\n"]
        lines += [f"\n[{hub}]\ntoken = {json.dumps(value)}\n" for hub, value in sorted(tokens.items())]
        target = os.path.realpath(self.path)
        # mkstemp: O_EXCL and 0600 from the first moment, whatever the umask is
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".credentials-", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write("".join(lines))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def checked(value: str, source: str) -> str:
    """Return a token that can be sent in a header.

    Raises:
        UsageError: `token-invalid`. The text does not show it.
    """
    if _TOKEN.fullmatch(value):
        return value
    raise UsageError(
        "token-invalid",
        N_("What was given is no token: it is too short, or has characters that no token has.")
        if not source
        else N_("What {source} holds is no token: it is too short, or has characters that no token has."),
        hint=N_("Copy it from the hub's settings again, as one line without blanks."),
        source=source,
    )


def _tokens(path: Path, data: bytes) -> dict[str, str]:
    import tomllib

    try:
        content = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # The decoder's message quotes the line, and the line may be a token.
        raise _unreadable(path, "it is no valid TOML") from None
    found = {}
    for hub, section in content.items():
        value = section.get("token") if isinstance(section, dict) else None
        if _NAME.fullmatch(hub) and isinstance(value, str) and value.strip():
            found[hub] = value.strip()
    return found


def _unreadable(path: Path, why: object) -> UsageError:
    return UsageError(
        "credentials-unreadable",
        N_("{path} cannot be used: {why}"),
        hint=N_("Mend it, or move it away and log in again: hubman hubs login NAME"),
        path=path,
        why=why,
    )


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
