"""One file over several connections, each of which brings one piece after another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hubman.core.hub import Listing, RemoteFile
from hubman.core.pieces import Piece, Pieces
from hubman.core.ports import Hub, Stream
from hubman.disk.part import Part
from hubman.errors import AccessError, HubError, HubmanError

TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Source:
    """What is fetched, and under which ETag: bytes of another one are of another file."""

    hub: Hub
    listing: Listing
    file: RemoteFile
    etag: str


class Line:
    """A connection, and how far its bytes were taken."""

    def __init__(self, stream: Stream, position: int) -> None:
        self._stream, self.position = stream, position
        self._chunks: Iterator[bytes] = stream.chunks()
        self._rest: bytes = b""

    def peek(self) -> bytes:
        """Return what `take` will return next, as much of it as came at once."""
        self._rest = self._rest or next(self._chunks, b"")
        return self._rest

    def take(self, limit: int) -> bytes:
        """Return what comes next, at most `limit` bytes; b"" at the end.

        Raises:
            HubError: `connection-lost`.
        """
        chunk = self._rest or next(self._chunks, b"")
        self._rest = chunk[limit:]
        chunk = chunk[:limit] if self._rest else chunk
        self.position += len(chunk)
        return chunk

    def close(self) -> None:
        """Give the connection up."""
        self._stream.__exit__(None, None, None)


class PieceWork:
    """Brings what is missing on a map into a part. Every connection is a thread; one that fails twice in a row ends.

    Attributes:
        fall_back: the server does not give ranges of this very file: go on with one connection, from the front.
        busy: connections that the hub did not want.
        trouble: what the last failure was.
    """

    def __init__(self, source: Source, part: Part, pieces: Pieces, stalls: Callable[[], Callable[[int], bool]]) -> None:
        self._source, self._part, self._pieces, self._stalls = source, part, pieces, stalls
        self._lock = threading.Lock()
        self._ending = False
        self._error: BaseException | None = None
        self.fall_back = False
        self.busy = 0
        self.trouble: HubmanError | None = None

    def run(self, first: Line | None, connections: int, tick: Callable[[], None]) -> None:
        """Work until all is there or nobody gets on. `tick` is called about every TICK_S seconds, from this thread.

        Raises:
            HubmanError, OSError: what ended a connection for good, and what `tick` raises.
        """
        threads = [
            threading.Thread(target=self._work, args=(first if number == 0 else None,), daemon=True, name="download")
            for number in range(connections)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(TICK_S)
                    tick()
        finally:
            with self._lock:  # a connection that still waits for a byte will write none any more
                self._ending = True
        if self._error is not None:
            raise self._error

    def state(self) -> tuple[int, int, list[tuple[int, int]]]:
        """Return the front, the bytes that are there, and their spans."""
        with self._lock:
            return self._pieces.front, self._pieces.got, self._pieces.spans()

    def _work(self, line: Line | None) -> None:
        idle = 0
        try:
            while idle < 2 and not self._ending:
                with self._lock:
                    piece = self._pieces.take()
                if piece is None:
                    break
                try:
                    line = self._bring(piece, line)
                finally:
                    with self._lock:
                        idle = 0 if piece.position > piece.start else idle + 1
                        if not self._ending:
                            self._pieces.give_back(piece)
        except BaseException as error:  # carried to the caller's thread
            with self._lock:
                self._error, self._ending = self._error or error, True
        finally:
            if line is not None:
                line.close()

    def _bring(self, piece: Piece, line: Line | None) -> Line | None:
        """Bring a piece, on the line at hand if it is just there; return the line if it can go on."""
        if line is not None and line.position != piece.start:
            line.close()
            line = None
        try:
            line = line or self._open(piece)
            if line is not None and self._copy(piece, line):
                return line
        except (HubError, AccessError) as error:
            if isinstance(error, HubError) and not error.passing:
                raise
            with self._lock:
                self.trouble = error
                self.busy += error.reference == "hub-busy"
        if line is not None:
            line.close()
        return None

    def _open(self, piece: Piece) -> Line | None:
        source = self._source
        stream = source.hub.open(source.listing, source.file, start=piece.start, end=piece.end, etag=source.etag)
        right = stream.status == 206 and stream.start == piece.start and stream.total == self._pieces.size
        if right and stream.etag == source.etag:
            return Line(stream, piece.start)
        stream.__exit__(None, None, None)
        with self._lock:
            if stream.status in (200, 206, 416):
                self.fall_back = self._ending = True
            self.busy += stream.status in (429, 503)
        return None

    def _copy(self, piece: Piece, line: Line) -> bool:
        """Write what comes; False when the line came to its end too soon."""
        stalls = self._stalls()
        while piece.position < piece.end:
            chunk = line.take(piece.end - piece.position)
            if not chunk or stalls(len(chunk)):
                return False
            with self._lock:
                if self._ending:
                    return False
                self._part.write_at(chunk, piece.position)
                piece.position += len(chunk)
        return True
