"""Bria 3, FIBO and FIBO 2, and LongCat-Image: all but FIBO 2 have Flux.1's blocks without pooled text and guidance."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

BRIA = """
time_embed.timestep_embedder.linear_1 3072 256
time_embed.timestep_embedder.linear_2 3072 3072
context_embedder 3072 4096
x_embedder 3072 64
transformer_blocks.{0-18}.norm1.linear 18432 3072
transformer_blocks.{0-18}.norm1_context.linear 18432 3072
transformer_blocks.{0-18}.attn.norm_q 128
transformer_blocks.{0-18}.attn.norm_k 128
transformer_blocks.{0-18}.attn.to_q 3072 3072
transformer_blocks.{0-18}.attn.to_k 3072 3072
transformer_blocks.{0-18}.attn.to_v 3072 3072
transformer_blocks.{0-18}.attn.to_out.0 3072 3072
transformer_blocks.{0-18}.attn.norm_added_q 128
transformer_blocks.{0-18}.attn.norm_added_k 128
transformer_blocks.{0-18}.attn.add_q_proj 3072 3072
transformer_blocks.{0-18}.attn.add_k_proj 3072 3072
transformer_blocks.{0-18}.attn.add_v_proj 3072 3072
transformer_blocks.{0-18}.attn.to_add_out 3072 3072
transformer_blocks.{0-18}.ff.net.0.proj 12288 3072
transformer_blocks.{0-18}.ff.net.2 3072 12288
transformer_blocks.{0-18}.ff_context.net.0.proj 12288 3072
transformer_blocks.{0-18}.ff_context.net.2 3072 12288
single_transformer_blocks.{0-37}.norm.linear 9216 3072
single_transformer_blocks.{0-37}.proj_mlp 12288 3072
single_transformer_blocks.{0-37}.proj_out 3072 15360
single_transformer_blocks.{0-37}.attn.norm_q 128
single_transformer_blocks.{0-37}.attn.norm_k 128
single_transformer_blocks.{0-37}.attn.to_q 3072 3072
single_transformer_blocks.{0-37}.attn.to_k 3072 3072
single_transformer_blocks.{0-37}.attn.to_v 3072 3072
norm_out.linear 6144 3072
proj_out 64 3072
"""

FIBO = """
time_embed.timestep_embedder.linear_1 3072 256
time_embed.timestep_embedder.linear_2 3072 3072
context_embedder 3072 4096
x_embedder 3072 64
transformer_blocks.{0-7}.norm1.linear 18432 3072
transformer_blocks.{0-7}.norm1_context.linear 18432 3072
transformer_blocks.{0-7}.attn.norm_q 128
transformer_blocks.{0-7}.attn.norm_k 128
transformer_blocks.{0-7}.attn.to_q 3072 3072
transformer_blocks.{0-7}.attn.to_k 3072 3072
transformer_blocks.{0-7}.attn.to_v 3072 3072
transformer_blocks.{0-7}.attn.to_out.0 3072 3072
transformer_blocks.{0-7}.attn.norm_added_q 128
transformer_blocks.{0-7}.attn.norm_added_k 128
transformer_blocks.{0-7}.attn.add_q_proj 3072 3072
transformer_blocks.{0-7}.attn.add_k_proj 3072 3072
transformer_blocks.{0-7}.attn.add_v_proj 3072 3072
transformer_blocks.{0-7}.attn.to_add_out 3072 3072
transformer_blocks.{0-7}.ff.net.0.proj 12288 3072
transformer_blocks.{0-7}.ff.net.2 3072 12288
transformer_blocks.{0-7}.ff_context.net.0.proj 12288 3072
transformer_blocks.{0-7}.ff_context.net.2 3072 12288
single_transformer_blocks.{0-37}.norm.linear 9216 3072
single_transformer_blocks.{0-37}.proj_mlp 12288 3072
single_transformer_blocks.{0-37}.proj_out 3072 15360
single_transformer_blocks.{0-37}.attn.norm_q 128
single_transformer_blocks.{0-37}.attn.norm_k 128
single_transformer_blocks.{0-37}.attn.to_q 3072 3072
single_transformer_blocks.{0-37}.attn.to_k 3072 3072
single_transformer_blocks.{0-37}.attn.to_v 3072 3072
norm_out.linear 6144 3072
proj_out 64 3072
caption_projection.{0-45}.linear 1536 2048
"""

FIBO2 = """
x_embedder 3584 128
t_embedder.mlp.0 1024 256
t_embedder.mlp.2 256 1024
noise_refiner.{0-1}.attention.to_q 3584 3584
noise_refiner.{0-1}.attention.to_k 3584 3584
noise_refiner.{0-1}.attention.to_v 3584 3584
noise_refiner.{0-1}.attention.to_out.0 3584 3584
noise_refiner.{0-1}.attention.norm_q 128
noise_refiner.{0-1}.attention.norm_k 128
noise_refiner.{0-1}.feed_forward.w1 9536 3584
noise_refiner.{0-1}.feed_forward.w2 3584 9536
noise_refiner.{0-1}.feed_forward.w3 9536 3584
noise_refiner.{0-1}.attention_norm1 3584
noise_refiner.{0-1}.ffn_norm1 3584
noise_refiner.{0-1}.attention_norm2 3584
noise_refiner.{0-1}.ffn_norm2 3584
noise_refiner.{0-1}.adaLN_modulation.0 14336 256
perceiver.layers.{0-1}.cross_attn_norm 3584
perceiver.layers.{0-1}.cross_attention.to_q 3584 3584
perceiver.layers.{0-1}.cross_attention.to_k 3584 7680
perceiver.layers.{0-1}.cross_attention.to_v 3584 7680
perceiver.layers.{0-1}.cross_attention.to_out.0 3584 3584
perceiver.layers.{0-1}.cross_attention.norm_q 128
perceiver.layers.{0-1}.cross_attention.norm_k 128
perceiver.layers.{0-1}.self_attn_norm 3584
perceiver.layers.{0-1}.self_attention.to_q 3584 3584
perceiver.layers.{0-1}.self_attention.to_k 3584 3584
perceiver.layers.{0-1}.self_attention.to_v 3584 3584
perceiver.layers.{0-1}.self_attention.to_out.0 3584 3584
perceiver.layers.{0-1}.self_attention.norm_q 128
perceiver.layers.{0-1}.self_attention.norm_k 128
perceiver.layers.{0-1}.ffn_norm 3584
perceiver.layers.{0-1}.ffn.w1 9536 3584
perceiver.layers.{0-1}.ffn.w2 3584 9536
perceiver.layers.{0-1}.ffn.w3 9536 3584
perceiver.norm_out 3584
layers.{0-43}.attention.to_q 3584 3584
layers.{0-43}.attention.to_k 3584 3584
layers.{0-43}.attention.to_v 3584 3584
layers.{0-43}.attention.to_out.0 3584 3584
layers.{0-43}.attention.norm_q 128
layers.{0-43}.attention.norm_k 128
layers.{0-43}.feed_forward.w1 9536 3584
layers.{0-43}.feed_forward.w2 3584 9536
layers.{0-43}.feed_forward.w3 9536 3584
layers.{0-43}.attention_norm1 3584
layers.{0-43}.ffn_norm1 3584
layers.{0-43}.attention_norm2 3584
layers.{0-43}.ffn_norm2 3584
layers.{0-43}.adaLN_modulation.0 14336 256
layers.{6-38}.cross_attn_norm1 3584
layers.{6-38}.cross_attention.to_q 3584 3584
layers.{6-38}.cross_attention.to_k 3584 7680
layers.{6-38}.cross_attention.to_v 3584 7680
layers.{6-38}.cross_attention.to_out.0 3584 3584
layers.{6-38}.cross_attention.norm_q 128
layers.{6-38}.cross_attention.norm_k 128
layers.{6-38}.cross_attn_norm2 3584
final_layer.linear 128 3584
final_layer.adaLN_modulation.1 3584 256
"""

LONGCAT = """
time_embed.timestep_embedder.linear_1 3072 256
time_embed.timestep_embedder.linear_2 3072 3072
context_embedder 3072 3584
x_embedder 3072 64
transformer_blocks.{0-9}.norm1.linear 18432 3072
transformer_blocks.{0-9}.norm1_context.linear 18432 3072
transformer_blocks.{0-9}.attn.norm_q 128
transformer_blocks.{0-9}.attn.norm_k 128
transformer_blocks.{0-9}.attn.to_q 3072 3072
transformer_blocks.{0-9}.attn.to_k 3072 3072
transformer_blocks.{0-9}.attn.to_v 3072 3072
transformer_blocks.{0-9}.attn.to_out.0 3072 3072
transformer_blocks.{0-9}.attn.norm_added_q 128
transformer_blocks.{0-9}.attn.norm_added_k 128
transformer_blocks.{0-9}.attn.add_q_proj 3072 3072
transformer_blocks.{0-9}.attn.add_k_proj 3072 3072
transformer_blocks.{0-9}.attn.add_v_proj 3072 3072
transformer_blocks.{0-9}.attn.to_add_out 3072 3072
transformer_blocks.{0-9}.ff.net.0.proj 12288 3072
transformer_blocks.{0-9}.ff.net.2 3072 12288
transformer_blocks.{0-9}.ff_context.net.0.proj 12288 3072
transformer_blocks.{0-9}.ff_context.net.2 3072 12288
single_transformer_blocks.{0-19}.norm.linear 9216 3072
single_transformer_blocks.{0-19}.proj_mlp 12288 3072
single_transformer_blocks.{0-19}.proj_out 3072 15360
single_transformer_blocks.{0-19}.attn.norm_q 128
single_transformer_blocks.{0-19}.attn.norm_k 128
single_transformer_blocks.{0-19}.attn.to_q 3072 3072
single_transformer_blocks.{0-19}.attn.to_k 3072 3072
single_transformer_blocks.{0-19}.attn.to_v 3072 3072
norm_out.linear 6144 3072
proj_out 64 3072
"""

NAMES = (
    "time_embed.timestep_embedder.linear_1.weight", "single_transformer_blocks.0.proj_mlp.weight",
    "transformer_blocks.0.norm1_context.linear.weight", "x_embedder.weight", "context_embedder.weight",
    "proj_out.weight",
)  # fmt: skip
BFL_NAMES = (
    "double_blocks.0.img_mod.lin.weight", "double_blocks.0.img_mlp.0.weight", "single_blocks.0.linear1.weight",
    "img_in.weight", "time_in.in_layer.weight", "final_layer.linear.weight",
)  # fmt: skip
PROJECTION = "caption_projection.0.linear.weight"
POOLED = ("vector_in.in_layer.weight", "txt_norm.weight", "txt_norm.scale", "distilled_guidance_layer.*")

FAMILY = Family(
    title="Bria",
    sources=(
        "huggingface/diffusers BriaTransformer2DModel, BriaFiboTransformer2DModel, BriaFibo2Transformer2DModel, "
        "LongCatImageTransformer2DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py (LongCat-Image in Flux's naming)",
        "depths as released, which are not the defaults: filipstrand/mflux (LongCat-Image 10 and 20, FIBO 8 and 38)",
    ),
    signatures=(
        Signature(
            ("longcat-image", "bria"),
            has=NAMES,
            lacks=(PROJECTION,),
            because=N_("it has {key} and Flux's blocks, as LongCat-Image and {title} have"),
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        # Half and one: text widths as four-bit formats pack them.
        Signature(
            ("bria",),
            has=NAMES,
            lacks=(PROJECTION,),
            shapes={"context_embedder.weight": ((3072, 6291456), (4096, 2048, 1))},
            because=N_("it has {key} and Flux's blocks, and reads text of width 4096, as {title} does"),
        ),
        Signature(
            ("longcat-image",),
            has=NAMES,
            lacks=(PROJECTION,),
            shapes={"context_embedder.weight": ((3072, 5505024), (3584, 1792, 1))},
            because=N_("it has {key} and Flux's blocks, and reads text of width 3584, as {title} does"),
            title="LongCat-Image",
        ),
        Signature(
            ("longcat-image",),
            has=BFL_NAMES,
            lacks=POOLED,
            because=N_("it has {key} as Flux does, and no pooled text, as {title}"),
            title="LongCat-Image",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("longcat-image",),
            has=BFL_NAMES,
            lacks=POOLED,
            shapes={"txt_in.weight": ((3072, 5505024), (3584, 1792, 1))},
            because=N_("it has {key} as Flux does, no pooled text, and reads text of width 3584, as {title} does"),
            title="LongCat-Image",
        ),
        Signature(("bria-fibo",), has=(*NAMES, PROJECTION), title="Bria FIBO"),
        Signature(
            ("bria-fibo",),
            has=(
                "perceiver.latent_queries",
                "layers.0.adaLN_modulation.0.weight",
                "x_embedder.weight",
                "noise_refiner.0.adaLN_modulation.0.weight",
                "perceiver.norm_out.weight",
            ),
            variant="fibo-2",
            title="Bria FIBO 2",
        ),
    ),
    graphs=(
        Graph("bria", "diffusers", BRIA, rare=True),
        Graph("bria-fibo", "diffusers", FIBO, rare=True),
        Graph("bria-fibo", "diffusers-2", FIBO2, rare=True),
        Graph("longcat-image", "diffusers", LONGCAT, rare=True),
    ),
    classes={
        "BriaTransformer2DModel": (Kind.DIFFUSION_MODEL, ("bria",)),
        "BriaFiboTransformer2DModel": (Kind.DIFFUSION_MODEL, ("bria-fibo",)),
        "BriaFibo2Transformer2DModel": (Kind.DIFFUSION_MODEL, ("bria-fibo",)),
        "LongCatImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("longcat-image",)),
    },
)
