"""What a download that came to nothing says: what happened, why, and the next command."""

from __future__ import annotations

from hubman.core.hub import Listing, RemoteFile
from hubman.core.hub_titles import title_of
from hubman.core.transfer import GiveUp, Reason
from hubman.errors import N_, AccessError, HubError, HubmanError, IntegrityError, NotFoundError


def given_up(order: GiveUp, listing: Listing, file: RemoteFile, trouble: HubmanError | None) -> HubmanError:
    """Return the error for a transfer that was given up. `trouble`: what the last try raised."""
    if order.reason is Reason.MISMATCH:
        return mismatch(listing, file)
    if order.reason is Reason.WRONG_SIZE:
        return _wrong_size(order, listing, file)
    refused = isinstance(trouble, AccessError | NotFoundError) or (
        isinstance(trouble, HubError) and not trouble.passing
    )
    if order.reason is Reason.REFUSED and not order.status and refused and trouble is not None:
        return trouble
    if order.reason is Reason.REFUSED:
        return AccessError(
            "download-refused",
            N_("{hub} lists {name}, but its storage does not give it to us (HTTP {status}). What came is kept."),
            hint=N_(
                "Open {page} in a browser to see whether you may download it, or log in: hubman hubs login {hub_name}"
            ),
            **_fields(listing, file),
            status=order.status or "?",
        )
    if order.reason is Reason.GONE:
        return NotFoundError(
            "download-gone",
            N_("{hub} lists {name}, but the file itself is not there (HTTP {status})."),
            hint=N_("Try another hub that may still have it: hubman pull {ref} --from civarchive"),
            **_fields(listing, file),
            status=order.status or 404,
        )
    if order.reason is Reason.CHANGING:
        return _passing(
            "download-changing",
            N_("{hub} gives another file at every try for {name}; nothing that came is of use."),
            N_("Try again later; the file is being replaced, or the server does not keep to HTTP."),
            listing,
            file,
        )
    if order.reason is Reason.NONSENSE:
        return _passing(
            "download-answer",
            N_("{hub} answers the request for {name} with something that is no file (HTTP {status})."),
            N_("Open {page} in a browser to see what it says."),
            listing,
            file,
            status=order.status or "?",
        )
    if isinstance(trouble, HubError) and order.reason is Reason.BUSY:
        return trouble
    return _passing(
        "download-cut",
        N_("The download of {name} from {hub} was cut again and again: {why} What came is kept."),
        N_("Run the same command again: it goes on where it stopped."),
        listing,
        file,
        why=trouble.message if trouble else N_("the connection ended too soon."),
    )


MISMATCH = "hash-mismatch"


def mismatch(listing: Listing, file: RemoteFile, kept: str | None = None) -> IntegrityError:
    """Return the error for bytes that are not the ones the hub names. `kept`: where they are; None: deleted."""
    if kept is not None:
        return IntegrityError(
            "hash-mismatch",
            N_(
                "{name} from {hub} is not the file that {hub} describes: its sha256 differs. "
                "It is in {kept} and got no model's name."
            ),
            hint=N_("Delete it, and try again later or another hub: hubman pull {ref} --from civarchive"),
            **_fields(listing, file),
            kept=kept,
        )
    return IntegrityError(
        "hash-mismatch",
        N_("{name} from {hub} is not the file that {hub} describes: its sha256 differs. It was deleted."),
        hint=N_("Try again later, or another hub: hubman pull {ref} --from civarchive"),
        **_fields(listing, file),
    )


def not_a_model(what: str, listing: Listing, file: RemoteFile) -> IntegrityError:
    """Return the error for a page that came instead of a file."""
    return IntegrityError(
        "not-a-model",
        N_("{hub} sent a page ({what}) instead of {name}; nothing of it was kept. It probably wants a login."),
        hint=N_("Log in: hubman hubs login {hub_name}. Or open {page} in a browser to see what it asks for."),
        **_fields(listing, file),
        what=what.upper(),
    )


def stopped(listing: Listing, file: RemoteFile) -> HubError:
    """Return the error for a download that somebody stopped."""
    return _passing(
        "download-stopped",
        N_("The download of {name} was stopped. What came is kept."),
        N_("Run the same command again: it goes on where it stopped."),
        listing,
        file,
    )


def stalled(listing: Listing, file: RemoteFile) -> HubError:
    """Return the error for a connection that brings next to nothing."""
    return _passing("connection-lost", N_("the connection brought next to nothing."), "", listing, file)


def _wrong_size(order: GiveUp, listing: Listing, file: RemoteFile) -> IntegrityError:
    wanted = file.size if file.size is not None else file.about
    if order.size is None:
        return IntegrityError(
            "wrong-size",
            N_("{hub} sent more bytes for {name} than it announced; nothing of it was kept."),
            hint=N_("Try again later, or open {page} in a browser to see what it is."),
            **_fields(listing, file),
        )
    return IntegrityError(
        "wrong-size",
        N_("{name} has {wanted} bytes by what {hub} says, but {size} were offered; nothing of it was kept."),
        hint=N_(
            "Log in if it needs that (hubman hubs login {hub_name}), or open {page} in a browser to see what it is."
        ),
        **_fields(listing, file),
        wanted=wanted,
        size=order.size,
    )


def _passing(reference: str, message: str, hint: str, listing: Listing, file: RemoteFile, **fields: object) -> HubError:
    return HubError(reference, message, hint=hint, **_fields(listing, file), **fields)


def _fields(listing: Listing, file: RemoteFile) -> dict[str, object]:
    return {
        "hub": title_of(listing.hub),
        "hub_name": listing.hub,
        "name": file.name,
        "page": listing.page or title_of(listing.hub),
        "ref": str(listing.ref),
    }
