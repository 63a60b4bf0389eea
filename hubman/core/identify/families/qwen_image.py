"""Qwen-Image: text to picture, Edit and Layered; Mage-Flow is a smaller model of the same blocks."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

DIFFUSERS = """
time_text_embed.timestep_embedder.linear_1 3072 256
time_text_embed.timestep_embedder.linear_2 3072 3072
txt_norm 3584
img_in 3072 64
txt_in 3072 3584
transformer_blocks.{0-59}.img_mod.1 18432 3072
transformer_blocks.{0-59}.attn.norm_q 128
transformer_blocks.{0-59}.attn.norm_k 128
transformer_blocks.{0-59}.attn.to_q 3072 3072
transformer_blocks.{0-59}.attn.to_k 3072 3072
transformer_blocks.{0-59}.attn.to_v 3072 3072
transformer_blocks.{0-59}.attn.add_k_proj 3072 3072
transformer_blocks.{0-59}.attn.add_v_proj 3072 3072
transformer_blocks.{0-59}.attn.add_q_proj 3072 3072
transformer_blocks.{0-59}.attn.to_out.0 3072 3072
transformer_blocks.{0-59}.attn.to_add_out 3072 3072
transformer_blocks.{0-59}.attn.norm_added_q 128
transformer_blocks.{0-59}.attn.norm_added_k 128
transformer_blocks.{0-59}.img_mlp.net.0.proj 12288 3072
transformer_blocks.{0-59}.img_mlp.net.2 3072 12288
transformer_blocks.{0-59}.txt_mod.1 18432 3072
transformer_blocks.{0-59}.txt_mlp.net.0.proj 12288 3072
transformer_blocks.{0-59}.txt_mlp.net.2 3072 12288
norm_out.linear 6144 3072
proj_out 64 3072
"""

NAMES = (
    "transformer_blocks.0.img_mod.1.weight|transformer_blocks.0.img_mod.1.qweight",
    "transformer_blocks.0.txt_mlp.net.0.proj.weight|transformer_blocks.0.txt_mlp.net.0.proj.qweight",
    "transformer_blocks.0.attn.norm_added_q.weight", "txt_norm.weight", "img_in.weight", "txt_in.weight",
    "proj_out.weight",
)  # fmt: skip

FAMILY = Family(
    title="Qwen-Image",
    sources=(
        "huggingface/diffusers QwenImageTransformer2DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "kohya-ss/musubi-tuner src/musubi_tuner/qwen_image/qwen_image_model.py",
        "nunchaku-tech/nunchaku nunchaku/models/transformers/transformer_qwenimage.py",
    ),
    signatures=(
        Signature(
            ("qwen-image",),
            has=NAMES,
            because=N_("it has {key} and the other parts of {title}, at other widths"),
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(("qwen-image",), has=NAMES, shapes={"txt_norm.weight": (3584,), "img_in.bias": (3072,)}),
        Signature(
            ("mage-flow",),
            has=NAMES,
            shapes={"txt_norm.weight": (2560,)},
            because=N_("it has {key} and reads text of width 2560, as {title} does"),
            title="Mage-Flow",
        ),
    ),
    variants=(
        Variant(
            "layered",
            N_("it has an embedding that tells layers with transparency apart, as Qwen-Image Layered does"),
            has=("time_text_embed.addition_t_embedding.weight",),
        ),
        Variant("edit", N_("it is marked as Qwen-Image Edit 2511"), has=("__index_timestep_zero__",)),
        Variant(
            "pruned",
            N_("it has fewer than the 60 blocks of Qwen-Image"),
            has=("txt_norm.weight",),
            lacks=("transformer_blocks.59.*",),
        ),
    ),
    graphs=(Graph("qwen-image", "diffusers", DIFFUSERS),),
    classes={"QwenImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("qwen-image",))},
)
