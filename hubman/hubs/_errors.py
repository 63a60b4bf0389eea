"""What a hub refused, in hubman's words: what, why in the hub's own words, and what to do next."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Protocol

from hubman.core.hub_titles import TITLES, title_of
from hubman.errors import N_, AccessError, HubError, HubmanError, NotFoundError, Phrase
from hubman.hubs._html import plain_text
from hubman.hubs._secrets import redact_text

MOST_SAID = 200
"""Letters of a hub's message that are shown."""

_SAYING = ("message", "msg", "Message", "error_message", "error", "detail", "title")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


class Refused(Protocol):
    """What a refusal is read from: an Answer or an HttpStream."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def token_sent(self) -> bool: ...
    @property
    def retry_after(self) -> float | None: ...

    def said(self) -> object:
        """Return the body: parsed JSON, or its beginning as a text."""


def refusal(hub: str, answer: Refused, *, page: str | None = None, what: str | None = None) -> HubmanError:
    """Return the error to raise for an answer that is no success.

    Args:
        hub: the hub's name (or its title).
        page: the page that a person may open, where there is one.
        what: what was asked for, as the user knows it: a reference, a file's name.

    Returns:
        AccessError: `login-needed`, `token-refused`, `licence-needed`, `early-access`, `download-disabled`,
        `access-refused`, `region-blocked`. NotFoundError: `not-on-hub`, `gone-from-hub`. HubError: `hub-busy` and
        `hub-failed` (passing; `retry_after` as the hub says it), `hub-challenge`, `range-refused`, `hub-answer`.
    """
    name = next((name for name, title in TITLES.items() if title == hub), hub)
    fields: dict[str, object] = {
        "hub": title_of(name), "name": name, "what": what or Phrase(N_("this")), "page": page or Phrase(N_("its page")),
        "status": answer.status, "said": said(answer.said()) or Phrase(N_("(it says no more)")),
    }  # fmt: skip
    status, code = answer.status, answer.headers.get("x-error-code", "")
    if answer.headers.get("cf-mitigated") == "challenge" or "just a moment" in str(fields["said"]).lower():
        return _challenge(fields)
    if code == "GatedRepo":
        return _licence(fields)
    if code in ("RepoNotFound", "EntryNotFound", "RevisionNotFound") or status == 404:
        return _missing(fields)
    if status == 401:
        return _unauthorised(fields, answer)
    if status == 403:
        return _forbidden(fields, answer)
    if status == 410:
        return NotFoundError(
            "gone-from-hub",
            N_("{hub} has {what} no more: {said}"),
            hint=N_("An archive may have kept it: the same reference or its SHA-256 with --from civarchive."),
            **fields,
        )
    if status == 451:
        return AccessError(
            "region-blocked",
            N_("{hub} does not give {what} to people of your region: {said}"),
            hint=N_("A mirror or a proxy may: docs/hubs.md, Mirrors and proxies."),
            **fields,
        )
    return _trouble(fields, answer)


def said(body: object) -> str:
    """Return what a hub says for itself in the body of an error: one short line without tags and secrets."""
    text = body if isinstance(body, str) else ""
    if text.lstrip()[:1] in ("{", "["):
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            return ""
    if isinstance(body, dict):
        found = [body[key] for key in _SAYING if isinstance(body.get(key), str) and body[key].strip()]
        inner = [body[key] for key in _SAYING if isinstance(body.get(key), dict)]
        text = found[0] if found else (said(inner[0]) if inner else "")
    if text.lstrip()[:1] == "<":
        title = re.search(r"<title[^>]*>([^<]{1,300})", text[:20_000], re.IGNORECASE)
        text = title[1] if title else ""
    text = " ".join(_CONTROL.sub(" ", plain_text(redact_text(text[:4000]))).split())
    return text if len(text) <= MOST_SAID else text[: MOST_SAID - 1].rstrip() + "…"


def _unauthorised(fields: dict[str, object], answer: Refused) -> HubmanError:
    if "disabled downloads" in str(fields["said"]).lower():
        return AccessError(
            "download-disabled",
            N_("The author does not let anybody download {what} from {hub}: {said}"),
            hint=N_("Only the author can change that; see {page}."),
            **fields,
        )
    if answer.token_sent:
        return token_refused(fields)
    return login_needed(fields)


def token_refused(fields: Mapping[str, object]) -> AccessError:
    """Return the error for a token that is not taken. Fields: hub, name, what, said."""
    return AccessError(
        "token-refused",
        N_("{hub} does not accept your token for {what}: {said}"),
        hint=N_("It may have expired or been revoked. Make a new one there, then: hubman hubs login {name}"),
        **fields,
    )


def login_needed(fields: Mapping[str, object]) -> AccessError:
    """Return the error for what only people with an account get. Fields: hub, name, what, page, said."""
    return AccessError(
        "login-needed",
        N_("{hub} gives {what} only to people who are logged in: {said}"),
        hint=N_("hubman hubs login {name}    (or download it in a browser from {page}, then: hubman add FILE)"),
        **fields,
    )


def _licence(fields: dict[str, object]) -> AccessError:
    return AccessError(
        "licence-needed",
        N_("{what} on {hub} is behind a licence that you have to accept first: {said}"),
        hint=N_("Accept it at {page}, and let hubman show who you are: hubman hubs login {name}"),
        **fields,
    )


def _forbidden(fields: dict[str, object], answer: Refused) -> HubmanError:
    body = answer.said()
    body = body if isinstance(body, dict) else {}
    deadline = body.get("deadline")
    if "early access" in f"{body.get('error', '')} {fields['said']}".lower():
        until = deadline[:10] if isinstance(deadline, str) and re.match(r"\d{4}-\d\d-\d\d", deadline) else None
        return early_access(fields, until)
    return AccessError(
        "access-refused",
        N_("{hub} refuses {what}: {said}"),
        hint=N_("See {page} for what it asks for. With a token it may work: hubman hubs login {name}")
        if not answer.token_sent
        else N_("See {page} for what it asks for; your token has no right to it."),
        **fields,
    )


def early_access(fields: Mapping[str, object], until: str | None) -> AccessError:
    """Return the error for what is sold before it is free. `until`: ISO date. Fields: hub, what, page, said."""
    return AccessError(
        "early-access",
        N_("{what} is in early access on {hub} until {until}.")
        if until
        else N_("{what} is in early access on {hub}: {said}"),
        hint=N_("Wait until then, buy access at {page}, or take an older version.")
        if until
        else N_("Buy access at {page}, or take an older version."),
        until=until or "",
        **fields,
    )


def _missing(fields: dict[str, object]) -> NotFoundError:
    return NotFoundError(
        "not-on-hub",
        N_("{hub} has no {what} (or hides it from you): {said}"),
        hint=N_("Check the address. If it was deleted, an archive may have kept it: --from civarchive")
        if fields["name"] == "civitai"
        else N_("Check the address. If it is private: hubman hubs login {name}"),
        **fields,
    )


def _challenge(fields: dict[str, object]) -> HubError:
    error = HubError(
        "hub-challenge",
        N_("{hub} shows a check that only a browser can pass, before {what}."),
        hint=N_("Download it in a browser from {page}, then: hubman add FILE"),
        **fields,
    )
    error.passing = False
    return error


def _trouble(fields: dict[str, object], answer: Refused) -> HubError:
    status = answer.status
    if status in (408, 429):
        return busy(fields, answer.retry_after)
    if status >= 500:
        failed = HubError(
            "hub-failed",
            N_("{hub} has trouble of its own (status {status}): {said}"),
            hint=N_("Try again later; what hubman knows stays."),
            **fields,
        )
        failed.retry_after = answer.retry_after
        return failed
    if status == 416:
        error = HubError(
            "range-refused",
            N_("{hub} has not as many bytes of {what} as were asked for: it was changed there."),
            hint=N_("Begin anew: hubman pull again."),
            **fields,
        )
    else:
        error = HubError(
            "hub-answer",
            N_("{hub} answered the question for {what} with status {status}: {said}"),
            hint=N_("Look at {page}. If it is fine there, report this line."),
            **fields,
        )
    error.passing = False
    return error


def busy(fields: Mapping[str, object], wait: float | None) -> HubError:
    """Return the error for a hub that wants to be left alone. `wait`: seconds. Fields: hub, said."""
    error = HubError(
        "hub-busy",
        N_("{hub} has had enough requests for now: {said}"),
        hint=N_("It asks to wait {seconds} seconds.") if wait else N_("Try again in some minutes, or tomorrow."),
        seconds=round(wait or 0),
        **fields,
    )
    error.retry_after = wait
    return error


def offline() -> HubError:
    """Return the error for a request that the user forbade."""
    error = HubError(
        "offline",
        N_("hubman was told not to use the network."),
        hint=N_("Leave out --offline; else see HUBMAN_OFFLINE, HF_HUB_OFFLINE and `offline` in config.toml."),
    )
    error.passing = False
    return error


def unreachable(hub: str, host: str, why: object) -> HubError:
    """Return the error for a machine that does not answer."""
    return HubError(
        "hub-unreachable",
        N_("{hub} cannot be reached at {host}: {why}"),
        hint=N_(
            "Check the connection and the proxy (HTTPS_PROXY), or use a mirror: hubman hubs ls shows the addresses."
        ),
        hub=title_of(hub),
        host=host,
        why=why,
    )


def untrusted(hub: str, host: str, why: object) -> HubError:
    """Return the error for a certificate that proves nothing."""
    error = HubError(
        "hub-certificate",
        N_("{host} does not prove that it is {hub}: {why}. Nothing was sent."),
        hint=N_("Check the clock of this machine. Behind a company's proxy, name its certificate in SSL_CERT_FILE."),
        hub=title_of(hub),
        host=host,
        why=why,
    )
    error.passing = False
    return error


def out_of_time(hub: str) -> HubError:
    """Return the error for what would take longer than the command may wait for hubs."""
    return HubError(
        "hub-slow",
        N_("{hub} did not answer in the time that this command gives it."),
        hint=N_("Ask without haste: hubman lookup"),
        hub=title_of(hub),
    )


def too_large(hub: str, most: int) -> HubError:
    """Return the error for an answer that never ends."""
    error = HubError(
        "answer-too-large",
        N_("{hub} sends an answer of more than {size} MB. hubman stopped reading."),
        hint=N_("Nothing of it was kept. If it stays so, report it."),
        hub=title_of(hub),
        size=most >> 20,
    )
    error.passing = False
    return error


def no_data(hub: str, what: object) -> HubError:
    """Return the error for a page where data should be. `what`: what came."""
    return HubError(
        "hub-answer",
        N_("{hub} answered with {what} where data was expected."),
        hint=N_("Nothing of it was kept. A login page of the network you are in? Open a browser, and try again later."),
        hub=title_of(hub),
        what=what,
    )


def redirect_refused(hub: str, why: object) -> HubError:
    """Return the error for a redirect that is not followed."""
    error = HubError(
        "redirect-refused",
        N_("{hub} redirects in a way that hubman does not follow: {why}"),
        hint=N_("Check the hub's address: hubman hubs ls"),
        hub=title_of(hub),
        why=why,
    )
    error.passing = False
    return error


def lost(why: object) -> HubError:
    """Return the error for bytes that stop coming."""
    return HubError(
        "connection-lost",
        N_("The connection was lost: {why}"),
        hint=N_("Run it again: it goes on from there."),
        why=why,
    )
