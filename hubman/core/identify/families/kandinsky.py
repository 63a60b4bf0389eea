"""Kandinsky 2, 3 and 5, and the priors of Kandinsky 2 and unCLIP, which turn text into a picture's CLIP embedding."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

KANDINSKY5_IMAGE = """
time_embeddings.in_layer 512 2560
time_embeddings.out_layer 512 512
text_embeddings.in_layer 2560 3584
text_embeddings.norm 2560
pooled_text_embeddings.in_layer 512 768
pooled_text_embeddings.norm 512
visual_embeddings.in_layer 2560 64
text_transformer_blocks.{0-1}.text_modulation.out_layer 15360 512
text_transformer_blocks.{0-1}.self_attention.to_query 2560 2560
text_transformer_blocks.{0-1}.self_attention.to_key 2560 2560
text_transformer_blocks.{0-1}.self_attention.to_value 2560 2560
text_transformer_blocks.{0-1}.self_attention.query_norm 128
text_transformer_blocks.{0-1}.self_attention.key_norm 128
text_transformer_blocks.{0-1}.self_attention.out_layer 2560 2560
text_transformer_blocks.{0-1}.feed_forward.in_layer 10240 2560
text_transformer_blocks.{0-1}.feed_forward.out_layer 2560 10240
visual_transformer_blocks.{0-49}.visual_modulation.out_layer 23040 512
visual_transformer_blocks.{0-49}.self_attention.to_query 2560 2560
visual_transformer_blocks.{0-49}.self_attention.to_key 2560 2560
visual_transformer_blocks.{0-49}.self_attention.to_value 2560 2560
visual_transformer_blocks.{0-49}.self_attention.query_norm 128
visual_transformer_blocks.{0-49}.self_attention.key_norm 128
visual_transformer_blocks.{0-49}.self_attention.out_layer 2560 2560
visual_transformer_blocks.{0-49}.cross_attention.to_query 2560 2560
visual_transformer_blocks.{0-49}.cross_attention.to_key 2560 2560
visual_transformer_blocks.{0-49}.cross_attention.to_value 2560 2560
visual_transformer_blocks.{0-49}.cross_attention.query_norm 128
visual_transformer_blocks.{0-49}.cross_attention.key_norm 128
visual_transformer_blocks.{0-49}.cross_attention.out_layer 2560 2560
visual_transformer_blocks.{0-49}.feed_forward.in_layer 10240 2560
visual_transformer_blocks.{0-49}.feed_forward.out_layer 2560 10240
out_layer.modulation.out_layer 5120 512
out_layer.out_layer 64 2560
"""

KANDINSKY5_LITE = """
time_embeddings.in_layer 512 1792
time_embeddings.out_layer 512 512
text_embeddings.in_layer 1792 3584
text_embeddings.norm 1792
pooled_text_embeddings.in_layer 512 768
pooled_text_embeddings.norm 512
visual_embeddings.in_layer 1792 132
text_transformer_blocks.{0-1}.text_modulation.out_layer 10752 512
text_transformer_blocks.{0-1}.self_attention.to_query 1792 1792
text_transformer_blocks.{0-1}.self_attention.to_key 1792 1792
text_transformer_blocks.{0-1}.self_attention.to_value 1792 1792
text_transformer_blocks.{0-1}.self_attention.query_norm 64
text_transformer_blocks.{0-1}.self_attention.key_norm 64
text_transformer_blocks.{0-1}.self_attention.out_layer 1792 1792
text_transformer_blocks.{0-1}.feed_forward.in_layer 7168 1792
text_transformer_blocks.{0-1}.feed_forward.out_layer 1792 7168
visual_transformer_blocks.{0-31}.visual_modulation.out_layer 16128 512
visual_transformer_blocks.{0-31}.self_attention.to_query 1792 1792
visual_transformer_blocks.{0-31}.self_attention.to_key 1792 1792
visual_transformer_blocks.{0-31}.self_attention.to_value 1792 1792
visual_transformer_blocks.{0-31}.self_attention.query_norm 64
visual_transformer_blocks.{0-31}.self_attention.key_norm 64
visual_transformer_blocks.{0-31}.self_attention.out_layer 1792 1792
visual_transformer_blocks.{0-31}.cross_attention.to_query 1792 1792
visual_transformer_blocks.{0-31}.cross_attention.to_key 1792 1792
visual_transformer_blocks.{0-31}.cross_attention.to_value 1792 1792
visual_transformer_blocks.{0-31}.cross_attention.query_norm 64
visual_transformer_blocks.{0-31}.cross_attention.key_norm 64
visual_transformer_blocks.{0-31}.cross_attention.out_layer 1792 1792
visual_transformer_blocks.{0-31}.feed_forward.in_layer 7168 1792
visual_transformer_blocks.{0-31}.feed_forward.out_layer 1792 7168
out_layer.modulation.out_layer 3584 512
out_layer.out_layer 64 1792
"""

KANDINSKY5_PRO = """
time_embeddings.in_layer 1024 4096
time_embeddings.out_layer 1024 1024
text_embeddings.in_layer 4096 3584
text_embeddings.norm 4096
pooled_text_embeddings.in_layer 1024 768
pooled_text_embeddings.norm 1024
visual_embeddings.in_layer 4096 132
text_transformer_blocks.{0-3}.text_modulation.out_layer 24576 1024
text_transformer_blocks.{0-3}.self_attention.to_query 4096 4096
text_transformer_blocks.{0-3}.self_attention.to_key 4096 4096
text_transformer_blocks.{0-3}.self_attention.to_value 4096 4096
text_transformer_blocks.{0-3}.self_attention.query_norm 128
text_transformer_blocks.{0-3}.self_attention.key_norm 128
text_transformer_blocks.{0-3}.self_attention.out_layer 4096 4096
text_transformer_blocks.{0-3}.feed_forward.in_layer 16384 4096
text_transformer_blocks.{0-3}.feed_forward.out_layer 4096 16384
visual_transformer_blocks.{0-59}.visual_modulation.out_layer 36864 1024
visual_transformer_blocks.{0-59}.self_attention.to_query 4096 4096
visual_transformer_blocks.{0-59}.self_attention.to_key 4096 4096
visual_transformer_blocks.{0-59}.self_attention.to_value 4096 4096
visual_transformer_blocks.{0-59}.self_attention.query_norm 128
visual_transformer_blocks.{0-59}.self_attention.key_norm 128
visual_transformer_blocks.{0-59}.self_attention.out_layer 4096 4096
visual_transformer_blocks.{0-59}.cross_attention.to_query 4096 4096
visual_transformer_blocks.{0-59}.cross_attention.to_key 4096 4096
visual_transformer_blocks.{0-59}.cross_attention.to_value 4096 4096
visual_transformer_blocks.{0-59}.cross_attention.query_norm 128
visual_transformer_blocks.{0-59}.cross_attention.key_norm 128
visual_transformer_blocks.{0-59}.cross_attention.out_layer 4096 4096
visual_transformer_blocks.{0-59}.feed_forward.in_layer 16384 4096
visual_transformer_blocks.{0-59}.feed_forward.out_layer 4096 16384
out_layer.modulation.out_layer 8192 1024
out_layer.out_layer 64 4096
"""

PRIOR = """
time_embedding.linear_1 2048 2048
time_embedding.linear_2 2048 2048
proj_in 2048 1280
embedding_proj 2048 1280
encoder_hidden_states_proj 2048 1280
transformer_blocks.{0-19}.norm1 2048
transformer_blocks.{0-19}.attn1.to_q 2048 2048
transformer_blocks.{0-19}.attn1.to_k 2048 2048
transformer_blocks.{0-19}.attn1.to_v 2048 2048
transformer_blocks.{0-19}.attn1.to_out.0 2048 2048
transformer_blocks.{0-19}.norm3 2048
transformer_blocks.{0-19}.ff.net.0.proj 8192 2048
transformer_blocks.{0-19}.ff.net.2 2048 8192
norm_out 2048
proj_to_clip_embeddings 1280 2048
"""

K5_NAMES = (
    "pooled_text_embeddings.in_layer.weight", "visual_transformer_blocks.0.cross_attention.key_norm.weight",
    "text_transformer_blocks.0.self_attention.to_query.weight", "visual_embeddings.in_layer.weight",
    "text_embeddings.norm.weight", "out_layer.out_layer.weight",
)  # fmt: skip
K2_NAMES = (
    "conv_in.weight", "add_embedding.image_proj.weight", "down_blocks.1.attentions.0.add_k_proj.weight",
)  # fmt: skip
PRIOR_NAMES = (
    "prd_embedding", "proj_to_clip_embeddings.weight", "clip_mean", "clip_std",
    "transformer_blocks.0.attn1.to_q.weight",
)  # fmt: skip

KANDINSKY22_UNET = """
conv_in 384 4 3x3
time_embedding.linear_1 1536 384
time_embedding.linear_2 1536 1536
encoder_hid_proj.image_embeds 24576 1280
encoder_hid_proj.norm 768
add_embedding.image_proj 1536 1280
add_embedding.image_norm 1536
down_blocks.0.resnets.{0-2}.norm1 384
down_blocks.1.resnets.0.norm1 384
down_blocks.0.resnets.{0-2}.conv1 384 384 3x3
down_blocks.0.resnets.{0-2}.time_emb_proj 768 1536
down_blocks.0.resnets.{0-2}.norm2 384
down_blocks.0.resnets.{0-2}.conv2 384 384 3x3
down_blocks.0.downsamplers.0.norm1 384
down_blocks.0.downsamplers.0.conv1 384 384 3x3
down_blocks.0.downsamplers.0.time_emb_proj 768 1536
down_blocks.0.downsamplers.0.norm2 384
down_blocks.0.downsamplers.0.conv2 384 384 3x3
down_blocks.1.attentions.{0-2}.group_norm 768
down_blocks.1.attentions.{0-2}.to_q 768 768
down_blocks.1.attentions.{0-2}.to_k 768 768
down_blocks.1.attentions.{0-2}.to_v 768 768
down_blocks.1.attentions.{0-2}.add_k_proj 768 768
down_blocks.1.attentions.{0-2}.add_v_proj 768 768
down_blocks.1.attentions.{0-2}.to_out.0 768 768
down_blocks.1.resnets.0.conv1 768 384 3x3
down_blocks.1.resnets.{0-2}.time_emb_proj 1536 1536
down_blocks.1.resnets.{0-2}.norm2 768
down_blocks.1.resnets.{0-2}.conv2 768 768 3x3
down_blocks.1.resnets.0.conv_shortcut 768 384 1x1
down_blocks.1.resnets.{1-2}.norm1 768
down_blocks.2.resnets.0.norm1 768
down_blocks.1.resnets.{1-2}.conv1 768 768 3x3
down_blocks.1.downsamplers.0.norm1 768
down_blocks.1.downsamplers.0.conv1 768 768 3x3
down_blocks.1.downsamplers.0.time_emb_proj 1536 1536
down_blocks.1.downsamplers.0.norm2 768
down_blocks.1.downsamplers.0.conv2 768 768 3x3
down_blocks.2.attentions.{0-2}.group_norm 1152
down_blocks.2.attentions.{0-2}.to_q 1152 1152
down_blocks.2.attentions.{0-2}.to_k 1152 1152
down_blocks.2.attentions.{0-2}.to_v 1152 1152
down_blocks.2.attentions.{0-2}.add_k_proj 1152 768
down_blocks.2.attentions.{0-2}.add_v_proj 1152 768
down_blocks.2.attentions.{0-2}.to_out.0 1152 1152
down_blocks.2.resnets.0.conv1 1152 768 3x3
down_blocks.2.resnets.{0-2}.time_emb_proj 2304 1536
down_blocks.2.resnets.{0-2}.norm2 1152
down_blocks.2.resnets.{0-2}.conv2 1152 1152 3x3
down_blocks.2.resnets.0.conv_shortcut 1152 768 1x1
down_blocks.2.resnets.{1-2}.norm1 1152
down_blocks.3.resnets.0.norm1 1152
down_blocks.2.resnets.{1-2}.conv1 1152 1152 3x3
down_blocks.2.downsamplers.0.norm1 1152
down_blocks.2.downsamplers.0.conv1 1152 1152 3x3
down_blocks.2.downsamplers.0.time_emb_proj 2304 1536
down_blocks.2.downsamplers.0.norm2 1152
down_blocks.2.downsamplers.0.conv2 1152 1152 3x3
down_blocks.3.attentions.{0-2}.group_norm 1536
down_blocks.3.attentions.{0-2}.to_q 1536 1536
down_blocks.3.attentions.{0-2}.to_k 1536 1536
down_blocks.3.attentions.{0-2}.to_v 1536 1536
down_blocks.3.attentions.{0-2}.add_k_proj 1536 768
down_blocks.3.attentions.{0-2}.add_v_proj 1536 768
down_blocks.3.attentions.{0-2}.to_out.0 1536 1536
down_blocks.3.resnets.0.conv1 1536 1152 3x3
down_blocks.3.resnets.{0-2}.time_emb_proj 3072 1536
down_blocks.3.resnets.{0-2}.norm2 1536
down_blocks.3.resnets.{0-2}.conv2 1536 1536 3x3
down_blocks.3.resnets.0.conv_shortcut 1536 1152 1x1
down_blocks.3.resnets.{1-2}.norm1 1536
down_blocks.3.resnets.{1-2}.conv1 1536 1536 3x3
up_blocks.0.attentions.{0-3}.group_norm 1536
up_blocks.0.attentions.{0-3}.to_q 1536 1536
up_blocks.0.attentions.{0-3}.to_k 1536 1536
up_blocks.0.attentions.{0-3}.to_v 1536 1536
up_blocks.0.attentions.{0-3}.add_k_proj 1536 768
up_blocks.0.attentions.{0-3}.add_v_proj 1536 768
up_blocks.0.attentions.{0-3}.to_out.0 1536 1536
up_blocks.0.resnets.{0-2}.norm1 3072
up_blocks.0.resnets.{0-2}.conv1 1536 3072 3x3
up_blocks.0.resnets.{0-3}.time_emb_proj 3072 1536
up_blocks.0.resnets.{0-3}.norm2 1536
up_blocks.0.resnets.{0-3}.conv2 1536 1536 3x3
up_blocks.0.resnets.{0-2}.conv_shortcut 1536 3072 1x1
up_blocks.0.resnets.3.norm1 2688
up_blocks.1.resnets.0.norm1 2688
up_blocks.0.resnets.3.conv1 1536 2688 3x3
up_blocks.0.resnets.3.conv_shortcut 1536 2688 1x1
up_blocks.0.upsamplers.0.norm1 1536
up_blocks.0.upsamplers.0.conv1 1536 1536 3x3
up_blocks.0.upsamplers.0.time_emb_proj 3072 1536
up_blocks.0.upsamplers.0.norm2 1536
up_blocks.0.upsamplers.0.conv2 1536 1536 3x3
up_blocks.1.attentions.{0-3}.group_norm 1152
up_blocks.1.attentions.{0-3}.to_q 1152 1152
up_blocks.1.attentions.{0-3}.to_k 1152 1152
up_blocks.1.attentions.{0-3}.to_v 1152 1152
up_blocks.1.attentions.{0-3}.add_k_proj 1152 768
up_blocks.1.attentions.{0-3}.add_v_proj 1152 768
up_blocks.1.attentions.{0-3}.to_out.0 1152 1152
up_blocks.1.resnets.0.conv1 1152 2688 3x3
up_blocks.1.resnets.{0-3}.time_emb_proj 2304 1536
up_blocks.1.resnets.{0-3}.norm2 1152
up_blocks.1.resnets.{0-3}.conv2 1152 1152 3x3
up_blocks.1.resnets.0.conv_shortcut 1152 2688 1x1
up_blocks.1.resnets.{1-2}.norm1 2304
up_blocks.1.resnets.{1-2}.conv1 1152 2304 3x3
up_blocks.1.resnets.{1-2}.conv_shortcut 1152 2304 1x1
up_blocks.1.resnets.3.norm1 1920
up_blocks.2.resnets.0.norm1 1920
up_blocks.1.resnets.3.conv1 1152 1920 3x3
up_blocks.1.resnets.3.conv_shortcut 1152 1920 1x1
up_blocks.1.upsamplers.0.norm1 1152
up_blocks.1.upsamplers.0.conv1 1152 1152 3x3
up_blocks.1.upsamplers.0.time_emb_proj 2304 1536
up_blocks.1.upsamplers.0.norm2 1152
up_blocks.1.upsamplers.0.conv2 1152 1152 3x3
up_blocks.2.attentions.{0-3}.group_norm 768
up_blocks.2.attentions.{0-3}.to_q 768 768
up_blocks.2.attentions.{0-3}.to_k 768 768
up_blocks.2.attentions.{0-3}.to_v 768 768
up_blocks.2.attentions.{0-3}.add_k_proj 768 768
up_blocks.2.attentions.{0-3}.add_v_proj 768 768
up_blocks.2.attentions.{0-3}.to_out.0 768 768
up_blocks.2.resnets.0.conv1 768 1920 3x3
up_blocks.2.resnets.{0-3}.time_emb_proj 1536 1536
up_blocks.2.resnets.{0-3}.norm2 768
up_blocks.2.resnets.{0-3}.conv2 768 768 3x3
up_blocks.2.resnets.0.conv_shortcut 768 1920 1x1
up_blocks.2.resnets.{1-2}.norm1 1536
up_blocks.2.resnets.{1-2}.conv1 768 1536 3x3
up_blocks.2.resnets.{1-2}.conv_shortcut 768 1536 1x1
up_blocks.2.resnets.3.norm1 1152
up_blocks.3.resnets.0.norm1 1152
up_blocks.2.resnets.3.conv1 768 1152 3x3
up_blocks.2.resnets.3.conv_shortcut 768 1152 1x1
up_blocks.2.upsamplers.0.norm1 768
up_blocks.2.upsamplers.0.conv1 768 768 3x3
up_blocks.2.upsamplers.0.time_emb_proj 1536 1536
up_blocks.2.upsamplers.0.norm2 768
up_blocks.2.upsamplers.0.conv2 768 768 3x3
up_blocks.3.resnets.0.conv1 384 1152 3x3
up_blocks.3.resnets.{0-3}.time_emb_proj 768 1536
up_blocks.3.resnets.{0-3}.norm2 384
up_blocks.3.resnets.{0-3}.conv2 384 384 3x3
up_blocks.3.resnets.0.conv_shortcut 384 1152 1x1
up_blocks.3.resnets.{1-3}.norm1 768
up_blocks.3.resnets.{1-3}.conv1 384 768 3x3
up_blocks.3.resnets.{1-3}.conv_shortcut 384 768 1x1
mid_block.attentions.0.group_norm 1536
mid_block.attentions.0.to_q 1536 1536
mid_block.attentions.0.to_k 1536 1536
mid_block.attentions.0.to_v 1536 1536
mid_block.attentions.0.add_k_proj 1536 768
mid_block.attentions.0.add_v_proj 1536 768
mid_block.attentions.0.to_out.0 1536 1536
mid_block.resnets.{0-1}.norm1 1536
mid_block.resnets.{0-1}.conv1 1536 1536 3x3
mid_block.resnets.{0-1}.time_emb_proj 3072 1536
mid_block.resnets.{0-1}.norm2 1536
mid_block.resnets.{0-1}.conv2 1536 1536 3x3
conv_norm_out 384
conv_out 8 384 3x3
"""

FAMILY = Family(
    title="Kandinsky 5",
    sources=(
        "kandinskylab/kandinsky-5 kandinsky/models/dit.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "huggingface/diffusers Kandinsky5Transformer3DModel, Kandinsky3UNet, PriorTransformer, UNet2DConditionModel "
        "(generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("kandinsky5",),
            has=K5_NAMES,
            because=N_("it has {key} and the other parts of {title}, at other widths"),
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(("kandinsky5",), has=K5_NAMES, shapes={"text_embeddings.norm.weight": ((1792, 2560, 4096),)}),
        Signature(
            ("kandinsky3",),
            has=(
                "add_time_condition.attention.to_q.weight",
                "encoder_hid_proj.projection_linear.weight",
                "down_blocks.0.resnets_in.0.resnet_blocks.0.group_norm.context_mlp.1.weight",
            ),
            title="Kandinsky 3",
        ),
        Signature(
            ("kandinsky2",),
            has=(*K2_NAMES, "encoder_hid_proj.image_embeds.weight"),
            because=N_("it has {key} of a U-Net that reads pictures as CLIP sees them, as {title} does"),
            title="Kandinsky 2",
        ),
        Signature(
            ("kandinsky2", "unclip"),
            has=PRIOR_NAMES,
            because=N_("it has {key}, as priors have, which turn text into the embedding of a picture"),
            variant="prior",
            title="Kandinsky 2",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("kandinsky2",),
            has=PRIOR_NAMES,
            shapes={"clip_mean": (1, 1280)},
            because=N_("it has {key}, as priors have, at the width of {title}.2"),
            variant="prior",
            title="Kandinsky 2",
        ),
    ),
    variants=(
        Variant(
            "control",
            N_("it reads a depth map beside the picture"),
            has=("add_embedding.input_hint_block.0.weight",),
        ),
        Variant(
            "inpaint",
            N_("it takes nine channels: picture, mask and masked picture"),
            shapes={"conv_in.weight": (None, 9, None, None)},
        ),
        Variant(
            "image", N_("it has the width of the model for pictures"), shapes={"text_embeddings.norm.weight": (2560,)}
        ),
        Variant(
            "video",
            N_("it has the width of a model for films"),
            shapes={"text_embeddings.norm.weight": ((1792, 4096),)},
        ),
    ),
    graphs=(
        Graph("kandinsky2", "unet", KANDINSKY22_UNET, rare=True),
        Graph("kandinsky5", "image", KANDINSKY5_IMAGE),
        Graph("kandinsky5", "lite", KANDINSKY5_LITE),
        Graph("kandinsky5", "pro", KANDINSKY5_PRO),
        Graph("kandinsky2", "prior", PRIOR, rare=True),
    ),
    classes={
        "Kandinsky5Transformer3DModel": (Kind.DIFFUSION_MODEL, ("kandinsky5",)),
        "Kandinsky3UNet": (Kind.DIFFUSION_MODEL, ("kandinsky3",)),
        "PriorTransformer": (Kind.DIFFUSION_MODEL, ("kandinsky2", "unclip")),
    },
)
