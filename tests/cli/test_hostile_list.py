"""`pull -r` of a list that somebody wrote to do harm: through the whole command, against the test hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.app.restoring import read_list
from hubman.cli import run
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.testhub.catalogue import Catalogue
from tests.testhub.names import HOSTILE_NAMES


@pytest.fixture(scope="module")
def running() -> Iterator[TestHub]:
    with TestHub() as hub:
        yield hub


@pytest.fixture
def hub(running: TestHub, monkeypatch: pytest.MonkeyPatch) -> TestHub:
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    running.catalogue = Catalogue()
    running.behave()
    running.forget()
    return running


@pytest.fixture
def pull(capsys: pytest.CaptureFixture[str], webui: Path, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Return a function that pulls a list of entries and gives (exit code, stdout, stderr)."""
    assert run(["roots", "add", str(webui)]) == 0

    def pull_list(models: object, *more: str) -> tuple[int, str, str]:
        path = tmp_path / "list.json"
        path.write_text(json.dumps({"list": "hubman model list", "list_schema": 1, "models": models}))
        capsys.readouterr()
        code = run(["pull", "-r", str(path), "-y", *more])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return pull_list


def entry(hub: TestHub, fill: int, **fields: Any) -> dict[str, Any]:
    """Return the entry of a model that the hub has."""
    model = hub.add(lora_bytes(fill=fill), name=f"Ink {fill}")
    file = model.versions[0].files[0]
    source = {"hub": "civitai", "model": str(model.id), "version": str(model.versions[0].id), "file": str(file.id)}
    return {"name": f"Ink {fill}", "hashes": {"sha256": file.content.hashes.sha256}, "sources": [source], **fields}


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


FOLDERS = ["../..", "/etc", "~/x", "C:\\x", "C:x", "\\\\server\\share", "a/../../../x", "Lora\x00x", "x" * 5000,
           "\ud800", "Lora/" + "d/" * 3000, ".git/hooks", "Lora\n", " ", "CON", "-rf"]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FOLDERS)))
@pytest.mark.parametrize("layout", ["webui", "flat", "nonsense"])
def test_a_folder_stays_inside_or_is_refused(
    pull: Any, hub: TestHub, webui: Path, tmp_path: Path, number: int, layout: str, isolated: Path
) -> None:
    before = everything(tmp_path)
    code, _, err = pull([entry(hub, 200 + number, folder=FOLDERS[number], layout=layout, file="ink.safetensors")])
    assert code in (0, 2, 3, 5), err
    assert "Traceback" not in err
    new = {path for path in everything(tmp_path) - before if isolated not in path.parents} - {tmp_path / "list.json"}
    assert all(webui in path.resolve().parents for path in new)
    assert bool(new) is (code == 0)


def test_forty_five_names_land_inside(pull: Any, hub: TestHub, webui: Path, tmp_path: Path, isolated: Path) -> None:
    before = everything(tmp_path)
    models = [entry(hub, number, file=name, layout="webui") for number, name in enumerate(HOSTILE_NAMES)]
    code, out, err = pull(models, "--json")
    assert code == 0, err
    assert len(json.loads(out)["pulled"]) == len(HOSTILE_NAMES) >= 45
    new = {path for path in everything(tmp_path) - before if isolated not in path.parents} - {tmp_path / "list.json"}
    assert len([path for path in new if path.suffix == ".safetensors"]) == len(HOSTILE_NAMES)
    assert all(webui in path.resolve().parents and not path.name.startswith(".") for path in new)


def test_half_characters_and_control_codes_are_survived(pull: Any, hub: TestHub, isolated: Path) -> None:
    user = {"note": "n\ud800", "tags": ["t\udfff", "\x1b[2Jx"], "words": ["w\ud83d"], "rating": 10**400, "favourite": 1}
    fields = {"name": "I\ud800nk\x1b]0;evil\x07", "file": "\ud800.safetensors", "kind": "\ud800", "user": user}
    code, out, err = pull([entry(hub, 60, **fields)])
    assert code == 0, err
    assert "\x1b" not in out + err
    missing = {"name": "no\ud800where\x1b[2J", "hashes": {"sha256": "ab" * 32}}
    code, out, err = pull([missing])
    assert code != 0
    assert "\x1b" not in out + err
    code, out, _ = pull([missing], "--json")
    json.loads(out)


SOURCES = [
    {"hub": "civitai", "model": "../../api/v1/me"}, {"hub": "civitai", "model": "1?x=1", "version": "../2"},
    {"hub": "civitai", "model": "1", "version": "2/../../me"}, {"hub": "huggingface", "model": "../../whoami-v2"},
    {"hub": "huggingface", "model": "a/b", "version": "../../../x"}, {"hub": "modelscope", "model": "a/../../x"},
    {"hub": "liblib", "model": "x?y"}, {"hub": "civarchive", "model": "%2e%2e/x"},
    {"hub": "openmodeldb", "model": "../x"},
    {"hub": "civitai", "model": "1\r\nX: y"}, {"hub": "civitai", "model": "\ud800"}, {"hub": "../x", "model": "1"},
    {"hub": ["civitai"], "model": {"a": 1}}, {"hub": "civitai", "model": 10**30}, 7, None, [], {"hub": "civitai"},
]  # fmt: skip


def test_a_source_is_what_a_person_could_have_pasted(pull: Any, hub: TestHub) -> None:
    code, _, err = pull([{"name": "x", "hashes": {"sha256": "ab" * 32}, "sources": SOURCES}])
    assert code == 3, err
    for request in hub.requests:
        assert ".." not in request.target
        assert "%2e" not in request.target.lower()
        assert "whoami" not in request.target
        assert "/me" not in request.target


@pytest.mark.parametrize(
    "text",
    [
        '{"list": "hubman model list", "list_schema": 1, "models": ' + "[" * 50_000,
        '{"list": "hubman model list", "list_schema": ' + "9" * 5000 + ', "models": []}',
        '{"list": "hubman model list", "list_schema": 1e999, "models": []}',
        '{"list": "hubman model list", "list_schema": -1, "models": [1, null, [], "x", {}]}',
        '{"list": "hubman model list", "list_schema": 1, "models": [], "models": {}}',
        "\x00" * 1000, "\ufeff[]", '{"a": NaN}', "\x1b[2J",
    ],
    ids=range(9),
)  # fmt: skip
def test_any_text_is_a_list_or_a_refusal(
    text: str, tmp_path: Path, webui: Path, capsys: pytest.CaptureFixture[str], hub: TestHub
) -> None:
    assert run(["roots", "add", str(webui)]) == 0
    (tmp_path / "list.json").write_text(text)
    capsys.readouterr()
    assert run(["pull", "-r", str(tmp_path / "list.json")]) in (0, 2, 3)
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert hub.seen() == []


def test_of_a_key_that_comes_twice_the_last_one_counts(hub: TestHub) -> None:
    text = '{"list": "hubman model list", "list_schema": 1, "models": [{"hashes": {"sha256": "%s"}, "hashes": 3}]}'
    assert read_list(text % ("ab" * 32)).entries == ()


SECRET = "5ecret-0123456789abcdef"


def test_a_secret_in_what_was_pasted_is_repeated_nowhere(
    hub: TestHub, webui: Path, isolated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Addresses are copied together with tokens: on the command line, in a list of references, in a list's sources."""
    assert run(["roots", "add", str(webui)]) == 0
    model, gone = hub.add(lora_bytes(fill=70), name="Ink"), f"{hub.url('civitai')}/models/999999?token={SECRET}"
    good = f"{hub.url('civitai')}/api/download/models/{model.versions[0].id}?token={SECRET}"
    other = f"https://user:{SECRET}@example.org/x?sig={SECRET}"
    (tmp_path / "refs.txt").write_text("\n".join((good, gone, other, f"# {SECRET}")))
    capsys.readouterr()
    for command in (
        [good],
        [gone],
        [other],
        [good, "--json"],
        [gone, other, "--json"],
        ["-r", str(tmp_path / "refs.txt")],
    ):
        run(["pull", "-y", *command])
        shown = capsys.readouterr()
        assert SECRET not in shown.out + shown.err, command
    assert hub.leaks(SECRET) == []
    for folder in (isolated, webui):
        for path in everything(folder):
            assert SECRET.encode() not in path.read_bytes(), path
    assert [path.name for path in everything(webui)] != []
