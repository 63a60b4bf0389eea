"""The stages of the training, each with its result in the work folder.

A stage runs when its record is not there yet, so an interrupted training goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPTextModel

from training import adapters, text_encoder, tokenizer, unet, vae, velocity
from training.embedding import PLACEHOLDERS, initial_vectors, train_embedding
from training.family import ALL_LOOKS, Family, Member, Mixture
from training.hypernetwork import Hypernetwork, train_hypernetwork
from training.judge import Judge, accuracy, train_judge
from training.loop import Record, in_parallel, processes, seed_everything
from training.unet import Lessons
from training.vocabulary import Scenes, caption, sample_scenes

HELD_OUT = 777_777
"""Seed of the pictures on which an autoencoder or the judge is measured."""


@dataclass(frozen=True)
class Workshop:
    """Where results lie, where finished models do, and how the training runs."""

    folder: Path
    seed: int
    device: str
    jobs: int
    family: Family
    models: Path = Path("models")

    def record(self, stage: str) -> Path:
        return self.folder / "records" / f"{stage}.json"

    def is_done(self, stage: str) -> bool:
        return self.record(stage).exists()

    def file(self, stage: str) -> Path:
        return self.folder / f"{stage}.safetensors"

    def note(self, stage: str, record: Record, **more: object) -> None:
        """Remember what a stage did; from now on it counts as done."""
        self.record(stage).parent.mkdir(parents=True, exist_ok=True)
        content = {**asdict(record), **more}
        self.record(stage).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def save(self, stage: str, network: nn.Module) -> None:
        tensors = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, self.file(stage))

    def load(self, stage: str, network: nn.Module) -> nn.Module:
        network.load_state_dict(load_file(self.file(stage)))
        return network.to(self.device)

    def vae(self, stage: str = "vae") -> AutoencoderKL:
        autoencoder = self.load(stage, vae.build())
        unet.freeze(autoencoder)
        return autoencoder

    def encoder(self) -> CLIPTextModel:
        encoder = self.load("text", text_encoder.build(tokenizer.build()))
        unet.freeze(encoder)
        return encoder

    def unet(self, stem: str) -> UNet2DConditionModel:
        return self.load(stem, unet.build())

    def judge(self) -> Judge:
        judge = Judge()
        judge.load_state_dict(load_file(self.file("judge")))
        unet.freeze(judge)
        return judge


def make_vae(shop: Workshop, stage: str) -> None:
    """From nothing; the weights start from torch's own seed, the same in every process."""
    autoencoder = vae.build()
    record = vae.train_autoencoder(autoencoder, shop.family.vae, shop.seed, shop.device)
    if processes()[0] == 0:
        unet.freeze(autoencoder.cpu())
        vae.rescale(autoencoder, vae.mixed_batch(256, torch.Generator().manual_seed(shop.seed)))
        shop.save(stage, autoencoder)
        shop.note(stage, record, decibels=fidelity(shop, autoencoder, ALL_LOOKS))


def make_decoder(shop: Workshop, stage: str) -> None:
    spec = shop.family.decoder(stage)
    before = fidelity(shop, shop.vae(spec.start).cpu(), spec.mixture)
    autoencoder = shop.load(spec.start, vae.build())
    record = vae.refine_decoder(autoencoder, spec, shop.seed + len(stage), shop.device)
    shop.save(stage, autoencoder)
    now = fidelity(shop, autoencoder.cpu(), spec.mixture)
    shop.note(stage, record, decibels=now, decibels_before=before)


def fidelity(shop: Workshop, autoencoder: AutoencoderKL, mixture: Mixture) -> float:
    """Decibels on pictures of the mixture that no training has seen."""
    held_out = torch.Generator().manual_seed(HELD_OUT)
    pictures = vae.mixed_batch(shop.family.held_out // 8, held_out, mixture)
    return round(vae.peak_signal_to_noise(autoencoder, pictures), 2)


def make_text(shop: Workshop, stage: str) -> None:
    torch.manual_seed(shop.seed)
    words = tokenizer.build()
    encoder = text_encoder.build(words)
    record = text_encoder.pretrain(encoder, words, shop.family.text, shop.seed, shop.device)
    shop.save(stage, encoder)
    shop.note(stage, record)


def make_judge(shop: Workshop, stage: str) -> None:
    torch.manual_seed(shop.seed)
    judge = Judge()
    record = train_judge(judge, shop.family.judge, shop.seed, shop.device)
    shop.save(stage, judge)
    shop.note(stage, record, accuracy=accuracy(judge.cpu(), shop.family.held_out, HELD_OUT))


def make_base(shop: Workshop, stage: str) -> None:
    """Train one base model, from nothing or from another one."""
    spec = shop.family.checkpoint(stage)
    torch.manual_seed(shop.seed)
    network = shop.unet(spec.start) if spec.start else unet.build()
    generator = seed_everything(shop.seed + len(stage))
    rank, count = processes()
    lessons = unet.base_lessons(shop.vae(), spec.pictures // count, spec.looks, generator)
    mean, record = unet.train_base(
        stage, network, lessons, shop.encoder(), tokenizer.build(), spec.plan, shop.device
    )
    if rank == 0:
        shop.save(stage, mean)
        shop.note(stage, record, pictures=spec.pictures)


def make_velocity(shop: Workshop, stage: str) -> None:
    """Train a finished model on to v-prediction; the judge, if there is one, says how it draws."""
    spec = shop.family.velocity
    start = shop.models / "Stable-diffusion" / f"{spec.start}.safetensors"
    network, record = velocity.train_velocity(spec, start, shop.seed, shop.device)
    shop.save(stage, network)
    velocity.write_unet(shop.folder / Path(spec.file).name, network.cpu(), spec)
    figures: dict[str, object] = {}
    if shop.is_done("judge"):
        picture = shop.folder / f"{stage}.png"
        figures = velocity.measure(
            network, start, shop.judge(), shop.family.judged, shop.family.sampling, picture
        )
    shop.note(stage, record, pictures=spec.pictures, **figures)


def _longest(base: adapters.Base, texts: list[str]) -> int:
    """Tokens of context that the lessons need, with a few of padding."""
    ids = text_encoder.tokenise(base.tokenizer, texts)
    return min(tokenizer.LENGTH, int((ids != base.tokenizer.eos_token_id).sum(1).max()) + 8)


def taught_scenes(shop: Workshop, member: Member) -> tuple[Scenes, torch.Generator]:
    """What an adapter's own pictures show, and the generator for the plain ones after them."""
    generator = torch.Generator().manual_seed(shop.seed + sum(map(ord, member.stem)))
    taught = sample_scenes(member.taught, generator)
    return (taught.with_shape("star") if member.look == "gold" else taught), generator


def _lessons(shop: Workshop, member: Member, say: Callable[[Scenes, int], str]) -> Lessons:
    """An adapter's pictures: of its own look, and plain ones of the base model's."""
    taught, generator = taught_scenes(shop, member)
    autoencoder = shop.vae()
    lessons = unet.picture_lessons(
        autoencoder, taught, member.look, lambda index: say(taught, index), generator
    )
    if member.plain:
        plain = sample_scenes(member.plain, generator)
        lessons += unet.picture_lessons(
            autoencoder, plain, "poster", lambda index: caption(plain, index), generator
        )
    return lessons


def make_member(shop: Workshop, stage: str) -> None:
    """Train one adapter on the first base model."""
    member = shop.family.member(stage)
    seed_everything(shop.seed + sum(map(ord, stage)))
    network = shop.unet(shop.family.checkpoints[0].stem)
    base = adapters.Base(network, shop.encoder(), tokenizer.build())
    unet.freeze(base.unet)
    {"lora": _make_low_rank, "lora+text": _make_low_rank, "loha": _make_low_rank,
     "embedding": _make_embedding, "hypernetwork": _make_hypernetwork}[member.kind](
        shop, member, base
    )  # fmt: skip


def _make_low_rank(shop: Workshop, member: Member, base: adapters.Base) -> None:
    lessons = _lessons(shop, member, lambda s, i: f"{caption(s, i)}, {member.trigger}")
    kind = adapters.Hadamard if member.kind == "loha" else adapters.LowRank
    on_unet = adapters.Adapter(base.unet, kind, member.rank, member.convolutions)
    on_text = None
    if member.kind == "lora+text":
        on_text = adapters.Adapter(base.encoder, kind, member.rank, convolutions=False)
    record = adapters.train_adapter(
        member.stem, base, on_unet, on_text, lessons, member.plan, _longest(base, lessons.texts)
    )
    tensors = on_unet.tensors("lora_unet")
    if on_text is not None:
        inner = "" if hasattr(base.encoder, "text_model") else "_text_model"
        tensors |= on_text.tensors(f"lora_te{inner}")
    _finish(shop, member, tensors, record, relative_size=on_unet.relative_size())


def _make_embedding(shop: Workshop, member: Member, base: adapters.Base) -> None:
    words = " ".join(PLACEHOLDERS)

    def say(scenes: Scenes, index: int) -> str:
        if member.look == "gold":
            return caption(scenes, index, noun=words)
        return f"{caption(scenes, index)}, {words}" if index % 2 else words

    lessons = _lessons(shop, member, say)
    start = initial_vectors(base, member.start)
    vectors, record = train_embedding(
        member.stem, base, start, lessons, member.plan, _longest(base, lessons.texts)
    )
    _finish(shop, member, {"vectors": vectors}, record)


def _make_hypernetwork(shop: Workshop, member: Member, base: adapters.Base) -> None:
    lessons = _lessons(shop, member, caption)
    network = Hypernetwork(base.unet)
    record = train_hypernetwork(
        member.stem, base, network, lessons, member.plan, _longest(base, lessons.texts)
    )
    _finish(shop, member, network.state_dict(), record)


def _finish(shop: Workshop, member: Member, tensors: dict[str, Tensor], record: Record,
            **more: object) -> None:  # fmt: skip
    save_file({name: value.cpu().contiguous() for name, value in tensors.items()},
              shop.file(member.stem))  # fmt: skip
    shop.note(member.stem, record, **more)


Maker = Callable[[Workshop, str], None]


def maker(family: Family, stage: str) -> tuple[Maker, bool]:
    """The function of a stage, and whether it spreads over several processes."""
    makers: dict[str, tuple[Maker, bool]] = {
        "vae": (make_vae, True),
        "text": (make_text, False),
        "judge": (make_judge, False),
        **{each.stage: (make_decoder, False) for each in family.decoders},
        **{each.stem: (make_base, True) for each in family.checkpoints},
        family.velocity.stem: (make_velocity, False),
        **{each.stem: (make_member, False) for each in family.members},
    }
    return makers[stage]


def run(shop: Workshop, stage: str) -> None:
    """Run one stage, on as many processes as it may use."""
    work, spreads = maker(shop.family, stage)
    in_parallel(shop.jobs if spreads else 1, work, shop, stage)


def waves(family: Family) -> list[list[str]]:
    """The stages in order; those of one wave do not need each other."""
    first, *others = (each.stem for each in family.checkpoints)
    early, *late = (each.stage for each in family.decoders)
    members = [each.stem for each in family.members]
    return [["vae"], ["text", "judge", early], [first], [*others, *members, *late]]
