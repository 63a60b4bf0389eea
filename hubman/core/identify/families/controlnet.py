"""ControlNets: networks beside the model that steer it by a picture (edges, depth, pose). The architecture is its base.

What kind of picture a ControlNet wants is in no tensor, except where it says so (union, inpaint). Files of the first
ControlNets hold a whole checkpoint beside; they are ControlNets all the same. GLIGEN, which steers by boxes, has no
kind of its own and is here.
"""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

FIRST = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
SECOND = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"
LDM_FIRST = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
LITE = "lllite_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.down.0.weight"
LITE_XL = (
    "lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.down.0.weight"
    "|lllite_unet_input_blocks_7_1_transformer_blocks_0_attn1_to_q.down.0.weight"
    "|lllite_unet_middle_block_1_transformer_blocks_0_attn1_to_q.down.0.weight"
)

SD1 = N_("it has {key}, as a ControlNet has, and reads text of width 768, as SD 1 does")
SD2 = N_("it has {key}, as a ControlNet has, and reads text of width 1024, as SD 2 does")
SDXL = N_("it has {key}, as a ControlNet has, and takes size and pooled text in 2816 numbers, as SDXL does")
OTHER = N_("it has {key}, as a ControlNet has, but fits no model that hubman knows")
DIT = N_("it has {key}, as a ControlNet for {title} has")

FAMILY = Family(
    title="ControlNet",
    sources=(
        "Comfy-Org/ComfyUI comfy/controlnet.py, comfy_extras/nodes_model_patch.py",
        "huggingface/diffusers models/controlnets (generated on meta tensors)",
        "lllyasviel/ControlNet cldm/cldm.py",
        "kohya-ss/sd-scripts networks/control_net_lllite.py",
        "TencentARC/BrushNet, dvlab-research/ControlNeXt, gligen/GLIGEN (not measured)",
    ),
    signatures=(
        # --- a difference to a model, or a LoRA of it ---
        Signature(
            ("sd1",),
            has=("control_model.zero_convs.0.0.weight", "difference"),
            shapes={"control_model." + LDM_FIRST: (None, 768)},
            kind=Kind.CONTROLNET,
            variant="difference",
            because=SD1,
        ),
        Signature(
            ("sd2",),
            has=("control_model.zero_convs.0.0.weight", "difference"),
            shapes={"control_model." + LDM_FIRST: (None, 1024)},
            kind=Kind.CONTROLNET,
            variant="difference",
            because=SD2,
        ),
        Signature(
            (),
            has=("lora_controlnet",),
            kind=Kind.CONTROLNET,
            variant="control-lora",
            sure=Confidence.LIKELY,
            because=OTHER,
        ),
        Signature(
            ("sdxl",),
            has=("lora_controlnet",),
            shapes={"input_blocks.4.1.transformer_blocks.0.attn2.to_k.down": (None, 2048)},
            kind=Kind.CONTROLNET,
            variant="control-lora",
            because=N_("it has {key}, as a ControlLoRA has, and reads text of width 2048, as SDXL does"),
        ),
        Signature(
            ("sd1",),
            has=("lora_controlnet",),
            shapes={"input_blocks.1.1.transformer_blocks.0.attn2.to_k.down": (None, 768)},
            kind=Kind.CONTROLNET,
            variant="control-lora",
            because=SD1,
        ),
        Signature(
            ("sd2",),
            has=("lora_controlnet",),
            shapes={"input_blocks.1.1.transformer_blocks.0.attn2.to_k.down": (None, 1024)},
            kind=Kind.CONTROLNET,
            variant="control-lora",
            because=SD2,
        ),
        # --- U-Nets in the original naming ---
        Signature(
            (),
            has=("zero_convs.0.0.weight", "input_hint_block.0.weight"),
            lacks=("lora_controlnet",),
            kind=Kind.CONTROLNET,
            sure=Confidence.LIKELY,
            because=OTHER,
            prefixes=("control_model.",),
        ),
        Signature(
            ("sd1",),
            has=("zero_convs.0.0.weight", "input_hint_block.0.weight"),
            lacks=("lora_controlnet",),
            shapes={LDM_FIRST: (None, 768)},
            kind=Kind.CONTROLNET,
            because=SD1,
            prefixes=("control_model.",),
        ),
        Signature(
            ("sd2",),
            has=("zero_convs.0.0.weight", "input_hint_block.0.weight"),
            lacks=("lora_controlnet",),
            shapes={LDM_FIRST: (None, 1024)},
            kind=Kind.CONTROLNET,
            because=SD2,
            prefixes=("control_model.",),
        ),
        Signature(
            ("sdxl",),
            has=("zero_convs.0.0.weight", "input_hint_block.0.weight"),
            lacks=("lora_controlnet",),
            shapes={"label_emb.0.0.weight": (None, 2816)},
            kind=Kind.CONTROLNET,
            because=SDXL,
            prefixes=("control_model.",),
        ),
        # --- U-Nets in the naming of diffusers ---
        Signature(
            (),
            has=("controlnet_down_blocks.0.weight", "conv_in.weight"),
            kind=Kind.CONTROLNET,
            sure=Confidence.LIKELY,
            because=OTHER,
        ),
        Signature(
            ("sd1",),
            has=("controlnet_down_blocks.0.weight", "conv_in.weight"),
            shapes={FIRST: (None, 768)},
            kind=Kind.CONTROLNET,
            because=SD1,
        ),
        Signature(
            ("sd2",),
            has=("controlnet_down_blocks.0.weight", "conv_in.weight"),
            shapes={FIRST: (None, 1024)},
            kind=Kind.CONTROLNET,
            because=SD2,
        ),
        Signature(
            ("svd",),
            has=(
                "controlnet_down_blocks.0.weight",
                "conv_in.weight",
                "down_blocks.0.attentions.0.temporal_transformer_blocks.0.norm1.weight",
            ),
            shapes={FIRST: (None, 1024)},
            kind=Kind.CONTROLNET,
            sure=Confidence.LIKELY,
            because=DIT,
            title="Stable Video Diffusion",
        ),
        Signature(
            ("sdxl",),
            has=("controlnet_down_blocks.0.weight", "conv_in.weight"),
            shapes={"add_embedding.linear_1.weight": (None, 2816)},
            kind=Kind.CONTROLNET,
            because=SDXL,
        ),
        Signature(
            ("kolors",),
            has=("controlnet_down_blocks.0.weight", "conv_in.weight"),
            shapes={"add_embedding.linear_1.weight": (None, 5632)},
            kind=Kind.CONTROLNET,
            because=N_("it has {key}, as a ControlNet has, and takes 5632 numbers of size and text, as Kolors does"),
        ),
        # --- smaller relatives ---
        Signature(
            (),
            has=("control_to_base_for_conv_in.weight", "controlnet_cond_embedding.conv_in.weight"),
            lacks=("base_conv_in.weight",),
            kind=Kind.CONTROLNET,
            variant="xs",
            sure=Confidence.LIKELY,
            because=OTHER,
        ),
        Signature(
            ("sd2",),
            has=("control_to_base_for_conv_in.weight", "controlnet_cond_embedding.conv_in.weight"),
            lacks=("base_conv_in.weight",),
            shapes={FIRST: (None, 1024)},
            kind=Kind.CONTROLNET,
            variant="xs",
            because=SD2,
        ),
        Signature(
            ("sd1",),
            has=("control_to_base_for_conv_in.weight", "controlnet_cond_embedding.conv_in.weight"),
            lacks=("base_conv_in.weight",),
            shapes={FIRST: (None, 768)},
            kind=Kind.CONTROLNET,
            variant="xs",
            because=SD1,
        ),
        Signature(
            ("sdxl",),
            has=("control_to_base_for_conv_in.weight", "controlnet_cond_embedding.conv_in.weight"),
            lacks=("base_conv_in.weight",),
            shapes={SECOND: (None, 2048)},
            kind=Kind.CONTROLNET,
            variant="xs",
            because=N_("it has {key}, as ControlNet-XS has, and reads text of width 2048, as SDXL does"),
        ),
        Signature(
            ("sd1",),
            has=(LITE,),
            kind=Kind.CONTROLNET,
            variant="lllite",
            because=N_("its tensors are named lllite_, as those of a ControlNet-LLLite for SD 1 are"),
        ),
        Signature(
            ("sdxl",),
            has=(LITE_XL,),
            lacks=(LITE,),
            kind=Kind.CONTROLNET,
            variant="lllite",
            because=N_("its tensors are named lllite_, as those of a ControlNet-LLLite for SDXL are"),
        ),
        Signature(
            ("anima",),
            has=("lllite_dit_blocks_0_self_attn_q_proj.down.weight|lllite_modules.0.down.weight",),
            kind=Kind.CONTROLNET,
            variant="lllite",
            sure=Confidence.LIKELY,
            because=N_("its tensors are named lllite_, as those of a ControlNet-LLLite for Anima are"),
        ),
        Signature(
            ("sdxl",),
            has=("brushnet_down_blocks.0.weight",),
            lacks=("brushnet_down_blocks.11.weight",),
            kind=Kind.CONTROLNET,
            variant="brushnet",
            sure=Confidence.LIKELY,
            title="BrushNet",
        ),
        Signature(
            ("sd1",),
            has=("brushnet_down_blocks.0.weight", "brushnet_down_blocks.11.weight"),
            kind=Kind.CONTROLNET,
            variant="brushnet",
            sure=Confidence.LIKELY,
            title="BrushNet",
        ),
        Signature(
            ("sd1", "sdxl", "svd"),
            has=("mid_convs.0.0.weight", "down_res.0.conv1.weight", "embedding.0.weight"),
            kind=Kind.CONTROLNET,
            variant="controlnext",
            sure=Confidence.LIKELY,
            title="ControlNeXt",
        ),
        Signature(
            ("sd1",),
            has=("position_net.null_positive_feature", "position_net.linears.0.weight"),
            lacks=("input_blocks.0.0.weight",),
            kind=Kind.CONTROLNET,
            variant="gligen",
            sure=Confidence.LIKELY,
            title="GLIGEN",
        ),
        Signature(
            ("stable-cascade",),
            has=("backbone.0.0.weight|backbone.10.blocks.0.weight", "projections.0.0.weight"),
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Stable Cascade",
        ),
        # --- transformers ---
        Signature(
            (),
            has=("controlnet_blocks.0.weight",),
            kind=Kind.CONTROLNET,
            sure=Confidence.LIKELY,
            because=OTHER,
        ),
        Signature(
            ("flux1",),
            has=(
                "controlnet_blocks.0.weight",
                "controlnet_x_embedder.weight",
                "time_text_embed.text_embedder.linear_1.weight",
            ),
            shapes={"context_embedder.weight": (None, 4096)},
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Flux.1",
        ),
        Signature(
            ("flux1",),
            has=(
                "controlnet_blocks.0.weight",
                "double_blocks.0.img_attn.qkv.weight",
                "vector_in.in_layer.weight",
                "input_hint_block.0.weight",
            ),
            kind=Kind.CONTROLNET,
            variant="xlabs",
            because=DIT,
            title="Flux.1",
        ),
        Signature(
            ("flux1",),
            has=("controlnet_blocks.0.linear.weight",),
            kind=Kind.CONTROLNET,
            variant="mistoline",
            sure=Confidence.LIKELY,
            because=DIT,
            title="Flux.1",
        ),
        Signature(
            ("flux2-dev",),
            has=("control_img_in.weight", "control_transformer_blocks.0.before_proj.weight"),
            shapes={"control_img_in.weight": (6144, None)},
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Flux.2",
        ),
        Signature(
            ("flux2-dev", "flux2-klein-9b", "flux2-klein-4b"),
            has=("control_img_in.weight", "control_transformer_blocks.0.before_proj.weight"),
            kind=Kind.CONTROLNET,
            sure=Confidence.LIKELY,
            because=DIT,
            title="Flux.2",
        ),
        Signature(
            ("sd3",),
            has=("controlnet_blocks.0.weight", "pos_embed_input.proj.weight"),
            kind=Kind.CONTROLNET,
            sure=Confidence.LIKELY,
            because=DIT,
            title="Stable Diffusion 3",
        ),
        Signature(
            ("sd3-medium",),
            has=("controlnet_blocks.0.weight", "pos_embed_input.proj.weight"),
            lacks=("transformer_blocks.0.attn.norm_q.weight",),
            shapes={"pos_embed_input.proj.weight": (1536, None, 2, 2)},
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Stable Diffusion 3 medium",
        ),
        Signature(
            ("sd3.5-medium",),
            has=(
                "controlnet_blocks.0.weight",
                "pos_embed_input.proj.weight",
                "transformer_blocks.0.attn.norm_q.weight",
            ),
            shapes={"pos_embed_input.proj.weight": (1536, None, 2, 2)},
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Stable Diffusion 3.5 medium",
        ),
        Signature(
            ("sd3.5-large",),
            has=("controlnet_blocks.0.weight", "pos_embed_input.proj.weight"),
            shapes={"pos_embed_input.proj.weight": (2432, None, 2, 2)},
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Stable Diffusion 3.5 large",
        ),
        Signature(
            ("qwen-image",),
            has=(
                "controlnet_blocks.0.weight",
                "controlnet_x_embedder.weight",
                "transformer_blocks.0.img_mod.1.weight",
            ),
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Qwen-Image",
        ),
        Signature(
            ("qwen-image",),
            has=("controlnet_blocks.0.y_rms.weight", "img_in.weight"),
            kind=Kind.CONTROLNET,
            variant="blockwise",
            because=DIT,
            title="Qwen-Image",
        ),
        Signature(
            ("qwen-image",),
            has=("control_img_in.weight", "control_blocks.0.after_proj.weight"),
            kind=Kind.CONTROLNET,
            variant="union",
            because=DIT,
            title="Qwen-Image",
        ),
        Signature(
            ("qwen-image-2.1",),
            has=(
                "control_img_in.weight",
                "control_blocks.0.after_proj.weight",
                "control_blocks.0.img_mlp.out.weight",
            ),
            kind=Kind.CONTROLNET,
            variant="union",
            sure=Confidence.LIKELY,
            because=DIT,
            title="Qwen-Image 2.1",
        ),
        Signature(
            ("hunyuan-dit",),
            has=("controlnet_blocks.0.weight", "text_embedding_padding", "pos_embed.proj.weight"),
            kind=Kind.CONTROLNET,
            because=DIT,
            title="HunyuanDiT",
        ),
        Signature(
            ("hunyuan-dit",),
            has=("after_proj_list.18.bias|after_proj_list.0.weight",),
            kind=Kind.CONTROLNET,
            because=DIT,
            title="HunyuanDiT",
        ),
        Signature(
            ("sana",),
            has=("controlnet_blocks.0.weight", "input_block.weight", "transformer_blocks.0.scale_shift_table"),
            shapes={"caption_projection.linear_1.weight": (None, 2304)},
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Sana",
        ),
        Signature(
            ("z-image",),
            has=("control_layers.0.after_proj.weight", "control_all_x_embedder.2-1.weight"),
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Z-Image",
        ),
        Signature(
            ("cosmos-predict2.5",),
            has=("control_blocks.0.after_proj.weight", "patch_embed_base.proj.weight"),
            kind=Kind.CONTROLNET,
            because=DIT,
            title="Cosmos Predict 2.5",
        ),
        Signature(
            ("pixart-alpha",),
            has=("controlnet.0.after_proj.weight",),
            kind=Kind.CONTROLNET,
            sure=Confidence.LIKELY,
            because=DIT,
            title="PixArt",
        ),
    ),
    variants=(
        Variant(
            "union",
            N_("it has a table of tasks, so one file serves several kinds of pictures"),
            has=("task_embedding|controlnet_mode_embedder.weight",),
        ),
        Variant(
            "sparsectrl",
            N_("it has motion modules, as SparseCtrl for AnimateDiff has"),
            has=(
                "down_blocks.0.motion_modules.0.proj_in.weight"
                "|down_blocks.0.motion_modules.0.temporal_transformer.proj_in.weight",
            ),
        ),
        Variant(
            "inpaint",
            N_("it takes one channel more than a picture has: the mask"),
            shapes={"pos_embed_input.proj.weight": (None, 17, 2, 2)},
        ),
        Variant(
            "inpaint",
            N_("it takes the mask with the picture"),
            shapes={"controlnet_x_embedder.weight": (None, (68, 132))},
        ),
        Variant(
            "mid",
            N_("it has attention in its last block only"),
            has=(
                "add_embedding.linear_1.weight",
                "down_blocks.2.attentions.0.transformer_blocks.0.norm1.weight",
            ),
            lacks=("down_blocks.1.attentions.0.norm.weight",),
        ),
        Variant(
            "small",
            N_("it has no attention"),
            has=("add_embedding.linear_1.weight",),
            lacks=("down_blocks.1.attentions.0.norm.weight", "down_blocks.2.attentions.0.norm.weight"),
        ),
    ),
    classes={
        "ControlNetModel": (Kind.CONTROLNET, ("sd1", "sdxl", "sd2")),
        "ControlNetUnionModel": (Kind.CONTROLNET, ("sdxl",)),
        "ControlNetXSAdapter": (Kind.CONTROLNET, ("sd2", "sdxl")),
        "SparseControlNetModel": (Kind.CONTROLNET, ("sd1",)),
        "FluxControlNetModel": (Kind.CONTROLNET, ("flux1",)),
        "SD3ControlNetModel": (Kind.CONTROLNET, ("sd3",)),
        "QwenImageControlNetModel": (Kind.CONTROLNET, ("qwen-image",)),
        "HunyuanDiT2DControlNetModel": (Kind.CONTROLNET, ("hunyuan-dit",)),
        "SanaControlNetModel": (Kind.CONTROLNET, ("sana",)),
        "CosmosControlNetModel": (Kind.CONTROLNET, ("cosmos-predict2.5",)),
        "ZImageControlNetModel": (Kind.CONTROLNET, ("z-image",)),
    },
)
