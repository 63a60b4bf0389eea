"""Downloads from the test hub, over real sockets."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubman.app.download import Fetched, discard
from hubman.core.layout import is_model_name, is_temporary
from hubman.core.transfer import Limits
from hubman.disk import part as parts
from hubman.errors import AccessError, ConflictError, HubError, HubmanError, IntegrityError
from tests.download.conftest import Downloads
from tests.download.direct import listed
from tests.testhub import misbehave
from tests.testhub.catalogue import File


@pytest.fixture(autouse=True)
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read most of these files as large ones are read: straight from the socket."""
    monkeypatch.setattr("hubman.hubs._answers.LARGE", 100_000)


def right(fetched: Fetched, file: File) -> bool:
    """Say whether a download is the hub's file, on the disk as in what is said of it; and take it away."""
    data = Path(fetched.part).read_bytes()
    assert fetched.size == len(data) == file.content.size
    assert fetched.sha256 == hashlib.sha256(data).hexdigest()
    discard(fetched)
    return fetched.sha256 == file.content.hashes.sha256


def cut(downloads: Downloads, file: File, at: int, **options: object) -> HubmanError:
    """Let a download break off for good after so many bytes."""
    hub = downloads.hub
    first = hub.misbehave(misbehave.Cut(at), on="storage", times=1)
    then = hub.misbehave(misbehave.Drop(), on="storage", skip=1)
    with first, then, pytest.raises(HubmanError) as raised:
        downloads.fetch(file, **options)  # type: ignore[arg-type]
    return raised.value


def test_a_file_comes_hashed_and_without_a_models_name(downloads: Downloads) -> None:
    file = downloads.add()
    fetched = downloads.fetch(file)
    assert all(is_temporary(name) and not is_model_name(name) for name in downloads.names())
    assert downloads.watch.phases == [("download", 300_000)]
    assert downloads.watch.done == 300_000
    assert right(fetched, file)
    assert downloads.names() == []


def test_placing_leaves_nothing_else_behind(downloads: Downloads) -> None:
    file = downloads.add()
    fetched = downloads.fetch(file)
    os.rename(fetched.part, downloads.folder / "ink.safetensors")
    discard(fetched)
    assert downloads.names() == ["ink.safetensors"]


def test_notes_without_a_part_are_swept_by_the_next_download(downloads: Downloads) -> None:
    file, other = downloads.add(), downloads.add(seed=2, name="other.safetensors")
    fetched = downloads.fetch(file)
    os.rename(fetched.part, downloads.folder / "ink.safetensors")
    assert right(downloads.fetch(other), other)
    assert len(downloads.names()) == 3, "somebody is at it"
    assert fetched.hold is not None
    fetched.hold._lock.release()  # killed before it could clear up
    assert right(downloads.fetch(other), other)
    assert downloads.names() == ["ink.safetensors"]


def test_a_cut_within_a_run_goes_on_with_if_range(downloads: Downloads) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.Cut(100_000), on="storage", times=1)
    assert right(downloads.fetch(file), file)
    first, second = downloads.hub.seen("storage")
    assert first.header("range") is None
    assert second.header("range") == "bytes=100000-"
    assert second.header("if-range") == file.content.etag
    assert len(downloads.hub.seen("civitai")) == 2, "a signed address is asked for anew"


def test_the_next_run_goes_on_and_reads_what_is_there_first(downloads: Downloads) -> None:
    file = downloads.add()
    error = cut(downloads, file, 100_000)
    assert (error.reference, isinstance(error, HubError)) == ("hub-unreachable", True) or error.exit_code == 4
    assert downloads.left() == file.content.read(0, 100_000)
    downloads.hub.forget()
    assert right(downloads.fetch(file), file)
    assert [request.header("range") for request in downloads.hub.seen("storage")] == ["bytes=100000-"]
    assert downloads.watch.phases[-2:] == [("check", 100_000), ("download", 300_000)]
    assert downloads.watch.done == 300_000


def test_without_a_known_hash_it_goes_on_with_what_is_surely_on_the_disk(downloads: Downloads) -> None:
    file = downloads.add()
    cut(downloads, file, 100_000, hashed=False)
    downloads.hub.forget()
    assert right(downloads.fetch(file, hashed=False), file)
    (request,) = downloads.hub.seen("storage")
    assert request.header("range") == "bytes=100000-"
    assert request.header("if-range") == file.content.etag


def test_bytes_that_nobody_vouches_for_are_fetched_again(downloads: Downloads) -> None:
    """A part that is longer than what was synced, of a file whose hash nobody knows: a crash may have left zeros."""
    file = downloads.add()
    cut(downloads, file, 100_000, hashed=False)
    (path,) = [path for path in downloads.folder.iterdir() if path.name.endswith(".part")]
    with open(path, "ab") as part:
        part.write(bytes(50_000))
    assert right(downloads.fetch(file, hashed=False), file)


@pytest.mark.parametrize("etag", ['"other"', 'W/"weak"', ""])
def test_a_changed_or_weak_etag(downloads: Downloads, etag: str) -> None:
    file = downloads.add()
    cut(downloads, file, 100_000)
    downloads.hub.misbehave(misbehave.Etag(etag), on="storage")
    assert right(downloads.fetch(file), file)
    cut(downloads, file, 100_000, hashed=False)
    assert right(downloads.fetch(file, hashed=False), file)


def test_a_file_that_is_replaced_meanwhile_is_never_half_of_each(downloads: Downloads) -> None:
    file = downloads.add()
    cut(downloads, file, 100_000, hashed=False)
    with downloads.hub.misbehave(misbehave.OtherContent(seed=5), on="storage"):
        fetched = downloads.fetch(file, hashed=False)
        other = Path(fetched.part).read_bytes()
        discard(fetched)
    assert len(other) == 300_000
    assert other[100_000:] != file.content.read(100_000)
    whole = downloads.fetch(file, hashed=False)
    assert other[2000:100_000] != Path(whole.part).read_bytes()[2000:100_000], "the old bytes were kept"
    discard(whole)


def test_a_range_that_is_ignored_begins_again(downloads: Downloads) -> None:
    file = downloads.add()
    cut(downloads, file, 100_000)
    downloads.hub.misbehave(misbehave.IgnoreRange(), on="storage")
    assert right(downloads.fetch(file), file)


@pytest.mark.parametrize(
    "fault",
    [misbehave.WrongRange(7), misbehave.WrongRange(-7, honest=True), misbehave.WrongRange(missing=True)],
    ids=["other start", "honest other start", "no range"],
)
def test_a_wrong_content_range_is_not_appended(downloads: Downloads, fault: misbehave.Fault) -> None:
    file = downloads.add()
    cut(downloads, file, 100_000)
    downloads.hub.misbehave(fault, on="storage")
    assert right(downloads.fetch(file), file)


def test_a_206_with_another_total_is_refused(downloads: Downloads) -> None:
    file = downloads.add()
    cut(downloads, file, 100_000)
    downloads.hub.misbehave(misbehave.WrongRange(0, total=999_999), on="storage")
    with pytest.raises(IntegrityError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "wrong-size"


def test_416_where_everything_is_there_already(downloads: Downloads) -> None:
    file = downloads.add()
    fetched = downloads.fetch(file)
    assert fetched.hold is not None
    fetched.hold.close()  # killed between the last byte and the name
    downloads.hub.forget()
    assert right(downloads.fetch(file), file)
    assert downloads.hub.seen("storage") == [], "nothing had to be asked"
    fetched = downloads.fetch(file)
    assert fetched.hold is not None
    fetched.hold.close()
    assert right(downloads.fetch(file, sized=False), file), "now only the server knows the size: 416"


def test_links_that_expire(downloads: Downloads) -> None:
    file = downloads.add()
    cut(downloads, file, 100_000)
    downloads.hub.misbehave(misbehave.Expired(), on="storage", times=1, skip=1)
    downloads.hub.misbehave(misbehave.Cut(50_000), on="storage", times=1)
    assert right(downloads.fetch(file), file)


def test_a_hub_that_refuses_is_believed_at_once(downloads: Downloads) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.Status(403, body={"error": "Forbidden"}), on="civitai")
    with pytest.raises(AccessError):
        downloads.fetch(file)
    assert len(downloads.hub.seen("civitai")) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_trouble_that_passes(downloads: Downloads, status: int) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.Status(status, retry_after=0), on="storage", times=2)
    assert right(downloads.fetch(file), file)


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        misbehave.LoginPage(),
        misbehave.Body(b'{"error":"Unauthorized"}'),
        misbehave.Body(b"<html>" + b"x" * 299_994, "application/octet-stream"),
        misbehave.Body(b"<?xml version='1.0'?><Error/>", "application/octet-stream"),
    ],
    ids=["page", "json", "page that is called binary and has the right size", "xml"],
)
def test_a_page_instead_of_a_model(downloads: Downloads, fault: misbehave.Fault, hashed: bool) -> None:
    file = downloads.add()
    downloads.hub.misbehave(fault, on="storage")
    with pytest.raises(IntegrityError) as raised:
        downloads.fetch(file, hashed=hashed)
    assert raised.value.reference in ("not-a-model", "wrong-size")
    assert "login" in raised.value.hint
    assert downloads.names() == []
    with pytest.raises(IntegrityError) as raised:
        downloads.fetch(file, hashed=False, sized=False)
    assert raised.value.reference == "not-a-model"
    assert downloads.names() == []


def test_a_redirect_to_the_login_page(downloads: Downloads) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.LoginRedirect(), on="civitai", path="/api/download")
    with pytest.raises(AccessError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "login-needed"
    assert downloads.left() in (None, b"")


def test_a_config_may_be_json(downloads: Downloads) -> None:
    from tests.download.direct import add

    data = json.dumps({"a": 1}).encode()
    file = add(downloads.hub, data, "config.json")
    assert right(downloads.fetch(file), file)


def test_a_wrong_hash_is_never_kept(downloads: Downloads) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.WrongHash(), on="storage")
    with pytest.raises(IntegrityError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "hash-mismatch"
    assert len(downloads.hub.seen("storage")) == 1
    assert downloads.names() == []


def test_a_wrong_byte_of_an_earlier_run_is_found_and_all_of_it_fetched_again(downloads: Downloads) -> None:
    file = downloads.add()
    cut(downloads, file, 100_000)
    (path,) = [path for path in downloads.folder.iterdir() if path.name.endswith(".part")]
    with open(path, "r+b") as part:
        part.seek(50_000)
        part.write(b"\0\1\2")
    assert right(downloads.fetch(file), file)


@pytest.mark.parametrize("by", [1, -1, 5000])
def test_a_size_that_is_not_the_promised_one_is_refused_at_the_head(downloads: Downloads, by: int) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.WrongSize(by), on="storage")
    with pytest.raises(IntegrityError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "wrong-size"
    assert downloads.names() == []


def test_more_bytes_than_promised_are_not_written(downloads: Downloads) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.WrongSize(5000), on="storage")
    downloads.hub.misbehave(misbehave.Chunked(), on="storage")
    with pytest.raises(IntegrityError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "wrong-size"


@pytest.mark.parametrize("fault", [misbehave.NoLength(), misbehave.Chunked()], ids=["no length", "chunked"])
def test_no_announced_length(downloads: Downloads, fault: misbehave.Fault) -> None:
    file = downloads.add()
    downloads.hub.misbehave(fault, on="storage")
    assert right(downloads.fetch(file), file)
    assert right(downloads.fetch(file, sized=False), file)


@pytest.mark.parametrize("by", [1000, -1000])
def test_a_content_length_that_lies(downloads: Downloads, by: int) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.WrongLength(by), on="storage")
    with pytest.raises(HubmanError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "wrong-size"


def test_a_stalled_connection_is_given_up_and_asked_again(downloads: Downloads) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.Stall(100_000, 30), on="storage", times=1)
    assert right(downloads.fetch(file, stall_s=0.3), file)


def test_a_connection_that_trickles_is_given_up(downloads: Downloads) -> None:
    file = downloads.add(3_000_000)
    downloads.hub.misbehave(misbehave.Slow(200_000), on="storage", times=1)
    moments = iter(range(10**9))
    assert right(downloads.fetch(file, clock=lambda: 10.0 * next(moments)), file)
    assert len(downloads.hub.seen("storage")) == 2


def test_stopping_keeps_the_part_and_says_how_to_go_on(downloads: Downloads) -> None:
    file = downloads.add(3_000_000)
    downloads.hub.misbehave(misbehave.Slow(1_000_000), on="storage", times=1)
    with pytest.raises(HubError) as raised:
        downloads.fetch(file, stop=lambda: downloads.watch.done > 0)
    assert raised.value.reference == "download-stopped"
    assert "same command" in raised.value.hint
    left = downloads.left()
    assert left
    assert left == file.content.read(0, len(left))
    assert right(downloads.fetch(file), file)


def test_ctrl_c_at_any_line_writes_nothing_twice(downloads: Downloads) -> None:
    """KeyboardInterrupt out of the progress, which is called between writing and noting."""
    file = downloads.add(3_000_000)

    def interrupt(amount: int = 1) -> None:
        raise KeyboardInterrupt

    downloads.watch.advance = interrupt  # type: ignore[method-assign]
    downloads.hub.misbehave(misbehave.Slow(2_000_000), on="storage", times=1)
    with pytest.raises(KeyboardInterrupt):
        downloads.fetch(file, hashed=False)
    del downloads.watch.advance  # type: ignore[attr-defined]
    left = downloads.left()
    assert left is not None
    assert left == file.content.read(0, len(left))
    assert right(downloads.fetch(file, hashed=False), file)


def test_two_downloads_of_one_file_are_one(downloads: Downloads) -> None:
    file = downloads.add(1_000_000)
    downloads.hub.misbehave(misbehave.Stall(1000, 1.0), on="storage", times=1)
    results: list[Fetched] = []
    first = threading.Thread(target=lambda: results.append(downloads.fetch(file)))
    first.start()
    while downloads.left() is None or not any(name.endswith(".json") for name in downloads.names()):
        pass
    with pytest.raises(ConflictError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "download-under-way"
    assert str(os.getpid()) in raised.value.message
    first.join()
    with pytest.raises(ConflictError):  # whole, but it has no name yet
        downloads.fetch(file)
    assert right(results[0], file)
    assert len(downloads.hub.seen("storage")) == 1


def test_no_space_is_said_before_a_byte_is_fetched(downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    file, other = downloads.add(30_000_000), downloads.add(30_000_000, seed=2, name="other.safetensors")
    free = type("Usage", (), {"free": 70_000_000})
    monkeypatch.setattr(parts.shutil, "disk_usage", lambda path: free)
    with parts.open_part(str(downloads.folder), "x") as under_way:
        under_way.claim(30_000_000)
        with pytest.raises(ConflictError) as raised:
            downloads.fetch(file)
        assert raised.value.reference == "no-space"
        assert raised.value.fields["size"] == 60_000_000, "what is under way is counted"
    assert downloads.hub.seen("storage") == []
    assert right(downloads.fetch(other), other)


@pytest.mark.parametrize("at", [0, 150_000, 299_999])
def test_a_disk_that_gets_full_keeps_what_is_there(
    downloads: Downloads, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    file, real = downloads.add(), parts._pwrite
    full = True

    def pwrite(descriptor: int, view: memoryview, position: int) -> int:
        if not full:
            return real(descriptor, view, position)
        if position >= at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, view[: at - position], position)

    monkeypatch.setattr(parts, "_pwrite", pwrite)
    monkeypatch.setattr(parts, "_pwritev", lambda *_: 0)
    with pytest.raises(ConflictError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "no-space"
    assert "same command" in raised.value.hint
    assert downloads.left() == file.content.read(0, at)
    full = False
    downloads.hub.forget()
    assert right(downloads.fetch(file), file)
    ranges = [request.header("range") for request in downloads.hub.seen("storage")]
    assert ranges == [f"bytes={at}-" if at else None]


def test_a_disk_that_is_full_when_the_notes_are_written(downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    file = downloads.add()

    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(parts.os, "fsync", fsync)
        with pytest.raises(ConflictError) as raised:
            downloads.fetch(file)
    assert raised.value.reference == "no-space"
    assert right(downloads.fetch(file), file)
    assert downloads.names() == [], "no half-written note stays"


def test_it_gives_up_with_words_when_nothing_helps(downloads: Downloads) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.Cut(1000), on="storage")
    downloads.hub.misbehave(misbehave.IgnoreRange(), on="storage")
    with pytest.raises(HubError) as raised:
        downloads.fetch(file, limits=Limits(first_wait=0.001, longest_wait=0.001))
    assert raised.value.reference in ("download-cut", "download-changing")
    assert raised.value.hint


def test_a_symlink_under_the_parts_name_is_not_followed(downloads: Downloads, tmp_path: Path) -> None:
    file = downloads.add()
    victim = tmp_path / "victim"
    victim.write_text("mine")
    token = parts.token_of("", "", file.content.hashes.sha256)
    (downloads.folder / f".hubman-{token}.part").symlink_to(victim)
    with pytest.raises(OSError):
        downloads.fetch(file)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("etag", ['"é"', '"\xff"', '"', '"a"b"', '"a b"', '"' + "x" * 5000 + '"'], ids=range(6))
@pytest.mark.parametrize("hashed", [True, False])
def test_an_etag_that_cannot_be_sent_back_is_none(downloads: Downloads, etag: str, hashed: bool) -> None:
    file = downloads.add()
    downloads.hub.misbehave(misbehave.Etag(etag), on="storage")
    downloads.hub.misbehave(misbehave.Cut(100_000), on="storage", times=1)
    assert right(downloads.fetch(file, hashed=hashed), file)
    assert [request.header("if-range") for request in downloads.hub.seen("storage")] == [None, None]


def roughly(file: File, **fields: Any) -> tuple[Any, Any]:
    """Return a listing whose file is described in other words."""
    listing, remote = listed(file)
    remote = replace(remote, **fields)
    return replace(listing, files=(remote,)), remote


def test_of_a_rounded_size_no_endless_answer_is_written(downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    file = downloads.add(9_000_000)
    downloads.hub.misbehave(misbehave.Chunked(), on="storage")
    monkeypatch.setattr("tests.download.conftest.listed", lambda f, **_: roughly(f, size=None, about=1_000_000))
    with pytest.raises(IntegrityError) as raised:
        downloads.fetch(file)
    assert raised.value.reference == "wrong-size"
    assert downloads.watch.done <= 1_200_000
    assert downloads.names() == []


def test_an_endless_answer_leaves_room_on_the_disk(
    downloads: Downloads, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubman.app.download_work.CLAIM_EVERY", 1 << 20)
    monkeypatch.setattr(parts, "SPACE_LEFT", 3 << 20)
    downloads.folder = small_disk("9m")
    file = downloads.add(40_000_000)
    downloads.hub.misbehave(misbehave.Chunked(), on="storage")
    with pytest.raises(ConflictError) as raised:
        downloads.fetch(file, sized=False)
    assert raised.value.reference == "no-space"
    assert shutil.disk_usage(downloads.folder).free >= 2 << 20


def test_the_sha256_is_what_counts(downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short hash beside it that contradicts it is the hub's slip of the pen."""
    file = downloads.add()
    hashes = {"sha256": file.content.hashes.sha256, "autov2": "0" * 10}
    monkeypatch.setattr("tests.download.conftest.listed", lambda f, **_: roughly(f, hashes=hashes))
    assert right(downloads.fetch(file), file)


def test_cut_at_a_hundred_random_bytes(downloads: Downloads) -> None:
    """Case 31: wherever it breaks off, it goes on there, and the bytes are right."""
    dice = random.Random(31)
    file = downloads.add(60_000)
    for number in range(100):
        downloads.hub.behave()
        downloads.hub.forget()
        at = dice.randrange(1, 60_000)
        downloads.hub.misbehave(misbehave.Cut(at, reset=number % 2 == 0), on="storage", times=1)
        assert right(downloads.fetch(file, hashed=number % 3 > 0), file), at
        first, *rest = downloads.hub.seen("storage")
        assert first.header("range") is None
        assert len(rest) == 1


@pytest.mark.parametrize("jump", [-1e9, -5.0, 5.0, 1e9])
def test_a_clock_that_jumps(downloads: Downloads, jump: float) -> None:
    file = downloads.add(2_000_000)
    ticks = itertools.count()
    downloads.hub.misbehave(misbehave.Slow(8_000_000), on="storage", times=3)
    fetched = downloads.fetch(file, clock=lambda: time.monotonic() + jump * (next(ticks) // 7 % 5))
    assert right(fetched, file)
