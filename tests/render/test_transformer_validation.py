"""Adapters proved on Flux.1 and SD3 folders from end to end: the base chosen, pictures, and a verdict."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from test_folders_and_sdxl import folder_base  # noqa: E402
from test_transformer_adapters import KOHYA, low_rank  # noqa: E402
from tiny_adapters import adapter_file, base_file  # noqa: E402
from tiny_transformers import CLIP_WIDTH, T5_WIDTH  # noqa: E402

from hubman.app.validate import validate_adapter  # noqa: E402
from hubman.app.validation import ValidateOptions  # noqa: E402
from hubman.core.plan.bases import fold  # noqa: E402
from hubman.core.plan.fit import match_embedding, match_hypernetwork  # noqa: E402
from hubman.core.plan.render import AdapterPlan, PromptPair  # noqa: E402
from hubman.core.types import Kind  # noqa: E402
from hubman.renderers.adapters import infos, open_adapter  # noqa: E402

pytestmark = pytest.mark.render

QUICK = ValidateOptions(seeds=(1,), steps=2, strengths=(1.0,), size=(32, 32))

QKV = [f"double_blocks.{n}.{s}_attn.qkv" for n in (0, 1) for s in ("img", "txt")]


def test_a_lora_is_proved_on_the_flux_folder_among_others(
    checkpoint: tuple[str, str],
    folders: dict[str, str],
    bases: dict[str, Any],
    files: Any,
    renderer: Any,
    tmp_path: Path,
) -> None:
    candidates = [base_file(checkpoint[0]), folder_base(folders["sd3"]), folder_base(folders["dev"])]
    options = ValidateOptions(**{f: getattr(QUICK, f) for f in QUICK.__slots__} | {"out_dir": str(tmp_path / "out")})
    path = files.safetensors("style", low_rank([*QKV, "single_blocks.0.linear1"], bases["dev"], KOHYA, 4.0))
    result = validate_adapter(adapter_file(path), candidates, options, renderer)
    found = result.to_json()
    assert found["base"]["name"] == "dev"
    assert found["base"]["rule"] == "fits"
    assert found["verdict"] in {"ok", "weak"}, found["because"]
    assert found["match"]["matched"] == 5
    assert found["effect"]["one_step"] > 0.01
    assert found["plan"]["sampling"]["sampler"] == "euler"
    assert found["plan"]["sampling"]["cfg"] == 3.5
    assert found["sweep"][0]["change"]["mae"] > 0
    assert "prediction-type-suspect" not in found["flags"]
    for picture in ("preview", "without", "with"):
        assert os.path.getsize(found[picture]) > 500


def test_a_lora_of_zeros_has_no_effect_and_one_of_another_model_has_no_base(
    folders: dict[str, str], bases: dict[str, Any], files: Any, renderer: Any
) -> None:
    base = folder_base(folders["dev"])
    tensors = low_rank(QKV, bases["dev"], KOHYA, None)
    zeros = {name: t * 0 if "lora_up" in name else t for name, t in tensors.items()}
    path = files.safetensors("zeros", zeros)
    assert validate_adapter(adapter_file(path), [base], QUICK, renderer).to_json()["verdict"] == "no-effect"
    joint = {name.replace("double_blocks", "joint_blocks"): t for name, t in tensors.items()}
    path = files.safetensors("joint", joint)
    assert validate_adapter(adapter_file(path), [base], QUICK, renderer).to_json()["verdict"] == "no-base"


def test_a_lora_is_proved_on_sd3_without_t5(
    folders: dict[str, str], bases: dict[str, Any], files: Any, renderer: Any
) -> None:
    names = [f"joint_blocks.{n}.{s}_block.attn.qkv" for n in range(3) for s in ("x", "context")]
    path = files.safetensors("sd3", low_rank(names, bases["sd3-no-t5"], KOHYA, None))
    base = folder_base(folders["sd3-no-t5"])
    found = validate_adapter(adapter_file(path), [base], QUICK, renderer).to_json()
    assert found["verdict"] in {"ok", "weak"}, found["because"]
    assert found["plan"]["sampling"]["cfg"] == 4.5


def test_a_single_file_of_flux_is_no_base_to_prefer_and_says_why_it_draws_nothing(
    folders: dict[str, str], bases: dict[str, Any], files: Any, renderer: Any
) -> None:
    from hubman.core.plan.bases_transformers import _FLUX_RULES, _instances

    dev = bases["dev"]
    modules = {name: m for name, m in dev.unet.named_modules() if hasattr(m, "weight")}
    originals = {}
    for rule in _instances(_FLUX_RULES, modules, "new"):
        shape = dev.layout.shape(dev.layout.places("unet", fold(rule.old)))
        originals[f"{rule.old}.{'scale' if rule.old.endswith('_norm') else 'weight'}"] = torch.zeros(shape)
    originals = {n: t for n, t in originals.items() if not (n.startswith("single") and n.endswith(".qkv.weight"))}
    single = base_file(files.safetensors("flux1-dev", originals))
    folder = folder_base(folders["dev"])
    assert not single.candidate.renderable
    assert folder.candidate.renderable
    path = files.safetensors("style", low_rank(QKV, dev, KOHYA, None))
    both = validate_adapter(adapter_file(path), [single, folder], QUICK, renderer).to_json()
    assert both["base"]["name"] == "dev"
    alone = validate_adapter(adapter_file(path), [single], QUICK, renderer).to_json()
    assert (alone["verdict"], alone["rule"]) == ("error", "base-folder-needed")
    assert alone["match"]["matched"] == 4


# --- embeddings and hypernetworks --------------------------------------------------------------------------------


def vectors(*widths: tuple[str, int]) -> dict[str, Any]:
    make = torch.Generator().manual_seed(3)
    return {name: torch.randn(2, width, generator=make) * 0.5 for name, width in widths}


@pytest.mark.parametrize(
    ("tensors", "name", "matched"),
    [
        (vectors(("emb_params", CLIP_WIDTH)), "dev", {"te1": (1, 1)}),
        (vectors(("clip_l", CLIP_WIDTH), ("t5", T5_WIDTH)), "dev", {"te1": (1, 1), "t5": (1, 1)}),
        (vectors(("clip_l", CLIP_WIDTH), ("clip_g", 64)), "dev", {"te1": (1, 1), "te2": (0, 1)}),
        (vectors(("clip_l", 20), ("clip_g", 24)), "sd3", {"te1": (1, 1), "te2": (1, 1)}),
        (vectors(("clip_l", 20), ("clip_g", 24), ("t5xxl", T5_WIDTH)), "sd3-no-t5", {"t5": (0, 1)}),
        (vectors(("clip_l", 20)), "sd3", {"te1": (1, 1), "te2": (0, 1)}),
    ],
    ids=("clip", "clip and t5", "sdxl on flux", "sdxl on sd3", "no t5", "half of it"),
)
def test_an_embedding_fits_by_the_widths_of_the_clips_and_of_t5_if_it_has_some(
    tensors: dict[str, Any], name: str, matched: dict[str, tuple[int, int]], bases: dict[str, Any]
) -> None:
    found = dict(match_embedding(infos(tensors), bases[name].layout).parts)
    assert {part: found[part] for part in matched} == matched
    assert len(found) == max(len(matched), len(tensors))


def test_an_embedding_speaks_to_each_encoder_that_it_has_vectors_for(bases: dict[str, Any], files: Any) -> None:
    base = bases["dev"]
    path = files.safetensors("star", vectors(("clip_l", CLIP_WIDTH), ("t5", T5_WIDTH)))
    clip_only = files.safetensors("moon", vectors(("clip_l", CLIP_WIDTH)))

    def read(file: str, word: str, on: float) -> Any:
        adapter = open_adapter(base, AdapterPlan(file, word, "", Kind.EMBEDDING, word))
        adapter.set(on)
        with torch.inference_mode():
            return base.family.encode(base, PromptPair(f"a photo of {word}"), 1, adapter.embeddings())

    plain, both = read(path, "star", 0), read(path, "star", 1)
    assert not torch.equal(plain.pooled[1], both.pooled[1])
    assert not torch.equal(plain.states[1], both.states[1])
    assert torch.equal(plain.states[0], both.states[0])
    plain, one = read(clip_only, "moon", 0), read(clip_only, "moon", 1)
    assert not torch.equal(plain.pooled[1], one.pooled[1])
    assert torch.equal(plain.states[1], one.states[1])  # T5 reads the word itself


def test_the_vectors_of_an_embedding_lie_where_its_word_stands(bases: dict[str, Any]) -> None:
    from hubman.renderers.families.flow import _t5_tokens, t5_of

    text = t5_of(bases["dev"])
    assert text is not None
    rows = torch.ones(3, T5_WIDTH)
    ids, weights, placed = _t5_tokens(text, "a (star:1.5) b", 16, {"star": {"te2": rows}})
    first = len(text.tokenizer("a", add_special_tokens=False).input_ids)
    assert [at for at, _ in placed] == [first, first + 1, first + 2]
    assert weights[first : first + 4] == [1.5, 1.5, 1.5, 1.0]
    assert len(ids) == len(weights) == 16
    ids, _weights, placed = _t5_tokens(text, "star star star", 6, {"star": {"te2": rows}})
    assert len(ids) == 6
    assert ids[-1] == text.tokenizer.eos_token_id
    assert max(at for at, _ in placed) == 4


def test_hypernetworks_have_no_place_in_a_transformer(bases: dict[str, Any]) -> None:
    for name in ("dev", "sd35"):
        assert match_hypernetwork((CLIP_WIDTH, 32), bases[name].layout).matched == 0
