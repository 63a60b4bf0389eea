"""DiT, which paints classes of ImageNet, and VQ-Diffusion and aMUSEd, which paint with tokens."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIT = """
pos_embed.proj 1152 4 2x2
transformer_blocks.{0-27}.norm1.emb.timestep_embedder.linear_1 1152 256
transformer_blocks.{0-27}.norm1.emb.timestep_embedder.linear_2 1152 1152
transformer_blocks.{0-27}.norm1.emb.class_embedder.embedding_table 1001 1152
transformer_blocks.{0-27}.norm1.linear 6912 1152
transformer_blocks.{0-27}.attn1.to_q 1152 1152
transformer_blocks.{0-27}.attn1.to_k 1152 1152
transformer_blocks.{0-27}.attn1.to_v 1152 1152
transformer_blocks.{0-27}.attn1.to_out.0 1152 1152
transformer_blocks.{0-27}.ff.net.0.proj 4608 1152
transformer_blocks.{0-27}.ff.net.2 1152 4608
proj_out_1 2304 1152
proj_out_2 16 1152
"""

AMUSED = """
encoder_proj 1024 768
encoder_proj_layer_norm 1024
embed.embeddings 8256 768
embed.layer_norm 768
embed.conv 768 768 1x1
cond_embed.linear_1 1024 2048
cond_embed.linear_2 1024 1024
down_block.res_blocks.{0-2}.depthwise 768 1 3x3
down_block.res_blocks.{0-2}.norm 768
down_block.res_blocks.{0-2}.channelwise_linear_1 3072 768
down_block.res_blocks.{0-2}.channelwise_linear_2 768 3072
down_block.res_blocks.{0-2}.cond_embeds_mapper 1536 1024
down_block.attention_blocks.{0-2}.kv_mapper 768 1024
down_block.attention_blocks.{0-2}.norm1 768
down_block.attention_blocks.{0-2}.attn1.to_q 768 768
down_block.attention_blocks.{0-2}.attn1.to_k 768 768
down_block.attention_blocks.{0-2}.attn1.to_v 768 768
down_block.attention_blocks.{0-2}.attn1.to_out.0 768 768
down_block.attention_blocks.{0-2}.norm2 768
down_block.attention_blocks.{0-2}.attn2.to_q 768 768
down_block.attention_blocks.{0-2}.attn2.to_k 768 768
down_block.attention_blocks.{0-2}.attn2.to_v 768 768
down_block.attention_blocks.{0-2}.attn2.to_out.0 768 768
project_to_hidden_norm 768
project_to_hidden 1024 768
transformer_layers.{0-21}.norm1.linear 2048 1024
transformer_layers.{0-21}.norm1.norm 1024
transformer_layers.{0-21}.attn1.to_q 1024 1024
transformer_layers.{0-21}.attn1.to_k 1024 1024
transformer_layers.{0-21}.attn1.to_v 1024 1024
transformer_layers.{0-21}.attn1.to_out.0 1024 1024
transformer_layers.{0-21}.norm2.linear 2048 1024
transformer_layers.{0-21}.norm2.norm 1024
transformer_layers.{0-21}.attn2.to_q 1024 1024
transformer_layers.{0-21}.attn2.to_k 1024 1024
transformer_layers.{0-21}.attn2.to_v 1024 1024
transformer_layers.{0-21}.attn2.to_out.0 1024 1024
transformer_layers.{0-21}.norm3.linear 2048 1024
transformer_layers.{0-21}.norm3.norm 1024
transformer_layers.{0-21}.ff.net.0.proj 5632 1024
transformer_layers.{0-21}.ff.net.2 1024 2816
project_from_hidden_norm 1024
project_from_hidden 768 1024
up_block.res_blocks.{0-2}.depthwise 768 1 3x3
up_block.res_blocks.{0-2}.norm 768
up_block.res_blocks.{0-2}.channelwise_linear_1 3072 768
up_block.res_blocks.{0-2}.channelwise_linear_2 768 3072
up_block.res_blocks.{0-2}.cond_embeds_mapper 1536 1024
up_block.attention_blocks.{0-2}.kv_mapper 768 1024
up_block.attention_blocks.{0-2}.norm1 768
up_block.attention_blocks.{0-2}.attn1.to_q 768 768
up_block.attention_blocks.{0-2}.attn1.to_k 768 768
up_block.attention_blocks.{0-2}.attn1.to_v 768 768
up_block.attention_blocks.{0-2}.attn1.to_out.0 768 768
up_block.attention_blocks.{0-2}.norm2 768
up_block.attention_blocks.{0-2}.attn2.to_q 768 768
up_block.attention_blocks.{0-2}.attn2.to_k 768 768
up_block.attention_blocks.{0-2}.attn2.to_v 768 768
up_block.attention_blocks.{0-2}.attn2.to_out.0 768 768
mlm_layer.conv1 768 768 1x1
mlm_layer.layer_norm 768
mlm_layer.conv2 8192 768 1x1
"""

FAMILY = Family(
    title="DiT",
    sources=(
        "facebookresearch/DiT models.py",
        "huggingface/diffusers DiTTransformer2DModel, Transformer2DModel, UVit2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("dit",),
            has=(
                "transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight",
                "pos_embed.proj.weight",
                "proj_out_1.weight",
                "proj_out_2.weight",
            ),
        ),
        Signature(
            ("dit",),
            has=(
                "y_embedder.embedding_table.weight",
                "blocks.0.adaLN_modulation.1.weight",
                "x_embedder.proj.weight",
                "blocks.0.attn.qkv.weight",
                "final_layer.linear.weight",
            ),
        ),
        Signature(
            ("vq-diffusion",),
            has=(
                "latent_image_embedding.emb.weight",
                "latent_image_embedding.height_emb.weight",
                "transformer_blocks.0.norm1.emb.weight",
                "out.weight",
            ),
            title="VQ-Diffusion",
        ),
        Signature(
            ("amused",),
            has=(
                "embed.embeddings.weight",
                "mlm_layer.conv1.weight",
                "transformer_layers.0.attn2.to_k.weight",
                "encoder_proj.weight",
                "cond_embed.linear_1.weight",
            ),
            title="aMUSEd",
        ),
    ),
    graphs=(
        Graph("dit", "diffusers", DIT, rare=True),
        Graph("amused", "diffusers", AMUSED, rare=True),
    ),
    classes={
        "DiTTransformer2DModel": (Kind.DIFFUSION_MODEL, ("dit",)),
        "UVit2DModel": (Kind.DIFFUSION_MODEL, ("amused",)),
    },
)
