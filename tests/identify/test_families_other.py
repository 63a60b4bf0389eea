"""What steers, sees, reads, enlarges or repairs: every file of these kinds is told, and nothing else is taken for one.

The files are the labelled headers of tests/corpora, those generated from the classes of diffusers, and small ones
written here by the names that the original repositories give (no public copy of which may be kept here).
"""

from __future__ import annotations

import functools
import json
import lzma
from collections.abc import Mapping, Sequence
from typing import Any

import corpus
import pytest

from hubman.core.identify import encoders, match, others, wrappers
from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Format, Header, Kind, TensorInfo

KINDS = (
    Kind.CONTROLNET,
    Kind.T2I_ADAPTER,
    Kind.IP_ADAPTER,
    Kind.MOTION_MODULE,
    Kind.UPSCALER,
    Kind.FACE_RESTORER,
    Kind.TEXT_ENCODER,
    Kind.CLIP_VISION,
)
FAMILIES = (
    "controlnet",
    "face_restorer",
    "ip_adapter",
    "motion_module",
    "t2i_adapter",
    "text_clip",
    "text_language",
    "text_t5",
    "upscaler",
    "vision_encoder",
)
LABELLED_OTHERWISE = ("ReduxImageEncoder",)
"""The generator has no word for Flux Redux; families/ip_adapter.py says why it is one."""

OF_NO_MODEL = ("chinese_clip_text", "xlm_roberta_large")
"""BERTs that no image model in the tables reads text with: left unknown, see families/text_t5.py."""

Shapes = Mapping[str, Sequence[int]]


@functools.cache
def _every_case() -> tuple[tuple[corpus.Case, Header], ...]:
    lines = lzma.decompress((corpus.HERE / "generated.jsonl.xz").read_bytes()).decode().splitlines()
    generated = ((case, corpus.header_from(case)) for case in map(json.loads, lines))
    both = (*((case, corpus.header_of(case)) for case in corpus.cases()), *generated)
    return tuple((case, wrappers.unwrap(header)) for case, header in both if header.tensors)


def _ours() -> list[Any]:
    chosen = [(case, header) for case, header in _every_case() if corpus.kind_of(case) in KINDS]
    chosen = [(case, header) for case, header in chosen if not any(name in case["file"] for name in OF_NO_MODEL)]
    return [pytest.param(case, header, id=case["file"]) for case, header in chosen]


def _best(header: Header) -> list[match.Match]:
    return match.best(match.matches(header.tensors))


def _architectures(found: Sequence[match.Match]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in found for name in one.entry.signature.architectures))


def _told(header: Header) -> tuple[str, tuple[str, ...], str | None]:
    found = _best(header)
    if not found:
        return "unknown", (), None
    draft = Draft(header, found[0].kind)
    match.tell(draft, found)
    return found[0].kind.value, _architectures(found), draft.values.get("variant")


@pytest.mark.parametrize(("case", "header"), _ours())
def test_every_labelled_file_is_told(case: corpus.Case, header: Header) -> None:
    kind, architectures, variant = _told(header)
    assert kind == corpus.kind_of(case)
    base = corpus.base_of(case)
    if base:
        assert architectures == (base,)
    if case.get("variant"):
        assert variant == ("animatelcm" if "animatelcm" in case["file"] else case["variant"])


@pytest.mark.parametrize(("case", "header"), _ours())
def test_one_signature_is_left(case: corpus.Case, header: Header) -> None:
    assert len(_best(header)) == 1


def test_nothing_else_is_taken_for_one() -> None:
    ours = {id(match.all_families()[name]) for name in FAMILIES}
    wrong = [
        (case["file"], one.entry.signature.has[0])
        for case, header in _every_case()
        if corpus.kind_of(case) not in KINDS and not any(word in case["file"] for word in LABELLED_OTHERWISE)
        for one in _best(header)
        if id(one.entry.family) in ours
    ]
    assert wrong == []


def test_redux_is_an_adapter_of_flux() -> None:
    header = corpus.of({"redux_up.weight": (12288, 1152), "redux_down.weight": (4096, 12288)})
    assert _told(header) == ("ip-adapter", ("flux1",), "redux")


# --- ControlNets in the naming of their authors --------------------------------------------------------------------
LDM = {"zero_convs.0.0.weight": (320, 320, 1, 1), "input_hint_block.0.weight": (16, 3, 3, 3)}
LDM_TEXT = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FLUX = {
    "img_in.weight": (3072, 64),
    "vector_in.in_layer.weight": (3072, 768),
    "double_blocks.0.img_attn.qkv.weight": (9216, 3072),
    "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
}
LITE = "lllite_unet_{}_transformer_blocks_0_attn1_to_q.down.0.weight"


def _under(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


CONTROLNETS: dict[str, tuple[Shapes, tuple[str, ...], str | None]] = {
    "sd1": ({**LDM, LDM_TEXT: (320, 768)}, ("sd1",), None),
    "sd1 pth": (_under("control_model.", {**LDM, LDM_TEXT: (320, 768)}), ("sd1",), None),
    "sd2 pth": (_under("control_model.", {**LDM, LDM_TEXT: (320, 1024)}), ("sd2",), None),
    "sdxl": ({**LDM, "label_emb.0.0.weight": (1280, 2816)}, ("sdxl",), None),
    "sdxl union": ({**LDM, "label_emb.0.0.weight": (1280, 2816), "task_embedding": (6, 320)}, ("sdxl",), "union"),
    "other width": ({**LDM, LDM_TEXT: (16, 80)}, (), None),
    "difference": (
        {**_under("control_model.", {**LDM, LDM_TEXT: (320, 768)}), "difference": ()},
        ("sd1",),
        "difference",
    ),
    "with its checkpoint": (
        {
            **_under("control_model.", {**LDM, LDM_TEXT: (320, 768)}),
            **_under("model.diffusion_model.", {LDM_TEXT: (320, 768), "input_blocks.0.0.weight": (320, 4, 3, 3)}),
            "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
        },
        ("sd1",),
        None,
    ),
    "control-lora sdxl": (
        {
            **LDM,
            "lora_controlnet": (),
            "input_blocks.4.1.transformer_blocks.0.attn2.to_k.down": (128, 2048),
            "input_blocks.4.1.transformer_blocks.0.attn2.to_k.up": (640, 128),
        },
        ("sdxl",),
        "control-lora",
    ),
    "control-lora": ({**LDM, "lora_controlnet": ()}, (), "control-lora"),
    "lllite sd1": ({LITE.format("input_blocks_1_1"): (16, 320)}, ("sd1",), "lllite"),
    "lllite sdxl": ({LITE.format("input_blocks_4_1"): (32, 640)}, ("sdxl",), "lllite"),
    "lllite of both": (
        {LITE.format("input_blocks_1_1"): (16, 320), LITE.format("input_blocks_4_1"): (16, 640)},
        ("sd1",),
        "lllite",
    ),
    "lllite anima": (
        {
            "lllite_conditioning1.conv1.weight": (16, 3, 4, 4),
            "lllite_dit_blocks_0_self_attn_q_proj.down.weight": (64, 2048),
        },
        ("anima",),
        "lllite",
    ),
    "xlabs": (
        {**FLUX, "controlnet_blocks.0.weight": (3072, 3072), "input_hint_block.0.weight": (16, 3, 3, 3)},
        ("flux1",),
        "xlabs",
    ),
    "mistoline": ({**FLUX, "controlnet_blocks.0.linear.weight": (3072, 3072)}, ("flux1",), "mistoline"),
    "flux2": (
        {"control_img_in.weight": (6144, 260), "control_transformer_blocks.0.before_proj.weight": (6144, 6144)},
        ("flux2-dev",),
        None,
    ),
    "qwen blocks": (
        {"img_in.weight": (3072, 64), "controlnet_blocks.0.y_rms.weight": (3072,)},
        ("qwen-image",),
        "blockwise",
    ),
    "qwen fun": (
        {"control_img_in.weight": (3072, 132), "control_blocks.0.after_proj.weight": (3072, 3072)},
        ("qwen-image",),
        "union",
    ),
    "hunyuan-dit": ({"after_proj_list.18.bias": (1408,)}, ("hunyuan-dit",), None),
    "cascade": (
        {"backbone.0.0.weight": (24, 3, 3, 3), "projections.0.0.weight": (1, 1, 1, 1)},
        ("stable-cascade",),
        None,
    ),
    "gligen": (
        {"position_net.null_positive_feature": (768,), "position_net.linears.0.weight": (512, 832)},
        ("sd1",),
        "gligen",
    ),
    "unknown transformer": ({"controlnet_blocks.0.weight": (77, 77)}, (), None),
}


@pytest.mark.parametrize("name", CONTROLNETS)
def test_controlnet_in_original_names(name: str) -> None:
    shapes, architectures, variant = CONTROLNETS[name]
    assert _told(corpus.of(shapes)) == ("controlnet", architectures, variant)


# --- IP-Adapters ---------------------------------------------------------------------------------------------------
def _ip(width: int, **image: Sequence[int]) -> Shapes:
    """An IP-Adapter for a U-Net; `image` names the projection with `__` for dots."""
    return {
        **{f"image_proj.{name.replace('__', '.')}": shape for name, shape in image.items()},
        "ip_adapter.1.to_k_ip.weight": (320, width),
        "ip_adapter.1.to_v_ip.weight": (320, width),
    }


LORAS = {"ip_adapter.0.to_q_lora.down.weight": (128, 320)}
IP_ADAPTERS: dict[str, tuple[Shapes, tuple[str, ...], str | None]] = {
    "standard": (_ip(768, proj__weight=(3072, 1024)), ("sd1",), "standard"),
    "sd2": (_ip(1024, proj__weight=(4096, 1024)), ("sd2",), "standard"),
    "plus sdxl": (_ip(2048, latents=(1, 16, 1280), proj_in__weight=(1280, 1280)), ("sdxl",), "plus"),
    "full face": (
        _ip(768, proj__0__weight=(1280, 1280), proj__2__weight=(768, 1280), proj__3__weight=(768,)),
        ("sd1",),
        "full-face",
    ),
    "faceid": ({**_ip(768, proj__0__weight=(1024, 512), proj__2__weight=(3072, 1024)), **LORAS}, ("sd1",), "faceid"),
    "faceid plus": (
        {**_ip(2048, perceiver_resampler__proj_in__weight=(2048, 1280), proj__0__weight=(1024, 512)), **LORAS},
        ("sdxl",),
        "faceid-plus",
    ),
    "portrait": (_ip(768, proj__0__weight=(1024, 512), proj__2__weight=(12288, 1024)), ("sd1",), "faceid-portrait"),
    "instantid": (_ip(2048, latents=(1, 16, 1280), proj_in__weight=(1280, 512)), ("sdxl",), "instantid"),
    "kolors": (_ip(2048, latents=(1, 16, 2048), layers__0__0__to_out__weight=(2048, 768)), ("kolors",), "plus"),
    "other width": (_ip(80, proj__weight=(320, 1024)), (), "standard"),
    "sd3.5": (
        {
            "image_proj.latents": (1, 64, 1280),
            "ip_adapter.0.to_k_ip.weight": (2432, 2432),
            "ip_adapter.0.norm_ip.linear.weight": (4864, 1280),
            "ip_adapter.1.to_k_ip.weight": (2432, 2432),
        },
        ("sd3.5-large",),
        "plus",
    ),
    "flux instantx": (
        {
            "image_proj.proj.0.weight": (2304, 1152),
            "image_proj.proj.2.weight": (524288, 2304),
            "ip_adapter.0.to_k_ip.weight": (3072, 4096),
            "ip_adapter.1.to_k_ip.weight": (3072, 4096),
        },
        ("flux1",),
        "instantx",
    ),
    "flux xlabs": (
        {
            "ip_adapter_proj_model.proj.weight": (16384, 768),
            "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight": (3072, 4096),
        },
        ("flux1",),
        "xlabs",
    ),
    "pulid sdxl": ({"id_adapter_attn_layers.1.id_to_k.weight": (640, 2048)}, ("sdxl",), "pulid"),
    "of another transformer": ({"ip_adapter.0.to_k_ip.weight": (77, 77)}, (), None),
    "photomaker": (
        {"id_encoder.fuse_module.mlp1.fc1.weight": (2048, 4096), "id_encoder.visual_projection_2.weight": (1280, 1024)},
        ("sdxl",),
        "photomaker",
    ),
    "pulid flux": ({"pulid_ca.0.to_q.weight": (2048, 3072)}, ("flux1",), "pulid"),
}


@pytest.mark.parametrize("name", IP_ADAPTERS)
def test_ip_adapter(name: str) -> None:
    shapes, architectures, variant = IP_ADAPTERS[name]
    assert _told(corpus.of(shapes)) == ("ip-adapter", architectures, variant)


# --- motion, T2I ---------------------------------------------------------------------------------------------------
def _motion(blocks: int, places: int, middle: bool = False) -> dict[str, Sequence[int]]:
    where = [f"down_blocks.{block}" for block in range(blocks)] + ["mid_block"] * middle
    found: dict[str, Sequence[int]] = {}
    for block in where:
        begin = f"{block}.motion_modules.0.temporal_transformer"
        found[f"{begin}.proj_in.weight"] = (320, 320)
        if places:
            found[f"{begin}.transformer_blocks.0.attention_blocks.0.pos_encoder.pe"] = (1, places, 320)
    return found


@pytest.mark.parametrize(
    ("shapes", "architecture", "variant"),
    [
        (_motion(4, 24), "sd1", "v1"),
        (_motion(4, 32, middle=True), "sd1", "v2"),
        (_motion(4, 32), "sd1", "v3"),
        (_motion(4, 0), "sd1", "animatelcm"),
        ({**_motion(4, 32), "conv_in.weight": (320, 9, 3, 3)}, "sd1", "pia"),
        (_under("module.", _motion(4, 32)), "sd1", "v3"),
        (_motion(3, 32), "sdxl", None),
        ({"down_blocks.0.temporal_attentions.0.proj_in.weight": (320, 320)}, "sdxl", "hotshot-xl"),
    ],
)
def test_motion_module_in_original_names(shapes: Shapes, architecture: str, variant: str | None) -> None:
    header = wrappers.unwrap(corpus.of(shapes))
    assert _told(header) == ("motion-module", (architecture,), variant)


def test_motion_lora_is_no_motion_module() -> None:
    begin = "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.processor"
    assert (
        _best(corpus.of({f"{begin}.to_q_lora.down.weight": (32, 320), f"{begin}.to_q_lora.up.weight": (320, 32)})) == []
    )


@pytest.mark.parametrize(
    ("shapes", "architecture", "variant"),
    [
        ({"conv_in.weight": (320, 192, 3, 3), "body.0.block1.weight": (320, 320, 3, 3)}, "sd1", "full"),
        ({"conv_in.weight": (320, 768, 3, 3), "body.0.block1.weight": (320, 320, 3, 3)}, "sdxl", "full"),
        ({"body.0.in_conv.weight": (80, 192, 1, 1), "body.0.out_conv.weight": (320, 80, 1, 1)}, "sd1", "light"),
        ({"style_embedding": (1, 8, 1024), "transformer_layes.0.attn.in_proj_weight": (3072, 1024)}, "sd1", "style"),
    ],
)
def test_t2i_adapter_in_original_names(shapes: Shapes, architecture: str, variant: str) -> None:
    assert _told(corpus.of(shapes)) == ("t2i-adapter", (architecture,), variant)


# --- encoders ------------------------------------------------------------------------------------------------------
def _language(width: int, words: int, *more: str, prefix: str = "model.") -> Shapes:
    names = ("self_attn.q_proj.weight", "mlp.gate_proj.weight", "input_layernorm.weight", *more)
    shapes: dict[str, Sequence[int]] = {f"{prefix}layers.0.{name}": (width, width) for name in names}
    return {**shapes, f"{prefix}embed_tokens.weight": (words, width)}


def _clip(width: int, prefix: str = "text_model.") -> Shapes:
    return {
        f"{prefix}embeddings.token_embedding.weight": (49408, width),
        f"{prefix}encoder.layers.0.self_attn.k_proj.weight": (width, width),
        f"{prefix}encoder.layers.0.mlp.fc1.weight": (4 * width, width),
    }


def _eyes(width: int, prefix: str = "vision_model.") -> Shapes:
    return {
        f"{prefix}embeddings.patch_embedding.weight": (width, 3, 14, 14),
        f"{prefix}encoder.layers.0.layer_norm1.weight": (width,),
        f"{prefix}encoder.layers.0.self_attn.k_proj.weight": (width, width),
    }


GEMMA = ("post_feedforward_layernorm.weight",)
ENCODERS: dict[str, tuple[Shapes, str, str | None]] = {
    "clip-l": (_clip(768), "text-encoder", "clip-l"),
    "clip-l bare": (_clip(768, ""), "text-encoder", "clip-l"),
    "clip of another width": (_clip(80), "text-encoder", None),
    "both halves": ({**_clip(768), **_eyes(1024)}, "text-encoder", "clip-l"),
    "open clip": (
        {
            "token_embedding.weight": (49408, 1024),
            "positional_embedding": (77, 1024),
            "transformer.resblocks.0.attn.in_proj_weight": (3072, 1024),
        },
        "text-encoder",
        "clip-h",
    ),
    "umt5 of wan": (
        {
            "token_embedding.weight": (256384, 4096),
            "blocks.0.ffn.gate.0.weight": (10240, 4096),
            "blocks.0.norm1.weight": (4096,),
            "blocks.0.pos_embedding.embedding.weight": (32, 64),
        },
        "text-encoder",
        "umt5-xxl",
    ),
    "t5 gguf": (
        {
            "token_embd.weight": (32128, 4096),
            "enc.blk.0.attn_k.weight": (4096, 4096),
            "enc.blk.0.attn_norm.weight": (4096,),
        },
        "text-encoder",
        "t5-xxl",
    ),
    "quantised t5": (
        {
            "encoder.block.0.layer.0.SelfAttention.k.qweight": (4096, 2048),
            "encoder.block.0.layer.0.layer_norm.weight": (4096,),
        },
        "text-encoder",
        "t5-xxl",
    ),
    "bert of hunyuan-dit": (
        {
            "bert.embeddings.word_embeddings.weight": (47020, 1024),
            "bert.encoder.layer.0.attention.self.query.weight": (1024, 1024),
        },
        "text-encoder",
        "hunyuan-clip",
    ),
    "qwen3": (_language(2560, 151936, "self_attn.q_norm.weight"), "text-encoder", "qwen3-4b"),
    "qwen2.5": (_language(3584, 152064, "self_attn.k_proj.bias"), "text-encoder", "qwen2.5-7b"),
    "gemma2": (_language(2304, 256000, *GEMMA), "text-encoder", "gemma2-2b"),
    "gemma3": (_language(3840, 262208, *GEMMA, "self_attn.q_norm.weight"), "text-encoder", "gemma3-12b"),
    "mistral": (_language(5120, 131072), "text-encoder", "mistral-3-24b"),
    "another language model": (_language(80, 1000), "text-encoder", None),
    "llava": (
        {**_language(4096, 128320, prefix="language_model.model."), **_eyes(1024, "vision_tower.vision_model.")},
        "text-encoder",
        "llama-3-8b",
    ),
    "chatglm": (
        {
            "transformer.embedding.word_embeddings.weight": (65024, 4096),
            "transformer.encoder.layers.0.self_attention.query_key_value.weight": (4608, 4096),
        },
        "text-encoder",
        "chatglm3",
    ),
    "llama gguf": (
        {
            "token_embd.weight": (151936, 2560),
            "blk.0.attn_q.weight": (1, 1),
            "blk.0.ffn_gate.weight": (1, 1),
            "blk.0.attn_q_norm.weight": (128,),
        },
        "text-encoder",
        "qwen3-4b",
    ),
    "eyes": (_eyes(1280), "clip-vision", "clip-h"),
    "eyes with 336 pixels": (
        {**_eyes(1024), "vision_model.embeddings.position_embedding.weight": (577, 1024)},
        "clip-vision",
        "clip-l-336",
    ),
    "open clip eyes": (
        {
            "visual.conv1.weight": (1280, 3, 14, 14),
            "visual.transformer.resblocks.0.attn.in_proj_weight": (3840, 1280),
        },
        "clip-vision",
        "clip-h",
    ),
    "eyes of wan": (
        {
            "visual.patch_embedding.weight": (1280, 3, 14, 14),
            "visual.transformer.0.attn.to_qkv.weight": (3840, 1280),
        },
        "clip-vision",
        "clip-h",
    ),
    "mmproj": (
        {"v.patch_embd.weight": (1152, 3, 14, 14), "v.blk.0.attn_q.weight": (1152, 1152)},
        "clip-vision",
        "siglip-so400m",
    ),
    "dinov2": (
        {
            "embeddings.cls_token": (1, 1, 1536),
            "embeddings.patch_embeddings.projection.weight": (1536, 3, 14, 14),
            "encoder.layer.0.layer_scale1.lambda1": (1536,),
        },
        "clip-vision",
        "dinov2-giant",
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_encoder(name: str) -> None:
    shapes, kind, variant = ENCODERS[name]
    header = corpus.of(shapes)
    assert _told(header) == (kind, (), variant)
    facts = encoders.identify(header)
    assert facts is not None
    assert (facts.kind, facts.variant) == (kind, variant)


STRANGERS: dict[str, Shapes] = {
    "bert": {
        "embeddings.word_embeddings.weight": (30522, 768),
        "encoder.layer.0.attention.self.query.weight": (768, 768),
    },
    "vit": {
        "embeddings.cls_token": (1, 1, 768),
        "embeddings.patch_embeddings.projection.weight": (768, 3, 16, 16),
        "encoder.layer.0.attention.attention.query.weight": (768, 768),
    },
    "gpt-2": {"wte.weight": (50257, 768), "wpe.weight": (1024, 768), "h.0.attn.c_attn.weight": (768, 2304)},
    "whisper": {
        "model.encoder.conv1.weight": (384, 80, 3),
        "model.decoder.embed_tokens.weight": (51865, 384),
        "model.decoder.layers.0.self_attn.q_proj.weight": (384, 384),
    },
    "sam": {"image_encoder.patch_embed.proj.weight": (768, 3, 16, 16), "mask_decoder.iou_token.weight": (1, 256)},
    "u2net": {"stage1.rebnconvin.conv_s1.weight": (64, 3, 3, 3), "outconv.weight": (1, 6, 1, 1)},
    "aesthetic predictor": {"linear.weight": (1, 768), "linear.bias": (1,)},
    "lora of clip": {
        "text_model.encoder.layers.0.self_attn.k_proj.lora_A.weight": (4, 768),
        "text_model.encoder.layers.0.self_attn.k_proj.lora_B.weight": (768, 4),
    },
    "classifier": {"body.0.weight": (10, 10), "body.1.weight": (10,)},
}


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_stay_unknown(name: str) -> None:
    header = corpus.of(STRANGERS[name])
    assert _best(header) == []
    assert encoders.identify(header) is None


def test_encoder_in_a_folder_without_weights() -> None:
    folder = Header(Format.FOLDER, {}, configs={"config.json": {"architectures": ["Unheard", "UMT5EncoderModel"]}})
    facts = encoders.identify(folder)
    assert facts is not None
    assert facts.kind is Kind.TEXT_ENCODER
    assert encoders.identify(Header(Format.FOLDER, {}, configs={"config.json": {"architectures": 3}})) is None
    assert encoders.identify(Header(Format.FOLDER, {}, configs={"config.json": {"architectures": ["UNet"]}})) is None


# --- upscalers, face restorers -------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrapper", ["", "params_ema.", "module.", "netG.", "model.", "state_dict.params."])
def test_upscaler_in_whatever_wrapper(wrapper: str) -> None:
    shapes = {"conv_first.weight": (64, 3, 3, 3), "body.0.rdb1.conv1.weight": (32, 64, 3, 3)}
    more = {"conv_body.weight": (64, 64, 3, 3), "conv_last.weight": (3, 64, 3, 3)}
    header = wrappers.unwrap(corpus.of(_under(wrapper, {**shapes, **more})))
    assert _told(header) == ("upscaler", (), "esrgan")


@pytest.mark.parametrize(
    ("shapes", "kind", "variant"),
    [
        (
            {"generator.model.1.bn_l.running_mean": (64,), "generator.model.1.ffc.convl2l.weight": (64, 4, 7, 7)},
            "upscaler",
            "lama",
        ),
        ({"synthesis.first_stage.conv_first.conv.resample_filter": (4, 4)}, "upscaler", "mat"),
        (
            {
                "encoder.conv_in.weight": (64, 3, 3, 3),
                "encoder.mid.attn_1.norm1.weight": (512,),
                "decoder.conv_out.weight": (3, 64, 3, 3),
                "quant_conv.weight": (256, 256, 1, 1),
                "quantize.embedding.weight": (1024, 256),
            },
            "face-restorer",
            "restoreformer",
        ),
    ],
)
def test_repairer_in_original_names(shapes: Shapes, kind: str, variant: str) -> None:
    header = wrappers.unwrap(corpus.of(shapes))
    assert any((one.kind, one.entry.signature.variant) == (kind, variant) for one in match.matches(header.tensors))


# --- wrappers and bare tensors -------------------------------------------------------------------------------------
INFO = TensorInfo((2, 2), "F32")


def test_running_mean_is_preferred_to_the_weights() -> None:
    header = corpus.of({"params.a.weight": (1,), "params_ema.a.weight": (2,)})
    assert wrappers.unwrap(header).tensors == {"a.weight": TensorInfo((2,), "F16")}


def test_names_without_a_common_wrapper_are_left() -> None:
    header = corpus.of({"module.a.weight": (1,), "b.weight": (2,)})
    assert wrappers.unwrap(header) is header
    both = corpus.of({"generator.a.weight": (1,), "module.a.weight": (2,)})
    assert wrappers.unwrap(both) is both


@pytest.mark.parametrize("key", ["params_ema", "netG", "controlnet", "generator"])
def test_table_in_a_pickle_is_unwrapped(key: str) -> None:
    tree = {key: {"module.a.weight": INFO}, "step": 3}
    header = Header(Format.PICKLE, {f"{key}.module.a.weight": INFO}, tree=tree)
    assert wrappers.unwrap(header).tensors == {"a.weight": INFO}


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((768,), Kind.AESTHETIC_GRADIENT), ((1, 768), Kind.AESTHETIC_GRADIENT), ((1, 77, 768), Kind.CACHED_PROMPT)],
)
def test_bare_tensor(shape: tuple[int, ...], kind: Kind) -> None:
    header = Header(Format.PICKLE, {}, tree=TensorInfo(shape, "F32"))
    facts = others.identify(header)
    assert facts is not None
    assert (facts.kind, facts.architecture, facts.confidence) == (kind, "sd1", Confidence.LIKELY)


def test_bare_tensor_of_another_shape_is_not_ours() -> None:
    assert others.identify(Header(Format.PICKLE, {}, tree=TensorInfo((4096,), "F32"))) is None
    assert others.identify(Header(Format.SAFETENSORS, {"a": INFO})) is None
