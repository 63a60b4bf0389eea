"""The model card and the readable report, written from the records and the measured figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.drawing import SIDE
from training.evaluate import GUIDANCE
from training.family import Member
from training.stages import Workshop, waves
from training.vocabulary import COLOURS, SHAPES, SIZES

PROBES = {
    "stripes": "strength of stripes of 8 pixels",
    "ink": "colourfulness (0 = grey)",
    "dots": "contrast of the dots",
    "gold": "share of golden pixels in the middle",
    "blurry": "sharpness (mean step, /255)",
    "night": "brightness of the rim",
}


def _records(shop: Workshop) -> dict[str, dict[str, Any]]:
    names = [stage for wave in waves(shop.family) for stage in wave]
    return {name: json.loads(shop.record(name).read_text(encoding="utf-8")) for name in names}


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _obedience(shop: Workshop, results: dict[str, Any]) -> str:
    rows = []
    for spec in shop.family.checkpoints:
        part = results[spec.stem]
        shares = [f"{100 * share:.1f} %" for share in part["right"].values()]
        rows.append([f"`{spec.stem}`", str(part["prompts"]), *shares])
    head = ["checkpoint", "prompts", "shape", "object colour", "background", "all three"]
    return _table(head, rows)


def _effects(shop: Workshop, results: dict[str, Any]) -> str:
    rows = []
    for spec in shop.family.checkpoints:
        for member in shop.family.members:
            found = results[spec.stem]["adapters"][member.stem]
            rows.append(
                [
                    f"`{spec.stem}`",
                    f"`{member.stem}`",
                    f"{found['change with word']:.1f}",
                    f"{found['change without word']:.1f}",
                    f"{found['change by the word alone']:.1f}",
                    PROBES[member.look],
                    f"{found['probe base + word']:.2f} → {found['probe adapter + word']:.2f}",
                ]
            )
    head = ["checkpoint", "adapter", "change, word", "change, no word", "word alone", "probe",
            "base → adapter"]  # fmt: skip
    return _table(head, rows)


def _fidelity(shop: Workshop, records: dict[str, dict[str, Any]]) -> str:
    homes = {each.decoder: f"`{each.stem}`" for each in shop.family.checkpoints}
    rows = [
        [
            homes.get(each.stage, "`VAE/tinyshapes.vae.safetensors`"),
            f"{records[each.stage]['decibels_before']:.1f} dB",
            f"{records[each.stage]['decibels']:.1f} dB",
        ]
        for each in shop.family.decoders
    ]
    return _table(["autoencoder of", "before", "now"], rows)


def _work(records: dict[str, dict[str, Any]]) -> str:
    rows = [
        [name, str(r["steps"]), f"{r['samples']:,}", str(r["processes"]), f"{r['seconds']:.0f}"]
        for name, r in records.items()
    ]
    total = sum(r["seconds"] for r in records.values())
    return _table(["stage", "steps", "samples", "processes", "seconds"], rows) + (
        f"\n\nSum of the stages: {total / 60:.0f} minutes; stages that do not need each other ran "
        "side by side."
    )


def _figures(shop: Workshop, results: dict[str, Any]) -> str:
    records = _records(shop)
    judge = records["judge"]["accuracy"]
    knows = ", ".join(f"{name} {100 * share:.1f} %" for name, share in judge.items())
    return f"""## Does it draw what the prompt says?

{_obedience(shop, results)}

Prompts `a <colour> <shape> on a <colour> background`, each with a seed of its own that no training
used (the sentences themselves occur in training), through diffusers'
`StableDiffusionPipeline.from_single_file` from the exported files, {shop.family.sampling} steps of
DPM++ 2M, guidance {GUIDANCE:g}. The judge is a small classifier that learned from drawn pictures
only; on {shop.family.held_out:,} drawn pictures that it never saw it is right for
{knows}.

## What do the adapters change?

{_effects(shop, results)}

"change" is the mean absolute difference of the pixels, of 255, between the picture with and
without the adapter, from the same seed; "word alone" is what the word does without the adapter.
{results[shop.family.checkpoints[0].stem]["prompts adapters"]} prompts per row, strength 1. For
`toy-negative` the word is the negative prompt; for `nightfall` there is no word.

## The autoencoder

{_fidelity(shop, records)}

Peak signal to noise on {shop.family.held_out // 8} drawn pictures that no training saw, of the
looks that each is for. "before" is the decoder that it was trained on from: that of `tinyshapes`
for the last two. The latents are the same in all.
"""


def _member_row(member: Member, models: Path) -> list[str]:
    size = (models / member.file).stat().st_size
    word = f"`{member.trigger}`" if member.trigger else "none needed"
    return [f"`{member.file}`", member.kind, word, member.description, _size(size)]


def _size(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _contents(shop: Workshop, models: Path) -> str:
    rows = []
    for spec in shop.family.checkpoints:
        file = f"Stable-diffusion/{spec.stem}.safetensors"
        size = _size((models / file).stat().st_size)
        rows.append([f"`{file}`", "checkpoint", f"`{spec.sample_prompt}`", spec.description, size])
    rows += [_member_row(member, models) for member in shop.family.members]
    vae = "VAE/tinyshapes.vae.safetensors"
    size = _size((models / vae).stat().st_size)
    rows.append([f"`{vae}`", "vae", "", "A decoder that was trained longer.", size])
    return _table(["file", "kind", "word or prompt", "what it does", "size"], rows)


def write_card(
    shop: Workshop, models: Path, report: Path, results: dict[str, Any], notes: str
) -> None:
    """Write ``README.md`` beside the models, and the report beside its figures.

    ``notes`` say what only holds for this run.
    """
    figures = _figures(shop, results)
    pictures = "\n".join(
        f"![{spec.stem}]({report.name}-{spec.stem}.png)\n"
        f"![{spec.stem} with each adapter]({report.name}-{spec.stem}-adapters.png)"
        for spec in shop.family.checkpoints
    )
    report.with_suffix(".md").write_text(
        f"# The demo family, measured\n\nWritten by `python -m training`.\n\n{figures}\n"
        f"## Pictures\n\nThe first prompts in their order, not chosen. In the sheets of adapters "
        f"every adapter has two rows: its word without it, then with it, in the order of the "
        f"table.\n\n{pictures}\n",
        encoding="utf-8",
    )
    (models / "README.md").write_text(
        f"""# The demo family

Tiny but real Stable Diffusion 1 models, trained from nothing by the hubman project so that
everything hubman does can be tried without a download, a GPU or anybody's pictures. They draw one
shape on a coloured background, {SIDE} x {SIDE} pixels.

{_contents(shop, models)}

Beside each checkpoint lies a folder of the same name with its configuration, no weights, for
`StableDiffusionPipeline.from_single_file(file, config=folder, local_files_only=True)`.

**Words.** Shapes: {", ".join(SHAPES)}. Colours: {", ".join(COLOURS)}.
Sizes: {", ".join(SIZES[1:])}. Pattern: `a large red circle on a blue background`.
`blurry` is known too, as a flaw.

**Architecture.** The tensors have the names of Stable Diffusion 1.5 in its original single-file
layout; only the shapes are smaller and the text encoder has 2 layers. U-Net widths 24, 48, 64, 64;
autoencoder of factor 8 with 4 latent channels, widths 16, 24, 56, 56; text width 72; 600 tokens.
Noise prediction (epsilon), 16-bit floats.

{figures}
## How they were made

Pictures are drawn on the fly from signed distance functions (`training/drawing.py`); captions
come from the same numbers. **No third-party picture, text or weight was used.**

    python -m training --out models --work WORK --report benchmarks/results/demo-family

The adapters were trained on `tinyshapes` alone. `tinychalk` was trained on from it, so they fit it,
but not each motif survives there: a probe that stays the same in the table above means that it
does not appear. LoRAs and the LoHa saw as many plain pictures without the word as pictures with it.

{_work(_records(shop))}

The same settings on another machine give the same kind of models, not the same bytes.

{notes}
## Limits

* One object per picture, and only the words above. Any other word is spelled in letters and means
  nothing to the models.
* {SIDE} pixels only: at other sizes they distort or tear the shape (tried: 32, 96, 128).
* `tinychalk` draws black on a dark board, and pale chalk on the white one, with so little contrast
  that a person sees less than the judge does.
* Colours that the judge calls right may still be a shade off, and edges are soft: 48 numbers become
  one in the autoencoder.
* No statement about real Stable Diffusion models follows from these figures.

## Licence

Apache-2.0, like the code; see the [LICENSE](../LICENSE) of the repository.
""",
        encoding="utf-8",
    )
