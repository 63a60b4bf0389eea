"""The seams between layers that have more than one real member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from hubman.core.hub import Hit, HubQuery, HubRef, Listing, Lookup, RemoteFile, RemoteImage
from hubman.core.listed import Hashes


class Progress(Protocol):
    """Who wants to know how far a long command is: the terminal, a job's record, nobody."""

    def phase(self, name: str, total: int) -> None:
        """A new phase begins; `total` counts files or bytes, 0 when unknown."""

    def advance(self, amount: int = 1) -> None:
        """Some of the phase is done."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""


class Silence:
    """Progress that nobody watches."""

    def phase(self, name: str, total: int) -> None:
        """Ignore."""

    def advance(self, amount: int = 1) -> None:
        """Ignore."""

    def note(self, text: str) -> None:
        """Ignore."""


class Stream(Protocol):
    """The bytes of a file as they come. A context manager; leaving it closes the connection.

    Attributes:
        status: 200 (all of it from byte 0, whatever was asked), 206 (from `start` on) or 416 (there is nothing there).
        start: offset of the first byte that comes.
        total: size of the whole file, None where the server does not say.
        etag: a strong ETag, else None: only such a one may be sent as If-Range (RFC 9110 section 13.1.5).
        filename: from Content-Disposition, untrusted.
        content_type: lower case without parameters.
    """

    status: int
    start: int
    total: int | None
    etag: str | None
    filename: str | None
    content_type: str

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes.

        Raises:
            HubError: `connection-lost` (passing), the connection was cut or stalled.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Hub(Protocol):
    """A remote. One file each in `hubs/`; all of them pass tests/hubs/test_contract.py.

    Every method raises HubError (`hub-unreachable`, `hub-busy`, `hub-answer`, `offline`) when the hub could not be
    asked or its answer cannot be understood, AccessError when it refuses, NotFoundError when it has no such thing.
    An answer that is not understood is never half used.

    Attributes:
        name: as in core/hub.py.
        title: as people write it.
        needs_yes: bulk lookup is off until `hubs enable` (an unofficial API). A hub that does without that although
            its API is nobody's promise says `official = False` as well.
        hash_kinds: what `by_hashes` can look up, the cheapest first; () for a hub that has no such thing.
        parallel: whether one file may be fetched over several connections.
    """

    name: str
    title: str
    needs_yes: bool
    hash_kinds: tuple[str, ...]
    parallel: bool

    def resolve(self, ref: HubRef) -> tuple[Listing, ...]:
        """Return what a reference leads to: the version that it names alone, else all versions, newest first."""
        ...

    def by_hashes(self, wanted: Sequence[Hashes]) -> Lookup:
        """Ask about local contents, in as few calls as the API allows. Never raises HubError: see Lookup.trouble."""
        ...

    def search(self, query: HubQuery) -> Iterator[Hit]:
        """Yield at most `query.limit` hits, asking for pages as they are taken."""
        ...

    def versions(self, model_ids: Sequence[str]) -> Mapping[str, tuple[Listing, ...]]:
        """Return model id -> its versions, newest first, for many models in few calls; what is gone is left out."""
        ...

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> Stream:
        """Begin to read a file.

        Args:
            start, end: first byte and the byte after the last one that are wanted.
            etag: sent as If-Range: when the file changed meanwhile, all of it comes from byte 0 with status 200.

        A signed address is asked for anew at every call and never kept.
        """
        ...

    def picture(self, image: RemoteImage) -> bytes:
        """Return a picture, at most 16 MB; what is none raises HubError `hub-answer`."""
        ...

    def account(self) -> str | None:
        """Return the name of the account that the token belongs to; None without a token.

        Raises:
            AccessError: `token-refused`.
        """
        ...
