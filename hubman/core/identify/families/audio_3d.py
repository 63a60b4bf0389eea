"""Models of sound, solids and proteins: outside of what hubman serves, but not to be taken for something else."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Kind
from hubman.errors import N_

AS = N_("it has {key}, as {title} has")

FAMILY = Family(
    title="sound",
    sources=(
        "Stability-AI/stable-audio-tools stable_audio_tools/models/dit.py",
        "ace-step/ACE-Step acestep/models/ace_step_transformer.py",
        "Tencent/Hunyuan3D-2 hy3dgen/shapegen/models/denoisers/hunyuan3ddit.py",
        "huggingface/diffusers StableAudioDiTModel, AceStepTransformer1DModel, LongCatAudioDiTTransformer, "
        "T5FilmDecoder and others (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py (facts)",
    ),
    signatures=(
        Signature(
            ("stable-audio",),
            (
                "transformer.rotary_pos_emb.inv_freq|transformer.project_in.weight",
                "transformer.layers.0.self_attn.to_qkv.weight",
                "to_cond_embed.0.weight",
                "preprocess_conv.weight",
            ),
            because=AS,
            title="Stable Audio",
        ),
        Signature(
            ("stable-audio",),
            (
                "timestep_proj.0.weight",
                "global_proj.0.weight",
                "cross_attention_proj.0.weight",
                "preprocess_conv.weight",
                "transformer_blocks.0.attn2.to_q.weight",
            ),
            because=AS,
            title="Stable Audio",
        ),
        Signature(
            ("stable-audio-3",),
            (
                "memory_tokens",
                "global_cond_embedder.0.weight",
                "preprocess_conv.weight",
                "transformer_blocks.0.to_scale_shift_gate",
            ),
            because=AS,
            title="Stable Audio 3",
        ),
        Signature(
            ("stable-audio-3",),
            (
                "transformer.rotary_pos_emb.inv_freq|transformer.project_in.weight",
                "transformer.layers.0.self_attn.to_qkv.weight",
                "to_cond_embed.0.weight",
                "preprocess_conv.weight",
                "transformer.global_cond_embedder.0.weight",
            ),
            because=AS,
            title="Stable Audio 3",
        ),
        Signature(
            ("ace-step",),
            ("genre_embedder.weight", "lyric_proj.weight", "speaker_embedder.weight"),
            because=AS,
            title="ACE-Step",
        ),
        Signature(
            ("ace-step-1.5",),
            (
                "proj_in_conv.weight",
                "time_embed_r.linear_1.weight",
                "layers.0.self_attn_norm.weight",
                "condition_embedder.weight",
            ),
            because=AS,
            title="ACE-Step 1.5",
        ),
        Signature(
            ("ace-step-1.5",),
            (
                "decoder.time_embed_r.linear_1.weight",
                "decoder.layers.0.self_attn_norm.weight",
                "decoder.condition_embedder.weight",
            ),
            because=AS,
            title="ACE-Step 1.5",
        ),
        Signature(
            ("longcat-audio",),
            ("text_conv_layer.0.dwconv.weight", "latent_cond_embedder.proj.0.weight", "blocks.0.adaln_scale_shift"),
            because=AS,
            title="LongCat-Audio",
        ),
        Signature(
            ("minimax-music3",),
            (
                "time_proj.weight",
                "preprocess_conv.weight",
                "postprocess_conv.weight",
                "transformer_blocks.0.ff_in.weight",
            ),
            because=AS,
            title="MiniMax Music 3",
        ),
        Signature(
            ("spectrogram-diffusion",),
            (
                "continuous_inputs_projection.weight",
                "decoders.0.layer.0.FiLMLayer.scale_bias.weight",
                "spec_out.weight",
            ),
            because=AS,
            title="Spectrogram Diffusion",
        ),
        Signature(
            ("audioldm",),
            ("film_emb.weight", "input_blocks.0.0.weight", "middle_block.0.in_layers.0.weight"),
            because=AS,
            title="AudioLDM",
        ),
        Signature(
            ("hunyuan3d",),
            ("latent_in.weight", "cond_in.weight", "double_blocks.0.img_attn.qkv.weight"),
            because=AS,
            title="Hunyuan3D 2",
        ),
        Signature(
            ("hunyuan3d",),
            ("blocks.0.attn1.k_norm.weight", "t_embedder.mlp.2.weight", "x_embedder.weight"),
            because=AS,
            title="Hunyuan3D 2.1",
        ),
        Signature(
            ("rfd4-proteina",),
            (
                "init_repr_factory.linear_out.weight",
                "pair_repr_builder.init_repr_factory.linear_out.weight",
                "cond_factory.linear_out.weight",
            ),
            because=AS,
            title="RFD4 Proteina",
        ),
    ),
    classes={
        "StableAudioDiTModel": (Kind.DIFFUSION_MODEL, ("stable-audio",)),
        "StableAudio3DiTModel": (Kind.DIFFUSION_MODEL, ("stable-audio-3",)),
        "AceStepTransformer1DModel": (Kind.DIFFUSION_MODEL, ("ace-step-1.5",)),
        "LongCatAudioDiTTransformer": (Kind.DIFFUSION_MODEL, ("longcat-audio",)),
        "MiniMaxMusic3Transformer1DModel": (Kind.DIFFUSION_MODEL, ("minimax-music3",)),
        "T5FilmDecoder": (Kind.DIFFUSION_MODEL, ("spectrogram-diffusion",)),
        "RFD4ProteinaTransformer": (Kind.DIFFUSION_MODEL, ("rfd4-proteina",)),
        "AudioLDM2UNet2DConditionModel": (Kind.DIFFUSION_MODEL, ()),
    },
)
