"""disk.digest and disk.pages: true hashes, of files that hold still, with no trace in memory."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from hubman.core.types import Hashes
from hubman.disk.digest import CHUNK, RING, WORTH_THREADS, Digester, digest_file, digest_members, with_written
from hubman.disk.pages import GuestReader
from hubman.errors import ConflictError

HERE = Path(__file__).parent
KiB, MiB = 1 << 10, 1 << 20
LARGE = WORTH_THREADS + 3 * CHUNK + 77
"""Bytes of a file that goes through the ring."""
SIZES = [
    0, 1, 65535, MiB - 1, MiB, MiB + 1, MiB + 64 * KiB - 1, MiB + 64 * KiB, MiB + 64 * KiB + 1, WORTH_THREADS - 1,
    WORTH_THREADS, RING * CHUNK - 1, RING * CHUNK, RING * CHUNK + 1, 2 * RING * CHUNK + 5,
]  # fmt: skip
OFFSETS = [0, 8, 300, MiB - 1, MiB, MiB + 5, RING * CHUNK]


@pytest.fixture(scope="module")
def noise() -> bytes:
    return os.urandom(max(SIZES))


def expected(data: bytes, offset: int | None) -> Hashes:
    """The definitions, over the whole bytes."""
    sha256, window = hashlib.sha256(data).hexdigest(), data[0x100000:0x110000]
    return Hashes(
        sha256=sha256,
        autov1=hashlib.sha256(window).hexdigest()[:8] if window else None,
        autov2=sha256[:10],
        autov3=hashlib.sha256(data[offset:]).hexdigest()[:12] if offset is not None and offset < len(data) else None,
        crc32=f"{zlib.crc32(data):08x}",
        blake3=blake3(data).hexdigest(),
    )


@pytest.mark.parametrize("size", SIZES)
def test_every_hash_equals_its_definition(tmp_path: Path, noise: bytes, size: int) -> None:
    """One read gives what separate reads give, across all borders, whether the tensors begin or not."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(noise[:size])
    with Digester() as digester:
        for offset in (None, *OFFSETS, size - 1, size):
            if offset is None or offset >= 0:
                assert digester.file(str(path), offset) == expected(noise[:size], offset), offset


@pytest.mark.parametrize("known", json.loads((HERE / "known_hashes.json").read_text()), ids=lambda known: known["file"])
def test_hashes_of_real_files(known: dict[str, str]) -> None:
    """Values that others computed. AutoV1 as they state it is the hash of nothing for a small file: we state none."""
    from hubman.app.hashing import hash_model

    found = hash_model(str(HERE.parent / "corpora/real" / known["file"]))
    assert (found.sha256, found.autov2, found.crc32) == (known["sha256"], known["autov2"], known["crc32"])
    assert (found.blake3, found.autov3) == (known["blake3"], known.get("autov3"))
    assert (found.autov1, known["autov1"]) == (None, "e3b0c442")


def test_known_test_vectors(tmp_path: Path) -> None:
    """From the publications of the hashes, not from the libraries that we use."""
    path = tmp_path / "abc"
    path.write_bytes(b"123456789")
    assert digest_file(str(path)).crc32 == "cbf43926"
    path.write_bytes(b"abc")
    assert digest_file(str(path)).sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"")
    assert digest_file(str(path)).blake3 == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def test_progress_adds_up_to_the_size(tmp_path: Path) -> None:
    """In steps of a chunk."""
    path = tmp_path / "a"
    path.write_bytes(bytes(LARGE))
    steps: list[int] = []
    digest_file(str(path), None, steps.append)
    assert (sum(steps), max(steps)) == (LARGE, CHUNK)


def test_a_large_file_is_never_mapped(tmp_path: Path) -> None:
    """Else a truncation or a bad sector would end the process."""
    path = tmp_path / "a"
    path.write_bytes(bytes(LARGE))
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("no /proc here")

    def look(_: int) -> None:
        assert str(path) not in maps.read_text()

    digest_file(str(path), 100, look)


# --- files that do not hold still --------------------------------------------------------------------------------

WRITERS = {
    "grows": "open(path, 'ab').write(b'y')",
    "shrinks": "os.truncate(path, os.path.getsize(path) - 1)",
    "is emptied": "os.truncate(path, 0)",
    "is written to": "f = open(path, 'r+b'); f.seek(10); f.write(b'y')",
    "is deleted": "os.remove(path)",
    "is replaced": "shutil.copy(path, path + '.new'); os.replace(path + '.new', path)",
    "is replaced, size and time the same": "shutil.copy2(path, path + '.new'); os.replace(path + '.new', path)",
    "becomes a folder": "os.remove(path); os.mkdir(path)",
}


@pytest.mark.parametrize("size", [CHUNK + 5, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("how", WRITERS)
def test_a_file_that_changes_meanwhile_has_no_hash(tmp_path: Path, how: str, size: int) -> None:
    """Another process changes it after the first chunk. A hash of half old, half new bytes would be a lie."""
    path = tmp_path / "a.pt"
    path.write_bytes(b"x" * size)
    os.utime(path, ns=(10**18, 10**18))
    code = f"import os, shutil; path = {str(path)!r}; {WRITERS[how]}"
    pending = [code]

    def step(_: int) -> None:
        if pending:
            subprocess.run([sys.executable, "-c", pending.pop()], check=True)

    with Digester() as digester:
        with pytest.raises(ConflictError) as caught:
            digester.file(str(path), None, step)
        assert caught.value.reference == "changed-while-reading"
        other = tmp_path / "other"
        other.write_bytes(b"z" * LARGE)
        assert digester.file(str(other)).sha256 == hashlib.sha256(b"z" * LARGE).hexdigest()


def test_a_file_that_grows_for_ever_is_given_up(tmp_path: Path) -> None:
    """Somebody appends as fast as we read: there is no end to wait for."""
    path = tmp_path / "a.pt"
    path.write_bytes(bytes(LARGE))

    def append(_: int) -> None:
        with open(path, "ab") as file:
            file.write(bytes(2 * CHUNK))
        assert path.stat().st_size < 20 * LARGE

    with pytest.raises(ConflictError):
        digest_file(str(path), None, append)


def test_a_writer_that_never_pauses(tmp_path: Path) -> None:
    """It is noticed beside a process that writes without a word to us, and the digester is fit for the next file."""
    path, other = tmp_path / "a.pt", tmp_path / "other"
    path.write_bytes(bytes(LARGE))
    other.write_bytes(b"z" * LARGE)
    code = f"""
import itertools
f = open({str(path)!r}, 'r+b', buffering=0)
for n in itertools.count():
    f.seek(n * 4096 % {LARGE - 4096}); f.write(bytes([1 + n % 251]) * 4096)
"""
    writer = subprocess.Popen([sys.executable, "-c", code])
    conflicts = 0
    try:
        while path.read_bytes().count(0) == LARGE:
            time.sleep(0.01)
        with Digester() as digester:
            while conflicts < 3 and writer.poll() is None:  # on a busy machine it may pause for a whole reading
                try:
                    digester.file(str(path))
                except ConflictError:
                    conflicts += 1
            assert digester.file(str(other)).sha256 == hashlib.sha256(b"z" * LARGE).hexdigest()
    finally:
        writer.kill()
        writer.wait()
    assert conflicts == 3


def test_a_symbolic_link_is_read_through(tmp_path: Path) -> None:
    """The path still names the same file, by way of the link."""
    (tmp_path / "a").write_bytes(b"a" * 100)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert digest_file(str(tmp_path / "link")).sha256 == hashlib.sha256(b"a" * 100).hexdigest()


# --- ends ---------------------------------------------------------------------------------------------------------


class StopNowError(Exception):
    pass


def test_a_stop_ends_at_once_and_the_next_file_is_whole(tmp_path: Path) -> None:
    """Chunks that were handed over and not begun are forgotten; the buffers are free again."""
    path = tmp_path / "a"
    with open(path, "wb") as file:
        file.truncate(50_000_000_000)  # sparse; hashing it takes minutes
    steps: list[int] = []

    def stop(length: int) -> None:
        steps.append(length)
        if len(steps) == 20:
            raise StopNowError

    other = tmp_path / "b"
    data = os.urandom(LARGE)
    other.write_bytes(data)
    with Digester() as digester:
        began = time.monotonic()
        with pytest.raises(StopNowError):
            digester.file(str(path), 100, stop)
        assert time.monotonic() - began < 5
        assert digester.file(str(other), 100) == expected(data, 100)


def test_what_a_hash_raises_reaches_the_caller(tmp_path: Path) -> None:
    """And is not lost in its thread."""

    class Broken:
        def take(self, part: memoryview, position: int) -> None:
            if position > CHUNK:
                raise MemoryError

    path = tmp_path / "a"
    path.write_bytes(bytes(LARGE))
    with Digester() as digester, pytest.raises(MemoryError):
        digester._read(str(path), [Broken(), Broken()], None)


def test_many_files_leave_no_threads_and_no_descriptors(tmp_path: Path) -> None:
    """Small files start none, large ones use the same three."""
    for number in range(200):
        (tmp_path / f"{number}").write_bytes(bytes([number]) * 13_000)
    large = tmp_path / "large"
    large.write_bytes(bytes(LARGE))
    before, open_before = threading.active_count(), _open_files()
    with Digester() as digester:
        for number in range(200):
            digester.file(str(tmp_path / f"{number}"), 8)
        assert threading.active_count() == before
        for _ in range(5):
            digester.file(str(large), 8)
        assert threading.active_count() == before + 3
        assert _open_files() == open_before
    assert (threading.active_count(), _open_files()) == (before, open_before)


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.exists() else 0


@pytest.fixture
def dying_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Return the folder of a 64 MiB ext4 file system, and a function that makes its second half fail (EIO)."""
    image, folder = tmp_path / "image", tmp_path / "mounted"
    folder.mkdir()
    with open(image, "wb") as file:
        file.truncate(64 * MiB)
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux to mount an image")
    try:
        subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount here")
    yield folder, lambda: os.truncate(image, 32 * MiB)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("size", [2 * MiB, LARGE], ids=["small", "large"])
def test_a_disk_that_fails_is_an_error_and_leaves_no_thread(
    dying_disk: tuple[Path, Callable[[], None]], size: int
) -> None:
    """A real EIO, from a block device that ends too early."""
    folder, die = dying_disk
    paths = [folder / f"{number:03}" for number in range(50 * MiB // size)]
    for path in paths:
        path.write_bytes(os.urandom(size))
        _evict(path)
    die()
    before = threading.active_count()
    ends: list[int | None] = []
    with Digester() as digester:
        for path in paths:
            try:
                digester.file(str(path), 100)
                ends.append(None)
            except OSError as error:
                ends.append(error.errno)
    assert set(ends) == {None, errno.EIO}
    assert threading.active_count() == before


# --- the page cache -----------------------------------------------------------------------------------------------


def _evict(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _warm(path: Path, start: int, end: int) -> None:
    """Bring a range into the cache, and nothing beside it."""
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        while start < end:
            start += len(os.pread(file.fileno(), min(MiB, end - start), start))


def _cached(path: Path) -> int:
    """Bytes of a file in the page cache, as util-linux tells without touching them."""
    command = ["fincore", "--bytes", "--noheadings", "--raw", "--output", "RES", str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture
def cold(tmp_path: Path) -> Callable[[int], Path]:
    """Return a function that makes a file of a size of which nothing is in the page cache."""

    def make(size: int) -> Path:
        path = tmp_path / f"cold{size}"
        path.write_bytes(os.urandom(size))
        _evict(path)
        if _cached(path):
            pytest.skip("this file system keeps its files in memory")
        return path

    try:
        subprocess.run(["fincore", "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs fincore of util-linux")
    return make


@pytest.mark.parametrize("size", [13_000, 3 * MiB, LARGE, 20 * MiB + 5000])
def test_what_hashing_brought_into_the_cache_is_dropped(cold: Callable[[int], Path], size: int) -> None:
    """Nothing of it stays, the last page included."""
    path = cold(size)
    assert digest_file(str(path), 100).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    _evict(path)
    digest_file(str(path), 100)
    assert _cached(path) == 0


@pytest.mark.parametrize("ranges", [
    [(0, 20 * MiB)], [(0, 5 * MiB)], [(15 * MiB, 20 * MiB)], [(2 * MiB, 3 * MiB), (9 * MiB, 11 * MiB)],
])  # fmt: skip
def test_what_was_in_the_cache_stays(cold: Callable[[int], Path], ranges: list[tuple[int, int]]) -> None:
    """Somebody else reads it: a program that has the model loaded, or is about to."""
    path = cold(20 * MiB)
    for start, end in ranges:
        _warm(path, start, end)
    before = _cached(path)
    assert before == sum(end - start for start, end in ranges)
    digest_file(str(path), 100)
    assert _cached(path) == before
    for start, end in ranges:  # and it is the same pages: reading them again brings in none
        _warm(path, start, end)
    assert _cached(path) == before


def test_a_chunk_that_was_cached_in_part_is_left_alone(cold: Callable[[int], Path]) -> None:
    """Better a few pages of ours too many than one of somebody else's too few."""
    path = cold(12 * MiB)
    _warm(path, 6 * MiB, 6 * MiB + 100 * KiB)
    before = _cached(path)
    digest_file(str(path), 100)
    assert before <= _cached(path) <= MiB
    _warm(path, 6 * MiB, 6 * MiB + before)
    assert _cached(path) <= MiB


def test_bytes_not_yet_on_disk_stay(tmp_path: Path) -> None:
    """A file that was just downloaded is in the cache because somebody wrote it."""
    path = tmp_path / "a"
    path.write_bytes(bytes(LARGE))
    try:
        before = _cached(path)
    except OSError:
        pytest.skip("needs fincore of util-linux")
    digest_file(str(path))
    assert _cached(path) == before


def test_a_file_system_without_that_question_is_read_all_the_same() -> None:
    """/proc refuses RWF_NOWAIT, as network file systems do."""
    path = Path("/proc/version")
    if not path.exists():
        pytest.skip("no /proc here")
    buffer = memoryview(bytearray(CHUNK))
    with open(path, "rb", buffering=0) as file, GuestReader(file) as source:
        length = source.fill(buffer)
        assert (bytes(buffer[:length]), source.fill(buffer)) == (path.read_bytes(), 0)


# --- several files, and what headers claim ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, LARGE])
def test_a_folder_is_hashed_by_names_and_contents(tmp_path: Path, size: int) -> None:
    """sha256 over the sorted lines `path NUL sha256 LF`."""
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/w.bin").write_bytes(b"1" * size)
    (tmp_path / "a.json").write_bytes(b"2")
    lines = b"".join(
        name + b"\0" + hashlib.sha256(content).hexdigest().encode() + b"\n"
        for name, content in ((b"a.json", b"2"), (b"unet/w.bin", b"1" * size))
    )
    found = digest_members(str(tmp_path), ["unet/w.bin", "a.json"])
    assert found.sha256 == hashlib.sha256(lines).hexdigest()
    assert (found.autov1, found.autov3, found.crc32, found.blake3) == (None, None, None, None)


def test_the_written_autov3(tmp_path: Path) -> None:
    """What a header claims is kept beside what is true; the hash of nothing is no claim."""
    plain = Hashes("a" * 64, None, "a" * 10, None)
    assert with_written(plain, "0x" + "b" * 64).autov3_written == "0x" + "b" * 10
    assert with_written(plain, "c" * 64).autov3_written == "c" * 12
    assert with_written(plain, hashlib.sha256(b"").hexdigest()).autov3_written is None
    assert with_written(plain, "None").autov3_written is None
