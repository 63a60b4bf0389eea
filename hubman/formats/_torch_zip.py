"""The zip form of torch.save, read as torch reads it and with all noted that another reader would see differently.

PyTorch's reader (miniz) and Python's zipfile disagree on duplicate members, on flags and on checksums, and that gap is
how a payload passes a scanner (google/saferpickle PR #42, CVE-2025-1944, CVE-2025-1945). So only the directory comes
from zipfile; members are read by hand, with a bound, and every disagreement becomes a finding.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO

from hubman.core.types import Safety
from hubman.errors import N_, Phrase
from hubman.formats._pickle_values import BrokenPickleError, Notes
from hubman.formats._pickle_words import shown

MAX_PICKLE = 64 << 20
"""The pickle of a full SDXL checkpoint is under 1 MB; the tensors lie in other members."""
MAX_MEMBERS = 400_000
MAX_PICKLES = 64
"""A TorchScript program has two; more than a few are somebody's bomb, each of them up to MAX_PICKLE when unpacked."""
NATIVE_SUFFIXES = (".so", ".dll", ".dylib", ".pyd", ".exe")

LOCAL = struct.Struct("<4sHHHHHIIIHH")
END = struct.Struct("<4s4H2LH")
LOCATOR = struct.Struct("<4sLQL")
END64_SIZE = 56
LOCAL_MAGIC = b"PK\x03\x04"
ENCRYPTED, DESCRIPTOR = 0x1, 0x8


@dataclass(frozen=True, slots=True)
class Directory:
    """What the central directory lists.

    Attributes:
        pickles: members to walk, `data.pkl` first. More than one of that name is a finding.
        sizes: storage key -> size in bytes.
    """

    pickles: tuple[zipfile.ZipInfo, ...]
    sizes: dict[str, int]
    names: tuple[str, ...]


def read_directory(file: BinaryIO, notes: Notes) -> Directory:
    """Read the central directory and note what is odd about it."""
    try:
        archive = zipfile.ZipFile(file)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        UnicodeDecodeError,
        struct.error,
        ValueError,
        OSError,
        RuntimeError,
    ) as error:
        raise BrokenPickleError(
            N_("the zip directory cannot be read ({what}): the file is cut off or damaged"), what=shown(str(error))
        ) from None
    if not _one_directory(file):
        raise BrokenPickleError(
            N_("the zip directory cannot be read ({what}): the file is cut off or damaged"), what="two directories"
        )
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise BrokenPickleError(N_("the zip has more members than any model needs"))
    _note_layout(archive, infos, notes)
    if not _ends_with_directory(file):
        notes.add(Safety.SUSPICIOUS, "zip-trailing", Phrase(N_("there are bytes after the zip")))
    pickles = [info for info in infos if _folded(info).endswith(".pkl")]
    if len(pickles) > MAX_PICKLES:
        raise BrokenPickleError(N_("the zip has more members than any model needs"))
    pickles.sort(key=lambda info: not _is_data(info))
    sizes = {_folded(info).rpartition("/data/")[2]: info.file_size for info in infos if "/data/" in _folded(info)}
    return Directory(tuple(pickles), sizes, tuple(info.filename for info in infos))


def _ends_with_directory(file: BinaryIO) -> bool:
    """Python's zipfile looks for the end record from behind and passes over what follows it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END.size - 0xFFFF))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    return at >= 0 and len(tail) >= at + END.size and len(tail) - at == END.size + END.unpack_from(tail, at)[-1]


def _one_directory(file: BinaryIO) -> bool:
    """Whether a zip64 locator leads to where Python's zipfile looks without asking it: right before the locator.

    Torch's reader follows the locator, so a second directory, with other members, may lie where it leads.
    """
    size = file.seek(0, 2)
    start = max(0, size - END.size - 0xFFFF - LOCATOR.size)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06") - LOCATOR.size
    if at < 0:
        return True
    magic, _, place, _ = LOCATOR.unpack_from(tail, at)
    return bool(magic != b"PK\x06\x07" or place == start + at - END64_SIZE)


def _folded(info: zipfile.ZipInfo) -> str:
    """Miniz looks names up without regard to case."""
    return info.orig_filename.replace("\\", "/").lower()


def _is_data(info: zipfile.ZipInfo) -> bool:
    return _folded(info).rpartition("/")[2] == "data.pkl"


def _note_layout(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], notes: Notes) -> None:
    def odd(reference: str, template: str, **fields: object) -> None:
        notes.add(Safety.SUSPICIOUS, reference, Phrase(template, **fields))

    repeated = [name for name, count in Counter(map(_folded, infos)).items() if count > 1]
    if repeated:
        odd("zip-duplicate", N_("the zip has two members of one name: {name}"), name=shown(repeated[0]))
    if sum(map(_is_data, infos)) > 1:
        odd("zip-several-pickles", N_("the zip has more than one data.pkl: programs disagree which one counts"))
    if any(_folded(info).endswith("/constants.pkl") for info in infos):
        odd("torchscript", N_("this is a TorchScript program, not only weights"))
    if archive.comment:
        odd("zip-comment", N_("the zip has a comment, which torch never writes"))
    if infos and min(info.header_offset for info in infos) != 0:
        odd("zip-prefix", N_("there are bytes before the zip"))
    native = [info for info in infos if _folded(info).endswith(NATIVE_SUFFIXES)]
    if native:
        text = N_("the zip holds native code that a loader may run: {name}")
        notes.add(Safety.UNSAFE, "zip-native-code", Phrase(text, name=shown(native[0].filename)))
    elif any(_folded(info).endswith(".py") and "/code/" not in _folded(info) for info in infos):
        odd("zip-python-code", N_("the zip holds Python code, which weights do not need"))


def read_member(file: BinaryIO, info: zipfile.ZipInfo, notes: Notes) -> bytes:
    """Return the bytes of one member, at most MAX_PICKLE of them.

    A wrong checksum or a local header that contradicts the directory is noted and reading goes on, as torch does.
    """
    file.seek(info.header_offset)
    head = file.read(LOCAL.size)
    if len(head) < LOCAL.size or not head.startswith(LOCAL_MAGIC):
        raise BrokenPickleError(N_("the zip member {member} has no local header"), member=shown(info.filename))
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = LOCAL.unpack(head)
    name = file.read(name_length)
    file.seek(extra_length, 1)
    told = bool(flags & DESCRIPTOR) and size == 0
    same = method == info.compress_type and (told or _sizes_agree(info, packed, size))
    if not same or name.rstrip(b"\0") != _raw_name(info) or flags & ~0x80E or info.flag_bits & ~0x80E:
        text = Phrase(N_("the zip's two headers of a member contradict one another"))
        notes.add(Safety.SUSPICIOUS, "zip-header-mismatch", text)
    data = _inflate(file, info)
    if zlib.crc32(data) != info.CRC or (not told and crc not in (0, info.CRC)):
        text = Phrase(N_("the checksum of {member} is wrong"), member=shown(info.filename))
        notes.add(Safety.SUSPICIOUS, "zip-checksum", text)
    return data


def _sizes_agree(info: zipfile.ZipInfo, packed: int, size: int) -> bool:
    in_zip64 = 0xFFFFFFFF
    return packed in (info.compress_size, in_zip64, 0) and size in (info.file_size, in_zip64, 0)


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", "replace").rstrip(b"\0")


def _inflate(file: BinaryIO, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > MAX_PICKLE or info.compress_size > MAX_PICKLE:
        raise BrokenPickleError(N_("{member} is larger than any model's"), member=shown(info.filename))
    packed = file.read(info.compress_size)
    if len(packed) < info.compress_size:
        raise BrokenPickleError(N_("{member} is cut off"), member=shown(info.filename))
    if info.compress_type == zipfile.ZIP_STORED:
        return packed
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise BrokenPickleError(N_("{member} is packed in a way that torch cannot read"), member=shown(info.filename))
    try:
        data = zlib.decompressobj(-15).decompress(packed, MAX_PICKLE)
    except zlib.error:
        raise BrokenPickleError(N_("{member} cannot be unpacked"), member=shown(info.filename)) from None
    if len(data) != info.file_size:
        raise BrokenPickleError(N_("{member} unpacks to another size than the zip says"), member=shown(info.filename))
    return data
