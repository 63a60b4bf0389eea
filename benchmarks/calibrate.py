"""`python -m benchmarks calibrate --save`: what nothing and something measure, on which the limits of a verdict rest.

On the demo family (trained adapters, on the base they were trained on and on its sister) and on tiny models of random
weights, on the CPU: floors of noise, random weights as a control, words alone, burnt curves, and the weight that the
sweep recommends against probes that know what was trained. Every limit of hubman/core/limits.py lies between two of
these figures, and tests/render/test_calibration.py holds it to that.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "render"))

from matrix_adapters import random_like  # noqa: E402
from tiny_adapters import lora_tensors  # noqa: E402
from tiny_checkpoint import write_checkpoint  # noqa: E402

from hubman.app.validate import plan_render  # noqa: E402
from hubman.app.validation import AdapterFile, BaseFile, ValidateOptions  # noqa: E402
from hubman.core.evidence import Picture  # noqa: E402
from hubman.core.identify import identify  # noqa: E402
from hubman.core.plan.render import AdapterPlan, BasePlan, PromptPair, RenderPlan, Sampling  # noqa: E402
from hubman.core.types import Kind, Trigger  # noqa: E402
from hubman.formats import read_header  # noqa: E402
from hubman.renderers.adapters import open_adapter  # noqa: E402
from hubman.renderers.base import Base, load_base  # noqa: E402
from hubman.renderers.gallery import contexts, render_all  # noqa: E402
from hubman.renderers.measure import Measurement, step_change  # noqa: E402
from hubman.renderers.metrics import cosine, pair_stats  # noqa: E402
from hubman.renderers.sample import Pictures, one_step  # noqa: E402

MODELS = ROOT / "models"
BASES = ("tinyshapes", "tinychalk")
CURVE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0, 6.0, 12.0, 20.0)
PROBED = 0.9
"""What was trained has appeared when its probe has made this share of its way at weight 1."""

SHOWN = 0.1
"""A probe that moves less than this share of its way on the base of the training shows nothing on another base."""

OLD_GRID, OLD_SHARE = (0.4, 0.6, 0.8, 1.0, 1.2), 0.75
"""The rule before this one: the first weight of the grid with three quarters of the pixels' change at 1."""


@dataclass(frozen=True)
class Member:
    file: str
    word: str
    look: str

    @property
    def path(self) -> str:
        return str(MODELS / self.file)

    @property
    def name(self) -> str:
        return Path(self.file).stem


MEMBERS = (
    Member("Lora/zbrstripe_lora.safetensors", "zbrstripe", "stripes"),
    Member("Lora/水墨_toy.safetensors", "shuimo", "ink"),
    Member("Lora/polkadot_loha.safetensors", "plkdot", "dots"),
    Member("hypernetworks/nightfall.pt", "", "night"),
)
EMBEDDINGS = (Member("embeddings/goldstar.pt", "", "gold"), Member("embeddings/toy-negative.safetensors", "", "blurry"))


def base_file(name: str) -> BaseFile:
    path = str(MODELS / f"Stable-diffusion/{name}.safetensors")
    header = read_header(path)
    return BaseFile(path, "0" * 64, name, identify(header, name=name), header)


def loaded(name: str) -> Base:
    stem = MODELS / f"Stable-diffusion/{name}"
    return load_base(BasePlan(f"{stem}.safetensors", name, "0" * 64, str(stem)), "cpu", "float32")


def plan_of(member: Member, base: BaseFile, options: ValidateOptions, word: str | None = None) -> RenderPlan:
    header = read_header(member.path)
    words = tuple(Trigger(text, "header", None, 1.0) for text in [member.word if word is None else word] if text)
    facts = identify(header, name=member.name)
    adapter = AdapterFile(member.path, "", "0" * 64, member.name, facts, header, words)
    return plan_render(adapter, base, options, {"device": "cpu"})


def measured(base: Base, plan: RenderPlan) -> tuple[dict[str, Any], dict[str, Pictures]]:
    run = Measurement(base, plan, lambda stage: None)
    return run.run(), run.pictures


# --- floors ---


def random_bases(folder: Path) -> Iterator[tuple[str, Base]]:
    """Yield tiny models of random weights in SD1's layout."""
    for seed in (0, 1, 2):
        place = folder / f"random-{seed}"
        place.mkdir()
        path, config = write_checkpoint(str(place), seed=seed)
        yield f"random-{seed}", load_base(BasePlan(path, "random", "0" * 64, config), "cpu", "float32")


def floors(base: Base, prompt: str) -> dict[str, Any]:
    """Return what nothing measures: a second run, another size of the batch, weights rounded to half precision."""
    sampling = Sampling()
    context = contexts(base, [PromptPair(prompt)], sampling, {})[0]

    def both(seeds: Sequence[int] = sampling.seeds) -> tuple[Pictures, tuple[torch.Tensor, torch.Tensor]]:
        asked = replace(sampling, seeds=tuple(seeds))
        return render_all(base, [context], asked)[0], one_step(base, context, asked)

    def differ(first: Any, second: Any) -> dict[str, float]:
        a, b = first[0], second[0]
        stats = pair_stats((a.latents, b.latents), (a.pixels, b.pixels))
        return {"mae": stats["mae"] if stats else float("inf"), "one_step": step_change(first[1], second[1]) or 0.0}

    usual = both()
    singly = [both([seed]) for seed in sampling.seeds]
    apart = (
        Pictures(torch.cat([p.latents for p, _ in singly]), torch.cat([p.pixels for p, _ in singly])),
        tuple(torch.cat([step[half] for _, step in singly]) for half in (0, 1)),
    )
    found = {"again": differ(usual, both()), "batch of one": differ(usual, apart)}
    kept = {name: p.detach().clone() for name, p in base.unet.named_parameters()}
    for dtype in (torch.float16, torch.bfloat16):
        with torch.no_grad():
            for p in base.unet.parameters():
                p.copy_(p.to(dtype).float())
        found[str(dtype).removeprefix("torch.") + " weights"] = differ(usual, both())
        with torch.no_grad():
            for name, p in base.unet.named_parameters():
                p.copy_(kept[name])
    other = both([seed + 100 for seed in sampling.seeds])
    found["other seeds"] = differ(usual, other)
    return found


# --- controls ---


def controls(base: Base, name: str, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Return one line per random adapter of a trained one's shapes and norms."""
    lines = []
    file = base_file(name)
    for member in MEMBERS[:3]:
        good = load_file(member.path)
        for seed in range(1, rounds + 1):
            path = folder / f"{member.name}-{seed}.safetensors"
            save_file(random_like(good, 100 + seed), str(path))
            options = ValidateOptions(strengths=(1.0,))
            plan = plan_of(replace_file(member, path), file, options)
            lines.append(_control_line(measured(base, plan)[0]))
    return lines


def replace_file(member: Member, path: Path) -> Member:
    return Member(str(path), member.word, member.look)


def random_controls(base: Base, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Return the same on a model of random weights."""
    lines = []
    for seed in range(rounds):
        path = folder / f"random-{seed}.safetensors"
        save_file({k: v.contiguous() for k, v in lora_tensors(base, seed=seed).items()}, str(path))
        plan = RenderPlan(
            base.plan, AdapterPlan(str(path), "random", "0" * 64, Kind.LORA), PromptPair("a red circle"),
            PromptPair("a red circle, zqx"), ("zqx",), strengths=(1.0,), turns=3,
        )  # fmt: skip
        lines.append(_control_line(measured(base, plan)[0]))
    return lines


def _control_line(result: dict[str, Any]) -> dict[str, Any]:
    pairs = result["pairs"]
    return {
        "times": result["one_step"]["control"]["times"],
        "one_step": result["one_step"]["triggered"],
        "mae": max(pairs["CD"]["mae"], pairs["BA"]["mae"]),
        "word": round(pairs["CD"]["mae"] / pairs["BA"]["mae"], 3),
    }


def spread_of(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return count, and smallest, mean and largest of every figure."""
    found: dict[str, Any] = {"count": len(lines)}
    for key in lines[0]:
        values = [line[key] for line in lines]
        found[key] = {"min": min(values), "mean": round(fmean(values), 4), "max": max(values)}
    return found


def wrong_words(base: Base, name: str) -> list[dict[str, Any]]:
    """Return how far trained LoRAs follow a word that is not theirs, over how far they change the picture without."""
    lines = []
    for member in MEMBERS[:3]:
        for word in ("zbrstripe", "shuimo", "plkdot", "qwv", "masterpiece"):
            if word != member.word:
                plan = plan_of(member, base_file(name), ValidateOptions(strengths=(1.0,)), word)
                lines.append(_control_line(measured(base, plan)[0]))
    return lines


# --- curves ---


def curve(base: Base, name: str, member: Member, probe: Any) -> dict[str, Any]:
    """Return what every weight measures, with the probe that knows what was trained."""
    options = ValidateOptions(strengths=CURVE)
    plan = plan_of(member, base_file(name), options)
    result, pictures = measured(base, plan)
    d = Picture.from_json(result["pictures"]["D"])
    steps = _steps(base, plan)
    points = []
    for point in result["sweep"]:
        picture = Picture.from_json(point)
        pixels = pictures[f"C@{point['strength']:g}"].pixels
        points.append(
            {
                "weight": point["strength"],
                "mae": point["change"]["mae"] if point["change"] else None,
                "distance": _short(point["distance"]),
                "probe": _short(probe(pixels * 2 - 1)),
                "spread": _short(picture.spread(d)),
                "error": _short(picture.error(d)),
                "prompt_kept": _short(point["prompt_kept"]),
                **steps[point["strength"]],
            }
        )
    return {
        "word": result["pairs"]["CD"]["mae"] / result["pairs"]["BA"]["mae"] if member.word else None,
        "word_alone": result["pairs"]["DA"]["mae"],
        "mae": result["pairs"]["CD"]["mae"],
        "one_step": max(result["one_step"]["neutral"], result["one_step"]["triggered"]),
        "times": (result["one_step"]["control"] or {}).get("times"),
        "probe_bare": _short(probe(pictures["D"].pixels * 2 - 1)),
        "points": points,
    }


def _steps(base: Base, plan: RenderPlan) -> dict[float, dict[str, Any]]:
    """Return per weight the one-step change, and the cosine of the prompt's pull on one step (the rule before)."""
    adapter = open_adapter(base, plan.adapter)

    def step() -> tuple[torch.Tensor, torch.Tensor]:
        return one_step(base, contexts(base, [plan.triggered], plan.sampling, {})[0], plan.sampling)

    bare = step()
    found = {}
    for strength in CURVE:
        adapter.set(strength)
        now = step()
        pull = cosine(bare[1] - bare[0], now[1] - now[0])
        found[strength] = {"one_step": _short(step_change(bare, now)), "pull_kept": _short(pull)}
    adapter.remove()
    return found


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def probe_weight(line: dict[str, Any], way: float) -> float | None:
    """Return the weight at which the probe has made PROBED of its way at weight 1; None where it shows nothing."""
    points = [point for point in line["points"] if point["weight"] <= 1.0]
    start, goal = line["probe_bare"], points[-1]["probe"]
    if abs(goal - start) < SHOWN * way:
        return None
    before, share_before = 0.0, 0.0
    for point in points:
        share = (point["probe"] - start) / (goal - start)
        if share >= PROBED:
            part = (PROBED - share_before) / (share - share_before)
            return round(before + part * (point["weight"] - before), 3)
        before, share_before = point["weight"], share
    return 1.0


def old_weight(line: dict[str, Any]) -> float | None:
    changes = {point["weight"]: point["mae"] for point in line["points"]}
    return next((w for w in OLD_GRID if changes[w] >= OLD_SHARE * changes[1.0]), None)


def weights(base: Base, name: str, curves: dict[str, Any], ways: dict[str, float]) -> dict[str, Any]:
    """Return the weight recommended with the settings of `hubman validate` for three sets of seeds, and the probe's."""
    from hubman.core.evidence import Measured, measured_from_json
    from hubman.core.sweep import measured_weight

    found = {}
    for member in MEMBERS:
        chosen = []
        for seeds in ((1, 2, 3), (11, 12, 13), (21, 22, 23)):
            plan = plan_of(member, base_file(name), ValidateOptions(seeds=seeds))
            result, _ = measured(base, plan)
            values = measured_from_json(result, Measured(), triggered=bool(member.word), switch=False)
            weight = measured_weight(values.sweep, values.base, values.reference)
            chosen.append(
                {
                    "weight": weight.weight if weight else None,
                    "range": [weight.low, weight.high] if weight else None,
                    "burns_from": weight.burns_from if weight else None,
                    "prompt_kept": _short(weight.prompt_kept) if weight else None,
                    "reference": values.reference,
                }
            )
        line = curves[member.name]
        found[member.name] = {
            "probe": probe_weight(line, ways[member.name]),
            "old_rule": old_weight(line),
            "by_seeds": chosen,
        }
    return found


# --- all of it ---


def report(folder: Path) -> dict[str, Any]:
    """Measure everything, print a summary, and return it."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    from training.evaluate import PROBES

    result: dict[str, Any] = {
        "torch": torch.__version__, "floors": {}, "random_weights": {}, "wrong_words": {}, "curves": {},
        "embeddings": {}, "weights": {},
    }  # fmt: skip
    for name, base in random_bases(folder):
        result["floors"][name] = floors(base, "a red circle")
        result["random_weights"][name] = spread_of(random_controls(base, folder, 6))
    ways: dict[str, float] = {}
    for name in BASES:
        base = loaded(name)
        prompt = base_file(name).header.metadata["hubman.sample_prompt"]
        result["floors"][name] = floors(base, prompt)
        result["random_weights"][name] = spread_of(controls(base, name, folder, 8))
        result["wrong_words"][name] = spread_of(wrong_words(base, name))
        curves = {member.name: curve(base, name, member, PROBES[member.look]) for member in MEMBERS}
        result["curves"][name] = curves
        for member, line in zip(MEMBERS, curves.values(), strict=True):
            full = next(point["probe"] for point in line["points"] if point["weight"] == 1.0)
            ways.setdefault(member.name, abs(full - line["probe_bare"]))  # on the base of the training, which is first
        result["embeddings"][name] = {member.name: _embedding(base, name, member) for member in EMBEDDINGS}
        result["weights"][name] = weights(base, name, curves, ways)
    result["summary"] = summary(result)
    for key, value in result["summary"].items():
        print(f"  {key:<44}{value}")
    return result


def _embedding(base: Base, name: str, member: Member) -> dict[str, Any]:
    result, _ = measured(base, plan_of(member, base_file(name), ValidateOptions()))
    d, c = (Picture.from_json(result["pictures"][key]) for key in "DC")
    return {
        "mae": result["pairs"]["CD"]["mae"],
        "one_step": result["one_step"]["triggered"],
        "spread": _short(c.spread(d)),
        "error": _short(c.error(d)),
        **({"negative": result["negative"]} if "negative" in result else {}),
    }


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that the limits lie between: the largest of nothing, the smallest of something."""
    nothing = ("again", "batch of one", "float16 weights")
    lines = [line for curves in result["curves"].values() for line in curves.values()]
    home = list(result["curves"][BASES[0]].values())
    upto = [p for line in lines for p in line["points"] if p["weight"] <= 1.0]
    destroyed = [p for line in lines for p in line["points"] if p["weight"] >= 12.0]
    controls = list(result["random_weights"].values())
    embeddings = [line for lines in result["embeddings"].values() for line in lines.values()]
    errors = [
        entry["weight"] - found["probe"]
        for found in result["weights"][BASES[0]].values()
        for entry in found["by_seeds"]
    ]
    old = [found["old_rule"] - found["probe"] for found in result["weights"][BASES[0]].values()]
    return {
        "floor one_step": max(f[key]["one_step"] for f in result["floors"].values() for key in nothing),
        "floor mae": max(f[key]["mae"] for f in result["floors"].values() for key in nothing),
        "trained one_step min": min(line["one_step"] for line in [*lines, *embeddings]),
        "trained mae min": min(line["mae"] for line in [*lines, *embeddings]),
        "random times max": max(c["times"]["max"] for c in controls),
        "trained at home times min": min(line["times"] for line in home if line["times"]),
        "random word max": max(c["word"]["max"] for c in controls),
        "wrong word max": max(c["word"]["max"] for c in result["wrong_words"].values()),
        "trained at home word min": min(line["word"] for line in home if line["word"]),
        "word alone mae max": max(line["word_alone"] for line in lines),
        "spread up to 1 max": max([p["spread"] for p in upto] + [e["spread"] for e in embeddings]),
        "spread from 12 min": min(p["spread"] for p in destroyed),
        "error up to 1 max": max([p["error"] for p in upto] + [e["error"] for e in embeddings]),
        "error from 12 min": min(p["error"] for p in destroyed),
        "one_step up to 1 max": max(p["one_step"] for p in upto),
        "one_step from 12 min": min(p["one_step"] for p in destroyed),
        "recommended minus probe, mean": round(fmean(errors), 3),
        "recommended minus probe, largest": max(errors, key=abs),
        "old rule minus probe, mean": round(fmean(old), 3),
        "old rule minus probe, largest": max(old, key=abs),
    }  # fmt: skip


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        report(Path(place))
