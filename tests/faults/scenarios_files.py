"""Files are moved and removed while the kill comes: every content stays, and the next run finishes or takes back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.harness import Place, Scenario
from tests.faults.scenarios import hubman, index_is_not_the_walk, put

MODELS = 6


def contents(models: Path) -> list[str]:
    """Return the hashes of everything that is a user's file: all but manifests and unfinished copies."""
    files = [path for path in models.rglob("*") if path.is_file() and ".tmp-hubman" not in path.name]
    kept = [path for path in files if not path.name.startswith("manifest.json")]
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in kept)


class Moving(Scenario):
    """Models with their sidecars go to another folder, one command after the other."""

    name = "mv"

    def prepare(self, place: Place) -> None:
        names = [f"m{number}" for number in range(MODELS)]
        put(place.models, [*names, "other"])
        for name in names:
            for suffix in (".json", ".preview.png"):
                (place.models / "Lora" / (name + suffix)).write_text(name + suffix)
        hubman(place, "sync", str(place.models))
        self.before = contents(place.models)

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        return [["mv", f"m{number}", "moved/"] for number in range(MODELS)]

    def again(self, place: Place) -> Sequence[Sequence[str]]:
        return [["mv", "other", "other2"], ["sync", "--json"]]  # any action begins by putting things right

    def check(self, place: Place, acknowledged: int) -> Iterator[str]:
        if contents(place.models) != self.before:
            yield "a file is lost, or there twice"
        for number in range(acknowledged):
            if not self.is_done(place, f"m{number}"):
                yield f"m{number} was acknowledged and is not there"

    def is_done(self, place: Place, name: str) -> bool:
        """Say whether all of a model is where it was to go."""
        return all(
            (place.models / "moved" / (name + end)).exists() for end in (".safetensors", ".json", ".preview.png")
        )

    def check_after(self, place: Place) -> Iterator[str]:
        yield from index_is_not_the_walk(place, hashed=False)
        yield from self.check(place, 0)
        for number in range(MODELS):
            homes = {path.parent for path in place.models.rglob(f"*m{number}.*")}
            if len(homes) != 1:
                yield f"m{number} is torn: {sorted(map(str, homes))}"


class Removing(Moving):
    """The same into the trash."""

    name = "rm"

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        return [["rm", f"m{number}", "-y"] for number in range(MODELS)]

    def is_done(self, place: Place, name: str) -> bool:
        return not list((place.models / "Lora").glob(f"{name}.*"))


FILE_SCENARIOS: tuple[Scenario, ...] = (Moving(), Removing())
