"""Folders that are one model, and the JSON of `hubman inspect`."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from hubman.app.inspect import inspect_paths
from hubman.core.identify import identify
from hubman.core.types import Format, Hashes, Safety
from hubman.errors import IntegrityError
from hubman.formats import classify_folder, folder, model_folder, read_header

REAL = Path(__file__).resolve().parent.parent / "corpora" / "real"
FIELDS = [
    "path",
    "format",
    "kind",
    "architecture",
    "candidates",
    "lineage",
    "lineage_candidates",
    "algorithm",
    "variant",
    "precision",
    "tensors",
    "parameters",
    "rank",
    "alpha",
    "vectors",
    "hypernetwork",
    "trained",
    "prediction_type",
    "triggers",
    "safety",
    "findings",
    "hashes",
    "evidence",
    "confidence",
    "error",
]


def save(path: Path, shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str] | None = None) -> Path:
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        size = 2
        for dimension in shape:
            size *= dimension
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + end)
    return path


def note(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")


def pipeline(root: Path, weights: bool = True) -> Path:
    note(
        root / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
            "safety_checker": [None, None],
        },
    )
    note(
        root / "unet/config.json", {"_class_name": "UNet2DConditionModel", "cross_attention_dim": 768, "in_channels": 9}
    )
    note(root / "vae/config.json", {"_class_name": "AutoencoderKL"})
    if weights:
        save(root / "unet/diffusion_pytorch_model.fp16.safetensors", {"conv_in.weight": (320, 9, 3, 3)})
        save(root / "unet/diffusion_pytorch_model.safetensors", {"conv_in.weight": (320, 9, 3, 3), "whole": (1,)})
        save(root / "vae/diffusion_pytorch_model.safetensors", {"decoder.conv_in.weight": (512, 4, 3, 3)})
    return root


def test_a_pipeline_is_one_model(tmp_path: Path) -> None:
    root = pipeline(tmp_path / "dreamshaper")
    form = model_folder(root)
    assert form is not None
    assert form.kind is folder.FolderKind.PIPELINE
    header = read_header(root)
    assert header.format is Format.FOLDER
    assert set(header.tensors) == {"unet/conv_in.weight", "unet/whole", "vae/decoder.conv_in.weight"}
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in header.members
    facts = identify(header)
    assert (facts.kind, facts.architecture, facts.variant) == ("checkpoint", "sd1", "inpaint")


def test_a_pipeline_without_weights_is_a_config_folder(tmp_path: Path) -> None:
    root = pipeline(tmp_path / "configs", weights=False)
    assert model_folder(root) is None
    assert folder.is_config_folder(str(root), os.listdir(root))
    assert not folder.is_config_folder(str(tmp_path), os.listdir(tmp_path))


def test_a_component_and_a_plain_folder(tmp_path: Path) -> None:
    note(tmp_path / "vae/config.json", {"_class_name": "AutoencoderKL", "scaling_factor": 0.13025})
    assert classify_folder(str(tmp_path / "vae"), ["config.json"]) is None
    shapes = {
        "encoder.conv_in.weight": (128, 3, 3, 3),
        "decoder.conv_in.weight": (512, 4, 3, 3),
        "decoder.conv_out.weight": (3, 8, 3, 3),
    }
    save(tmp_path / "vae/diffusion_pytorch_model.safetensors", shapes)
    form = model_folder(tmp_path / "vae")
    assert form is not None
    assert form.kind is folder.FolderKind.COMPONENT
    facts = identify(read_header(tmp_path / "vae"))
    assert (facts.kind, facts.architecture) == ("vae", "sdxl")
    assert model_folder(tmp_path) is None
    assert model_folder(tmp_path / "vae/config.json") is None


def test_a_peft_folder(tmp_path: Path) -> None:
    note(tmp_path / "adapter_config.json", {"r": 4})
    name = "base_model.model.unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    save(
        tmp_path / "adapter_model.safetensors", {f"{name}.lora_A.weight": (4, 768), f"{name}.lora_B.weight": (1280, 4)}
    )
    form = model_folder(tmp_path)
    assert form is not None
    assert form.kind is folder.FolderKind.PEFT
    facts = identify(read_header(tmp_path))
    assert (facts.kind, facts.rank, facts.architecture) == ("lora", 4, "sd1")


def test_shards_are_one_model_by_their_index(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / f"m-0000{number}-of-00002.safetensors", {f"t{number}": (2,)})
    names = {f"t{number}": f"m-0000{number}-of-00002.safetensors" for number in (1, 2)}
    index = tmp_path / "m.safetensors.index.json"
    note(index, {"weight_map": names})
    header = read_header(index)
    assert set(header.tensors) == {"t1", "t2"}
    assert header.members == (
        "m-00001-of-00002.safetensors",
        "m-00002-of-00002.safetensors",
        "m.safetensors.index.json",
    )
    form = model_folder(tmp_path)
    assert form is not None
    assert (form.kind, form.index) == (folder.FolderKind.SHARDED, "m.safetensors.index.json")
    (tmp_path / "m-00002-of-00002.safetensors").unlink()
    with pytest.raises(IntegrityError) as caught:
        read_header(index)
    assert caught.value.reference == "shard-missing"
    assert "m-00002-of-00002.safetensors" in str(caught.value)


@pytest.mark.parametrize("part", ["../outside.safetensors", "/etc/passwd", "..\\x", "C:x", "", "..", "a/../../x"])
def test_an_index_that_leads_out_of_its_folder_is_refused(tmp_path: Path, part: str) -> None:
    save(tmp_path / "outside.safetensors", {"t": (2,)})
    save(tmp_path / "model/m-00001-of-00002.safetensors", {"t1": (2,)})
    index = tmp_path / "model/m.safetensors.index.json"
    note(index, {"weight_map": {"t1": "m-00001-of-00002.safetensors", "bad": part}})
    for path in (index, index.parent):
        with pytest.raises(IntegrityError) as caught:
            read_header(path)
        assert caught.value.reference == "shard-outside"


@pytest.mark.parametrize("inner", ["", "unet"])
def test_a_shard_missing_in_a_component_or_a_pipeline_is_told_by_name(tmp_path: Path, inner: str) -> None:
    root = pipeline(tmp_path, weights=False) if inner else tmp_path
    folder_of = root / inner
    note(folder_of / "config.json", {"_class_name": "UNet2DConditionModel"})
    stem = "diffusion_pytorch_model"
    names = {f"t{number}": f"{stem}-0000{number}-of-00002.safetensors" for number in (1, 2)}
    for name, part in names.items():
        save(folder_of / part, {name: (2,)})
    note(folder_of / f"{stem}.safetensors.index.json", {"weight_map": names})
    prefix = f"{inner}/" if inner else ""
    assert set(read_header(root).tensors) == {f"{prefix}t1", f"{prefix}t2"}
    (folder_of / names["t2"]).unlink()
    with pytest.raises(IntegrityError) as caught:
        read_header(root)
    assert caught.value.reference == "shard-missing"
    assert names["t2"] in str(caught.value)


def test_configs_that_are_no_json_are_empty(tmp_path: Path) -> None:
    root = pipeline(tmp_path / "p")
    (root / "unet/config.json").write_bytes(b"\xff{" + b"[" * 100_000)
    assert read_header(root).configs["unet/config.json"] == {}


# --- inspect -------------------------------------------------------------------------------------------------------
def test_every_record_has_exactly_the_documented_fields(tmp_path: Path) -> None:
    save(tmp_path / "a.safetensors", {"emb_params": (2, 768)}, {"modelspec.trigger_phrase": "word"})
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    (tmp_path / "page.ckpt").write_bytes(b"<html>log in</html>")
    (tmp_path / "notes.txt").write_text("hello")
    records = inspect_paths([tmp_path, tmp_path / "notes.txt", tmp_path / "absent.pt"])
    assert [list(record) for record in records] == [FIELDS] * 5
    json.dumps(records)
    good, broken, page, text, absent = records
    assert (good["kind"], good["format"], good["vectors"], good["architecture"]) == (
        "embedding",
        "safetensors",
        2,
        "sd1",
    )
    assert good["triggers"][1] == {"text": "word", "source": "modelspec", "count": None, "score": 0.9}
    assert set(good["evidence"][0]) == {"fact", "value", "because"}
    assert broken["error"]["reference"] == "safetensors-truncated"
    assert (page["error"]["reference"], page["kind"]) == ("web-page", "unknown")
    assert (text["kind"], text["error"]) == ("unknown", None)
    assert absent["error"]["reference"] == "not-found"


def test_hashes_come_from_the_caller(tmp_path: Path) -> None:
    path = save(tmp_path / "a.safetensors", {"emb_params": (2, 768)})
    record = inspect_paths([path], digest=lambda given: Hashes("0" * 64, None, "0" * 10, None))[0]
    assert record["hashes"]["sha256"] == "0" * 64
    assert inspect_paths([path])[0]["hashes"] is None


def test_a_model_folder_is_one_record_and_another_is_looked_into(tmp_path: Path) -> None:
    pipeline(tmp_path / "lib/model")
    save(tmp_path / "lib/deep/er/a.safetensors", {"emb_params": (2, 768)})
    assert [os.path.relpath(record["path"], tmp_path) for record in inspect_paths([tmp_path / "lib"])] == [
        os.path.join("lib", "deep", "er", "a.safetensors"),
        os.path.join("lib", "model"),
    ]


@pytest.mark.parametrize("name", sorted(path.name for path in REAL.iterdir()))
def test_real_files_are_read(name: str) -> None:
    record = inspect_paths([REAL / name])[0]
    assert record["error"] is None
    odd = name.startswith("3288191f")  # names a class of InvokeAI
    safe = {"not-applicable"} if name.endswith("safetensors") else {"safe"}
    assert record["safety"] in ({"suspicious", "unsafe"} if odd else safe)
    kinds = {"4c41": "embedding", "ea17": "embedding", "ebd6": "embedding", "30ba": "non-image-lora", "2f62": "unknown"}
    assert record["kind"] == kinds.get(name[:4], record["kind"])


def test_a_broken_pickle_has_not_been_shown_to_be_safe(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(b"\x80\x02}q\x00")
    record = inspect_paths([tmp_path / "a.ckpt"])[0]
    assert (record["error"]["reference"], record["safety"], record["format"]) == (
        "pickle-unreadable",
        Safety.SUSPICIOUS,
        "pickle",
    )


def test_a_folder_of_configs_is_told_when_it_is_named(tmp_path: Path) -> None:
    """What a diffusers folder without its weights describes: one record, and none for its parts."""
    unet = {"_class_name": "UNet2DConditionModel", "cross_attention_dim": 768, "in_channels": 9}
    (tmp_path / "inpainting" / "unet").mkdir(parents=True)
    (tmp_path / "inpainting" / "unet" / "config.json").write_text(json.dumps(unet))
    index = {"_class_name": "StableDiffusionInpaintPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    (tmp_path / "inpainting" / "model_index.json").write_text(json.dumps(index))
    (record,) = inspect_paths([tmp_path / "inpainting"])
    assert (record["kind"], record["architecture"], record["variant"]) == ("checkpoint", "sd1", "inpaint")
    assert inspect_paths([tmp_path]) == [], "the folder above it holds no model"
