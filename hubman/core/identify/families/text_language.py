"""Language models, which newer image models read text with: Llama, Qwen, Gemma, Mistral, GLM, Phi.

Whether one is kept for pictures or for talk, no tensor says. One that sees (Qwen-VL, LLaVA) has the same language half.
"""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

HERE = (
    "language_model.", "language_model.model.", "model.language_model.", "language_model.model.model.",
    "text_encoder.", "text_encoder.model.", "text_encoder/", "text_encoder/model.", "text_encoder/language_model.",
    "text_encoder/language_model.model.", "text_encoder/model.language_model.", "text_encoder_2/", "text_encoder_3/",
    "text_encoder_4/", "text_encoder_4/model.", "llm.model.", "text_encoders.llama.transformer.model.",
    "text_encoders.qwen25_7b.transformer.model.", "text_encoders.qwen25_3b.transformer.model.",
    "text_encoders.qwen3_4b.transformer.model.", "text_encoders.qwen3_8b.transformer.model.",
    "text_encoders.qwen3_06b.transformer.model.", "text_encoders.qwen3_2b.transformer.model.",
    "text_encoders.gemma2_2b.transformer.model.", "text_encoders.gemma3_4b.transformer.model.",
    "text_encoders.gemma3_12b.transformer.model.", "text_encoders.mistral3_24b.transformer.model.",
)  # fmt: skip
GLM = ("text_encoder.", "text_encoder/", "model.transformer.", "chatglm.transformer.")
WORDS = "embed_tokens.weight|token_embd.weight"
QUERY_NORM = "layers.0.self_attn.q_norm.weight|blk.0.attn_q_norm.weight"
KEY_BIAS = "layers.0.self_attn.k_proj.bias|blk.0.attn_k.bias"
SANDWICH = "layers.0.post_feedforward_layernorm.weight|blk.0.post_ffw_norm.weight"
TALK = N_("it has {key}, as a language model has; newer image models read text with one")

FAMILY = Family(
    title="language model",
    sources=(
        "Comfy-Org/ComfyUI comfy/sd.py detect_te_model, comfy/text_encoders",
        "huggingface/transformers LlamaModel, Qwen2Model, Qwen3Model, Gemma2Model, ... (generated on meta tensors)",
        "ggml-org/llama.cpp gguf-py constants.py",
        "Kwai-Kolors/Kolors kolors/models/modeling_chatglm.py",
    ),
    signatures=(
        Signature(
            (),
            has=(
                "embed_tokens.weight",
                "layers.0.self_attn.q_proj.weight",
                "layers.0.mlp.gate_proj.weight|layers.0.mlp.gate_up_proj.weight",
                "layers.0.input_layernorm.weight",
            ),
            kind=Kind.TEXT_ENCODER,
            sure=Confidence.LIKELY,
            because=TALK,
            prefixes=HERE,
        ),
        Signature(
            (),
            has=(
                "embed_tokens.weight",
                "layers.0.self_attn.q_proj.weight",
                "layers.0.mlp.gate.weight|layers.0.mlp.router.weight|layers.0.block_sparse_moe.gate.weight",
                "layers.0.input_layernorm.weight",
            ),
            kind=Kind.TEXT_ENCODER,
            variant="mixture-of-experts",
            sure=Confidence.LIKELY,
            because=TALK,
            prefixes=HERE,
        ),
        Signature(
            (),
            has=("embed_tokens.weight", "layers.0.self_attn.qkv_proj.weight", "layers.0.mlp.gate_up_proj.weight"),
            lacks=("x_embedder.proj.weight", "time_token.mlp.0.weight"),
            kind=Kind.TEXT_ENCODER,
            variant="phi-3",
            sure=Confidence.LIKELY,
            because=TALK,
            prefixes=HERE,
        ),
        Signature(
            (),
            has=("embed_tokens.weight", "layers.0.linear_attn.A_log", "layers.0.input_layernorm.weight"),
            kind=Kind.TEXT_ENCODER,
            variant="qwen3.5",
            sure=Confidence.LIKELY,
            because=TALK,
            prefixes=HERE,
        ),
        Signature(
            (),
            has=("embedding.word_embeddings.weight", "encoder.layers.0.self_attention.query_key_value.weight"),
            kind=Kind.TEXT_ENCODER,
            variant="chatglm3",
            because=N_("it has {key}, as ChatGLM has, with which Kolors reads text"),
            prefixes=GLM,
        ),
        Signature(
            (),
            has=("token_embd.weight", "blk.0.attn_q.weight", "blk.0.ffn_gate.weight"),
            kind=Kind.TEXT_ENCODER,
            sure=Confidence.LIKELY,
            because=N_("it has {key}, as a language model in GGUF has; newer image models read text with one"),
        ),
    ),
    variants=(
        Variant("gemma3-1b", N_("Gemma 3 of width 1152"), has=(SANDWICH, QUERY_NORM), shapes={WORDS: (None, 1152)}),
        Variant("gemma3-4b", N_("Gemma 3 of width 2560"), has=(SANDWICH, QUERY_NORM), shapes={WORDS: (None, 2560)}),
        Variant("gemma3-12b", N_("Gemma 3 of width 3840"), has=(SANDWICH, QUERY_NORM), shapes={WORDS: (None, 3840)}),
        Variant("gemma3-27b", N_("Gemma 3 of width 5376"), has=(SANDWICH, QUERY_NORM), shapes={WORDS: (None, 5376)}),
        Variant("gemma2-2b", N_("Gemma 2 of width 2304"), has=(SANDWICH,), shapes={WORDS: (None, 2304)}),
        Variant("gemma2-9b", N_("Gemma 2 of width 3584"), has=(SANDWICH,), shapes={WORDS: (None, 3584)}),
        Variant("gemma-2b", N_("Gemma of width 2048"), lacks=(SANDWICH,), shapes={WORDS: (256000, 2048)}),
        Variant(
            "qwen2.5-0.5b",
            N_("Qwen 2.5 of width 896"),
            lacks=(QUERY_NORM,),
            has=(KEY_BIAS,),
            shapes={WORDS: (None, 896)},
        ),
        Variant(
            "qwen2.5-1.5b",
            N_("Qwen 2.5 of width 1536"),
            has=(KEY_BIAS,),
            lacks=(QUERY_NORM,),
            shapes={WORDS: (None, 1536)},
        ),
        Variant(
            "qwen2.5-3b",
            N_("Qwen 2.5 of width 2048"),
            has=(KEY_BIAS,),
            lacks=(QUERY_NORM,),
            shapes={WORDS: (None, 2048)},
        ),
        Variant(
            "qwen2.5-7b",
            N_("Qwen 2.5 of width 3584"),
            has=(KEY_BIAS,),
            lacks=(QUERY_NORM,),
            shapes={WORDS: (None, 3584)},
        ),
        Variant("qwen3-0.6b", N_("Qwen 3 of width 1024"), has=(QUERY_NORM,), shapes={WORDS: (151936, 1024)}),
        Variant("qwen3-1.7b", N_("Qwen 3 of width 2048"), has=(QUERY_NORM,), shapes={WORDS: (151936, 2048)}),
        Variant("qwen3-4b", N_("Qwen 3 of width 2560"), has=(QUERY_NORM,), shapes={WORDS: (151936, 2560)}),
        Variant("qwen3-8b", N_("Qwen 3 of width 4096"), has=(QUERY_NORM,), shapes={WORDS: (151936, 4096)}),
        Variant(
            "qwen3-32b",
            N_("Qwen 3 of width 5120 and more than 40 layers"),
            has=(QUERY_NORM, "layers.40.input_layernorm.weight|blk.40.attn_norm.weight"),
            shapes={WORDS: (151936, 5120)},
        ),
        Variant("qwen3-14b", N_("Qwen 3 of width 5120"), has=(QUERY_NORM,), shapes={WORDS: (151936, 5120)}),
        Variant("llama-3-8b", N_("Llama 3 of width 4096"), shapes={WORDS: ((128256, 128320), 4096)}),
        Variant("llama-3.2-1b", N_("Llama 3 of width 2048"), shapes={WORDS: (128256, 2048)}),
        Variant("llama-3.2-3b", N_("Llama 3 of width 3072"), shapes={WORDS: (128256, 3072)}),
        Variant("mistral-7b", N_("Mistral of width 4096"), shapes={WORDS: ((32000, 32768), 4096)}),
        Variant("mistral-3-24b", N_("Mistral of width 5120"), shapes={WORDS: (131072, 5120)}),
        Variant("ministral-3-3b", N_("Mistral of width 3072"), shapes={WORDS: (131072, 3072)}),
        Variant(
            "glm-4-9b",
            N_("GLM of width 4096"),
            has=("layers.0.mlp.gate_up_proj.weight",),
            shapes={WORDS: (151552, 4096)},
        ),
    ),
    classes={
        "LlamaModel": (Kind.TEXT_ENCODER, ()),
        "LlamaForCausalLM": (Kind.TEXT_ENCODER, ()),
        "Qwen2Model": (Kind.TEXT_ENCODER, ()),
        "Qwen2ForCausalLM": (Kind.TEXT_ENCODER, ()),
        "Qwen2VLForConditionalGeneration": (Kind.TEXT_ENCODER, ()),
        "Qwen2_5_VLForConditionalGeneration": (Kind.TEXT_ENCODER, ()),
        "Qwen3Model": (Kind.TEXT_ENCODER, ()),
        "Qwen3ForCausalLM": (Kind.TEXT_ENCODER, ()),
        "Qwen3VLForConditionalGeneration": (Kind.TEXT_ENCODER, ()),
        "GemmaModel": (Kind.TEXT_ENCODER, ()),
        "Gemma2Model": (Kind.TEXT_ENCODER, ()),
        "Gemma2ForCausalLM": (Kind.TEXT_ENCODER, ()),
        "Gemma3Model": (Kind.TEXT_ENCODER, ()),
        "Gemma3ForConditionalGeneration": (Kind.TEXT_ENCODER, ()),
        "MistralModel": (Kind.TEXT_ENCODER, ()),
        "Mistral3ForConditionalGeneration": (Kind.TEXT_ENCODER, ()),
        "GlmModel": (Kind.TEXT_ENCODER, ()),
        "ChatGLMModel": (Kind.TEXT_ENCODER, ()),
        "LlavaForConditionalGeneration": (Kind.TEXT_ENCODER, ()),
    },
)
