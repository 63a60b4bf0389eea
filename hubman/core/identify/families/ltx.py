"""LTX-Video and LTX-2 of Lightricks."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

LTX_2B = """
patchify_proj 2048 128
adaln_single.emb.timestep_embedder.linear_1 2048 256
adaln_single.emb.timestep_embedder.linear_2 2048 2048
adaln_single.linear 12288 2048
caption_projection.linear_1 2048 4096
caption_projection.linear_2 2048 2048
transformer_blocks.{0-27}.attn1.q_norm 2048
transformer_blocks.{0-27}.attn1.k_norm 2048
transformer_blocks.{0-27}.attn1.to_q 2048 2048
transformer_blocks.{0-27}.attn1.to_k 2048 2048
transformer_blocks.{0-27}.attn1.to_v 2048 2048
transformer_blocks.{0-27}.attn1.to_out.0 2048 2048
transformer_blocks.{0-27}.attn2.q_norm 2048
transformer_blocks.{0-27}.attn2.k_norm 2048
transformer_blocks.{0-27}.attn2.to_q 2048 2048
transformer_blocks.{0-27}.attn2.to_k 2048 2048
transformer_blocks.{0-27}.attn2.to_v 2048 2048
transformer_blocks.{0-27}.attn2.to_out.0 2048 2048
transformer_blocks.{0-27}.ff.net.0.proj 8192 2048
transformer_blocks.{0-27}.ff.net.2 2048 8192
proj_out 128 2048"""

LTX_13B = """
patchify_proj 4096 128
adaln_single.emb.timestep_embedder.linear_1 4096 256
adaln_single.emb.timestep_embedder.linear_2 4096 4096
adaln_single.linear 24576 4096
caption_projection.linear_1 4096 4096
caption_projection.linear_2 4096 4096
transformer_blocks.{0-47}.attn1.q_norm 4096
transformer_blocks.{0-47}.attn1.k_norm 4096
transformer_blocks.{0-47}.attn1.to_q 4096 4096
transformer_blocks.{0-47}.attn1.to_k 4096 4096
transformer_blocks.{0-47}.attn1.to_v 4096 4096
transformer_blocks.{0-47}.attn1.to_out.0 4096 4096
transformer_blocks.{0-47}.ff.net.0.proj 16384 4096
transformer_blocks.{0-47}.ff.net.2 4096 16384
transformer_blocks.{0-47}.attn2.q_norm 4096
transformer_blocks.{0-47}.attn2.k_norm 4096
transformer_blocks.{0-47}.attn2.to_q 4096 4096
transformer_blocks.{0-47}.attn2.to_k 4096 4096
transformer_blocks.{0-47}.attn2.to_v 4096 4096
transformer_blocks.{0-47}.attn2.to_out.0 4096 4096
proj_out 128 4096"""

LTX2 = """
patchify_proj 4096 128
audio_patchify_proj 2048 128
caption_projection.linear_1 4096 3840
caption_projection.linear_2 4096 4096
audio_caption_projection.linear_1 2048 3840
audio_caption_projection.linear_2 2048 2048
adaln_single.emb.timestep_embedder.linear_1 4096 256
adaln_single.emb.timestep_embedder.linear_2 4096 4096
adaln_single.linear 24576 4096
audio_adaln_single.emb.timestep_embedder.linear_1 2048 256
audio_adaln_single.emb.timestep_embedder.linear_2 2048 2048
audio_adaln_single.linear 12288 2048
av_ca_video_scale_shift_adaln_single.emb.timestep_embedder.linear_1 4096 256
av_ca_video_scale_shift_adaln_single.emb.timestep_embedder.linear_2 4096 4096
av_ca_video_scale_shift_adaln_single.linear 16384 4096
av_ca_audio_scale_shift_adaln_single.emb.timestep_embedder.linear_1 2048 256
av_ca_audio_scale_shift_adaln_single.emb.timestep_embedder.linear_2 2048 2048
av_ca_audio_scale_shift_adaln_single.linear 8192 2048
av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_1 4096 256
av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_2 4096 4096
av_ca_a2v_gate_adaln_single.linear 4096 4096
av_ca_v2a_gate_adaln_single.emb.timestep_embedder.linear_1 2048 256
av_ca_v2a_gate_adaln_single.emb.timestep_embedder.linear_2 2048 2048
av_ca_v2a_gate_adaln_single.linear 2048 2048
transformer_blocks.{0-47}.attn1.q_norm 4096
transformer_blocks.{0-47}.attn1.k_norm 4096
transformer_blocks.{0-47}.attn1.to_q 4096 4096
transformer_blocks.{0-47}.attn1.to_k 4096 4096
transformer_blocks.{0-47}.attn1.to_v 4096 4096
transformer_blocks.{0-47}.attn1.to_out.0 4096 4096
transformer_blocks.{0-47}.audio_attn1.q_norm 2048
transformer_blocks.{0-47}.audio_attn1.k_norm 2048
transformer_blocks.{0-47}.audio_attn1.to_q 2048 2048
transformer_blocks.{0-47}.audio_attn1.to_k 2048 2048
transformer_blocks.{0-47}.audio_attn1.to_v 2048 2048
transformer_blocks.{0-47}.audio_attn1.to_out.0 2048 2048
transformer_blocks.{0-47}.attn2.q_norm 4096
transformer_blocks.{0-47}.attn2.k_norm 4096
transformer_blocks.{0-47}.attn2.to_q 4096 4096
transformer_blocks.{0-47}.attn2.to_k 4096 4096
transformer_blocks.{0-47}.attn2.to_v 4096 4096
transformer_blocks.{0-47}.attn2.to_out.0 4096 4096
transformer_blocks.{0-47}.audio_attn2.q_norm 2048
transformer_blocks.{0-47}.audio_attn2.k_norm 2048
transformer_blocks.{0-47}.audio_attn2.to_q 2048 2048
transformer_blocks.{0-47}.audio_attn2.to_k 2048 2048
transformer_blocks.{0-47}.audio_attn2.to_v 2048 2048
transformer_blocks.{0-47}.audio_attn2.to_out.0 2048 2048
transformer_blocks.{0-47}.audio_to_video_attn.q_norm 2048
transformer_blocks.{0-47}.audio_to_video_attn.k_norm 2048
transformer_blocks.{0-47}.audio_to_video_attn.to_q 2048 4096
transformer_blocks.{0-47}.audio_to_video_attn.to_k 2048 2048
transformer_blocks.{0-47}.audio_to_video_attn.to_v 2048 2048
transformer_blocks.{0-47}.audio_to_video_attn.to_out.0 4096 2048
transformer_blocks.{0-47}.video_to_audio_attn.q_norm 2048
transformer_blocks.{0-47}.video_to_audio_attn.k_norm 2048
transformer_blocks.{0-47}.video_to_audio_attn.to_q 2048 2048
transformer_blocks.{0-47}.video_to_audio_attn.to_k 2048 4096
transformer_blocks.{0-47}.video_to_audio_attn.to_v 2048 4096
transformer_blocks.{0-47}.video_to_audio_attn.to_out.0 2048 2048
transformer_blocks.{0-47}.ff.net.0.proj 16384 4096
transformer_blocks.{0-47}.ff.net.2 4096 16384
transformer_blocks.{0-47}.audio_ff.net.0.proj 8192 2048
transformer_blocks.{0-47}.audio_ff.net.2 2048 8192
proj_out 128 4096
audio_proj_out 128 2048"""

LTX_2B_D = """
proj_in 2048 128
time_embed.emb.timestep_embedder.linear_1 2048 256
time_embed.emb.timestep_embedder.linear_2 2048 2048
time_embed.linear 12288 2048
caption_projection.linear_1 2048 4096
caption_projection.linear_2 2048 2048
transformer_blocks.{0-27}.attn1.norm_q 2048
transformer_blocks.{0-27}.attn1.norm_k 2048
transformer_blocks.{0-27}.attn1.to_q 2048 2048
transformer_blocks.{0-27}.attn1.to_k 2048 2048
transformer_blocks.{0-27}.attn1.to_v 2048 2048
transformer_blocks.{0-27}.attn1.to_out.0 2048 2048
transformer_blocks.{0-27}.attn2.norm_q 2048
transformer_blocks.{0-27}.attn2.norm_k 2048
transformer_blocks.{0-27}.attn2.to_q 2048 2048
transformer_blocks.{0-27}.attn2.to_k 2048 2048
transformer_blocks.{0-27}.attn2.to_v 2048 2048
transformer_blocks.{0-27}.attn2.to_out.0 2048 2048
transformer_blocks.{0-27}.ff.net.0.proj 8192 2048
transformer_blocks.{0-27}.ff.net.2 2048 8192
proj_out 128 2048"""

LTX_13B_D = """
proj_in 4096 128
time_embed.emb.timestep_embedder.linear_1 4096 256
time_embed.emb.timestep_embedder.linear_2 4096 4096
time_embed.linear 24576 4096
caption_projection.linear_1 4096 4096
caption_projection.linear_2 4096 4096
transformer_blocks.{0-47}.attn1.norm_q 4096
transformer_blocks.{0-47}.attn1.norm_k 4096
transformer_blocks.{0-47}.attn1.to_q 4096 4096
transformer_blocks.{0-47}.attn1.to_k 4096 4096
transformer_blocks.{0-47}.attn1.to_v 4096 4096
transformer_blocks.{0-47}.attn1.to_out.0 4096 4096
transformer_blocks.{0-47}.attn2.norm_q 4096
transformer_blocks.{0-47}.attn2.norm_k 4096
transformer_blocks.{0-47}.attn2.to_q 4096 4096
transformer_blocks.{0-47}.attn2.to_k 4096 4096
transformer_blocks.{0-47}.attn2.to_v 4096 4096
transformer_blocks.{0-47}.attn2.to_out.0 4096 4096
transformer_blocks.{0-47}.ff.net.0.proj 16384 4096
transformer_blocks.{0-47}.ff.net.2 4096 16384
proj_out 128 4096"""

LTX2_D = """
proj_in 4096 128
audio_proj_in 2048 128
caption_projection.linear_1 4096 3840
caption_projection.linear_2 4096 4096
audio_caption_projection.linear_1 2048 3840
audio_caption_projection.linear_2 2048 2048
time_embed.emb.timestep_embedder.linear_1 4096 256
time_embed.emb.timestep_embedder.linear_2 4096 4096
time_embed.linear 24576 4096
audio_time_embed.emb.timestep_embedder.linear_1 2048 256
audio_time_embed.emb.timestep_embedder.linear_2 2048 2048
audio_time_embed.linear 12288 2048
av_cross_attn_video_scale_shift.emb.timestep_embedder.linear_1 4096 256
av_cross_attn_video_scale_shift.emb.timestep_embedder.linear_2 4096 4096
av_cross_attn_video_scale_shift.linear 16384 4096
av_cross_attn_audio_scale_shift.emb.timestep_embedder.linear_1 2048 256
av_cross_attn_audio_scale_shift.emb.timestep_embedder.linear_2 2048 2048
av_cross_attn_audio_scale_shift.linear 8192 2048
av_cross_attn_video_a2v_gate.emb.timestep_embedder.linear_1 4096 256
av_cross_attn_video_a2v_gate.emb.timestep_embedder.linear_2 4096 4096
av_cross_attn_video_a2v_gate.linear 4096 4096
av_cross_attn_audio_v2a_gate.emb.timestep_embedder.linear_1 2048 256
av_cross_attn_audio_v2a_gate.emb.timestep_embedder.linear_2 2048 2048
av_cross_attn_audio_v2a_gate.linear 2048 2048
transformer_blocks.{0-47}.attn1.norm_q 4096
transformer_blocks.{0-47}.attn1.norm_k 4096
transformer_blocks.{0-47}.attn1.to_q 4096 4096
transformer_blocks.{0-47}.attn1.to_k 4096 4096
transformer_blocks.{0-47}.attn1.to_v 4096 4096
transformer_blocks.{0-47}.attn1.to_out.0 4096 4096
transformer_blocks.{0-47}.audio_attn1.norm_q 2048
transformer_blocks.{0-47}.audio_attn1.norm_k 2048
transformer_blocks.{0-47}.audio_attn1.to_q 2048 2048
transformer_blocks.{0-47}.audio_attn1.to_k 2048 2048
transformer_blocks.{0-47}.audio_attn1.to_v 2048 2048
transformer_blocks.{0-47}.audio_attn1.to_out.0 2048 2048
transformer_blocks.{0-47}.attn2.norm_q 4096
transformer_blocks.{0-47}.attn2.norm_k 4096
transformer_blocks.{0-47}.attn2.to_q 4096 4096
transformer_blocks.{0-47}.attn2.to_k 4096 4096
transformer_blocks.{0-47}.attn2.to_v 4096 4096
transformer_blocks.{0-47}.attn2.to_out.0 4096 4096
transformer_blocks.{0-47}.audio_attn2.norm_q 2048
transformer_blocks.{0-47}.audio_attn2.norm_k 2048
transformer_blocks.{0-47}.audio_attn2.to_q 2048 2048
transformer_blocks.{0-47}.audio_attn2.to_k 2048 2048
transformer_blocks.{0-47}.audio_attn2.to_v 2048 2048
transformer_blocks.{0-47}.audio_attn2.to_out.0 2048 2048
transformer_blocks.{0-47}.audio_to_video_attn.norm_q 2048
transformer_blocks.{0-47}.audio_to_video_attn.norm_k 2048
transformer_blocks.{0-47}.audio_to_video_attn.to_q 2048 4096
transformer_blocks.{0-47}.audio_to_video_attn.to_k 2048 2048
transformer_blocks.{0-47}.audio_to_video_attn.to_v 2048 2048
transformer_blocks.{0-47}.audio_to_video_attn.to_out.0 4096 2048
transformer_blocks.{0-47}.video_to_audio_attn.norm_q 2048
transformer_blocks.{0-47}.video_to_audio_attn.norm_k 2048
transformer_blocks.{0-47}.video_to_audio_attn.to_q 2048 2048
transformer_blocks.{0-47}.video_to_audio_attn.to_k 2048 4096
transformer_blocks.{0-47}.video_to_audio_attn.to_v 2048 4096
transformer_blocks.{0-47}.video_to_audio_attn.to_out.0 2048 2048
transformer_blocks.{0-47}.ff.net.0.proj 16384 4096
transformer_blocks.{0-47}.ff.net.2 4096 16384
transformer_blocks.{0-47}.audio_ff.net.0.proj 8192 2048
transformer_blocks.{0-47}.audio_ff.net.2 2048 8192
proj_out 128 4096
audio_proj_out 128 2048"""

NATIVE = (
    "patchify_proj.weight",
    "adaln_single.emb.timestep_embedder.linear_1.weight",
    "scale_shift_table",
    "transformer_blocks.0.scale_shift_table",
    "transformer_blocks.0.attn1.q_norm.weight",
    "transformer_blocks.0.attn2.q_norm.weight",
)
NATIVE_2 = (*NATIVE, "transformer_blocks.0.audio_to_video_attn.to_q.weight", "audio_patchify_proj.weight")
DIFFUSERS = (
    "time_embed.emb.timestep_embedder.linear_1.weight",
    "proj_in.weight",
    "scale_shift_table",
    "transformer_blocks.0.scale_shift_table",
    "transformer_blocks.0.attn1.norm_q.weight",
    "transformer_blocks.0.attn2.norm_q.weight",
)
DIFFUSERS_2 = (*DIFFUSERS, "transformer_blocks.0.audio_to_video_attn.to_q.weight", "audio_proj_in.weight")
DECODER = (
    "decoder.diff_blocks.0.attn.to_q.weight",
    "decoder.det_stages.0.0.norm1.weight",
    "decoder.conv_in_x_t.weight",
)

WIDE = {"transformer_blocks.0.attn1.q_norm.weight": ((2048, 4096),)}
DIFFUSERS_WIDE = {"transformer_blocks.0.attn1.norm_q.weight": ((2048, 4096),)}

BLOCKS = N_("it has {key} and norms before its attention, as LTX-Video has")
OTHER_WIDTH = N_("the blocks of LTX-Video, but at another width")
SOUND = N_("its blocks carry sound beside the picture and let them look at each other, as LTX-2 does")
OTHER_WIDTH_2 = N_("blocks for picture and sound, as LTX-2 has, but at another width")
LAST = N_("a small diffusion model that decodes latents of LTX-2")

FAMILY = Family(
    title="LTX-Video",
    sources=(
        "Lightricks/LTX-Video ltx_video/models/transformers/transformer3d.py",
        "huggingface/diffusers LTXVideoTransformer3DModel, LTX2VideoTransformer3DModel (generated on meta tensors), "
        "loaders/single_file_utils.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py (facts)",
    ),
    signatures=(
        Signature(("ltx-video",), NATIVE, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("ltx-video",), NATIVE, shapes=WIDE, because=BLOCKS),
        Signature(("ltx-2",), NATIVE_2, because=OTHER_WIDTH_2, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("ltx-2",), NATIVE_2, shapes=WIDE, because=SOUND, title="LTX-2"),
        Signature(("ltx-video",), DIFFUSERS, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("ltx-video",), DIFFUSERS, shapes=DIFFUSERS_WIDE, because=BLOCKS),
        Signature(("ltx-2",), DIFFUSERS_2, because=OTHER_WIDTH_2, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("ltx-2",), DIFFUSERS_2, shapes=DIFFUSERS_WIDE, because=SOUND, title="LTX-2"),
        Signature(("ltx-2",), DECODER, because=LAST, variant="decoder"),
    ),
    variants=(
        Variant(
            "13b",
            N_("its blocks are 4096 wide, as in the 13B model"),
            lacks=("transformer_blocks.0.audio_to_video_attn.to_q.weight",),
            shapes={"transformer_blocks.0.attn1.q_norm.weight|transformer_blocks.0.attn1.norm_q.weight": (4096,)},
        ),
        Variant(
            "2b",
            N_("its blocks are 2048 wide, as in the 2B model"),
            lacks=("transformer_blocks.0.audio_to_video_attn.to_q.weight",),
            shapes={"transformer_blocks.0.attn1.q_norm.weight|transformer_blocks.0.attn1.norm_q.weight": (2048,)},
        ),
    ),
    graphs=(
        Graph("ltx-video", "native", LTX_2B),
        Graph("ltx-video", "native", LTX_13B),
        Graph("ltx-video", "diffusers", LTX_2B_D, dotted=True),
        Graph("ltx-video", "diffusers", LTX_13B_D, dotted=True),
        Graph("ltx-2", "native", LTX2),
        Graph("ltx-2", "diffusers", LTX2_D, dotted=True),
    ),
    classes={
        "LTXVideoTransformer3DModel": (Kind.DIFFUSION_MODEL, ("ltx-video",)),
        "LTX2VideoTransformer3DModel": (Kind.DIFFUSION_MODEL, ("ltx-2",)),
        "SanaWMLTX2RefinerTransformer3DModel": (Kind.DIFFUSION_MODEL, ("ltx-2",)),
        "LTX2VideoDiffusionDecoderModel": (Kind.DIFFUSION_MODEL, ("ltx-2",)),
    },
)
