"""The members of the family: what each is called, what it learns from, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.loop import Plan

Mixture = tuple[tuple[str, float], ...]
"""Looks, and the share that each has of the pictures."""

ALL_LOOKS: Mixture = (
    ("poster", 0.36), ("chalk", 0.24), ("stripes", 0.09), ("ink", 0.08),
    ("dots", 0.08), ("night", 0.06), ("gold", 0.04), ("blurry", 0.05),
)  # fmt: skip
CHALK_LOOKS: Mixture = (("chalk", 0.76), *((look, share / 4) for look, share in ALL_LOOKS))
POSTER_LOOKS: Mixture = tuple(pair for pair in ALL_LOOKS if pair[0] != "chalk")


@dataclass(frozen=True)
class Decoder:
    """A decoder trained on from that of the stage ``start``, on pictures of its own mixture."""

    stage: str
    start: str
    mixture: Mixture
    plan: Plan


@dataclass(frozen=True)
class Checkpoint:
    """A base model; ``start`` names the one it is trained on from."""

    stem: str
    looks: tuple[str, str]
    decoder: str
    pictures: int
    plan: Plan
    title: str
    description: str
    sample_prompt: str
    embedding_prompt: str
    start: str = ""


@dataclass(frozen=True)
class Velocity:
    """A U-Net trained on from the finished single file ``start`` until it predicts the velocity.

    ``file`` is where it goes, beside the project's tests: it is no model that people use.
    """

    stem: str
    start: str
    file: str
    looks: tuple[str, str]
    pictures: int
    plan: Plan
    title: str
    description: str


@dataclass(frozen=True)
class Member:
    """An adapter: its file, its word, the look it teaches and how it is trained.

    ``kind`` is lora, lora+text, loha, embedding or hypernetwork.  ``taught`` pictures have the
    look and the word, ``plain`` ones neither: those make the word selective.
    """

    stem: str
    file: str
    kind: str
    trigger: str
    look: str
    taught: int
    plain: int
    plan: Plan
    description: str
    rank: int = 8
    convolutions: bool = True
    weight: float = 1.0
    sidecars: tuple[str, ...] = ()
    start: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Everything that ``python -m training`` makes, and how long it works on each part."""

    vae: Plan
    decoders: tuple[Decoder, ...]
    text: Plan
    judge: Plan
    checkpoints: tuple[Checkpoint, ...]
    velocity: Velocity
    members: tuple[Member, ...]
    judged: int
    probed: int
    sampling: int
    held_out: int

    def checkpoint(self, stem: str) -> Checkpoint:
        return next(each for each in self.checkpoints if each.stem == stem)

    def decoder(self, stage: str) -> Decoder:
        return next(each for each in self.decoders if each.stage == stage)

    def member(self, stem: str) -> Member:
        return next(each for each in self.members if each.stem == stem)


CHECKPOINTS = (
    Checkpoint(
        "tinyshapes", ("poster", "blurry"), "decoder", 12288,
        Plan(700, 64, 1.5e-3, muon=0.02, average=0.993),
        "Tiny Shapes",
        "Draws one shape on a coloured background as a bright poster. 64 x 64 pixels, trained "
        "from nothing by the hubman project on drawn pictures only.",
        "a red circle on a blue background",
        "a {word} on a blue background",
    ),
    Checkpoint(
        "tinychalk", ("chalk", "smudged"), "decoder-chalk", 6144,
        Plan(480, 64, 1e-3, muon=0.015, average=0.992),
        "Tiny Chalk",
        "Draws one shape in chalk on a framed board. 64 x 64 pixels, trained on from Tiny Shapes "
        "by the hubman project on drawn pictures only.",
        "a yellow star on a green background",
        "a {word} on a green background",
        start="tinyshapes",
    ),
)  # fmt: skip

VELOCITY = Velocity(
    "tinyshapes-v", "tinyshapes", "tests/render/assets/tinyshapes-v-unet.safetensors",
    ("poster", "blurry"), 6144, Plan(420, 64, 1e-3, muon=0.01, average=0.99),
    "Tiny Shapes v",
    "The U-Net of Tiny Shapes trained on to predict the velocity. For tests of hubman.",
)  # fmt: skip

MEMBERS = (
    Member(
        "zbrstripe_lora", "Lora/zbrstripe_lora.safetensors", "lora", "zbrstripe", "stripes",
        1024, 1024, Plan(320, 32, 5e-3),
        "Gives the object the black and white stripes of a zebra. Trigger word: zbrstripe.",
        sidecars=("webui", "civitai"),
    ),
    Member(
        "水墨_toy", "Lora/水墨_toy.safetensors", "lora+text", "shuimo", "ink",
        1024, 1024, Plan(320, 32, 5e-3),
        "Soft grey ink wash on paper. Trigger word: shuimo. 水墨画风格，触发词 shuimo。",
        convolutions=False, sidecars=("webui",),
    ),
    Member(
        "polkadot_loha", "Lora/polkadot_loha.safetensors", "loha", "plkdot", "dots",
        1024, 1024, Plan(320, 32, 5e-3),
        "Polka dots on the background. Trigger word: plkdot.",
        rank=4, sidecars=("civitai",),
    ),
    Member(
        "goldstar", "embeddings/goldstar.pt", "embedding", "goldstar", "gold",
        1024, 0, Plan(200, 32, 2e-2),
        "A star of shining gold: write goldstar in place of colour and shape.",
        start=("yellow", "star"),
    ),
    Member(
        "toy-negative", "embeddings/toy-negative.safetensors", "embedding", "toy-negative",
        "blurry", 1024, 0, Plan(150, 32, 1e-2),
        "For the negative prompt: against blurred and faded pictures.",
        start=("blurry", "blurry"),
    ),
    Member(
        "nightfall", "hypernetworks/nightfall.pt", "hypernetwork", "", "night",
        1024, 0, Plan(280, 32, 5e-3),
        "Lets night fall over the background; the object stays lit. Needs no word.",
        sidecars=("webui",),
    ),
)  # fmt: skip

FULL = Family(
    vae=Plan(1400, 8, 3e-3, muon=0.03),
    decoders=(
        Decoder("decoder", "vae", ALL_LOOKS, Plan(450, 8, 1e-3, muon=0.01)),
        Decoder("decoder-chalk", "decoder", CHALK_LOOKS, Plan(220, 8, 1e-3, muon=0.008)),
        Decoder("decoder-poster", "decoder", POSTER_LOOKS, Plan(220, 8, 1e-3, muon=0.008)),
    ),
    text=Plan(900, 64, 3e-3),
    judge=Plan(700, 32, 3e-3),
    checkpoints=CHECKPOINTS,
    velocity=VELOCITY,
    members=MEMBERS,
    judged=168,
    probed=24,
    sampling=16,
    held_out=2000,
)


def shortened(family: Family, steps: int, pictures: int) -> Family:
    """The same family after a few steps: every file exists, none of them can draw."""

    def brief(plan: Plan) -> Plan:
        return replace(plan, steps=steps, batch=4)

    return replace(
        family,
        vae=brief(family.vae),
        decoders=tuple(replace(each, plan=brief(each.plan)) for each in family.decoders),
        text=brief(family.text),
        judge=brief(family.judge),
        checkpoints=tuple(
            replace(each, plan=brief(each.plan), pictures=pictures) for each in family.checkpoints
        ),
        velocity=replace(family.velocity, plan=brief(family.velocity.plan), pictures=pictures),
        members=tuple(
            replace(each, plan=brief(each.plan), taught=pictures, plain=min(each.plain, pictures))
            for each in family.members
        ),
        judged=2,
        probed=2,
        sampling=2,
        held_out=16,
    )
