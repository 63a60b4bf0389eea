"""PixArt alpha and sigma: sigma is alpha without size embeddings and with longer text, so at 512 they look the same."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

NATIVE_ALPHA = """
t_block.1 6912 1152
x_embedder.proj 1152 4 2x2
t_embedder.mlp.0 1152 256
t_embedder.mlp.2 1152 1152
y_embedder.y_proj.fc1 1152 4096
y_embedder.y_proj.fc2 1152 1152
csize_embedder.mlp.0 384 256
csize_embedder.mlp.2 384 384
ar_embedder.mlp.0 384 256
ar_embedder.mlp.2 384 384
blocks.{0-27}.attn.qkv 3456 1152
blocks.{0-27}.attn.proj 1152 1152
blocks.{0-27}.cross_attn.q_linear 1152 1152
blocks.{0-27}.cross_attn.kv_linear 2304 1152
blocks.{0-27}.cross_attn.proj 1152 1152
blocks.{0-27}.mlp.fc1 4608 1152
blocks.{0-27}.mlp.fc2 1152 4608
final_layer.linear 32 1152
"""

NATIVE_SIGMA = """
t_block.1 6912 1152
x_embedder.proj 1152 4 2x2
t_embedder.mlp.0 1152 256
t_embedder.mlp.2 1152 1152
y_embedder.y_proj.fc1 1152 4096
y_embedder.y_proj.fc2 1152 1152
blocks.{0-27}.attn.qkv 3456 1152
blocks.{0-27}.attn.proj 1152 1152
blocks.{0-27}.cross_attn.q_linear 1152 1152
blocks.{0-27}.cross_attn.kv_linear 2304 1152
blocks.{0-27}.cross_attn.proj 1152 1152
blocks.{0-27}.mlp.fc1 4608 1152
blocks.{0-27}.mlp.fc2 1152 4608
final_layer.linear 32 1152
"""

DIFFUSERS_ALPHA = """
pos_embed.proj 1152 4 2x2
transformer_blocks.{0-27}.attn1.to_q 1152 1152
transformer_blocks.{0-27}.attn1.to_k 1152 1152
transformer_blocks.{0-27}.attn1.to_v 1152 1152
transformer_blocks.{0-27}.attn1.to_out.0 1152 1152
transformer_blocks.{0-27}.attn2.to_q 1152 1152
transformer_blocks.{0-27}.attn2.to_k 1152 1152
transformer_blocks.{0-27}.attn2.to_v 1152 1152
transformer_blocks.{0-27}.attn2.to_out.0 1152 1152
transformer_blocks.{0-27}.ff.net.0.proj 4608 1152
transformer_blocks.{0-27}.ff.net.2 1152 4608
proj_out 32 1152
adaln_single.emb.timestep_embedder.linear_1 1152 256
adaln_single.emb.timestep_embedder.linear_2 1152 1152
adaln_single.emb.resolution_embedder.linear_1 384 256
adaln_single.emb.resolution_embedder.linear_2 384 384
adaln_single.emb.aspect_ratio_embedder.linear_1 384 256
adaln_single.emb.aspect_ratio_embedder.linear_2 384 384
adaln_single.linear 6912 1152
caption_projection.linear_1 1152 4096
caption_projection.linear_2 1152 1152
"""

DIFFUSERS_SIGMA = """
pos_embed.proj 1152 4 2x2
transformer_blocks.{0-27}.attn1.to_q 1152 1152
transformer_blocks.{0-27}.attn1.to_k 1152 1152
transformer_blocks.{0-27}.attn1.to_v 1152 1152
transformer_blocks.{0-27}.attn1.to_out.0 1152 1152
transformer_blocks.{0-27}.attn2.to_q 1152 1152
transformer_blocks.{0-27}.attn2.to_k 1152 1152
transformer_blocks.{0-27}.attn2.to_v 1152 1152
transformer_blocks.{0-27}.attn2.to_out.0 1152 1152
transformer_blocks.{0-27}.ff.net.0.proj 4608 1152
transformer_blocks.{0-27}.ff.net.2 1152 4608
proj_out 32 1152
adaln_single.emb.timestep_embedder.linear_1 1152 256
adaln_single.emb.timestep_embedder.linear_2 1152 1152
adaln_single.linear 6912 1152
caption_projection.linear_1 1152 4096
caption_projection.linear_2 1152 1152
"""

NATIVE_NAMES = (
    "t_block.1.weight", "blocks.0.cross_attn.q_linear.weight", "blocks.0.mlp.fc1.weight",
    "y_embedder.y_proj.fc1.weight", "final_layer.scale_shift_table",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "adaln_single.emb.timestep_embedder.linear_1.weight", "transformer_blocks.0.attn2.to_k.weight",
    "transformer_blocks.0.scale_shift_table", "pos_embed.proj.weight", "proj_out.weight",
)  # fmt: skip
RATIO = "ar_embedder.mlp.0.weight"
RATIO_DIFFUSERS = "adaln_single.emb.aspect_ratio_embedder.linear_1.weight"
TEXT = "y_embedder.y_embedding"
TABLE = "final_layer.scale_shift_table"
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")
SIZED = N_("it has {key}, as {title} does, and an embedding of the aspect ratio, as only alpha has")
SHORT = N_("it has {key}, as {title} does, and reads 120 tokens of text, as alpha does")
LONG = N_("it has {key}, as {title} does, and reads 300 tokens of text, as sigma does")
EITHER = N_("it has {key}, as {title} does, and nothing in it tells alpha from sigma")

FAMILY = Family(
    title="PixArt",
    sources=(
        "PixArt-alpha/PixArt-alpha, PixArt-alpha/PixArt-sigma diffusion/model/nets/PixArtMS.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "huggingface/diffusers PixArtTransformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("pixart-sigma", "pixart-alpha"),
            has=NATIVE_NAMES,
            because=EITHER,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(("pixart-sigma", "pixart-alpha"), has=NATIVE_NAMES, shapes={TABLE: (2, 1152)}, because=EITHER),
        Signature(
            ("pixart-alpha",),
            has=(*NATIVE_NAMES, RATIO),
            because=CUSTOM,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(("pixart-alpha",), has=(*NATIVE_NAMES, RATIO), shapes={TABLE: (2, 1152)}, because=SIZED),
        Signature(
            ("pixart-alpha",),
            has=NATIVE_NAMES,
            lacks=(RATIO,),
            shapes={TABLE: (2, 1152), TEXT: (120, None)},
            because=SHORT,
        ),
        Signature(
            ("pixart-sigma",),
            has=NATIVE_NAMES,
            lacks=(RATIO,),
            shapes={TEXT: (300, None)},
            because=CUSTOM,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("pixart-sigma",),
            has=NATIVE_NAMES,
            lacks=(RATIO,),
            shapes={TABLE: (2, 1152), TEXT: (300, None)},
            because=LONG,
        ),
        # Allegro's names are the same as sigma's, so that only the width tells them apart.
        Signature(
            ("pixart-sigma", "pixart-alpha"),
            has=DIFFUSERS_NAMES,
            lacks=("temporal_transformer_blocks.*",),
            shapes={"scale_shift_table": (2, 1152)},
            because=EITHER,
        ),
        Signature(
            ("pixart-alpha",),
            has=(*DIFFUSERS_NAMES, RATIO_DIFFUSERS),
            lacks=("temporal_transformer_blocks.*",),
            because=CUSTOM,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("pixart-alpha",),
            has=(*DIFFUSERS_NAMES, RATIO_DIFFUSERS),
            lacks=("temporal_transformer_blocks.*",),
            shapes={"scale_shift_table": (2, 1152)},
            because=SIZED,
        ),
    ),
    graphs=(
        Graph("pixart-alpha", "native", NATIVE_ALPHA),
        Graph("pixart-sigma", "native", NATIVE_SIGMA),
        Graph("pixart-alpha", "diffusers", DIFFUSERS_ALPHA),
        Graph("pixart-sigma", "diffusers", DIFFUSERS_SIGMA),
    ),
    classes={"PixArtTransformer2DModel": (Kind.DIFFUSION_MODEL, ("pixart-sigma", "pixart-alpha"))},
)
