"""Of several bases that an adapter fits, the ones it is meant for: docs/identify.md lists the rules.

Each rule takes away what speaks against it and says so; one that would leave nothing takes nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from hubman.core.identify import names, unets
from hubman.core.identify.adapter_texts import text_architectures
from hubman.core.identify.algorithms import Modules
from hubman.core.identify.draft import Draft
from hubman.core.identify.graph import Net
from hubman.core.types import Confidence
from hubman.errors import N_


def narrowed(draft: Draft, nets: Sequence[Net], unet: Modules, texts: Mapping[str, Modules]) -> tuple[str, ...]:
    """Return the architectures that are left, the likeliest first; the draft gets the reasons."""
    belongs = text_architectures(texts)
    nets = [net for net in nets if not belongs or not net.graph.rare or net.graph.architecture in belongs] or nets
    nets = _by_processors(nets, unet)
    nets = _by_depth(draft, nets, unet)
    nets = _by_kin(draft, nets, unet)
    nets = _by_rarity(draft, nets, unet)
    nets = _by_trainer(draft, nets, unet, texts)
    nets = _by_choice(draft, nets, unet)
    found = dict.fromkeys(net.graph.architecture for net in nets)
    if distilled := _distilled(found, unet):
        draft.note("architecture", distilled, N_("it leaves out exactly the blocks of SDXL that this one has not"))
        draft.weaken(Confidence.LIKELY)
        return (distilled,)
    likeliest = tuple(sorted(found, key=lambda name: LIKELIEST.index(name) if name in LIKELIEST else len(LIKELIEST)))
    return _by_texts(draft, likeliest, texts)


DISTILLED: tuple[tuple[str, str, str], ...] = (
    # architecture, a block of SDXL that it has still, regular expression of those that it has not
    # (segmind/SSD-1B and segmind/Segmind-Vega unet/config.json)
    ("segmind-vega", "down_blocks_2_attentions_1_transformer_blocks_1_",
     r"mid_block_attentions|down_blocks_2_attentions_\d_transformer_blocks_[2-9]_"),
    ("ssd-1b", "down_blocks_2_attentions_1_transformer_blocks_3_",
     r"mid_block_attentions|down_blocks_2_attentions_\d_transformer_blocks_[4-9]_"),
)  # fmt: skip


def _distilled(found: Iterable[str], unet: Modules) -> str:
    """Return which smaller SDXL an adapter of all blocks is for; \"\" where it is for none."""
    if "sdxl" not in found or not any(name.startswith("up_blocks_1_attentions_2_") for name in unet):
        return ""
    return next(
        (
            name
            for name, has, lacks in DISTILLED
            if any(module.startswith(has) for module in unet) and not any(re.match(lacks, module) for module in unet)
        ),
        "",
    )


DEEP = 9
"""A row of blocks that is changed to its end tells the base when it is this long; shorter ones need a second row."""
COVERED = 0.6
"""Share of a row of blocks from which on an adapter was meant for the whole row: a few blocks say nothing of it."""


def _reached(unet: Modules) -> dict[str, set[int]]:
    """Return which blocks an adapter changes: folded name -> numbers of its first row."""
    reached: dict[str, set[int]] = {}
    for name in unet:
        plain, numbers = names.folded(name)
        if numbers:
            reached.setdefault(plain, set()).add(numbers[0])
    return reached


def _stack(row: str) -> str:
    """Return the row of blocks that a module stands in: `double_blocks_#_img_attn_qkv` -> `double_blocks`."""
    return row.partition("_#")[0]


def _by_choice(draft: Draft, nets: Sequence[Net], unet: Modules) -> Sequence[Net]:
    """Trainers choose modules by the end of their names. A base that has such an end where nothing changed is not it.

    SD 3.5 medium has all of SD 3's modules and a second attention: an adapter on every `qkv` of SD 3 leaves that out.
    """
    if len({net.graph.architecture for net in nets}) < 2:
        return nets
    changed = _reached(unet)
    left = {net: _left_out(net, changed) for net in nets}
    whole = [net for net in nets if left[net] == min(left.values()) and _covers(net, changed)]
    if not whole or len(whole) == len(nets):
        return nets
    found = tuple(dict.fromkeys(net.graph.architecture for net in whole))
    draft.note("architecture", found, N_("it changes every module of that name there, and in the others it would not"))
    draft.weaken(Confidence.LIKELY)
    return whole


def _covers(net: Net, changed: Mapping[str, set[int]]) -> bool:
    """Whether most blocks of every changed row are changed; of a short row, all."""
    for row, numbers in changed.items():
        length = (net.last.get(row) or (0,))[0] + 1
        if len(numbers) < (length if length <= DEEP else COVERED * length):
            return False
    return True


def _left_out(net: Net, changed: Mapping[str, set[int]]) -> int:
    """Count the rows of the same blocks whose names end as those of changed ones do, and which are not changed."""
    ends, stacks = {_end(row) for row in changed}, {_stack(row) for row in changed}
    return sum("_#_" in row and _stack(row) in stacks and _end(row) in ends and row not in changed for row in net.last)


def _end(row: str) -> str:
    """Return the word that a trainer would choose a module by: `to_q`, `qkv`, `fc1`, `to_out`."""
    words = row.removesuffix("_#").rsplit("_", 2)
    return "_".join(words[-2:]) if words[-1] in ("in", "out", "proj") else words[-1]


def _by_rarity(draft: Draft, nets: Sequence[Net], unet: Modules) -> Sequence[Net]:
    common = [net for net in nets if not net.graph.rare]
    named = {net.graph.architecture for net in common}
    rare = tuple(dict.fromkeys(net.graph.architecture for net in nets if net.graph.architecture not in named))
    if not common or not rare:
        return nets
    draft.note("candidates", rare, N_("it would fit as well, but adapters for it are rare"))
    draft.weaken(Confidence.GUESS if len(named) == 1 and _partial(common, unet) else Confidence.LIKELY)
    return common


LIKELIEST = ("sdxl", "sd1", "flux1", "sd2", "qwen-image", "z-image", "wan-2.1", "wan-2.2", "hunyuan-video")
"""Of several, the one that most adapters are made for is named first (Civitai's counts by base model, 2026)."""


def _partial(nets: Sequence[Net], unet: Modules) -> bool:
    """Whether only some blocks of a transformer are changed, so that nothing follows from what is left alone."""
    measured = {known.id for known in unets.FAMILY}
    return all(net.graph.architecture not in measured and not _covers(net, _reached(unet)) for net in nets)


def _by_kin(draft: Draft, nets: Sequence[Net], unet: Modules) -> Sequence[Net]:
    """What changes more than attention is the parent's: descendants share all modules, and few adapters are theirs."""
    present = {net.graph.architecture for net in nets}
    left = [net for net in nets if net.graph.kin not in present]
    if (
        _partial(left, unet)
        or len(left) == len(nets)
        or not any("attn" not in name or "_lora" in module.name for name, module in unet.items())
    ):
        return nets
    descendants = tuple(dict.fromkeys(net.graph.architecture for net in nets if net not in left))
    words = N_("it has the same modules, but adapters for it are rare and the metadata names none")
    draft.note("candidates", descendants, words)
    draft.weaken(Confidence.LIKELY)
    return left


def _by_processors(nets: Sequence[Net], unet: Modules) -> Sequence[Net]:
    """XLabs keep their pairs in attention processors, and trained nothing but Flux.1."""
    if any(".processor." in module.name and module.name.endswith(("_lora1", "_lora2")) for module in unet.values()):
        return [net for net in nets if net.graph.architecture == "flux1"] or nets
    return nets


def _by_trainer(draft: Draft, nets: Sequence[Net], unet: Modules, texts: Mapping[str, Modules]) -> Sequence[Net]:
    """kohya's names have no dots: nets that only PEFT trains under these names are out, where others are left."""
    kohya = any(module.name.startswith(("lora_unet_", "oft_unet_")) for module in unet.values())
    dotless = not any("." in module.name.partition("lora_unet_")[2] or "." in module.name for module in unet.values())
    left = [net for net in nets if not net.graph.dotted]
    if not left or len(left) == len(nets) or not (texts or (dotless and kohya)):
        return nets
    found = {net.graph.architecture for net in left}
    if any(net.graph.architecture not in found and net.graph.kin not in found for net in nets):
        draft.note(
            "architecture", tuple(sorted(found)), N_("kohya's trainers, which name modules so, do not train the others")
        )
        draft.weaken(Confidence.LIKELY)
    return left


def _by_depth(draft: Draft, nets: Sequence[Net], unet: Modules) -> Sequence[Net]:
    """An adapter on all blocks reaches the last one of its own base: a base that goes deeper is the wrong one.

    One on a few blocks ends wherever it likes, so that it proves nothing.
    """
    if len(nets) < 2:
        return nets
    rows = {plain: numbers for plain, numbers in _reached(unet).items() if max(numbers) > 2}
    if any(len(numbers) < COVERED * (max(numbers) + 1) for numbers in rows.values()):
        return nets
    lasts = {_stack(plain): max(numbers) for plain, numbers in rows.items()}
    if len(lasts) < 2 and not any(last >= DEEP for last in lasts.values()):
        return nets
    ends = [net for net in nets if all(net.last.get(plain, (0,))[0] == max(numbers) for plain, numbers in rows.items())]
    if not ends or len(ends) == len(nets):
        return nets
    draft.note(
        "architecture",
        tuple(dict.fromkeys(net.graph.architecture for net in ends)),
        N_("its changes reach exactly the last block of it"),
    )
    return ends


def _by_texts(draft: Draft, found: tuple[str, ...], texts: Mapping[str, Modules]) -> tuple[str, ...]:
    fitting = [name for name in found if name in text_architectures(texts)]
    if fitting and len(found) > 1:
        draft.note("architecture", fitting, N_("the text encoder that it also changes belongs to it"))
        return tuple(fitting)
    return found
