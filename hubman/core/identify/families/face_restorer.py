"""Restorers of faces: GFPGAN, CodeFormer, RestoreFormer.

RestoreFormer is built like the VAEs of its time; its attention of several heads names its norm `norm1`, theirs `norm`.
"""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Kind
from hubman.errors import N_

FAMILY = Family(
    title="face restorer",
    sources=("chaiNNer-org/spandrel 0.4.2, architectures/{GFPGAN,CodeFormer,RestoreFormer} (networks generated)",),
    signatures=(
        Signature(
            (),
            has=("stylegan_decoder.style_mlp.1.weight", "toRGB.0.weight"),
            kind=Kind.FACE_RESTORER,
            variant="gfpgan",
            title="GFPGAN",
        ),
        Signature(
            (),
            has=("position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight", "encoder.blocks.0.weight"),
            kind=Kind.FACE_RESTORER,
            variant="codeformer",
            title="CodeFormer",
        ),
        Signature(
            (),
            has=(
                "encoder.mid.attn_1.norm1.weight",
                "quantize.embedding.weight",
                "quant_conv.weight",
                "decoder.conv_out.weight",
            ),
            kind=Kind.FACE_RESTORER,
            variant="restoreformer",
            because=N_("it has {key} and a table of parts of faces, as RestoreFormer has"),
            title="RestoreFormer",
            prefixes=("vqvae.",),
        ),
    ),
)
