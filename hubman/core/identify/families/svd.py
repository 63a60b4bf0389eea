"""Stable Video Diffusion under diffusers' names. Under the original names the U-Net is measured (checkpoint.py)."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind
from hubman.errors import N_

DIFFUSERS = """
conv_in 320 8 3x3
time_embedding.linear_1 1280 320
time_embedding.linear_2 1280 1280
add_embedding.linear_1 1280 768
add_embedding.linear_2 1280 1280
down_blocks.0.attentions.{0-1}.norm 320
down_blocks.0.attentions.{0-1}.proj_in 320 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.norm1 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.attn1.to_q 320 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.attn1.to_k 320 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.attn1.to_v 320 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.attn1.to_out.0 320 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.norm2 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.attn2.to_q 320 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.attn2.to_k 320 1024
down_blocks.0.attentions.{0-1}.transformer_blocks.0.attn2.to_v 320 1024
down_blocks.0.attentions.{0-1}.transformer_blocks.0.attn2.to_out.0 320 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.norm3 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.ff.net.0.proj 2560 320
down_blocks.0.attentions.{0-1}.transformer_blocks.0.ff.net.2 320 1280
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.norm_in 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.ff_in.net.0.proj 2560 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.ff_in.net.2 320 1280
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.norm1 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_q 320 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_k 320 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_v 320 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_out.0 320 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.norm2 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_q 320 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_k 320 1024
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_v 320 1024
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_out.0 320 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.norm3 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.ff.net.0.proj 2560 320
down_blocks.0.attentions.{0-1}.temporal_transformer_blocks.0.ff.net.2 320 1280
down_blocks.0.attentions.{0-1}.time_pos_embed.linear_1 1280 320
down_blocks.0.attentions.{0-1}.time_pos_embed.linear_2 320 1280
down_blocks.0.attentions.{0-1}.proj_out 320 320
down_blocks.0.resnets.{0-1}.spatial_res_block.norm1 320
down_blocks.1.resnets.0.spatial_res_block.norm1 320
down_blocks.0.resnets.{0-1}.spatial_res_block.conv1 320 320 3x3
down_blocks.0.resnets.{0-1}.spatial_res_block.time_emb_proj 320 1280
down_blocks.0.resnets.{0-1}.spatial_res_block.norm2 320
down_blocks.0.resnets.{0-1}.spatial_res_block.conv2 320 320 3x3
down_blocks.0.resnets.{0-1}.temporal_res_block.norm1 320
down_blocks.0.resnets.{0-1}.temporal_res_block.conv1 320 320 3x1x1
down_blocks.0.resnets.{0-1}.temporal_res_block.time_emb_proj 320 1280
down_blocks.0.resnets.{0-1}.temporal_res_block.norm2 320
down_blocks.0.resnets.{0-1}.temporal_res_block.conv2 320 320 3x1x1
down_blocks.0.downsamplers.0.conv 320 320 3x3
down_blocks.1.attentions.{0-1}.norm 640
down_blocks.1.attentions.{0-1}.proj_in 640 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.norm1 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.attn1.to_q 640 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.attn1.to_k 640 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.attn1.to_v 640 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.attn1.to_out.0 640 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.norm2 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.attn2.to_q 640 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.attn2.to_k 640 1024
down_blocks.1.attentions.{0-1}.transformer_blocks.0.attn2.to_v 640 1024
down_blocks.1.attentions.{0-1}.transformer_blocks.0.attn2.to_out.0 640 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.norm3 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.ff.net.0.proj 5120 640
down_blocks.1.attentions.{0-1}.transformer_blocks.0.ff.net.2 640 2560
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.norm_in 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.ff_in.net.0.proj 5120 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.ff_in.net.2 640 2560
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.norm1 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_q 640 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_k 640 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_v 640 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_out.0 640 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.norm2 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_q 640 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_k 640 1024
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_v 640 1024
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_out.0 640 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.norm3 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.ff.net.0.proj 5120 640
down_blocks.1.attentions.{0-1}.temporal_transformer_blocks.0.ff.net.2 640 2560
down_blocks.1.attentions.{0-1}.time_pos_embed.linear_1 2560 640
down_blocks.1.attentions.{0-1}.time_pos_embed.linear_2 640 2560
down_blocks.1.attentions.{0-1}.proj_out 640 640
down_blocks.1.resnets.0.spatial_res_block.conv1 640 320 3x3
down_blocks.1.resnets.{0-1}.spatial_res_block.time_emb_proj 640 1280
down_blocks.1.resnets.{0-1}.spatial_res_block.norm2 640
down_blocks.1.resnets.{0-1}.spatial_res_block.conv2 640 640 3x3
down_blocks.1.resnets.0.spatial_res_block.conv_shortcut 640 320 1x1
down_blocks.1.resnets.{0-1}.temporal_res_block.norm1 640
down_blocks.1.resnets.{0-1}.temporal_res_block.conv1 640 640 3x1x1
down_blocks.1.resnets.{0-1}.temporal_res_block.time_emb_proj 640 1280
down_blocks.1.resnets.{0-1}.temporal_res_block.norm2 640
down_blocks.1.resnets.{0-1}.temporal_res_block.conv2 640 640 3x1x1
down_blocks.1.resnets.1.spatial_res_block.norm1 640
down_blocks.2.resnets.0.spatial_res_block.norm1 640
down_blocks.1.resnets.1.spatial_res_block.conv1 640 640 3x3
down_blocks.1.downsamplers.0.conv 640 640 3x3
down_blocks.2.attentions.{0-1}.norm 1280
down_blocks.2.attentions.{0-1}.proj_in 1280 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.norm1 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.attn1.to_q 1280 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.attn1.to_k 1280 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.attn1.to_v 1280 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.attn1.to_out.0 1280 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.norm2 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.attn2.to_q 1280 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.attn2.to_k 1280 1024
down_blocks.2.attentions.{0-1}.transformer_blocks.0.attn2.to_v 1280 1024
down_blocks.2.attentions.{0-1}.transformer_blocks.0.attn2.to_out.0 1280 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.norm3 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.ff.net.0.proj 10240 1280
down_blocks.2.attentions.{0-1}.transformer_blocks.0.ff.net.2 1280 5120
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.norm_in 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.ff_in.net.0.proj 10240 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.ff_in.net.2 1280 5120
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.norm1 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_q 1280 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_k 1280 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_v 1280 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.attn1.to_out.0 1280 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.norm2 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_q 1280 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_k 1280 1024
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_v 1280 1024
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.attn2.to_out.0 1280 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.norm3 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.ff.net.0.proj 10240 1280
down_blocks.2.attentions.{0-1}.temporal_transformer_blocks.0.ff.net.2 1280 5120
down_blocks.2.attentions.{0-1}.time_pos_embed.linear_1 5120 1280
down_blocks.2.attentions.{0-1}.time_pos_embed.linear_2 1280 5120
down_blocks.2.attentions.{0-1}.proj_out 1280 1280
down_blocks.2.resnets.0.spatial_res_block.conv1 1280 640 3x3
down_blocks.{2-3}.resnets.{0-1}.spatial_res_block.time_emb_proj 1280 1280
down_blocks.{2-3}.resnets.{0-1}.spatial_res_block.norm2 1280
down_blocks.{2-3}.resnets.{0-1}.spatial_res_block.conv2 1280 1280 3x3
down_blocks.2.resnets.0.spatial_res_block.conv_shortcut 1280 640 1x1
down_blocks.{2-3}.resnets.{0-1}.temporal_res_block.norm1 1280
down_blocks.{2-3}.resnets.{0-1}.temporal_res_block.conv1 1280 1280 3x1x1
down_blocks.{2-3}.resnets.{0-1}.temporal_res_block.time_emb_proj 1280 1280
down_blocks.{2-3}.resnets.{0-1}.temporal_res_block.norm2 1280
down_blocks.{2-3}.resnets.{0-1}.temporal_res_block.conv2 1280 1280 3x1x1
down_blocks.2.resnets.1.spatial_res_block.norm1 1280
down_blocks.3.resnets.{0-1}.spatial_res_block.norm1 1280
down_blocks.2.resnets.1.spatial_res_block.conv1 1280 1280 3x3
down_blocks.3.resnets.{0-1}.spatial_res_block.conv1 1280 1280 3x3
down_blocks.2.downsamplers.0.conv 1280 1280 3x3
up_blocks.0.resnets.{0-2}.spatial_res_block.norm1 2560
up_blocks.1.resnets.{0-1}.spatial_res_block.norm1 2560
up_blocks.0.resnets.{0-2}.spatial_res_block.conv1 1280 2560 3x3
up_blocks.1.resnets.{0-1}.spatial_res_block.conv1 1280 2560 3x3
up_blocks.{0-1}.resnets.{0-2}.spatial_res_block.time_emb_proj 1280 1280
up_blocks.{0-1}.resnets.{0-2}.spatial_res_block.norm2 1280
up_blocks.{0-1}.resnets.{0-2}.spatial_res_block.conv2 1280 1280 3x3
up_blocks.0.resnets.{0-2}.spatial_res_block.conv_shortcut 1280 2560 1x1
up_blocks.1.resnets.{0-1}.spatial_res_block.conv_shortcut 1280 2560 1x1
up_blocks.{0-1}.resnets.{0-2}.temporal_res_block.norm1 1280
up_blocks.{0-1}.resnets.{0-2}.temporal_res_block.conv1 1280 1280 3x1x1
up_blocks.{0-1}.resnets.{0-2}.temporal_res_block.time_emb_proj 1280 1280
up_blocks.{0-1}.resnets.{0-2}.temporal_res_block.norm2 1280
up_blocks.{0-1}.resnets.{0-2}.temporal_res_block.conv2 1280 1280 3x1x1
up_blocks.{0-1}.upsamplers.0.conv 1280 1280 3x3
up_blocks.1.attentions.{0-2}.norm 1280
up_blocks.1.attentions.{0-2}.proj_in 1280 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.norm1 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.attn1.to_q 1280 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.attn1.to_k 1280 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.attn1.to_v 1280 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.attn1.to_out.0 1280 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.norm2 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.attn2.to_q 1280 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.attn2.to_k 1280 1024
up_blocks.1.attentions.{0-2}.transformer_blocks.0.attn2.to_v 1280 1024
up_blocks.1.attentions.{0-2}.transformer_blocks.0.attn2.to_out.0 1280 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.norm3 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.ff.net.0.proj 10240 1280
up_blocks.1.attentions.{0-2}.transformer_blocks.0.ff.net.2 1280 5120
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.norm_in 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.ff_in.net.0.proj 10240 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.ff_in.net.2 1280 5120
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.norm1 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_q 1280 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_k 1280 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_v 1280 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_out.0 1280 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.norm2 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_q 1280 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_k 1280 1024
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_v 1280 1024
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_out.0 1280 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.norm3 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.ff.net.0.proj 10240 1280
up_blocks.1.attentions.{0-2}.temporal_transformer_blocks.0.ff.net.2 1280 5120
up_blocks.1.attentions.{0-2}.time_pos_embed.linear_1 5120 1280
up_blocks.1.attentions.{0-2}.time_pos_embed.linear_2 1280 5120
up_blocks.1.attentions.{0-2}.proj_out 1280 1280
up_blocks.1.resnets.2.spatial_res_block.norm1 1920
up_blocks.2.resnets.0.spatial_res_block.norm1 1920
up_blocks.1.resnets.2.spatial_res_block.conv1 1280 1920 3x3
up_blocks.1.resnets.2.spatial_res_block.conv_shortcut 1280 1920 1x1
up_blocks.2.attentions.{0-2}.norm 640
up_blocks.2.attentions.{0-2}.proj_in 640 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.norm1 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.attn1.to_q 640 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.attn1.to_k 640 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.attn1.to_v 640 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.attn1.to_out.0 640 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.norm2 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.attn2.to_q 640 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.attn2.to_k 640 1024
up_blocks.2.attentions.{0-2}.transformer_blocks.0.attn2.to_v 640 1024
up_blocks.2.attentions.{0-2}.transformer_blocks.0.attn2.to_out.0 640 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.norm3 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.ff.net.0.proj 5120 640
up_blocks.2.attentions.{0-2}.transformer_blocks.0.ff.net.2 640 2560
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.norm_in 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.ff_in.net.0.proj 5120 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.ff_in.net.2 640 2560
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.norm1 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_q 640 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_k 640 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_v 640 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_out.0 640 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.norm2 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_q 640 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_k 640 1024
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_v 640 1024
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_out.0 640 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.norm3 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.ff.net.0.proj 5120 640
up_blocks.2.attentions.{0-2}.temporal_transformer_blocks.0.ff.net.2 640 2560
up_blocks.2.attentions.{0-2}.time_pos_embed.linear_1 2560 640
up_blocks.2.attentions.{0-2}.time_pos_embed.linear_2 640 2560
up_blocks.2.attentions.{0-2}.proj_out 640 640
up_blocks.2.resnets.0.spatial_res_block.conv1 640 1920 3x3
up_blocks.2.resnets.{0-2}.spatial_res_block.time_emb_proj 640 1280
up_blocks.2.resnets.{0-2}.spatial_res_block.norm2 640
up_blocks.2.resnets.{0-2}.spatial_res_block.conv2 640 640 3x3
up_blocks.2.resnets.0.spatial_res_block.conv_shortcut 640 1920 1x1
up_blocks.2.resnets.{0-2}.temporal_res_block.norm1 640
up_blocks.2.resnets.{0-2}.temporal_res_block.conv1 640 640 3x1x1
up_blocks.2.resnets.{0-2}.temporal_res_block.time_emb_proj 640 1280
up_blocks.2.resnets.{0-2}.temporal_res_block.norm2 640
up_blocks.2.resnets.{0-2}.temporal_res_block.conv2 640 640 3x1x1
up_blocks.2.resnets.1.spatial_res_block.norm1 1280
up_blocks.2.resnets.1.spatial_res_block.conv1 640 1280 3x3
up_blocks.2.resnets.1.spatial_res_block.conv_shortcut 640 1280 1x1
up_blocks.2.resnets.2.spatial_res_block.norm1 960
up_blocks.3.resnets.0.spatial_res_block.norm1 960
up_blocks.2.resnets.2.spatial_res_block.conv1 640 960 3x3
up_blocks.2.resnets.2.spatial_res_block.conv_shortcut 640 960 1x1
up_blocks.2.upsamplers.0.conv 640 640 3x3
up_blocks.3.attentions.{0-2}.norm 320
up_blocks.3.attentions.{0-2}.proj_in 320 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.norm1 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.attn1.to_q 320 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.attn1.to_k 320 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.attn1.to_v 320 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.attn1.to_out.0 320 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.norm2 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.attn2.to_q 320 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.attn2.to_k 320 1024
up_blocks.3.attentions.{0-2}.transformer_blocks.0.attn2.to_v 320 1024
up_blocks.3.attentions.{0-2}.transformer_blocks.0.attn2.to_out.0 320 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.norm3 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.ff.net.0.proj 2560 320
up_blocks.3.attentions.{0-2}.transformer_blocks.0.ff.net.2 320 1280
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.norm_in 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.ff_in.net.0.proj 2560 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.ff_in.net.2 320 1280
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.norm1 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_q 320 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_k 320 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_v 320 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.attn1.to_out.0 320 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.norm2 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_q 320 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_k 320 1024
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_v 320 1024
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.attn2.to_out.0 320 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.norm3 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.ff.net.0.proj 2560 320
up_blocks.3.attentions.{0-2}.temporal_transformer_blocks.0.ff.net.2 320 1280
up_blocks.3.attentions.{0-2}.time_pos_embed.linear_1 1280 320
up_blocks.3.attentions.{0-2}.time_pos_embed.linear_2 320 1280
up_blocks.3.attentions.{0-2}.proj_out 320 320
up_blocks.3.resnets.0.spatial_res_block.conv1 320 960 3x3
up_blocks.3.resnets.{0-2}.spatial_res_block.time_emb_proj 320 1280
up_blocks.3.resnets.{0-2}.spatial_res_block.norm2 320
up_blocks.3.resnets.{0-2}.spatial_res_block.conv2 320 320 3x3
up_blocks.3.resnets.0.spatial_res_block.conv_shortcut 320 960 1x1
up_blocks.3.resnets.{0-2}.temporal_res_block.norm1 320
up_blocks.3.resnets.{0-2}.temporal_res_block.conv1 320 320 3x1x1
up_blocks.3.resnets.{0-2}.temporal_res_block.time_emb_proj 320 1280
up_blocks.3.resnets.{0-2}.temporal_res_block.norm2 320
up_blocks.3.resnets.{0-2}.temporal_res_block.conv2 320 320 3x1x1
up_blocks.3.resnets.{1-2}.spatial_res_block.norm1 640
up_blocks.3.resnets.{1-2}.spatial_res_block.conv1 320 640 3x3
up_blocks.3.resnets.{1-2}.spatial_res_block.conv_shortcut 320 640 1x1
mid_block.attentions.0.norm 1280
mid_block.attentions.0.proj_in 1280 1280
mid_block.attentions.0.transformer_blocks.0.norm1 1280
mid_block.attentions.0.transformer_blocks.0.attn1.to_q 1280 1280
mid_block.attentions.0.transformer_blocks.0.attn1.to_k 1280 1280
mid_block.attentions.0.transformer_blocks.0.attn1.to_v 1280 1280
mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0 1280 1280
mid_block.attentions.0.transformer_blocks.0.norm2 1280
mid_block.attentions.0.transformer_blocks.0.attn2.to_q 1280 1280
mid_block.attentions.0.transformer_blocks.0.attn2.to_k 1280 1024
mid_block.attentions.0.transformer_blocks.0.attn2.to_v 1280 1024
mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0 1280 1280
mid_block.attentions.0.transformer_blocks.0.norm3 1280
mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj 10240 1280
mid_block.attentions.0.transformer_blocks.0.ff.net.2 1280 5120
mid_block.attentions.0.temporal_transformer_blocks.0.norm_in 1280
mid_block.attentions.0.temporal_transformer_blocks.0.ff_in.net.0.proj 10240 1280
mid_block.attentions.0.temporal_transformer_blocks.0.ff_in.net.2 1280 5120
mid_block.attentions.0.temporal_transformer_blocks.0.norm1 1280
mid_block.attentions.0.temporal_transformer_blocks.0.attn1.to_q 1280 1280
mid_block.attentions.0.temporal_transformer_blocks.0.attn1.to_k 1280 1280
mid_block.attentions.0.temporal_transformer_blocks.0.attn1.to_v 1280 1280
mid_block.attentions.0.temporal_transformer_blocks.0.attn1.to_out.0 1280 1280
mid_block.attentions.0.temporal_transformer_blocks.0.norm2 1280
mid_block.attentions.0.temporal_transformer_blocks.0.attn2.to_q 1280 1280
mid_block.attentions.0.temporal_transformer_blocks.0.attn2.to_k 1280 1024
mid_block.attentions.0.temporal_transformer_blocks.0.attn2.to_v 1280 1024
mid_block.attentions.0.temporal_transformer_blocks.0.attn2.to_out.0 1280 1280
mid_block.attentions.0.temporal_transformer_blocks.0.norm3 1280
mid_block.attentions.0.temporal_transformer_blocks.0.ff.net.0.proj 10240 1280
mid_block.attentions.0.temporal_transformer_blocks.0.ff.net.2 1280 5120
mid_block.attentions.0.time_pos_embed.linear_1 5120 1280
mid_block.attentions.0.time_pos_embed.linear_2 1280 5120
mid_block.attentions.0.proj_out 1280 1280
mid_block.resnets.{0-1}.spatial_res_block.norm1 1280
mid_block.resnets.{0-1}.spatial_res_block.conv1 1280 1280 3x3
mid_block.resnets.{0-1}.spatial_res_block.time_emb_proj 1280 1280
mid_block.resnets.{0-1}.spatial_res_block.norm2 1280
mid_block.resnets.{0-1}.spatial_res_block.conv2 1280 1280 3x3
mid_block.resnets.{0-1}.temporal_res_block.norm1 1280
mid_block.resnets.{0-1}.temporal_res_block.conv1 1280 1280 3x1x1
mid_block.resnets.{0-1}.temporal_res_block.time_emb_proj 1280 1280
mid_block.resnets.{0-1}.temporal_res_block.norm2 1280
mid_block.resnets.{0-1}.temporal_res_block.conv2 1280 1280 3x1x1
conv_norm_out 320
conv_out 4 320 3x3
"""

FAMILY = Family(
    title="Stable Video Diffusion",
    sources=("huggingface/diffusers UNetSpatioTemporalConditionModel (generated on meta tensors)",),
    signatures=(
        Signature(
            ("svd",),
            has=(
                "down_blocks.0.attentions.0.temporal_transformer_blocks.0.ff_in.net.0.proj.weight",
                "down_blocks.0.resnets.0.temporal_res_block.conv1.weight",
                "conv_in.weight",
            ),
            lacks=("controlnet_cond_embedding.conv_in.weight", "controlnet_down_blocks.0.weight"),
            because=N_("its blocks mix frames over time ({key}), as those of {title} do"),
        ),
    ),
    graphs=(Graph("svd", "diffusers", DIFFUSERS, rare=True),),
    classes={"UNetSpatioTemporalConditionModel": (Kind.DIFFUSION_MODEL, ("svd",))},
)
