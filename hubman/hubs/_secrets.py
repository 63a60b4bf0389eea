"""Secrets and the addresses that may carry them: where a token may go, and what of an address may be written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

HIDDEN = "***"
_PORTS = {"https": 443, "http": 80}

_SECRET_NAMES = (
    r"(?:[\w-]*token|auth_?key|x-amz-[\w-]+|x-goog-[\w-]+|x-oss-[\w-]+|signature|sig|key-pair-id|policy|secret|"
    r"password|passwd|api_?key|access_?key(?:_?id)?|ossaccesskeyid|awsaccesskeyid|googleaccessid|expires|code|session)"
)
_SECRET_NAME = re.compile(_SECRET_NAMES, re.IGNORECASE)
_IN_TEXT = re.compile(rf"([?&;]{_SECRET_NAMES}=)[^&;\s\"'<>)\]]+", re.IGNORECASE)
_USER_IN_TEXT = re.compile(r"(https?://)[^/?#@\s\"'<>]+@", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{4,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret and the origins (`https://host:port`) that it may be sent to. Its text never shows it.

    Attributes:
        headers: header -> template with `{}` where the secret goes.
    """

    secret: str = field(repr=False)
    origins: frozenset[str]
    headers: Mapping[str, str] = field(default_factory=lambda: {"Authorization": "Bearer {}"})

    def for_url(self, url: str) -> dict[str, str]:
        """Return the headers for a request to this address; {} for any other origin."""
        if origin_of(url) not in self.origins:
            return {}
        return {name: template.format(self.secret) for name, template in self.headers.items()}


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address, as credentials name them; "" for what is no web address.

    A host name with letters beyond ASCII is written as DNS has it (`xn--...`), so that one host has one name.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host:
        return ""
    host = f"[{host}]" if ":" in host else _ascii_host(host)
    return f"{scheme}://{host}:{port or _PORTS[scheme]}" if host else ""


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host
    import idna  # what httpx itself uses; comes with it

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return ""


def redacted(url: str) -> str:
    """Return an address that may be shown and stored: without user, signature, token and the like, and without #."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    query = "&".join(
        pair for pair in parts.query.split("&") if pair and not _SECRET_NAME.fullmatch(pair.partition("=")[0])
    )
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Hide secrets in a text that may quote addresses or headers: the known ones, and what looks like one."""
    for secret in secrets:
        for form in {secret, quote(secret, safe="")}:
            if len(form) >= 4:
                text = text.replace(form, HIDDEN)
    text = _USER_IN_TEXT.sub(rf"\1{HIDDEN}@", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", _IN_TEXT.sub(rf"\1{HIDDEN}", text))
