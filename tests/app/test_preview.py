"""Previews of the demo family: made after the verdict, renewed only where they are hubman's, the user's own kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.config import Config
from hubman.core.png_text import own_record, read_texts
from hubman.paths import demo_models
from hubman.store.door import open_store
from hubman.store.reader import open_reader

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = [pytest.mark.render, pytest.mark.slow]

Call = Callable[..., tuple[int, Any]]
NAME = "zbrstripe_lora"


@pytest.fixture(scope="module")
def renderer() -> Iterator[Any]:
    from hubman.renderers.process import Renderer

    with Renderer(device="cpu", timeout=120) as running:
        yield running


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory, renderer: Any) -> Path:
    """Return a folder with `home` and `library`: one LoRA, proved once, its preview beside it."""
    top = tmp_path_factory.mktemp("proved")
    library, source = top / "library", demo_models()
    for name in ("Stable-diffusion/tinyshapes.safetensors", f"Lora/{NAME}.safetensors", f"Lora/{NAME}.json"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, library / name)
    shutil.copytree(source / "Stable-diffusion/tinyshapes", library / "Stable-diffusion/tinyshapes")
    home = ("--home", str(top / "home"))
    assert run([*home, "roots", "add", str(library), "--sidecars", "missing", "--json"]) == 0
    assert run([*home, "sync", "--json"]) == 0
    assert prove(top, renderer, NAME).verdict == "ok"
    return top


def opened(top: Path) -> tuple[Any, Config]:
    config = Config(home=top / "home")
    return open_store(config.database, config.backups), config


def prove(top: Path, renderer: Any, name: str) -> Any:
    """Validate one model as `hubman validate NAME --steps 4` does, in the render process of this module."""
    from hubman.app.proving import Proving, choose_adapters, choose_bases
    from hubman.app.validation import ValidateOptions

    store, config = opened(top)
    with open_reader(store.path) as reader:
        file, bases = choose_adapters(reader, (name,), 0)[0], choose_bases(reader, None, 0)
    try:
        return Proving(store, config, bases, ValidateOptions(steps=4), renderer).prove(file)
    finally:
        store.close()


@pytest.fixture
def make(proved: Path, renderer: Any) -> Callable[..., Any]:
    """Return what `hubman preview NAME --make` does, in the render process of this module."""

    def again(name: str = NAME, **options: Any) -> Any:
        from hubman.app.preview import PreviewOptions
        from hubman.app.preview_again import preview_again

        store, config = opened(proved)
        try:
            return preview_again(store, config, name, None, renderer, PreviewOptions(**options))
        finally:
            store.close()

    return again


@pytest.fixture
def place(proved: Path, isolated: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Path]:
    """Return the library; what a test changes is put back after it."""
    kept = isolated / "kept"
    shutil.copytree(proved, kept)
    yield proved / "library"
    for part in ("library", "home"):
        shutil.rmtree(proved / part)
        shutil.copytree(kept / part, proved / part)


@pytest.fixture
def call(proved: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def invoke(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run(["--home", str(proved / "home"), *arguments, "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return invoke


def beside(place: Path) -> Path:
    return place / f"Lora/{NAME}.preview.png"


def test_the_face_is_at_the_measured_weight_and_the_training_size(
    proved: Path, place: Path, call: Call, make: Any
) -> None:
    """Of three seeds the one that changed like the median; the recipe says all of it and gives the picture again."""
    from PIL import Image

    (model,) = call("ls", "type:lora")[1]["models"]
    (stored,) = call("show", NAME)[1]["model"]["verdicts"]
    picture = proved / "home/previews" / Path(stored["preview"]).name
    own = own_record(picture.read_bytes())
    assert own is not None
    assert picture.read_bytes() == beside(place).read_bytes()
    assert model["preview"] == str(beside(place))
    assert own["adapter"]["weight"] == stored["weight"]["weight"]  # type: ignore[index]
    assert (own["prompt_source"], own["verdict"]) == ("base", "ok")
    assert "path" not in json.dumps(own["plan"])
    with Image.open(picture) as image:
        assert image.size == (64, 64)
        text = image.text["parameters"]
    assert f"<lora:{NAME}:{stored['weight']['weight']:g}>, a red circle on a blue background, zbrstripe" in text
    assert f'Lora hashes: "{NAME}: 3ef8cf9fb5d1"' in text
    assert f"Seed: {own['seed']}," in text
    made = make(seeds=(own["seed"],)).made
    assert made.recipe == text
    assert Path(made.path).read_bytes() == picture.read_bytes()  # the same seed alone: the same bytes


def test_only_hubmans_own_unchanged_picture_is_renewed(place: Path, call: Call, make: Any) -> None:
    """Another prompt gives another picture; one that somebody touched, or put there under another name, stays."""
    first = beside(place).read_bytes()
    made = make(prompt="a blue heart on a yellow background").made
    assert (made.source, made.beside) == ("given", str(beside(place)))
    second = beside(place).read_bytes()
    assert second != first
    assert "a blue heart on a yellow background, zbrstripe" in read_texts(second)["parameters"]
    touched = second[:-20] + bytes([second[-20] ^ 1]) + second[-19:]
    beside(place).write_bytes(touched)
    assert make(seeds=(2,)).made.beside is None
    assert beside(place).read_bytes() == touched
    beside(place).unlink()
    user = place / f"Lora/{NAME}.jpg"
    user.write_bytes(b"a user's own")
    assert make(seeds=(2,)).made.beside is None
    assert not beside(place).exists()


def test_a_picture_of_the_users_own_is_kept_through_everything(
    proved: Path, place: Path, call: Call, renderer: Any
) -> None:
    """Set, proved again, forgotten and synced: still theirs; undone: as it was."""
    own, before = place.parent / "mine.png", beside(place).read_bytes()
    shutil.copyfile(demo_models().parent / "docs/pictures/terminal.png", own)
    code, said = call("preview", NAME, "--set", str(own))
    assert (code, said["own"]) == (0, True)
    kept = Path(said["preview"])
    assert kept.read_bytes() == own.read_bytes() == beside(place).read_bytes()
    own.unlink()
    assert prove(proved, renderer, NAME).preview != str(kept)
    assert beside(place).read_bytes() == kept.read_bytes()
    assert call("preview", NAME)[1]["preview"] == str(kept)
    assert call("forget", NAME, "-y")[0] == 0
    assert call("sync")[0] == 0
    assert call("preview", NAME)[1]["preview"] == str(kept)
    entries = call("undo", "--list")[1]["entries"]
    assert call("undo", str(next(entry["id"] for entry in entries if entry["verb"] == "preview")))[0] == 0
    assert beside(place).read_bytes() == before
    assert call("preview", NAME)[1]["own"] is False


def test_what_is_refused_changes_nothing(place: Path, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    before = call("preview", NAME)[1]
    page = place / "page.png"
    page.write_bytes(b"<html>no picture</html>")
    assert call("preview", NAME, "--set", str(page))[0] == 2
    assert call("preview", NAME, "--prompt", "nude loli")[0] == 2
    assert call("preview", NAME, "--prompt", "a <lora:x:1> house")[0] == 2
    assert call("preview", NAME, "--set", str(page), "--make")[0] == 2
    assert call("preview", NAME)[1] == before


def test_a_broken_adapter_never_gets_a_face(proved: Path, place: Path, call: Call, make: Any) -> None:
    """Burnt weights: the verdict is broken, and neither hubman's folder nor the model's has a picture of it."""
    from tests.app.burnt import burnt_copy

    target = place / "Lora/burnt.safetensors"
    burnt_copy(place / f"Lora/{NAME}.safetensors", target, 30.0)
    assert call("sync")[0] == 0
    answer = make("burnt")
    assert (answer.made, str(answer.done.verdict), answer.done.preview) == (None, "broken", None)
    assert not (place / "Lora/burnt.preview.png").exists()
    sha256 = call("show", "burnt")[1]["model"]["hashes"]["sha256"]
    assert not (proved / "home/previews" / f"{sha256}.png").exists()


def test_what_the_user_wants_shown_is_remembered(proved: Path, place: Path, call: Call, make: Any) -> None:
    """Until they say otherwise, or take it back."""
    from hubman.app.library import find_one
    from hubman.app.own_preview import set_prompt

    store, _ = opened(proved)
    with open_reader(store.path) as reader:
        file = find_one(reader, NAME)
    set_prompt(store, file, "a green cross")
    store.close()
    assert call("preview", NAME)[1]["prompt"] == "a green cross"
    assert "a green cross, zbrstripe" in make(seeds=(1,)).made.recipe
    assert call("undo")[0] == 0
    assert (call("preview", NAME)[1]["prompt"], make(seeds=(1,)).made.source) == (None, "base")


def test_a_hubs_example_is_followed_without_the_others_adapters(proved: Path, place: Path) -> None:
    """From the listing, and from the card that Civitai-Helper left; a mature picture is passed over."""
    from hubman.app.library import find_one
    from hubman.app.preview_sources import preview_words
    from hubman.app.proving import read_adapter, read_base
    from hubman.core.hub import Listing, RemoteImage
    from hubman.core.plan.preview_prompt import preview_prompt

    store, _ = opened(proved)
    card = place / f"Lora/{NAME}.civitai.info"
    card.write_text(json.dumps({"images": [{"nsfwLevel": 1, "meta": {"prompt": "zbrstripe, a card"}}]}))

    def shown() -> tuple[str, str]:
        with open_reader(store.path) as reader:
            file, base = find_one(reader, NAME), find_one(reader, "tinyshapes")
            found = preview_prompt(preview_words(reader, file, read_adapter(file), read_base(base)), tiny=True)
        return found.source, found.pair.positive

    assert shown() == ("hub-example", "zbrstripe, a card")
    images = (
        RemoteImage("https://x/1", nsfw=3, prompt=f"<lora:{NAME}:1>, zbrstripe, first"),
        RemoteImage("https://x/2", nsfw=0, prompt=f"<lora:other:1> <lora:{NAME}:1>, zbrstripe, second"),
        RemoteImage("https://x/3", nsfw=1, prompt=f"<lora:{NAME}:0.4>, zbrstripe, third"),
    )
    with open_reader(store.path) as reader:
        sha256 = find_one(reader, NAME).hashes.sha256  # type: ignore[union-attr]
    with store.writer() as writer:
        writer.hubs.record_provenance([(sha256, Listing("civitai", "1", "2", "Z", images=images), None, "sha256")])
    store.close()
    assert shown() == ("hub-example", "zbrstripe, third")
