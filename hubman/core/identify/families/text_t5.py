"""T5 and its kin (UMT5, mT5, ByT5, Pile-T5), and the BERTs that a few image models read text with.

A BERT alone says nothing about image models, so only those of known ones count: HunyuanDiT's (47020 words), Kandinsky's
and AltDiffusion's XLM-Roberta with a projection behind it.
"""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

HERE = (
    "t5.", "t5xxl.", "t5xxl.transformer.", "mt5.", "umt5xxl.transformer.", "text_encoder.", "text_encoder/",
    "text_encoder_2.", "text_encoder_2/", "text_encoder_3.", "text_encoder_3/", "te.", "text_encoders.t5xxl.",
    "text_encoders.t5xxl.transformer.", "text_encoders.t5xl.transformer.", "text_encoders.t5base.transformer.",
    "text_encoders.umt5xxl.transformer.", "text_encoders.umt5base.transformer.", "text_encoders.mt5xl.transformer.",
    "text_encoders.pile_t5xl.transformer.", "text_encoders.byt5_small.transformer.",
    "conditioner.conditioners.prompt.model.",
)  # fmt: skip
NORM = "encoder.block.0.layer.0.layer_norm.weight|enc.blk.0.attn_norm.weight|blocks.0.norm1.weight"
WORDS = "shared.weight|encoder.embed_tokens.weight|token_embd.weight|token_embedding.weight"
BERT = (
    "bert.", "text_encoder.", "text_encoder/", "text_encoders.hydit_clip.transformer.",
    "text_encoders.hydit_clip.transformer.bert.", "hydit_clip.transformer.bert.",
)  # fmt: skip

FAMILY = Family(
    title="T5",
    sources=(
        "Comfy-Org/ComfyUI comfy/sd.py detect_te_model, comfy/text_encoders",
        "huggingface/transformers T5EncoderModel, UMT5EncoderModel (generated on meta tensors)",
        "Wan-Video/Wan2.1 wan/modules/t5.py; ggml-org/llama.cpp gguf-py constants.py",
        "Tencent/HunyuanDiT; ai-forever/Kandinsky-2; FlagAI AltCLIP (read, not measured)",
    ),
    signatures=(
        Signature(
            (),
            has=(
                "encoder.block.0.layer.0.SelfAttention.k.weight|encoder.block.0.layer.0.SelfAttention.k.qweight",
                "encoder.block.0.layer.0.layer_norm.weight",
            ),
            kind=Kind.TEXT_ENCODER,
            prefixes=HERE,
        ),
        Signature(
            (),
            has=("enc.blk.0.attn_k.weight", "token_embd.weight"),
            kind=Kind.TEXT_ENCODER,
            because=N_("it has {key}, as T5 in GGUF has"),
        ),
        Signature(
            (),
            has=("blocks.0.pos_embedding.embedding.weight", "blocks.0.ffn.gate.0.weight", "token_embedding.weight"),
            kind=Kind.TEXT_ENCODER,
            because=N_("it has {key}, as UMT5 in the naming of Wan has"),
        ),
        Signature(
            (),
            has=("embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight"),
            shapes={"embeddings.word_embeddings.weight": (47020, 1024)},
            kind=Kind.TEXT_ENCODER,
            variant="hunyuan-clip",
            because=N_("it knows 47020 words in width 1024, as the BERT of HunyuanDiT does"),
            prefixes=BERT,
        ),
        Signature(
            (),
            has=("transformer.embeddings.word_embeddings.weight", "LinearTransformation.weight"),
            shapes={"transformer.embeddings.word_embeddings.weight": (250002, 1024)},
            kind=Kind.TEXT_ENCODER,
            variant="mclip",
            because=N_("it is an XLM-Roberta with a projection, as Kandinsky 2.1 reads text with"),
        ),
        Signature(
            (),
            has=("roberta.embeddings.word_embeddings.weight", "transformation.weight"),
            kind=Kind.TEXT_ENCODER,
            variant="altclip",
            sure=Confidence.LIKELY,
            because=N_("it is an XLM-Roberta with a projection, as AltDiffusion reads text with"),
        ),
    ),
    variants=(
        Variant(
            "umt5-xxl",
            N_("it knows 256384 words in width 4096, as UMT5 does"),
            shapes={WORDS: (256384, 4096)},
        ),
        Variant("umt5-base", N_("it knows 256384 words in width 768, as UMT5 does"), shapes={WORDS: (256384, 768)}),
        Variant("mt5-xl", N_("it knows 250112 words, as mT5 does"), shapes={WORDS: (250112, 2048)}),
        Variant("byt5-small", N_("its width is 1472, as that of ByT5"), shapes={NORM: (1472,)}),
        Variant("t5-xxl", N_("its width is 4096"), shapes={NORM: (4096,)}),
        Variant("t5-xl", N_("its width is 2048; T5 and Pile-T5 have the same shapes"), shapes={NORM: (2048,)}),
        Variant("t5-large", N_("its width is 1024"), shapes={NORM: (1024,)}),
        Variant("t5-base", N_("its width is 768"), shapes={NORM: (768,)}),
        Variant("t5-small", N_("its width is 512"), shapes={NORM: (512,)}),
    ),
    classes={
        "T5EncoderModel": (Kind.TEXT_ENCODER, ()),
        "UMT5EncoderModel": (Kind.TEXT_ENCODER, ()),
        "MT5EncoderModel": (Kind.TEXT_ENCODER, ()),
        "T5ForConditionalGeneration": (Kind.TEXT_ENCODER, ()),
        "MultilingualCLIP": (Kind.TEXT_ENCODER, ()),
    },
)
