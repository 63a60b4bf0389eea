"""Cosmos of NVIDIA: Cosmos 1, Predict 2 and 2.5, Cosmos 3; and Anima, which is Predict 2 with a reader of its own."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

COSMOS2_2B = """
t_embedder.1.linear_1 2048 2048
t_embedder.1.linear_2 6144 2048
x_embedder.proj.1 2048 68
blocks.{0-27}.self_attn.q_proj 2048 2048
blocks.{0-27}.self_attn.q_norm 128
blocks.{0-27}.self_attn.k_proj 2048 2048
blocks.{0-27}.self_attn.k_norm 128
blocks.{0-27}.self_attn.v_proj 2048 2048
blocks.{0-27}.self_attn.output_proj 2048 2048
blocks.{0-27}.cross_attn.q_proj 2048 2048
blocks.{0-27}.cross_attn.q_norm 128
blocks.{0-27}.cross_attn.k_proj 2048 1024
blocks.{0-27}.cross_attn.k_norm 128
blocks.{0-27}.cross_attn.v_proj 2048 1024
blocks.{0-27}.cross_attn.output_proj 2048 2048
blocks.{0-27}.mlp.layer1 8192 2048
blocks.{0-27}.mlp.layer2 2048 8192
blocks.{0-27}.adaln_modulation_self_attn.1 256 2048
blocks.{0-27}.adaln_modulation_self_attn.2 6144 256
blocks.{0-27}.adaln_modulation_cross_attn.1 256 2048
blocks.{0-27}.adaln_modulation_cross_attn.2 6144 256
blocks.{0-27}.adaln_modulation_mlp.1 256 2048
blocks.{0-27}.adaln_modulation_mlp.2 6144 256
final_layer.linear 64 2048
final_layer.adaln_modulation.1 256 2048
final_layer.adaln_modulation.2 4096 256
t_embedding_norm 2048"""

COSMOS2_14B = """
t_embedder.1.linear_1 5120 5120
t_embedder.1.linear_2 15360 5120
x_embedder.proj.1 5120 68
blocks.{0-35}.self_attn.q_proj 5120 5120
blocks.{0-35}.self_attn.q_norm 128
blocks.{0-35}.self_attn.k_proj 5120 5120
blocks.{0-35}.self_attn.k_norm 128
blocks.{0-35}.self_attn.v_proj 5120 5120
blocks.{0-35}.self_attn.output_proj 5120 5120
blocks.{0-35}.cross_attn.q_proj 5120 5120
blocks.{0-35}.cross_attn.q_norm 128
blocks.{0-35}.cross_attn.k_proj 5120 1024
blocks.{0-35}.cross_attn.k_norm 128
blocks.{0-35}.cross_attn.v_proj 5120 1024
blocks.{0-35}.cross_attn.output_proj 5120 5120
blocks.{0-35}.mlp.layer1 20480 5120
blocks.{0-35}.mlp.layer2 5120 20480
blocks.{0-35}.adaln_modulation_self_attn.1 256 5120
blocks.{0-35}.adaln_modulation_self_attn.2 15360 256
blocks.{0-35}.adaln_modulation_cross_attn.1 256 5120
blocks.{0-35}.adaln_modulation_cross_attn.2 15360 256
blocks.{0-35}.adaln_modulation_mlp.1 256 5120
blocks.{0-35}.adaln_modulation_mlp.2 15360 256
final_layer.linear 64 5120
final_layer.adaln_modulation.1 256 5120
final_layer.adaln_modulation.2 10240 256
t_embedding_norm 5120"""

COSMOS2_2B_D = """
patch_embed.proj 2048 68
time_embed.t_embedder.linear_1 2048 2048
time_embed.t_embedder.linear_2 6144 2048
time_embed.norm 2048
transformer_blocks.{0-27}.norm1.linear_1 256 2048
transformer_blocks.{0-27}.norm1.linear_2 6144 256
transformer_blocks.{0-27}.attn1.norm_q 128
transformer_blocks.{0-27}.attn1.norm_k 128
transformer_blocks.{0-27}.attn1.to_q 2048 2048
transformer_blocks.{0-27}.attn1.to_k 2048 2048
transformer_blocks.{0-27}.attn1.to_v 2048 2048
transformer_blocks.{0-27}.attn1.to_out.0 2048 2048
transformer_blocks.{0-27}.norm2.linear_1 256 2048
transformer_blocks.{0-27}.norm2.linear_2 6144 256
transformer_blocks.{0-27}.attn2.norm_q 128
transformer_blocks.{0-27}.attn2.norm_k 128
transformer_blocks.{0-27}.attn2.to_q 2048 2048
transformer_blocks.{0-27}.attn2.to_k 2048 1024
transformer_blocks.{0-27}.attn2.to_v 2048 1024
transformer_blocks.{0-27}.attn2.to_out.0 2048 2048
transformer_blocks.{0-27}.norm3.linear_1 256 2048
transformer_blocks.{0-27}.norm3.linear_2 6144 256
transformer_blocks.{0-27}.ff.net.0.proj 8192 2048
transformer_blocks.{0-27}.ff.net.2 2048 8192
norm_out.linear_1 256 2048
norm_out.linear_2 4096 256
proj_out 64 2048"""

COSMOS2_14B_D = """
patch_embed.proj 5120 68
time_embed.t_embedder.linear_1 5120 5120
time_embed.t_embedder.linear_2 15360 5120
time_embed.norm 5120
transformer_blocks.{0-35}.norm1.linear_1 256 5120
transformer_blocks.{0-35}.norm1.linear_2 15360 256
transformer_blocks.{0-35}.attn1.norm_q 128
transformer_blocks.{0-35}.attn1.norm_k 128
transformer_blocks.{0-35}.attn1.to_q 5120 5120
transformer_blocks.{0-35}.attn1.to_k 5120 5120
transformer_blocks.{0-35}.attn1.to_v 5120 5120
transformer_blocks.{0-35}.attn1.to_out.0 5120 5120
transformer_blocks.{0-35}.norm2.linear_1 256 5120
transformer_blocks.{0-35}.norm2.linear_2 15360 256
transformer_blocks.{0-35}.attn2.norm_q 128
transformer_blocks.{0-35}.attn2.norm_k 128
transformer_blocks.{0-35}.attn2.to_q 5120 5120
transformer_blocks.{0-35}.attn2.to_k 5120 1024
transformer_blocks.{0-35}.attn2.to_v 5120 1024
transformer_blocks.{0-35}.attn2.to_out.0 5120 5120
transformer_blocks.{0-35}.norm3.linear_1 256 5120
transformer_blocks.{0-35}.norm3.linear_2 15360 256
transformer_blocks.{0-35}.ff.net.0.proj 20480 5120
transformer_blocks.{0-35}.ff.net.2 5120 20480
norm_out.linear_1 256 5120
norm_out.linear_2 10240 256
proj_out 64 5120"""

ANIMA_ADAPTER = """
llm_adapter.embed 32128 1024
llm_adapter.blocks.{0-5}.norm_self_attn 1024
llm_adapter.blocks.{0-5}.self_attn.q_proj 1024 1024
llm_adapter.blocks.{0-5}.self_attn.q_norm 64
llm_adapter.blocks.{0-5}.self_attn.k_proj 1024 1024
llm_adapter.blocks.{0-5}.self_attn.k_norm 64
llm_adapter.blocks.{0-5}.self_attn.v_proj 1024 1024
llm_adapter.blocks.{0-5}.self_attn.o_proj 1024 1024
llm_adapter.blocks.{0-5}.norm_cross_attn 1024
llm_adapter.blocks.{0-5}.cross_attn.q_proj 1024 1024
llm_adapter.blocks.{0-5}.cross_attn.q_norm 64
llm_adapter.blocks.{0-5}.cross_attn.k_proj 1024 1024
llm_adapter.blocks.{0-5}.cross_attn.k_norm 64
llm_adapter.blocks.{0-5}.cross_attn.v_proj 1024 1024
llm_adapter.blocks.{0-5}.cross_attn.o_proj 1024 1024
llm_adapter.blocks.{0-5}.norm_mlp 1024
llm_adapter.blocks.{0-5}.mlp.0 4096 1024
llm_adapter.blocks.{0-5}.mlp.2 1024 4096
llm_adapter.out_proj 1024 1024
llm_adapter.norm 1024"""

FIRST = (
    "blocks.block0.blocks.0.block.attn.to_q.0.weight",
    "x_embedder.proj.1.weight",
    "blocks.block0.blocks.0.adaLN_modulation.1.weight",
)
PREDICT2 = (
    "blocks.0.mlp.layer1.weight",
    "x_embedder.proj.1.weight",
    "blocks.0.self_attn.q_norm.weight",
    "blocks.0.cross_attn.output_proj.weight",
    "blocks.0.adaln_modulation_mlp.1.weight",
)
ANIMA = (*PREDICT2, "llm_adapter.blocks.0.cross_attn.q_proj.weight")
DIFFUSERS = (
    "time_embed.t_embedder.linear_1.weight",
    "patch_embed.proj.weight",
    "transformer_blocks.0.norm1.linear_1.weight",
    "transformer_blocks.0.attn1.norm_q.weight",
    "transformer_blocks.0.attn2.norm_q.weight",
    "norm_out.linear_1.weight",
)
DIFFUSERS_FIRST = (*DIFFUSERS, "learnable_pos_embed.pos_emb_t")
DIFFUSERS_25 = (*DIFFUSERS, "crossattn_proj.0.weight")
THIRD = (
    "layers.0.self_attn.add_q_proj.weight",
    "layers.0.mlp_moe_gen.gate_proj.weight",
    "norm_moe_gen.weight",
    "proj_in.weight",
)
SIZES_1 = {"affline_norm.weight": ((4096, 5120),)}
SIZES_2 = {"t_embedding_norm.weight": ((2048, 5120),)}
DIFFUSERS_SIZES = {"time_embed.norm.weight": ((2048, 4096, 5120),)}

COSMOS_1 = N_("it has {key}, as Cosmos 1 has")
OTHER_WIDTH_1 = N_("it has {key}, as Cosmos 1 has, but at another width")
COSMOS_2 = N_("it has {key} and the blocks of Cosmos Predict 2")
OTHER_WIDTH_2 = N_("it has {key} and the blocks of Cosmos Predict 2, but at another width")
COSMOS_25 = N_("the blocks of Cosmos Predict 2 and a projection of the text, as Predict 2.5 has")
READER = N_("the blocks of Cosmos Predict 2 and an adapter that reads Qwen3's text, as Anima has")
SPLIT = N_("the blocks of Cosmos Predict 2 2B; a diffusers folder of Anima keeps the same and its adapter beside")
COSMOS_3 = N_("a language model with second weights for pictures, as Cosmos 3 is")

COSMOS1_7B = """
x_embedder.proj.1 4096 68
t_embedder.1.linear_1 4096 4096
t_embedder.1.linear_2 12288 4096
blocks.block0.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block0.blocks.{0-1}.block.attn.to_q.1 128
blocks.block0.blocks.0.block.attn.to_k.0 4096 4096
blocks.block0.blocks.{0-1}.block.attn.to_k.1 128
blocks.block0.blocks.0.block.attn.to_v.0 4096 4096
blocks.block0.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block0.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block0.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block0.blocks.1.block.attn.to_k.0 4096 1024
blocks.block0.blocks.1.block.attn.to_v.0 4096 1024
blocks.block0.blocks.2.block.layer1 16384 4096
blocks.block0.blocks.2.block.layer2 4096 16384
blocks.block1.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block1.blocks.{0-1}.block.attn.to_q.1 128
blocks.block1.blocks.0.block.attn.to_k.0 4096 4096
blocks.block1.blocks.{0-1}.block.attn.to_k.1 128
blocks.block1.blocks.0.block.attn.to_v.0 4096 4096
blocks.block1.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block1.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block1.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block1.blocks.1.block.attn.to_k.0 4096 1024
blocks.block1.blocks.1.block.attn.to_v.0 4096 1024
blocks.block1.blocks.2.block.layer1 16384 4096
blocks.block1.blocks.2.block.layer2 4096 16384
blocks.block2.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block2.blocks.{0-1}.block.attn.to_q.1 128
blocks.block2.blocks.0.block.attn.to_k.0 4096 4096
blocks.block2.blocks.{0-1}.block.attn.to_k.1 128
blocks.block2.blocks.0.block.attn.to_v.0 4096 4096
blocks.block2.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block2.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block2.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block2.blocks.1.block.attn.to_k.0 4096 1024
blocks.block2.blocks.1.block.attn.to_v.0 4096 1024
blocks.block2.blocks.2.block.layer1 16384 4096
blocks.block2.blocks.2.block.layer2 4096 16384
blocks.block3.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block3.blocks.{0-1}.block.attn.to_q.1 128
blocks.block3.blocks.0.block.attn.to_k.0 4096 4096
blocks.block3.blocks.{0-1}.block.attn.to_k.1 128
blocks.block3.blocks.0.block.attn.to_v.0 4096 4096
blocks.block3.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block3.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block3.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block3.blocks.1.block.attn.to_k.0 4096 1024
blocks.block3.blocks.1.block.attn.to_v.0 4096 1024
blocks.block3.blocks.2.block.layer1 16384 4096
blocks.block3.blocks.2.block.layer2 4096 16384
blocks.block4.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block4.blocks.{0-1}.block.attn.to_q.1 128
blocks.block4.blocks.0.block.attn.to_k.0 4096 4096
blocks.block4.blocks.{0-1}.block.attn.to_k.1 128
blocks.block4.blocks.0.block.attn.to_v.0 4096 4096
blocks.block4.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block4.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block4.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block4.blocks.1.block.attn.to_k.0 4096 1024
blocks.block4.blocks.1.block.attn.to_v.0 4096 1024
blocks.block4.blocks.2.block.layer1 16384 4096
blocks.block4.blocks.2.block.layer2 4096 16384
blocks.block5.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block5.blocks.{0-1}.block.attn.to_q.1 128
blocks.block5.blocks.0.block.attn.to_k.0 4096 4096
blocks.block5.blocks.{0-1}.block.attn.to_k.1 128
blocks.block5.blocks.0.block.attn.to_v.0 4096 4096
blocks.block5.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block5.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block5.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block5.blocks.1.block.attn.to_k.0 4096 1024
blocks.block5.blocks.1.block.attn.to_v.0 4096 1024
blocks.block5.blocks.2.block.layer1 16384 4096
blocks.block5.blocks.2.block.layer2 4096 16384
blocks.block6.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block6.blocks.{0-1}.block.attn.to_q.1 128
blocks.block6.blocks.0.block.attn.to_k.0 4096 4096
blocks.block6.blocks.{0-1}.block.attn.to_k.1 128
blocks.block6.blocks.0.block.attn.to_v.0 4096 4096
blocks.block6.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block6.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block6.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block6.blocks.1.block.attn.to_k.0 4096 1024
blocks.block6.blocks.1.block.attn.to_v.0 4096 1024
blocks.block6.blocks.2.block.layer1 16384 4096
blocks.block6.blocks.2.block.layer2 4096 16384
blocks.block7.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block7.blocks.{0-1}.block.attn.to_q.1 128
blocks.block7.blocks.0.block.attn.to_k.0 4096 4096
blocks.block7.blocks.{0-1}.block.attn.to_k.1 128
blocks.block7.blocks.0.block.attn.to_v.0 4096 4096
blocks.block7.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block7.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block7.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block7.blocks.1.block.attn.to_k.0 4096 1024
blocks.block7.blocks.1.block.attn.to_v.0 4096 1024
blocks.block7.blocks.2.block.layer1 16384 4096
blocks.block7.blocks.2.block.layer2 4096 16384
blocks.block8.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block8.blocks.{0-1}.block.attn.to_q.1 128
blocks.block8.blocks.0.block.attn.to_k.0 4096 4096
blocks.block8.blocks.{0-1}.block.attn.to_k.1 128
blocks.block8.blocks.0.block.attn.to_v.0 4096 4096
blocks.block8.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block8.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block8.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block8.blocks.1.block.attn.to_k.0 4096 1024
blocks.block8.blocks.1.block.attn.to_v.0 4096 1024
blocks.block8.blocks.2.block.layer1 16384 4096
blocks.block8.blocks.2.block.layer2 4096 16384
blocks.block9.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block9.blocks.{0-1}.block.attn.to_q.1 128
blocks.block9.blocks.0.block.attn.to_k.0 4096 4096
blocks.block9.blocks.{0-1}.block.attn.to_k.1 128
blocks.block9.blocks.0.block.attn.to_v.0 4096 4096
blocks.block9.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block9.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block9.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block9.blocks.1.block.attn.to_k.0 4096 1024
blocks.block9.blocks.1.block.attn.to_v.0 4096 1024
blocks.block9.blocks.2.block.layer1 16384 4096
blocks.block9.blocks.2.block.layer2 4096 16384
blocks.block10.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block10.blocks.{0-1}.block.attn.to_q.1 128
blocks.block10.blocks.0.block.attn.to_k.0 4096 4096
blocks.block10.blocks.{0-1}.block.attn.to_k.1 128
blocks.block10.blocks.0.block.attn.to_v.0 4096 4096
blocks.block10.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block10.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block10.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block10.blocks.1.block.attn.to_k.0 4096 1024
blocks.block10.blocks.1.block.attn.to_v.0 4096 1024
blocks.block10.blocks.2.block.layer1 16384 4096
blocks.block10.blocks.2.block.layer2 4096 16384
blocks.block11.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block11.blocks.{0-1}.block.attn.to_q.1 128
blocks.block11.blocks.0.block.attn.to_k.0 4096 4096
blocks.block11.blocks.{0-1}.block.attn.to_k.1 128
blocks.block11.blocks.0.block.attn.to_v.0 4096 4096
blocks.block11.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block11.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block11.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block11.blocks.1.block.attn.to_k.0 4096 1024
blocks.block11.blocks.1.block.attn.to_v.0 4096 1024
blocks.block11.blocks.2.block.layer1 16384 4096
blocks.block11.blocks.2.block.layer2 4096 16384
blocks.block12.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block12.blocks.{0-1}.block.attn.to_q.1 128
blocks.block12.blocks.0.block.attn.to_k.0 4096 4096
blocks.block12.blocks.{0-1}.block.attn.to_k.1 128
blocks.block12.blocks.0.block.attn.to_v.0 4096 4096
blocks.block12.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block12.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block12.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block12.blocks.1.block.attn.to_k.0 4096 1024
blocks.block12.blocks.1.block.attn.to_v.0 4096 1024
blocks.block12.blocks.2.block.layer1 16384 4096
blocks.block12.blocks.2.block.layer2 4096 16384
blocks.block13.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block13.blocks.{0-1}.block.attn.to_q.1 128
blocks.block13.blocks.0.block.attn.to_k.0 4096 4096
blocks.block13.blocks.{0-1}.block.attn.to_k.1 128
blocks.block13.blocks.0.block.attn.to_v.0 4096 4096
blocks.block13.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block13.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block13.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block13.blocks.1.block.attn.to_k.0 4096 1024
blocks.block13.blocks.1.block.attn.to_v.0 4096 1024
blocks.block13.blocks.2.block.layer1 16384 4096
blocks.block13.blocks.2.block.layer2 4096 16384
blocks.block14.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block14.blocks.{0-1}.block.attn.to_q.1 128
blocks.block14.blocks.0.block.attn.to_k.0 4096 4096
blocks.block14.blocks.{0-1}.block.attn.to_k.1 128
blocks.block14.blocks.0.block.attn.to_v.0 4096 4096
blocks.block14.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block14.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block14.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block14.blocks.1.block.attn.to_k.0 4096 1024
blocks.block14.blocks.1.block.attn.to_v.0 4096 1024
blocks.block14.blocks.2.block.layer1 16384 4096
blocks.block14.blocks.2.block.layer2 4096 16384
blocks.block15.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block15.blocks.{0-1}.block.attn.to_q.1 128
blocks.block15.blocks.0.block.attn.to_k.0 4096 4096
blocks.block15.blocks.{0-1}.block.attn.to_k.1 128
blocks.block15.blocks.0.block.attn.to_v.0 4096 4096
blocks.block15.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block15.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block15.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block15.blocks.1.block.attn.to_k.0 4096 1024
blocks.block15.blocks.1.block.attn.to_v.0 4096 1024
blocks.block15.blocks.2.block.layer1 16384 4096
blocks.block15.blocks.2.block.layer2 4096 16384
blocks.block16.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block16.blocks.{0-1}.block.attn.to_q.1 128
blocks.block16.blocks.0.block.attn.to_k.0 4096 4096
blocks.block16.blocks.{0-1}.block.attn.to_k.1 128
blocks.block16.blocks.0.block.attn.to_v.0 4096 4096
blocks.block16.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block16.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block16.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block16.blocks.1.block.attn.to_k.0 4096 1024
blocks.block16.blocks.1.block.attn.to_v.0 4096 1024
blocks.block16.blocks.2.block.layer1 16384 4096
blocks.block16.blocks.2.block.layer2 4096 16384
blocks.block17.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block17.blocks.{0-1}.block.attn.to_q.1 128
blocks.block17.blocks.0.block.attn.to_k.0 4096 4096
blocks.block17.blocks.{0-1}.block.attn.to_k.1 128
blocks.block17.blocks.0.block.attn.to_v.0 4096 4096
blocks.block17.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block17.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block17.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block17.blocks.1.block.attn.to_k.0 4096 1024
blocks.block17.blocks.1.block.attn.to_v.0 4096 1024
blocks.block17.blocks.2.block.layer1 16384 4096
blocks.block17.blocks.2.block.layer2 4096 16384
blocks.block18.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block18.blocks.{0-1}.block.attn.to_q.1 128
blocks.block18.blocks.0.block.attn.to_k.0 4096 4096
blocks.block18.blocks.{0-1}.block.attn.to_k.1 128
blocks.block18.blocks.0.block.attn.to_v.0 4096 4096
blocks.block18.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block18.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block18.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block18.blocks.1.block.attn.to_k.0 4096 1024
blocks.block18.blocks.1.block.attn.to_v.0 4096 1024
blocks.block18.blocks.2.block.layer1 16384 4096
blocks.block18.blocks.2.block.layer2 4096 16384
blocks.block19.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block19.blocks.{0-1}.block.attn.to_q.1 128
blocks.block19.blocks.0.block.attn.to_k.0 4096 4096
blocks.block19.blocks.{0-1}.block.attn.to_k.1 128
blocks.block19.blocks.0.block.attn.to_v.0 4096 4096
blocks.block19.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block19.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block19.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block19.blocks.1.block.attn.to_k.0 4096 1024
blocks.block19.blocks.1.block.attn.to_v.0 4096 1024
blocks.block19.blocks.2.block.layer1 16384 4096
blocks.block19.blocks.2.block.layer2 4096 16384
blocks.block20.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block20.blocks.{0-1}.block.attn.to_q.1 128
blocks.block20.blocks.0.block.attn.to_k.0 4096 4096
blocks.block20.blocks.{0-1}.block.attn.to_k.1 128
blocks.block20.blocks.0.block.attn.to_v.0 4096 4096
blocks.block20.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block20.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block20.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block20.blocks.1.block.attn.to_k.0 4096 1024
blocks.block20.blocks.1.block.attn.to_v.0 4096 1024
blocks.block20.blocks.2.block.layer1 16384 4096
blocks.block20.blocks.2.block.layer2 4096 16384
blocks.block21.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block21.blocks.{0-1}.block.attn.to_q.1 128
blocks.block21.blocks.0.block.attn.to_k.0 4096 4096
blocks.block21.blocks.{0-1}.block.attn.to_k.1 128
blocks.block21.blocks.0.block.attn.to_v.0 4096 4096
blocks.block21.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block21.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block21.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block21.blocks.1.block.attn.to_k.0 4096 1024
blocks.block21.blocks.1.block.attn.to_v.0 4096 1024
blocks.block21.blocks.2.block.layer1 16384 4096
blocks.block21.blocks.2.block.layer2 4096 16384
blocks.block22.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block22.blocks.{0-1}.block.attn.to_q.1 128
blocks.block22.blocks.0.block.attn.to_k.0 4096 4096
blocks.block22.blocks.{0-1}.block.attn.to_k.1 128
blocks.block22.blocks.0.block.attn.to_v.0 4096 4096
blocks.block22.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block22.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block22.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block22.blocks.1.block.attn.to_k.0 4096 1024
blocks.block22.blocks.1.block.attn.to_v.0 4096 1024
blocks.block22.blocks.2.block.layer1 16384 4096
blocks.block22.blocks.2.block.layer2 4096 16384
blocks.block23.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block23.blocks.{0-1}.block.attn.to_q.1 128
blocks.block23.blocks.0.block.attn.to_k.0 4096 4096
blocks.block23.blocks.{0-1}.block.attn.to_k.1 128
blocks.block23.blocks.0.block.attn.to_v.0 4096 4096
blocks.block23.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block23.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block23.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block23.blocks.1.block.attn.to_k.0 4096 1024
blocks.block23.blocks.1.block.attn.to_v.0 4096 1024
blocks.block23.blocks.2.block.layer1 16384 4096
blocks.block23.blocks.2.block.layer2 4096 16384
blocks.block24.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block24.blocks.{0-1}.block.attn.to_q.1 128
blocks.block24.blocks.0.block.attn.to_k.0 4096 4096
blocks.block24.blocks.{0-1}.block.attn.to_k.1 128
blocks.block24.blocks.0.block.attn.to_v.0 4096 4096
blocks.block24.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block24.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block24.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block24.blocks.1.block.attn.to_k.0 4096 1024
blocks.block24.blocks.1.block.attn.to_v.0 4096 1024
blocks.block24.blocks.2.block.layer1 16384 4096
blocks.block24.blocks.2.block.layer2 4096 16384
blocks.block25.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block25.blocks.{0-1}.block.attn.to_q.1 128
blocks.block25.blocks.0.block.attn.to_k.0 4096 4096
blocks.block25.blocks.{0-1}.block.attn.to_k.1 128
blocks.block25.blocks.0.block.attn.to_v.0 4096 4096
blocks.block25.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block25.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block25.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block25.blocks.1.block.attn.to_k.0 4096 1024
blocks.block25.blocks.1.block.attn.to_v.0 4096 1024
blocks.block25.blocks.2.block.layer1 16384 4096
blocks.block25.blocks.2.block.layer2 4096 16384
blocks.block26.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block26.blocks.{0-1}.block.attn.to_q.1 128
blocks.block26.blocks.0.block.attn.to_k.0 4096 4096
blocks.block26.blocks.{0-1}.block.attn.to_k.1 128
blocks.block26.blocks.0.block.attn.to_v.0 4096 4096
blocks.block26.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block26.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block26.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block26.blocks.1.block.attn.to_k.0 4096 1024
blocks.block26.blocks.1.block.attn.to_v.0 4096 1024
blocks.block26.blocks.2.block.layer1 16384 4096
blocks.block26.blocks.2.block.layer2 4096 16384
blocks.block27.blocks.{0-1}.block.attn.to_q.0 4096 4096
blocks.block27.blocks.{0-1}.block.attn.to_q.1 128
blocks.block27.blocks.0.block.attn.to_k.0 4096 4096
blocks.block27.blocks.{0-1}.block.attn.to_k.1 128
blocks.block27.blocks.0.block.attn.to_v.0 4096 4096
blocks.block27.blocks.{0-1}.block.attn.to_out.0 4096 4096
blocks.block27.blocks.{0-2}.adaLN_modulation.1 256 4096
blocks.block27.blocks.{0-2}.adaLN_modulation.2 12288 256
blocks.block27.blocks.1.block.attn.to_k.0 4096 1024
blocks.block27.blocks.1.block.attn.to_v.0 4096 1024
blocks.block27.blocks.2.block.layer1 16384 4096
blocks.block27.blocks.2.block.layer2 4096 16384
affline_norm 4096
final_layer.linear 64 4096
final_layer.adaLN_modulation.1 256 4096
final_layer.adaLN_modulation.2 8192 256
"""

COSMOS1_7B_D = """
patch_embed.proj 4096 68
time_embed.t_embedder.linear_1 4096 4096
time_embed.t_embedder.linear_2 12288 4096
time_embed.norm 4096
transformer_blocks.{0-27}.norm1.linear_1 256 4096
transformer_blocks.{0-27}.norm1.linear_2 12288 256
transformer_blocks.{0-27}.attn1.norm_q 128
transformer_blocks.{0-27}.attn1.norm_k 128
transformer_blocks.{0-27}.attn1.to_q 4096 4096
transformer_blocks.{0-27}.attn1.to_k 4096 4096
transformer_blocks.{0-27}.attn1.to_v 4096 4096
transformer_blocks.{0-27}.attn1.to_out.0 4096 4096
transformer_blocks.{0-27}.norm2.linear_1 256 4096
transformer_blocks.{0-27}.norm2.linear_2 12288 256
transformer_blocks.{0-27}.attn2.norm_q 128
transformer_blocks.{0-27}.attn2.norm_k 128
transformer_blocks.{0-27}.attn2.to_q 4096 4096
transformer_blocks.{0-27}.attn2.to_k 4096 1024
transformer_blocks.{0-27}.attn2.to_v 4096 1024
transformer_blocks.{0-27}.attn2.to_out.0 4096 4096
transformer_blocks.{0-27}.norm3.linear_1 256 4096
transformer_blocks.{0-27}.norm3.linear_2 12288 256
transformer_blocks.{0-27}.ff.net.0.proj 16384 4096
transformer_blocks.{0-27}.ff.net.2 4096 16384
norm_out.linear_1 256 4096
norm_out.linear_2 8192 256
proj_out 64 4096
"""

COSMOS1_14B_D = """
patch_embed.proj 5120 68
time_embed.t_embedder.linear_1 5120 5120
time_embed.t_embedder.linear_2 15360 5120
time_embed.norm 5120
transformer_blocks.{0-35}.norm1.linear_1 256 5120
transformer_blocks.{0-35}.norm1.linear_2 15360 256
transformer_blocks.{0-35}.attn1.norm_q 128
transformer_blocks.{0-35}.attn1.norm_k 128
transformer_blocks.{0-35}.attn1.to_q 5120 5120
transformer_blocks.{0-35}.attn1.to_k 5120 5120
transformer_blocks.{0-35}.attn1.to_v 5120 5120
transformer_blocks.{0-35}.attn1.to_out.0 5120 5120
transformer_blocks.{0-35}.norm2.linear_1 256 5120
transformer_blocks.{0-35}.norm2.linear_2 15360 256
transformer_blocks.{0-35}.attn2.norm_q 128
transformer_blocks.{0-35}.attn2.norm_k 128
transformer_blocks.{0-35}.attn2.to_q 5120 5120
transformer_blocks.{0-35}.attn2.to_k 5120 1024
transformer_blocks.{0-35}.attn2.to_v 5120 1024
transformer_blocks.{0-35}.attn2.to_out.0 5120 5120
transformer_blocks.{0-35}.norm3.linear_1 256 5120
transformer_blocks.{0-35}.norm3.linear_2 15360 256
transformer_blocks.{0-35}.ff.net.0.proj 20480 5120
transformer_blocks.{0-35}.ff.net.2 5120 20480
norm_out.linear_1 256 5120
norm_out.linear_2 10240 256
proj_out 64 5120
"""

FAMILY = Family(
    title="Cosmos",
    sources=(
        "nvidia-cosmos/cosmos-predict2 cosmos_predict2/models",
        "huggingface/diffusers CosmosTransformer3DModel, Cosmos3OmniTransformer, AnimaTextConditioner (generated on "
        "meta tensors), modular_pipelines/anima, loaders/single_file_utils.py",
        "kohya-ss/sd-scripts library/anima_models.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py (facts)",
    ),
    signatures=(
        Signature(("cosmos-1",), FIRST, because=OTHER_WIDTH_1, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("cosmos-1",), FIRST, shapes=SIZES_1, because=COSMOS_1),
        Signature(
            ("cosmos-predict2",), PREDICT2, because=OTHER_WIDTH_2, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("cosmos-predict2",), PREDICT2, shapes=SIZES_2, because=COSMOS_2),
        Signature(("cosmos-predict2.5",), (*PREDICT2, "crossattn_proj.0.weight"), shapes=SIZES_2, because=COSMOS_25),
        Signature(("anima",), ANIMA, because=OTHER_WIDTH_2, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("anima",), ANIMA, shapes=SIZES_2, because=READER),
        Signature(
            ("cosmos-predict2",), DIFFUSERS, because=OTHER_WIDTH_2, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("cosmos-predict2",), DIFFUSERS, shapes=DIFFUSERS_SIZES, because=COSMOS_2),
        Signature(
            ("cosmos-predict2", "anima"),
            DIFFUSERS,
            ("crossattn_proj.0.weight", "learnable_pos_embed.pos_emb_t"),
            {**DIFFUSERS_SIZES, "patch_embed.proj.weight": (2048, 68)},
            because=SPLIT,
        ),
        Signature(
            ("cosmos-predict2.5",), DIFFUSERS_25, because=COSMOS_25, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("cosmos-predict2.5",), DIFFUSERS_25, shapes=DIFFUSERS_SIZES, because=COSMOS_25),
        Signature(
            ("cosmos-1",), DIFFUSERS_FIRST, because=OTHER_WIDTH_1, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("cosmos-1",), DIFFUSERS_FIRST, shapes=DIFFUSERS_SIZES, because=COSMOS_1),
        Signature(("cosmos-3",), THIRD, because=COSMOS_3),
    ),
    variants=(
        Variant(
            "t2i",
            N_("it takes 17 channels: no place for frames to begin with"),
            shapes={"x_embedder.proj.1.weight|patch_embed.proj.weight": (None, 68)},
        ),
        Variant(
            "i2v",
            N_("it takes 18 channels: one of them marks the frames to begin with"),
            shapes={"x_embedder.proj.1.weight|patch_embed.proj.weight": (None, 72)},
        ),
    ),
    graphs=(
        Graph("cosmos-1", "diffusers", COSMOS1_14B_D, rare=True, dotted=True),
        Graph("cosmos-1", "diffusers", COSMOS1_7B_D, rare=True, dotted=True),
        Graph("cosmos-1", "native", COSMOS1_7B, rare=True),
        Graph("cosmos-predict2", "native", COSMOS2_2B, rare=True),
        Graph("cosmos-predict2", "native", COSMOS2_14B, rare=True),
        Graph("cosmos-predict2", "diffusers", COSMOS2_2B_D, dotted=True),
        Graph("cosmos-predict2", "diffusers", COSMOS2_14B_D, rare=True, dotted=True),
        Graph("anima", "native", COSMOS2_2B + ANIMA_ADAPTER),
        Graph("anima", "diffusers", COSMOS2_2B_D, dotted=True),
    ),
    classes={
        "CosmosTransformer3DModel": (Kind.DIFFUSION_MODEL, ("cosmos-predict2", "cosmos-1", "anima")),
        "Cosmos3OmniTransformer": (Kind.DIFFUSION_MODEL, ("cosmos-3",)),
    },
)
