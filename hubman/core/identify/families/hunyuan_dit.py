"""Hunyuan-DiT 1.0 to 1.2, which read CLIP and mT5 together."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

NATIVE = """
mlp_t5.0 8192 2048
mlp_t5.2 1024 8192
pooler.k_proj 2048 2048
pooler.q_proj 2048 2048
pooler.v_proj 2048 2048
pooler.c_proj 1024 2048
style_embedder 1 1408
x_embedder.proj 1408 4 2x2
t_embedder.mlp.0 1408 256
t_embedder.mlp.2 1408 1408
extra_embedder.0 5632 3968
extra_embedder.2 1408 5632
blocks.{0-39}.norm1 1408
blocks.{0-39}.attn1.Wqkv 4224 1408
blocks.{0-39}.attn1.q_norm 88
blocks.{0-39}.attn1.k_norm 88
blocks.{0-39}.attn1.out_proj 1408 1408
blocks.{0-39}.norm2 1408
blocks.{0-39}.mlp.fc1 6144 1408
blocks.{0-39}.mlp.fc2 1408 6144
blocks.{0-39}.default_modulation.1 1408 1408
blocks.{0-39}.attn2.q_proj 1408 1408
blocks.{0-39}.attn2.kv_proj 2816 1024
blocks.{0-39}.attn2.q_norm 88
blocks.{0-39}.attn2.k_norm 88
blocks.{0-39}.attn2.out_proj 1408 1408
blocks.{0-39}.norm3 1408
blocks.{21-39}.skip_norm 2816
blocks.{21-39}.skip_linear 1408 2816
final_layer.linear 32 1408
final_layer.adaLN_modulation.1 2816 1408
"""

DIFFUSERS = """
text_embedder.linear_1 8192 2048
text_embedder.linear_2 1024 8192
pos_embed.proj 1408 4 2x2
time_extra_emb.timestep_embedder.linear_1 1408 256
time_extra_emb.timestep_embedder.linear_2 1408 1408
time_extra_emb.pooler.k_proj 2048 2048
time_extra_emb.pooler.q_proj 2048 2048
time_extra_emb.pooler.v_proj 2048 2048
time_extra_emb.pooler.c_proj 1024 2048
time_extra_emb.style_embedder 1 1408
time_extra_emb.extra_embedder.linear_1 5632 3968
time_extra_emb.extra_embedder.linear_2 1408 5632
blocks.{0-39}.norm1.linear 1408 1408
blocks.{0-39}.norm1.norm 1408
blocks.{0-39}.attn1.norm_q 88
blocks.{0-39}.attn1.norm_k 88
blocks.{0-39}.attn1.to_q 1408 1408
blocks.{0-39}.attn1.to_k 1408 1408
blocks.{0-39}.attn1.to_v 1408 1408
blocks.{0-39}.attn1.to_out.0 1408 1408
blocks.{0-39}.norm2 1408
blocks.{0-39}.attn2.norm_q 88
blocks.{0-39}.attn2.norm_k 88
blocks.{0-39}.attn2.to_q 1408 1408
blocks.{0-39}.attn2.to_k 1408 1024
blocks.{0-39}.attn2.to_v 1408 1024
blocks.{0-39}.attn2.to_out.0 1408 1408
blocks.{0-39}.norm3 1408
blocks.{0-39}.ff.net.0.proj 6144 1408
blocks.{0-39}.ff.net.2 1408 6144
blocks.{21-39}.skip_norm 2816
blocks.{21-39}.skip_linear 1408 2816
norm_out.linear 2816 1408
proj_out 32 1408
"""

NATIVE_NAMES = (
    "mlp_t5.0.weight", "text_embedding_padding", "pooler.positional_embedding", "blocks.0.attn1.Wqkv.weight",
    "final_layer.linear.weight",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "time_extra_emb.pooler.positional_embedding", "text_embedding_padding", "blocks.0.attn2.to_k.weight",
    "text_embedder.linear_1.weight", "proj_out.weight",
)  # fmt: skip
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="Hunyuan-DiT",
    sources=(
        "Tencent-Hunyuan/HunyuanDiT hydit/modules/models.py",
        "Comfy-Org/ComfyUI comfy/ldm/hydit/models.py (generated on meta tensors)",
        "huggingface/diffusers HunyuanDiT2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(("hunyuan-dit",), has=NATIVE_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("hunyuan-dit",), has=NATIVE_NAMES, shapes={"blocks.0.norm1.weight": (1408,)}),
        Signature(
            ("hunyuan-dit",), has=DIFFUSERS_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("hunyuan-dit",), has=DIFFUSERS_NAMES, shapes={"blocks.0.norm2.weight": (1408,)}),
    ),
    variants=(
        Variant(
            "v1.1",
            N_("it has embeddings of style and size, as Hunyuan-DiT 1.0 and 1.1 have"),
            has=("style_embedder.weight|time_extra_emb.style_embedder.weight",),
        ),
        Variant(
            "v1.2",
            N_("it has no embeddings of style and size, as Hunyuan-DiT 1.2"),
            lacks=("style_embedder.weight", "time_extra_emb.style_embedder.weight"),
        ),
    ),
    graphs=(Graph("hunyuan-dit", "native", NATIVE), Graph("hunyuan-dit", "diffusers", DIFFUSERS, dotted=True)),
    classes={"HunyuanDiT2DModel": (Kind.DIFFUSION_MODEL, ("hunyuan-dit",))},
)
