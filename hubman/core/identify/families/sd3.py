"""Stable Diffusion 3 and 3.5: MMDiT in three sizes; where the size is none of them, `sd3` is all that can be said."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

MEDIUM_3 = """
x_embedder.proj 1536 16 2x2
t_embedder.mlp.0 1536 256
t_embedder.mlp.2 1536 1536
y_embedder.mlp.0 1536 2048
y_embedder.mlp.2 1536 1536
context_embedder 1536 4096
joint_blocks.{0-23}.context_block.attn.qkv 4608 1536
joint_blocks.{0-22}.context_block.attn.proj 1536 1536
joint_blocks.{0-22}.context_block.mlp.fc1 6144 1536
joint_blocks.{0-22}.context_block.mlp.fc2 1536 6144
joint_blocks.{0-22}.context_block.adaLN_modulation.1 9216 1536
joint_blocks.{0-23}.x_block.attn.qkv 4608 1536
joint_blocks.{0-23}.x_block.attn.proj 1536 1536
joint_blocks.{0-23}.x_block.mlp.fc1 6144 1536
joint_blocks.{0-23}.x_block.mlp.fc2 1536 6144
joint_blocks.{0-23}.x_block.adaLN_modulation.1 9216 1536
joint_blocks.23.context_block.adaLN_modulation.1 3072 1536
final_layer.linear 64 1536
final_layer.adaLN_modulation.1 3072 1536
"""

MEDIUM_35 = """
x_embedder.proj 1536 16 2x2
t_embedder.mlp.0 1536 256
t_embedder.mlp.2 1536 1536
y_embedder.mlp.0 1536 2048
y_embedder.mlp.2 1536 1536
context_embedder 1536 4096
joint_blocks.{0-23}.context_block.attn.qkv 4608 1536
joint_blocks.{0-22}.context_block.attn.proj 1536 1536
joint_blocks.{0-23}.context_block.attn.ln_q 64
joint_blocks.{0-23}.context_block.attn.ln_k 64
joint_blocks.{0-22}.context_block.mlp.fc1 6144 1536
joint_blocks.{0-22}.context_block.mlp.fc2 1536 6144
joint_blocks.{0-22}.context_block.adaLN_modulation.1 9216 1536
joint_blocks.{0-23}.x_block.attn.qkv 4608 1536
joint_blocks.{0-23}.x_block.attn.proj 1536 1536
joint_blocks.{0-23}.x_block.attn.ln_q 64
joint_blocks.{0-23}.x_block.attn.ln_k 64
joint_blocks.{0-12}.x_block.attn2.qkv 4608 1536
joint_blocks.{0-12}.x_block.attn2.proj 1536 1536
joint_blocks.{0-12}.x_block.attn2.ln_q 64
joint_blocks.{0-12}.x_block.attn2.ln_k 64
joint_blocks.{0-23}.x_block.mlp.fc1 6144 1536
joint_blocks.{0-23}.x_block.mlp.fc2 1536 6144
joint_blocks.{0-12}.x_block.adaLN_modulation.1 13824 1536
joint_blocks.{13-23}.x_block.adaLN_modulation.1 9216 1536
joint_blocks.23.context_block.adaLN_modulation.1 3072 1536
final_layer.linear 64 1536
final_layer.adaLN_modulation.1 3072 1536
"""

LARGE_35 = """
x_embedder.proj 2432 16 2x2
t_embedder.mlp.0 2432 256
t_embedder.mlp.2 2432 2432
y_embedder.mlp.0 2432 2048
y_embedder.mlp.2 2432 2432
context_embedder 2432 4096
joint_blocks.{0-37}.context_block.attn.qkv 7296 2432
joint_blocks.{0-36}.context_block.attn.proj 2432 2432
joint_blocks.{0-37}.context_block.attn.ln_q 64
joint_blocks.{0-37}.context_block.attn.ln_k 64
joint_blocks.{0-36}.context_block.mlp.fc1 9728 2432
joint_blocks.{0-36}.context_block.mlp.fc2 2432 9728
joint_blocks.{0-36}.context_block.adaLN_modulation.1 14592 2432
joint_blocks.{0-37}.x_block.attn.qkv 7296 2432
joint_blocks.{0-37}.x_block.attn.proj 2432 2432
joint_blocks.{0-37}.x_block.attn.ln_q 64
joint_blocks.{0-37}.x_block.attn.ln_k 64
joint_blocks.{0-37}.x_block.mlp.fc1 9728 2432
joint_blocks.{0-37}.x_block.mlp.fc2 2432 9728
joint_blocks.{0-37}.x_block.adaLN_modulation.1 14592 2432
joint_blocks.37.context_block.adaLN_modulation.1 4864 2432
final_layer.linear 64 2432
final_layer.adaLN_modulation.1 4864 2432
"""

MEDIUM_3_DIFFUSERS = """
pos_embed.proj 1536 16 2x2
time_text_embed.timestep_embedder.linear_1 1536 256
time_text_embed.timestep_embedder.linear_2 1536 1536
time_text_embed.text_embedder.linear_1 1536 2048
time_text_embed.text_embedder.linear_2 1536 1536
context_embedder 1536 4096
transformer_blocks.{0-23}.norm1.linear 9216 1536
transformer_blocks.{0-22}.norm1_context.linear 9216 1536
transformer_blocks.{0-23}.attn.to_q 1536 1536
transformer_blocks.{0-23}.attn.to_k 1536 1536
transformer_blocks.{0-23}.attn.to_v 1536 1536
transformer_blocks.{0-23}.attn.add_k_proj 1536 1536
transformer_blocks.{0-23}.attn.add_v_proj 1536 1536
transformer_blocks.{0-23}.attn.add_q_proj 1536 1536
transformer_blocks.{0-23}.attn.to_out.0 1536 1536
transformer_blocks.{0-22}.attn.to_add_out 1536 1536
transformer_blocks.{0-23}.ff.net.0.proj 6144 1536
transformer_blocks.{0-23}.ff.net.2 1536 6144
transformer_blocks.{0-22}.ff_context.net.0.proj 6144 1536
transformer_blocks.{0-22}.ff_context.net.2 1536 6144
transformer_blocks.23.norm1_context.linear 3072 1536
norm_out.linear 3072 1536
proj_out 64 1536
"""

MEDIUM_35_DIFFUSERS = """
pos_embed.proj 1536 16 2x2
time_text_embed.timestep_embedder.linear_1 1536 256
time_text_embed.timestep_embedder.linear_2 1536 1536
time_text_embed.text_embedder.linear_1 1536 2048
time_text_embed.text_embedder.linear_2 1536 1536
context_embedder 1536 4096
transformer_blocks.{0-12}.norm1.linear 13824 1536
transformer_blocks.{0-22}.norm1_context.linear 9216 1536
transformer_blocks.{0-23}.attn.norm_q 64
transformer_blocks.{0-23}.attn.norm_k 64
transformer_blocks.{0-23}.attn.to_q 1536 1536
transformer_blocks.{0-23}.attn.to_k 1536 1536
transformer_blocks.{0-23}.attn.to_v 1536 1536
transformer_blocks.{0-23}.attn.add_k_proj 1536 1536
transformer_blocks.{0-23}.attn.add_v_proj 1536 1536
transformer_blocks.{0-23}.attn.add_q_proj 1536 1536
transformer_blocks.{0-23}.attn.to_out.0 1536 1536
transformer_blocks.{0-22}.attn.to_add_out 1536 1536
transformer_blocks.{0-23}.attn.norm_added_q 64
transformer_blocks.{0-23}.attn.norm_added_k 64
transformer_blocks.{0-12}.attn2.norm_q 64
transformer_blocks.{0-12}.attn2.norm_k 64
transformer_blocks.{0-12}.attn2.to_q 1536 1536
transformer_blocks.{0-12}.attn2.to_k 1536 1536
transformer_blocks.{0-12}.attn2.to_v 1536 1536
transformer_blocks.{0-12}.attn2.to_out.0 1536 1536
transformer_blocks.{0-23}.ff.net.0.proj 6144 1536
transformer_blocks.{0-23}.ff.net.2 1536 6144
transformer_blocks.{0-22}.ff_context.net.0.proj 6144 1536
transformer_blocks.{0-22}.ff_context.net.2 1536 6144
transformer_blocks.{13-23}.norm1.linear 9216 1536
transformer_blocks.23.norm1_context.linear 3072 1536
norm_out.linear 3072 1536
proj_out 64 1536
"""

LARGE_35_DIFFUSERS = """
pos_embed.proj 2432 16 2x2
time_text_embed.timestep_embedder.linear_1 2432 256
time_text_embed.timestep_embedder.linear_2 2432 2432
time_text_embed.text_embedder.linear_1 2432 2048
time_text_embed.text_embedder.linear_2 2432 2432
context_embedder 2432 4096
transformer_blocks.{0-37}.norm1.linear 14592 2432
transformer_blocks.{0-36}.norm1_context.linear 14592 2432
transformer_blocks.{0-37}.attn.norm_q 64
transformer_blocks.{0-37}.attn.norm_k 64
transformer_blocks.{0-37}.attn.to_q 2432 2432
transformer_blocks.{0-37}.attn.to_k 2432 2432
transformer_blocks.{0-37}.attn.to_v 2432 2432
transformer_blocks.{0-37}.attn.add_k_proj 2432 2432
transformer_blocks.{0-37}.attn.add_v_proj 2432 2432
transformer_blocks.{0-37}.attn.add_q_proj 2432 2432
transformer_blocks.{0-37}.attn.to_out.0 2432 2432
transformer_blocks.{0-36}.attn.to_add_out 2432 2432
transformer_blocks.{0-37}.attn.norm_added_q 64
transformer_blocks.{0-37}.attn.norm_added_k 64
transformer_blocks.{0-37}.ff.net.0.proj 9728 2432
transformer_blocks.{0-37}.ff.net.2 2432 9728
transformer_blocks.{0-36}.ff_context.net.0.proj 9728 2432
transformer_blocks.{0-36}.ff_context.net.2 2432 9728
transformer_blocks.37.norm1_context.linear 4864 2432
norm_out.linear 4864 2432
proj_out 64 2432
"""

NATIVE_NAMES = (
    "joint_blocks.0.context_block.attn.qkv.weight", "joint_blocks.0.x_block.attn.qkv.weight",
    "x_embedder.proj.weight", "context_embedder.weight", "final_layer.linear.weight",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "transformer_blocks.0.norm1_context.linear.weight", "transformer_blocks.0.attn.add_k_proj.weight",
    "time_text_embed.text_embedder.linear_1.weight", "pos_embed.proj.weight", "context_embedder.weight",
    "proj_out.weight",
)  # fmt: skip
TWICE = "joint_blocks.0.x_block.attn2.qkv.weight"
NORM = "joint_blocks.0.x_block.attn.ln_q.weight"
TWICE_DIFFUSERS = "transformer_blocks.0.attn2.to_q.weight"
NORM_DIFFUSERS = "transformer_blocks.0.attn.norm_q.weight"
BIAS = "x_embedder.proj.bias"
BIAS_DIFFUSERS = "pos_embed.proj.bias"
CUSTOM = N_("it has {key} and the other parts of {title}, at a width of none of the released models")
FIRST = N_("it has {key}, as {title} does, at the width of SD 3 Medium and without its later norms")
SECOND = N_("it has {key}, as {title} does, and the second attention that only SD 3.5 Medium has")
LARGE = N_("it has {key}, as {title} does, at the width of SD 3.5 Large")

FAMILY = Family(
    title="Stable Diffusion 3",
    sources=(
        "Stability-AI/sd3.5 mmditx.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "huggingface/diffusers SD3Transformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(("sd3",), has=NATIVE_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("sd3-medium",), has=NATIVE_NAMES, lacks=(TWICE, NORM), shapes={BIAS: (1536,)}, because=FIRST),
        Signature(
            ("sd3.5-medium",),
            has=(*NATIVE_NAMES, TWICE),
            because=SECOND,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(("sd3.5-medium",), has=(*NATIVE_NAMES, TWICE), shapes={BIAS: (1536,)}, because=SECOND),
        Signature(("sd3.5-large",), has=(*NATIVE_NAMES, NORM), lacks=(TWICE,), shapes={BIAS: (2432,)}, because=LARGE),
        Signature(("sd3",), has=DIFFUSERS_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(
            ("sd3-medium",),
            has=DIFFUSERS_NAMES,
            lacks=(TWICE_DIFFUSERS, NORM_DIFFUSERS),
            shapes={BIAS_DIFFUSERS: (1536,)},
            because=FIRST,
        ),
        Signature(
            ("sd3.5-medium",),
            has=(*DIFFUSERS_NAMES, TWICE_DIFFUSERS),
            because=SECOND,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("sd3.5-medium",),
            has=(*DIFFUSERS_NAMES, TWICE_DIFFUSERS),
            shapes={BIAS_DIFFUSERS: (1536,)},
            because=SECOND,
        ),
        Signature(
            ("sd3.5-large",),
            has=(*DIFFUSERS_NAMES, NORM_DIFFUSERS),
            lacks=(TWICE_DIFFUSERS,),
            shapes={BIAS_DIFFUSERS: (2432,)},
            because=LARGE,
        ),
    ),
    graphs=(
        Graph("sd3-medium", "native", MEDIUM_3),
        Graph("sd3.5-medium", "native", MEDIUM_35),
        Graph("sd3.5-large", "native", LARGE_35),
        Graph("sd3-medium", "diffusers", MEDIUM_3_DIFFUSERS, dotted=True),
        Graph("sd3.5-medium", "diffusers", MEDIUM_35_DIFFUSERS, dotted=True),
        Graph("sd3.5-large", "diffusers", LARGE_35_DIFFUSERS, dotted=True),
    ),
    classes={"SD3Transformer2DModel": (Kind.DIFFUSION_MODEL, ("sd3",))},
)
