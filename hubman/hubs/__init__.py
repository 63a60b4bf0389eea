"""The hubs. Each is one file: a parse of untrusted answers into core.hub's values, and the calls that fetch them.

Built-in hubs are listed here by dotted name, in the order in which `pull` asks them for a hash; a third party's come in
through the entry-point group `hubman.hubs` (docs/hubs.md). `_http.py` is the only module that knows HTTP.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import cast

from hubman.core.ports import Hub
from hubman.hubs._http import Web

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


def open_hub(name: str, web: Web, base: str) -> Hub:
    """Return a hub. Each class takes (web, base): how to ask, and the address that everything is below.

    Raises:
        KeyError: no hub has this name.
    """
    module, _, attribute = HUBS[name].partition(":")
    return cast(Hub, getattr(importlib.import_module(module), attribute)(web, base))
