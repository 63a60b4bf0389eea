"""CogView 3 Plus, CogView 4 and GLM-Image: the first two are one network at two widths."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

COGVIEW3 = """
patch_embed.proj 2560 64
patch_embed.text_proj 2560 4096
time_condition_embed.timestep_embedder.linear_1 512 2560
time_condition_embed.timestep_embedder.linear_2 512 512
time_condition_embed.condition_embedder.linear_1 512 1536
time_condition_embed.condition_embedder.linear_2 512 512
transformer_blocks.{0-29}.norm1.linear 30720 512
transformer_blocks.{0-29}.attn1.to_q 2560 2560
transformer_blocks.{0-29}.attn1.to_k 2560 2560
transformer_blocks.{0-29}.attn1.to_v 2560 2560
transformer_blocks.{0-29}.attn1.to_out.0 2560 2560
transformer_blocks.{0-29}.ff.net.0.proj 10240 2560
transformer_blocks.{0-29}.ff.net.2 2560 10240
norm_out.linear 5120 512
proj_out 64 2560
"""

COGVIEW4 = """
patch_embed.proj 4096 64
patch_embed.text_proj 4096 4096
time_condition_embed.timestep_embedder.linear_1 512 4096
time_condition_embed.timestep_embedder.linear_2 512 512
time_condition_embed.condition_embedder.linear_1 512 1536
time_condition_embed.condition_embedder.linear_2 512 512
transformer_blocks.{0-27}.norm1.linear 49152 512
transformer_blocks.{0-27}.attn1.to_q 4096 4096
transformer_blocks.{0-27}.attn1.to_k 4096 4096
transformer_blocks.{0-27}.attn1.to_v 4096 4096
transformer_blocks.{0-27}.attn1.to_out.0 4096 4096
transformer_blocks.{0-27}.ff.net.0.proj 16384 4096
transformer_blocks.{0-27}.ff.net.2 4096 16384
norm_out.linear 8192 512
proj_out 64 4096
"""

GLM = """
image_projector.proj 4096 64
glyph_projector.net.0.proj 4096 1472
glyph_projector.net.2 4096 4096
prior_token_embedding 16384 4096
prior_projector.net.0.proj 4096 4096
prior_projector.net.2 4096 4096
time_condition_embed.timestep_embedder.linear_1 512 512
time_condition_embed.timestep_embedder.linear_2 512 512
time_condition_embed.condition_embedder.linear_1 512 1024
time_condition_embed.condition_embedder.linear_2 512 512
transformer_blocks.{0-29}.norm1.linear 49152 512
transformer_blocks.{0-29}.attn1.to_q 4096 4096
transformer_blocks.{0-29}.attn1.to_k 4096 4096
transformer_blocks.{0-29}.attn1.to_v 4096 4096
transformer_blocks.{0-29}.attn1.to_out.0 4096 4096
transformer_blocks.{0-29}.ff.net.0.proj 16384 4096
transformer_blocks.{0-29}.ff.net.2 4096 16384
norm_out.linear 8192 512
proj_out 64 4096
"""

NAMES = (
    "patch_embed.text_proj.weight", "time_condition_embed.condition_embedder.linear_1.weight",
    "transformer_blocks.0.norm1.linear.weight", "transformer_blocks.0.attn1.to_q.weight", "proj_out.weight",
)  # fmt: skip
GLM_NAMES = (
    "glyph_projector.net.0.proj.weight", "prior_token_embedding.weight", "image_projector.proj.weight",
    "transformer_blocks.0.attn1.to_q.weight",
)  # fmt: skip
BIAS = "patch_embed.text_proj.bias"
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="CogView",
    sources=(
        "huggingface/diffusers CogView3PlusTransformer2DModel, CogView4Transformer2DModel, GlmImageTransformer2DModel "
        "(generated on meta tensors)",
        "zai-org/CogView4-6B, zai-org/CogView3-Plus-3B transformer/config.json",
        "sizes of GLM-Image as released: sgl-project/sglang, hao-ai-lab/FastVideo GlmImageArchConfig",
    ),
    signatures=(
        Signature(("cogview4", "cogview3"), has=NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(
            ("cogview4",),
            has=NAMES,
            shapes={BIAS: (4096,)},
            because=N_("it has {key}, as {title} does, at the width of CogView 4"),
        ),
        Signature(
            ("cogview3", "cogview4"),
            has=NAMES,
            shapes={BIAS: (2560,)},
            because=N_(
                "it has {key}, as {title} does, at the width of CogView 3 Plus and of CogView 4's default config"
            ),
        ),
        Signature(("glm-image",), has=GLM_NAMES, title="GLM-Image"),
    ),
    variants=(
        Variant(
            "control",
            N_("it takes 128 channels: the picture and a control map"),
            shapes={"patch_embed.proj.weight": (4096, 128)},
        ),
    ),
    graphs=(
        Graph("cogview4", "diffusers", COGVIEW4),
        Graph("cogview3", "diffusers", COGVIEW3, rare=True),
        Graph("cogview4", "diffusers-default", COGVIEW3, rare=True),
        Graph("glm-image", "diffusers", GLM, rare=True),
    ),
    classes={
        "CogView3PlusTransformer2DModel": (Kind.DIFFUSION_MODEL, ("cogview3",)),
        "CogView4Transformer2DModel": (Kind.DIFFUSION_MODEL, ("cogview4",)),
        "GlmImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("glm-image",)),
    },
)
