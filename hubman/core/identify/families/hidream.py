"""HiDream: I1 with experts in its blocks, and O1, a language model that paints pixels."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

I1 = """
t_embedder.timestep_embedder.linear_1 2560 256
t_embedder.timestep_embedder.linear_2 2560 2560
p_embedder.pooled_embedder.linear_1 2560 2048
p_embedder.pooled_embedder.linear_2 2560 2560
x_embedder.proj 2560 64
double_stream_blocks.{0-15}.block.adaLN_modulation.1 30720 2560
double_stream_blocks.{0-15}.block.attn1.to_q 2560 2560
double_stream_blocks.{0-15}.block.attn1.to_k 2560 2560
double_stream_blocks.{0-15}.block.attn1.to_v 2560 2560
double_stream_blocks.{0-15}.block.attn1.to_out 2560 2560
double_stream_blocks.{0-15}.block.attn1.q_rms_norm 2560
double_stream_blocks.{0-15}.block.attn1.k_rms_norm 2560
double_stream_blocks.{0-15}.block.attn1.to_q_t 2560 2560
double_stream_blocks.{0-15}.block.attn1.to_k_t 2560 2560
double_stream_blocks.{0-15}.block.attn1.to_v_t 2560 2560
double_stream_blocks.{0-15}.block.attn1.to_out_t 2560 2560
double_stream_blocks.{0-15}.block.attn1.q_rms_norm_t 2560
double_stream_blocks.{0-15}.block.attn1.k_rms_norm_t 2560
double_stream_blocks.{0-15}.block.ff_i.shared_experts.w1 3584 2560
double_stream_blocks.{0-15}.block.ff_i.shared_experts.w2 2560 3584
double_stream_blocks.{0-15}.block.ff_i.shared_experts.w3 3584 2560
double_stream_blocks.{0-15}.block.ff_i.experts.{0-3}.w1 6912 2560
double_stream_blocks.{0-15}.block.ff_i.experts.{0-3}.w2 2560 6912
double_stream_blocks.{0-15}.block.ff_i.experts.{0-3}.w3 6912 2560
double_stream_blocks.{0-15}.block.ff_i.gate 4 2560
double_stream_blocks.{0-15}.block.ff_t.w1 6912 2560
double_stream_blocks.{0-15}.block.ff_t.w2 2560 6912
double_stream_blocks.{0-15}.block.ff_t.w3 6912 2560
single_stream_blocks.{0-31}.block.adaLN_modulation.1 15360 2560
single_stream_blocks.{0-31}.block.attn1.to_q 2560 2560
single_stream_blocks.{0-31}.block.attn1.to_k 2560 2560
single_stream_blocks.{0-31}.block.attn1.to_v 2560 2560
single_stream_blocks.{0-31}.block.attn1.to_out 2560 2560
single_stream_blocks.{0-31}.block.attn1.q_rms_norm 2560
single_stream_blocks.{0-31}.block.attn1.k_rms_norm 2560
single_stream_blocks.{0-31}.block.ff_i.shared_experts.w1 3584 2560
single_stream_blocks.{0-31}.block.ff_i.shared_experts.w2 2560 3584
single_stream_blocks.{0-31}.block.ff_i.shared_experts.w3 3584 2560
single_stream_blocks.{0-31}.block.ff_i.experts.{0-3}.w1 6912 2560
single_stream_blocks.{0-31}.block.ff_i.experts.{0-3}.w2 2560 6912
single_stream_blocks.{0-31}.block.ff_i.experts.{0-3}.w3 6912 2560
single_stream_blocks.{0-31}.block.ff_i.gate 4 2560
final_layer.linear 64 2560
final_layer.adaLN_modulation.1 5120 2560
caption_projection.{0-48}.linear 2560 4096
"""

NAMES = (
    "caption_projection.0.linear.weight", "double_stream_blocks.0.block.adaLN_modulation.1.weight",
    "single_stream_blocks.0.block.adaLN_modulation.1.weight", "p_embedder.pooled_embedder.linear_1.weight",
    "x_embedder.proj.weight",
)  # fmt: skip

FAMILY = Family(
    title="HiDream-I1",
    sources=(
        "HiDream-ai/HiDream-I1 hi_diffusers/models/transformers/transformer_hidream_image.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py, comfy/ldm/hidream_o1/model.py",
        "huggingface/diffusers HiDreamImageTransformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("hidream-i1",),
            has=NAMES,
            because=N_("it has {key} and the other parts of {title}, at other widths"),
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(("hidream-i1",), has=NAMES, shapes={"x_embedder.proj.bias": (2560,)}),
        Signature(
            ("hidream-o1",),
            has=(
                "x_embedder.proj1.weight",
                "t_embedder1.mlp.0.weight",
                "final_layer2.linear.weight",
                "language_model.layers.0.self_attn.q_proj.weight",
            ),
            title="HiDream-O1",
        ),
    ),
    graphs=(Graph("hidream-i1", "native", I1),),
    classes={"HiDreamImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("hidream-i1",))},
)
