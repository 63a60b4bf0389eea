"""Where things live and how hubman behaves: flag > environment (`HUBMAN_*`) > config.toml > default.

Nothing here is read at import; `load` is called once by the shell and the frozen result is passed on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
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
        explicit: previews may show what nobody is shown unasked (`[preview] explicit`).
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
    explicit: bool = False

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
    def cache(self) -> Path:
        return self.home / "cache"

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
    path = folder / "config.toml"
    poll = _folders(environ.get("HUBMAN_POLL"), values.get("poll", []), path)
    nice = _yes_or_no(environ.get("HUBMAN_NICE") or values.get("nice", False), path, "nice")
    return Config(
        home=folder,
        hash_mode=str(mode),
        nice=nice,
        language=str(language),
        trash_days=_trash_days(values, folder),
        allow_network_db=network,
        poll=poll,
        offline=_offline(environ, values, path),
        hub_urls=_hub_urls(environ, values, path),
        downloads=_count(environ, values, path, "downloads"),
        connections=_count(environ, values, path, "connections"),
        explicit=_explicit(environ, values, path),
    )


def _offline(environ: Mapping[str, str], values: Mapping[str, object], path: Path) -> bool:
    """HUBMAN_OFFLINE decides where it is set; else Hugging Face's variable, which people set for all their tools."""
    own = environ.get("HUBMAN_OFFLINE")
    if not own and SWITCHES.get(environ.get("HF_HUB_OFFLINE", "").lower()):
        return True
    return _yes_or_no(own or values.get("offline", False), path, "offline")


def _explicit(environ: Mapping[str, str], values: Mapping[str, object], path: Path) -> bool:
    """Read `[preview] explicit`, or the same as `preview.explicit`; HUBMAN_EXPLICIT decides where it is set."""
    section = values.get("preview", {})
    if not isinstance(section, dict):
        raise UsageError(
            "config-invalid",
            N_("`preview` is {value!r}, but it must be a table."),
            hint=N_("Correct it in {path}: a line [preview], and below it explicit = true"),
            value=section,
            path=path,
        )
    return _yes_or_no(environ.get("HUBMAN_EXPLICIT") or section.get("explicit", False), path, "explicit")


def _hub_urls(environ: Mapping[str, str], values: Mapping[str, object], path: Path) -> dict[str, str]:
    """Return hub -> base address, where it is not the hub's own: HUBMAN_<HUB>_URL, HF_ENDPOINT, `[hubs.<hub>] url`.

    Raises:
        UsageError: `config-invalid`.
    """
    sections = values.get("hubs", {})
    found = {}
    if not isinstance(sections, dict) or not all(isinstance(section, dict) for section in sections.values()):
        raise _bad_hubs(sections, path)
    for name, section in sections.items():
        if "url" in section:
            found[str(name).lower()] = _base(section["url"], f"[hubs.{name}] url", path)
    if environ.get("HF_ENDPOINT"):
        found["huggingface"] = _base(environ["HF_ENDPOINT"], "HF_ENDPOINT", path)
    for variable, value in environ.items():
        named = re.fullmatch(r"HUBMAN_([A-Z0-9]+)_URL", variable)
        if named and value:
            found[named[1].lower()] = _base(value, variable, path)
    return found


def _base(value: object, name: str, path: Path) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value.strip() if isinstance(value, str) else "")
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or not isinstance(value, str) or parts.query or parts.fragment or parts.username is not None:
        raise UsageError(
            "config-invalid",
            N_("{name} is {value!r}, but it must be a web address without a user name, `?` or `#`."),
            hint=N_("Correct it in {path} or the environment, like https://hf-mirror.com; tokens: hubman hubs login."),
            name=name,
            value=re.sub(r"//[^/@]*@", "//***@", str(value)),
            path=path,
        )
    return value.strip().rstrip("/")


def _bad_hubs(value: object, path: Path) -> UsageError:
    return UsageError(
        "config-invalid",
        N_("`hubs` is {value!r}, but it must be a table for each hub."),
        hint=N_("Correct it in {path}: a line [hubs.huggingface], and below it url = 'https://hf-mirror.com'"),
        value=value,
        path=path,
    )


def _count(environ: Mapping[str, str], values: Mapping[str, object], path: Path, name: str) -> int:
    """Return how many downloads, or connections for one, there may be: 1 to 16."""
    value: object = environ.get(f"HUBMAN_{name.upper()}") or values.get(name, Config.__dataclass_fields__[name].default)
    count = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,4}", value) else value
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 16:
        raise UsageError(
            "config-invalid",
            N_("`{name}` is {value!r}, but it must be a number from 1 to 16."),
            hint=N_("Correct `{name}` in {path}, or HUBMAN_{variable}."),
            name=name,
            variable=name.upper(),
            value=value,
            path=path,
        )
    return count


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


def _yes_or_no(value: object, path: Path, name: str) -> bool:
    answer = value if isinstance(value, bool) else SWITCHES.get(str(value).lower())
    if answer is None:
        raise UsageError(
            "config-invalid",
            N_("`{name}` is {value!r}, but it must be true or false."),
            hint=N_("Correct `{name}` in {path}, or HUBMAN_{variable}."),
            name=name,
            variable=name.upper(),
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
