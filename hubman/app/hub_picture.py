"""The picture by which a hub shows a model, kept as `<home>/previews/<sha256>-hub.<ending>`: never an SVG."""

from __future__ import annotations

import os
from pathlib import Path

from hubman.core.hub import Listing
from hubman.core.plan.pull import still_picture
from hubman.core.ports import Hub
from hubman.core.raster import raster_ending
from hubman.disk.place import write_atomic
from hubman.errors import N_, HubError
from hubman.store.door import Store

MOST_BYTES = 16 << 20


def keep_picture(
    store: Store, hub: Hub, listing: Listing, sha256: str, previews: Path, *, explicit: bool = False
) -> str | None:
    """Fetch and keep a picture of a content; return its path, None when the hub has none that will do.

    Raises:
        HubError: it could not be fetched; `not-a-picture`, what came is none. OSError.
    """
    image = still_picture(listing.images, explicit=explicit)
    if image is None:
        return None
    data = hub.picture(image)
    ending = raster_ending(data) if len(data) <= MOST_BYTES else None
    if ending is None:
        raise HubError(
            "not-a-picture",
            N_("What {hub} sent as a picture is none that can be shown."),
            hint=N_("The model is as good without it."),
            hub=hub.title,
        )
    path = previews / f"{sha256}-hub.{ending}"
    write_atomic(path, data)
    with store.writer() as writer:
        writer.hubs.set_preview(sha256, os.fspath(path))
    return os.fspath(path)
