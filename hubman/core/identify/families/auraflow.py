"""AuraFlow and the models trained from it, such as Pony V7."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

NATIVE = """
t_embedder.mlp.0 3072 256
t_embedder.mlp.2 3072 3072
cond_seq_linear 3072 2048
init_x_linear 3072 16
double_layers.{0-3}.mlpC.c_fc1 8192 3072
double_layers.{0-3}.mlpC.c_fc2 8192 3072
double_layers.{0-3}.mlpC.c_proj 3072 8192
double_layers.{0-3}.modC.1 18432 3072
double_layers.{0-3}.mlpX.c_fc1 8192 3072
double_layers.{0-3}.mlpX.c_fc2 8192 3072
double_layers.{0-3}.mlpX.c_proj 3072 8192
double_layers.{0-3}.modX.1 18432 3072
double_layers.{0-3}.attn.w1q 3072 3072
double_layers.{0-3}.attn.w1k 3072 3072
double_layers.{0-3}.attn.w1v 3072 3072
double_layers.{0-3}.attn.w1o 3072 3072
double_layers.{0-3}.attn.w2q 3072 3072
double_layers.{0-3}.attn.w2k 3072 3072
double_layers.{0-3}.attn.w2v 3072 3072
double_layers.{0-3}.attn.w2o 3072 3072
single_layers.{0-31}.modCX.1 18432 3072
single_layers.{0-31}.attn.w1q 3072 3072
single_layers.{0-31}.attn.w1k 3072 3072
single_layers.{0-31}.attn.w1v 3072 3072
single_layers.{0-31}.attn.w1o 3072 3072
single_layers.{0-31}.mlp.c_fc1 8192 3072
single_layers.{0-31}.mlp.c_fc2 8192 3072
single_layers.{0-31}.mlp.c_proj 3072 8192
final_linear 16 3072
modF.1 6144 3072
"""

DIFFUSERS = """
pos_embed.proj 3072 16
context_embedder 3072 2048
time_step_proj.linear_1 3072 256
time_step_proj.linear_2 3072 3072
joint_transformer_blocks.{0-3}.norm1.linear 18432 3072
joint_transformer_blocks.{0-3}.norm1_context.linear 18432 3072
joint_transformer_blocks.{0-3}.attn.to_q 3072 3072
joint_transformer_blocks.{0-3}.attn.to_k 3072 3072
joint_transformer_blocks.{0-3}.attn.to_v 3072 3072
joint_transformer_blocks.{0-3}.attn.add_k_proj 3072 3072
joint_transformer_blocks.{0-3}.attn.add_v_proj 3072 3072
joint_transformer_blocks.{0-3}.attn.add_q_proj 3072 3072
joint_transformer_blocks.{0-3}.attn.to_out.0 3072 3072
joint_transformer_blocks.{0-3}.attn.to_add_out 3072 3072
joint_transformer_blocks.{0-3}.ff.linear_1 8192 3072
joint_transformer_blocks.{0-3}.ff.linear_2 8192 3072
joint_transformer_blocks.{0-3}.ff.out_projection 3072 8192
joint_transformer_blocks.{0-3}.ff_context.linear_1 8192 3072
joint_transformer_blocks.{0-3}.ff_context.linear_2 8192 3072
joint_transformer_blocks.{0-3}.ff_context.out_projection 3072 8192
single_transformer_blocks.{0-31}.norm1.linear 18432 3072
single_transformer_blocks.{0-31}.attn.to_q 3072 3072
single_transformer_blocks.{0-31}.attn.to_k 3072 3072
single_transformer_blocks.{0-31}.attn.to_v 3072 3072
single_transformer_blocks.{0-31}.attn.to_out.0 3072 3072
single_transformer_blocks.{0-31}.ff.linear_1 8192 3072
single_transformer_blocks.{0-31}.ff.linear_2 8192 3072
single_transformer_blocks.{0-31}.ff.out_projection 3072 8192
norm_out.linear 6144 3072
proj_out 16 3072
"""

NATIVE_NAMES = (
    "double_layers.0.attn.w1q.weight", "single_layers.0.modCX.1.weight", "cond_seq_linear.weight",
    "init_x_linear.weight", "register_tokens",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "joint_transformer_blocks.0.attn.add_k_proj.weight", "joint_transformer_blocks.0.ff.out_projection.weight",
    "time_step_proj.linear_1.weight", "context_embedder.weight", "register_tokens",
)  # fmt: skip
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="AuraFlow",
    sources=(
        "cloneofsimo/minRF advanced/mmdit.py",
        "Comfy-Org/ComfyUI comfy/ldm/aura/mmdit.py (generated on meta tensors)",
        "huggingface/diffusers AuraFlowTransformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(("auraflow",), has=NATIVE_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("auraflow",), has=NATIVE_NAMES, shapes={"register_tokens": (1, None, 3072)}),
        # GGUF drops axes of one in front
        Signature(("auraflow",), has=NATIVE_NAMES, shapes={"register_tokens": (None, 3072)}),
        Signature(("auraflow",), has=DIFFUSERS_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("auraflow",), has=DIFFUSERS_NAMES, shapes={"register_tokens": (1, None, 3072)}),
    ),
    graphs=(Graph("auraflow", "native", NATIVE), Graph("auraflow", "diffusers", DIFFUSERS, dotted=True)),
    classes={"AuraFlowTransformer2DModel": (Kind.DIFFUSION_MODEL, ("auraflow",))},
)
