"""`hubman sheet`: which rows and columns, pictures rendered once, and what is drawn."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.config import Config
from hubman.core.plan.sheet import CELL, TALLEST, WIDEST, Cell, Column, Row, Sheet, geometry, pages, shape_of
from hubman.errors import HubmanError
from hubman.paths import demo_models
from hubman.store.door import open_store
from hubman.store.reader import Reader, open_reader

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = [pytest.mark.render, pytest.mark.slow]

LORA, STAR = "zbrstripe_lora", "goldstar"


class Counted:
    """A render process that counts what it is asked for."""

    def __init__(self) -> None:
        from hubman.renderers.process import Renderer

        self.renderer = Renderer(device="cpu", timeout=120)
        self.pictures = 0

    def call(self, op: str, plan: Any, **more: Any) -> Any:
        self.pictures += op == "picture"
        return self.renderer.call(op, plan, **more)

    def sheet(self, sheet: Any, path: str) -> Any:
        self.drawn = Sheet.from_json(json.loads(json.dumps(sheet)))
        return self.renderer.sheet(sheet, path)


@pytest.fixture(scope="module")
def session() -> Iterator[Counted]:
    counted = Counted()
    yield counted
    counted.renderer.close()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Return the configuration of a library with two checkpoints and two adapters, one of them with a verdict."""
    top = tmp_path_factory.mktemp("sheets")
    source, library = demo_models(), top / "library"
    names = ["Stable-diffusion/tinyshapes", "Stable-diffusion/tinychalk", f"Lora/{LORA}"]
    for name in (*(f"{name}.safetensors" for name in names), f"embeddings/{STAR}.pt"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, library / name)
    for name in ("tinyshapes", "tinychalk"):
        shutil.copytree(source / "Stable-diffusion" / name, library / "Stable-diffusion" / name)
    assert run(["--home", str(top / "home"), "sync", str(library), "--json"]) == 0
    config = Config(home=top / "home")
    store = open_store(config.database, config.backups)
    with open_reader(store.path) as reader:
        file, base = (named(reader, name) for name in (LORA, "tinyshapes"))
    detail = {
        "verdict": "ok", "rule": "picture-changed", "base": {"name": base.name, "sha256": base.hashes.sha256},
        "weight": {"weight": 0.8, "range": [0.6, 1.0], "prompt_kept": 0.9, "burns_from": 1.5}, "flags": [],
    }  # fmt: skip
    with store.writer() as writer:
        writer.record_verdict(file.subject, base.hashes.sha256, detail, None)
    store.close()
    return config


def named(reader: Reader, name: str) -> Any:
    from hubman.app.library import find_one

    return find_one(reader, name)


def plan(config: Config, names: tuple[str, ...], on: tuple[str, ...] = (), **wanted: Any) -> Any:
    """Lay a sheet out as the command does, with two steps a picture."""
    from hubman.app.proving import choose_bases
    from hubman.app.sheet_making import lay_out
    from hubman.app.sheet_rows import Pairs, SheetOptions

    options = SheetOptions(steps=2, **wanted)
    with open_reader(config.database) as reader:
        files = [named(reader, name) for name in names]
        bases = [named(reader, name) for name in on]
        pairs = Pairs(reader, bases or choose_bases(reader, None, 0), options)
        rows = [[pairs.on(file, base) for base in bases] if bases else [pairs.chosen(file)] for file in files]
    return lay_out(rows, options, "sheet")


def make(config: Config, layout: Any, path: Path, session: Any) -> Any:
    from hubman.app.picture_cache import PictureCache
    from hubman.app.sheet_making import make_sheet

    return make_sheet(layout, path, session, PictureCache(config.cache / "pictures"))


def marks(layout: Any) -> list[list[str]]:
    return [[place.mark for place in places] for _, places in layout.rows]


# --- rows and columns ---


def test_adapters_by_weights(config: Config) -> None:
    """The measured weight and the burnt ones are marked; an embedding has its word emphasised."""
    layout = plan(config, (LORA, STAR), weights=(0.4, 0.8, 1.5))
    assert [column.heading for column in layout.columns] == ["without", "weight 0.4", "weight 0.8", "weight 1.5"]
    assert marks(layout) == [["", "", "recommended", "burnt"], [""] * 4]
    (first, places), (second, stars) = layout.rows
    assert (first.name, first.verdict) == (LORA, "ok")
    assert first.lines == ("on tinyshapes", "best at 0.8, works 0.6-1", "burns from 1.5", "zbrstripe")
    assert (second.name, second.verdict) == (STAR, "not validated")
    assert [len(place.plan.adapters) for place in places] == [0, 1, 1, 1]
    assert [place.plan.adapters[0].unet for place in places[1:]] == [0.4, 0.8, 1.5]
    assert "(goldstar:0.4)" in stars[1].plan.prompt.positive
    assert {place.plan.prompt.positive for place in places} == {"a red circle on a blue background, zbrstripe"}


def test_one_adapter_by_checkpoints_and_several_by_several(config: Config) -> None:
    one = plan(config, (LORA,), ("tinyshapes", "tinychalk"))
    assert [(row.name, row.verdict) for row, _ in one.rows] == [("tinyshapes", "ok"), ("tinychalk", "not validated")]
    several = plan(config, (LORA, STAR), ("tinyshapes", "tinychalk"))
    assert [(column.group, column.heading) for column in several.columns] == [
        ("tinyshapes", "without"), ("tinyshapes", "with"), ("tinychalk", "without"), ("tinychalk", "with"),
    ]  # fmt: skip
    (row, places), _ = several.rows
    assert (row.name, row.lines[0]) == (LORA, "tinyshapes: best at 0.8, works 0.6-1")
    assert [place.plan.adapters[0].unet for place in places[1::2]] == [0.8, 0.6]


def test_trigger_words_on_and_off(config: Config) -> None:
    ((_, places),) = plan(config, (LORA,), triggers=True).rows
    told = [("zbrstripe" in place.plan.prompt.positive, len(place.plan.adapters)) for place in places]
    assert told == [(False, 0), (True, 0), (False, 1), (True, 1)]


def test_seeds_and_a_prompt(config: Config) -> None:
    layout = plan(config, (LORA,), seeds=(3, 9), prompt="a green star")
    assert [column.heading for column in layout.columns] == ["seed 3", "seed 9"]
    ((_, places),) = layout.rows
    assert [place.plan.sampling.seeds for place in places] == [(3,), (9,)]
    assert {place.plan.prompt.positive for place in places} == {"a green star, zbrstripe"}


# --- rendering and drawing ---


def test_pictures_are_rendered_once(config: Config, session: Counted, tmp_path: Path) -> None:
    """A second sheet with the same pictures asks the renderer for nothing; a changed one for what is new."""
    from PIL import Image

    before = session.pictures
    layout = plan(config, (LORA, STAR), weights=(0.8,))
    made = make(config, layout, tmp_path / "a.png", session)
    assert (made.rendered, made.cached, session.pictures - before, made.failed) == (4, 0, 4, ())
    again = make(config, layout, tmp_path / "b.jpg", session)
    assert (again.rendered, again.cached, session.pictures - before) == (0, 4, 4)
    more = make(config, plan(config, (LORA, STAR), weights=(0.8, 1.5)), tmp_path / "c.webp", session)
    assert (more.rendered, more.cached) == (2, 4)
    for path, kind in ((tmp_path / "a.png", "PNG"), (tmp_path / "b.jpg", "JPEG"), (tmp_path / "c.webp", "WEBP")):
        with Image.open(path) as picture:
            assert picture.format == kind
            assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 500
    # What lies in a place of the sheet is the rendered picture itself, three times as large, without blur.
    size = geometry(session.drawn)
    cell = session.drawn.rows[0].cells[0]
    assert cell.picture is not None
    with Image.open(cell.picture) as small, Image.open(tmp_path / "a.png") as sheet:
        middle = (size.left(0) + CELL // 2, size.top(0) + CELL // 2)
        assert sheet.getpixel(middle) == small.convert("RGB").getpixel((32, 32))


def test_one_that_cannot_be_rendered_leaves_its_place(config: Config, session: Counted, tmp_path: Path) -> None:
    layout = plan(config, (LORA, STAR), weights=(0.8,))
    broken = tmp_path / "gone.safetensors"
    rows = list(layout.rows)
    row, places = rows[0]
    use = places[1].plan.adapters[0]
    from dataclasses import replace

    gone = replace(use, adapter=replace(use.adapter, path=str(broken), sha256="0" * 64))
    rows[0] = (row, (places[0], replace(places[1], plan=replace(places[1].plan, adapters=(gone,)))))
    made = make(config, replace(layout, rows=tuple(rows)), tmp_path / "a.png", session)
    assert [name for name, _ in made.failed] == [LORA]
    assert session.drawn.rows[0].cells[1] == Cell(None, "", "failed")
    assert session.drawn.rows[1].cells[1].picture is not None


@pytest.mark.parametrize("name", ["there.png", "sheet.bmp", "sheet"])
def test_nothing_is_overwritten_and_the_ending_says_the_format(
    config: Config, session: Counted, tmp_path: Path, name: str
) -> None:
    (tmp_path / "there.png").write_bytes(b"mine")
    before = session.pictures
    with pytest.raises(HubmanError) as refused:
        make(config, plan(config, (LORA,), weights=(0.3,)), tmp_path / name, session)
    assert refused.value.reference == ("file-exists" if name == "there.png" else "sheet-format")
    assert (tmp_path / "there.png").read_bytes() == b"mine"
    assert session.pictures == before


def test_the_command(config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From pictures that are there already; options that exclude each other are refused."""
    home = ["--home", str(config.home), "sheet"]
    target = str(tmp_path / "s.png")
    capsys.readouterr()
    assert run([*home, LORA, "--weights", "0.8", "--steps", "2", "-o", target, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["paths"], document["rendered"], document["cached"]) == ([target], 0, 2)
    assert run([*home, LORA, "--weights", "x", "-o", str(tmp_path / "t.png")]) == 2
    assert run([*home, LORA, "--triggers", "--seeds", "1,2", "-o", str(tmp_path / "t.png")]) == 2
    assert run([*home, "no-such-model-here", "-o", str(tmp_path / "t.png")]) == 3


def test_the_cache_keeps_within_its_bound(config: Config, tmp_path: Path) -> None:
    """What was not looked at for longest goes first."""
    from hubman.app.picture_cache import PictureCache

    folder = tmp_path / "pictures"
    folder.mkdir()
    for age in range(5):
        path = folder / f"{age}.png"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - age, 1000 - age))
    assert PictureCache(folder, most=250).trim() == 3
    assert sorted(path.name for path in folder.iterdir()) == ["0.png", "1.png"]


# --- sizes ---


def big(columns: int, rows: int, shape: float = 1.0) -> Sheet:
    return Sheet(
        "big",
        tuple(Column(str(n)) for n in range(columns)),
        tuple(Row(str(n), f"adapter {n}", "ok", (), (Cell(),) * columns) for n in range(rows)),
        legend=("legend",),
        shape=shape,
    )


@pytest.mark.parametrize("sheet", [big(4, 3), big(32, 3), big(5, 400), big(32, 200, 2.0)], ids=range(4))
def test_a_big_sheet_is_scaled_and_split_within_its_limits(sheet: Sheet) -> None:
    size = geometry(sheet)
    parts = list(pages(sheet))
    assert size.width <= WIDEST
    assert all(size.height(len(part.rows), legend=True) <= TALLEST for part in parts)
    assert [row.name for part in parts for row in part.rows] == [row.name for row in sheet.rows]
    assert (len(parts) > 1) == (parts[0].title != "big")


def test_portraits_get_tall_places() -> None:
    assert shape_of([(512, 512), (512, 768)]) == 1.5
    assert geometry(big(3, 1, 1.5)).cell_height == CELL * 1.5
