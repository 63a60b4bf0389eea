"""What Civitai refuses, in errors that say what to do next."""

from __future__ import annotations

import json

from hubman.core.hub import CIVITAI, Access, Gate, Listing
from hubman.core.plan.gates import refusal
from hubman.errors import N_, AccessError, HubmanError, NotFoundError
from hubman.hubs._errors import refusal as trouble
from hubman.hubs._http import HttpStream
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


def _refusal(gate: Gate, listing: Listing, until: str | None = None) -> HubmanError:
    return refusal(Access(gate, until, listing.page or HOME), listing)


def download_error(stream: HttpStream, listing: Listing) -> HubmanError:
    """Return the error for what a download address answered instead of a file."""
    status, body = stream.status, stream.text()
    try:
        said = mapping(json.loads(body))
    except (ValueError, RecursionError):
        said = {}
    message = f"{text(said.get('error'))} {text(said.get('message'))}".lower()
    if status == 401:
        return _refusal(Gate.DISABLED if "disabled downloads" in message else Gate.LOGIN, listing)
    if status == 403 and "early access" in message:
        return _refusal(Gate.EARLY_ACCESS, listing, moment(said.get("deadline")))
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
        return _refusal(Gate.GONE, listing)
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
        return _refusal(Gate.LOGIN, listing)
    return trouble(CIVITAI, stream, page=listing.page, what=listing.name)
