"""Lumina-Next and Lumina-Image 2.0, and what was built on the latter's blocks: NewBie, OmniGen2, Boogu."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

LUMINA2 = """
x_embedder 2304 64
t_embedder.mlp.0 1024 256
t_embedder.mlp.2 1024 1024
cap_embedder.0 2304
cap_embedder.1 2304 2304
noise_refiner.{0-1}.attention.q_norm 96
noise_refiner.{0-1}.attention.k_norm 96
noise_refiner.{0-1}.attention.qkv 3840 2304
noise_refiner.{0-1}.attention.out 2304 2304
noise_refiner.{0-1}.feed_forward.w1 9216 2304
noise_refiner.{0-1}.feed_forward.w2 2304 9216
noise_refiner.{0-1}.feed_forward.w3 9216 2304
noise_refiner.{0-1}.adaLN_modulation.1 9216 1024
noise_refiner.{0-1}.attention_norm1 2304
noise_refiner.{0-1}.ffn_norm1 2304
noise_refiner.{0-1}.attention_norm2 2304
noise_refiner.{0-1}.ffn_norm2 2304
context_refiner.{0-1}.attention.q_norm 96
context_refiner.{0-1}.attention.k_norm 96
context_refiner.{0-1}.attention.qkv 3840 2304
context_refiner.{0-1}.attention.out 2304 2304
context_refiner.{0-1}.feed_forward.w1 9216 2304
context_refiner.{0-1}.feed_forward.w2 2304 9216
context_refiner.{0-1}.feed_forward.w3 9216 2304
context_refiner.{0-1}.attention_norm1 2304
context_refiner.{0-1}.ffn_norm1 2304
context_refiner.{0-1}.attention_norm2 2304
context_refiner.{0-1}.ffn_norm2 2304
layers.{0-25}.attention.q_norm 96
layers.{0-25}.attention.k_norm 96
layers.{0-25}.attention.qkv 3840 2304
layers.{0-25}.attention.out 2304 2304
layers.{0-25}.feed_forward.w1 9216 2304
layers.{0-25}.feed_forward.w2 2304 9216
layers.{0-25}.feed_forward.w3 9216 2304
layers.{0-25}.adaLN_modulation.1 9216 1024
layers.{0-25}.attention_norm1 2304
layers.{0-25}.ffn_norm1 2304
layers.{0-25}.attention_norm2 2304
layers.{0-25}.ffn_norm2 2304
final_layer.adaLN_modulation.1 2304 1024
final_layer.linear 64 2304
"""

LUMINA2_DIFFUSERS = """
x_embedder 2304 64
time_caption_embed.timestep_embedder.linear_1 1024 256
time_caption_embed.timestep_embedder.linear_2 1024 1024
time_caption_embed.caption_embedder.0 2304
time_caption_embed.caption_embedder.1 2304 2304
noise_refiner.{0-1}.attn.norm_q 96
noise_refiner.{0-1}.attn.norm_k 96
noise_refiner.{0-1}.attn.to_q 2304 2304
noise_refiner.{0-1}.attn.to_k 768 2304
noise_refiner.{0-1}.attn.to_v 768 2304
noise_refiner.{0-1}.attn.to_out.0 2304 2304
noise_refiner.{0-1}.feed_forward.linear_1 9216 2304
noise_refiner.{0-1}.feed_forward.linear_2 2304 9216
noise_refiner.{0-1}.feed_forward.linear_3 9216 2304
noise_refiner.{0-1}.norm1.linear 9216 1024
noise_refiner.{0-1}.norm1.norm 2304
noise_refiner.{0-1}.ffn_norm1 2304
noise_refiner.{0-1}.norm2 2304
noise_refiner.{0-1}.ffn_norm2 2304
context_refiner.{0-1}.attn.norm_q 96
context_refiner.{0-1}.attn.norm_k 96
context_refiner.{0-1}.attn.to_q 2304 2304
context_refiner.{0-1}.attn.to_k 768 2304
context_refiner.{0-1}.attn.to_v 768 2304
context_refiner.{0-1}.attn.to_out.0 2304 2304
context_refiner.{0-1}.feed_forward.linear_1 9216 2304
context_refiner.{0-1}.feed_forward.linear_2 2304 9216
context_refiner.{0-1}.feed_forward.linear_3 9216 2304
context_refiner.{0-1}.norm1 2304
context_refiner.{0-1}.ffn_norm1 2304
context_refiner.{0-1}.norm2 2304
context_refiner.{0-1}.ffn_norm2 2304
layers.{0-25}.attn.norm_q 96
layers.{0-25}.attn.norm_k 96
layers.{0-25}.attn.to_q 2304 2304
layers.{0-25}.attn.to_k 768 2304
layers.{0-25}.attn.to_v 768 2304
layers.{0-25}.attn.to_out.0 2304 2304
layers.{0-25}.feed_forward.linear_1 9216 2304
layers.{0-25}.feed_forward.linear_2 2304 9216
layers.{0-25}.feed_forward.linear_3 9216 2304
layers.{0-25}.norm1.linear 9216 1024
layers.{0-25}.norm1.norm 2304
layers.{0-25}.ffn_norm1 2304
layers.{0-25}.norm2 2304
layers.{0-25}.ffn_norm2 2304
norm_out.linear_1 2304 1024
norm_out.linear_2 64 2304
"""

LUMINA_NEXT_DIFFUSERS = """
patch_embedder.proj 2304 16
time_caption_embed.timestep_embedder.linear_1 1024 256
time_caption_embed.timestep_embedder.linear_2 1024 1024
time_caption_embed.caption_embedder.0 2048
time_caption_embed.caption_embedder.1 1024 2048
layers.{0-23}.attn1.norm_q 2304
layers.{0-23}.attn1.norm_k 576
layers.{0-23}.attn1.to_q 2304 2304
layers.{0-23}.attn1.to_k 576 2304
layers.{0-23}.attn1.to_v 576 2304
layers.{0-23}.attn2.norm_q 2304
layers.{0-23}.attn2.norm_k 576
layers.{0-23}.attn2.to_q 2304 2304
layers.{0-23}.attn2.to_k 576 2048
layers.{0-23}.attn2.to_v 576 2048
layers.{0-23}.attn2.to_out.0 2304 2304
layers.{0-23}.feed_forward.linear_1 6144 2304
layers.{0-23}.feed_forward.linear_2 2304 6144
layers.{0-23}.feed_forward.linear_3 6144 2304
layers.{0-23}.norm1.linear 9216 1024
layers.{0-23}.norm1.norm 2304
layers.{0-23}.ffn_norm1 2304
layers.{0-23}.norm2 2304
layers.{0-23}.ffn_norm2 2304
layers.{0-23}.norm1_context 2048
norm_out.linear_1 2304 1024
norm_out.linear_2 32 2304
"""

OMNIGEN2 = """
x_embedder 2520 64
ref_image_patch_embedder 2520 64
time_caption_embed.timestep_embedder.linear_1 1024 256
time_caption_embed.timestep_embedder.linear_2 1024 1024
time_caption_embed.caption_embedder.0 2048
time_caption_embed.caption_embedder.1 2520 2048
noise_refiner.{0-1}.attn.to_q 2520 2520
noise_refiner.{0-1}.attn.to_k 840 2520
noise_refiner.{0-1}.attn.to_v 840 2520
noise_refiner.{0-1}.attn.norm_q 120
noise_refiner.{0-1}.attn.norm_k 120
noise_refiner.{0-1}.attn.to_out.0 2520 2520
noise_refiner.{0-1}.feed_forward.linear_1 10240 2520
noise_refiner.{0-1}.feed_forward.linear_2 2520 10240
noise_refiner.{0-1}.feed_forward.linear_3 10240 2520
noise_refiner.{0-1}.norm1.linear 10080 1024
noise_refiner.{0-1}.norm1.norm 2520
noise_refiner.{0-1}.ffn_norm1 2520
noise_refiner.{0-1}.norm2 2520
noise_refiner.{0-1}.ffn_norm2 2520
ref_image_refiner.{0-1}.attn.to_q 2520 2520
ref_image_refiner.{0-1}.attn.to_k 840 2520
ref_image_refiner.{0-1}.attn.to_v 840 2520
ref_image_refiner.{0-1}.attn.norm_q 120
ref_image_refiner.{0-1}.attn.norm_k 120
ref_image_refiner.{0-1}.attn.to_out.0 2520 2520
ref_image_refiner.{0-1}.feed_forward.linear_1 10240 2520
ref_image_refiner.{0-1}.feed_forward.linear_2 2520 10240
ref_image_refiner.{0-1}.feed_forward.linear_3 10240 2520
ref_image_refiner.{0-1}.norm1.linear 10080 1024
ref_image_refiner.{0-1}.norm1.norm 2520
ref_image_refiner.{0-1}.ffn_norm1 2520
ref_image_refiner.{0-1}.norm2 2520
ref_image_refiner.{0-1}.ffn_norm2 2520
context_refiner.{0-1}.attn.to_q 2520 2520
context_refiner.{0-1}.attn.to_k 840 2520
context_refiner.{0-1}.attn.to_v 840 2520
context_refiner.{0-1}.attn.norm_q 120
context_refiner.{0-1}.attn.norm_k 120
context_refiner.{0-1}.attn.to_out.0 2520 2520
context_refiner.{0-1}.feed_forward.linear_1 10240 2520
context_refiner.{0-1}.feed_forward.linear_2 2520 10240
context_refiner.{0-1}.feed_forward.linear_3 10240 2520
context_refiner.{0-1}.norm1 2520
context_refiner.{0-1}.ffn_norm1 2520
context_refiner.{0-1}.norm2 2520
context_refiner.{0-1}.ffn_norm2 2520
layers.{0-31}.attn.to_q 2520 2520
layers.{0-31}.attn.to_k 840 2520
layers.{0-31}.attn.to_v 840 2520
layers.{0-31}.attn.norm_q 120
layers.{0-31}.attn.norm_k 120
layers.{0-31}.attn.to_out.0 2520 2520
layers.{0-31}.feed_forward.linear_1 10240 2520
layers.{0-31}.feed_forward.linear_2 2520 10240
layers.{0-31}.feed_forward.linear_3 10240 2520
layers.{0-31}.norm1.linear 10080 1024
layers.{0-31}.norm1.norm 2520
layers.{0-31}.ffn_norm1 2520
layers.{0-31}.norm2 2520
layers.{0-31}.ffn_norm2 2520
norm_out.linear_1 2520 1024
norm_out.linear_2 64 2520
"""

NATIVE_NAMES = (
    "cap_embedder.0.weight", "cap_embedder.1.weight", "layers.0.adaLN_modulation.1.weight",
    "noise_refiner.0.adaLN_modulation.1.weight", "context_refiner.0.attention_norm1.weight",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "time_caption_embed.caption_embedder.0.weight", "noise_refiner.0.norm1.linear.weight",
    "context_refiner.0.norm1.weight", "layers.0.norm1.norm.weight", "norm_out.linear_2.weight",
)  # fmt: skip
OMNIGEN2_NAMES = ("ref_image_refiner.0.norm1.linear.weight", "ref_image_patch_embedder.weight")
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="Lumina-Image 2.0",
    sources=(
        "Alpha-VLLM/Lumina-Image-2.0 models/model.py; Alpha-VLLM/Lumina-T2X lumina_next_t2i/models/model.py",
        "Comfy-Org/ComfyUI comfy/ldm/lumina/model.py, comfy/model_detection.py",
        "huggingface/diffusers Lumina2Transformer2DModel, LuminaNextDiT2DModel (generated on meta tensors)",
        "VectorSpaceLab/OmniGen2 omnigen2/models/transformers/transformer_omnigen2.py",
    ),
    signatures=(
        Signature(("lumina2",), has=NATIVE_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(
            ("lumina2",),
            has=NATIVE_NAMES,
            lacks=("clip_text_pooled_proj.0.weight",),
            shapes={"context_refiner.0.attention_norm1.weight": (2304,)},
        ),
        Signature(("newbie-image",), has=(*NATIVE_NAMES, "clip_text_pooled_proj.0.weight"), title="NewBie-Image"),
        Signature(("lumina2",), has=DIFFUSERS_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("lumina2",), has=DIFFUSERS_NAMES, shapes={"layers.0.norm1.norm.weight": (2304,)}),
        Signature(
            ("omnigen2",),
            has=(*DIFFUSERS_NAMES, *OMNIGEN2_NAMES),
            because=CUSTOM,
            variant="custom-width",
            title="OmniGen2",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("omnigen2",),
            has=(*DIFFUSERS_NAMES, *OMNIGEN2_NAMES),
            shapes={"layers.0.norm1.norm.weight": (2520,)},
            because=N_("it has parts for reference pictures among Lumina's blocks, as {title} does"),
            title="OmniGen2",
        ),
        Signature(
            ("boogu-image",),
            has=(
                "double_stream_layers.0.img_instruct_attn.processor.img_to_q.weight",
                "time_caption_embed.caption_embedder.0.weight",
                "single_stream_layers.*",
            ),
            title="Boogu-Image",
        ),
        Signature(
            ("lumina-next",),
            has=(
                "patch_embedder.proj.weight",
                "layers.0.attn2.to_k.weight",
                "layers.0.gate",
                "time_caption_embed.caption_embedder.1.weight",
            ),
            title="Lumina-Next",
        ),
        Signature(
            ("lumina-next",),
            has=("layers.0.attention.wk_y.weight", "layers.0.attention.wq.weight", "cap_embedder.1.weight"),
            title="Lumina-Next",
        ),
    ),
    graphs=(
        Graph("lumina2", "native", LUMINA2),
        Graph("lumina2", "diffusers", LUMINA2_DIFFUSERS, dotted=True),
        Graph("lumina-next", "diffusers", LUMINA_NEXT_DIFFUSERS, rare=True),
        Graph("omnigen2", "diffusers", OMNIGEN2, rare=True),
    ),
    classes={
        "Lumina2Transformer2DModel": (Kind.DIFFUSION_MODEL, ("lumina2",)),
        "LuminaNextDiT2DModel": (Kind.DIFFUSION_MODEL, ("lumina-next",)),
        "OmniGen2Transformer2DModel": (Kind.DIFFUSION_MODEL, ("omnigen2",)),
    },
)
