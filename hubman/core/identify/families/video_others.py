"""Video models that nobody makes adapters for here: they must not be taken for something else."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Kind
from hubman.errors import N_

UNET_3D = (
    "down_blocks.0.temp_convs.0.conv1.0.weight",
    "transformer_in.proj_in.weight",
    "down_blocks.0.temp_attentions.0.proj_in.weight",
    "conv_in.weight",
)
ALLEGRO = (
    "adaln_single.emb.timestep_embedder.linear_1.weight",
    "pos_embed.proj.weight",
    "scale_shift_table",
    "transformer_blocks.0.attn1.to_q.weight",
    "transformer_blocks.31.attn1.to_q.weight",
)
LATTE = (
    "temporal_transformer_blocks.0.attn1.to_q.weight",
    "adaln_single.emb.timestep_embedder.linear_1.weight",
    "pos_embed.proj.weight",
)
SANA = (
    "transformer_blocks.0.ff.conv_temp.weight",
    "patch_embedding.weight",
    "transformer_blocks.0.ff.conv_inverted.weight",
    "caption_norm.weight",
)
SEEDVR2 = ("vid_in.proj.weight", "txt_in.weight", "vid_out.proj.weight")

AS = N_("it has {key}, as {title} has")
OVER_TIME = N_("a U-Net with convolutions and attention over time, as {title} has")

ALLEGRO_MODULES = """
pos_embed.proj 2304 4 2x2
transformer_blocks.{0-31}.attn1.to_q 2304 2304
transformer_blocks.{0-31}.attn1.to_k 2304 2304
transformer_blocks.{0-31}.attn1.to_v 2304 2304
transformer_blocks.{0-31}.attn1.to_out.0 2304 2304
transformer_blocks.{0-31}.attn2.to_q 2304 2304
transformer_blocks.{0-31}.attn2.to_k 2304 2304
transformer_blocks.{0-31}.attn2.to_v 2304 2304
transformer_blocks.{0-31}.attn2.to_out.0 2304 2304
transformer_blocks.{0-31}.ff.net.0.proj 9216 2304
transformer_blocks.{0-31}.ff.net.2 2304 9216
proj_out 16 2304
adaln_single.emb.timestep_embedder.linear_1 2304 256
adaln_single.emb.timestep_embedder.linear_2 2304 2304
adaln_single.linear 13824 2304
caption_projection.linear_1 2304 4096
caption_projection.linear_2 2304 2304
"""

LATTE_MODULES = """
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
temporal_transformer_blocks.{0-27}.attn1.to_q 1152 1152
temporal_transformer_blocks.{0-27}.attn1.to_k 1152 1152
temporal_transformer_blocks.{0-27}.attn1.to_v 1152 1152
temporal_transformer_blocks.{0-27}.attn1.to_out.0 1152 1152
temporal_transformer_blocks.{0-27}.ff.net.0.proj 4608 1152
temporal_transformer_blocks.{0-27}.ff.net.2 1152 4608
proj_out 32 1152
adaln_single.emb.timestep_embedder.linear_1 1152 256
adaln_single.emb.timestep_embedder.linear_2 1152 1152
adaln_single.linear 6912 1152
caption_projection.linear_1 1152 4096
caption_projection.linear_2 1152 1152
"""

EASYANIMATE_MODULES = """
time_embedding.linear_1 512 3072
time_embedding.linear_2 512 512
proj 3072 16 2x2
text_proj.0 3584
text_proj.1 3072 3584
transformer_blocks.{0-47}.norm1.linear 18432 512
transformer_blocks.{0-47}.norm1.norm 3072
transformer_blocks.{0-47}.attn1.norm_q 64
transformer_blocks.{0-47}.attn1.norm_k 64
transformer_blocks.{0-47}.attn1.to_q 3072 3072
transformer_blocks.{0-47}.attn1.to_k 3072 3072
transformer_blocks.{0-47}.attn1.to_v 3072 3072
transformer_blocks.{0-47}.attn1.add_k_proj 3072 3072
transformer_blocks.{0-47}.attn1.add_v_proj 3072 3072
transformer_blocks.{0-47}.attn1.add_q_proj 3072 3072
transformer_blocks.{0-47}.attn1.to_out.0 3072 3072
transformer_blocks.{0-47}.attn1.to_add_out 3072 3072
transformer_blocks.{0-47}.attn1.norm_added_q 64
transformer_blocks.{0-47}.attn1.norm_added_k 64
transformer_blocks.{0-47}.norm2.linear 18432 512
transformer_blocks.{0-47}.norm2.norm 3072
transformer_blocks.{0-47}.ff.net.0.proj 12288 3072
transformer_blocks.{0-47}.ff.net.2 3072 12288
transformer_blocks.{0-47}.txt_ff.net.0.proj 12288 3072
transformer_blocks.{0-47}.txt_ff.net.2 3072 12288
norm_final 3072
norm_out.linear 6144 512
norm_out.norm 3072
proj_out 64 3072
"""

MOTIF_MODULES = """
x_embedder.proj 3072 33 1x2x2
context_embedder.linear_1 3072 4096
context_embedder.linear_2 3072 3072
time_text_embed.timestep_embedder.linear_1 3072 256
time_text_embed.timestep_embedder.linear_2 3072 3072
transformer_blocks.{0-19}.norm1.linear 18432 3072
transformer_blocks.{0-19}.norm1_context.linear 18432 3072
transformer_blocks.{0-19}.attn.to_q 3072 3072
transformer_blocks.{0-19}.attn.to_k 3072 3072
transformer_blocks.{0-19}.attn.to_v 3072 3072
transformer_blocks.{0-19}.attn.norm_q 128
transformer_blocks.{0-19}.attn.norm_k 128
transformer_blocks.{0-19}.attn.to_out.0 3072 3072
transformer_blocks.{0-19}.attn.norm_added_q 128
transformer_blocks.{0-19}.attn.norm_added_k 128
transformer_blocks.{0-19}.attn.add_q_proj 3072 3072
transformer_blocks.{0-19}.attn.add_k_proj 3072 3072
transformer_blocks.{0-19}.attn.add_v_proj 3072 3072
transformer_blocks.{0-19}.attn.to_add_out 3072 3072
transformer_blocks.{0-19}.ff.net.0.proj 12288 3072
transformer_blocks.{0-19}.ff.net.2 3072 12288
transformer_blocks.{0-19}.ff_context.net.0.proj 12288 3072
transformer_blocks.{0-19}.ff_context.net.2 3072 12288
single_transformer_blocks.{0-39}.attn.to_q 3072 3072
single_transformer_blocks.{0-39}.attn.to_k 3072 3072
single_transformer_blocks.{0-39}.attn.to_v 3072 3072
single_transformer_blocks.{0-39}.attn.norm_q 128
single_transformer_blocks.{0-39}.attn.norm_k 128
single_transformer_blocks.{0-39}.norm.linear 9216 3072
single_transformer_blocks.{0-39}.proj_mlp 12288 3072
single_transformer_blocks.{0-39}.proj_out 3072 15360
norm_out.linear 6144 3072
proj_out 64 3072
"""

FAMILY = Family(
    title="video",
    sources=(
        "huggingface/diffusers AllegroTransformer3DModel, LatteTransformer3DModel, EasyAnimateTransformer3DModel, "
        "SanaVideoTransformer3DModel, MotifVideoTransformer3DModel, MiniMaxH3Transformer3DModel, "
        "Kandinsky6Transformer3DModel, UNet3DConditionModel, I2VGenXLUNet (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py (facts)",
    ),
    signatures=(
        Signature(("allegro",), ALLEGRO, shapes={"scale_shift_table": (2, 2304)}, because=AS, title="Allegro"),
        Signature(("latte",), LATTE, because=AS, title="Latte"),
        Signature(
            ("easyanimate",),
            (
                "transformer_blocks.0.txt_ff.net.0.proj.weight",
                "text_proj.#.weight",
                "transformer_blocks.0.attn1.norm_added_q.weight",
                "norm_final.weight",
            ),
            because=AS,
            title="EasyAnimate",
        ),
        Signature(("sana",), SANA, because=AS, variant="video", title="Sana Video"),
        Signature(
            ("sana",),
            (
                "plucker_embedder.proj.weight",
                "attention_y_norm.weight",
                "blocks.0.cross_attn.q_linear.weight",
                "blocks.0.mlp.t_conv.weight",
            ),
            because=AS,
            variant="world-model",
            title="Sana WM",
        ),
        Signature(
            ("motif-video",),
            (
                "context_embedder.linear_1.weight",
                "x_embedder.proj.weight",
                "single_transformer_blocks.0.proj_mlp.weight",
                "transformer_blocks.0.norm1_context.linear.weight",
            ),
            lacks=("context_embedder.token_refiner.refiner_blocks.0.norm1.weight",),
            because=AS,
            title="Motif Video",
        ),
        Signature(
            ("minimax-h3",),
            (
                "audio_proj_in.weight",
                "token_refiner.refiner_blocks.0.norm1.weight",
                "transformer_blocks.0.adaln_proj.linear.weight",
            ),
            because=AS,
            title="MiniMax H3",
        ),
        Signature(
            ("minimax-h3",),
            ("video_patch_proj.weight", "audio_patch_proj.weight", "condition_proj.weight"),
            because=AS,
            title="MiniMax H3",
        ),
        Signature(
            ("kandinsky6",),
            (
                "audio_embeddings.in_layer.weight",
                "visual_embeddings.in_layer.weight",
                "visual_transformer_blocks.0.video_dec_block.visual_modulation.out_layer.weight",
            ),
            because=AS,
            title="Kandinsky 6",
        ),
        Signature(
            ("kandinsky6",),
            (
                "pooled_bias",
                "visual_embeddings.in_layer.weight",
                "visual_transformer_blocks.0.visual_modulation.out_layer.weight",
            ),
            because=AS,
            variant="super-resolution",
            title="Kandinsky 6",
        ),
        Signature(
            ("seedvr2",),
            (
                *SEEDVR2,
                "blocks.31.mlp.all.proj_in_gate.weight|blocks.35.mlp.all.proj_in_gate.weight|blocks.35.mlp.vid.proj_out.weight",
            ),
            because=AS,
            title="SeedVR2",
        ),
        Signature(("text-to-video-ms",), UNET_3D, because=OVER_TIME, title="ModelScope text-to-video"),
        Signature(
            ("i2vgen-xl",),
            (*UNET_3D, "image_latents_proj_in.0.weight", "fps_embedding.0.weight"),
            because=OVER_TIME,
            title="I2VGen-XL",
        ),
    ),
    variants=(
        Variant(
            "inpaint",
            N_("it takes 33 channels: the video, a masked video and the mask"),
            has=("transformer_blocks.0.txt_ff.net.0.proj.weight",),
            shapes={"proj.weight": (3072, 33, 2, 2)},
        ),
        Variant(
            "control",
            N_("it takes 32 channels: the video and a control video"),
            has=("transformer_blocks.0.txt_ff.net.0.proj.weight",),
            shapes={"proj.weight": (3072, 32, 2, 2)},
        ),
    ),
    graphs=(
        Graph("motif-video", "diffusers", MOTIF_MODULES, rare=True),
        Graph("easyanimate", "diffusers", EASYANIMATE_MODULES, rare=True),
        Graph("latte", "diffusers", LATTE_MODULES, rare=True),
        Graph("allegro", "diffusers", ALLEGRO_MODULES, rare=True),
    ),
    classes={
        "AllegroTransformer3DModel": (Kind.DIFFUSION_MODEL, ("allegro",)),
        "LatteTransformer3DModel": (Kind.DIFFUSION_MODEL, ("latte",)),
        "EasyAnimateTransformer3DModel": (Kind.DIFFUSION_MODEL, ("easyanimate",)),
        "SanaVideoTransformer3DModel": (Kind.DIFFUSION_MODEL, ("sana",)),
        "SanaWMTransformer3DModel": (Kind.DIFFUSION_MODEL, ("sana",)),
        "MotifVideoTransformer3DModel": (Kind.DIFFUSION_MODEL, ("motif-video",)),
        "MiniMaxH3Transformer3DModel": (Kind.DIFFUSION_MODEL, ("minimax-h3",)),
        "Kandinsky6Transformer3DModel": (Kind.DIFFUSION_MODEL, ("kandinsky6",)),
        "Kandinsky6SRTransformer3DModel": (Kind.DIFFUSION_MODEL, ("kandinsky6",)),
        "UNet3DConditionModel": (Kind.DIFFUSION_MODEL, ("text-to-video-ms",)),
        "I2VGenXLUNet": (Kind.DIFFUSION_MODEL, ("i2vgen-xl",)),
    },
)
