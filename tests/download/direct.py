"""A hub as downloads need one: it asks the test hub's download address, which redirects to a signed one."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from hubman.core.hub import Listing, RemoteFile
from hubman.hubs._errors import refusal
from hubman.hubs._http import HttpStream, Web
from tests.testhub.catalogue import File


class DirectHub:
    """Only `open`, in the way of the hubs proper: 200, 206 and 416 are streams, all else is an error."""

    name, title, needs_yes, hash_kinds, parallel = "civitai", "Civitai", False, (), True

    def __init__(self, web: Web, base: str) -> None:
        self.web, self.base = web, base

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> HttpStream:
        """See core.ports.Hub."""
        address = f"{self.base}/api/download/models/{listing.version_id}?fileId={file.id}"
        stream = self.web.stream(self.name, address, start=start, end=end, etag=etag)
        if stream.status in (200, 206, 416):
            return stream
        with stream:
            raise refusal(self.name, stream, page=listing.page, what=file.name)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a download asked its hub for {name}")


def listed(file: File, *, hashed: bool = True, sized: bool = True) -> tuple[Listing, RemoteFile]:
    """Return what a hub's listing says of a file of the test hub."""
    hashes = {"sha256": file.content.hashes.sha256} if hashed else {}
    size = file.content.size if sized else None
    remote = RemoteFile(str(file.id), file.name, size=size, hashes=MappingProxyType(hashes), primary=True)
    return Listing("civitai", "1", str(version_of[file.id]), "Ink Wash", files=(remote,), page="https://x/1"), remote


version_of: dict[int, int] = {}


def add(hub: Any, content: Any, name: str = "ink.safetensors") -> File:
    """Put a file into the test hub."""
    model = hub.add_model("Ink Wash", files=[content], file_name=name)
    file = model.versions[0].files[0]
    version_of[file.id] = model.versions[0].id
    return file
