"""The demo family: made by the code in training/, true to what its headers and sidecars say."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from hubman.app.inspect import inspect_paths
from hubman.core.plan.render import AdapterPlan, BasePlan, PromptPair, RenderPlan, Sampling
from hubman.core.types import Kind
from hubman.paths import demo_models

pytest.importorskip("torch")
pytest.importorskip("diffusers")
Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.render
ROOT = Path(__file__).parents[2]
MODELS = {
    "Stable-diffusion/tinyshapes.safetensors": "checkpoint",
    "Stable-diffusion/tinychalk.safetensors": "checkpoint",
    "Lora/zbrstripe_lora.safetensors": "lora",
    "Lora/水墨_toy.safetensors": "lora",
    "Lora/polkadot_loha.safetensors": "lora",
    "embeddings/goldstar.pt": "embedding",
    "embeddings/toy-negative.safetensors": "embedding",
    "hypernetworks/nightfall.pt": "hypernetwork",
    "VAE/tinyshapes.vae.safetensors": "vae",
}


def header(path: Path) -> tuple[dict[str, str], bytes]:
    """Return the metadata and the bytes after the header of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]).get("__metadata__", {}), data[8 + length :]


def test_every_file_is_what_its_folder_says() -> None:
    """Identified from the content, none with an error or an unsafe finding."""
    for name, kind in MODELS.items():
        (entry,) = inspect_paths([str(demo_models() / name)])
        assert (entry["kind"], entry["error"]) == (kind, None), name
        assert entry["safety"] in ("safe", "not-applicable")


def test_the_headers_tell_the_truth() -> None:
    """`sshs_model_hash` is the hash of the bytes after the header, the base's hash is the base's."""
    base = hashlib.sha256((demo_models() / "Stable-diffusion/tinyshapes.safetensors").read_bytes()).hexdigest()
    for name in MODELS:
        if name.startswith("Lora/"):
            metadata, data = header(demo_models() / name)
            assert metadata["sshs_model_hash"] == hashlib.sha256(data).hexdigest(), name
            assert metadata["ss_new_sd_model_hash"] == base, name
            assert json.loads(metadata["ss_tag_frequency"])


def test_the_sidecars_tell_the_truth() -> None:
    """The hashes of a .civitai.info are those of its file; every adapter's trigger word is known."""
    found = list(demo_models().rglob("*.civitai.info"))
    assert found
    for path in found:
        stem = path.name.removesuffix(".civitai.info")
        (model,) = [entry for entry in path.parent.glob(f"{stem}.*") if entry.suffix in (".safetensors", ".pt")]
        stated = json.loads(path.read_text("utf-8"))["files"][0]["hashes"]["SHA256"]
        assert stated.lower() == hashlib.sha256(model.read_bytes()).hexdigest()


def test_the_measured_figures_reach_the_goal() -> None:
    """At least 90 % of at least 100 seeds each for shape, colour and background, by the recorded evaluation."""
    results = json.loads((ROOT / "benchmarks/results/demo-family.json").read_text("utf-8"))
    for checkpoint in ("tinyshapes", "tinychalk"):
        measured = results[checkpoint]
        assert measured["prompts"] >= 100
        assert min(measured["right"][part] for part in ("shape", "colour", "background")) >= 0.9


@pytest.mark.slow
def test_the_training_code_runs_and_writes_every_file(tmp_path: Path) -> None:
    """`--fast` takes a few steps per stage: untrained, but all files, all readable, by the one command."""
    subprocess.run(
        [sys.executable, "-m", "training", "--fast", "--out", str(tmp_path / "models"), "--work", str(tmp_path / "w")],
        check=True, cwd=ROOT, capture_output=True, timeout=400,
    )  # fmt: skip
    made = {
        path.relative_to(tmp_path / "models").as_posix() for path in (tmp_path / "models").rglob("*") if path.is_file()
    }
    kept = {path.relative_to(demo_models()).as_posix() for path in demo_models().rglob("*") if path.is_file()}
    assert kept - made <= {"README.md"}
    for name, kind in MODELS.items():
        (entry,) = inspect_paths([str(tmp_path / "models" / name)])
        assert (entry["kind"], entry["error"]) == (kind, None), name


RGB = {
    "red": (220, 30, 45),
    "yellow": (245, 205, 30),
    "green": (40, 160, 75),
    "blue": (30, 95, 215),
    "white": (240, 240, 240),
    "black": (20, 20, 24),
}


def test_the_shipped_checkpoint_draws_the_colours_of_the_prompt(tmp_path: Path) -> None:
    """Through hubman's own renderer: the middle and the corners of the pictures are nearest to the named colours."""
    from hubman.renderers.process import Renderer

    with Renderer() as renderer:
        for thing, ground in (("red", "white"), ("blue", "yellow"), ("white", "green"), ("black", "red")):
            renderer.measure(plan(PromptPair(f"a {thing} square on a {ground} background")))
            for index in range(2):
                path = renderer.write("A", index, str(tmp_path / f"{index}.png"), {})
                with Image.open(path) as picture:
                    pixels = picture.convert("RGB")
                    assert nearest(pixels.getpixel((32, 32))) == thing
                    assert nearest(pixels.getpixel((3, 3))) == ground


def plan(prompt: PromptPair) -> RenderPlan:
    """Render the shipped poster checkpoint with and without a LoRA at two seeds."""
    stem = demo_models() / "Stable-diffusion/tinyshapes"
    lora = demo_models() / "Lora/zbrstripe_lora.safetensors"
    return RenderPlan(
        base=BasePlan(f"{stem}.safetensors", "tinyshapes", "0" * 64, str(stem), "folder"),
        adapter=AdapterPlan(str(lora), lora.stem, "0" * 64, Kind.LORA, lora.stem),
        neutral=prompt,
        triggered=prompt,
        sampling=Sampling(seeds=(11, 12)),
        strengths=(1.0,),
    )


def nearest(pixel: object) -> str:
    """Return the named colour that a pixel is closest to."""
    assert isinstance(pixel, tuple)
    return min(RGB, key=lambda name: sum((a - b) ** 2 for a, b in zip(pixel, RGB[name], strict=True)))
