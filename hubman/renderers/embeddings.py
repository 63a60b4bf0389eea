"""Textual inversions: vectors that stand for a word in a prompt, alone in a file or bundled with a LoRA."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from hubman.core.plan.fit import embedding_tensors, match_embedding
from hubman.core.plan.modules import BUNDLED
from hubman.core.plan.render import AdapterPlan
from hubman.renderers.base import Base
from hubman.renderers.encode import Vectors
from hubman.renderers.report import Report, infos
from hubman.renderers.tensors import count_nonfinite, read_tensors


class EmbeddingAdapter:
    """A textual inversion: vectors that stand for its name in a prompt. Strength is on or off."""

    def __init__(self, base: Base, plan: AdapterPlan) -> None:
        tensors = read_tensors(plan.path)
        header = infos(tensors)
        self.word = plan.word
        self.on = False
        self.report = Report(match_embedding(header, base.layout), count_nonfinite(tensors))
        self.vectors = fitting_vectors(tensors, base)
        self.report.numbers = {
            f"{part}_norms": [round(float(row.float().norm()), 4) for row in rows]
            for part, rows in self.vectors.items()
        }
        self.report.numbers["token_median_norm"] = _token_norm(base)

    def set(self, strength: float, te: float | None = None) -> None:
        self.on = (strength if te is None else te) != 0

    def remove(self) -> None:
        self.on = False

    def embeddings(self) -> Mapping[str, Vectors]:
        return {self.word: self.vectors} if self.on and self.vectors else {}


def _token_norm(base: Base) -> float:
    weight = base.texts[0].encoder.get_input_embeddings().weight
    return round(float(weight.float().norm(dim=1).median()), 4)


def read_bundled(tensors: Mapping[str, torch.Tensor], base: Base) -> dict[str, Vectors]:
    """Return name -> vectors of the embeddings in a LoRA's file that fit a text encoder of the base."""
    files: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        found = BUNDLED.fullmatch(name)
        if found:
            files.setdefault(found["name"] or found["token"], {})[found["tensor"] or "emb_params"] = tensor
    bundled = {word: fitting_vectors(parts, base) for word, parts in files.items()}
    return {word: vectors for word, vectors in bundled.items() if vectors}


def fitting_vectors(tensors: Mapping[str, torch.Tensor], base: Base) -> dict[str, torch.Tensor]:
    """Return part -> vectors (n, width) of those that are as wide as that text encoder's tokens."""
    found = {}
    for part, (name, shape) in embedding_tensors(infos(tensors)).items():
        token = base.layout.token(part)
        if token is not None and token[1] == shape[-1]:
            found[token[0]] = tensors[name].reshape(-1, shape[-1]).to(base.device, base.dtype)
    return found
