"""A made library of 100,000 models, recorded through the real writer: what search and size are measured on.

Every model has the facts (with evidence) that identification gives for a labelled header of tests/corpora, up to 400
training tags after Zipf, trigger words, and for most a sidecar with a description of 20 to 90 words; a quarter is
Chinese. The same number of models gives the same library. `HUBMAN_BENCH_LIBRARY` names a folder that keeps it.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sys
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from hubman.core.general_words import GENERAL, chinese
from hubman.core.identify import identify
from hubman.core.library import Layout, Reading, Seen, SidecarPolicy, Unhashed, UserData
from hubman.core.triggers import rank_triggers
from hubman.core.types import Facts, Format, Hashes, Safety, Sidecar
from hubman.store.door import open_store

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "identify"))

MODELS = int(os.environ.get("HUBMAN_BENCH_MODELS", "100000"))
ROOT_PATH = "/srv/models"
BATCH = 500
SYLLABLES = "ka ri no mi ta sho zen lu ver ion dra fel mar tis ora qui pan sol bel nyx the sta cor lyn eth"
HAN = "水墨山云风月花雪江湖古剑仙侠龙凤青白玄紫霜夜星河天地人间春秋画笔国潮敦煌飞天锦绣长安明清宋唐汉服旗袍少女将军侠客书生狐妖灵兽莲荷竹梅兰菊松鹤琴棋酒茶灯火城楼桥船雨雾"  # noqa: E501
STYLES = "水墨 山水 国风 古风 赛博 写实 动漫 厚涂 插画 机甲 汉服 敦煌 工笔 油画 像素 黏土 童话 暗黑 唯美 摄影"


def made(folder: Path) -> Path:
    """Return the path of the library's database, built once in `folder` or in the folder that is kept."""
    kept = os.environ.get("HUBMAN_BENCH_LIBRARY")
    path = Path(kept or folder) / f"library-{MODELS}.db"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        build(path.with_suffix(".part"), folder)
        path.with_suffix(".part").rename(path)
    target = folder / "home" / "library.db"
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, target)
    return target


def build(path: Path, folder: Path) -> None:
    """Record MODELS models through the writer."""
    store = open_store(path, folder / "backups")
    maker = Maker(20)
    with store.writer() as writer:
        writer.add_root(ROOT_PATH, Layout.WEBUI, SidecarPolicy.OFF, None)
    for start in range(0, MODELS, BATCH):
        models = [maker.model(number) for number in range(start, min(start + BATCH, MODELS))]
        with store.writer() as writer:
            entries = [Seen(relpath, 10**8 + 977 * n, 10**18 + n, n) for n, (relpath, _, _) in enumerate(models, start)]
            writer.apply_added(1, ROOT_PATH, entries)
            batch = [(n, name, reading) for n, (_, name, reading) in enumerate(models, start + 1)]
            writer.record_readings(batch)
            writer.record_hashes([maker.hashed(n, entry) for n, entry in enumerate(entries, start + 1)])
            for number in range(start + 20, start + len(entries) + 1, 20):
                subject = maker.hashed(number, entries[number - start - 1])[1].sha256
                writer.subjects.set_data(subject, maker.user_data(subject))
    store.close()


class Maker:
    """Makes models from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        words = sorted(GENERAL)
        self.random.shuffle(words)
        self.words = words + [self._coined() for _ in range(6000)]
        self.tags = self._tags(words)
        self.han = sorted(
            {*chinese.GENERAL.split(), *STYLES.split(), *("".join(self.random.sample(HAN, 2)) for _ in range(1500))}
        )
        self.random.shuffle(self.han)
        self.weights = {id(pool): list(accumulate(1 / (rank + 8) for rank in range(len(pool))))
                        for pool in (self.words, self.tags, self.han)}  # fmt: skip
        self.facts = self._facts()

    def model(self, number: int) -> tuple[str, str, Reading]:
        """Return (relpath, name, reading) of the model of a number."""
        is_chinese = number % 4 == 0
        name = self._chinese_name(number) if is_chinese else self._name(number)
        facts = self._known(self.random.choice(self.facts))
        sidecar = self._sidecar(name, is_chinese)
        words = rank_triggers(facts, sidecar=sidecar)
        digest = f"{self.random.getrandbits(256):064x}"
        reading = Reading(Format.SAFETENSORS.value, Safety.NOT_APPLICABLE, digest, facts, words, sidecar)
        return f"{'Lora' if number % 9 else '水墨'}/{number % 800:03}/{name}.safetensors", name, reading

    def hashed(self, number: int, entry: Seen) -> tuple[Unhashed, Hashes]:
        """Return what hashing the file of a number gave."""
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        names = Hashes(digest, digest[8:16], digest[:10], digest[16:28], None, digest[30:38], digest[::-1])
        return Unhashed(number, ROOT_PATH, entry.relpath, entry.size, entry.mtime_ns), names

    def user_data(self, digest: str) -> UserData:
        """Return what a user said about one model of twenty."""
        number = int(digest[:8], 16)
        note = "good at weight 0.7, 适合国风" if number % 3 else ""
        tags = ("keeper", "收藏") if number % 2 else ()
        return UserData(note=note, tags=tags, favourite=number % 5 == 0, rating=number % 6 or None)

    def _coined(self) -> str:
        return "".join(self.random.choices(SYLLABLES.split(), k=self.random.randint(2, 4)))

    def _tags(self, words: list[str]) -> list[str]:
        pairs = {f"{self.random.choice(words)} {self.random.choice(words)}" for _ in range(12_000)}
        return ["1girl", "solo", "looking at viewer", "long hair", "blush", "smile", *words[:3000], *sorted(pairs)]

    def _facts(self) -> list[Facts]:
        from corpus import cases, header_of, kind_of

        headers = [header_of(case) for case in cases() if kind_of(case) == "lora"]
        loras = [header for header in headers if header.format is Format.SAFETENSORS and header.tensors]
        others = [header_of(case) for case in cases() if kind_of(case) in ("embedding", "checkpoint")]
        return [identify(header) for header in (*loras[:120], *others[:8])]

    def _pick(self, pool: list[str], count: int) -> list[str]:
        return self.random.choices(pool, cum_weights=self.weights[id(pool)], k=count)

    def _name(self, number: int) -> str:
        parts = [*self._pick(self.words, 1), self._coined(), *self._pick(self.words, self.random.randint(0, 1))]
        version = self.random.choice(("v1", "v2", "xl", "pony", number))
        return f"{self.random.choice('_- ').join(parts)}_{version}_{number:x}"

    def _chinese_name(self, number: int) -> str:
        return f"{''.join(self._pick(self.han, self.random.randint(1, 3)))}_v{self.random.randint(1, 4)}_{number:x}"

    def _known(self, facts: Facts) -> Facts:
        """Give a model its own tag cloud; half of all LoRAs keep one."""
        if self.random.random() < 0.5:
            return replace(facts, tags=())
        count = min(400, int(self.random.lognormvariate(4.0, 1.0)))
        tags = dict.fromkeys(self._pick(self.tags, count))
        pictures = self.random.randint(15, 300)
        counts = tuple((tag, max(1, pictures // (rank // 3 + 1))) for rank, tag in enumerate(tags))
        return replace(facts, tags=counts)

    def _sidecar(self, name: str, is_chinese: bool) -> Sidecar:
        if self.random.random() < 0.2:
            return Sidecar()
        pool = self.han if is_chinese else self.words
        description = ("" if is_chinese else " ").join(self._pick(pool, self.random.randint(20, 90)))
        return Sidecar(
            trigger_words=tuple(dict.fromkeys([*self._pick(pool, 1), f"{self._coined()}{self.random.randint(1, 99)}"])),
            description=description,
            author=self.random.choice(self.words[-3000:]),
            name=name.replace("_", " "),
            base_model="SDXL 1.0",
            tags=tuple(dict.fromkeys(self.random.choices(STYLES.split() if is_chinese else self.words[:60], k=4))),
            sources=(f"https://civitai.com/models/{self.random.randint(1, 10**7)}",),
        )
