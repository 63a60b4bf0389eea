"""Single files of every layout against the diffusers folder of the same weights, and files that are not whole."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import tiny_layouts  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_adapters import adapter_file, base_file  # noqa: E402

from hubman.app.validate import validate_adapter  # noqa: E402
from hubman.app.validation import ValidateOptions  # noqa: E402
from hubman.core.identify.wrappers import unwrap  # noqa: E402
from hubman.core.plan import base_layout  # noqa: E402
from hubman.core.plan.render import BasePlan, PromptPair, Sampling  # noqa: E402
from hubman.core.types import Kind, Safety  # noqa: E402
from hubman.errors import RenderError  # noqa: E402
from hubman.formats import read_header  # noqa: E402
from hubman.renderers.base import load_base  # noqa: E402
from hubman.renderers.configs import can_render, find_config  # noqa: E402
from hubman.renderers.sample import render  # noqa: E402

pytestmark = pytest.mark.render

QUICK = Sampling(seeds=(1,), steps=2)
PAIR = PromptPair("a cat, red", "dog")
PARTS = {"sd2": {"unet", "te1"}, "sdxl": {"unet", "te1", "te2"}}


@pytest.fixture(scope="module")
def twins(checkpoint: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Return kind -> (diffusers folder, single file)."""
    folder = tmp_path_factory.mktemp("twins")
    return {kind: tiny_layouts.write(folder, kind, checkpoint[1]) for kind in PARTS}


@pytest.fixture(scope="module")
def loaded_twins(twins: dict[str, tuple[str, str]]) -> dict[str, tuple[Any, Any]]:
    return {
        kind: (
            load_base(BasePlan(folder, kind, "", None, "folder"), "cpu", "float32"),
            load_base(BasePlan(file, kind, "", folder, "given"), "cpu", "float32"),
        )
        for kind, (folder, file) in twins.items()
    }


@pytest.mark.parametrize("kind", sorted(PARTS))
def test_a_single_file_and_a_folder_give_the_same_pictures(
    kind: str, loaded_twins: dict[str, tuple[Any, Any]], twins: dict[str, tuple[str, str]]
) -> None:
    """The weights are the same to the last bit, whoever converted them, and so is the picture, but for rounding.

    Where a matrix begins in memory decides which of BLAS' loops multiplies it: two copies may differ in a last digit.
    """
    folder, single = loaded_twins[kind]
    assert single.fingerprint == folder.fingerprint
    assert single.layout == folder.layout
    pictures = [render(base, base.family.encode(base, PAIR, 1, {}), QUICK) for base in (folder, single)]
    assert float(pictures[0].pixels.std()) > 0.01
    torch.testing.assert_close(pictures[0].latents, pictures[1].latents, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(pictures[0].pixels, pictures[1].pixels, rtol=0, atol=1e-4)
    # What the header alone promises to adapters is what the engine finds; SD2's unused last layer is the file's own.
    header = base_layout(read_header(twins[kind][1], isolate=False).tensors).modules
    unused = {key for key in header if key not in single.layout.modules}
    assert all("encoder_layers_2_" in name and kind == "sd2" for _, name in unused)
    assert {key: shape for key, shape in single.layout.modules.items() if key not in header}.keys() <= {
        key for key in single.layout.modules if "position_embedding" in key[1] or "norm" in key[1]
    }


@pytest.mark.parametrize(("kind", "part"), [("sd2", "te1"), ("sdxl", "te1"), ("sdxl", "te2"), ("sdxl", "unet")])
def test_adapters_of_each_part_match_and_change_it(kind: str, part: str, twins: Any, files: Any, renderer: Any) -> None:
    """The same LoRA gives the same numbers on the single file and on the folder."""
    folder, single = twins[kind]
    layout = base_layout(read_header(folder, isolate=False).tensors)
    stem = {"unet": "lora_unet_", "te2": "lora_te2_text_model_"}.get(
        part, f"lora_te{'1' * (kind == 'sdxl')}_text_model_"
    )
    make = torch.Generator().manual_seed(0)
    tensors = {}
    for (where, name), shape in layout.modules.items():
        if where == part and len(shape) == 2 and ("to_v" in name or "v_proj" in name):
            tensors[f"{stem}{name}.lora_down.weight"] = torch.randn((4, shape[1]), generator=make) * 0.3
            tensors[f"{stem}{name}.lora_up.weight"] = torch.randn((shape[0], 4), generator=make)
    lora = adapter_file(files.safetensors(f"{kind}-{part}", tensors))
    options = ValidateOptions(seeds=(1,), steps=2, strengths=(1.0,), config=folder)
    ours = validate_adapter(lora, [base_file(single)], options, renderer)
    assert ours.to_json()["match"]["parts"] == {part: {"matched": len(tensors) // 2, "total": len(tensors) // 2}}
    assert ours.measured.one_step
    assert max(value or 0.0 for value in ours.measured.one_step) > 0.002
    assert ours.numbers["base"]["prediction"]["source"] == "given"


# --- files that are not whole, and files in other words ---


def _without(state: dict[str, Any], start: str) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not name.startswith(start)}


DAMAGED = {
    "no VAE": (lambda s: _without(s, "first_stage_model."), "base-incomplete", "VAE"),
    "no text encoder": (lambda s: _without(s, "cond_stage_model."), "base-incomplete", "text encoder"),
    "a U-Net weight gone": (lambda s: _without(s, "model.diffusion_model.out.2.bias"), "base-incomplete", "U-Net"),
    "a VAE weight gone": (lambda s: _without(s, "first_stage_model.decoder.conv_in.bias"), "base-incomplete", "VAE"),
    "a text weight gone": (
        lambda s: _without(s, "cond_stage_model.transformer.text_model.final_layer_norm.bias"),
        "base-incomplete",
        "text encoder",
    ),
    "another size": (
        lambda s: s | {"model.diffusion_model.out.2.bias": torch.zeros(9)},
        "base-config-mismatch",
        "model.diffusion_model.out.2.bias",
    ),
    "nine channels": (
        lambda s: s | {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(16, 9, 3, 3)},
        "base-unsupported",
        "inpainting",
    ),
    "scaled fp8": (
        lambda s: s | {"model.diffusion_model.out.2.scale_weight": torch.ones(1)},
        "base-unsupported",
        "scales",
    ),
    "EDM": (lambda s: s | {"edm_mean": torch.zeros(4)}, "base-unsupported", "Playground"),
}


@pytest.mark.parametrize("case", sorted(DAMAGED))
def test_what_is_missing_is_named_before_anything_is_converted(
    case: str, checkpoint: tuple[str, str], tmp_path: Path
) -> None:
    change, reference, word = DAMAGED[case]
    path = str(tmp_path / "x.safetensors")
    save_file(change(load_file(checkpoint[0])), path)
    with pytest.raises(RenderError) as caught:
        load_base(BasePlan(path, "x", "", checkpoint[1], "given"), "cpu", "float32")
    assert caught.value.reference == reference
    assert word in str(caught.value)
    assert caught.value.hint


def test_what_a_file_lacks_may_lie_beside_it(checkpoint: tuple[str, str], twins: Any, tmp_path: Path) -> None:
    """A pruned SDXL without VAE and a folder of its name with one."""
    folder, single = twins["sdxl"]
    path = str(tmp_path / "pruned.safetensors")
    save_file(_without(load_file(single), "first_stage_model."), path)
    shutil.copytree(folder, tmp_path / "pruned", ignore=shutil.ignore_patterns("*.safetensors"))
    header = read_header(path, isolate=False)
    assert find_config(path, header) == (str(tmp_path / "pruned"), "beside")
    assert not can_render(path, header)
    shutil.copytree(f"{folder}/vae", tmp_path / "pruned" / "vae", dirs_exist_ok=True)
    assert can_render(path, header)
    base = load_base(BasePlan(path, "pruned", "", str(tmp_path / "pruned"), "beside"), "cpu", "float32")
    whole = load_base(BasePlan(single, "whole", "", folder, "given"), "cpu", "float32")
    assert all(torch.equal(a, b) for a, b in zip(base.vae.parameters(), whole.vae.parameters(), strict=True))


def _nai(name: str) -> str:
    return name.replace("transformer.text_model.", "transformer.")


OTHER_WORDS = {
    "EMA copies and a schedule": lambda s: (
        s | {f"model_ema.{n.replace('.', '')}": v + 1 for n, v in list(s.items())[:9]} | {"betas": torch.ones(1000)}
    ),
    "NAI's names": lambda s: {_nai(name): value for name, value in s.items()},
}


@pytest.mark.parametrize("case", sorted(OTHER_WORDS))
def test_other_words_for_the_same_weights(case: str, checkpoint: tuple[str, str], loaded: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "x.safetensors")
    save_file(OTHER_WORDS[case](load_file(checkpoint[0])), path)
    assert load_base(BasePlan(path, "x", "", checkpoint[1]), "cpu", "float32").fingerprint == loaded.fingerprint


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_short_floats_are_read_as_what_they_say(dtype: str, checkpoint: tuple[str, str], tmp_path: Path) -> None:
    """An 8-bit file computes as the same numbers in 32 bits."""
    path = str(tmp_path / "x.safetensors")
    short = {name: value.to(getattr(torch, dtype)) for name, value in load_file(checkpoint[0]).items()}
    save_file(short, path)
    base = load_base(BasePlan(path, "x", "", checkpoint[1]), "cpu", "float32")
    assert next(base.unet.parameters()).dtype == torch.float32
    assert torch.equal(base.unet.conv_in.weight, short["model.diffusion_model.input_blocks.0.0.weight"].float())
    token = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    assert torch.equal(base.texts[0].inner.embeddings.token_embedding.weight, short[token].float())


class _Payload:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.marker,)


def test_a_safe_pickle_is_a_base_and_any_other_is_not_read(
    checkpoint: tuple[str, str], loaded: Any, tmp_path: Path, files: Any, renderer: Any
) -> None:
    state = load_file(checkpoint[0])
    safe, unsafe, marker = (str(tmp_path / name) for name in ("safe.ckpt", "unsafe.ckpt", "ran"))
    torch.save({"state_dict": state, "global_step": 7}, safe)
    torch.save({"state_dict": state, "callback": _Payload(marker)}, unsafe)
    assert load_base(BasePlan(safe, "safe", "", checkpoint[1]), "cpu", "float32").fingerprint == loaded.fingerprint
    header = read_header(unsafe, isolate=False)
    assert header.safety is Safety.UNSAFE
    with pytest.raises(RenderError) as caught:
        load_base(BasePlan(unsafe, "unsafe", "", checkpoint[1]), "cpu", "float32")
    assert caught.value.reference == "base-unreadable"
    dangerous = replace(base_file(checkpoint[0]), path=unsafe, header=replace(unwrap(header), safety=header.safety))
    lora = adapter_file(files.embedding("star"), Kind.EMBEDDING)
    result = validate_adapter(lora, [dangerous], ValidateOptions(base_given=True, config=checkpoint[1]), renderer)
    assert (str(result.verdict), result.judgement.rule) == ("error", "base-unsafe")
    assert not os.path.exists(marker)


def test_the_refiner_is_named_in_a_file_and_in_a_folder(tmp_path: Path) -> None:
    name = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
    path = str(tmp_path / "refiner.safetensors")
    save_file({name: torch.zeros(1, 1280), "model.diffusion_model.label_emb.0.0.weight": torch.zeros(1, 1)}, path)
    folder = tmp_path / "refiner-folder"
    folder.mkdir()
    index = {"_class_name": "StableDiffusionXLImg2ImgPipeline"}
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    for place in (path, str(folder)):
        with pytest.raises(RenderError, match="refiner") as caught:
            load_base(BasePlan(place, "refiner", ""), "cpu", "float32")
        assert caught.value.reference == "base-unsupported"
    assert not can_render(path, read_header(path, isolate=False))
