"""Wan 2.1 and 2.2 of Alibaba, and what is built of their blocks: VACE, Animate, SkyReels V2, ChronoEdit, Helios."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

WAN_1B = """
patch_embedding 1536 16 1x2x2
text_embedding.0 1536 4096
text_embedding.2 1536 1536
time_embedding.0 1536 256
time_embedding.2 1536 1536
time_projection.1 9216 1536
blocks.{0-29}.self_attn.q 1536 1536
blocks.{0-29}.self_attn.k 1536 1536
blocks.{0-29}.self_attn.v 1536 1536
blocks.{0-29}.self_attn.o 1536 1536
blocks.{0-29}.self_attn.norm_q 1536
blocks.{0-29}.self_attn.norm_k 1536
blocks.{0-29}.norm3 1536
blocks.{0-29}.cross_attn.q 1536 1536
blocks.{0-29}.cross_attn.k 1536 1536
blocks.{0-29}.cross_attn.v 1536 1536
blocks.{0-29}.cross_attn.o 1536 1536
blocks.{0-29}.cross_attn.norm_q 1536
blocks.{0-29}.cross_attn.norm_k 1536
blocks.{0-29}.ffn.0 8960 1536
blocks.{0-29}.ffn.2 1536 8960
head.head 64 1536"""

WAN_5B = """
patch_embedding 3072 48 1x2x2
text_embedding.0 3072 4096
text_embedding.2 3072 3072
time_embedding.0 3072 256
time_embedding.2 3072 3072
time_projection.1 18432 3072
blocks.{0-29}.self_attn.q 3072 3072
blocks.{0-29}.self_attn.k 3072 3072
blocks.{0-29}.self_attn.v 3072 3072
blocks.{0-29}.self_attn.o 3072 3072
blocks.{0-29}.self_attn.norm_q 3072
blocks.{0-29}.self_attn.norm_k 3072
blocks.{0-29}.norm3 3072
blocks.{0-29}.cross_attn.q 3072 3072
blocks.{0-29}.cross_attn.k 3072 3072
blocks.{0-29}.cross_attn.v 3072 3072
blocks.{0-29}.cross_attn.o 3072 3072
blocks.{0-29}.cross_attn.norm_q 3072
blocks.{0-29}.cross_attn.norm_k 3072
blocks.{0-29}.ffn.0 14336 3072
blocks.{0-29}.ffn.2 3072 14336
head.head 192 3072"""

WAN_14B = """
patch_embedding 5120 16 1x2x2
text_embedding.0 5120 4096
text_embedding.2 5120 5120
time_embedding.0 5120 256
time_embedding.2 5120 5120
time_projection.1 30720 5120
blocks.{0-39}.self_attn.q 5120 5120
blocks.{0-39}.self_attn.k 5120 5120
blocks.{0-39}.self_attn.v 5120 5120
blocks.{0-39}.self_attn.o 5120 5120
blocks.{0-39}.self_attn.norm_q 5120
blocks.{0-39}.self_attn.norm_k 5120
blocks.{0-39}.norm3 5120
blocks.{0-39}.cross_attn.q 5120 5120
blocks.{0-39}.cross_attn.k 5120 5120
blocks.{0-39}.cross_attn.v 5120 5120
blocks.{0-39}.cross_attn.o 5120 5120
blocks.{0-39}.cross_attn.norm_q 5120
blocks.{0-39}.cross_attn.norm_k 5120
blocks.{0-39}.ffn.0 13824 5120
blocks.{0-39}.ffn.2 5120 13824
head.head 64 5120"""

WAN_14B_I2V = """
patch_embedding 5120 36 1x2x2
text_embedding.0 5120 4096
text_embedding.2 5120 5120
time_embedding.0 5120 256
time_embedding.2 5120 5120
time_projection.1 30720 5120
blocks.{0-39}.self_attn.q 5120 5120
blocks.{0-39}.self_attn.k 5120 5120
blocks.{0-39}.self_attn.v 5120 5120
blocks.{0-39}.self_attn.o 5120 5120
blocks.{0-39}.self_attn.norm_q 5120
blocks.{0-39}.self_attn.norm_k 5120
blocks.{0-39}.norm3 5120
blocks.{0-39}.cross_attn.q 5120 5120
blocks.{0-39}.cross_attn.k 5120 5120
blocks.{0-39}.cross_attn.v 5120 5120
blocks.{0-39}.cross_attn.o 5120 5120
blocks.{0-39}.cross_attn.norm_q 5120
blocks.{0-39}.cross_attn.norm_k 5120
blocks.{0-39}.cross_attn.k_img 5120 5120
blocks.{0-39}.cross_attn.v_img 5120 5120
blocks.{0-39}.cross_attn.norm_k_img 5120
blocks.{0-39}.ffn.0 13824 5120
blocks.{0-39}.ffn.2 5120 13824
head.head 64 5120
img_emb.proj.0 1280
img_emb.proj.1 1280 1280
img_emb.proj.3 5120 1280
img_emb.proj.4 5120"""

WAN_1B_D = """
patch_embedding 1536 16 1x2x2
condition_embedder.time_embedder.linear_1 1536 256
condition_embedder.time_embedder.linear_2 1536 1536
condition_embedder.time_proj 9216 1536
condition_embedder.text_embedder.linear_1 1536 4096
condition_embedder.text_embedder.linear_2 1536 1536
blocks.{0-29}.attn1.to_q 1536 1536
blocks.{0-29}.attn1.to_k 1536 1536
blocks.{0-29}.attn1.to_v 1536 1536
blocks.{0-29}.attn1.to_out.0 1536 1536
blocks.{0-29}.attn1.norm_q 1536
blocks.{0-29}.attn1.norm_k 1536
blocks.{0-29}.attn2.to_q 1536 1536
blocks.{0-29}.attn2.to_k 1536 1536
blocks.{0-29}.attn2.to_v 1536 1536
blocks.{0-29}.attn2.to_out.0 1536 1536
blocks.{0-29}.attn2.norm_q 1536
blocks.{0-29}.attn2.norm_k 1536
blocks.{0-29}.norm2 1536
blocks.{0-29}.ffn.net.0.proj 8960 1536
blocks.{0-29}.ffn.net.2 1536 8960
proj_out 64 1536"""

WAN_5B_D = """
patch_embedding 3072 48 1x2x2
condition_embedder.time_embedder.linear_1 3072 256
condition_embedder.time_embedder.linear_2 3072 3072
condition_embedder.time_proj 18432 3072
condition_embedder.text_embedder.linear_1 3072 4096
condition_embedder.text_embedder.linear_2 3072 3072
blocks.{0-29}.attn1.to_q 3072 3072
blocks.{0-29}.attn1.to_k 3072 3072
blocks.{0-29}.attn1.to_v 3072 3072
blocks.{0-29}.attn1.to_out.0 3072 3072
blocks.{0-29}.attn1.norm_q 3072
blocks.{0-29}.attn1.norm_k 3072
blocks.{0-29}.attn2.to_q 3072 3072
blocks.{0-29}.attn2.to_k 3072 3072
blocks.{0-29}.attn2.to_v 3072 3072
blocks.{0-29}.attn2.to_out.0 3072 3072
blocks.{0-29}.attn2.norm_q 3072
blocks.{0-29}.attn2.norm_k 3072
blocks.{0-29}.norm2 3072
blocks.{0-29}.ffn.net.0.proj 14336 3072
blocks.{0-29}.ffn.net.2 3072 14336
proj_out 192 3072"""

WAN_14B_D = """
patch_embedding 5120 16 1x2x2
condition_embedder.time_embedder.linear_1 5120 256
condition_embedder.time_embedder.linear_2 5120 5120
condition_embedder.time_proj 30720 5120
condition_embedder.text_embedder.linear_1 5120 4096
condition_embedder.text_embedder.linear_2 5120 5120
blocks.{0-39}.attn1.to_q 5120 5120
blocks.{0-39}.attn1.to_k 5120 5120
blocks.{0-39}.attn1.to_v 5120 5120
blocks.{0-39}.attn1.to_out.0 5120 5120
blocks.{0-39}.attn1.norm_q 5120
blocks.{0-39}.attn1.norm_k 5120
blocks.{0-39}.attn2.to_q 5120 5120
blocks.{0-39}.attn2.to_k 5120 5120
blocks.{0-39}.attn2.to_v 5120 5120
blocks.{0-39}.attn2.to_out.0 5120 5120
blocks.{0-39}.attn2.norm_q 5120
blocks.{0-39}.attn2.norm_k 5120
blocks.{0-39}.norm2 5120
blocks.{0-39}.ffn.net.0.proj 13824 5120
blocks.{0-39}.ffn.net.2 5120 13824
proj_out 64 5120"""

WAN_14B_I2V_D = """
patch_embedding 5120 36 1x2x2
condition_embedder.time_embedder.linear_1 5120 256
condition_embedder.time_embedder.linear_2 5120 5120
condition_embedder.time_proj 30720 5120
condition_embedder.text_embedder.linear_1 5120 4096
condition_embedder.text_embedder.linear_2 5120 5120
condition_embedder.image_embedder.norm1 1280
condition_embedder.image_embedder.ff.net.0.proj 1280 1280
condition_embedder.image_embedder.ff.net.2 5120 1280
condition_embedder.image_embedder.norm2 5120
blocks.{0-39}.attn1.to_q 5120 5120
blocks.{0-39}.attn1.to_k 5120 5120
blocks.{0-39}.attn1.to_v 5120 5120
blocks.{0-39}.attn1.to_out.0 5120 5120
blocks.{0-39}.attn1.norm_q 5120
blocks.{0-39}.attn1.norm_k 5120
blocks.{0-39}.attn2.to_q 5120 5120
blocks.{0-39}.attn2.to_k 5120 5120
blocks.{0-39}.attn2.to_v 5120 5120
blocks.{0-39}.attn2.to_out.0 5120 5120
blocks.{0-39}.attn2.norm_q 5120
blocks.{0-39}.attn2.norm_k 5120
blocks.{0-39}.attn2.add_k_proj 5120 5120
blocks.{0-39}.attn2.add_v_proj 5120 5120
blocks.{0-39}.attn2.norm_added_k 5120
blocks.{0-39}.norm2 5120
blocks.{0-39}.ffn.net.0.proj 13824 5120
blocks.{0-39}.ffn.net.2 5120 13824
proj_out 64 5120"""

NATIVE = (
    "head.modulation",
    "blocks.0.modulation",
    "blocks.0.self_attn.norm_q.weight",
    "blocks.0.cross_attn.norm_k.weight",
    "blocks.0.norm3.weight",
    "text_embedding.0.weight",
)
NATIVE_1536 = {"blocks.0.self_attn.norm_q.weight": (1536,)}
NATIVE_3072 = {"blocks.0.self_attn.norm_q.weight": (3072,)}
NATIVE_5120 = {"blocks.0.self_attn.norm_q.weight": (5120,)}
NATIVE_IMAGE = (*NATIVE, "img_emb.proj.0.weight")
NATIVE_36 = {"patch_embedding.weight": (None, 36, None, None, None)}

DIFFUSERS = (
    "condition_embedder.time_proj.weight",
    "condition_embedder.text_embedder.linear_1.weight",
    "blocks.0.scale_shift_table",
    "blocks.0.attn1.norm_q.weight",
    "blocks.0.attn2.norm_k.weight",
    "scale_shift_table|norm_out.scale_shift_table",
)
DIFFUSERS_1536 = {"blocks.0.attn1.norm_q.weight": (1536,)}
DIFFUSERS_3072 = {"blocks.0.attn1.norm_q.weight": (3072,)}
DIFFUSERS_5120 = {"blocks.0.attn1.norm_q.weight": (5120,)}
DIFFUSERS_IMAGE = (*DIFFUSERS, "condition_embedder.image_embedder.norm1.weight")

BOTH = ("wan-2.1", "wan-2.2")

OTHER_WIDTH = N_("it has {key} and the blocks of Wan, but at a width that neither 2.1 nor 2.2 has")
SMALL = N_("{key} and blocks 1536 wide, as Wan 2.1 1.3B has")
FIVE = N_("{key} and blocks 3072 wide, as Wan 2.2 5B has")
FOURTEEN = N_("{key} and blocks 5120 wide, which Wan 2.1 14B and both experts of Wan 2.2 share")
IMAGE = N_("it takes a picture through CLIP vision, as Wan 2.1 does; Wan 2.2 no longer does")
INPUT_36 = N_("it takes a picture in 36 channels without CLIP vision, as Wan 2.2 does")
ANIMATE = N_("it follows a face and a pose, as Wan 2.2 Animate does")
SPEECH = N_("it has {key} and listens to speech, as Wan 2.2 S2V does")
ROWS = N_("it has patch_short and patch_long for the frames before, as Helios, which is built on Wan 2.1, has")
HALF = N_("Wan's blocks with attention named in two ways, as Wan Animate 2 has")

WAN_VACE_1B = """
patch_embedding 1536 16 1x2x2
text_embedding.0 1536 4096
text_embedding.2 1536 1536
time_embedding.0 1536 256
time_embedding.2 1536 1536
time_projection.1 9216 1536
blocks.{0-29}.self_attn.q 1536 1536
blocks.{0-29}.self_attn.k 1536 1536
blocks.{0-29}.self_attn.v 1536 1536
blocks.{0-29}.self_attn.o 1536 1536
blocks.{0-29}.self_attn.norm_q 1536
blocks.{0-29}.self_attn.norm_k 1536
blocks.{0-29}.norm3 1536
blocks.{0-29}.cross_attn.q 1536 1536
blocks.{0-29}.cross_attn.k 1536 1536
blocks.{0-29}.cross_attn.v 1536 1536
blocks.{0-29}.cross_attn.o 1536 1536
blocks.{0-29}.cross_attn.norm_q 1536
blocks.{0-29}.cross_attn.norm_k 1536
blocks.{0-29}.ffn.0 8960 1536
blocks.{0-29}.ffn.2 1536 8960
head.head 64 1536
vace_blocks.{0-14}.self_attn.q 1536 1536
vace_blocks.{0-14}.self_attn.k 1536 1536
vace_blocks.{0-14}.self_attn.v 1536 1536
vace_blocks.{0-14}.self_attn.o 1536 1536
vace_blocks.{0-14}.self_attn.norm_q 1536
vace_blocks.{0-14}.self_attn.norm_k 1536
vace_blocks.{0-14}.norm3 1536
vace_blocks.{0-14}.cross_attn.q 1536 1536
vace_blocks.{0-14}.cross_attn.k 1536 1536
vace_blocks.{0-14}.cross_attn.v 1536 1536
vace_blocks.{0-14}.cross_attn.o 1536 1536
vace_blocks.{0-14}.cross_attn.norm_q 1536
vace_blocks.{0-14}.cross_attn.norm_k 1536
vace_blocks.{0-14}.ffn.0 8960 1536
vace_blocks.{0-14}.ffn.2 1536 8960
vace_blocks.0.before_proj 1536 1536
vace_blocks.{0-14}.after_proj 1536 1536
vace_patch_embedding 1536 96 1x2x2
"""

WAN_VACE_14B_D = """
patch_embedding 5120 16 1x2x2
vace_patch_embedding 5120 96 1x2x2
condition_embedder.time_embedder.linear_1 5120 256
condition_embedder.time_embedder.linear_2 5120 5120
condition_embedder.time_proj 30720 5120
condition_embedder.text_embedder.linear_1 5120 4096
condition_embedder.text_embedder.linear_2 5120 5120
blocks.{0-39}.attn1.to_q 5120 5120
blocks.{0-39}.attn1.to_k 5120 5120
blocks.{0-39}.attn1.to_v 5120 5120
blocks.{0-39}.attn1.to_out.0 5120 5120
blocks.{0-39}.attn1.norm_q 5120
blocks.{0-39}.attn1.norm_k 5120
blocks.{0-39}.attn2.to_q 5120 5120
blocks.{0-39}.attn2.to_k 5120 5120
blocks.{0-39}.attn2.to_v 5120 5120
blocks.{0-39}.attn2.to_out.0 5120 5120
blocks.{0-39}.attn2.norm_q 5120
blocks.{0-39}.attn2.norm_k 5120
blocks.{0-39}.norm2 5120
blocks.{0-39}.ffn.net.0.proj 13824 5120
blocks.{0-39}.ffn.net.2 5120 13824
vace_blocks.0.proj_in 5120 5120
vace_blocks.{0-7}.attn1.to_q 5120 5120
vace_blocks.{0-7}.attn1.to_k 5120 5120
vace_blocks.{0-7}.attn1.to_v 5120 5120
vace_blocks.{0-7}.attn1.to_out.0 5120 5120
vace_blocks.{0-7}.attn1.norm_q 5120
vace_blocks.{0-7}.attn1.norm_k 5120
vace_blocks.{0-7}.attn2.to_q 5120 5120
vace_blocks.{0-7}.attn2.to_k 5120 5120
vace_blocks.{0-7}.attn2.to_v 5120 5120
vace_blocks.{0-7}.attn2.to_out.0 5120 5120
vace_blocks.{0-7}.attn2.norm_q 5120
vace_blocks.{0-7}.attn2.norm_k 5120
vace_blocks.{0-7}.norm2 5120
vace_blocks.{0-7}.ffn.net.0.proj 13824 5120
vace_blocks.{0-7}.ffn.net.2 5120 13824
vace_blocks.{0-7}.proj_out 5120 5120
proj_out 64 5120
"""

WAN_VACE_1B_D = """
patch_embedding 1536 16 1x2x2
vace_patch_embedding 1536 96 1x2x2
condition_embedder.time_embedder.linear_1 1536 256
condition_embedder.time_embedder.linear_2 1536 1536
condition_embedder.time_proj 9216 1536
condition_embedder.text_embedder.linear_1 1536 4096
condition_embedder.text_embedder.linear_2 1536 1536
blocks.{0-29}.attn1.to_q 1536 1536
blocks.{0-29}.attn1.to_k 1536 1536
blocks.{0-29}.attn1.to_v 1536 1536
blocks.{0-29}.attn1.to_out.0 1536 1536
blocks.{0-29}.attn1.norm_q 1536
blocks.{0-29}.attn1.norm_k 1536
blocks.{0-29}.attn2.to_q 1536 1536
blocks.{0-29}.attn2.to_k 1536 1536
blocks.{0-29}.attn2.to_v 1536 1536
blocks.{0-29}.attn2.to_out.0 1536 1536
blocks.{0-29}.attn2.norm_q 1536
blocks.{0-29}.attn2.norm_k 1536
blocks.{0-29}.norm2 1536
blocks.{0-29}.ffn.net.0.proj 8960 1536
blocks.{0-29}.ffn.net.2 1536 8960
vace_blocks.0.proj_in 1536 1536
vace_blocks.{0-14}.attn1.to_q 1536 1536
vace_blocks.{0-14}.attn1.to_k 1536 1536
vace_blocks.{0-14}.attn1.to_v 1536 1536
vace_blocks.{0-14}.attn1.to_out.0 1536 1536
vace_blocks.{0-14}.attn1.norm_q 1536
vace_blocks.{0-14}.attn1.norm_k 1536
vace_blocks.{0-14}.attn2.to_q 1536 1536
vace_blocks.{0-14}.attn2.to_k 1536 1536
vace_blocks.{0-14}.attn2.to_v 1536 1536
vace_blocks.{0-14}.attn2.to_out.0 1536 1536
vace_blocks.{0-14}.attn2.norm_q 1536
vace_blocks.{0-14}.attn2.norm_k 1536
vace_blocks.{0-14}.norm2 1536
vace_blocks.{0-14}.ffn.net.0.proj 8960 1536
vace_blocks.{0-14}.ffn.net.2 1536 8960
vace_blocks.{0-14}.proj_out 1536 1536
proj_out 64 1536
"""

FAMILY = Family(
    title="Wan",
    sources=(
        "Wan-Video/Wan2.1 wan/modules/model.py",
        "Wan-Video/Wan2.2 wan/modules",
        "kohya-ss/musubi-tuner src/musubi_tuner/wan",
        "huggingface/diffusers WanTransformer3DModel, WanVACETransformer3DModel, WanAnimateTransformer3DModel, "
        "SkyReelsV2Transformer3DModel, ChronoEditTransformer3DModel, HeliosTransformer3DModel, "
        "AnyFlowTransformer3DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py (facts)",
    ),
    signatures=(
        Signature(("wan",), NATIVE, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("wan-2.1",), NATIVE, shapes=NATIVE_1536, because=SMALL),
        Signature(("wan-2.2",), NATIVE, shapes=NATIVE_3072, because=FIVE),
        Signature(BOTH, NATIVE, shapes=NATIVE_5120, because=FOURTEEN),
        Signature(("wan-2.1",), NATIVE_IMAGE, shapes=NATIVE_5120, because=IMAGE),
        Signature(
            ("wan-2.2",),
            NATIVE,
            ("img_emb.proj.0.weight",),
            {**NATIVE_5120, **NATIVE_36},
            because=INPUT_36,
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("wan-2.2",),
            (*NATIVE_IMAGE, "face_adapter.fuser_blocks.0.k_norm.weight"),
            shapes=NATIVE_5120,
            because=ANIMATE,
        ),
        Signature(
            ("wan-2.2",),
            (*NATIVE, "casual_audio_encoder.encoder.final_linear.weight|audio_injector.injector.0.q.weight"),
            shapes=NATIVE_5120,
            because=SPEECH,
        ),
        Signature(
            BOTH,
            (*NATIVE_IMAGE, "blocks.0.self_attn.to_q.weight"),
            shapes=NATIVE_5120,
            because=HALF,
            variant="animate",
        ),
        Signature(("wan",), DIFFUSERS, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("wan-2.1",), DIFFUSERS, shapes=DIFFUSERS_1536, because=SMALL),
        Signature(("wan-2.2",), DIFFUSERS, shapes=DIFFUSERS_3072, because=FIVE),
        Signature(BOTH, DIFFUSERS, shapes=DIFFUSERS_5120, because=FOURTEEN),
        Signature(("wan-2.1",), DIFFUSERS_IMAGE, shapes=DIFFUSERS_5120, because=IMAGE),
        Signature(
            ("wan-2.2",),
            DIFFUSERS,
            ("condition_embedder.image_embedder.norm1.weight",),
            {**DIFFUSERS_5120, **NATIVE_36},
            because=INPUT_36,
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("wan-2.2",),
            (*DIFFUSERS_IMAGE, "face_adapter.0.to_q.weight", "pose_patch_embedding.weight"),
            shapes=DIFFUSERS_5120,
            because=ANIMATE,
        ),
        Signature(("wan-2.1",), (*DIFFUSERS, "patch_short.weight", "patch_long.weight"), because=ROWS),
        Signature(
            ("wan-2.1",),
            (*DIFFUSERS, "patch_short.weight", "patch_long.weight"),
            shapes=DIFFUSERS_5120,
            because=ROWS,
        ),
    ),
    variants=(
        Variant("helios", ROWS, has=("patch_short.weight", "patch_long.weight")),
        Variant("animate", ANIMATE, has=("pose_patch_embedding.weight",)),
        Variant(
            "s2v",
            N_("it listens to speech"),
            has=("casual_audio_encoder.encoder.final_linear.weight|audio_injector.injector.0.q.weight",),
        ),
        Variant(
            "humo",
            N_("it listens to speech, as HuMo does"),
            has=("audio_proj.audio_proj_glob_1.layer.weight|audio_proj.audio_proj_glob_1.layer.bias",),
        ),
        Variant("vace", N_("it has blocks beside for masks and references, as VACE has"), has=("vace_blocks.0.*",)),
        Variant(
            "flf",
            N_("it has places for two pictures, the first and the last frame"),
            has=("img_emb.emb_pos|condition_embedder.image_embedder.pos_embed",),
        ),
        Variant("camera", N_("it follows the path of a camera"), has=("control_adapter.conv.weight",)),
        Variant("scail", N_("it follows a pose, as SCAIL does"), has=("patch_embedding_pose.weight",)),
        Variant(
            "anyflow",
            N_("it knows how long its steps are, as AnyFlow does"),
            has=("condition_embedder.delta_embedder.linear_1.weight",),
        ),
        Variant(
            "control",
            N_("it takes a control video beside, as Wan Fun Control does"),
            shapes={"patch_embedding.weight": ((1536, 5120), (48, 52), None, None, None)},
        ),
        Variant("control", N_("it takes a reference picture, as Wan Fun Control does"), has=("ref_conv.weight",)),
        Variant(
            "i2v",
            N_("it takes a picture to begin with"),
            has=("img_emb.proj.0.weight|condition_embedder.image_embedder.norm1.weight",),
        ),
        Variant(
            "i2v",
            N_("it takes 36 channels: the video and a picture to begin with"),
            shapes={"patch_embedding.weight": (None, 36, None, None, None)},
        ),
        Variant(
            "ti2v",
            N_("it is the 5B model, which takes text alone or a picture too"),
            shapes={"blocks.0.self_attn.norm_q.weight|blocks.0.attn1.norm_q.weight": (3072,)},
        ),
        Variant(
            "t2v",
            N_("it takes 16 channels: a video out of text alone"),
            shapes={"patch_embedding.weight": (None, 16, None, None, None)},
        ),
    ),
    graphs=(
        Graph("wan-2.1", "diffusers", WAN_VACE_1B_D, dotted=True),
        Graph("wan-2.1", "diffusers", WAN_VACE_14B_D, dotted=True),
        Graph("wan-2.2", "diffusers", WAN_VACE_14B_D, dotted=True),
        Graph("wan-2.1", "native", WAN_VACE_1B),
        Graph("wan-2.1", "native", WAN_1B),
        Graph("wan-2.1", "native", WAN_14B),
        Graph("wan-2.1", "native", WAN_14B_I2V),
        Graph("wan-2.2", "native", WAN_14B),
        Graph("wan-2.2", "native", WAN_5B),
        Graph("wan-2.1", "diffusers", WAN_1B_D, dotted=True),
        Graph("wan-2.1", "diffusers", WAN_14B_D, dotted=True),
        Graph("wan-2.1", "diffusers", WAN_14B_I2V_D, dotted=True),
        Graph("wan-2.2", "diffusers", WAN_14B_D, dotted=True),
        Graph("wan-2.2", "diffusers", WAN_5B_D, dotted=True),
    ),
    classes={
        "WanTransformer3DModel": (Kind.DIFFUSION_MODEL, BOTH),
        "WanVACETransformer3DModel": (Kind.DIFFUSION_MODEL, BOTH),
        "WanAnimateTransformer3DModel": (Kind.DIFFUSION_MODEL, ("wan-2.2",)),
        "WanAnimate2Transformer3DModel": (Kind.DIFFUSION_MODEL, ("wan",)),
        "SkyReelsV2Transformer3DModel": (Kind.DIFFUSION_MODEL, ("wan",)),
        "ChronoEditTransformer3DModel": (Kind.DIFFUSION_MODEL, ("wan",)),
        "AnyFlowTransformer3DModel": (Kind.DIFFUSION_MODEL, ("wan",)),
        "AnyFlowFARTransformer3DModel": (Kind.DIFFUSION_MODEL, ("wan",)),
        "HeliosTransformer3DModel": (Kind.DIFFUSION_MODEL, ("wan-2.1",)),
    },
)
