"""What Civitai refuses, in errors that say what to do next."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from hubman.core.hub import CIVITAI, Gate, Listing
from hubman.errors import N_, AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs._tolerant import mapping, moment, text

TITLE = "Civitai"
HOME = "https://civitai.com"


def absent(what: str) -> NotFoundError:
    return NotFoundError(
        "not-on-hub",
        N_("{hub} has no {what}."),
        hint=N_("It may have been taken down: try --from civarchive."),
        hub=TITLE,
        what=what,
    )


def login_needed(what: str, page: str) -> AccessError:
    return AccessError(
        "login-needed",
        N_("{hub} shows {what} only to those who are logged in."),
        hint=N_("Make a token at {page} and run: hubman hubs login {name}"),
        hub=TITLE,
        what=what,
        page=f"{page}/user/account",
        name=CIVITAI,
    )


def refusal_of(gate: Gate, listing: Listing, until: str | None) -> HubmanError:
    """Return the error for a version that may not be downloaded, with what to do next."""
    page = listing.page or HOME
    origin = f"{urlsplit(page).scheme}://{urlsplit(page).netloc}"
    if gate in (Gate.EARLY_ACCESS, Gate.PAID):
        return AccessError(
            "early-access",
            N_("{name} is in early access on {hub} until {until}.") if until else
            N_("{name} must be paid for on {hub}."),
            hint=N_("Wait until then, or buy access at {page} and download with your token.") if until else
            N_("Buy access at {page}, then download with your token: hubman hubs login civitai"),
            name=listing.name, hub=TITLE, until=until, page=page,
        )  # fmt: skip
    if gate is Gate.GONE:
        return NotFoundError(
            "gone-from-hub",
            N_("{hub} does not give {name} away any more: it was archived or taken down."),
            hint=N_("Try --from civarchive."),
            hub=TITLE,
            name=listing.name,
        )
    if gate is Gate.DISABLED:
        return AccessError(
            "download-disabled",
            N_("The author of {name} allows no downloads on {hub}: it can only be used there."),
            hint=N_("See {page}"),
            name=listing.name,
            hub=TITLE,
            page=page,
        )
    return login_needed(listing.name, origin)


def download_error(status: int, body: str, listing: Listing) -> HubmanError:
    """Return the error for what a download address answered instead of a file."""
    try:
        said = mapping(json.loads(body))
    except (ValueError, RecursionError):
        said = {}
    message = f"{text(said.get('error'))} {text(said.get('message'))}".lower()
    if status == 401:
        return refusal_of(Gate.DISABLED if "disabled downloads" in message else Gate.LOGIN, listing, None)
    if status == 403 and "early access" in message:
        return refusal_of(Gate.EARLY_ACCESS, listing, moment(said.get("deadline")))
    if status == 403:
        return AccessError(
            "download-refused",
            N_("{hub} does not let this account or address download {name}."),
            hint=N_("Open {page} in a browser; what it gives you can be added with: hubman add FILE"),
            hub=TITLE,
            name=listing.name,
            page=listing.page or HOME,
        )
    if status == 410:
        return refusal_of(Gate.GONE, listing, None)
    if status == 404:
        return NotFoundError(
            "no-such-file",
            N_("{hub} cannot find this file of {name} (its storage may be out of order for a while)."),
            hint=N_("Try again later, or --from civarchive."),
            hub=TITLE,
            name=listing.name,
        )
    if status == 429:
        return AccessError(
            "download-quota",
            N_("{hub} has had enough downloads from this account for now."),
            hint=N_("Come back later; what was downloaded so far is kept, and the same command goes on."),
            hub=TITLE,
        )
    if status == 200:  # a page of the site in place of a file
        return refusal_of(Gate.LOGIN, listing, None)
    error = HubError(
        "hub-busy", N_("{hub} cannot answer now (status {status})."), hint=N_("Try again later."), hub=CIVITAI,
        status=status,
    )  # fmt: skip
    error.passing = status >= 500 or status == 408
    return error
