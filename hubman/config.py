"""Where things live and how hubman behaves: flag > environment (`HUBMAN_*`) > config.toml > default.

Nothing here is read at import; `load` is called once by the shell and the frozen result is passed on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hubman.errors import N_, StoreError, UsageError

HASH_MODES = ("auto", "all", "none")
SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
"""How an environment variable says yes or no."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one run.

    Attributes:
        home: folder of everything below; `HUBMAN_HOME`, else the platform's data folder for hubman.
        hash_mode: auto (files up to `hash_limit` bytes are hashed in `sync`), all, none.
        nice: hashing gives way to whoever uses the machine; `watch` does so always.
        language: a locale such as `zh_CN`, or "" to follow the environment.
        trash_days: days after which what `rm` removed is deleted for good; 0: never.
        allow_network_db: use a database on a network file system all the same, with a rollback journal.
        poll: folders whose file events are not to be trusted: `watch` looks at them from time to time.
        offline: ask no hub.
        hub_urls: hub -> base address instead of its own (hubs.DEFAULT_URLS).
        downloads: files that are fetched at the same time.
        connections: connections for one file, where its hub allows several.
    """

    home: Path
    hash_mode: str = "auto"
    hash_limit: int = 2_000_000_000
    nice: bool = False
    language: str = ""
    trash_days: int = 30
    allow_network_db: bool = False
    poll: tuple[str, ...] = ()
    offline: bool = False
    hub_urls: Mapping[str, str] = field(default_factory=dict)
    downloads: int = 3
    connections: int = 4

    @property
    def database(self) -> Path:
        return self.home / "library.db"

    @property
    def backups(self) -> Path:
        return self.home / "backups"

    @property
    def previews(self) -> Path:
        return self.home / "previews"

    @property
    def logs(self) -> Path:
        return self.home / "logs"


def load(environ: Mapping[str, str], *, home: str | None = None) -> Config:
    """Read config.toml under the home folder and lay the environment over it.

    Raises:
        UsageError: `config-invalid`, the file is not TOML or a value is of the wrong kind; `config-unreadable`.
        StoreError: `store-unusable`, the home folder is no folder.
    """
    folder = _home_folder(home or environ.get("HUBMAN_HOME") or _platform_home())
    values = _read_toml(folder / "config.toml")
    mode = environ.get("HUBMAN_HASH") or values.get("hash", "auto")
    if mode not in HASH_MODES:
        raise UsageError(
            "config-invalid",
            N_("The hash mode is {value!r}, but it must be one of {choices}."),
            hint=N_("Correct `hash` in {path}, or HUBMAN_HASH."),
            value=mode,
            choices=", ".join(HASH_MODES),
            path=folder / "config.toml",
        )
    language = environ.get("HUBMAN_LANG") or values.get("language", "")
    network = environ.get("HUBMAN_ALLOW_NETWORK_DB", "") == "1" or values.get("allow_network_db") is True
    poll = _folders(environ.get("HUBMAN_POLL"), values.get("poll", []), folder / "config.toml")
    nice = _yes_or_no(environ.get("HUBMAN_NICE") or values.get("nice", False), folder / "config.toml")
    return Config(
        home=folder,
        hash_mode=str(mode),
        nice=nice,
        language=str(language),
        trash_days=_trash_days(values, folder),
        allow_network_db=network,
        poll=poll,
    )


def _folders(variable: str | None, value: object, path: Path) -> tuple[str, ...]:
    """Return the folders that a variable (separated as in PATH) or a list in config.toml names.

    Raises:
        UsageError: `config-invalid`.
    """
    names = [name for name in variable.split(os.pathsep) if name] if variable else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(
            "config-invalid",
            N_("`poll` is {value!r}, but it must be a list of folders."),
            hint=N_('Correct it in {path}: poll = ["/mnt/nas"], or HUBMAN_POLL.'),
            value=value,
            path=path,
        )
    return tuple(os.path.realpath(os.path.expanduser(name)) for name in names)


def _yes_or_no(value: object, path: Path) -> bool:
    answer = value if isinstance(value, bool) else SWITCHES.get(str(value).lower())
    if answer is None:
        raise UsageError(
            "config-invalid",
            N_("`nice` is {value!r}, but it must be true or false."),
            hint=N_("Correct `nice` in {path}, or HUBMAN_NICE."),
            value=value,
            path=path,
        )
    return answer


def _trash_days(values: Mapping[str, object], folder: Path) -> int:
    days = values.get("trash_days", Config.__dataclass_fields__["trash_days"].default)
    if isinstance(days, bool) or not isinstance(days, int) or days < 0:
        raise UsageError(
            "config-invalid",
            N_("`trash_days` is {value!r}, but it must be a whole number of days, or 0 for never."),
            hint=N_("Correct `trash_days` in {path}."),
            value=days,
            path=folder / "config.toml",
        )
    return days


def _home_folder(text: str | Path) -> Path:
    try:
        folder = Path(text).expanduser().absolute()
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISDIR(os.stat(folder).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except (OSError, RuntimeError, ValueError) as error:  # no such user's `~`, no current folder, a NUL
        raise StoreError(
            "store-unusable",
            N_("{path} cannot be hubman's home folder: {why}"),
            hint=N_("Set HUBMAN_HOME (or --home) to a folder that you may write to."),
            path=text,
            why=getattr(error, "strerror", None) or error,
        ) from error
    return folder


def _platform_home() -> Path:
    import platformdirs

    return platformdirs.user_data_path("hubman", appauthor=False)


def _read_toml(path: Path) -> dict[str, object]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(
            "config-unreadable",
            N_("{path} cannot be read: {why}"),
            hint=N_("Check what it is and its rights, or move it away to use the defaults."),
            path=path,
            why=error.strerror or error,
        ) from error
    import tomllib  # only where there is something to read: 2 ms

    try:
        return tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "config-invalid",
            N_("{path} is not valid TOML: {why}"),
            hint=N_("Correct the file, or move it away to use the defaults."),
            path=path,
            why=error,
        ) from error
