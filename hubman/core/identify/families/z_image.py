"""Z-Image: Turbo and Base look the same; Omni reads pictures too. Ming-Image is the same network without pad tokens."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

DIFFUSERS = """
all_x_embedder.2-1 3840 64
all_final_layer.2-1.linear 64 3840
all_final_layer.2-1.adaLN_modulation.1 3840 256
noise_refiner.{0-1}.attention.norm_q 128
noise_refiner.{0-1}.attention.norm_k 128
noise_refiner.{0-1}.attention.to_q 3840 3840
noise_refiner.{0-1}.attention.to_k 3840 3840
noise_refiner.{0-1}.attention.to_v 3840 3840
noise_refiner.{0-1}.attention.to_out.0 3840 3840
noise_refiner.{0-1}.feed_forward.w1 10240 3840
noise_refiner.{0-1}.feed_forward.w2 3840 10240
noise_refiner.{0-1}.feed_forward.w3 10240 3840
noise_refiner.{0-1}.attention_norm1 3840
noise_refiner.{0-1}.ffn_norm1 3840
noise_refiner.{0-1}.attention_norm2 3840
noise_refiner.{0-1}.ffn_norm2 3840
noise_refiner.{0-1}.adaLN_modulation.0 15360 256
context_refiner.{0-1}.attention.norm_q 128
context_refiner.{0-1}.attention.norm_k 128
context_refiner.{0-1}.attention.to_q 3840 3840
context_refiner.{0-1}.attention.to_k 3840 3840
context_refiner.{0-1}.attention.to_v 3840 3840
context_refiner.{0-1}.attention.to_out.0 3840 3840
context_refiner.{0-1}.feed_forward.w1 10240 3840
context_refiner.{0-1}.feed_forward.w2 3840 10240
context_refiner.{0-1}.feed_forward.w3 10240 3840
context_refiner.{0-1}.attention_norm1 3840
context_refiner.{0-1}.ffn_norm1 3840
context_refiner.{0-1}.attention_norm2 3840
context_refiner.{0-1}.ffn_norm2 3840
t_embedder.mlp.0 1024 256
t_embedder.mlp.2 256 1024
cap_embedder.0 2560
cap_embedder.1 3840 2560
siglip_embedder.0 1152
siglip_embedder.1 3840 1152
siglip_refiner.{0-1}.attention.norm_q 128
siglip_refiner.{0-1}.attention.norm_k 128
siglip_refiner.{0-1}.attention.to_q 3840 3840
siglip_refiner.{0-1}.attention.to_k 3840 3840
siglip_refiner.{0-1}.attention.to_v 3840 3840
siglip_refiner.{0-1}.attention.to_out.0 3840 3840
siglip_refiner.{0-1}.feed_forward.w1 10240 3840
siglip_refiner.{0-1}.feed_forward.w2 3840 10240
siglip_refiner.{0-1}.feed_forward.w3 10240 3840
siglip_refiner.{0-1}.attention_norm1 3840
siglip_refiner.{0-1}.ffn_norm1 3840
siglip_refiner.{0-1}.attention_norm2 3840
siglip_refiner.{0-1}.ffn_norm2 3840
layers.{0-29}.attention.norm_q 128
layers.{0-29}.attention.norm_k 128
layers.{0-29}.attention.to_q 3840 3840
layers.{0-29}.attention.to_k 3840 3840
layers.{0-29}.attention.to_v 3840 3840
layers.{0-29}.attention.to_out.0 3840 3840
layers.{0-29}.feed_forward.w1 10240 3840
layers.{0-29}.feed_forward.w2 3840 10240
layers.{0-29}.feed_forward.w3 10240 3840
layers.{0-29}.attention_norm1 3840
layers.{0-29}.ffn_norm1 3840
layers.{0-29}.attention_norm2 3840
layers.{0-29}.ffn_norm2 3840
layers.{0-29}.adaLN_modulation.0 15360 256
"""

COMFY = """
x_embedder 3840 64
final_layer.linear 64 3840
final_layer.adaLN_modulation.1 3840 256
noise_refiner.{0-1}.attention.q_norm 128
noise_refiner.{0-1}.attention.k_norm 128
noise_refiner.{0-1}.attention.qkv 11520 3840
noise_refiner.{0-1}.attention.out 3840 3840
noise_refiner.{0-1}.feed_forward.w1 10240 3840
noise_refiner.{0-1}.feed_forward.w2 3840 10240
noise_refiner.{0-1}.feed_forward.w3 10240 3840
noise_refiner.{0-1}.attention_norm1 3840
noise_refiner.{0-1}.ffn_norm1 3840
noise_refiner.{0-1}.attention_norm2 3840
noise_refiner.{0-1}.ffn_norm2 3840
noise_refiner.{0-1}.adaLN_modulation.0 15360 256
context_refiner.{0-1}.attention.q_norm 128
context_refiner.{0-1}.attention.k_norm 128
context_refiner.{0-1}.attention.qkv 11520 3840
context_refiner.{0-1}.attention.out 3840 3840
context_refiner.{0-1}.feed_forward.w1 10240 3840
context_refiner.{0-1}.feed_forward.w2 3840 10240
context_refiner.{0-1}.feed_forward.w3 10240 3840
context_refiner.{0-1}.attention_norm1 3840
context_refiner.{0-1}.ffn_norm1 3840
context_refiner.{0-1}.attention_norm2 3840
context_refiner.{0-1}.ffn_norm2 3840
t_embedder.mlp.0 1024 256
t_embedder.mlp.2 256 1024
cap_embedder.0 2560
cap_embedder.1 3840 2560
layers.{0-29}.attention.q_norm 128
layers.{0-29}.attention.k_norm 128
layers.{0-29}.attention.qkv 11520 3840
layers.{0-29}.attention.out 3840 3840
layers.{0-29}.feed_forward.w1 10240 3840
layers.{0-29}.feed_forward.w2 3840 10240
layers.{0-29}.feed_forward.w3 10240 3840
layers.{0-29}.attention_norm1 3840
layers.{0-29}.ffn_norm1 3840
layers.{0-29}.attention_norm2 3840
layers.{0-29}.ffn_norm2 3840
layers.{0-29}.adaLN_modulation.0 15360 256
"""

NAMES = (
    "cap_embedder.0.weight", "cap_embedder.1.weight", "layers.0.adaLN_modulation.0.weight",
    "noise_refiner.0.adaLN_modulation.0.weight", "context_refiner.0.attention_norm1.weight",
)  # fmt: skip
MING = ("x_pad_token", "cap_pad_token", "dec_net.cond_embed.weight")
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="Z-Image",
    sources=(
        "huggingface/diffusers ZImageTransformer2DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/ldm/lumina/model.py, comfy/model_detection.py (query, key and value are one there)",
        "kohya-ss/musubi-tuner src/musubi_tuner/zimage/zimage_model.py",
        "nunchaku-tech/nunchaku nunchaku/models/transformers/transformer_zimage.py",
    ),
    signatures=(
        Signature(("z-image",), has=NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(
            ("z-image",),
            has=(*NAMES, "x_pad_token|cap_pad_token|dec_net.cond_embed.weight"),
            shapes={"cap_embedder.0.weight": (2560,), "context_refiner.0.attention_norm1.weight": (3840,)},
        ),
        Signature(
            ("ming-image",),
            has=NAMES,
            lacks=MING,
            shapes={"cap_embedder.0.weight": (2560,), "context_refiner.0.attention_norm1.weight": (3840,)},
            because=N_("it has {key} as Z-Image does, but no pad tokens, as {title}"),
            title="Ming-Image",
            sure=Confidence.LIKELY,
        ),
    ),
    variants=(
        Variant("omni", N_("it has parts that read pictures, as Z-Image Omni does"), has=("siglip_embedder.0.weight",)),
        Variant("pixel", N_("it has a decoder that paints pixels"), has=("dec_net.cond_embed.weight",)),
    ),
    graphs=(Graph("z-image", "diffusers", DIFFUSERS), Graph("z-image", "comfy", COMFY)),
    classes={"ZImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("z-image",))},
)
