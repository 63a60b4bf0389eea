"""Folders told by their configs alone: the numbers of each published pipeline's unet/config.json."""

from __future__ import annotations

from typing import Any

import pytest

from hubman.core.identify import identify
from hubman.core.types import Confidence, Format, Header, Kind

XL = {"cross_attention_dim": 2048, "addition_embed_type": "text_time", "projection_class_embeddings_input_dim": 2816}
UNETS: tuple[tuple[str, dict[str, Any], str | None, str | None], ...] = (
    ("stable-diffusion-v1-5", {"cross_attention_dim": 768}, "sd1", None),
    ("stable-diffusion-inpainting", {"cross_attention_dim": 768, "in_channels": 9}, "sd1", "inpaint"),
    ("instruct-pix2pix", {"cross_attention_dim": 768, "in_channels": 8}, "sd1", "ip2p"),
    ("LCM_Dreamshaper_v7", {"cross_attention_dim": 768, "time_cond_proj_dim": 256}, "sd1", "lcm"),
    ("stable-diffusion-2-depth", {"cross_attention_dim": 1024, "in_channels": 5}, "sd2", "depth"),
    ("stable-diffusion-2-1-unclip",
     {"cross_attention_dim": 1024, "projection_class_embeddings_input_dim": 2048}, "sd2", "unclip-h"),
    ("stable-diffusion-x4-upscaler",
     {"cross_attention_dim": 1024, "in_channels": 7, "num_class_embeds": 1000}, "sd-x4-upscaler", None),
    ("stable-diffusion-xl-base-1.0", {**XL, "transformer_layers_per_block": [1, 2, 10]}, "sdxl", None),
    ("SSD-1B", {**XL, "transformer_layers_per_block": [1, 2, 4]}, "ssd-1b", None),
    ("Kolors-diffusers", {**XL, "projection_class_embeddings_input_dim": 5632}, "kolors", None),
    ("stable-diffusion-xl-refiner-1.0",
     {**XL, "cross_attention_dim": 1280, "projection_class_embeddings_input_dim": 2560}, "sdxl-refiner", None),
    ("kandinsky-2-2-decoder",
     {"cross_attention_dim": 768, "addition_embed_type": "image", "encoder_hid_dim_type": "image_proj"},
     "kandinsky2", None),
    ("DeepFloyd IF-I-XL", {"cross_attention_dim": 4096, "in_channels": 3}, None, None),
    ("animatediff of diffusers", {"cross_attention_dim": 768, "_class_name": "UNetMotionModel"}, "sd1", "motion"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "numbers", "architecture", "variant"), UNETS)
def test_a_pipeline_and_its_unet_alone(
    name: str, numbers: dict[str, Any], architecture: str | None, variant: str | None
) -> None:
    unet = {"_class_name": "UNet2DConditionModel", "in_channels": 4, **numbers}
    scheduler = {"prediction_type": "v_prediction"}
    pipeline = {"model_index.json": {}, "unet/config.json": unet, "scheduler/scheduler_config.json": scheduler}
    for configs, kind in ((pipeline, Kind.CHECKPOINT), ({"config.json": unet}, Kind.DIFFUSION_MODEL)):
        facts = identify(Header(Format.FOLDER, {}, configs=configs))
        assert (facts.kind, facts.architecture) == (kind, architecture), name
        assert facts.variant == variant
        assert facts.confidence is not Confidence.CERTAIN


@pytest.mark.parametrize(
    ("unet", "architecture"),
    [("UNetSpatioTemporalConditionModel", "svd"), ("UNet3DConditionModel", "text-to-video-ms")],
)
def test_a_unet_for_videos_is_not_sd2(unet: str, architecture: str) -> None:
    """Both read text or pictures 1024 wide, as SD 2 does."""
    config = {"_class_name": unet, "cross_attention_dim": 1024, "in_channels": 8}
    facts = identify(Header(Format.FOLDER, {}, configs={"model_index.json": {}, "unet/config.json": config}))
    assert (facts.kind, facts.architecture) == (Kind.CHECKPOINT, architecture)


@pytest.mark.parametrize("name", ["CLIPTextModel", "T5EncoderModel", "LlamaForCausalLM"])
def test_an_encoder_by_its_config_is_not_certain(name: str) -> None:
    facts = identify(Header(Format.FOLDER, {}, configs={"config.json": {"architectures": [name]}}))
    assert (facts.kind, facts.confidence) == (Kind.TEXT_ENCODER, Confidence.LIKELY)
