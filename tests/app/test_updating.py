"""`outdated` and `update` against the test hub on loopback: one question for all models, files beside the old ones."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hubman.app.hubs import open_hubs
from hubman.app.lookup import look_up
from hubman.app.updating import Report, find_outdated, pin
from hubman.cli import run
from hubman.config import load
from hubman.core.library import ModelFile
from hubman.core.query import parse_query
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.testhub.catalogue import File, Model, Version
from tests.testhub.content import Held, Promised
from tests.testhub.misbehave import Fault, Status, WrongHash
from tests.testhub.wire import Reply, Request

Put = Callable[..., Path]
NOW = "2026-09-01T00:00:00Z"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        for name in ("HUBMAN_CIVITAI_TOKEN", "CIVITAI_TOKEN", "CIVITAI_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        yield running


@pytest.fixture
def store(webui: Path, put: Put, isolated: Path) -> Iterator[Store]:
    """Three LoRAs, hashed."""
    for number in range(3):
        put(f"Lora/sub/m{number}.safetensors", fill=number)
    assert run(["sync", str(webui), "--offline", "--json"]) == 0
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


def version(number: int, fill: int, **more: Any) -> Version:
    return Version(
        f"v{number}", [File(f"ink_v{number}.safetensors", Held(lora_bytes(fill)))],
        published=f"2026-01-{number:02}T00:00:00.000Z", **more,
    )  # fmt: skip


def known(store: Store, hub: TestHub, fill: int, *newer: Version) -> Model:
    """A model of which version 1 is in the library."""
    model = hub.add_model(f"Ink {fill}", versions=[*newer, version(1, fill)])
    with open_hubs(load(os.environ, home=str(store.path.parent)), ["civitai"]) as hubs:
        look_up(store, hubs, None, again=True)
    hub.forget()
    return model


def asked(store: Store, query: str = "", **how: Any) -> Report:
    config = load(os.environ, home=str(store.path.parent))
    with open_reader(store.path) as reader:
        files = reader.search(parse_query(query, 0))[1]
    with open_hubs(config) as hubs:
        return find_outdated(store, hubs, files, now=NOW, **how)


def one(store: Store, name: str) -> ModelFile:
    with open_reader(store.path) as reader:
        (file,) = reader.resolve(name)
    return file


def test_a_newer_version_is_found_recorded_and_said(store: Store, hub: TestHub) -> None:
    known(store, hub, 0, version(2, 90))
    known(store, hub, 1)
    report = asked(store)
    assert [(entry.file.name, entry.update.listing.version_name) for entry in report.outdated] == [("m0", "v2")]
    assert (report.checked, report.unknown, report.troubles) == (2, 1, ())
    assert [request.path for request in hub.requests] == ["/api/v1/models"]  # one question for all
    assert one(store, "m0").outdated
    assert not one(store, "m1").outdated


def test_what_is_not_outdated_any_more_is_forgotten(store: Store, hub: TestHub) -> None:
    model = known(store, hub, 0, version(2, 90))
    asked(store)
    assert one(store, "m0").outdated
    model.versions.pop(0)
    assert asked(store).outdated == ()
    assert not one(store, "m0").outdated


def test_a_hub_that_is_broken_changes_nothing(store: Store, hub: TestHub) -> None:
    known(store, hub, 0, version(2, 90))
    asked(store)
    hub.misbehave(Status(200, body="<html>maintenance</html>"))
    report = asked(store)
    assert [(name, error.reference) for name, error in report.troubles] == [("civitai", "hub-answer")]
    assert (report.outdated, report.checked) == ((), 0)
    assert one(store, "m0").outdated


def test_what_the_library_has_elsewhere_is_not_offered(store: Store, hub: TestHub) -> None:
    known(store, hub, 0, version(2, 1))  # v2 is m1, which the query leaves out
    assert asked(store, "m0").outdated == ()


def test_what_is_here_with_an_edited_header_is_not_offered(store: Store, hub: TestHub) -> None:
    """Its sha256 is no longer the hub's; it was found by its weights."""
    edited = [File("ink_v2.safetensors", Held(lora_bytes(1, metadata={"a": "before"})))]
    known(store, hub, 0, Version("v2", edited, published="2026-01-02T00:00:00.000Z"))
    assert one(store, "m1").hubs[0].how == "autov3"
    assert asked(store, "m0").outdated == ()


def test_early_access_only_when_it_is_wanted(store: Store, hub: TestHub) -> None:
    known(store, hub, 0, version(2, 90, early_access="2099-01-01T00:00:00.000Z"))
    assert asked(store).outdated == ()
    (entry,) = asked(store, early_access=True).outdated
    assert entry.early_access


def test_a_pinned_model_stays_as_it_is(store: Store, hub: TestHub) -> None:
    known(store, hub, 0, version(2, 90))
    pin(store, [one(store, "m0")], pinned=True)
    report = asked(store)
    assert (report.outdated, report.pinned) == ((), 1)
    pin(store, [one(store, "m0")], pinned=False)
    assert len(asked(store).outdated) == 1


def test_the_commands(store: Store, hub: TestHub, capfd: pytest.CaptureFixture[str]) -> None:
    known(store, hub, 0, version(2, 90))
    store.close()
    capfd.readouterr()
    assert run(["outdated", "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    (entry,) = said["outdated"]
    assert (entry["name"], entry["have"]["name"], entry["newest"]["name"]) == ("m0", "v1", "v2")
    assert entry["newest"]["ref"].startswith("civitai:")
    assert run(["outdated", "-q"]) == 0
    assert capfd.readouterr().out.split() == [entry["id"]]
    assert run(["update", "-n", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["dry_run"] is True
    assert hub.seen("storage") == []
    assert run(["update", "--json"]) == 2  # nobody to ask
    capfd.readouterr()
    assert run(["update", "-y", "--json"]) == 0
    (done,) = json.loads(capfd.readouterr().out)["updated"]
    assert done["outcome"] == "pulled"
    new = Path(done["new_path"])
    assert new.read_bytes() == lora_bytes(90)
    assert new.parent == Path(entry["path"]).parent  # beside the old one
    assert Path(entry["path"]).exists()
    assert run(["outdated", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["outdated"] == []


def test_replacing_moves_the_old_one_to_the_trash(
    store: Store, hub: TestHub, capfd: pytest.CaptureFixture[str]
) -> None:
    known(store, hub, 0, version(2, 90))
    old = Path(one(store, "m0").path)
    store.close()
    capfd.readouterr()
    assert run(["update", "m0", "-y", "--replace", "--json"]) == 0
    (done,) = json.loads(capfd.readouterr().out)["updated"]
    assert done["replaced"] is True
    assert not old.exists()
    assert Path(done["new_path"]).exists()
    assert run(["trash", "ls", "--json"]) == 0
    assert "m0" in capfd.readouterr().out


@dataclass
class Together(Fault):
    """No reply before so many requests are there."""

    gate: threading.Barrier

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        self.gate.wait(30)
        return reply


def test_several_at_once_and_one_that_fails_stops_no_other(
    store: Store, hub: TestHub, capfd: pytest.CaptureFixture[str]
) -> None:
    """All are on the way together; each is told, and has a card where its root asks for one."""
    for fill in range(3):
        known(store, hub, fill, version(2 + fill, 90 + fill))
    folder, root = Path(one(store, "m0").path).parent, one(store, "m0").root
    store.close()
    assert run(["roots", "add", root, "--sidecars", "missing"]) == 0
    hub.misbehave(Together(threading.Barrier(3)), on="civitai", path="/api/download/", times=3)
    hub.misbehave(WrongHash(), on="storage", path="ink_v3")
    capfd.readouterr()
    assert run(["update", "-y", "--jobs", "3", "--json"]) == 6
    said = capfd.readouterr()
    updated = json.loads(said.out)["updated"]
    assert [(entry["name"], entry["outcome"]) for entry in updated] == [
        ("m0", "pulled"), ("m1", "failed"), ("m2", "pulled"),
    ]  # fmt: skip
    for entry in updated:
        if entry["outcome"] == "pulled":
            new = Path(entry["new_path"])
            assert new.parent == folder
            assert new.with_suffix(".json").exists()
        assert entry["name"] in said.err
    assert run(["outdated", "-q"]) == 0
    assert capfd.readouterr().out.split() == [updated[1]["id"]]


def test_a_download_that_is_wrong_leaves_the_old_one_in_its_place(
    store: Store, hub: TestHub, capfd: pytest.CaptureFixture[str]
) -> None:
    known(store, hub, 0, version(2, 90))
    old = Path(one(store, "m0").path)
    store.close()
    hub.misbehave(WrongHash(), on="storage")
    capfd.readouterr()
    assert run(["update", "-y", "--replace", "--json"]) == 6
    (done,) = json.loads(capfd.readouterr().out)["updated"]
    assert (done["outcome"], done["error"]["reference"]) == ("failed", "hash-mismatch")
    assert old.exists()
    assert sorted(path.name for path in old.parent.iterdir() if path.suffix == ".safetensors") == [
        f"m{number}.safetensors" for number in range(3)
    ]


def test_pinning_by_command(store: Store, hub: TestHub, capfd: pytest.CaptureFixture[str]) -> None:
    known(store, hub, 0, version(2, 90))
    store.close()
    assert run(["update", "--pin", "m0"]) == 0
    assert run(["update", "-y", "--json"]) == 0
    assert run(["update", "--pin", "m0", "m1"]) == 2
    capfd.readouterr()
    assert run(["outdated", "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["outdated"], said["pinned"]) == ([], 1)
    assert run(["update", "--unpin", "m0", "--json"]) == 0
    capfd.readouterr()
    assert run(["outdated", "-q"]) == 0
    assert capfd.readouterr().out.split()


def test_what_is_in_the_trash_is_not_pinned(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing of it would be updated; a pin of before is taken back all the same."""
    store.close()
    assert run(["update", "--pin", "m0"]) == 0
    assert run(["rm", "m0", "-y"]) == 0
    capfd.readouterr()
    assert run(["update", "--pin", "m0"]) == 3
    assert "is not there any more" in capfd.readouterr().err
    assert run(["update", "--unpin", "m0"]) == 0


def test_many_models_cost_one_request_for_each_hundred(store: Store, hub: TestHub, put: Put, webui: Path) -> None:
    for number in range(3, 120):
        put(f"Lora/many/m{number}.safetensors", fill=number)
    assert run(["sync", str(webui), "--offline", "--json"]) == 0
    for number in range(120):
        new = File("new.safetensors", Promised(f"{number:064x}", 100))
        hub.add_model(f"Ink {number}", versions=[
            Version("v2", [new], published="2026-02-01T00:00:00.000Z"), version(1, number)], images=[])  # fmt: skip
    with open_hubs(load(os.environ, home=str(store.path.parent)), ["civitai"]) as hubs:
        look_up(store, hubs, None, again=True)
    hub.forget()
    report = asked(store)
    assert len(report.outdated) == 120
    assert len(hub.requests) == 2
