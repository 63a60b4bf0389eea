"""`hubman triggers --guess`: LoRAs of neutral names without metadata, on a copy of the demo checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.paths import demo_models

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = [pytest.mark.render, pytest.mark.slow]

ASSETS = Path(__file__).parents[1] / "render/assets/wake"
FILES = {"one": "w06", "two": "w08", "on": "w16"}
Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("wake")
    source, library = demo_models(), top / "library"
    for folder in ("Lora", "embeddings", "Stable-diffusion"):
        (library / folder).mkdir(parents=True)
    for name, file in FILES.items():
        shutil.copyfile(ASSETS / f"{file}.safetensors", library / f"Lora/{name}.safetensors")
    shutil.copyfile(source / "embeddings/goldstar.pt", library / "embeddings/goldstar.pt")
    shutil.copyfile(source / "Stable-diffusion/tinyshapes.safetensors", library / "Stable-diffusion/base.safetensors")
    shutil.copytree(source / "Stable-diffusion/tinyshapes", library / "Stable-diffusion/base")
    assert run(["--home", str(top / "home"), "sync", str(library), "--json"]) == 0
    return top / "home"


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def invoke(*arguments: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = run(["--home", str(home), "triggers", *arguments])
        out, err = capsys.readouterr()
        return code, json.loads(out) if "--json" in arguments and out else out, err

    return invoke


def guessed(model: Any) -> list[str]:
    return [word["text"] for word in model["triggers"] if word["source"] == "guess"]


def test_words_are_guessed_recorded_and_labelled(call: Call) -> None:
    code, document, _ = call("one", "on", "--guess", "--json")
    assert code == 0
    one, always = document["models"]
    assert one["guess"]["words"][0]["text"] == guessed(one)[0] == "sunset"
    assert one["guess"]["base"]["name"] == "base"
    assert one["guess"]["margin"] == one["guess"]["words"][0]["score"] > 1.55
    assert one["copy"]["positive"] == one["tag"]  # a guess is never pasted
    assert not always["guess"]["stands_out"]
    assert (always["guess"]["words"], guessed(always)) == ([], [])
    code, text, _ = call("one")
    assert code == 0
    assert "a guess" in next(line for line in text.splitlines() if "sunset" in line)


def test_a_list_of_words_and_a_checkpoint_by_name(call: Call, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("# mine\nzbrstripe\nglowix\nblue eyes\n", encoding="utf-8")
    code, text, said = call("two", "--guess", "--on", "base", "--words", str(words))
    assert code == 0
    assert "glowix" in text
    assert "'glowix' stands out" in said
    assert "4 were tried on base" in said  # and the name of the file
    assert guessed(call("two", "--json")[1]["models"][0]) == ["glowix"]


def test_its_own_word_is_confirmed(call: Call) -> None:
    assert call("two", "--add", "glowix")[0] == 0
    _, document, _ = call("two", "--guess", "--json")
    (two,) = document["models"]
    assert two["guess"]["confirmed"] == "glowix"
    assert guessed(two) == []
    assert [word["source"] for word in two["triggers"]] == ["user"]
    assert "its own word 'glowix' stands out" in call("two", "--guess")[2]


def test_what_cannot_be_guessed_is_said(call: Call, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("# nothing\n", encoding="utf-8")
    tries = {
        "wake-not-a-lora": (2, ["goldstar", "--guess"]),
        "words-unreadable": (2, ["one", "--guess", "--words", str(empty)]),
        "not-a-checkpoint": (2, ["one", "--guess", "--on", "two"]),
    }
    for reference, (exit_code, arguments) in tries.items():
        code, _, said = call(*arguments)
        assert (code, reference in said) == (exit_code, True), said
    assert call("one", "--words", str(empty))[0] == 2


def test_a_large_checkpoint_on_a_cpu_is_announced(home: Path) -> None:
    """What the line says: four bytes a parameter, and the text encoders without their table of tokens."""
    from dataclasses import replace

    from hubman.app.proving import choose_bases
    from hubman.app.wake import plan_guess
    from hubman.cli.wake import cost_line
    from hubman.config import Config
    from hubman.store.reader import open_reader

    with open_reader(Config(home=home).database) as reader:
        (file,) = reader.resolve("one")
        bases = choose_bases(reader, None, 0)
    asked = plan_guess(file, bases, given=False, words=None)
    assert not asked.large
    line = cost_line([replace(asked, large=True, memory=4_000_000_000, seconds=61.4)])
    assert "base" in line
    assert "4.0 GB" in line or "3.7 GiB" in line
    assert "61 s" in line
    assert 0 < asked.seconds < 60
    assert asked.memory == 4 * asked.base.facts.parameters
