"""Connections: direct ones to checked addresses, or through the proxy that the environment or the system names."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import threading
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpcore

from hubman.errors import N_, HubError
from hubman.hubs._guard import Guard, GuardedNetwork, literal_address, names_this_machine
from hubman.hubs._secrets import redacted

MOST_CONNECTIONS = 100
KEPT_S = 15.0


class Pools:
    """All connections of a Web.

    Args:
        tls: makes what says which certificates are believed; called at the first https address.
        proxies: scheme (or "all") -> proxy; None: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, or the system's.
    """

    def __init__(
        self, guard: Guard, tls: Callable[[], ssl.SSLContext], proxies: Mapping[str, str] | None = None
    ) -> None:
        self._guard, self._make_tls, self._proxies = guard, tls, proxies
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, str], httpcore.ConnectionPool] = {}

    def send(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request over a connection that suits its address; the body of the answer is still to be read.

        Raises:
            HubError: `address-refused`, `proxy-unusable`. httpcore's errors: the machine could not be talked to.
        """
        scheme, host = request.url.scheme.decode("ascii"), request.url.host.decode("ascii")
        proxy = self.proxy(scheme, host, request.url.port)
        if proxy:
            self._guard.check_name(host)  # the proxy resolves the name: what it leads to cannot be seen from here
        with self._lock:
            key = (scheme, proxy)
            if key not in self._pools:
                self._pools[key] = self._new(scheme, proxy)
            pool = self._pools[key]
        return pool.handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _new(self, scheme: str, proxy: str) -> httpcore.ConnectionPool:
        if scheme == "https" and self._tls is None:
            self._tls = self._make_tls()
        options: dict[str, Any] = {
            "ssl_context": self._tls if scheme == "https" else None, "max_connections": MOST_CONNECTIONS,
            "keepalive_expiry": KEPT_S,
        }  # fmt: skip
        if proxy:
            return _through(proxy, options)
        return httpcore.ConnectionPool(network_backend=GuardedNetwork(self._guard), **options)

    def proxy(self, scheme: str, host: str, port: int | None) -> str:
        """Return the proxy for an address, or "". This machine itself is never asked through one."""
        if self._proxies is None:
            self._proxies = urllib.request.getproxies()
        proxy = self._proxies.get(scheme) or self._proxies.get("all") or ""
        if not proxy or names_this_machine(host) or host.startswith("127.") or host in ("::1", "[::1]"):
            return ""
        if urllib.request.proxy_bypass(f"{host}:{port}" if port else host) or _in_a_network(
            host, self._proxies.get("no", "")
        ):
            return ""
        return proxy if "://" in proxy else f"http://{proxy}"


def _in_a_network(host: str, exceptions: str) -> bool:
    """Say whether NO_PROXY names a network (`192.168.0.0/16`) that an address lies in; urllib knows names."""
    address = literal_address(host)
    for entry in exceptions.split(",") if address is not None else ():
        with contextlib.suppress(ValueError):
            if address in ipaddress.ip_network(entry.strip(), strict=False):
                return True
    return False


def _through(proxy: str, options: dict[str, Any]) -> httpcore.ConnectionPool:
    """Return connections through a proxy. The proxy itself is the user's: it may be anywhere."""
    try:
        parts = urlsplit(proxy)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").encode("idna"), parts.port
    except (ValueError, UnicodeError):
        scheme, host, port = "", b"", None
    if not host or scheme not in ("http", "https", "socks5", "socks5h"):
        raise _unusable(
            N_("{proxy} is no proxy that hubman can use."),
            N_("HTTPS_PROXY is written like http://127.0.0.1:7890 or socks5://127.0.0.1:7891"),
            proxy,
        )
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username).encode(), unquote(parts.password or "").encode())
    where = httpcore.URL(scheme=scheme.encode(), host=host, port=port, target=b"/")
    network = GuardedNetwork(None)
    if scheme in ("http", "https"):
        return httpcore.HTTPProxy(where, proxy_auth=auth, network_backend=network, **options)
    try:
        return httpcore.SOCKSProxy(where, proxy_auth=auth, network_backend=network, **options)
    except (ImportError, RuntimeError):
        raise _unusable(
            N_("The proxy {proxy} speaks SOCKS, and the package for that is not installed."),
            N_("pip install socksio    (or give HTTPS_PROXY an http:// proxy)"),
            proxy,
        ) from None


def _unusable(message: str, hint: str, proxy: str) -> HubError:
    error = HubError("proxy-unusable", message, hint=hint, proxy=redacted(proxy))
    error.passing = False
    return error
