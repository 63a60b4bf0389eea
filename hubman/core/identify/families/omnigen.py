"""OmniGen 1: a language model's layers that also read and paint latents."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIFFUSERS = """
patch_embedding.output_image_proj 3072 4 2x2
patch_embedding.input_image_proj 3072 4 2x2
time_token.linear_1 3072 256
time_token.linear_2 3072 3072
t_embedder.linear_1 3072 256
t_embedder.linear_2 3072 3072
embed_tokens 32064 3072
layers.{0-31}.input_layernorm 3072
layers.{0-31}.self_attn.to_q 3072 3072
layers.{0-31}.self_attn.to_k 3072 3072
layers.{0-31}.self_attn.to_v 3072 3072
layers.{0-31}.self_attn.to_out.0 3072 3072
layers.{0-31}.post_attention_layernorm 3072
layers.{0-31}.mlp.gate_up_proj 16384 3072
layers.{0-31}.mlp.down_proj 3072 8192
norm 3072
norm_out.linear 6144 3072
proj_out 16 3072
"""

FAMILY = Family(
    title="OmniGen",
    sources=(
        "VectorSpaceLab/OmniGen OmniGen/model.py",
        "huggingface/diffusers OmniGenTransformer2DModel, scripts/convert_omnigen_to_diffusers.py",
    ),
    signatures=(
        Signature(
            ("omnigen",),
            has=(
                "patch_embedding.output_image_proj.weight",
                "patch_embedding.input_image_proj.weight",
                "time_token.linear_1.weight",
                "layers.0.mlp.gate_up_proj.weight",
            ),
        ),
        Signature(
            ("omnigen",),
            has=(
                "input_x_embedder.proj.weight",
                "x_embedder.proj.weight",
                "time_token.mlp.0.weight",
                "llm.layers.0.self_attn.qkv_proj.weight",
            ),
        ),
    ),
    graphs=(Graph("omnigen", "diffusers", DIFFUSERS, rare=True),),
    classes={"OmniGenTransformer2DModel": (Kind.DIFFUSION_MODEL, ("omnigen",))},
)
