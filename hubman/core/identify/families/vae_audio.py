"""VAEs of sound: Oobleck of Stable Audio, ACE-Step, and those of video models that also make sound."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Kind
from hubman.errors import N_

VAE_OF = N_("it has {key}, as the audio VAE of {title} has")
OOBLECK = N_("it has {key}; Stable Audio, ACE-Step 1.5 and LongCat-Audio share these blocks")

FAMILY = Family(
    title="Stable Audio",
    sources=(
        "Stability-AI/stable-audio-tools stable_audio_tools/models/autoencoders.py",
        "huggingface/diffusers AutoencoderOobleck, AutoencoderSAME, LongCatAudioDiTVae, MMAudioVAE, "
        "AutoencoderKLMiniMaxH3Audio, AutoencoderKLKVAEAudio, Cosmos3AVAEAudioTokenizer (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/sd.py (facts)",
    ),
    signatures=(
        Signature(
            ("stable-audio", "ace-step-1.5"),
            ("decoder.block.0.snake1.beta", "encoder.block.0.res_unit1.snake1.beta", "decoder.snake1.beta"),
            because=N_("it has {key}; Stable Audio and ACE-Step 1.5 share these blocks"),
            kind=Kind.VAE,
        ),
        Signature(
            ("stable-audio", "ace-step-1.5", "longcat-audio"),
            ("decoder.layers.1.layers.0.beta", "decoder.layers.1.layers.2.layers.0.beta"),
            because=OOBLECK,
            kind=Kind.VAE,
            prefixes=("pretransform.model.",),
        ),
        Signature(
            ("stable-audio-3",),
            ("bottleneck.running_std", "decoder.blocks.0.new_tokens|decoder.blocks.0.transformers.0.norm_attn.alpha"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="Stable Audio 3",
        ),
        Signature(
            ("stable-audio-3",),
            ("decoder.layers.3.transformers.0.pre_norm.alpha",),
            because=VAE_OF,
            kind=Kind.VAE,
            title="Stable Audio 3",
        ),
        Signature(
            ("ace-step",),
            ("vocoder.backbone.channel_layers.0.0.bias|dcae.decoder.conv_in.weight", "dcae.decoder.conv_out.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="ACE-Step",
        ),
        Signature(
            ("mmaudio",),
            ("decoder.learnable_gain", "decoder.conv_in.weight", "decoder.mid.attn_1.qkv.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="MMAudio",
        ),
        Signature(
            ("minimax-h3",),
            ("dec_in_proj.weight", "pre_block.attn.qkv.weight", "decoder.conv_pre.weight_v|decoder.conv_pre.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            variant="audio",
            title="MiniMax H3",
        ),
        Signature(
            ("kandinsky6",),
            (
                "encoder.block.0.res_unit1.snake1.alpha",
                "in_proj.parametrizations.weight.original0|in_proj.weight_g|in_proj.weight",
                "out_proj.parametrizations.weight.original0|out_proj.weight_g|out_proj.weight",
            ),
            lacks=("encoder.block.0.res_unit1.snake1.beta",),
            because=VAE_OF,
            kind=Kind.VAE,
            variant="audio",
            title="Kandinsky 6",
        ),
        Signature(
            ("cosmos-3",),
            ("decoder.block.0.snake1.beta", "encoder.layers.1.pwconv1.weight", "decoder.snake1.beta"),
            because=VAE_OF,
            kind=Kind.VAE,
            variant="audio",
            title="Cosmos 3",
        ),
    ),
    classes={
        "AutoencoderOobleck": (Kind.VAE, ("stable-audio", "ace-step-1.5")),
        "AutoencoderSAME": (Kind.VAE, ("stable-audio-3",)),
        "LongCatAudioDiTVae": (Kind.VAE, ("longcat-audio",)),
        "MMAudioVAE": (Kind.VAE, ("mmaudio",)),
        "AutoencoderKLMiniMaxH3Audio": (Kind.VAE, ("minimax-h3",)),
        "AutoencoderKLKVAEAudio": (Kind.VAE, ("kandinsky6",)),
        "Cosmos3AVAEAudioTokenizer": (Kind.VAE, ("cosmos-3",)),
        "MusicDCAE": (Kind.VAE, ("ace-step",)),
    },
)
