"""`hubman render`: a prompt with tags and words of the library's adapters becomes pictures that carry their recipe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.app.rendering import plan_pictures, read_prompt, render_pictures
from hubman.app.validation import ValidateOptions
from hubman.cli import run
from hubman.config import Config
from hubman.core.plan.render import PromptPair
from hubman.core.png_text import read_texts
from hubman.errors import HubmanError
from hubman.paths import demo_models
from hubman.store.reader import Reader, open_reader

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = [pytest.mark.render, pytest.mark.slow]

FILES = (
    *(f"Stable-diffusion/{name}.safetensors" for name in ("tinyshapes", "tinychalk")),
    "Lora/zbrstripe_lora.safetensors",
    "embeddings/goldstar.pt",
    "hypernetworks/nightfall.pt",
)
OPTIONS = ValidateOptions(steps=3, seeds=(5,), device="cpu")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    top = tmp_path_factory.mktemp("rendering")
    for name in FILES:
        (top / "library" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(demo_models() / name, top / "library" / name)
    for name in ("tinyshapes", "tinychalk"):
        shutil.copytree(demo_models() / "Stable-diffusion" / name, top / "library" / "Stable-diffusion" / name)
    assert run(["--home", str(top / "home"), "sync", str(top / "library"), "--json"]) == 0
    return Config(home=top / "home")


@pytest.fixture(scope="module")
def reader(config: Config) -> Iterator[Reader]:
    with open_reader(config.database) as reader:
        yield reader


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    from hubman.renderers.process import Renderer

    with Renderer(device="cpu", timeout=120) as renderer:
        yield renderer


def test_tags_and_words_call_what_the_library_has(reader: Reader) -> None:
    typed = PromptPair("<lora:zbrstripe_lora:0.4:0.9> a (goldstar:1.1), <hypernet:nightfall:0.5>", "nightmare")
    wanted = read_prompt(reader, typed, None, 0)
    assert [(call.adapter.name, call.te, call.unet) for call in wanted.called] == [
        ("zbrstripe_lora", 0.4, 0.9),
        ("nightfall", 0.5, 0.5),
        ("goldstar", 1.0, 1.0),
    ]
    assert "<" not in wanted.prompt.positive
    assert wanted.base.name == "tinyshapes"  # the LoRA's file names it
    assert read_prompt(reader, typed, "tinychalk", 0).base.name == "tinychalk"


@pytest.mark.parametrize(
    ("prompt", "on", "reference"),
    [
        ("<lora:nothing:1> a", None, "model-not-found"),
        ("<lora:goldstar:1> a", None, "tag-misnamed"),
        ("<hypernet:zbrstripe_lora:1> a", None, "tag-misnamed"),
        ("a", "zbrstripe_lora", "not-a-checkpoint"),
    ],
)
def test_a_tag_that_calls_nothing_is_told(reader: Reader, prompt: str, on: str | None, reference: str) -> None:
    with pytest.raises(HubmanError) as caught:
        read_prompt(reader, PromptPair(prompt), on, 0)
    assert caught.value.reference == reference


def test_a_recipe_gives_its_picture_again_and_each_part_counts(reader: Reader, session: Any, tmp_path: Path) -> None:
    prompts = {
        "all": "<lora:zbrstripe_lora:1> <hypernet:nightfall:0.8> a goldstar, zbrstripe",
        "again": "<lora:zbrstripe_lora:1> <hypernet:nightfall:0.8> a goldstar, zbrstripe",
        "te": "<lora:zbrstripe_lora:1:0.2> <hypernet:nightfall:0.8> a goldstar, zbrstripe",
        "word": "<lora:zbrstripe_lora:1> <hypernet:nightfall:0.8> a gold star, zbrstripe",
        "bare": "a goldstar, zbrstripe",
    }
    pictures = {}
    for name, prompt in prompts.items():
        wanted = read_prompt(reader, PromptPair(prompt), None, 0)
        plan = plan_pictures(wanted, OPTIONS, session.hello())
        made = render_pictures(wanted, plan, tmp_path / f"{name}.png", session)
        pictures[name] = Path(made.paths[0]).read_bytes()
        assert read_texts(pictures[name])["parameters"] == made.recipes[0]
        assert made.recipes[0].splitlines()[0] == prompt
    assert pictures["again"] == pictures["all"]
    assert len(set(pictures.values())) == 4


def test_the_command_writes_new_files_only(config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "p.png"
    words = [
        "--home",
        str(config.home),
        "render",
        "<lora:zbrstripe_lora:0.7> a star",
        "--steps",
        "2",
        "-o",
        str(target),
    ]
    assert run([*words, "--seeds", "1,2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [Path(picture["path"]).name for picture in found["pictures"]] == ["p-1.png", "p-2.png"]
    assert "Seed: 2" in found["pictures"][1]["parameters"]
    assert "<lora:zbrstripe_lora:0.7>" in found["pictures"][0]["parameters"]
    assert found["adapters"][0]["unet"] == 0.7
    target.write_bytes(b"mine")
    assert run(words) == 8
    assert target.read_bytes() == b"mine"
    assert run([*words[:-1], str(tmp_path / "p.jpg")]) == 2


def test_a_folder_that_takes_no_picture_is_said(reader: Reader, session: Any, tmp_path: Path) -> None:
    wanted = read_prompt(reader, PromptPair("a star"), None, 0)
    plan = plan_pictures(wanted, OPTIONS, session.hello())
    with pytest.raises(HubmanError) as caught:
        render_pictures(wanted, plan, tmp_path / "none" / "p.png", session)
    assert caught.value.reference == "render-disk"
    assert "none" in str(caught.value)
