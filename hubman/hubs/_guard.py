"""Which machines hubs may lead to: public ones. A name is resolved once, checked, and the checked address is dialled.

An answer or a redirect that names this machine, the home network or a cloud's metadata service would make hubman ask
there in the user's place. The one exception are the addresses of base URLs that the user configured: a mirror at home.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

from hubman.errors import N_, HubError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_FAKE = ipaddress.ip_network("198.18.0.0/15")
"""Not routed anywhere (RFC 2544). Clash and its kin give every name an address of it: refused, half of our users in
China could reach no hub at all; allowed, it leads to their own proxy and nowhere else."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

READ_BYTES = 256 << 10
"""Bytes of one read. httpcore asks for 64 KiB; four times that costs a sixth less wall time on loopback (measured)."""


def is_public(address: Address) -> bool:
    """Say whether an address is one of the Internet at large, whatever way of writing IPv4 in IPv6 hides it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    elif address in _FAKE:
        return True
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def literal_address(host: str) -> Address | None:
    """Return the address that a host is, in every way that systems read one (`127.1`, `0x7f000001`, `[::1]`)."""
    bare = host.strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(bare)) if bare[:1].isdecimal() else None
    except OSError:
        return None


def names_this_machine(host: str) -> bool:
    """Say whether a name is this machine's by definition (RFC 6761)."""
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the order in which the system would try them.

    Raises:
        OSError: there is no such host.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """What may be connected to.

    Args:
        bases: hosts of base addresses that the user configured; what they resolve to may be private.
    """

    def __init__(self, bases: Iterable[str] = (), *, resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._hosts = {host.lower() for host in bases}
        self._allowed: dict[str, frozenset[Address]] = {}

    def trust(self, host: str) -> None:
        """Allow what a configured host resolves to, on any port."""
        self._hosts.add(host.lower())

    def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that may be dialled.

        Raises:
            HubError: `address-refused`, it has only others. OSError: there is no such host.
        """
        found = list(self._resolve(host, port))
        if host.lower() in self._hosts:
            self._allowed[host.lower()] = frozenset(map(_parsed, found))
        good = [text for text in found if self._good(_parsed(text))]
        if not good:
            raise refused(host, found[0] if found else "")
        return good

    def check_name(self, host: str) -> None:
        """Check a host that a proxy will resolve: only what is an address, or this machine, can be told.

        Raises:
            HubError: `address-refused`.
        """
        address = literal_address(host)
        if host.lower() in self._hosts:
            return
        if names_this_machine(host) or (address is not None and not self._good(address)):
            raise refused(host, host)

    def _good(self, address: Address) -> bool:
        return is_public(address) or any(address in allowed for allowed in self._of_bases())

    def _of_bases(self) -> Iterable[frozenset[Address]]:
        for host in tuple(self._hosts):
            if host not in self._allowed:
                try:
                    self._allowed[host] = frozenset(map(_parsed, self._resolve(host, 0)))
                except OSError:
                    continue
            yield self._allowed[host]


def _parsed(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])


def refused(host: str, address: str) -> HubError:
    """Return what is raised where hubman was led to a machine that no hub is."""
    error = HubError(
        "address-refused",
        N_("hubman was led to {host} ({address}), which is no machine of the Internet. It did not go there."),
        hint=N_("If this is a mirror of yours, make it the base address: [hubs.NAME] url in config.toml."),
        host=host,
        address=address,
    )
    error.passing = False
    return error


class GuardedNetwork(httpcore.NetworkBackend):
    """Connections to checked addresses only, which read in large pieces."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Dial the addresses of a host one after the other. Without a guard (the user's proxy) the host itself."""
        end = None if timeout is None else time.monotonic() + timeout
        found = [host] if self._guard is None else _in_time(self._guard, host, port, timeout)
        for rank, address in enumerate(found):
            share = None if end is None else max(0.01, (end - time.monotonic()) / (len(found) - rank))
            try:
                return _LargeReads(self._plain.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if rank == len(found) - 1:
                    raise
        raise AssertionError

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._plain.sleep(seconds)


def _in_time(guard: Guard, host: str, port: int, timeout: float | None) -> list[str]:
    """Return the addresses of a host. The system's resolver knows no time limit, so a thread waits for it.

    Raises:
        NoSuchHostError: there is no such host. httpcore.ConnectTimeout: nobody said so in time.
        HubError: `address-refused`.
    """
    answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(guard.addresses(host, port))
        except Exception as error:  # raised again where it is waited for
            answer.put(error)

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    try:
        found = answer.get(timeout=timeout)
    except queue.Empty:
        raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time") from None
    if isinstance(found, OSError):
        raise NoSuchHostError(found) from None
    if isinstance(found, Exception):
        raise found
    return found


class NoSuchHostError(httpcore.ConnectError):
    """The name of a hub cannot be resolved."""


class _LargeReads(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max(max_bytes, READ_BYTES), timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _LargeReads(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
