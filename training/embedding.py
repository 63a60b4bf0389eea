"""Textual inversion (Gal et al. 2022): new words for a frozen model, as vectors for its encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import CLIPTextModel

from training.adapters import Base
from training.loop import Plan, Record, train
from training.text_encoder import tokenise
from training.unet import Lessons, diffusion_loss, predictor

PLACEHOLDERS = ("~", "^")
"""Two words that no caption has; their tokens mark where the vectors go."""


def token_embedding(encoder: CLIPTextModel) -> nn.Embedding:
    """The table of word vectors."""
    table = encoder.get_input_embeddings()
    assert isinstance(table, nn.Embedding)
    return table


def initial_vectors(base: Base, words: tuple[str, ...]) -> Tensor:
    """Copies of the vectors of known words, to start from."""
    ids = [base.tokenizer.convert_tokens_to_ids(f"{word}</w>") for word in words]
    return token_embedding(base.encoder).weight[ids].detach().clone()


def train_embedding(
    name: str, base: Base, start: Tensor, lessons: Lessons, plan: Plan, reach: int
) -> tuple[Tensor, Record]:
    """Learn the vectors that stand for ``PLACEHOLDERS`` in the captions of the lessons."""
    device = next(base.unet.parameters()).device
    predict = predictor(base.unet)
    vectors = nn.Parameter(start.clone().to(device))
    ids = tokenise(base.tokenizer, lessons.texts)[:, :reach].to(device)
    marks = [base.tokenizer.convert_tokens_to_ids(f"{mark}</w>") for mark in PLACEHOLDERS]

    def put_in(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        for mark, vector in zip(marks, vectors, strict=True):
            output = torch.where((inputs[0] == mark).unsqueeze(-1), vector, output)
        return output

    def loss_of(step: int) -> dict[str, Tensor]:
        pick = torch.randint(len(lessons), (plan.batch,))
        context = base.encoder(ids[lessons.row[pick].to(device)]).last_hidden_state
        return {"eps": diffusion_loss(predict, lessons.latents[pick].to(device), context)}

    handle = token_embedding(base.encoder).register_forward_hook(put_in)
    record = train(name, [vectors], plan, loss_of)
    handle.remove()
    return vectors.detach().cpu(), record
