"""How often identification is right, by kind, architecture and source: `make corpus` writes docs/accuracy.md.

An estimate for files that nobody has labelled yet: each family of signatures is taken away in turn, and what its own
cases are then called is counted. An architecture that is in no table must be `unknown` or a set, not another one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

from corpus import SAME, Case, base_of, cases, generated, header_of, kind_of, right_base  # noqa: E402

from hubman.core.identify import adapters, graph, identify, match  # noqa: E402
from hubman.core.types import Confidence, Facts, Kind  # noqa: E402
from hubman.errors import IntegrityError  # noqa: E402


@dataclass(frozen=True)
class Outcome:
    """What one case was called. `base` is None where the label names none."""

    case: Case
    facts: Facts | None
    kind: bool
    base: bool | None

    @property
    def is_set(self) -> bool:
        """Whether the answer is several architectures with the right one among them."""
        found = self.facts.candidates if self.facts else ()
        return self.base is False and base_of(self.case) in found and len(found) > 1

    @property
    def is_relative(self) -> bool:
        """Whether one architecture was named where the label allows several, and not the one that the file is of."""
        found, label = (self.facts.architecture if self.facts else None), str(base_of(self.case))
        return bool(self.base) and found is not None and not found.startswith(label)

    @property
    def is_wrong(self) -> bool:
        """Whether it was called something else, and not as a guess."""
        if self.facts is None or self.facts.confidence is Confidence.GUESS:
            return False
        if not self.kind:
            return self.facts.kind is not Kind.UNKNOWN
        return self.base is False and self.facts.architecture is not None


def outcome(case: Case) -> Outcome:
    """Identify one case."""
    try:
        facts = identify(header_of(case))
    except IntegrityError:
        return Outcome(case, None, False, None)
    base = None if base_of(case) is None else right_base(facts, case)
    return Outcome(case, facts, facts.kind == kind_of(case), base)


# --- tables --------------------------------------------------------------------------------------------------------
def table(title: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a Markdown table."""
    yield "| " + " | ".join(title) + " |"
    yield "|" + "---|" * len(title)
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"
    yield ""


def summed(name: str, group: Sequence[Outcome]) -> list[object]:
    """Return one row: cases, kind right, architecture right of those labelled with one, sets, wrong."""
    labelled = [one for one in group if one.base is not None]
    right = sum(bool(one.base) and not one.is_relative for one in labelled)
    return [
        name,
        len(group),
        share(sum(one.kind for one in group), len(group)),
        share(right, len(labelled)) if labelled else "-",
        sum(one.is_set for one in group) or "",
        sum(one.is_relative for one in group) or "",
        sum(one.is_wrong for one in group) or "",
    ]


def share(part: int, whole: int) -> str:
    """Return `12 of 13`, or `all 13`."""
    return f"all {whole}" if part == whole else f"{part} of {whole}"


def grouped(outcomes: Iterable[Outcome], key: str) -> Mapping[str, list[Outcome]]:
    """Group by kind, architecture or source, the largest group first."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        groups[_key(one.case, key)].append(one)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def _key(case: Case, key: str) -> str:
    if key == "kind":
        return kind_of(case)
    if key == "architecture":
        return base_of(case) or "(none)"
    return str(case["file"]).split("/")[0] if "/" in case["file"] else "other"


HEAD = (
    "",
    "cases",
    "kind right",
    "architecture right",
    "set with the right one",
    "called a relative",
    "confidently wrong",
)


def report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the page."""
    yield "# How often hubman is right"
    yield ""
    yield "Made by `make corpus` (tests/identify/report.py) from the labelled headers in tests/corpora. Do not edit."
    yield ""
    yield from table(HEAD, [summed("all", outcomes)])
    yield "An architecture counts as right when it is the label, or when the label allows several and the answer is"
    yield "among or equal to them. `confidently wrong` counts every other answer that was not called a guess."
    yield ""
    yield from allowance(outcomes)
    for key, title in (("kind", "By kind"), ("source", "By source"), ("architecture", "By architecture")):
        yield f"## {title}"
        yield ""
        yield from table(HEAD, [summed(name, group) for name, group in grouped(outcomes, key).items()])
    yield from misses(outcomes)
    yield from alike()
    yield from left_out()
    yield from peers(outcomes)


def allowance(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield how much of that is due to labels that allow several."""
    labelled = [one for one in outcomes if one.base is not None]
    several = [one for one in labelled if one.case.get("ambiguous_base")]
    exact = sum(one.facts is not None and one.facts.architecture == base_of(one.case) for one in labelled)
    other = sum(
        one.facts is not None and one.facts.architecture not in (None, base_of(one.case)) and bool(one.base)
        for one in several
    )
    yield f"{len(several)} of the {len(labelled)} labels allow several architectures, because other cases have the same"
    yield f"header or the same modules. The one architecture of the label, and no other, was the answer for {exact};"
    yield f"one single architecture that is not the label's but among those allowed, for {other}. A label without a"
    yield "version (`sd3`, `wan`, `flux2`) accepts each of its forms."
    yield ""


def alike() -> Iterator[str]:
    """Yield which generated cases are allowed which architectures, and why."""
    yield "## Generated cases that are allowed several architectures"
    yield ""
    yield "Where the headers of two cases are equal, the corpus says so. These were added in tests/identify/corpus.py:"
    yield ""
    rows = [(f"`{part.replace('|', chr(92) + '|')}`", ", ".join(names), why) for part, names, why in SAME]
    yield from table(("cases named", "architectures", "why"), rows)


def misses(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield what was not right, one line each."""
    rows = [
        (
            f"`{one.case['file']}`",
            kind_of(one.case),
            one.case.get("ambiguous_base") or base_of(one.case) or "-",
            one.facts.kind if one.facts else "broken",
            ", ".join(one.facts.candidates) if one.facts else "",
        )
        for one in outcomes
        if not one.kind or one.base is False
    ]
    yield "## What was not right"
    yield ""
    yield from table(("case", "kind", "architecture", "called", "architecture"), rows)


def strangers() -> tuple[Counter[str], Counter[str]]:
    """Take away one family at a time; return how many cases of its own it has and how many are confidently misnamed."""
    everything = match.all_families()
    wrong: Counter[str] = Counter()
    total: Counter[str] = Counter()
    try:
        for family, declared in everything.items():
            cores = [signature for signature in declared.signatures if signature.kind is Kind.DIFFUSION_MODEL]
            own = {name for signature in cores for name in signature.architectures}
            own |= {found.architecture for found in declared.graphs}
            without = {name: value for name, value in everything.items() if name != family}
            _forget(without)
            for case in (*cases(), *generated()):
                if base_of(case) in own and kind_of(case) in ("lora", "diffusion-model"):
                    total[family] += 1
                    wrong[family] += outcome(case).is_wrong
    finally:
        _forget(None)
    return total, wrong


def left_out() -> Iterator[str]:
    """Yield what the cases of each family are called when its file is taken away."""
    total, wrong = strangers()
    yield "## An architecture that nobody has declared yet"
    yield ""
    yield "Each family's file is taken away in turn; its diffusion models and LoRAs are then strangers. What counts is"
    yield "that they are not confidently called something else."
    yield ""
    rows = [(f"without {name}", count, wrong[name] or "") for name, count in sorted(total.items()) if count]
    rows.append(("all", sum(total.values()), sum(wrong.values())))
    yield from table(("", "its cases", "confidently called something else"), rows)


def _forget(only: Mapping[str, match.Family] | None) -> None:
    """Clear what was derived from the families and, for the time of an estimate, replace them."""
    for cached in (match.index, graph.atlas, graph.named, graph.fitting, adapters.split, adapters._structure):
        cached.cache_clear()
    match.replace_families(only)


# --- peers ---------------------------------------------------------------------------------------------------------
PUBLISHED = (
    # Measured by others on one set of 538 labelled headers, of which ours holds about half.
    ("InvokeAI 6.14.2", "14 of 16", "51 of 177", "66 of 115", "11 of 18", "11 of 36", "5 of 12"),
    ("SD.Next 2026-07", "16 of 16", "80 of 177", "19 of 108", "none", "29 of 35", "none"),
)
COLUMNS = ("checkpoint", "diffusion-model", "lora", "embedding", "vae", "controlnet")


def peers(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the league table; a peer that is installed is run on the same headers."""
    yield "## Beside other tools"
    yield ""
    yield "Right kind and architecture. hubman and diffusers were run on the headers of this page; the figures of"
    yield "InvokeAI and SD.Next were measured on a set of 538 labelled headers, of which about half is in here. A tool"
    yield "that never says a kind has `none` there."
    yield ""
    rows: list[Sequence[object]] = [("hubman", *(_both_right(outcomes, kind) for kind in COLUMNS))]
    rows.append(("diffusers, single files", *_diffusers(outcomes)))
    rows += PUBLISHED
    yield from table(("", *COLUMNS), rows)


def _both_right(outcomes: Sequence[Outcome], kind: str) -> str:
    group = [one for one in outcomes if kind_of(one.case) == kind]
    return f"{sum(one.kind and one.base is not False for one in group)} of {len(group)}"


DIFFUSERS_TYPES = {
    # huggingface/diffusers single_file_utils.py, infer_diffusers_model_type: its answer -> the label it would mean.
    "v1": "sd1", "inpainting": "sd1", "v2": "sd2", "xl_base": "sdxl", "xl_refiner": "sdxl-refiner",
    "xl_inpaint": "sdxl", "playground-v2-5": "sdxl", "upscale": "sd-x4-upscaler", "stable_cascade": "stable-cascade",
    "sd3": "sd3-medium", "sd35_large": "sd3.5-large", "sd35_medium": "sd3.5-medium", "flux": "flux1",
    "flux-dev": "flux1", "flux-schnell": "flux1", "flux-fill": "flux1", "flux-depth": "flux1",
    "flux-2-dev": "flux2-dev",
    "ltx-video": "ltx-video", "autoencoder-dc": "sana", "mochi-1-preview": "mochi", "hunyuan-video": "hunyuan-video",
    "lumina2": "lumina2", "wan": "wan-2.1", "sana": "sana", "cosmos": "cosmos-1", "qwen-image": "qwen-image",
    "auraflow": "auraflow", "z-image-turbo": "z-image", "z-image": "z-image", "hidream": "hidream-i1",
}  # fmt: skip


def _diffusers(outcomes: Sequence[Outcome]) -> Sequence[str]:
    try:
        from diffusers.loaders.single_file_utils import infer_diffusers_model_type
    except ImportError:
        return ["not installed"] + ["none"] * (len(COLUMNS) - 1)
    found = []
    for kind in COLUMNS[:2]:
        group = [one.case for one in outcomes if kind_of(one.case) == kind]
        right = 0
        for case in group:
            try:
                answer = infer_diffusers_model_type(dict(header_of(case).tensors))
            except Exception:
                continue
            label = str(base_of(case))
            right += any(answer.startswith(name) and meant == label for name, meant in DIFFUSERS_TYPES.items())
        found.append(f"{right} of {len(group)}")
    return [*found, *["none"] * (len(COLUMNS) - 2)]


def main() -> None:
    """Print the page; write it with --write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="write the page to this file as well")
    given = parser.parse_args()
    begun = time.perf_counter()
    outcomes = [outcome(case) for case in (*cases(), *generated())]
    page = "\n".join(report(outcomes)).rstrip() + "\n"
    sys.stdout.write(page)
    sys.stderr.write(f"{len(outcomes)} cases in {time.perf_counter() - begun:.1f} s\n")
    if given.write:
        given.write.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
