"""Adapters of transformer models (Flux and later): told apart by their block names, so that none is filed under SD.

This is the coarse table; one signature per architecture follows with the transformer families.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hubman.core.identify.algorithms import Module

PATTERNS = re.compile(
    r"double_blocks|single_blocks|single_transformer_blocks|joint_blocks|(^|[._])transformer_blocks[._]\d+[._]"
    r"(attn[._](to|add|attn|norm)|attn1[._]|img_|txt_|ff)|(^|[._])blocks[._]\d+[._](self_attn|cross_attn|ffn|attn)|"
    r"(^|[._])layers[._]\d+[._](attention|feed_forward|adaLN)|double_stream|single_stream|noise_refiner|context_refiner|"
    r"llm_adapter|caption_projection|double_layers|single_layers"
)


def candidates(modules: Mapping[str, Module]) -> tuple[str, ...]:
    """Return the architectures whose block names these are; empty where the coarse table does not know."""
    return ()
