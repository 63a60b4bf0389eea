"""`validate`, `preview` and `demo` on the real demo family: verdicts, previews, sidecars, exit codes."""

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

Call = Callable[..., tuple[int, Any]]
FAST = ("--steps", "4", "--seeds", "1")


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Copy one checkpoint with its config, and one adapter of each kind."""
    source, target = demo_models(), tmp_path / "library"
    for name in (
        "Stable-diffusion/tinyshapes.safetensors",
        "Lora/zbrstripe_lora.safetensors",
        "embeddings/goldstar.pt",
    ):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    shutil.copytree(source / "Stable-diffusion/tinyshapes", target / "Stable-diffusion/tinyshapes")
    return target


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command with --json; give (exit code, document)."""

    def invoke(*arguments: str) -> tuple[int, Any]:
        code = run([*arguments, "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return invoke


def test_a_lora_is_proven_and_its_preview_carries_the_recipe(family: Path, call: Call, isolated: Path) -> None:
    """Verdict with numbers, a PNG with text chunks in hubman's own folder, and nothing written beside the models."""
    from PIL import Image

    before = sorted(path for path in family.rglob("*"))
    call("sync", str(family))
    code, document = call("validate", "zbrstripe_lora", *FAST)
    (verdict,) = document["verdicts"]
    assert (code, verdict["verdict"]) == (0, "ok"), verdict["because"]
    assert verdict["base"]["name"] == "tinyshapes"
    assert verdict["match"]["matched"] == verdict["match"]["total"] > 0
    assert verdict["effect"]["mae"] > 1
    assert Path(verdict["preview"]).is_relative_to(isolated / "previews")
    with Image.open(verdict["preview"]) as picture:
        assert "<lora:zbrstripe_lora:" in picture.info["parameters"]
        assert "Seed: 1" in picture.info["parameters"]
    assert sorted(path for path in family.rglob("*")) == before
    (model,) = call("ls", "is:ok")[1]["models"]
    assert (model["name"], model["verdict"], model["preview"]) == ("zbrstripe_lora", "ok", verdict["preview"])
    assert call("preview", "zbrstripe_lora")[1]["preview"] == verdict["preview"]


def test_the_preview_lands_beside_the_model_only_where_asked(family: Path, call: Call) -> None:
    """`--sidecars missing`: written where there is none, never over the user's own."""
    call("roots", "add", str(family), "--sidecars", "missing")
    own = family / "embeddings/goldstar.preview.png"
    own.write_bytes(b"the user's own picture")
    call("sync")
    call("validate", *FAST)
    assert (family / "Lora/zbrstripe_lora.preview.png").read_bytes().startswith(b"\x89PNG")
    assert own.read_bytes() == b"the user's own picture"


def test_what_cannot_be_rendered_gets_its_verdict_and_exit_code(family: Path, call: Call, tmp_path: Path) -> None:
    """A pickle that would run code is never opened by torch; a cut file is corrupt; both are in the table."""
    marker = tmp_path / "executed"
    (family / "embeddings/evil.pt").write_bytes(b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
    good = (family / "Lora/zbrstripe_lora.safetensors").read_bytes()
    (family / "Lora/cut.safetensors").write_bytes(good[:-1000])
    call("sync", str(family))
    code, document = call("validate", "evil", "cut")
    assert code == 1
    assert {entry["name"]: entry["verdict"] for entry in document["verdicts"]} == {"evil": "unsafe", "cut": "corrupt"}
    assert not marker.exists()
    assert {model["name"] for model in call("ls", "is:failed")[1]["models"]} == {"evil", "cut"}


def test_no_base_names_what_is_missing(family: Path, call: Call) -> None:
    """Without a checkpoint that fits: `no-base`, and a hint."""
    shutil.rmtree(family / "Stable-diffusion")
    call("sync", str(family))
    code, document = call("validate", "zbrstripe_lora")
    assert code == 1
    assert document["verdicts"][0]["verdict"] == "no-base"
    assert document["verdicts"][0]["hint"]


def test_a_base_that_does_not_fit(family: Path, call: Call, put: Callable[..., Path], webui: Path) -> None:
    """`--base` is the user's word: an SD 1.5 LoRA on the tiny base is `incompatible-base`, with the counts."""
    shutil.copyfile(put("Lora/real.safetensors"), family / "Lora/real_sd15.safetensors")
    call("sync", str(family))
    code, document = call("validate", "real_sd15", "--base", "tinyshapes")
    assert code == 1
    assert document["verdicts"][0]["verdict"] == "incompatible-base"
    assert call("validate", "real_sd15", "--base", "goldstar")[0] == 2


def test_the_same_input_gives_the_same_verdict(family: Path, call: Call) -> None:
    """Two runs, every number equal."""
    call("sync", str(family))
    first, second = (call("validate", "zbrstripe_lora", *FAST)[1] for _ in range(2))
    assert first == second


def test_the_demo_shows_all_of_it(call: Call, tmp_path: Path) -> None:
    """Every adapter of the family works on the checkpoint hubman chose, and the sheet is a picture."""
    from PIL import Image

    code, document = call("demo", "--keep", str(tmp_path / "demo"))
    verdicts = {entry["name"]: (entry["verdict"], entry["because"]) for entry in document["verdicts"]}
    assert set(verdicts) == {
        "goldstar", "nightfall", "polkadot_loha", "toy-negative", "zbrstripe_lora", "水墨_toy",
    }  # fmt: skip
    assert {name for name, (verdict, _) in verdicts.items() if verdict != "ok"} == set(), verdicts
    assert code == 0
    with Image.open(document["contact_sheet"]) as sheet:
        assert min(sheet.size) > 400
    assert run(["demo", "--keep", str(tmp_path / "demo")]) == 8


def test_an_unreadable_checkpoint_costs_a_warning_not_the_run(family: Path, call: Call) -> None:
    """Others prove the adapters; and one without a config is not preferred to one that can be rendered."""
    call("sync", str(family))
    shutil.copyfile(
        family / "Stable-diffusion/tinyshapes.safetensors", family / "Stable-diffusion/a_noconf.safetensors"
    )
    shutil.copyfile(family / "Stable-diffusion/tinyshapes.safetensors", family / "Stable-diffusion/gone.safetensors")
    call("sync", str(family))
    (family / "Stable-diffusion/gone.safetensors").unlink()
    code, document = call("validate", "goldstar", *FAST)
    (verdict,) = document["verdicts"]
    assert (code, verdict["base"]["name"]) == (0, "tinyshapes")


def test_the_usual_ckpt_is_a_base(family: Path, call: Call) -> None:
    """`{"state_dict": {...}}` as a pickle, the layout that SD 1.5 was published in."""
    import torch
    from safetensors.torch import load_file

    weights = load_file(family / "Stable-diffusion/tinyshapes.safetensors")
    torch.save({"state_dict": weights, "global_step": 1}, family / "Stable-diffusion/wrapped.ckpt")
    shutil.copytree(family / "Stable-diffusion/tinyshapes", family / "Stable-diffusion/wrapped")
    call("sync", str(family))
    code, document = call("validate", "zbrstripe_lora", "--base", "wrapped", *FAST)
    assert (code, document["verdicts"][0]["verdict"]) == (0, "ok"), document["verdicts"][0]["because"]


def test_an_embedding_named_with_brackets_is_called(family: Path, call: Call) -> None:
    """`bad(v2)` is an ordinary name; unescaped its brackets would be emphasis and the word never found."""
    shutil.copyfile(family / "embeddings/goldstar.pt", family / "embeddings/star(x).pt")
    call("sync", str(family))
    plain = call("validate", "goldstar", *FAST)[1]["verdicts"][0]
    named = call("validate", str(family / "embeddings/star(x).pt"), *FAST)[1]["verdicts"][0]
    assert named["plan"]["triggered"]["positive"] == r"a star\(x\) on a blue background"
    assert named["verdict"] == plain["verdict"]
    assert named["effect"]["mae"] > 1


def test_a_failure_of_the_machine_does_not_unsay_a_verdict(family: Path, call: Call, isolated: Path) -> None:
    """A folder that takes no pictures leaves the numbers; `error` is never written over them."""
    from hubman.core.query import parse_query
    from hubman.store.door import open_store
    from hubman.store.reader import open_reader

    call("sync", str(family))
    (isolated / "previews").write_text("in the way")
    code, document = call("validate", "zbrstripe_lora", *FAST)
    (verdict,) = document["verdicts"]
    assert (code, verdict["verdict"], verdict["preview"]) == (0, "ok", None)
    assert "could not be made" in verdict["hint"]
    with open_reader(isolated / "library.db") as reader:
        (file,) = reader.search(parse_query("zbrstripe", 0))[1]
    store = open_store(isolated / "library.db", isolated / "backups")
    assert file.hashes is not None
    with store.writer() as writer:
        writer.record_verdict(file.hashes.sha256, None, {"verdict": "error", "rule": "render-crashed"}, None)
    store.close()
    assert [model["name"] for model in call("ls", "is:ok")[1]["models"]] == ["zbrstripe_lora"]


def test_a_checkpoint_is_no_adapter(family: Path, call: Call) -> None:
    """Exit 2 with the way to use it, and no verdict on it."""
    call("sync", str(family))
    assert call("validate", "tinyshapes")[0] == 2
    assert call("ls", "has:verdict")[1]["models"] == []


def test_options_that_make_no_sense_are_refused(family: Path, call: Call) -> None:
    """Before anything is rendered or recorded."""
    call("sync", str(family))
    for option in (["--size", "0x0"], ["--size", "²x²"], ["--seeds", "9" * 30], ["--device", "foo"],
                   ["--prompt", "a <lora:other:1>"]):  # fmt: skip
        assert call("validate", "goldstar", *option)[0] == 2, option


def test_the_picture_of_a_broken_adapter_is_not_its_preview(family: Path, call: Call) -> None:
    """`--sidecars missing`: only what works gets a face."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(family / "Lora/zbrstripe_lora.safetensors")
    burnt = {name: value * 30 if ".lora_up" in name else value for name, value in weights.items()}
    save_file({name: torch.clone(value) for name, value in burnt.items()}, family / "Lora/burnt.safetensors")
    call("roots", "add", str(family), "--sidecars", "missing")
    call("sync")
    code, document = call("validate", "burnt", *FAST)
    assert (code, document["verdicts"][0]["verdict"]) == (1, "broken")
    assert not (family / "Lora/burnt.preview.png").exists()


def test_preview_make_renders_one_and_answers_in_one_document(family: Path, call: Call) -> None:
    """`--make --json` is one JSON document."""
    call("sync", str(family))
    code, document = call("preview", "goldstar", "--make")
    assert code == 0
    assert Path(document["preview"]).read_bytes().startswith(b"\x89PNG")
