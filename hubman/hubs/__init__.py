"""The hubs. Each is one file: a parse of untrusted answers into core.hub's values, and the calls that fetch them.

Built-in hubs are listed here by dotted name, in the order in which `pull` asks them for a hash; a third party's come in
through the entry-point group `hubman.hubs` (docs/hubs.md). `_http.py` is the only module that knows HTTP.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, cast

from hubman.core.hub_titles import TITLES
from hubman.core.ports import Hub
from hubman.errors import N_, HubError
from hubman.hubs._http import Credential, Web, origin_of

HUBS: Mapping[str, str] = {
    "civitai": "hubman.hubs.civitai:Civitai",
    "huggingface": "hubman.hubs.huggingface:HuggingFace",
    "modelscope": "hubman.hubs.modelscope:ModelScope",
    "liblib": "hubman.hubs.liblib:Liblib",
    "civarchive": "hubman.hubs.civarchive:CivArchive",
    "openmodeldb": "hubman.hubs.openmodeldb:OpenModelDB",
}

DEFAULT_URLS: Mapping[str, str] = {
    "civitai": "https://civitai.com",
    "huggingface": "https://huggingface.co",
    "modelscope": "https://modelscope.cn",
    "liblib": "https://www.liblib.art",
    "civarchive": "https://civarchive.com",
    "openmodeldb": "https://openmodeldb.info",
}
"""Base addresses; HUBMAN_<NAME>_URL and `[hubs.<name>] url` in config.toml replace them."""

OWN_HOSTS: Mapping[str, tuple[str, ...]] = {
    "civitai": ("civitai.com", "www.civitai.com", "civitai.red", "www.civitai.red", "civitai.green"),
    "huggingface": ("huggingface.co", "hf.co"),
    "modelscope": ("modelscope.cn", "www.modelscope.cn", "modelscope.ai", "www.modelscope.ai"),
    "liblib": ("www.liblib.art", "liblib.art", "www.liblib.ai", "liblib.ai", "api2.liblib.art",
               "liblibai-online.liblib.cloud"),
}  # fmt: skip
"""Hosts that a hub's token may be sent to, over https on its usual port; the configured base address comes on top."""

TOKEN_HEADERS: Mapping[str, Mapping[str, str]] = {"liblib": {"token": "{}", "Cookie": "usertoken={}"}}
"""Headers that carry a token, where that is not `Authorization: Bearer`."""

MIRRORED: Mapping[str, tuple[str, ...]] = {"civarchive": ("civitai", "huggingface")}
"""Hub -> hubs that its files lie on: their addresses and tokens are needed for those."""

WITHOUT_TOKEN = frozenset({"civarchive", "openmodeldb"})
"""Hubs that nobody can log in to."""

TOKEN_PAGES: Mapping[str, str] = {
    "civitai": "https://civitai.com/user/account",
    "huggingface": "https://huggingface.co/settings/tokens",
    "modelscope": "https://modelscope.cn/my/myaccesstoken",
    "liblib": "https://www.liblib.art (the cookie `usertoken` of a logged-in browser)",
}
"""Where a token is made."""

__all__ = ["DEFAULT_URLS", "HUBS", "TITLES", "Credential", "Web", "default_url", "known", "open_hub", "origins"]


@cache
def known() -> Mapping[str, str]:
    """Return hub -> dotted name of its class: the built-in ones, then those of other packages, which replace none."""
    from importlib.metadata import entry_points

    others = {point.name: point.value for point in entry_points(group="hubman.hubs")}
    return {**HUBS, **{name: value for name, value in sorted(others.items()) if name not in HUBS}}


def class_of(name: str) -> Any:
    """Return a hub's class.

    Raises:
        KeyError: no hub has this name. HubError: `hub-broken`, the package that offers it does not work.
    """
    module, _, attribute = known()[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        broken = HubError(
            "hub-broken",
            N_("The package that offers the hub {name} does not work: {why}"),
            hint=N_("Update it, or take it away."),
            name=name,
            why=error,
        )
        broken.passing = False
        raise broken from error


def default_url(name: str) -> str:
    """Return a hub's own base address; a third party's class has it as `default_url`."""
    return DEFAULT_URLS[name] if name in DEFAULT_URLS else str(class_of(name).default_url)


def origins(name: str, base: str) -> frozenset[str]:
    """Return where a hub's token may be sent: the base address, and the hub's own hosts (`hosts` of a third party's).

    A third party's class gets its own base and its own hosts, never a built-in hub's.
    """
    hosts: Iterable[str] = OWN_HOSTS.get(name, ()) if name in HUBS else getattr(class_of(name), "hosts", ())
    return frozenset({origin_of(base), *(origin_of(f"https://{host}") for host in hosts)} - {""})


def token_headers(name: str) -> Mapping[str, str]:
    """Return the headers that carry a hub's token, with `{}` in its place."""
    usual = {"Authorization": "Bearer {}"}
    return TOKEN_HEADERS.get(name, usual) if name in HUBS else getattr(class_of(name), "token_headers", usual)


def open_hub(
    name: str, web: Web, base: str, *, cache: str | None = None, mirrors: Mapping[str, str] | None = None
) -> Hub:
    """Return a hub. Each class takes (web, base): how to ask, and the address that everything is below.

    Args:
        cache: folder for tables that are kept from run to run (OpenModelDB's).
        mirrors: hub -> configured address, for files of one hub that lie on another (CivArchive's).

    Raises:
        KeyError: no hub has this name.
    """
    more: dict[str, dict[str, object]] = {"openmodeldb": {"cache": cache}, "civarchive": {"bases": mirrors}}
    return cast(Hub, class_of(name)(web, base, **more.get(name, {})))
