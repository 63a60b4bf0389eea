"""Care of the library: what `hubman db` does, the daily backup, and the way on after damage."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hubman.config import Config
from hubman.errors import N_, NotFoundError, StoreError
from hubman.store.door import Store, open_store
from hubman.store.migrate import stored_revision
from hubman.store.reader import open_reader
from hubman.store.refusals import damaged
from hubman.store.replace import lost_content

if TYPE_CHECKING:
    from hubman.store.backup import Backup
    from hubman.store.check import Checked
    from hubman.store.rebuild import Rebuilt

T = TypeVar("T")
CHECKED = "checked"
"""A file in the folder of backups whose time says when the pages were last checked."""

DAY_S = 86_400.0


def opened(config: Config) -> Store:
    """Open the library that the configuration names, for writing."""
    return open_store(config.database, config.backups, allow_network=config.allow_network_db)


def mended(config: Config, work: Callable[[Store], T], tell: Callable[[Rebuilt], None]) -> T:
    """Do some work with the library. If it is found damaged: set it aside, save what can be saved, and do it again.

    Args:
        tell: is told what was done, before the work begins anew.

    Raises:
        StoreError: whatever is not damage; damage of a new library, which is a broken disk.
    """
    for anew in (False, True):
        try:
            return _worked(config, work)
        except StoreError as error:
            if error.reference != "store-damaged":
                raise
        from hubman.store.rebuild import rebuild

        tell(rebuild(config.database, config.backups, anew=anew))
    return _worked(config, work)


def _worked(config: Config, work: Callable[[Store], T]) -> T:
    store = opened(config)
    try:
        _finish(store)
        return work(store)
    finally:
        store.close()


def _finish(store: Store) -> None:
    """Finish or take back moves that were killed half-way, before anybody looks at the disk."""
    with open_reader(store.path) as reader:
        unfinished = reader.is_unfinished()
    if unfinished:
        from hubman.app.acting import recover

        recover(store)


def daily_care(config: Config, now_s: float | None = None) -> Path | None:
    """Once a day: save the user's data if it changed, look whether every page of the database can be read, and delete
    what lies in the trash for longer than `trash_days`.

    Returns:
        The backup that was written.

    Raises:
        StoreError: `store-damaged`; `store-full` ...: the backup could not be written.
    """
    now = time.time() if now_s is None else now_s
    saved = None
    if not _saved_today(config.backups, now):
        from hubman.store.userdata import save_user_data

        saved = save_user_data(config.database, config.backups, now)
    stamp = config.backups / CHECKED
    if not _is_recent(stamp, now):
        from hubman.store.check import check

        checked = check(config.database, full=False)
        if not checked.good:
            raise damaged(config.database, checked.faults[0].message)
        _empty_old_trash(config)
        config.backups.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    return saved


def _saved_today(backups: Path, now_s: float) -> bool:
    """Say whether today's backup of what was typed was made (or found to be needless, which its time says)."""
    made = max((path.stat().st_mtime for path in backups.glob("user-[0-9]*.db")), default=0.0)
    return time.gmtime(made)[:3] >= time.gmtime(now_s)[:3]


def _empty_old_trash(config: Config) -> None:
    from hubman.app.trash import purge

    store = opened(config)
    try:
        purge(store, config.trash_days)
    finally:
        store.close()


def _is_recent(stamp: Path, now_s: float) -> bool:
    try:
        return abs(now_s - stamp.stat().st_mtime) < DAY_S
    except OSError:
        return False


def back_up(config: Config, file: str | None) -> Path:
    """Copy the whole library, checked, to `file` or under a UTC name into the folder of backups.

    Raises:
        NotFoundError: `no-library`. ConflictError: `file-exists`. StoreError: `store-full`, `store-damaged`.
    """
    from hubman.store.backup import BY_HAND_PREFIX, copy_database, stamped

    require_library(config)
    target = Path(file).expanduser().absolute() if file else stamped(config.backups, BY_HAND_PREFIX)
    return copy_database(config.database, target)


def require_library(config: Config) -> None:
    """Raise when there is no library.

    Raises:
        NotFoundError: `no-library`. StoreError: it cannot be read.
    """
    if stored_revision(config.database) is None:
        raise NotFoundError(
            "no-library",
            N_("There is no library yet."),
            hint=N_("Run `hubman roots add FOLDER` and `hubman sync`, or `hubman demo` to see it work."),
        )


def _require_file(config: Config) -> None:
    """Raise when there is no library; a damaged one is there."""
    try:
        require_library(config)
    except StoreError as error:
        if error.reference != "store-damaged":
            raise


def find_backup(config: Config, file: str) -> Backup:
    """Return the backup that a path, or a name in the folder of backups, means.

    Raises:
        NotFoundError: `backup-not-found`. StoreError: `backup-damaged`.
    """
    from hubman.store.backup import backup_at

    for path in (Path(file).expanduser(), config.backups / file):
        if path.is_file():
            return backup_at(path.absolute())
    raise NotFoundError(
        "backup-not-found",
        N_("There is no backup {path}."),
        hint=N_("`hubman db restore` lists those of this library."),
        path=file,
    )


def backups_of(config: Config) -> list[Backup]:
    """Return the backups of the library, the newest first."""
    from hubman.store.backup import list_backups

    return list_backups(config.backups)


def check_library(config: Config, *, full: bool, repair: bool) -> Checked:
    """Look whether the database is whole; with `repair`, put right before what can be put right where it is.

    Raises:
        NotFoundError: `no-library`. StoreError: it could not be looked at; or, with `repair`, cannot be repaired.
    """
    if not lost_content(config.database, config.backups):
        _require_file(config)
    from hubman.store.check import check, mend

    if repair and check(config.database, full=True).only_mendable:
        mend(config.database)
    return check(config.database, full=full)
