"""Textual inversions in every layout that trainers write, and the small files that are none."""

from __future__ import annotations

from typing import Any

import pytest

from hubman.core.identify import identify
from hubman.core.types import Confidence, Format, Header, Kind, TensorInfo
from hubman.formats.pickle import flattened


def tensor(*shape: int, dtype: str = "F16") -> TensorInfo:
    return TensorInfo(shape, dtype)


def pickled(tree: Any) -> Header:
    return Header(Format.PICKLE, dict(flattened(tree)), tree=tree)


def table(**tensors: TensorInfo) -> Header:
    return Header(Format.SAFETENSORS, dict(tensors), {})


def a1111(count: int, width: int, **more: Any) -> dict[str, Any]:
    """modules/textual_inversion/textual_inversion.py `Embedding.save`."""
    vectors = tensor(count, width)
    return {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "it", "step": 9, **more}


T5 = ("pixart-alpha", "pixart-sigma", "chroma", "flux1", "sd3", "deepfloyd-if")


@pytest.mark.parametrize(
    ("header", "candidates", "vectors"),
    [
        (pickled(a1111(4, 768)), ("sd1",), 4),
        (pickled(a1111(75, 1024)), ("sd2",), 75),
        (pickled(a1111(2, 768, loss=0.1, sd_checkpoint=None, cond_vec=tensor(3, 3))), ("sd1",), 2),
        (pickled({"string_to_param": {"*": tensor(768)}}), ("sd1",), 1),
        (pickled([a1111(3, 768)]), ("sd1",), 3),  # Comfy-Org/ComfyUI comfy/sd1_clip.py load_embed: a list of dicts
        (table(**{"string_to_param.*": tensor(4, 768)}), ("sd1",), 4),
        (table(emb_params=tensor(6, 768, dtype="BF16")), ("sd1",), 6),  # sd-scripts train_textual_inversion.py
        (table(emb_params=tensor(6, 1024)), ("sd2",), 6),
        (table(emp_params=tensor(6, 768), emp_params_out=tensor(6, 768)), ("sd1",), 6),  # OneTrainer's spelling
        (table(clip_l=tensor(8, 768), clip_g=tensor(8, 1280)), ("sdxl",), 8),  # sd-scripts, SDXL
        (table(clip_l_out=tensor(8, 768), clip_g_out=tensor(8, 1280)), ("sdxl",), 8),  # OneTrainer: output embeddings
        (table(text_encoders_0=tensor(2, 768), text_encoders_1=tensor(2, 1280)), ("sdxl",), 2),  # cog-sdxl's .pti
        (table(text_encoder=tensor(2, 768), text_encoder_2=tensor(2, 1280)), ("sdxl",), 2),
        (pickled([{"emb": tensor(768), "emb2": tensor(1280)}] * 2), ("sdxl",), 2),
        (table(clip_g=tensor(8, 1280)), ("sdxl",), 8),
        (table(clip_l=tensor(8, 768)), ("sd1", "sdxl", "flux1", "sd3"), 8),  # all of them read CLIP-L
        (table(clip_l=tensor(8, 768), clip_g=tensor(8, 1280), t5xxl=tensor(8, 4096)), ("sd3",), 8),
        (table(clip_l=tensor(8, 768), t5=tensor(8, 4096)), ("flux1",), 8),  # diffusers advanced Flux script, OneTrainer
        (
            table(clip_l=tensor(1, 768), clip_g=tensor(1, 1280), t5=tensor(1, 4096), llama=tensor(1, 4096)),
            ("hidream-i1",),
            1,
        ),
        (table(clip_l=tensor(1, 768), llama=tensor(1, 4096)), ("hunyuan-video",), 1),
        (table(gemma=tensor(1, 2304)), ("lumina2", "sana"), 1),
        (table(qwen=tensor(1, 3584)), ("qwen-image",), 1),
        (table(t5=tensor(8, 4096)), T5, 8),
        (pickled(tensor(4096)), T5, 1),  # oss-roettger's for DeepFloyd IF
        (pickled({"<cat>": tensor(768)}), ("sd1",), 1),  # diffusers examples/textual_inversion
        (table(**{"<cat>": tensor(4, 1024)}), ("sd2",), 4),
        (table(**{"<cat>": tensor(768), "<cat>_1": tensor(768)}), ("sd1",), 2),
        (table(负面提示=tensor(2, 768)), ("sd1",), 2),
        (table(**{"v1.5-girl": tensor(2, 768)}), ("sd1",), 2),
        (table(girl_v2=tensor(2, 768)), ("sd1",), 2),
    ],
)
def test_layouts(header: Header, candidates: tuple[str, ...], vectors: int) -> None:
    facts = identify(header)
    assert (facts.kind, facts.candidates, facts.vectors) == (Kind.EMBEDDING, candidates, vectors)


def test_the_width_of_bert_is_not_sure_to_be_sdxl() -> None:
    """CompVis' first latent diffusion read a 1280-wide BERT, and textual inversion was invented on it."""
    facts = identify(pickled({"string_to_token": {}, "string_to_param": {"*": tensor(1, 1280)}}))
    assert (facts.architecture, facts.confidence) == ("sdxl", Confidence.LIKELY)


@pytest.mark.parametrize(
    ("shape", "kind", "architecture"),
    [
        ((1, 768), Kind.AESTHETIC_GRADIENT, "sd1"),
        ((1, 77, 768), Kind.CACHED_PROMPT, "sd1"),
        ((77, 768), Kind.CACHED_PROMPT, "sd1"),
        ((1, 154, 1024), Kind.CACHED_PROMPT, "sd2"),
        ((1, 77, 2048), Kind.CACHED_PROMPT, "sdxl"),
        ((768, 768), Kind.UNKNOWN, None),
        ((512, 4096), Kind.UNKNOWN, None),
        ((4, 64, 64), Kind.UNKNOWN, None),
        ((1, 1024), Kind.UNKNOWN, None),
    ],
)
def test_bare_tensors(shape: tuple[int, ...], kind: Kind, architecture: str | None) -> None:
    facts = identify(pickled(tensor(*shape)))
    assert (facts.kind, facts.architecture) == (kind, architecture)


@pytest.mark.parametrize(
    "tensors",
    [
        {"linear.weight": (1, 768), "linear.bias": (1,)},
        {"weight": (1, 768)},
        {"W": (10, 768)},
        {"gamma": (768,), "beta": (768,)},
        {"mean": (768,), "std": (768,)},
        {"latents": (64, 768)},
        {"features": (100, 768)},
        {"image_embeds": (1, 1024)},
        {"text_projection": (768, 768)},
        {"visual_projection.weight": (768, 1024)},
        {"hidden_state1": (77, 768), "hidden_state2": (77, 1280)},  # sd-scripts, cached text encoder outputs of SDXL
        {"latents_64x64": (4, 64, 64)},
        {"prompt_embeds": (1, 512, 4096), "pooled_prompt_embeds": (1, 768)},
        {"prompt_embeddings": (8, 768)},  # PEFT prompt tuning, of language models
        {"0": (3, 768)},
        {"x": (3, 768)},
        {f"conv{number}.weight": (8, 4, 7, 7) for number in range(1, 9)},
    ],
    ids=lambda tensors: ",".join(list(tensors)[:2]),
)
def test_small_files_that_are_none(tensors: dict[str, tuple[int, ...]]) -> None:
    header = Header(Format.SAFETENSORS, {name: tensor(*shape) for name, shape in tensors.items()}, {})
    assert identify(header).kind is Kind.UNKNOWN


def test_sidecars_of_the_optimizer_are_none() -> None:
    """A1111 writes `NAME.pt.optim` beside an embedding."""
    state = {0: {"step": 1, "exp_avg": tensor(1, 768), "exp_avg_sq": tensor(1, 768)}}
    header = pickled({"hash": "abcd", "optimizer_state_dict": {"state": state, "param_groups": [{"lr": 0.1}]}})
    assert identify(header).kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    ("name", "negative"),
    [
        *((name, True) for name in (
            "EasyNegative", "bad-hands-5", "ng_deepnegative_v1_75t", "negprompt5", "unspeakable-horrors", "lazyneg",
            "zPDXL2-neg", "UnrealisticDream", "boring_e621", "civitai_safe_helper", "nfixer", "aid210",
            "FastNegativeV2",
        )),
        *((name, False) for name in ("negligee", "negroni", "badger", "SimplePositive", "mainfixer", "aid")),
    ],
)  # fmt: skip
def test_names_of_negative_embeddings(name: str, negative: bool) -> None:
    assert identify(table(emb_params=tensor(4, 768)), name=name).negative is negative
