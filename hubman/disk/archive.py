"""Models in a zip archive: which of its members may come out, and one of them written out, never more than it claims.

Nothing is extracted by a member's path: the caller says where to. What is encrypted, a link, named twice, leads upwards
or would be hundreds of times larger than it is packed does not come out.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hubman.core.browser_name import of_archive
from hubman.core.layout import is_model_name
from hubman.errors import N_, ConflictError, IntegrityError, Phrase

CHUNK = 1 << 20
LARGEST_DIRECTORY = 16 << 20
"""Bytes of an archive's table of contents: some 150,000 members. zipfile reads all of it into memory."""
HIGHEST_RATIO = 100
"""Weights are noise and hardly pack; only zeros pack a thousandfold."""
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_WHOLE_COMMENT = 65_535


@dataclass(frozen=True, slots=True)
class Member:
    """A model in an archive: `path` as the archive has it, `name` the last part of it, size in bytes."""

    path: str
    name: str
    size: int
    info: zipfile.ZipInfo


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds. `left`: (member's path, why) of models that do not come out."""

    members: tuple[Member, ...]
    left: tuple[tuple[str, Phrase], ...]


def is_archive(path: str) -> bool:
    """Say whether a file is a zip archive and not a model: torch writes zips, too, and browsers call them `.zip`."""
    try:
        if not zipfile.is_zipfile(path) or _directory_size(path) > LARGEST_DIRECTORY:
            return zipfile.is_zipfile(path)
        with zipfile.ZipFile(path) as archive:
            return not any(name.rpartition("/")[2] == "data.pkl" for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return True


def contents(path: str) -> Contents:
    """List the models in an archive.

    Raises:
        IntegrityError: `archive-unreadable`. OSError.
    """
    if _directory_size(path) > LARGEST_DIRECTORY:
        raise _unreadable(path, "its table of contents is larger than 16 MB")
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error
    found = [(info, of_archive(info.filename) if not info.flag_bits & 0x800 else info.filename) for info in infos]
    models = [(info, name, _last(name)) for info, name in found if not info.is_dir() and is_model_name(_last(name))]
    times = Counter(_folded(name) for _, name, _ in models)
    members: list[Member] = []
    left: list[tuple[str, Phrase]] = []
    for info, name, last in models:
        why = _refused(info, name, times[_folded(name)])
        if why is None:
            members.append(Member(name, last, info.file_size, info))
        else:
            left.append((name, why))
    return Contents(tuple(members), tuple(left))


def _last(name: str) -> str:
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _folded(name: str) -> str:
    return name.replace("\\", "/").casefold()


def _refused(info: zipfile.ZipInfo, name: str, times: int) -> Phrase | None:
    parts = name.replace("\\", "/").split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        return Phrase(N_("its path leads out of the archive"))
    if kind not in (0, stat.S_IFREG):
        return Phrase(N_("it is a link or a device"))
    if info.flag_bits & 0x1:
        return Phrase(N_("it is encrypted"))
    if times > 1:
        return Phrase(N_("the archive has it {times} times"), times=times)
    if info.file_size > max(1, info.compress_size) * HIGHEST_RATIO and info.file_size > CHUNK:
        return Phrase(N_("unpacked it would be more than {ratio} times as large"), ratio=HIGHEST_RATIO)
    return None


def extract(path: str, member: Member, target: str, progress: Callable[[int], None] | None = None) -> None:
    """Write a member to a file that must not exist; what does not keep its word is removed again.

    Raises:
        IntegrityError: `archive-unreadable`, damaged, or more bytes come than the archive says.
        ConflictError: `no-space`. OSError.
    """
    folder = os.path.dirname(target)
    free = _free(folder)
    if free is not None and member.size + min(16 << 20, member.size) > free:
        raise ConflictError(
            "no-space",
            N_("{path} has {free} bytes left, and {size} are needed. Nothing was moved."),
            hint=N_("Free some space, or choose another folder."),
            path=folder,
            free=free,
            size=member.size,
        )
    with open(target, "xb") as writing:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(member.info) as reading:
                written = 0
                while chunk := reading.read(CHUNK):
                    written += len(chunk)
                    if written > member.size:
                        raise _unreadable(path, "a member is larger than it says")
                    writing.write(chunk)
                    if progress:
                        progress(len(chunk))
            if written != member.size:
                raise _unreadable(path, "a member is shorter than it says")
            writing.flush()
            os.fsync(writing.fileno())
        except BaseException as error:
            writing.close()
            os.unlink(target)
            if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | NotImplementedError | RuntimeError):
                raise _unreadable(path, error) from error
            raise


def _free(folder: str) -> int | None:
    import shutil

    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _directory_size(path: str) -> int:
    """Return the bytes of the table of contents as the archive's end says; 0 where that is not found."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        start = max(0, size - _WHOLE_COMMENT - _END.size - 20)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            return 0
        length = int(_END.unpack_from(tail, at)[5])
        if length != 0xFFFFFFFF or at < 20 or tail[at - 20 : at - 16] != b"PK\x06\x07":
            return length
        file.seek(int.from_bytes(tail[at - 12 : at - 4], "little"))
        raw = file.read(_END64.size)
        return int(_END64.unpack(raw)[8]) if len(raw) == _END64.size else length


def _unreadable(path: str, why: object) -> IntegrityError:
    return IntegrityError(
        "archive-unreadable",
        N_("{path} cannot be unpacked: {why}"),
        hint=N_("Download it again, or unpack it yourself and run: hubman add FOLDER"),
        path=path,
        why=str(why),
    )
