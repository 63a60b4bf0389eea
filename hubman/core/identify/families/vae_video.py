"""VAEs of further video models: Cosmos, Mochi, CogVideoX, EasyAnimate, SeedVR2, VidTok, MiniMax H3, Kandinsky 6."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Kind
from hubman.errors import N_

KVAE = (
    "decoder.mid.block_1.norm1.conv_y.weight",
    "decoder.mid.block_1.norm1.conv_b.weight",
    "decoder.up.#.upsample.spatial_conv.weight",
)

VAE_OF = N_("it has {key}, as the VAE of {title} has")

FAMILY = Family(
    title="video",
    sources=(
        "NVIDIA/Cosmos cosmos1/models/tokenizer",
        "genmoai/mochi src/genmo/mochi_preview/vae/models.py",
        "zai-org/CogVideo sat/vae_modules",
        "huggingface/diffusers AutoencoderKLCosmos, AutoencoderKLMochi, AutoencoderKLCogVideoX, AutoencoderKLMagvit, "
        "AutoencoderVidTok, AutoencoderKLMiniMaxH3, AutoencoderKLKVAE and KVAEVideo (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/sd.py (facts)",
    ),
    signatures=(
        Signature(
            ("cosmos-1",),
            ("decoder.conv_in.conv_s.weight", "decoder.conv_in.conv_t.weight", "decoder.conv_out.conv_s.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="Cosmos",
        ),
        Signature(
            ("cosmos-1",),
            (
                "decoder.unpatcher3d.wavelets|decoder.conv_in.0.conv3d.weight",
                "decoder.mid.block_1.conv1.0.conv3d.weight",
            ),
            because=VAE_OF,
            kind=Kind.VAE,
            title="Cosmos",
        ),
        Signature(
            ("mochi",),
            (
                "decoder.block_in.resnets.0.conv1.conv.weight",
                "decoder.proj_out.weight",
                "decoder.up_blocks.0.proj.weight",
            ),
            because=VAE_OF,
            kind=Kind.VAE,
            title="Mochi 1",
        ),
        Signature(
            ("mochi",),
            ("blocks.2.blocks.3.stack.5.weight", "blocks.0.0.weight", "output_proj.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="Mochi 1",
            prefixes=("decoder.", "vae.decoder."),
        ),
        Signature(
            ("mochi",),
            ("layers.4.layers.1.attn_block.attn.qkv.weight", "output_proj.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="Mochi 1",
            prefixes=("encoder.", "vae.encoder."),
        ),
        Signature(
            ("cogvideox",),
            (
                "decoder.mid_block.resnets.0.norm1.norm_layer.weight|decoder.mid.block_1.norm1.norm_layer.weight",
                "decoder.mid_block.resnets.0.norm1.conv_y.conv.weight|decoder.mid.block_1.norm1.conv_y.conv.weight",
                "decoder.conv_in.conv.weight",
            ),
            because=VAE_OF,
            kind=Kind.VAE,
            title="CogVideoX",
        ),
        Signature(
            ("easyanimate",),
            (
                "decoder.mid_block.convs.0.norm1.weight",
                "decoder.conv_in.weight",
                "decoder.up_blocks.0.convs.0.conv1.weight",
            ),
            because=VAE_OF,
            kind=Kind.VAE,
            title="EasyAnimate",
        ),
        Signature(
            ("seedvr2",),
            ("decoder.up_blocks.2.upsamplers.0.upscale_conv.weight", "decoder.conv_in.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="SeedVR2",
        ),
        Signature(
            ("vidtok",),
            ("decoder.up_temporal.1.upsample.mix_factor", "decoder.conv_in.conv.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="VidTok",
        ),
        Signature(
            ("minimax-h3",),
            ("decoder.register_tokens", "decoder.transformer_blocks.0.scale1", "decoder.proj_in.weight"),
            because=VAE_OF,
            kind=Kind.VAE,
            title="MiniMax H3",
        ),
        Signature(
            ("kandinsky6",),
            KVAE,
            because=VAE_OF,
            kind=Kind.VAE,
            title="Kandinsky 6",
        ),
        Signature(
            ("kandinsky6",),
            (*KVAE, "decoder.norm_out.norm_layer.gamma"),
            because=VAE_OF,
            kind=Kind.VAE,
            variant="super-resolution",
            title="Kandinsky 6",
        ),
    ),
    classes={
        "AutoencoderKLCosmos": (Kind.VAE, ("cosmos-1",)),
        "AutoencoderKLMochi": (Kind.VAE, ("mochi",)),
        "AutoencoderKLCogVideoX": (Kind.VAE, ("cogvideox",)),
        "AutoencoderKLMagvit": (Kind.VAE, ("easyanimate",)),
        "AutoencoderVidTok": (Kind.VAE, ("vidtok",)),
        "AutoencoderKLMiniMaxH3": (Kind.VAE, ("minimax-h3",)),
        "AutoencoderKLKVAE": (Kind.VAE, ("kandinsky6",)),
        "AutoencoderKLKVAEVideo": (Kind.VAE, ("kandinsky6",)),
        "Kandinsky6SRVAE": (Kind.VAE, ("kandinsky6",)),
    },
)
