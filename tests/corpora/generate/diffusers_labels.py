"""What diffusers' classes are, and the configs of well-known models.

`DEFAULTS`: class -> label of what its default config builds. `NAMED`: name -> (class, label, config).
Where a default config builds nothing that exists (a toy), its base is "any". Audio, protein and shape models have names
of their own so that nobody takes them for image models.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Label(NamedTuple):
    """Type, base, and what else INDEX.json may say of a case."""

    kind: str
    base: str
    ambiguous: tuple[str, ...] = ()
    variant: str | None = None
    note: str | None = None


def model(base: str, *ambiguous: str, variant: str | None = None, note: str | None = None) -> Label:
    return Label("diffusion_model", base, ambiguous, variant, note)


def vae(base: str, *ambiguous: str, variant: str | None = None, note: str | None = None) -> Label:
    return Label("vae", base, ambiguous, variant, note)


def controlnet(base: str, *ambiguous: str, variant: str | None = None, note: str | None = None) -> Label:
    return Label("controlnet", base, ambiguous, variant, note)


TOY = "default config builds a toy"
SD = ("sd1", "sd2", "sdxl")
WAN = ("wan", "wan-2.1", "wan-2.2")

DEFAULTS: dict[str, Label] = {
    # --- transformers of pictures
    "AuraFlowTransformer2DModel": model("auraflow"),
    "BriaFibo2Transformer2DModel": model("bria-fibo"),
    "BriaFiboTransformer2DModel": model("bria-fibo"),
    "BriaTransformer2DModel": model("bria"),
    "ChromaTransformer2DModel": model("chroma"),
    "CogView3PlusTransformer2DModel": model("cogview3"),
    "CogView4Transformer2DModel": model("cogview4"),
    "DiTTransformer2DModel": model("dit"),
    "ErnieImageTransformer2DModel": model("ernie-image"),
    "Flux2Transformer2DModel": model("flux2-dev"),
    "Flux3Transformer2DModel": model("flux3"),
    "FluxTransformer2DModel": model("flux1"),
    "GlmImageTransformer2DModel": model("glm-image"),
    "HunyuanImageTransformer2DModel": model("hunyuan-image-2.1"),
    "Ideogram4Transformer2DModel": model("ideogram4"),
    "JoyImageEditPlusTransformer3DModel": model("joyimage"),
    "JoyImageEditTransformer3DModel": model("joyimage"),
    "Krea2Transformer2DModel": model("krea2"),
    "LongCatImageTransformer2DModel": model("longcat-image"),
    "Lumina2Transformer2DModel": model("lumina2"),
    "NucleusMoEImageTransformer2DModel": model("nucleus-image"),
    "OvisImageTransformer2DModel": model("ovis-image"),
    "PRXTransformer2DModel": model("prx"),
    "PixArtTransformer2DModel": model("pixart-alpha", note="sample_size 128 gives the resolution embedders of alpha"),
    "PriorTransformer": model("unclip", variant="prior"),
    "QwenImage21Transformer2DModel": model("qwen-image-2.1"),
    "QwenImageTransformer2DModel": model("qwen-image"),
    "SD3Transformer2DModel": model("sd3"),
    "SanaTransformer2DModel": model("sana"),
    "UVit2DModel": model("amused"),
    "ZImageTransformer2DModel": model("z-image"),
    # --- transformers of films
    "AllegroTransformer3DModel": model("allegro"),
    "AnyFlowFARTransformer3DModel": model("wan"),
    "AnyFlowTransformer3DModel": model("wan"),
    "ChronoEditTransformer3DModel": model("wan"),
    "CogVideoXTransformer3DModel": model("cogvideox"),
    "ConsisIDTransformer3DModel": model("cogvideox"),
    "Cosmos3OmniTransformer": model("cosmos-3"),
    "CosmosTransformer3DModel": model("cosmos-1"),
    "HeliosTransformer3DModel": model("wan", variant="helios"),
    "HunyuanVideo15Transformer3DModel": model("hunyuan-video-1.5"),
    "HunyuanVideoFramepackTransformer3DModel": model("hunyuan-video"),
    "HunyuanVideoTransformer3DModel": model("hunyuan-video"),
    "Kandinsky5Transformer3DModel": model("kandinsky5"),
    "Kandinsky6Transformer3DModel": model("kandinsky6"),
    "Kandinsky6SRTransformer3DModel": model("kandinsky6"),
    "LTX2VideoTransformer3DModel": model("ltx-2"),
    "LTX2VideoDiffusionDecoderModel": model("ltx-2"),
    "LTXVideoTransformer3DModel": model("ltx-video"),
    "MiniMaxH3Transformer3DModel": model("minimax-h3"),
    "MochiTransformer3DModel": model("mochi"),
    "MotifVideoTransformer3DModel": model("motif-video"),
    "SanaVideoTransformer3DModel": model("sana"),
    "SanaWMLTX2RefinerTransformer3DModel": model("ltx-2"),
    "SanaWMTransformer3DModel": model("sana"),
    "SkyReelsV2Transformer3DModel": model("wan"),
    "WanAnimate2Transformer3DModel": model("wan"),
    "WanAnimateTransformer3DModel": model("wan"),
    "WanTransformer3DModel": model("wan"),
    "WanVACETransformer3DModel": model("wan"),
    # --- U-Nets
    "DreamLiteUNetModel": model("dreamlite"),
    "I2VGenXLUNet": model("i2vgen-xl"),
    "Kandinsky3UNet": model("kandinsky3"),
    "StableCascadeUNet": model("stable-cascade"),
    "UNet1DModel": model("any", note=TOY),
    "UNet2DConditionModel": model("any", note=f"{TOY}: Stable Diffusion's blocks, text of width 1280"),
    "UNet2DModel": model("any", note="unconditional U-Net"),
    "UNet3DConditionModel": model("text-to-video-ms"),
    "UNetControlNetXSModel": model("any", note=f"{TOY}: a U-Net with its ControlNet-XS inside"),
    "UNetMotionModel": model("any", note=f"{TOY}: SD 1's blocks with motion modules inside, text of width 1280"),
    "UNetSpatioTemporalConditionModel": model("svd"),
    "diffusers.pipelines.audioldm2.modeling_audioldm2:AudioLDM2UNet2DConditionModel": model("any", note=TOY),
    "diffusers.pipelines.deprecated.versatile_diffusion.modeling_text_unet:UNetFlatConditionModel": model("any"),
    "diffusers.pipelines.deprecated.wuerstchen.modeling_wuerstchen_diffnext:WuerstchenDiffNeXt": model("wuerstchen"),
    "diffusers.pipelines.deprecated.wuerstchen.modeling_wuerstchen_prior:WuerstchenPrior": model("wuerstchen"),
    # --- sound, proteins, shapes
    "AceStepTransformer1DModel": model("ace-step-1.5"),
    "LongCatAudioDiTTransformer": model("longcat-audio"),
    "MiniMaxMusic3Transformer1DModel": model("minimax-music3"),
    "RFD4ProteinaTransformer": model("rfd4-proteina"),
    "StableAudio3DiTModel": model("stable-audio-3"),
    "StableAudioDiTModel": model("stable-audio"),
    "T5FilmDecoder": model("spectrogram-diffusion"),
    "MiniMaxMusic3RVQDepthDecoder": Label("other", "minimax-music3"),
    "MiniMaxMusic3ConditionEncoder": Label("other", "minimax-music3"),
    "MiniMaxMusic3Vocoder": Label("other", "minimax-music3"),
    "MMAudioVocoder": Label("other", "mmaudio"),
    "MMAudioVAE": vae("mmaudio"),
    "LongCatAudioDiTVae": vae("longcat-audio"),
    "AutoencoderOobleck": vae("stable-audio"),
    "AutoencoderSAME": vae("stable-audio-3"),
    "Cosmos3AVAEAudioTokenizer": vae("cosmos-3"),
    # --- VAEs
    "AsymmetricAutoencoderKL": vae("any", note=TOY),
    "AutoencoderDC": vae("sana", note="DC-AE f32c32, with one sort of block"),
    "AutoencoderKL": vae("any", note=f"{TOY}: latent 4, one level of 64"),
    "AutoencoderKLAllegro": vae("allegro"),
    "AutoencoderKLCogVideoX": vae("cogvideox"),
    "AutoencoderKLCosmos": vae("cosmos-1"),
    "AutoencoderKLFlux2": vae("flux2"),
    "AutoencoderKLHunyuanImageRefiner": vae("hunyuan-image-2.1"),
    "AutoencoderKLHunyuanVideo": vae("hunyuan-video"),
    "AutoencoderKLHunyuanVideo15": vae("hunyuan-video-1.5"),
    "AutoencoderKLKVAE": vae("kandinsky6"),
    "AutoencoderKLKVAEAudio": vae("kandinsky6"),
    "AutoencoderKLKVAEVideo": vae("kandinsky6"),
    "AutoencoderKLLTX2Audio": vae("ltx-2"),
    "AutoencoderKLLTX2Video": vae("ltx-2"),
    "AutoencoderKLLTXVideo": vae("ltx-video"),
    "AutoencoderKLMagvit": vae("easyanimate"),
    "AutoencoderKLMiniMaxH3": vae("minimax-h3"),
    "AutoencoderKLMiniMaxH3Audio": vae("minimax-h3"),
    "AutoencoderKLMochi": vae("mochi"),
    "AutoencoderKLQwenImage": vae("qwen-image", "qwen-image", "wan-2.1", "wan"),
    "AutoencoderKLQwenImage21": vae("qwen-image-2.1"),
    "AutoencoderKLTemporalDecoder": vae("svd", note=f"{TOY}: SVD's decoder at one level"),
    "AutoencoderKLWan": vae("wan-2.1", "qwen-image", "wan-2.1", "wan"),
    "AutoencoderRAE": vae("rae"),
    "AutoencoderTiny": Label("vae_approx", "sd1", SD),
    "AutoencoderVidTok": vae("vidtok"),
    "ConsistencyDecoderVAE": vae("sd1"),
    "Kandinsky6SRVAE": vae("kandinsky6"),
    "VQModel": vae("any", note=TOY),
    "diffusers.pipelines.deprecated.wuerstchen.modeling_paella_vq_model:PaellaVQModel": vae("wuerstchen"),
    # --- what steers
    "ControlNetModel": controlnet("any", note=f"{TOY}: SD 1's blocks, text of width 1280"),
    "ControlNetXSAdapter": controlnet("sd2", note="default reads text of width 1024", variant="xs"),
    "CosmosControlNetModel": controlnet("cosmos-predict2.5"),
    "FluxControlNetModel": controlnet("flux1"),
    "QwenImageControlNetModel": controlnet("qwen-image"),
    "SD3ControlNetModel": controlnet("sd3", note="default width 1152 builds no SD 3 that exists"),
    "SanaControlNetModel": controlnet("sana"),
    "SparseControlNetModel": controlnet("sd1", variant="sparsectrl"),
    "MotionAdapter": Label("motion_module", "sd1", (), "v2"),
    "T2IAdapter": Label("t2i_adapter", "sd1"),
    # --- parts of pipelines
    "AnimaTextConditioner": Label("other", "anima", note="reads Qwen3 and T5 tokens for Anima"),
    "Kandinsky6SRLatentUpscalerBank": Label("upscaler", "kandinsky6", note="of latents"),
    "diffusers.pipelines.ltx2.latent_upsampler:LTX2LatentUpsamplerModel": Label("upscaler", "ltx-2", note="of latents"),
    "diffusers.pipelines.ltx.modeling_latent_upsampler:LTXLatentUpsamplerModel": Label(
        "upscaler", "ltx-video", note="of latents"
    ),
    "diffusers.pipelines.ltx2.connectors:LTX2TextConnectors": Label("other", "ltx-2"),
    "diffusers.pipelines.ltx2.vocoder:LTX2Vocoder": Label("other", "ltx-2"),
    "diffusers.pipelines.ltx2.vocoder:LTX2VocoderWithBWE": Label("other", "ltx-2"),
    "diffusers.pipelines.flux.modeling_flux:ReduxImageEncoder": Label("other", "flux1", note="Flux Redux"),
    "diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer:StableUnCLIPImageNormalizer": Label(
        "other", "any"
    ),
    "diffusers.pipelines.ace_step.modeling_ace_step:AceStepConditionEncoder": Label("other", "ace-step-1.5"),
    "diffusers.pipelines.ace_step.modeling_ace_step:AceStepLyricEncoder": Label("other", "ace-step-1.5"),
    "diffusers.pipelines.shap_e.renderer:ShapERenderer": Label("other", "shap-e"),
}

SD1 = {"cross_attention_dim": 768, "attention_head_dim": 8}
SD2 = {"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True}
SDXL = {
    "cross_attention_dim": 2048,
    "block_out_channels": [320, 640, 1280],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "use_linear_projection": True,
}
UP = {"up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]}
SDXL_UNET = {**SDXL, **UP}
SSD = {
    **SDXL_UNET,
    "mid_block_type": "UNetMidBlock2D",
    "transformer_layers_per_block": [1, 2, 4],
    "reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], 1],
}
VEGA = {
    **SDXL_UNET,
    "mid_block_type": "UNetMidBlock2D",
    "transformer_layers_per_block": [1, 1, 2],
    "reverse_transformer_layers_per_block": [[2, 2, 2], [1, 1, 1], 1],
}
REFINER = {
    "cross_attention_dim": 1280,
    "block_out_channels": [384, 768, 1536, 1536],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": 4,
    "attention_head_dim": [6, 12, 24, 24],
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2560,
    "use_linear_projection": True,
}
KOLORS = {
    **SDXL_UNET,
    "encoder_hid_dim": 4096,
    "encoder_hid_dim_type": "text_proj",
    "projection_class_embeddings_input_dim": 5632,
}
X4 = {
    "in_channels": 7,
    "cross_attention_dim": 1024,
    "block_out_channels": [256, 512, 512, 1024],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "only_cross_attention": [True, True, True, False],
    "attention_head_dim": 8,
    "num_class_embeds": 1000,
    "use_linear_projection": True,
}
KANDINSKY2 = {
    "in_channels": 4,
    "out_channels": 8,
    "addition_embed_type": "image",
    "addition_embed_type_num_heads": 64,
    "attention_head_dim": 64,
    "block_out_channels": [384, 768, 1152, 1536],
    "cross_attention_dim": 768,
    "down_block_types": ["ResnetDownsampleBlock2D", *["SimpleCrossAttnDownBlock2D"] * 3],
    "up_block_types": [*["SimpleCrossAttnUpBlock2D"] * 3, "ResnetUpsampleBlock2D"],
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "encoder_hid_dim": 1280,
    "encoder_hid_dim_type": "image_proj",
    "layers_per_block": 3,
    "resnet_time_scale_shift": "scale_shift",
}
WAN_1_3B = {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30}
WAN_I2V = {"in_channels": 36, "image_dim": 1280, "added_kv_proj_dim": 5120}
VAE4 = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
}
VAE16 = {**VAE4, "latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
SD35_LARGE = {
    "num_layers": 38,
    "num_attention_heads": 38,
    "caption_projection_dim": 2432,
    "pos_embed_max_size": 192,
    "qk_norm": "rms_norm",
}
SD35_MEDIUM = {
    "num_layers": 24,
    "num_attention_heads": 24,
    "caption_projection_dim": 1536,
    "pos_embed_max_size": 384,
    "qk_norm": "rms_norm",
    "dual_attention_layers": list(range(13)),
}
SD3_MEDIUM = {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 192}
HUNYUAN_DIT = {
    "num_attention_heads": 16,
    "attention_head_dim": 88,
    "in_channels": 4,
    "patch_size": 2,
    "sample_size": 128,
    "hidden_size": 1408,
    "mlp_ratio": 4.3637,
    "cross_attention_dim": 1024,
    "cross_attention_dim_t5": 2048,
    "pooled_projection_dim": 1024,
    "text_len": 77,
    "text_len_t5": 256,
}
CASCADE_BLOCK = ("SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock")
CASCADE_C = {"clip_text_in_channels": 1280, "clip_image_in_channels": 768, "switch_level": [False]}
CASCADE_B = {
    "in_channels": 4,
    "out_channels": 4,
    "patch_size": 2,
    "conditioning_dim": 1280,
    "block_out_channels": [320, 640, 1280, 1280],
    "num_attention_heads": [-1, -1, 20, 20],
    "down_num_layers_per_block": [2, 6, 28, 6],
    "up_num_layers_per_block": [6, 28, 6, 2],
    "down_blocks_repeat_mappers": [1, 1, 1, 1],
    "up_blocks_repeat_mappers": [3, 3, 2, 2],
    "block_types_per_layer": [CASCADE_BLOCK[:2], CASCADE_BLOCK[:2], CASCADE_BLOCK, CASCADE_BLOCK],
    "effnet_in_channels": 16,
    "pixel_mapper_in_channels": 3,
    "self_attn": True,
    "dropout": [0, 0, 0.1, 0.1],
    "timestep_conditioning_type": ["sca"],
}
LTX_097 = {
    "num_attention_heads": 32,
    "attention_head_dim": 128,
    "cross_attention_dim": 4096,
    "num_layers": 48,
}
HIDREAM = {
    "patch_size": 2,
    "in_channels": 16,
    "axes_dims_rope": [64, 32, 32],
    "caption_channels": [4096, 4096],
    "llama_layers": [*range(32), *[31] * 16],
}
EASYANIMATE = {"patch_size": 2, "add_norm_text_encoder": True, "out_channels": 16}
PHI_ROPE = {"long_factor": [1.0] * 48, "short_factor": [1.0] * 48, "type": "su"}
Z_CONTROL = {"control_layers_places": [0, 6, 12, 18, 24, 29], "control_in_dim": 16}

NAMED: dict[str, tuple[str, Label, dict[str, Any]]] = {
    # --- U-Nets
    "unet_sd15": ("UNet2DConditionModel", model("sd1"), SD1),
    "unet_sd15_inpaint": ("UNet2DConditionModel", model("sd1", variant="inpaint"), {**SD1, "in_channels": 9}),
    "unet_sd15_ip2p": ("UNet2DConditionModel", model("sd1", variant="ip2p"), {**SD1, "in_channels": 8}),
    "unet_sd15_lcm": ("UNet2DConditionModel", model("sd1", variant="lcm"), {**SD1, "time_cond_proj_dim": 256}),
    "unet_sd21": ("UNet2DConditionModel", model("sd2"), SD2),
    "unet_sd2_inpaint": ("UNet2DConditionModel", model("sd2", variant="inpaint"), {**SD2, "in_channels": 9}),
    "unet_sd2_depth": ("UNet2DConditionModel", model("sd2", variant="depth"), {**SD2, "in_channels": 5}),
    "unet_sd21_unclip_l": (
        "UNet2DConditionModel",
        model("sd2", variant="unclip-l"),
        {**SD2, "class_embed_type": "projection", "projection_class_embeddings_input_dim": 1536},
    ),
    "unet_sd21_unclip_h": (
        "UNet2DConditionModel",
        model("sd2", variant="unclip-h"),
        {**SD2, "class_embed_type": "projection", "projection_class_embeddings_input_dim": 2048},
    ),
    "unet_sdxl": ("UNet2DConditionModel", model("sdxl"), SDXL_UNET),
    "unet_sdxl_inpaint": ("UNet2DConditionModel", model("sdxl", variant="inpaint"), {**SDXL_UNET, "in_channels": 9}),
    "unet_sdxl_ip2p": ("UNet2DConditionModel", model("sdxl", variant="ip2p"), {**SDXL_UNET, "in_channels": 8}),
    "unet_sdxl_lcm": (
        "UNet2DConditionModel",
        model("sdxl", variant="lcm"),
        {**SDXL_UNET, "time_cond_proj_dim": 256},
    ),
    "unet_ssd1b": ("UNet2DConditionModel", model("sdxl", variant="ssd-1b"), SSD),
    "unet_segmind_vega": ("UNet2DConditionModel", model("sdxl", variant="segmind-vega"), VEGA),
    "unet_sdxl_refiner": ("UNet2DConditionModel", model("sdxl-refiner"), REFINER),
    "unet_kolors": ("UNet2DConditionModel", model("kolors"), KOLORS),
    "unet_kolors_inpaint": ("UNet2DConditionModel", model("kolors", variant="inpaint"), {**KOLORS, "in_channels": 9}),
    "unet_sd_x4_upscaler": ("UNet2DConditionModel", model("sd-x4-upscaler"), X4),
    "unet_kandinsky22": ("UNet2DConditionModel", model("kandinsky2"), KANDINSKY2),
    "unet_kandinsky22_inpaint": (
        "UNet2DConditionModel",
        model("kandinsky2", variant="inpaint"),
        {**KANDINSKY2, "in_channels": 9},
    ),
    "unet_svd": ("UNetSpatioTemporalConditionModel", model("svd"), {}),
    "unet_modelscope_t2v": ("UNet3DConditionModel", model("text-to-video-ms"), {}),
    "unet_animatediff_sd15": (
        "UNetMotionModel",
        model("sd1", variant="motion"),
        {"cross_attention_dim": 768, "use_motion_mid_block": True},
    ),
    "stable_cascade_c": ("StableCascadeUNet", model("stable-cascade"), CASCADE_C),
    "stable_cascade_c_lite": (
        "StableCascadeUNet",
        model("stable-cascade"),
        {
            **CASCADE_C,
            "conditioning_dim": 1536,
            "block_out_channels": [1536, 1536],
            "num_attention_heads": [24, 24],
            "down_num_layers_per_block": [4, 12],
            "up_num_layers_per_block": [12, 4],
        },
    ),
    "stable_cascade_b": ("StableCascadeUNet", model("stable-cascade"), CASCADE_B),
    "stable_cascade_b_lite": (
        "StableCascadeUNet",
        model("stable-cascade"),
        {
            **CASCADE_B,
            "block_out_channels": [320, 576, 1152, 1152],
            "num_attention_heads": [-1, 9, 18, 18],
            "down_num_layers_per_block": [2, 4, 14, 4],
            "up_num_layers_per_block": [4, 14, 4, 2],
            "block_types_per_layer": [CASCADE_BLOCK[:2], CASCADE_BLOCK, CASCADE_BLOCK, CASCADE_BLOCK],
            "up_blocks_repeat_mappers": [2, 2, 2, 2],
        },
    ),
    # --- transformers
    "sd3_medium": ("SD3Transformer2DModel", model("sd3-medium"), SD3_MEDIUM),
    "sd35_medium": ("SD3Transformer2DModel", model("sd3.5-medium"), SD35_MEDIUM),
    "sd35_large": ("SD3Transformer2DModel", model("sd3.5-large"), SD35_LARGE),
    "flux1_dev": ("FluxTransformer2DModel", model("flux1", variant="dev"), {"guidance_embeds": True}),
    "flux1_schnell": ("FluxTransformer2DModel", model("flux1", variant="schnell"), {}),
    "flux1_fill": (
        "FluxTransformer2DModel",
        model("flux1", variant="fill"),
        {"guidance_embeds": True, "in_channels": 384, "out_channels": 64},
    ),
    "flux1_depth_canny": (
        "FluxTransformer2DModel",
        model("flux1", variant="depth-canny"),
        {"guidance_embeds": True, "in_channels": 128, "out_channels": 64},
    ),
    "flux2_klein_4b": (
        "Flux2Transformer2DModel",
        model("flux2-klein-4b"),
        {
            "num_layers": 5,
            "num_single_layers": 20,
            "num_attention_heads": 24,
            "joint_attention_dim": 7680,
            "guidance_embeds": False,
        },
    ),
    "flux2_klein_9b": (
        "Flux2Transformer2DModel",
        model("flux2-klein-9b"),
        {
            "num_layers": 8,
            "num_single_layers": 24,
            "num_attention_heads": 32,
            "joint_attention_dim": 12288,
            "guidance_embeds": False,
        },
    ),
    "qwen_image_layered": (
        "QwenImageTransformer2DModel",
        model("qwen-image", variant="layered"),
        {"use_additional_t_cond": True, "use_layer3d_rope": True},
    ),
    "zimage_turbo": ("ZImageTransformer2DModel", model("z-image"), {}),
    "zimage_omni": ("ZImageTransformer2DModel", model("z-image", variant="omni"), {"siglip_feat_dim": 1152}),
    "lumina2": ("Lumina2Transformer2DModel", model("lumina2"), {"cap_feat_dim": 2304}),
    "lumina_next": (
        "LuminaNextDiT2DModel",
        model("lumina-next"),
        {"num_layers": 24, "num_attention_heads": 32, "num_kv_heads": 8},
    ),
    "pixart_alpha_1024": ("PixArtTransformer2DModel", model("pixart-alpha"), {"caption_channels": 4096}),
    "pixart_alpha_512": (
        "PixArtTransformer2DModel",
        model("pixart-alpha", "pixart-alpha", "pixart-sigma", note="without resolution embedders alpha is sigma"),
        {"caption_channels": 4096, "sample_size": 64},
    ),
    "pixart_sigma_1024": (
        "PixArtTransformer2DModel",
        model("pixart-sigma", "pixart-alpha", "pixart-sigma"),
        {"caption_channels": 4096, "use_additional_conditions": False},
    ),
    "hunyuandit_1.1": (
        "HunyuanDiT2DModel",
        model("hunyuan-dit"),
        {**HUNYUAN_DIT, "num_layers": 40, "use_style_cond_and_image_meta_size": True},
    ),
    "hunyuandit_1.2": (
        "HunyuanDiT2DModel",
        model("hunyuan-dit"),
        {**HUNYUAN_DIT, "num_layers": 40, "use_style_cond_and_image_meta_size": False},
    ),
    "hidream_i1": ("HiDreamImageTransformer2DModel", model("hidream-i1"), HIDREAM),
    "omnigen1": ("OmniGenTransformer2DModel", model("omnigen"), {"rope_scaling": PHI_ROPE}),
    "sana_600m": (
        "SanaTransformer2DModel",
        model("sana"),
        {
            "num_attention_heads": 36,
            "num_layers": 28,
            "num_cross_attention_heads": 16,
            "cross_attention_head_dim": 72,
            "cross_attention_dim": 1152,
        },
    ),
    "sana_1.5_4.8b": (
        "SanaTransformer2DModel",
        model("sana"),
        {"num_layers": 60, "qk_norm": "rms_norm_across_heads"},
    ),
    "sana_sprint_1.6b": (
        "SanaTransformer2DModel",
        model("sana", variant="sprint"),
        {"guidance_embeds": True, "qk_norm": "rms_norm_across_heads"},
    ),
    "cogview4_6b": (
        "CogView4Transformer2DModel",
        model("cogview4"),
        {"num_layers": 28, "num_attention_heads": 32, "attention_head_dim": 128, "time_embed_dim": 512},
    ),
    "cogview3_plus_3b": (
        "CogView3PlusTransformer2DModel",
        model("cogview3"),
        {"num_layers": 30, "num_attention_heads": 64, "attention_head_dim": 40},
    ),
    "latte1": (
        "LatteTransformer3DModel",
        model("latte"),
        {
            "num_attention_heads": 16,
            "attention_head_dim": 72,
            "in_channels": 4,
            "out_channels": 8,
            "num_layers": 28,
            "cross_attention_dim": 1152,
            "attention_bias": True,
            "patch_size": 2,
            "activation_fn": "gelu-approximate",
            "norm_type": "ada_norm_single",
            "norm_elementwise_affine": False,
            "caption_channels": 4096,
        },
    ),
    "vq_diffusion": (
        "Transformer2DModel",
        model("vq-diffusion"),
        {
            "num_attention_heads": 16,
            "attention_head_dim": 64,
            "num_layers": 19,
            "cross_attention_dim": 512,
            "attention_bias": True,
            "sample_size": 32,
            "num_vector_embeds": 4097,
            "activation_fn": "geglu-approximate",
            "num_embeds_ada_norm": 100,
        },
    ),
    "kandinsky22_prior": (
        "PriorTransformer",
        model("kandinsky2", variant="prior"),
        {"embedding_dim": 1280, "additional_embeddings": 4, "embedding_proj_dim": 1280, "clip_embed_dim": 1280},
    ),
    "kandinsky5_image": (
        "Kandinsky5Transformer3DModel",
        model("kandinsky5"),
        {
            "in_visual_dim": 16,
            "out_visual_dim": 16,
            "model_dim": 2560,
            "ff_dim": 10240,
            "num_visual_blocks": 50,
            "axes_dims": (32, 48, 48),
        },
    ),
    "kandinsky5_pro": (
        "Kandinsky5Transformer3DModel",
        model("kandinsky5"),
        {
            "in_visual_dim": 16,
            "out_visual_dim": 16,
            "time_dim": 1024,
            "model_dim": 4096,
            "ff_dim": 16384,
            "num_text_blocks": 4,
            "num_visual_blocks": 60,
            "axes_dims": (32, 48, 48),
            "visual_cond": True,
        },
    ),
    "kandinsky5_lite": (
        "Kandinsky5Transformer3DModel",
        model("kandinsky5"),
        {
            "in_visual_dim": 16,
            "out_visual_dim": 16,
            "model_dim": 1792,
            "ff_dim": 7168,
            "num_visual_blocks": 32,
            "axes_dims": (16, 24, 24),
            "visual_cond": True,
        },
    ),
    # --- films
    "wan_t2v_1.3b": ("WanTransformer3DModel", model("wan-2.1"), WAN_1_3B),
    "wan21_i2v_14b": ("WanTransformer3DModel", model("wan-2.1"), WAN_I2V),
    "wan21_flf2v_14b": ("WanTransformer3DModel", model("wan-2.1"), {**WAN_I2V, "pos_embed_seq_len": 514}),
    "wan_t2v_14b": ("WanTransformer3DModel", model("wan", *WAN), {}),
    "wan22_i2v_a14b": ("WanTransformer3DModel", model("wan-2.2", *WAN), {"in_channels": 36}),
    "wan22_ti2v_5b": (
        "WanTransformer3DModel",
        model("wan-2.2"),
        {"num_attention_heads": 24, "ffn_dim": 14336, "num_layers": 30, "in_channels": 48, "out_channels": 48},
    ),
    "wan21_vace_1.3b": (
        "WanVACETransformer3DModel",
        model("wan-2.1"),
        {**WAN_1_3B, "vace_layers": list(range(0, 30, 2))},
    ),
    "wan21_vace_14b": ("WanVACETransformer3DModel", model("wan-2.1", *WAN), {}),
    "skyreels_v2_i2v_1.3b": (
        "SkyReelsV2Transformer3DModel",
        model("wan", *WAN),
        {**WAN_1_3B, "in_channels": 36, "image_dim": 1280, "added_kv_proj_dim": 1536},
    ),
    "skyreels_v2_df_14b": (
        "SkyReelsV2Transformer3DModel",
        model("wan", *WAN),
        {"num_attention_heads": 40, "ffn_dim": 13824, "num_layers": 40, "inject_sample_info": False},
    ),
    "cogvideox_5b": (
        "CogVideoXTransformer3DModel",
        model("cogvideox"),
        {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True},
    ),
    "cogvideox_5b_i2v": (
        "CogVideoXTransformer3DModel",
        model("cogvideox"),
        {
            "num_attention_heads": 48,
            "num_layers": 42,
            "in_channels": 32,
            "use_rotary_positional_embeddings": True,
            "use_learned_positional_embeddings": True,
        },
    ),
    "cogvideox_1.5_5b": (
        "CogVideoXTransformer3DModel",
        model("cogvideox"),
        {
            "num_attention_heads": 48,
            "num_layers": 42,
            "patch_size_t": 2,
            "patch_bias": False,
            "use_rotary_positional_embeddings": True,
        },
    ),
    "cogvideox_1.5_5b_i2v": (
        "CogVideoXTransformer3DModel",
        model("cogvideox"),
        {
            "num_attention_heads": 48,
            "num_layers": 42,
            "in_channels": 32,
            "patch_size_t": 2,
            "patch_bias": False,
            "ofs_embed_dim": 512,
            "use_rotary_positional_embeddings": True,
        },
    ),
    "hunyuan_video_i2v": (
        "HunyuanVideoTransformer3DModel",
        model("hunyuan-video"),
        {"image_condition_type": "token_replace", "guidance_embeds": False},
    ),
    "hunyuan_video_i2v_concat": (
        "HunyuanVideoTransformer3DModel",
        model("hunyuan-video"),
        {"in_channels": 33, "image_condition_type": "latent_concat"},
    ),
    "framepack_i2v": (
        "HunyuanVideoFramepackTransformer3DModel",
        model("hunyuan-video"),
        {"has_image_proj": True, "has_clean_x_embedder": True},
    ),
    "hunyuan_image_2.1_distilled": (
        "HunyuanImageTransformer2DModel",
        model("hunyuan-image-2.1"),
        {"guidance_embeds": True, "use_meanflow": True},
    ),
    "ltx_video_0.9": ("LTXVideoTransformer3DModel", model("ltx-video"), {}),
    "ltx_video_0.9.7_13b": ("LTXVideoTransformer3DModel", model("ltx-video"), LTX_097),
    "cosmos1_7b_v2w": ("CosmosTransformer3DModel", model("cosmos-1"), {"in_channels": 17}),
    "cosmos1_14b_t2w": (
        "CosmosTransformer3DModel",
        model("cosmos-1"),
        {"num_attention_heads": 40, "num_layers": 36, "rope_scale": (2.0, 2.0, 2.0)},
    ),
    "cosmos_predict2_2b_t2i": (
        "CosmosTransformer3DModel",
        model("cosmos-predict2"),
        {"num_attention_heads": 16, "extra_pos_embed_type": None},
    ),
    "cosmos_predict2_2b_v2w": (
        "CosmosTransformer3DModel",
        model("cosmos-predict2"),
        {"num_attention_heads": 16, "extra_pos_embed_type": None, "in_channels": 17},
    ),
    "cosmos_predict2_14b_t2i": (
        "CosmosTransformer3DModel",
        model("cosmos-predict2"),
        {"num_attention_heads": 40, "num_layers": 36, "extra_pos_embed_type": None},
    ),
    "cosmos_predict2.5_2b": (
        "CosmosTransformer3DModel",
        model("cosmos-predict2", "cosmos-predict2", "cosmos-predict2.5"),
        {
            "num_attention_heads": 16,
            "extra_pos_embed_type": None,
            "in_channels": 17,
            "use_crossattn_projection": True,
            "crossattn_proj_in_channels": 100352,
            "encoder_hidden_states_channels": 1024,
        },
    ),
    "easyanimate_5.1_t2v": ("EasyAnimateTransformer3DModel", model("easyanimate"), {**EASYANIMATE, "in_channels": 16}),
    "easyanimate_5.1_inpaint": (
        "EasyAnimateTransformer3DModel",
        model("easyanimate", variant="inpaint"),
        {**EASYANIMATE, "in_channels": 33},
    ),
    "mochi_1": ("MochiTransformer3DModel", model("mochi"), {}),
    # --- VAEs
    "vae_sd1_sdxl": ("AutoencoderKL", vae("sd1", *SD), VAE4),
    "vae_flux1": ("AutoencoderKL", vae("flux1", "flux1", "sd3"), VAE16),
    "vae_x4_upscaler": (
        "AutoencoderKL",
        vae("sd-x4-upscaler"),
        {
            **VAE4,
            "block_out_channels": [128, 256, 512],
            "down_block_types": ["DownEncoderBlock2D"] * 3,
            "up_block_types": ["UpDecoderBlock2D"] * 3,
        },
    ),
    "vae_cogview3": (
        "AutoencoderKL",
        vae("cogview3", "cogview3", "cogview4"),
        {
            **VAE16,
            "block_out_channels": [128, 512, 1024, 1024],
            "layers_per_block": 3,
        },
    ),
    "vae_svd": (
        "AutoencoderKLTemporalDecoder",
        vae("svd"),
        {
            "block_out_channels": [128, 256, 512, 512],
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "layers_per_block": 2,
        },
    ),
    "vae_asymmetric_x1.5": (
        "AsymmetricAutoencoderKL",
        vae("sd1", *SD, variant="asymmetric"),
        {
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "down_block_out_channels": [128, 256, 512, 512],
            "layers_per_down_block": 2,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
            "up_block_out_channels": [192, 384, 768, 768],
            "layers_per_up_block": 3,
        },
    ),
    "movq_kandinsky22": (
        "VQModel",
        vae("kandinsky2"),
        {
            "num_vq_embeddings": 16384,
            "block_out_channels": [128, 256, 256, 512],
            "down_block_types": ["DownEncoderBlock2D"] * 3 + ["AttnDownEncoderBlock2D"],
            "up_block_types": ["AttnUpDecoderBlock2D"] + ["UpDecoderBlock2D"] * 3,
            "vq_embed_dim": 4,
            "latent_channels": 4,
            "layers_per_block": 2,
            "norm_type": "spatial",
        },
    ),
    "vqvae_amused": (
        "VQModel",
        vae("amused"),
        {
            "num_vq_embeddings": 8192,
            "block_out_channels": [128, 256, 256, 512, 768],
            "down_block_types": ["DownEncoderBlock2D"] * 5,
            "up_block_types": ["UpDecoderBlock2D"] * 5,
            "latent_channels": 64,
            "layers_per_block": 2,
            "mid_block_add_attention": False,
            "lookup_from_codebook": True,
        },
    ),
    "vae_hunyuan_image": (
        "AutoencoderKLHunyuanImage",
        vae("hunyuan-image-2.1"),
        {
            "in_channels": 3,
            "out_channels": 3,
            "latent_channels": 64,
            "block_out_channels": [128, 256, 512, 512, 1024, 1024],
            "layers_per_block": 2,
            "spatial_compression_ratio": 32,
            "sample_size": 384,
        },
    ),
    "vae_wan22": (
        "AutoencoderKLWan",
        vae("wan-2.2"),
        {
            "base_dim": 160,
            "decoder_base_dim": 256,
            "z_dim": 48,
            "is_residual": True,
            "in_channels": 12,
            "out_channels": 12,
            "patch_size": 2,
            "latents_mean": [0.0] * 48,
            "latents_std": [1.0] * 48,
        },
    ),
    "vae_ltx_0.9.1": (
        "AutoencoderKLLTXVideo",
        vae("ltx-video"),
        {
            "block_out_channels": [128, 256, 512, 512],
            "decoder_block_out_channels": [256, 512, 1024],
            "layers_per_block": [4, 3, 3, 3, 4],
            "decoder_layers_per_block": [5, 6, 7, 8],
            "spatio_temporal_scaling": [True, True, True, False],
            "decoder_spatio_temporal_scaling": [True, True, True],
            "decoder_inject_noise": [True, True, True, False],
            "upsample_residual": [True, True, True],
            "upsample_factor": [2, 2, 2],
            "timestep_conditioning": True,
        },
    ),
    "vae_ltx_0.9.5": (
        "AutoencoderKLLTXVideo",
        vae("ltx-video"),
        {
            "block_out_channels": [128, 256, 512, 1024, 2048],
            "down_block_types": ["LTXVideo095DownBlock3D"] * 4,
            "decoder_block_out_channels": [256, 512, 1024],
            "layers_per_block": [4, 6, 6, 2, 2],
            "decoder_layers_per_block": [5, 5, 5, 5],
            "spatio_temporal_scaling": [True, True, True, True],
            "decoder_spatio_temporal_scaling": [True, True, True],
            "decoder_inject_noise": [False, False, False, False],
            "downsample_type": ["spatial", "temporal", "spatiotemporal", "spatiotemporal"],
            "upsample_residual": [True, True, True],
            "upsample_factor": [2, 2, 2],
            "timestep_conditioning": True,
        },
    ),
    "dcae_sana": (
        "AutoencoderDC",
        vae("sana"),
        {
            "encoder_block_types": ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3,
            "decoder_block_types": ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3,
            "upsample_block_type": "interpolate",
            "downsample_block_type": "conv",
            "encoder_out_shortcut": True,
        },
    ),
    "taesd_4ch": ("AutoencoderTiny", Label("vae_approx", "sd1", SD), {}),
    "taef1_16ch": ("AutoencoderTiny", Label("vae_approx", "flux1", ("flux1", "sd3")), {"latent_channels": 16}),
    "taef2_32ch": ("AutoencoderTiny", Label("vae_approx", "flux2"), {"latent_channels": 32}),
    # --- what steers
    "controlnet_sd15": ("ControlNetModel", controlnet("sd1"), SD1),
    "controlnet_sd21": ("ControlNetModel", controlnet("sd2"), SD2),
    "controlnet_sdxl": ("ControlNetModel", controlnet("sdxl"), SDXL),
    "controlnet_sdxl_mid": (
        "ControlNetModel",
        controlnet("sdxl", variant="mid"),
        {
            **SDXL,
            "down_block_types": ["DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"],
            "transformer_layers_per_block": [0, 0, 1],
        },
    ),
    "controlnet_sdxl_small": (
        "ControlNetModel",
        controlnet("sdxl", variant="small"),
        {
            **SDXL,
            "down_block_types": ["DownBlock2D"] * 3,
            "mid_block_type": "UNetMidBlock2D",
            "transformer_layers_per_block": 1,
        },
    ),
    "controlnet_kolors": (
        "ControlNetModel",
        controlnet("kolors"),
        {
            **SDXL,
            "encoder_hid_dim": 4096,
            "encoder_hid_dim_type": "text_proj",
            "projection_class_embeddings_input_dim": 5632,
        },
    ),
    "controlnet_sdxl_union": (
        "ControlNetUnionModel",
        controlnet("sdxl", variant="union"),
        {**SDXL, "num_control_type": 6},
    ),
    "controlnet_sdxl_union_promax": (
        "ControlNetUnionModel",
        controlnet("sdxl", variant="union"),
        {**SDXL, "conditioning_embedding_out_channels": [16, 32, 96, 256], "num_control_type": 8},
    ),
    "controlnet_xs_sdxl": (
        "ControlNetXSAdapter",
        controlnet("sdxl", variant="xs"),
        {
            "sample_size": 128,
            "block_out_channels": [32, 64, 128],
            "base_block_out_channels": [320, 640, 1280],
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            "transformer_layers_per_block": [1, 2, 10],
            "num_attention_heads": [1, 1, 2],
            "cross_attention_dim": 2048,
            "time_embedding_mix": 0.95,
            "max_norm_num_groups": 4,
            "use_linear_projection": True,
        },
    ),
    "controlnet_sd3_instantx": ("SD3ControlNetModel", controlnet("sd3-medium"), {**SD3_MEDIUM, "num_layers": 6}),
    "controlnet_sd3_inpaint": (
        "SD3ControlNetModel",
        controlnet("sd3-medium", variant="inpaint"),
        {**SD3_MEDIUM, "num_layers": 23, "extra_conditioning_channels": 1},
    ),
    "controlnet_sd35_large_8b": (
        "SD3ControlNetModel",
        controlnet("sd3.5-large"),
        {
            "num_layers": 19,
            "num_attention_heads": 38,
            "caption_projection_dim": 2432,
            "pos_embed_max_size": 192,
            "pos_embed_type": None,
            "use_pos_embed": False,
            "joint_attention_dim": None,
            "force_zeros_for_pooled_projection": False,
        },
    ),
    "controlnet_flux_instantx": (
        "FluxControlNetModel",
        controlnet("flux1"),
        {"num_layers": 5, "num_single_layers": 0, "guidance_embeds": True},
    ),
    "controlnet_flux_union": (
        "FluxControlNetModel",
        controlnet("flux1", variant="union"),
        {"num_layers": 5, "num_single_layers": 10, "guidance_embeds": True, "num_mode": 10},
    ),
    "controlnet_flux_xlabs": (
        "FluxControlNetModel",
        controlnet("flux1"),
        {"num_layers": 2, "num_single_layers": 0, "guidance_embeds": True, "conditioning_embedding_channels": 16},
    ),
    "controlnet_qwen_union": ("QwenImageControlNetModel", controlnet("qwen-image"), {"num_layers": 5}),
    "controlnet_hunyuandit": (
        "HunyuanDiT2DControlNetModel",
        controlnet("hunyuan-dit"),
        {**HUNYUAN_DIT, "transformer_num_layers": 40, "use_style_cond_and_image_meta_size": False},
    ),
    "controlnet_zimage_union": ("ZImageControlNetModel", controlnet("z-image"), Z_CONTROL),
    "controlnet_zimage_union_2.0": (
        "ZImageControlNetModel",
        controlnet("z-image"),
        {
            "control_layers_places": list(range(0, 30, 2)),
            "control_refiner_layers_places": [0, 1],
            "control_in_dim": 33,
            "add_control_noise_refiner": "control_layers",
        },
    ),
    "controlnet_zimage_union_2.1": (
        "ZImageControlNetModel",
        controlnet("z-image"),
        {
            "control_layers_places": list(range(0, 30, 2)),
            "control_refiner_layers_places": [0, 1],
            "control_in_dim": 33,
            "add_control_noise_refiner": "control_noise_refiner",
        },
    ),
    "sparsectrl_rgb": (
        "SparseControlNetModel",
        controlnet("sd1", variant="sparsectrl"),
        {"use_simplified_condition_embedding": True},
    ),
    "sparsectrl_scribble": (
        "SparseControlNetModel",
        controlnet("sd1", variant="sparsectrl"),
        {"use_simplified_condition_embedding": False, "conditioning_channels": 3},
    ),
    "motion_adapter_v1": (
        "MotionAdapter",
        Label("motion_module", "sd1", (), "v1"),
        {"motion_max_seq_length": 24, "use_motion_mid_block": False},
    ),
    "motion_adapter_v1_mid": (
        "MotionAdapter",
        Label("motion_module", "sd1", (), "v1"),
        {"motion_max_seq_length": 24, "use_motion_mid_block": True},
    ),
    "motion_adapter_v2": ("MotionAdapter", Label("motion_module", "sd1", (), "v2"), {}),
    "motion_adapter_v3": (
        "MotionAdapter",
        Label("motion_module", "sd1", (), "v3"),
        {"use_motion_mid_block": False},
    ),
    "motion_adapter_pia": (
        "MotionAdapter",
        Label("motion_module", "sd1", (), "pia"),
        {"use_motion_mid_block": False, "conv_in_channels": 9},
    ),
    "motion_adapter_sdxl": (
        "MotionAdapter",
        Label("motion_module", "sdxl"),
        {"use_motion_mid_block": False, "block_out_channels": [320, 640, 1280]},
    ),
    "t2i_adapter_full_sd1": ("T2IAdapter", Label("t2i_adapter", "sd1"), {}),
    "t2i_adapter_full_sd1_gray": ("T2IAdapter", Label("t2i_adapter", "sd1"), {"in_channels": 1}),
    "t2i_adapter_light_sd1": (
        "T2IAdapter",
        Label("t2i_adapter", "sd1"),
        {"channels": [320, 640, 1280], "num_res_blocks": 4, "adapter_type": "light_adapter"},
    ),
    "t2i_adapter_full_sdxl": (
        "T2IAdapter",
        Label("t2i_adapter", "sdxl"),
        {"downscale_factor": 16, "adapter_type": "full_adapter_xl"},
    ),
    "t2i_adapter_full_sdxl_gray": (
        "T2IAdapter",
        Label("t2i_adapter", "sdxl"),
        {"in_channels": 1, "downscale_factor": 16, "adapter_type": "full_adapter_xl"},
    ),
}
