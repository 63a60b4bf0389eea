"""A made-up library of LoRAs as people have them: 200 to 1,000 tensors, headers of 86 KB on average, 821 folders.

Module names are those that kohya writes for the UNet and the text encoder of SD 1 and for parts of SDXL's; ranks, the
parts that were trained, alphas and the trainer's metadata differ from file to file. The tensor data is a hole in the
file, so that 20,000 files take 1.7 GB of disk and not 3 TB.
"""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

FOLDERS = 821
WORDS = (
    "ink",
    "水墨",
    "山水",
    "portrait",
    "neon",
    "城市",
    "detail",
    "landscape",
    "anime",
    "古风",
    "robot",
    "watercolor",
)
CHANNELS = {"down_blocks_0": 320, "down_blocks_1": 640, "down_blocks_2": 1280, "mid_block": 1280,
            "up_blocks_1": 1280, "up_blocks_2": 640, "up_blocks_3": 320}  # fmt: skip
Modules = list[tuple[str, int, int]]


def make(folder: Path, count: int, seed: int = 4) -> Path:
    """Write `count` LoRAs below `folder/models/Lora`; return the root."""
    random_ = random.Random(seed)
    for number in range(count):
        name = f"{WORDS[number % len(WORDS)]}_{random_.choice(WORDS)}_{number}.safetensors"
        path = folder / "models" / "Lora" / f"{number % min(FOLDERS, max(1, count // 24)):04}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        header, size = _header(number, random_)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.truncate(8 + len(header) + size)
    return folder / "models"


def _header(number: int, random_: random.Random) -> tuple[bytes, int]:
    """Return the JSON of a header and the bytes of tensors that it speaks of."""
    modules = _unet(random_.random() < 0.12)
    if random_.random() < 0.75:
        modules = modules + _text_encoder()
    if random_.random() < 0.15:
        modules = [module for module in modules if "attn" in module[0]]
    rank = random_.choice((4, 8, 16, 32, 64, 128))
    alphas = random_.random() < 0.8
    entries: dict[str, object] = {"__metadata__": _metadata(number, rank, random_)}
    position = 0
    for name, width, height in modules:
        parts = [("lora_down.weight", [rank, width]), ("lora_up.weight", [height, rank])]
        for part, shape in [*parts, *([("alpha", [])] if alphas else [])]:
            size = 2 * (shape[0] * shape[1] if shape else 1)
            offsets = [position, position + size]
            entries[f"{name}.{part}"] = {"dtype": "F16", "shape": shape, "data_offsets": offsets}
            position += size
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode(), position


def _unet(xl: bool) -> Modules:
    context = 2048 if xl else 768
    found: Modules = []
    for block, attention, depth in _attentions(xl):
        channels = CHANNELS[block]
        base = f"lora_unet_{block}_attentions_{attention}"
        found += [(f"{base}_proj_in", channels, channels), (f"{base}_proj_out", channels, channels)]
        for layer in range(depth):
            inner = f"{base}_transformer_blocks_{layer}"
            for attn, width in (("attn1", channels), ("attn2", context)):
                found += [(f"{inner}_{attn}_to_{part}", channels, channels) for part in ("q", "out_0")]
                found += [(f"{inner}_{attn}_to_{part}", width, channels) for part in ("k", "v")]
            found += [(f"{inner}_ff_net_0_proj", channels, 8 * channels), (f"{inner}_ff_net_2", 4 * channels, channels)]
    return found


def _attentions(xl: bool) -> Iterator[tuple[str, int, int]]:
    if xl:
        yield from (("down_blocks_1", number, 2) for number in range(2))
        yield from (("down_blocks_2", number, 10) for number in range(2))
        return
    for block in CHANNELS:
        yield from ((block, number, 1) for number in range(3 if block.startswith("up") else 1 if "mid" in block else 2))


def _text_encoder() -> Modules:
    parts = [*((f"self_attn_{part}_proj", 768, 768) for part in ("q", "k", "v", "out")), ("mlp_fc1", 768, 3072),
             ("mlp_fc2", 3072, 768)]  # fmt: skip
    return [(f"lora_te_text_model_encoder_layers_{layer}_{name}", width, height) for layer in range(12)
            for name, width, height in parts]  # fmt: skip


def _metadata(number: int, rank: int, random_: random.Random) -> dict[str, str]:
    word, pictures = WORDS[number % len(WORDS)], random_.randrange(15, 300)
    tags = {f"{WORDS[(number + i) % len(WORDS)]} tag {random_.randrange(3000)}": pictures * 9 // (10 * (i + 1)) + 1
            for i in range(random_.randrange(40, 300))}  # fmt: skip
    return {
        "ss_output_name": f"{word}_{number}",
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank // 2),
        "ss_base_model_version": "sd_v1",
        "ss_sd_model_name": random_.choice(("v1-5-pruned.safetensors", "anything-v3.ckpt", "chilloutmix.safetensors")),
        "ss_tag_frequency": json.dumps(
            {f"10_{word}{number}": {f"{word}{number}": pictures, **tags}}, ensure_ascii=False
        ),
        "ss_dataset_dirs": json.dumps(
            {f"10_{word}{number}": {"n_repeats": 10, "img_count": pictures}}, ensure_ascii=False
        ),
        "ss_training_started_at": str(1.68e9 + number),
        "sshs_model_hash": f"{random_.getrandbits(256):064x}",
        "sshs_legacy_hash": f"{random_.getrandbits(32):08x}",
    }


def headers_of(folder: Path) -> list[int]:
    """Return the lengths of all headers, in bytes."""
    found = []
    for here, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(here, name), "rb") as file:
                found.append(struct.unpack("<Q", file.read(8))[0])
    return found
