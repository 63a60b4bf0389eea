"""Adapters proved end to end: header, base choice, child process, verdict, pictures."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tiny_adapters import adapter_file, base_file, lora_tensors, taught_tensors  # noqa: E402

from hubman.app.sheet import SheetRow, contact_sheet  # noqa: E402
from hubman.app.validate import validate_adapter  # noqa: E402
from hubman.app.validation import ValidateOptions  # noqa: E402
from hubman.core.types import Kind, Safety  # noqa: E402
from hubman.core.verdict import ENGINE, Verdict  # noqa: E402
from hubman.errors import RenderError  # noqa: E402
from hubman.renderers.process import Renderer  # noqa: E402

pytestmark = pytest.mark.render

QUICK = ValidateOptions(seeds=(1, 2), steps=3, cfg=3.0, strengths=(0.6, 1.0))


@pytest.fixture(scope="module")
def tiny(checkpoint: tuple[str, str]) -> Any:
    return base_file(checkpoint[0])


class NeverAsked:
    """A session that fails the test when it is used: static verdicts start no process."""

    def hello(self) -> dict[str, Any]:
        raise AssertionError("the render process was started")

    measure = write = hello


def prove(adapter: Any, bases: list[Any], renderer: Any, options: ValidateOptions = QUICK) -> Any:
    return validate_adapter(adapter, bases, options, renderer)


def test_a_working_lora_is_ok_with_all_its_numbers(files: Any, loaded: Any, tiny: Any, renderer: Any) -> None:
    path = files.safetensors("ink", taught_tensors(loaded), {"ss_sd_model_name": "tiny.safetensors"})
    result = prove(adapter_file(path, triggers=("zqx",)), [tiny], renderer).to_json()
    assert (result["verdict"], result["rule"]) == ("ok", "picture-changed")
    assert result["base"]["rule"] == "declared"
    assert result["match"]["matched"] == result["match"]["total"] > 60
    assert set(result["match"]["parts"]) == {"unet", "te1"}
    assert result["effect"]["mae"] > 3
    assert result["effect"]["one_step"] > 0.01
    assert [point["strength"] for point in result["sweep"]] == [0.6, 1.0]
    assert result["plan"]["neutral"]["positive"] == "a red circle"
    assert result["plan"]["triggered"]["positive"] == "a red circle, zqx"
    assert result["numbers"]["base"]["floor"] == {"one_step": 0.0, "mae": 0.0}
    assert result["numbers"]["base"]["size"] == [32, 32]
    assert [word["text"] for word in result["trigger"]["words"]] == ["zqx"]
    assert result["effect"]["times_noise"] > 2
    assert result["engine"] == ENGINE
    assert result["static"]["ranks"] == {"min": 4, "median": 4, "max": 4}
    assert len(result["effect"]["dw_top"]) == 5
    assert result["numbers"]["adapter"]["alpha_max"] == 2.0
    assert result["numbers"]["other_word"]["old"] == "red"
    assert result["environment"]["device"] == "cpu"


def test_the_same_input_gives_the_same_json(files: Any, loaded: Any, tiny: Any, renderer: Any) -> None:
    """In one process, after another adapter, and in a fresh one."""
    adapter = adapter_file(files.safetensors("ink", lora_tensors(loaded)), triggers=("zqx",))
    first = prove(adapter, [tiny], renderer).to_json()
    prove(adapter_file(files.hypernetwork("between"), Kind.HYPERNETWORK), [tiny], renderer)
    assert prove(adapter, [tiny], renderer).to_json() == first
    with Renderer(device="cpu") as fresh:
        assert json.dumps(prove(adapter, [tiny], fresh).to_json()) == json.dumps(first)


def test_all_up_matrices_zero_is_no_effect(files: Any, loaded: Any, tiny: Any, renderer: Any) -> None:
    tensors = {k: torch.zeros_like(v) if "lora_up" in k else v for k, v in lora_tensors(loaded).items()}
    result = prove(adapter_file(files.safetensors("zero", tensors), triggers=("zqx",)), [tiny], renderer)
    assert (result.verdict, result.judgement.rule) == (Verdict.NO_EFFECT, "no-change")
    assert result.numbers["zero_modules"] == result.numbers["match"]["total"]
    assert result.numbers["pairs"]["CD"]["mae"] == 0.0


def test_nan_is_broken(files: Any, loaded: Any, tiny: Any, renderer: Any) -> None:
    tensors = lora_tensors(loaded)
    tensors[next(iter(tensors))][0, 0] = float("nan")
    result = prove(adapter_file(files.safetensors("nan", tensors)), [tiny], renderer)
    assert (result.verdict, result.judgement.rule) == (Verdict.BROKEN, "not-finite-weights")


def test_a_lora_of_another_size_has_no_base_or_misfits_the_named_one(files: Any, tiny: Any) -> None:
    """SD1.5's 320 channels on a base of 16: no torch is needed to say so."""
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = {f"{name}.lora_down.weight": torch.ones(4, 320), f"{name}.lora_up.weight": torch.ones(320, 4)}
    plain = adapter_file(files.safetensors("sd15", tensors))
    assert prove(plain, [tiny], NeverAsked()).verdict == Verdict.NO_BASE
    assert prove(plain, [], NeverAsked()).verdict == Verdict.NO_BASE
    given = ValidateOptions(base_given=True)
    assert prove(plain, [tiny], NeverAsked(), given).verdict == Verdict.INCOMPATIBLE_BASE
    named = adapter_file(files.safetensors("sd15n", tensors, {"ss_sd_model_name": "tiny.ckpt"}))
    assert prove(named, [tiny], NeverAsked()).verdict == Verdict.INCOMPATIBLE_BASE


def test_twenty_times_too_strong_is_broken(files: Any, loaded: Any, tiny: Any, renderer: Any) -> None:
    """Overdriven weights burn the picture already at 0.6."""
    weight = loaded.modules["unet", "conv_out"].weight
    path = files.safetensors("burnt", {"lora_unet_conv_out.diff": weight.detach() * 200})
    result = prove(adapter_file(path), [tiny], renderer)
    assert (result.verdict, result.judgement.rule) == (Verdict.BROKEN, "burnt"), result.to_json()["sweep"]


def test_a_down_without_its_up_is_corrupt(files: Any, loaded: Any, tiny: Any) -> None:
    tensors = lora_tensors(loaded)
    del tensors[next(name for name in tensors if "lora_up" in name)]
    result = prove(adapter_file(files.safetensors("cut", tensors)), [tiny], NeverAsked())
    assert (result.verdict, result.judgement.rule) == (Verdict.CORRUPT, "missing-partner")


def test_an_unknown_algorithm_is_unsupported(files: Any, tiny: Any) -> None:
    path = files.safetensors("odd", {"lora_unet_mid_block_attentions_0_proj_in.hyper_w": torch.ones(3)})
    assert prove(adapter_file(path), [tiny], NeverAsked()).verdict == Verdict.UNSUPPORTED


def test_some_unknown_modules_make_it_partial(files: Any, loaded: Any, tiny: Any, renderer: Any) -> None:
    renamed = lora_tensors(loaded).items()
    tensors = {name.replace("up_blocks_3", "up_blocks_9"): tensor for name, tensor in renamed}
    tensors["lora_te_text_model_embeddings_position_ids"] = torch.arange(77)
    result = prove(adapter_file(files.safetensors("half", tensors)), [tiny], renderer)
    assert result.verdict == Verdict.PARTIAL
    match = result.to_json()["match"]
    assert match["unmatched"]["count"] == match["total"] - match["matched"] > 0
    assert match["harmless"] == 1


def test_an_unsafe_pickle_is_never_opened(files: Any, tiny: Any, tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps(os.system))
    adapter = adapter_file(str(path), Kind.EMBEDDING)
    assert adapter.header.safety is Safety.UNSAFE
    result = prove(adapter, [tiny], NeverAsked())
    assert result.verdict == Verdict.UNSAFE
    assert "system" in result.judgement.because


def test_an_embedding_is_tested_against_its_own_name(files: Any, tiny: Any, renderer: Any) -> None:
    result = prove(adapter_file(files.embedding("goldstar"), Kind.EMBEDDING), [tiny], renderer).to_json()
    assert result["plan"]["triggered"] == {"positive": "a photo of goldstar", "negative": ""}
    assert result["verdict"] in {"ok", "weak"}
    assert result["effect"]["mae"] > 0
    assert len(result["numbers"]["adapter"]["te1_norms"]) == 2


def test_a_negative_embedding_is_tested_in_the_negative_prompt(files: Any, tiny: Any, renderer: Any) -> None:
    adapter = adapter_file(files.embedding("toy-negative"), Kind.EMBEDDING, negative=True)
    result = prove(adapter, [tiny], renderer).to_json()
    assert result["plan"]["triggered"] == {"positive": "a red circle", "negative": "toy-negative"}
    assert result["effect"]["mae"] > 0


def test_an_embedding_of_another_width_has_no_base(files: Any, tiny: Any) -> None:
    path = files.safetensors("wide", {"emb_params": torch.ones(2, 768)})
    assert prove(adapter_file(path, Kind.EMBEDDING), [tiny], NeverAsked()).verdict == Verdict.NO_BASE


def test_a_hypernetwork_is_proved(files: Any, tiny: Any, renderer: Any) -> None:
    result = prove(adapter_file(files.hypernetwork("night"), Kind.HYPERNETWORK), [tiny], renderer).to_json()
    assert result["verdict"] in {"ok", "weak"}
    assert result["match"]["parts"] == {"32": {"matched": 1, "total": 1}, "80": {"matched": 1, "total": 1}}
    assert result["flags"][0] == "no-trigger-known"


def test_pictures_carry_their_recipe(files: Any, loaded: Any, tiny: Any, renderer: Any, tmp_path: Path) -> None:
    """A1111's `parameters` chunk, with a Chinese name, and hubman's own JSON."""
    from PIL import Image

    adapter = adapter_file(files.safetensors("水墨_toy", lora_tensors(loaded)), triggers=("shuimo",))
    options = ValidateOptions(seeds=(7,), steps=3, strengths=(0.6, 1.0), weight=0.6, out_dir=str(tmp_path / "out"))
    result = prove(adapter, [tiny], renderer, options)
    with Image.open(result.preview) as picture:
        texts = dict(picture.text)
        assert picture.size == (32, 32)
    assert texts["parameters"] == result.recipe
    first, second = result.recipe.splitlines()
    assert first == "<lora:水墨_toy:0.6>, a red circle, shuimo"
    assert second.startswith("Steps: 3, Sampler: DPM++ 2M, CFG scale: 3, Seed: 7, Size: 32x32, Model hash: ")
    assert json.loads(texts["hubman"])["adapter"]["sha256"] == adapter.sha256
    assert result.preview == str(tmp_path / "out" / f"{adapter.sha256}.png")
    assert os.path.isfile(result.without)
    assert os.path.isfile(result.with_)


def test_a_large_model_on_a_cpu_is_checked_without_a_picture(files: Any, loaded: Any, tiny: Any, renderer: Any) -> None:
    adapter = adapter_file(files.safetensors("ink", taught_tensors(loaded)))
    result = prove(adapter, [tiny], renderer, ValidateOptions(render=False))
    assert (result.verdict, result.judgement.rule) == (Verdict.OK, "prediction-changed")
    assert "not-rendered" in result.judgement.flags
    assert result.preview is None
    steps = result.numbers["one_step"]["sweep"]
    assert [step["strength"] for step in steps] == [0.4, 0.6, 0.8, 1.0]
    assert [step["change"] for step in steps] == sorted(step["change"] for step in steps)


def test_random_weights_are_weak_with_and_without_pictures(files: Any, loaded: Any, tiny: Any, renderer: Any) -> None:
    adapter = adapter_file(files.safetensors("noise", lora_tensors(loaded)), triggers=("zqx",))
    for options in (QUICK, ValidateOptions(render=False)):
        result = prove(adapter, [tiny], renderer, options)
        assert (result.verdict, result.judgement.rule) == (Verdict.WEAK, "like-noise")


def test_a_contact_sheet_shows_pairs(files: Any, loaded: Any, tiny: Any, renderer: Any, tmp_path: Path) -> None:
    from PIL import Image

    options = ValidateOptions(seeds=(1,), steps=2, strengths=(1.0,), out_dir=str(tmp_path / "p"))
    ok = prove(adapter_file(files.safetensors("水墨_toy", lora_tensors(loaded))), [tiny], renderer, options)
    star = prove(adapter_file(files.embedding("goldstar"), Kind.EMBEDDING), [tiny], renderer, options)
    odd = prove(adapter_file(files.safetensors("odd", {"x.y": torch.ones(3)})), [tiny], renderer, options)
    drawn = contact_sheet([ok, SheetRow((star,)), odd], str(tmp_path / "sheet.png"), renderer)
    with Image.open(drawn["path"]) as sheet:
        assert list(sheet.size) == drawn["size"]
        assert len(sheet.convert("RGB").getcolors(1_000_000)) > 100
    assert set(drawn["unnamed"]) <= {ok.adapter.id}


# --- the process ---


def test_a_killed_child_costs_one_adapter(files: Any, loaded: Any, tiny: Any) -> None:
    """kill -9 in the middle of a render; the next adapter is rendered by a new process."""
    adapter = adapter_file(files.safetensors("ink", lora_tensors(loaded)))
    killed: list[int] = []

    def kill_once(stage: str) -> None:
        if stage.startswith("C@") and not killed:
            killed.append(renderer.pid or 0)
            os.kill(killed[0], getattr(signal, "SIGKILL", signal.SIGTERM))

    with Renderer(device="cpu", on_progress=kill_once) as renderer:
        first = prove(adapter, [tiny], renderer)
        assert (first.verdict, first.judgement.rule) == (Verdict.ERROR, "render-crashed")
        second = prove(adapter, [tiny], renderer)
        assert second.verdict in {Verdict.OK, Verdict.WEAK}
        assert renderer.pid != killed[0]


def test_a_missing_extra_is_said_with_the_command_to_run(
    files: Any, loaded: Any, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Renderer() as renderer:
        with pytest.raises(RenderError) as caught:
            renderer.hello()
        assert caught.value.reference == "render-extra-missing"
        assert caught.value.hint == "pip install 'hubman[render]'"
        result = prove(adapter_file(files.safetensors("ink", lora_tensors(loaded))), [tiny], renderer)
        assert (result.verdict, result.judgement.rule) == (Verdict.ERROR, "render-extra-missing")


def test_a_silent_child_is_given_up(files: Any, loaded: Any, tiny: Any) -> None:
    with Renderer(device="cpu", timeout=0.001) as renderer:
        result = prove(adapter_file(files.safetensors("ink", lora_tensors(loaded))), [tiny], renderer)
        assert (result.verdict, result.judgement.rule) == (Verdict.ERROR, "render-timeout")
        assert renderer.pid is None


def test_a_base_that_cannot_be_loaded_is_an_error_not_a_verdict(
    files: Any, loaded: Any, tiny: Any, renderer: Any, tmp_path: Path
) -> None:
    """No config for a file of unknown dimensions."""
    import shutil

    lonely = shutil.copy(tiny.path, tmp_path / "lonely.safetensors")
    adapter = adapter_file(files.safetensors("ink", lora_tensors(loaded)))
    result = prove(adapter, [base_file(str(lonely))], renderer)
    assert (result.verdict, result.judgement.rule) == (Verdict.ERROR, "base-config-missing")
    assert "--config" in result.hint


def test_the_package_imports_without_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, hubman.renderers, hubman.renderers.process, hubman.app.validate, hubman.app.preview; "
        "bad = {'torch', 'diffusers', 'transformers', 'numpy', 'PIL'} & set(sys.modules); "
        "sys.exit(repr(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
