"""Which adapters are to be proven: those that the user names, or those of which nothing current is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hubman.app.library import find_all
from hubman.app.proving import bases_digest, choose_adapters
from hubman.core.library import ModelFile
from hubman.core.types import ADAPTER_KINDS
from hubman.core.verdict import ENGINE
from hubman.store.reader import Reader

GOOD = frozenset({"ok", "weak"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What is proven now, and the verdicts that stand already.

    Attributes:
        files: as named, or the newest first.
        before: verdict -> how many of the models asked for have it from before.
    """

    files: list[ModelFile]
    before: Counter[str] = field(default_factory=Counter)

    @property
    def all_good_before(self) -> bool:
        return set(self.before) <= GOOD


def choose(
    reader: Reader, words: Sequence[str], bases: Sequence[ModelFile], now_ns: int, *, given: bool, again: bool
) -> Choice:
    """Return what is proven: models that were named always, of a query (or the whole library) what has no proof yet.

    A proof is a verdict by the rules of this version on the content that is there now; `no-base` and `error` stand only
    as long as the checkpoints are the same ones.

    Args:
        bases: the checkpoints there are; `given`: the one of `--base`, on which a proof is asked for.
        again: what is proven is proven anew.

    Raises:
        As `choose_adapters`.
    """
    asked = choose_adapters(reader, words, now_ns)
    if words and all(find_all(reader, word) for word in words):
        return Choice(asked)
    asked.sort(key=lambda file: (file.added_ns, file.file_id), reverse=True)
    if again:
        return Choice(asked)
    kinds = sorted(str(kind) for kind in ADAPTER_KINDS)
    base = bases[0].hashes.sha256 if given and bases[0].hashes else None
    needed = {file.file_id for file in reader.unproven(kinds, ENGINE, bases_digest(bases), base=base)}
    before = Counter(file.verdict.verdict for file in asked if file.verdict and file.file_id not in needed)
    return Choice([file for file in asked if file.file_id in needed], before)
