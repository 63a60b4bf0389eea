"""One file over several connections."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.core import pieces
from hubman.errors import HubError, HubmanError, IntegrityError
from tests.download.conftest import Downloads
from tests.download.test_fetch import right
from tests.testhub import misbehave
from tests.testhub.catalogue import File

SIZE = 6_000_000


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small files be worth it."""
    monkeypatch.setattr(pieces, "SMALLEST", 256 << 10)
    monkeypatch.setattr(pieces, "LARGEST", 1 << 20)
    monkeypatch.setattr("hubman.app.download_work.WORTH_IT", 1 << 20)


def ranges(downloads: Downloads) -> list[str]:
    """Return the ranges that the store was asked for."""
    return [request.header("range") or "" for request in downloads.hub.seen("storage")]


def test_several_connections_bring_one_file(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    downloads.hub.misbehave(misbehave.Slow(20_000_000), on="storage", times=1)  # else it may be over before the others
    assert right(downloads.fetch(file, connections=4), file)
    asked = ranges(downloads)
    assert asked[0] == ""
    assert len(asked) > 4
    assert all(text.startswith("bytes=") and not text.endswith("-") for text in asked[1:])
    assert downloads.watch.done == SIZE
    assert downloads.names() == []


def test_one_connection_stays_one(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    assert right(downloads.fetch(file), file)
    assert ranges(downloads) == [""]


@pytest.mark.parametrize("etag", ['W/"weak"', ""])
def test_no_strong_etag_no_second_connection(downloads: Downloads, etag: str) -> None:
    file = downloads.add(SIZE)
    downloads.hub.misbehave(misbehave.Etag(etag), on="storage")
    assert right(downloads.fetch(file, connections=4), file)
    assert ranges(downloads) == [""]


@pytest.mark.parametrize(
    "rule",
    [
        lambda hub: hub.misbehave(misbehave.IgnoreRange(), on="storage"),
        lambda hub: hub.misbehave(misbehave.OtherContent(seed=9), on="storage", skip=1, times=3),
        lambda hub: hub.misbehave(misbehave.WrongRange(5), on="storage", times=4),
        lambda hub: hub.misbehave(misbehave.WrongRange(0, total=77), on="storage", times=2),
        lambda hub: hub.misbehave(misbehave.Cut(), on="storage", chance=0.5, seed=4, times=20),
        lambda hub: hub.misbehave(misbehave.Drop(), on="storage", chance=0.3, seed=4, times=20),
        lambda hub: hub.misbehave(misbehave.Expired(), on="storage", skip=3, times=2),
        lambda hub: hub.misbehave(misbehave.Status(429), on="storage", skip=2, times=3),
        lambda hub: hub.misbehave(misbehave.Status(503, retry_after=0), on="civitai", skip=2, times=3),
    ],
    ids=["ignores ranges", "changed", "other start", "other total", "cuts", "drops", "expired", "429", "503"],
)
def test_whatever_happens_the_bytes_are_right(downloads: Downloads, rule: Callable[[Any], object]) -> None:
    file = downloads.add(SIZE)
    rule(downloads.hub)
    assert right(downloads.fetch(file, connections=4), file)


def test_a_server_without_ranges_falls_back_and_says_all_only_once_more(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    downloads.hub.misbehave(misbehave.IgnoreRange(), on="storage")
    downloads.hub.misbehave(misbehave.Slow(4_000_000), on="storage", times=1)
    assert right(downloads.fetch(file, connections=4, hashed=False), file)
    assert len(ranges(downloads)) <= 6


def stopped(downloads: Downloads, file: File, **options: Any) -> Path:
    """Stop a download over several connections in its middle; return the note beside the part."""
    downloads.hub.misbehave(misbehave.Slow(400_000), on="storage", times=1)
    with pytest.raises(HubError):
        downloads.fetch(file, connections=3, stop=lambda: downloads.watch.done > 2_500_000, **options)
    downloads.hub.behave()
    (path,) = [path for path in downloads.folder.iterdir() if path.name.endswith(".json")]
    return path


@pytest.mark.parametrize("hashed", [True, False])
def test_the_next_run_fetches_only_what_is_missing(downloads: Downloads, hashed: bool) -> None:
    file = downloads.add(SIZE)
    note = json.loads(stopped(downloads, file, hashed=hashed).read_text())
    had = sum(end - start for start, end in note["spans"])
    assert len(note["spans"]) > 1, "there is a hole"
    assert had > 2_000_000
    data = downloads.left()
    assert data is not None
    for start, end in note["spans"]:
        assert data[start:end] == file.content.read(start, end)
    downloads.hub.forget()
    downloads.watch.done = 0
    assert right(downloads.fetch(file, connections=3, hashed=hashed), file)
    assert downloads.watch.done == SIZE
    came = 0
    for text in ranges(downloads):
        start, _, end = text.removeprefix("bytes=").partition("-")
        came += int(end) + 1 - int(start) if end else 0
    assert came <= SIZE - had


def test_the_next_run_with_one_connection_does_not_take_holes_for_bytes(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    stopped(downloads, file, hashed=False)
    assert right(downloads.fetch(file, hashed=False), file)


def test_the_file_is_replaced_between_two_runs(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    stopped(downloads, file, hashed=False)
    downloads.hub.misbehave(misbehave.OtherContent(seed=9), on="storage")
    fetched = downloads.fetch(file, hashed=False, connections=3)
    assert fetched.hold is not None
    data = Path(fetched.part).read_bytes()
    fetched.hold.remove()
    whole = downloads.fetch(file, hashed=False)
    assert Path(whole.part).read_bytes() == data, "not half of each"
    assert whole.hold is not None
    whole.hold.remove()


def test_a_note_that_lies_is_found_out(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    path = stopped(downloads, file)
    note = json.loads(path.read_text())
    note["spans"] = [[0, SIZE - 10]]
    path.write_text(json.dumps(note))
    assert right(downloads.fetch(file, connections=3), file)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"spans": 3}', '{"source": 1, "spans": []}', "\0" * 100])
def test_a_broken_note(downloads: Downloads, text: str) -> None:
    file = downloads.add(SIZE)
    stopped(downloads, file).write_text(text)
    assert right(downloads.fetch(file, connections=3), file)


def test_a_wrong_hash_is_tried_once_more_over_one_connection(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    downloads.hub.misbehave(misbehave.WrongHash(), on="storage")
    with pytest.raises(IntegrityError) as raised:
        downloads.fetch(file, connections=4)
    assert raised.value.reference == "hash-mismatch"
    assert downloads.names() == []


def test_a_page_is_refused_before_a_second_connection(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    page = misbehave.Body(b"<html>" + bytes(SIZE - 6), "text/html", headers={"ETag": '"page"'})
    downloads.hub.misbehave(page, on="storage")
    with pytest.raises(HubmanError) as raised:
        downloads.fetch(file, connections=4)
    assert raised.value.reference == "not-a-model"
    assert len(ranges(downloads)) == 1


def test_one_piece_of_other_bytes_costs_one_more_try_and_not_the_file(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    downloads.hub.misbehave(misbehave.Slow(2_000_000), on="storage", times=1)
    rule = downloads.hub.misbehave(misbehave.OtherContent(seed=9, same_etag=True), on="storage", skip=1, times=1)
    assert right(downloads.fetch(file, connections=4), file)
    assert rule.used == 1
    assert ranges(downloads)[-1] == "", "the last try is one answer, so that nothing can be mixed"
