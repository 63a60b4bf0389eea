"""What stands between a user and a file: whether it may be tried, and what to do when not."""

from __future__ import annotations

from hubman.core.hub import Access, Gate, Listing
from hubman.core.hub_titles import title_of
from hubman.errors import N_, AccessError, HubmanError, NotFoundError


def passes(access: Access, *, logged_in: bool, named: bool, now: str | None) -> bool:
    """Say whether a download may be tried.

    Args:
        logged_in: there is a token. It opens what needs a login; what was bought or applied for with that account only
            the hub knows, so that is tried when the user named this version.
        now: ISO 8601 in UTC; None: nothing ends.
    """
    match access.gate:
        case Gate.OPEN:
            return True
        case Gate.LOGIN:
            return logged_in
        case Gate.EARLY_ACCESS:
            over = bool(now and access.until and access.until[:19] <= now[:19])
            return over or (logged_in and named)
        case Gate.GATED | Gate.PAID:
            return logged_in and named
        case _:
            return False


def refusal(access: Access, listing: Listing) -> HubmanError:
    """Return the error for a gate, with its page and the next step."""
    fields = {
        "name": listing.name,
        "hub": title_of(listing.hub),
        "hub_name": listing.hub,
        "page": access.page or listing.page or str(listing.ref),
        "until": (access.until or "")[:16].replace("T00:00", "").replace("T", " "),
        "hash": next((file.sha256 for file in listing.files if file.sha256), None) or "HASH",
    }
    match access.gate:
        case Gate.EARLY_ACCESS if access.until:
            return AccessError(
                "early-access",
                N_("{name} is in early access on {hub} until {until}."),
                hint=N_("Wait until then, or buy access at {page} and run: hubman hubs login {hub_name}"),
                **fields,
            )
        case Gate.EARLY_ACCESS:
            return AccessError(
                "early-access",
                N_("{name} is in early access on {hub}."),
                hint=N_("Wait, or buy access at {page} and run: hubman hubs login {hub_name}"),
                **fields,
            )
        case Gate.PAID:
            return AccessError(
                "paid-access",
                N_("{name} must be paid for on {hub}."),
                hint=N_("Buy it at {page}, then run: hubman hubs login {hub_name}"),
                **fields,
            )
        case Gate.GATED:
            return AccessError(
                "licence-needed",
                N_("{name} is only for those who accepted its licence."),
                hint=N_("Open {page} and accept the licence, then run: hubman hubs login {hub_name}"),
                **fields,
            )
        case Gate.DISABLED:
            return AccessError(
                "download-disabled",
                N_("{name} can only be used on {hub}: its author allows no download."),
                hint=N_("See {page}"),
                **fields,
            )
        case Gate.BROWSER:
            return AccessError(
                "browser-only",
                N_("{hub} gives {name} only to a browser that is logged in."),
                hint=N_("Open {page}, download it there, then run: hubman add FILE"),
                **fields,
            )
        case Gate.GONE:
            return NotFoundError(
                "gone-from-hub",
                N_("{hub} does not give {name} away any more."),
                hint=N_("Look for a copy: hubman pull {hash} --from civarchive"),
                **fields,
            )
        case _:
            return AccessError(
                "login-needed",
                N_("{hub} gives {name} only to those who are logged in."),
                hint=N_("Make a token there and run: hubman hubs login {hub_name}"),
                **fields,
            )
