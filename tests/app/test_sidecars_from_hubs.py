"""Sidecars and previews of what came from hubs: beside the model where the root asks for it, undone with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.core.hub import Listing
from hubman.core.sidecar_write import MOST_DESCRIPTION, filling_of_hub
from tests.conftest import lora_bytes
from tests.testhub import TestHub

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as running:
        for name, value in {**running.environment(), **running.token_environment(["civitai"])}.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def invoke(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


def library(call: Call, webui: Path, policy: str) -> Path:
    assert call("roots", "add", webui, "--sidecars", policy)[0] == 0
    return webui / "Lora"


def offered(hub: TestHub, fill: int = 1, **what: Any) -> Any:
    what = {"words": ("shuimo", "ink wash"), "file_name": "ink.safetensors", **what}
    return hub.add(lora_bytes(fill=fill), name="Ink Wash", **what)


def ref(model: Any) -> str:
    return f"civitai:{model.id}@{model.versions[0].id}"


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_pulled_model_has_its_card(call: Call, hub: TestHub, webui: Path) -> None:
    """What A1111 shows; no token; the next scan finds nothing new; one `undo` takes all of it back."""
    folder = library(call, webui, "missing")
    model = offered(hub)
    code, out, err = call("pull", ref(model))
    assert code == 0, err
    assert f"written: {folder / 'ink.json'}" in out
    assert names(folder) == ["ink.json", "ink.preview.png", "ink.safetensors"]
    text = (folder / "ink.json").read_text("utf-8")
    card = json.loads(text)
    assert (card["activation text"], card["sd version"]) == ("shuimo, ink wash", "SD1")
    assert card["description"]
    assert "<" not in card["description"]
    assert f"models/{model.id}" in card["notes"]
    assert os.environ["HUBMAN_CIVITAI_TOKEN"] not in text
    assert (folder / "ink.preview.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads(call("sync", "--json")[1])
    assert (report["identified"], report["modified"], report["added"]) == (0, 0, 0)
    assert call("undo")[0] == 0
    assert names(folder) == []
    assert call("undo")[0] == 3  # the card's own entry went with it


def test_off_writes_nothing(call: Call, hub: TestHub, webui: Path) -> None:
    folder = library(call, webui, "off")
    assert call("pull", ref(offered(hub)))[0] == 0
    assert names(folder) == ["ink.safetensors"]
    document = json.loads(call("pull", ref(offered(hub, fill=2)), "--json")[1])
    assert document["pulled"][0]["sidecars"] == []


def test_lookup_writes_beside_what_it_found_and_replaces_no_picture(call: Call, hub: TestHub, webui: Path) -> None:
    """`missing`: a card that is there stays as it is, without a word. Taken back by one `undo`."""
    folder = library(call, webui, "missing")
    for number, name in enumerate(("own", "bare", "unknown")):
        (folder / f"{name}.safetensors").write_bytes(lora_bytes(fill=number))
    (folder / "own.png").write_bytes(b"picture of the user's")
    (folder / "own.json").write_text('{"notes": "mine"}')
    for number in (0, 1):
        offered(hub, fill=number)
    assert call("sync", "--offline")[0] == 0
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    code, out, err = call("lookup", "--hub", "civitai", "--json")
    assert code == 0, err
    assert json.loads(out)["sidecars"] == [str(folder / "bare.json"), str(folder / "bare.preview.png")]
    assert "not written" not in err
    after = {name: (folder / name).read_bytes() for name in names(folder)}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"bare.json", "bare.preview.png"}
    assert call("undo")[0] == 0
    assert names(folder) == sorted(before)
    assert call("lookup", "--hub", "civitai")[0] == 0  # nothing new was learned: what the user took back stays away
    assert names(folder) == sorted(before)


def test_merge_fills_what_is_empty(call: Call, hub: TestHub, webui: Path) -> None:
    """What the user typed stays; a note typed later takes the place of the hub's."""
    folder = library(call, webui, "merge")
    (folder / "ink.safetensors").write_bytes(lora_bytes(fill=1))
    (folder / "ink.json").write_text('{"activation text": "my own", "notes": "", "x": [1]}')
    model = offered(hub)
    assert call("sync", "--offline")[0] == 0
    assert call("lookup", "--hub", "civitai")[0] == 0
    card = json.loads((folder / "ink.json").read_text())
    assert (card["activation text"], card["x"]) == ("my own", [1])
    assert f"models/{model.id}" in card["notes"]
    assert call("note", "ink", "better at 0.5")[0] == 0
    assert json.loads((folder / "ink.json").read_text())["notes"] == "better at 0.5"


def test_a_read_only_folder_is_told_once(
    call: Call, hub: TestHub, webui: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = library(call, webui, "missing")
    (folder / "ink.safetensors").write_bytes(lora_bytes(fill=1))
    offered(hub)
    assert call("sync", "--offline")[0] == 0
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: real(path, mode) and str(path) != str(folder))
    code, _, err = call("lookup", "--hub", "civitai")
    assert code == 0
    assert err.count("not written") == 1
    assert names(folder) == ["ink.safetensors"]


def test_add_fetches_the_picture_and_writes_the_card(call: Call, hub: TestHub, webui: Path, tmp_path: Path) -> None:
    """Only on enabled hubs; what they do not know is not asked again; one `undo` puts everything back."""
    folder = library(call, webui, "missing")
    offered(hub)
    saved = tmp_path / "Downloads"
    saved.mkdir()
    for number, name in ((1, "ink (1)"), (5, "other")):
        (saved / f"{name}.safetensors").write_bytes(lora_bytes(fill=number))
        os.utime(saved / f"{name}.safetensors", (1e9, 1e9))
    assert call("hubs", "enable", "civitai")[0] == 0
    hub.forget()
    code, out, err = call("add", saved, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["pictures"] == 1
    assert names(folder) == ["ink.json", "ink.preview.png", "ink.safetensors", "other.safetensors"]
    assert document["sidecars"] == [str(folder / "ink.json"), str(folder / "ink.preview.png")]
    assert os.environ["HUBMAN_CIVITAI_TOKEN"] not in (folder / "ink.json").read_text()
    asked = len(hub.seen("civitai"))
    assert asked > 0
    assert call("undo")[0] == 0
    assert names(folder) == []
    assert names(saved) == ["ink (1).safetensors", "other.safetensors"]
    hub.forget()
    assert call("add", saved)[0] == 0  # both answers are remembered: the page of one, and that nobody knows the other
    assert [request.target for request in hub.seen("civitai") if "hash" in request.target] == []
    assert "ink.json" in names(folder)


def test_a_guide_is_no_card() -> None:
    listing = Listing("civitai", "1", "2", "Ink", description="<p>" + "word " * 4000 + "</p>", weight=0.8)
    values = filling_of_hub("lora", listing)
    assert len(str(values["description"])) <= MOST_DESCRIPTION + 2
    assert (values["preferred weight"], values["notes"]) == (0.8, "Ink")
    assert filling_of_hub("vae", listing) == {}
    assert "preferred weight" not in filling_of_hub("checkpoint", listing)
