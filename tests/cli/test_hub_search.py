"""`hubman hubs search`: several hubs at once over real sockets, one of which may be broken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.app.hubs import open_hubs
from hubman.cli import COMMANDS, run
from hubman.config import load
from hubman.core.hub import HubRef
from hubman.core.refs import parse
from hubman.store.door import open_store
from tests.conftest import lora_bytes
from tests.testhub import TestHub, misbehave

Call = Callable[..., tuple[int, str, str]]
EVERYWHERE = ("civitai", "huggingface", "modelscope", "liblib")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    """A test hub with an ink LoRA everywhere and a checkpoint on two hubs, that the environment leads to."""
    with TestHub() as started:
        for name, value in started.environment().items():
            monkeypatch.setenv(name, value)
        for name in ("HF_TOKEN", "HF_ENDPOINT", "CIVITAI_TOKEN", "CIVITAI_API_KEY", "MODELSCOPE_API_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        started.add(lora_bytes(1), name="Ink Wash", hubs=EVERYWHERE, base_model="SDXL 1.0", downloads=1234)
        started.add(b"x", name="Ink Base", hubs=("civitai", "liblib"), kind="checkpoint", base_model="SD 1.5", words=())
        yield started


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return a function that runs a command line and gives (exit code, stdout, stderr)."""
    monkeypatch.setitem(COMMANDS, "hubs", ("Hubs", "hubs:hubs", "Which hubs there are, tokens, search."))

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


def hits(out: str) -> list[dict[str, Any]]:
    return list(json.loads(out)["hits"])


def test_all_usual_hubs_are_asked(hub: TestHub, call: Call) -> None:
    """No library is needed; LiblibAI is asked only where the user enabled it or names it."""
    code, out, err = call("hubs", "search", "ink", "wash")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        f"civitai:{hub.catalogue.models[0].id}", "hf:inkmaker/ink-wash", "modelscope:inkmaker/ink-wash",
    ]  # fmt: skip
    for shown in ("REF", "Ink Wash", "LoRA", "SDXL", "shuimo", "1,234", "huggingface"):
        assert shown in out
    assert "hubman pull REF" in err
    assert hub.seen("liblib") == []
    call("hubs", "enable", "liblib")
    assert len(call("hubs", "search", "ink wash", "-q")[1].splitlines()) == 4
    hub.forget()
    assert (
        call("hubs", "search", "ink wash", "--hub", "LiblibAI", "-q")[1] == f"liblib:{hub.catalogue.models[0].uuid}\n"
    )
    assert {request.on for request in hub.requests} == {"liblib"}


def test_quiet_prints_what_pull_takes(hub: TestHub, call: Call) -> None:
    code, out, err = call("hubs", "search", "ink", "-q", "--hub", "civitai", "--hub", "hf", "--hub", "modelscope")
    assert (code, err) == (0, "")
    refs = out.split()
    assert len(refs) == 4
    assert [str(parse(ref)) for ref in refs] == refs


def test_it_filters_by_type_and_base(hub: TestHub, call: Call) -> None:
    code, out, _ = call("hubs", "search", "ink", "--type", "checkpoint", "--base", "SD 1.5", "--json")
    assert code == 0
    assert [(hit["name"], hit["kind"], hit["architecture"]) for hit in hits(out)] == [("Ink Base", "checkpoint", "sd1")]
    code, out, _ = call("hubs", "search", "ink", "--type", "LoCon", "--base", "xl", "--json")
    assert {hit["name"].casefold().replace("-", " ") for hit in hits(out)} == {"ink wash"}
    code, out, err = call("hubs", "search", "ink", "--type", "lorra")
    assert (code, out) == (2, "")
    assert "Did you mean lora?" in err
    code, _, err = call("hubs", "search", "ink", "--base", "sdlx")
    assert code == 2
    assert "Did you mean sdxl?" in err
    assert call("hubs", "search", "ink", "--hub", "nohub")[0] == 3
    assert call("hubs", "search")[0] == 2


def test_one_broken_hub_does_not_spoil_the_others(hub: TestHub, call: Call) -> None:
    hub.misbehave(misbehave.Body(b'{"models": "SECRET"}'), on="huggingface")
    code, out, err = call("hubs", "search", "ink wash", "--json")
    document = json.loads(out)
    assert code == 0
    assert {hit["hub"] for hit in document["hits"]} == {"civitai", "modelscope"}
    assert document["asked"] == ["civitai", "huggingface", "modelscope"]
    assert [(trouble["hub"], trouble["reference"]) for trouble in document["troubles"]] == [
        ("huggingface", "hub-answer")
    ]
    assert "warning: Hugging Face" in err
    assert "SECRET" not in out + err


def test_hubs_that_all_fail_are_an_error(hub: TestHub, call: Call) -> None:
    code, out, err = call("hubs", "search", "ink", "--offline")
    assert (code, out) == (4, "")
    assert "warning: Civitai, Hugging Face, ModelScope: hubman was told" in err
    code, out, err = call("hubs", "search", "nothing like it", "-q")
    assert (code, out) == (0, "")
    code, out, err = call("hubs", "search", "nothing like it")
    assert (code, out) == (0, "")
    assert "Nothing found at Civitai, Hugging Face, ModelScope." in err


def test_what_the_library_has_is_marked(
    hub: TestHub, call: Call, webui: Path, put: Callable[..., Path], isolated: Path
) -> None:
    path = put("Lora/ink.safetensors", fill=1)
    assert call("sync", str(webui))[0] == 0
    _, out, _ = call("hubs", "search", "ink", "--jsonl", "--hub", "civitai")
    assert [json.loads(line)["owned"] for line in out.splitlines()] == [False, False]
    config = load({**hub.environment(), "HUBMAN_HOME": str(isolated)})
    model = hub.catalogue.models[0]
    with open_hubs(config, ["civitai"]) as opened:
        (listing,) = opened["civitai"].resolve(HubRef("civitai", str(model.id)))
    store = open_store(config.database, config.backups)
    sha256 = model.versions[0].files[0].content.hashes.sha256
    with store.writer() as writer:
        writer.hubs.record_provenance([(sha256, listing, None, "sha256")])
    store.close()
    _, out, _ = call("hubs", "search", "ink", "--jsonl", "--hub", "civitai")
    assert {json.loads(line)["name"]: json.loads(line)["owned"] for line in out.splitlines()} == {
        "Ink Wash": True, "Ink Base": False,
    }  # fmt: skip
    assert "✓" in call("hubs", "search", "ink wash")[1]
    path.unlink()
    assert call("sync", str(webui))[0] == 0
    assert "✓" not in call("hubs", "search", "ink wash")[1]


def test_many_hits_are_mixed_and_cut(hub: TestHub, call: Call) -> None:
    """No hub hides the others; sorted by downloads they are one list."""
    for number in range(30):
        hub.add(b"x", name=f"pen {number:02}", hubs=("civitai", "huggingface"), downloads=number)
    _, out, _ = call("hubs", "search", "pen", "--limit", "10", "--json")
    assert [hit["hub"] for hit in hits(out)] == ["civitai", "huggingface"] * 5
    _, out, _ = call("hubs", "search", "pen", "--limit", "3", "--sort", "downloads", "--json")
    assert [hit["downloads"] for hit in hits(out)] == sorted((hit["downloads"] for hit in hits(out)), reverse=True)
    assert call("hubs", "search", "pen", "--limit", "0")[0] == 2
    assert call("hubs", "search", "pen", "--json", "-q")[0] == 2


def test_hubs_are_asked_at_the_same_time(hub: TestHub, call: Call) -> None:
    """Each is held back until the other one was asked: one after another would never end."""
    for name in ("civitai", "huggingface", "modelscope"):
        hub.misbehave(Together(hub), on=name, times=1)
    assert len(call("hubs", "search", "ink wash", "-q")[1].splitlines()) == 3


class Together(misbehave.Fault):
    """Wait until all three hubs were asked."""

    def __init__(self, hub: TestHub) -> None:
        self.hub = hub

    def ask(self, request: Any) -> None:
        for _ in range(500):
            if {seen.on for seen in list(self.hub.requests)} >= {"civitai", "huggingface", "modelscope"}:
                return
            time.sleep(0.01)
        raise AssertionError("the hubs were asked one after another")


def test_names_are_harmless_on_a_terminal(hub: TestHub, call: Call) -> None:
    hub.add(b"x", name="pwn \x1b]0;x\x07\u202egnp", hubs=("civitai",))
    _, out, _ = call("hubs", "search", "pwn")
    assert "\\u001b" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
