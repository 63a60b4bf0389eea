"""The test hub: all hubs, their store and a foreign host in one process, each on a port of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self
from urllib.parse import quote, unquote_to_bytes

from tests.testhub import archives, civitai, huggingface, liblib, modelscope, storage
from tests.testhub.catalogue import Catalogue, File, Model, Picture, make_model
from tests.testhub.misbehave import Fault, Rule
from tests.testhub.wire import Door, Pace, Reply, Request, reply_text

ANSWERS: Mapping[str, Callable[[TestHub, Request], Reply]] = {
    "civitai": civitai.answer,
    "huggingface": huggingface.answer,
    "modelscope": modelscope.answer,
    "liblib": liblib.answer,
    "civarchive": archives.civarchive,
    "openmodeldb": archives.openmodeldb,
    "civitai.red": civitai.answer,
    "storage": storage.answer,
    "elsewhere": lambda hub, request: reply_text(b"elsewhere", 200, "application/octet-stream"),
}
"""Port name -> who answers. `civitai.red` is Civitai's other site, `elsewhere` a host that nobody should trust."""

HUB_NAMES = ("civitai", "huggingface", "modelscope", "liblib", "civarchive", "openmodeldb")
TOKEN_HUBS = ("civitai", "huggingface", "modelscope", "liblib")
HOMES = {"civitai.red": "civitai"}
"""Ports where another hub's token is at home too."""


class TestHub:
    """A context manager that runs the hubs in threads.

    Args:
        port: of the first hub, the others follow; 0: free ones.
        storage_port: of the store, where it is to be another one.
        rate: bytes per second of everything together; None: as fast as it goes.
        per_connection: bytes per second of each connection to the store.

    Attributes:
        requests: everything that came, in the order in which it came.
        tokens: hub -> the token that it knows. account: whose that is.
        link_seconds: how long a signed link is good. signatures: the secret parts of all links that were given out.
        liblib_quota: downloads that are left there; None: no limit.
        build: CivArchive's build id.
        crashes: mistakes of the test hub itself; leaving the context raises if there was one.
    """

    __test__ = False  # pytest: not a test class

    def __init__(
        self, *, port: int = 0, storage_port: int = 0, rate: float | None = None, per_connection: float | None = None
    ) -> None:
        self.catalogue = Catalogue()
        self.requests: list[Request] = []
        self.rules: list[Rule] = []
        self.tokens = {name: f"{name}-token-{'0123456789abcdef' * 2}" for name in TOKEN_HUBS}
        self.account = "tester"
        self.link_seconds = 86400
        self.generation = 0
        self.signatures: set[str] = set()
        self.liblib_quota: int | None = None
        self.build = "build-1"
        self.crashes: list[str] = []
        self._lock = threading.Lock()
        self._rate, self._per_connection = Pace(rate) if rate else None, per_connection
        self._ports = {name: port + number if port else 0 for number, name in enumerate(ANSWERS)}
        if storage_port:
            self._ports["storage"] = storage_port
        self.doors: dict[str, Door] = {}

    def __enter__(self) -> Self:
        for name in ANSWERS:
            try:
                door = Door(
                    name,
                    self._answer,
                    port=self._ports[name],
                    paces=lambda: [self._rate] if self._rate else [],
                    failed=self.crashes.append,
                )
            except OSError:
                self.close()
                raise
            self.doors[name] = door
        self.doors["storage"].per_connection = self._per_connection
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if self.crashes and kind is None:
            raise RuntimeError("the test hub itself failed:\n" + "\n".join(self.crashes))

    def close(self) -> None:
        """Close all ports and wait for the threads."""
        for door in self.doors.values():
            door.stopping.set()
        for door in self.doors.values():
            door.stop()

    # What it holds

    def add_model(self, name: str = "Ink Wash", **what: Any) -> Model:
        """Add a model; see catalogue.make_model."""
        return self.catalogue.add(make_model(name, **what))

    def add(self, *contents: Any, **what: Any) -> Model:
        """Add a model with one version of these files (bytes, contents, paths or File values)."""
        return self.add_model(what.pop("name", "Ink Wash"), files=contents, **what)

    # Where it is

    def url(self, name: str) -> str:
        """Return the address of a port, without a slash at its end."""
        return f"http://127.0.0.1:{self.doors[name].port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that send hubman here."""
        return {f"HUBMAN_{name.upper()}_URL": self.url(name) for name in HUB_NAMES}

    def token_environment(self, names: Iterable[str] = TOKEN_HUBS) -> dict[str, str]:
        """Return the variables that give hubman this hub's tokens."""
        return {f"HUBMAN_{name.upper()}_TOKEN": self.tokens[name] for name in names}

    def sign(self, on: str, file: File) -> str:
        """Return a link to a file that is signed as a hub's store does it."""
        return self.url("storage") + storage.signed_path(self, on, file)

    def plain_url(self, file: File) -> str:
        """Return an address of a file that needs no signature: a mirror."""
        return f"{self.url('storage')}/plain/{file.id}/{quote(file.name, safe='')}"

    def picture_url(self, on: str, image: Picture) -> str:
        """Return the address of a preview picture."""
        return f"{self.url('storage')}/pictures/{on}/{image.id}.{'mp4' if image.video else 'png'}"

    # How it behaves

    def misbehave(self, fault: Fault, **when: Any) -> Rule:
        """Let a fault happen; `when` as in misbehave.Rule (on, path, method, times, skip, chance, seed)."""
        rule = Rule(fault, **when)
        if rule.on is not None and rule.on not in ANSWERS:
            raise ValueError(f"no port is called {rule.on}")
        self.rules.append(rule)
        return rule

    def behave(self) -> None:
        """Forget all faults."""
        self.rules.clear()

    def expire_links(self) -> None:
        """Let every signed link that was given out be too old from now on."""
        self.generation += 1

    def signed_in(self, request: Request) -> bool:
        """Say whether a request carries the token that its hub knows."""
        given = (request.header("authorization") or "").removeprefix("Bearer ") or request.cookies.get("m_session_id")
        return given == self.tokens.get(HOMES.get(request.on, request.on))

    # What it saw

    def seen(self, on: str | None = None, path: str = "", method: str | None = None) -> list[Request]:
        """Return the requests to a port whose path and query have this text in them."""
        return [
            request
            for request in list(self.requests)
            if on in (None, request.on) and path in request.target and method in (None, request.method)
        ]

    def forget(self) -> None:
        """Forget the requests that came so far."""
        self.requests.clear()

    def leaks(self, token: str, home: str | None = None) -> list[Request]:
        """Return the requests in which a token was where it must not be.

        Its place is a header of a request to its own hub. Any other port or host name (`localhost` is another one), and
        a path, query, body or Referer anywhere, is a leak.

        Args:
            home: whose token it is; None: the hub that knows it.
        """
        if home is None:
            home = next((name for name, known in self.tokens.items() if known == token), None)
        needle = token.encode()
        found = []
        for request in list(self.requests):
            headers = " ".join(f"{name}: {value}" for name, value in request.headers).encode("latin-1", "replace")
            referer = (request.header("referer") or "").encode("latin-1", "replace")
            visible = unquote_to_bytes(request.target) + b" " + request.body + b" " + referer
            foreign = HOMES.get(request.on, request.on) != home or request.header("host") != self._host(request.on)
            if needle in visible or needle in unquote_to_bytes(visible) or (foreign and needle in headers):
                found.append(request)
        return found

    def _host(self, name: str) -> str:
        return f"127.0.0.1:{self.doors[name].port}"

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
        rules = [rule for rule in list(self.rules) if rule.takes(request)]
        for rule in rules:
            rule.fault.ask(request)
        reply = next((reply for rule in rules if (reply := rule.fault.instead(request)) is not None), None)
        if reply is None:
            reply = ANSWERS[request.on](self, request)
        elif "Location" in reply.headers:
            for name in ANSWERS:
                reply.headers["Location"] = reply.headers["Location"].replace("{" + name + "}", self.url(name))
        for rule in rules:
            reply = rule.fault.spoil(request, reply, rule.dice)
        return reply


def add_library(hub: TestHub, folder: str, hubs: Iterable[str] = HUB_NAMES) -> list[Model]:
    """Add every model file below a folder, each as a model of its own on all hubs."""
    kinds = {"lora": "lora", "loras": "lora", "embeddings": "embedding", "vae": "vae", "hypernetworks": "hypernetwork"}
    added = []
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            stem, ending = os.path.splitext(name)
            if ending in (".safetensors", ".pt", ".ckpt", ".pth", ".bin", ".gguf"):
                kind = kinds.get(os.path.basename(base).lower(), "checkpoint")
                path = os.path.join(base, name)
                added.append(hub.add_model(stem, files=[path], file_name=name, kind=kind, hubs=hubs, words=()))
    return added
