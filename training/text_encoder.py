"""The text encoder, trained alone and then frozen.

A network as small as this learns language far sooner from the answers than from pictures:
linear heads on every position from the end of the text on must name shape, colour, background,
size, flaw, and the letters of a word it does not know.  The last one keeps trigger words apart.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training import tokenizer as tokenizers
from training.loop import Plan, Record, seed_everything, train
from training.vocabulary import COLOURS, FLAW, SHAPES, SIZES, nonsense_word

WIDTH = 72
"""Different from every width of the U-Net, so a hypernetwork's keys never clash."""
HEADS = {"shape": len(SHAPES) + 1, "colour": len(COLOURS) + 1, "background": len(COLOURS) + 1,
         "size": len(SIZES), "flaw": 2}  # fmt: skip
LETTERS = 26


def build(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=tokenizers.LENGTH,
        projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = CLIPTextModel(config)
    for name, parameter in model.named_parameters():
        if "embedding" in name:
            nn.init.normal_(parameter, std=0.2 if "token" in name else 0.05)
    return model


@dataclass(frozen=True)
class Lesson:
    """A sentence and the right answers; the last class of a head means "not said"."""

    text: str
    answers: dict[str, int]
    letters: list[int]


def lesson(rng: random.Random) -> Lesson:
    """A sentence of the kind people type: parts missing, a strange word here and there."""
    if rng.random() < 0.04:
        return Lesson("", {k: 0 if k in ("size", "flaw") else n - 1 for k, n in HEADS.items()}, [])
    shape = rng.randrange(len(SHAPES)) if rng.random() < 0.88 else len(SHAPES)
    colour = rng.randrange(len(COLOURS)) if rng.random() < 0.8 else len(COLOURS)
    background = rng.randrange(len(COLOURS)) if rng.random() < 0.8 else len(COLOURS)
    size = rng.choice([0, 0, 1, 2])
    flaw = int(rng.random() < 0.15)
    strange = nonsense_word(rng) if shape == len(SHAPES) or rng.random() < 0.4 else ""
    middle = SHAPES[shape] if shape < len(SHAPES) else strange
    words = ["a", FLAW if flaw else "", SIZES[size]]
    words += [COLOURS[colour] if colour < len(COLOURS) else "", middle]
    text = " ".join(filter(None, words))
    if background < len(COLOURS):
        text += f" on a {COLOURS[background]} background"
    if strange and middle != strange:
        text = rng.choice([f"{text}, {strange}", f"{strange}, {text}", f"{text} {strange}"])
    answers = {"shape": shape, "colour": colour, "background": background, "size": size,
               "flaw": flaw}  # fmt: skip
    return Lesson(text, answers, [ord(letter) - ord("a") for letter in strange])


def tokenise(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    ids: Tensor = tokenizer(
        texts,
        padding="max_length",
        max_length=tokenizers.LENGTH,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return ids


def pretrain(
    model: CLIPTextModel, tokenizer: CLIPTokenizer, plan: Plan, seed: int, device: str
) -> Record:
    """Teach the encoder the vocabulary, with heads that are thrown away afterwards."""
    seed_everything(seed)
    rng = random.Random(seed)
    model.to(device).train()
    sizes = {**HEADS, "letters": LETTERS}
    heads = nn.ModuleDict({name: nn.Linear(WIDTH, size) for name, size in sizes.items()})
    heads.to(device)
    reach = 32

    def loss_of(step: int) -> dict[str, Tensor]:
        lessons = [lesson(rng) for _ in range(plan.batch)]
        ids = tokenise(tokenizer, [each.text for each in lessons])[:, :reach].to(device)
        hidden = model(ids).last_hidden_state
        after = ids == tokenizer.eos_token_id
        row = after.nonzero()[:, 0]
        hidden = hidden[after]
        losses = {}
        for name in HEADS:
            answers = torch.tensor([each.answers[name] for each in lessons], device=device)
            losses[name] = F.cross_entropy(heads[name](hidden), answers[row])
        bag = torch.zeros(plan.batch, LETTERS, device=device)
        for index, each in enumerate(lessons):
            bag[index, each.letters] = 1
        losses["letters"] = 2 * F.binary_cross_entropy_with_logits(
            heads["letters"](hidden), bag[row]
        )
        return losses

    return train("text", [*model.parameters(), *heads.parameters()], plan, loss_of)


@torch.no_grad()
def embed(model: CLIPTextModel, tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """What the U-Net reads: ``[texts, 77, width]``."""
    model.eval()
    device = next(model.parameters()).device
    chunks = torch.split(tokenise(tokenizer, texts).to(device), 256)
    return torch.cat([model(chunk).last_hidden_state for chunk in chunks])
