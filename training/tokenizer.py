"""A CLIP tokenizer of about 600 tokens: all bytes, and the words of the vocabulary.

Any text can be encoded: what is no word of the vocabulary is spelled in letters.
"""

from __future__ import annotations

import json
from pathlib import Path

from transformers import CLIPTokenizer

from training.vocabulary import WORDS

LENGTH = 77
START, END = "<|startoftext|>", "<|endoftext|>"


def _byte_symbols() -> list[str]:
    """One printable character for each of the 256 bytes, in GPT-2's order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(len(others))]


def vocabulary_and_merges() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Tokens by id, and the merges that build each word from its letters, left to right."""
    symbols = _byte_symbols()
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols)]
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        letters = [*word[:-1], word[-1] + "</w>"]
        left = letters[0]
        for right in letters[1:]:
            merges[left, right] = None
            left += right
    tokens += dict.fromkeys(left + right for left, right in merges)
    tokens += [START, END]
    return {token: index for index, token in enumerate(tokens)}, list(merges)


def build() -> CLIPTokenizer:
    vocabulary, merges = vocabulary_and_merges()
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


def save(folder: Path) -> None:
    """Write the tokenizer in the layouts of transformers 5 and of transformers 4."""
    build().save_pretrained(folder)
    vocabulary, merges = vocabulary_and_merges()
    text = json.dumps(vocabulary, ensure_ascii=False)
    (folder / "vocab.json").write_text(text, encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
