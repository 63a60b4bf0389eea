"""`hubman dupes --similar`: the same adapter after a resave, a change of precision or a resize of its rank.

Sketches are made once for a content and remembered; they propose pairs, and both files of a pair are read to decide.
This module needs numpy: `dupes.check_extra` comes before its import.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hubman.app.dupes import SIMILAR, Copy, Group, edit_in_words, one_a_content
from hubman.app.reading import failure_of, has_vanished
from hubman.core.library import ModelFile
from hubman.core.ports import Progress
from hubman.core.similar import Relation, best, differences, groups_of
from hubman.core.types import ADAPTER_KINDS
from hubman.core.units import units_of
from hubman.errors import N_, HubmanError, Phrase
from hubman.formats.spans import tensor_spans
from hubman.sketch.compare import compare
from hubman.sketch.make import VERSION, Sketch, sketch_of
from hubman.sketch.propose import proposed
from hubman.sketch.weights import Weights
from hubman.store.door import Store
from hubman.store.reader import Reader

BATCH = 200
"""Sketches that are recorded together; a kill loses no more."""
MOST_HEADERS = 64
"""Files whose headers are kept while pairs are compared."""


@dataclass
class Similar:
    """The search for similar adapters in one library.

    Attributes:
        not_compared: (file, why) of what could not be read or is of a kind that is not compared.
    """

    store: Store
    progress: Progress
    not_compared: list[tuple[ModelFile, Phrase]] = field(default_factory=list)
    _headers: OrderedDict[str, Weights] = field(default_factory=OrderedDict)

    def run(self, reader: Reader) -> list[Group]:
        """Return the groups of adapters that are one and the same."""
        files = one_a_content(reader.hashed(sorted(ADAPTER_KINDS)))
        sketched = list(self._sketches(files, reader.sketches(VERSION)))
        pairs = sorted(proposed([sketch for _, sketch in sketched]))
        return list(self._groups([file for file, _ in sketched], pairs))

    def _sketches(self, files: Sequence[ModelFile], stored: dict[str, bytes]) -> Iterator[tuple[ModelFile, Sketch]]:
        """Yield every file that can be compared with its sketch, from the library or made now."""
        known = {sha256: sketch for sha256, data in stored.items() if (sketch := Sketch.unpacked(data)) is not None}
        missing = [file for file in files if file.subject not in known]
        self.progress.phase("sketch", len(missing))
        batch: list[tuple[str, bytes]] = []
        try:
            for file in missing:
                made = self._made(file)
                self.progress.advance()
                if made is not None:
                    known[file.subject] = made
                    batch.append((file.subject, made.packed()))
                if len(batch) >= BATCH:
                    self._record(batch)
        finally:
            self._record(batch)
        for file in files:
            if file.subject in known:
                if known[file.subject].empty:
                    self.not_compared.append((file, Phrase(N_("it changes nothing: all its weights are zero"))))
                else:
                    yield file, known[file.subject]

    def _made(self, file: ModelFile) -> Sketch | None:
        try:
            weights = self._weights(file)
            if not weights.units:
                self.not_compared.append((file, Phrase(N_("it holds no weights that are compared"))))
                return None
            return sketch_of(weights)
        except (HubmanError, OSError) as error:
            self._refuse(file, error)
            return None

    def _record(self, batch: list[tuple[str, bytes]]) -> None:
        if batch:
            with self.store.writer() as writer:
                writer.record_sketches(VERSION, batch)
            batch.clear()

    def _refuse(self, file: ModelFile, error: HubmanError | OSError) -> None:
        if not has_vanished(file.path) and not any(entry is file for entry, _ in self.not_compared):
            message = failure_of(error).message
            self.not_compared.append((file, message if isinstance(message, Phrase) else Phrase(message)))

    def _weights(self, file: ModelFile) -> Weights:
        """Return a file ready for reading; the headers of the last ones are kept."""
        if file.subject in self._headers:
            self._headers.move_to_end(file.subject)
            return self._headers[file.subject]
        spans = tensor_spans(file.path)
        weights = Weights(file.path, spans, units_of(spans, file.kind, _architecture(file)))
        self._headers[file.subject] = weights
        while len(self._headers) > MOST_HEADERS:
            self._headers.popitem(last=False)
        return weights

    def _groups(self, files: Sequence[ModelFile], pairs: Sequence[tuple[int, int]]) -> Iterator[Group]:
        """Yield what the weights of the proposed pairs confirm; a pair that others connected already is not read."""
        self.progress.phase("compare", len(pairs))
        sure: list[tuple[int, int]] = []
        together = list(range(len(files)))
        for one, other in pairs:
            self.progress.advance()
            if together[one] != together[other] and self._compared(files[one], files[other]) is not None:
                sure.append((one, other))
                old, new = together[other], together[one]
                together = [new if group == old else group for group in together]
        for places in groups_of(len(files), sure):
            yield self._group([files[place] for place in places])

    def _compared(self, one: ModelFile, other: ModelFile) -> Relation | None:
        """Compare two files; what cannot be read any more is no pair."""
        if one.kind != other.kind:
            return None
        for file in (one, other):
            try:
                self._weights(file)
            except (HubmanError, OSError) as error:
                self._refuse(file, error)
                return None
        try:
            return compare(self._weights(one), self._weights(other))
        except (HubmanError, OSError) as error:
            self._refuse(other, error)
            return None

    def _group(self, files: Sequence[ModelFile]) -> Group:
        choice = best(files)
        kept = files[choice.place]
        copies = [Copy(kept), *(self._copy(kept, file) for file in files if file is not kept)]
        return Group(SIMILAR, tuple(copies), choice.because)

    def _copy(self, kept: ModelFile, other: ModelFile) -> Copy:
        relation = self._compared(kept, other)
        if relation is None:  # only by way of a third file
            return Copy(other, (Phrase(N_("the same as another one of these")),))
        words = differences(kept, other, relation)
        if kept.hashes and other.hashes and kept.hashes.autov3 and kept.hashes.autov3 == other.hashes.autov3:
            words = (edit_in_words(kept, other),)
        return Copy(other, words, strength=relation.strength, kept=relation.kept)


def _architecture(file: ModelFile) -> str | None:
    """Return the architecture, of several the likeliest: it only tells how blocks are numbered."""
    candidates = file.facts.get("candidates")
    return file.architecture or (str(candidates[0]) if isinstance(candidates, list) and candidates else None)
