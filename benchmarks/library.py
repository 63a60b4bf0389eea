"""A made-up library on disk: small LoRAs with real headers, in folders of 50."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions
from hubman.core.library import SidecarPolicy
from hubman.store.door import Store, open_store

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


def lora(number: int) -> bytes:
    """Return a LoRA of 96 modules whose metadata differ by number."""
    header: dict[str, object] = {
        "__metadata__": {
            "ss_output_name": f"model {number}",
            "ss_tag_frequency": json.dumps({"10_x": {WORDS[(number + i) % len(WORDS)]: 40 - i for i in range(9)}}),
            "modelspec.trigger_phrase": f"{WORDS[number % len(WORDS)]}{number}",
        }
    }
    position = 0
    for block in range(48):
        for part, shape in (("lora_down.weight", [4, 768]), ("lora_up.weight", [320, 4])):
            size = shape[0] * shape[1] * 2
            module = f"down_blocks_{block % 3}_attentions_{block // 24}_transformer_blocks_0_attn2_to_k{block}"
            header[f"lora_unet_{module}.{part}"] = {
                "dtype": "F16",
                "shape": shape,
                "data_offsets": [position, position + size],
            }
            position += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + position.to_bytes(8, "little")


def make(folder: Path, count: int) -> Path:
    """Write `count` LoRAs below `folder/models/Lora`; their tensor data is a hole that takes no disk."""
    for number in range(count):
        path = folder / "models" / "Lora" / f"{number // 50:04}" / f"{WORDS[number % len(WORDS)]}_{number}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = lora(number)
        size = int.from_bytes(data[-8:], "little")
        with open(path, "wb") as file:
            file.write(data[:-8])
            file.truncate(len(data) - 8 + size)
    return folder / "models"


def indexed(folder: Path, count: int) -> tuple[Store, Path]:
    """Make a library and scan it once, without hashes."""
    models = make(folder, count)
    store = open_store(folder / "library.db", folder / "backups")
    root = add_root(store, str(models), None, SidecarPolicy.OFF)
    Sync(store, SyncOptions(hash_mode="none")).run([root])
    return store, models
