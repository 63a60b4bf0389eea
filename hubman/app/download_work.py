"""One transfer at work: does what core/transfer.py orders, on one connection or several."""

from __future__ import annotations

import random as random_module
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hubman.app.download_errors import given_up, not_a_model, stalled, stopped
from hubman.app.download_pieces import Line, PieceWork, Source
from hubman.core import transfer
from hubman.core.hub import Listing, RemoteFile
from hubman.core.hub_titles import title_of
from hubman.core.layout import is_model_name
from hubman.core.pieces import WORTH_IT, Pieces
from hubman.core.plan.pull import source_of
from hubman.core.ports import Hub, Progress, Stream
from hubman.core.transfer import Body, Ending, Event, Failed, Head, Limits, Order, Remote, Verified
from hubman.disk.part import Part, Record
from hubman.disk.running_hash import RunningHash
from hubman.errors import N_, AccessError, HubError, HubmanError, IntegrityError, NotFoundError, Phrase

BATCH = 1 << 20
"""Bytes that are written and hashed at once."""
FLUSH_S = 0.2
"""Seconds after which what came is written all the same, and somebody who wants to stop is listened to."""
SYNC_EVERY = 64 << 20
"""Bytes after which a download whose hash nobody knows is brought to the disk: a crash costs no more than that."""
CLAIM_EVERY = 16 << 20
"""Bytes after which a download whose size nobody knows looks whether there is room for as many again."""
SAVE_S = 2.0
"""Seconds between two notes of which pieces are there."""
STALL_S, STALL_BYTES = 60.0, 64 << 10
"""A connection that brings less in that time is as good as dead."""
WORTH_A_WORD_S = 3.0


def never() -> bool:
    """Nobody wants to stop it."""
    return False


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, as a download needs them."""

    now: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]


class Download:
    """One transfer at work: does what core/transfer.py orders."""

    def __init__(
        self, hub: Hub, listing: Listing, file: RemoteFile, part: Part, hashing: RunningHash, progress: Progress
    ) -> None:
        self.hub, self.listing, self.file, self.part = hub, listing, file, part
        self.hashing, self.progress = hashing, progress
        self.connections, self.stop = 1, never
        self.clock = Clock(time.monotonic, time.sleep, random_module.random)
        self.record = Record(
            source_of(listing), file.name, listing.page, size=file.size, sha256=file.sha256, since=int(time.time())
        )
        self.stream: Stream | None = None
        self.map: Pieces | None = None
        self.answered = False
        self.trouble: HubmanError | None = None
        self._shown = -1
        self._claimed = CLAIM_EVERY
        self._pending: list[bytes] = []

    @property
    def position(self) -> int:
        """Bytes from the start on that are there and went to the hash."""
        return self.hashing.length

    def run(self, limits: Limits) -> tuple[str, int]:
        """Do everything in turn; return the sha256 and the size."""
        have = self._begin()
        file = self.file
        remote = Remote(file.size, file.about, self.record.etag if have else None, self._hashed)
        orders = transfer.transfer(have, remote, limits)
        event: Event | None = None
        try:
            while True:
                event = self._do(orders.send(event))
        except StopIteration:
            pass
        except IntegrityError:
            raise
        except BaseException:
            self._keep_for_later()
            raise
        return self.hashing.hexdigest(), self.position

    @property
    def _hashed(self) -> bool:
        return self.file.sha256 is not None

    def _do(self, order: Order) -> Event | None:
        match order:
            case transfer.Ask():
                return self._ask(order)
            case transfer.Keep(limit, most):
                return self._keep(limit, most)
            case transfer.Truncate():
                self._truncate()
            case transfer.Wait():
                self._wait(order)
            case transfer.Done():
                return Verified(self._is_right())
            case transfer.GiveUp():
                raise given_up(order, self.listing, self.file, self.trouble)
        return None

    # --- what is there already ---------------------------------------------------------------------------------------

    def _begin(self) -> int:
        """Look at what an earlier run left; return how many bytes of it are of use, hashed."""
        if self.file.size is not None:
            self.part.claim(self.file.size)
        old, have = self.part.record(), 0
        if old is not None and (self._hashed or old.source == self.record.source):
            if old.source == self.record.source:
                self.record = replace(self.record, etag=old.etag)
            have = self._usable(old)
        if not have:
            self.record = replace(self.record, etag=None)
        if self.map is None and have < self.part.size:
            self.part.truncate(have)
        self._save(synced=min(have, old.synced) if old else 0)
        if have:
            self.progress.phase("check", have)
            self._follow(have)
        return have

    def _usable(self, old: Record) -> int:
        size = self.part.size
        if old.spans:
            spans = [(start, min(end, size)) for start, end in old.spans if start < size]
            if old.size is None:
                return 0
            found = Pieces(old.size, self.connections, spans)
            if self.record.etag and self.connections > 1 and self.hub.parallel:
                self.map = found
            return found.front
        have = size if self._hashed else min(size, old.synced)
        return have if self.file.size is None or have <= self.file.size else 0

    def _follow(self, front: int) -> None:
        """Hash what lies on the disk, up to `front`."""
        while (position := self.position) < front:
            buffer = memoryview(bytearray(min(BATCH, front - position)))
            count = self.part.read_at(buffer, position)
            if not count:
                raise OSError(5, "The file became shorter while it was read", self.part.path)
            self.hashing.take([buffer[:count]])
            if self._shown < 0:
                self.progress.advance(count)
                self._listen()

    def _keep_for_later(self) -> None:
        """Note what is there when the download ends before the file is whole."""
        if not self._hashed and self.map is None:
            self.part.sync()
            self._save(synced=self.part.size)

    def _save(self, *, synced: int | None = None, spans: tuple[tuple[int, int], ...] | None = None) -> None:
        if synced is not None:
            self.record = replace(self.record, synced=synced)
        if spans is None and self.map is not None:
            spans = tuple(self.map.spans())
        self.record = replace(self.record, spans=spans or ())
        self.part.save(self.record)

    # --- asking ------------------------------------------------------------------------------------------------------

    def _ask(self, order: transfer.Ask) -> Head | Failed:
        self.let_go()
        self._listen()
        try:
            self.stream = stream = self.hub.open(self.listing, self.file, start=order.start, etag=order.etag)
        except (HubError, AccessError, NotFoundError) as error:
            self.trouble = error
            if isinstance(error, HubError) and error.passing:
                return Failed(error.retry_after)
            if not self.answered or error.reference == "offline":
                raise
            return Failed(expired=True)  # it gave us the file before: the address that it signed may be too old
        self.answered |= stream.status in (200, 206)
        return Head(stream.status, stream.start, stream.total, stream.etag, getattr(stream, "retry_after", None))

    def let_go(self) -> None:
        """Close the connection."""
        if self.stream is not None:
            self.stream.__exit__(None, None, None)
            self.stream = None

    def _listen(self) -> None:
        if self.stop():
            raise stopped(self.listing, self.file)

    def _wait(self, order: transfer.Wait) -> None:
        seconds = order.seconds if order.exact else order.seconds * (0.5 + self.clock.random() / 2)
        if seconds >= WORTH_A_WORD_S:
            text = N_("{name}: {hub} does not answer as it should; the next try is in {seconds} seconds.")
            self.progress.note(
                Phrase(text, name=self.file.name, hub=title_of(self.listing.hub), seconds=round(seconds))
            )
        while seconds > 0:
            self._listen()
            self.clock.sleep(min(seconds, FLUSH_S))
            seconds -= FLUSH_S

    # --- taking ------------------------------------------------------------------------------------------------------

    def _keep(self, limit: int | None, most: int | None) -> Body:
        stream = self.stream
        assert stream is not None
        total = None if limit is None else self.position + limit
        if total is not None:
            self.part.claim(total)
        self.record = replace(
            self.record, etag=stream.etag or (self.record.etag if self.position else None), size=total
        )
        self._show(total)
        if self._in_pieces(stream, total):
            assert total is not None
            return self._keep_in_pieces(stream, total)
        self._drop_map()
        self._save(synced=None if self.position else 0)
        return self._keep_in_order(stream, most if limit is None else limit)

    def _show(self, total: int | None) -> None:
        if self._shown < 0:
            self.progress.phase("download", total or 0)
            self._shown = 0
            self._advance(self.map.got if self.map else self.position)

    def _advance(self, got: int) -> None:
        if got > self._shown:
            self.progress.advance(got - self._shown)
            self._shown = got

    def _keep_in_order(self, stream: Stream, limit: int | None) -> Body:
        begin, stalls, ending = self.position, self._stalls(), Ending.WHOLE
        waiting, flushed = 0, self.clock.now()
        try:
            for chunk in stream.chunks():
                if limit is not None and self.position - begin + waiting + len(chunk) > limit:
                    chunk, ending = chunk[: limit - waiting - (self.position - begin)], Ending.TOO_LONG
                if self.position + waiting == 0:
                    self._refuse_page(chunk, stream.content_type)
                self._pending.append(chunk)
                waiting += len(chunk)
                now = self.clock.now()
                if waiting >= BATCH or now - flushed >= FLUSH_S:
                    self._flush()
                    waiting, flushed = 0, now
                    self._listen()
                if ending is Ending.TOO_LONG:
                    break
                if stalls(len(chunk)):
                    raise stalled(self.listing, self.file)
        except HubError as error:
            if error.reference == "download-stopped":
                raise
            self.trouble, ending = error, Ending.CUT
        finally:
            self._flush()
        return Body(self.position - begin, ending)

    def _flush(self) -> None:
        chunks = self._pending
        self._pending = []  # before they are written: Ctrl-C may come at any line, and nothing may be written twice
        if not chunks:
            return
        self.part.append(chunks)
        self.hashing.take(chunks)
        self._advance(self.position)
        if self.record.size is None and self.position >= self._claimed:  # nobody says how much is still to come
            self._claimed = self.position + CLAIM_EVERY
            self.part.claim(self._claimed)
        if not self._hashed and self.position - self.record.synced >= SYNC_EVERY:
            self.part.sync()
            self._save(synced=self.position)

    def _stalls(self) -> Callable[[int], bool]:
        """Return what says of every chunk whether its connection has all but stopped."""
        since, got, now = self.clock.now(), 0, self.clock.now

        def stalls(length: int) -> bool:
            nonlocal since, got
            got += length
            if now() - since < STALL_S:
                return False
            slow, since, got = got < STALL_BYTES, now(), 0
            return slow

        return stalls

    # --- several connections -----------------------------------------------------------------------------------------

    def _in_pieces(self, stream: Stream, total: int | None) -> bool:
        if total is None or stream.etag is None or not self.hub.parallel:
            return False
        if self.map is not None:
            return self.map.size == total
        return self.connections > 1 and total - self.position >= WORTH_IT

    def _keep_in_pieces(self, stream: Stream, total: int) -> Body:
        begin = self.position
        first = Line(stream, begin)
        if begin == 0:
            head = first.peek()
            self._refuse_page(head, stream.content_type)
        if self.map is None:
            self.map = Pieces(total, self.connections, [(0, begin)])
        self._save()  # before a byte lies beyond a hole: a size alone would say that there is none
        assert stream.etag is not None
        work = PieceWork(Source(self.hub, self.listing, self.file, stream.etag), self.part, self.map, self._stalls)
        self.stream = None
        saved = self.clock.now()

        def tick() -> None:
            nonlocal saved
            front, got, spans = work.state()
            self._advance(got)
            self._follow(front)
            self._listen()
            if self.clock.now() - saved >= SAVE_S:
                self.part.sync()
                self._save(spans=tuple(spans))
                saved = self.clock.now()

        try:
            work.run(first, self.connections, tick)
        except BaseException:
            self.part.sync()
            self._save(spans=tuple(work.state()[2]))
            raise
        self.trouble = work.trouble or self.trouble
        front, got, _ = work.state()
        self._advance(got)
        self._follow(front)
        self.connections = max(1, self.connections - work.busy)
        if work.fall_back:
            self.connections = 1
        if work.fall_back or self.map.complete:
            self._drop_map()
        else:
            self.part.sync()
            self._save()
        return Body(front - begin, Ending.WHOLE if front == total else Ending.CUT, pieced=got > 0)

    def _drop_map(self) -> None:
        """Go on with what is there from the start on, in order."""
        if self.map is not None:
            self.part.truncate(self.position)
            self.map = None
            self._save()

    # --- the end -----------------------------------------------------------------------------------------------------

    def _truncate(self) -> None:
        self.hashing.reset()
        self.part.truncate()
        self.map, self._shown = None, -1
        self.record = replace(self.record, etag=None)
        self._save(synced=0)

    def _refuse_page(self, first: bytes, content_type: str) -> None:
        if is_model_name(self.file.name.rpartition("/")[2]) and (what := transfer.page_instead(first, content_type)):
            raise not_a_model(what, self.listing, self.file)

    def _is_right(self) -> bool:
        first = bytearray(transfer.LOOKED_AT)
        count = self.part.read_at(memoryview(first), 0)
        self._refuse_page(bytes(first[:count]), "")
        sha256 = self.hashing.hexdigest()
        hashes = self.file.hashes
        if sha256 != hashes.get("sha256", sha256):
            self.connections = 1  # one connection brings the bytes of one answer
            return False
        if "sha256" not in hashes and sha256[:10] != hashes.get("autov2", sha256[:10]):
            return False
        self.part.sync()
        self._save(synced=self.position)
        return True
