"""Lettering of contact sheets, and the config that a single file is loaded with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hubman.core.types import Format, Header, TensorInfo
from hubman.renderers.configs import SD1, find_config, is_shipped, part_digests, unpack

pytestmark = pytest.mark.render

SMALL = {"model.diffusion_model.input_blocks.0.0.weight": TensorInfo((16, 4, 3, 3), "F16")}


def header(tensors: dict[str, TensorInfo], kind: Format = Format.SAFETENSORS) -> Header:
    return Header(kind, tensors)


def sd1_tensors() -> dict[str, TensorInfo]:
    """Return names and shapes of a full SD1 checkpoint, from the shipped configs on torch's meta device."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    import tiny_checkpoint
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(f"{SD1}/unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(f"{SD1}/vae"))
        text = CLIPTextModel(CLIPTextConfig.from_pretrained(f"{SD1}/text_encoder"))
    state = tiny_checkpoint.ldm_state(unet, vae, text)
    return {name: TensorInfo(tuple(tensor.shape), "F16") for name, tensor in state.items()}


def test_the_config_named_wins_then_the_folder_beside_then_the_family(tmp_path: Path) -> None:
    file = str(tmp_path / "model.v2.safetensors")
    assert find_config(file, header(SMALL)) == (None, "none")
    assert find_config(file, header(SMALL), "/given") == ("/given", "given")
    assert find_config(str(tmp_path), header({}, Format.FOLDER)) == (None, "folder")
    (tmp_path / "model.v2").mkdir()
    assert find_config(file, header(SMALL)) == (None, "none")
    (tmp_path / "model.v2" / "model_index.json").write_text("{}", encoding="utf-8")
    assert find_config(file, header(SMALL)) == (str(tmp_path / "model.v2"), "beside")


def test_the_family_config_serves_only_files_of_exactly_its_size() -> None:
    """Pruned, NAI and re-saved spellings count as equal; one other width does not."""
    tensors = sd1_tensors()
    assert find_config("/x/y.safetensors", header(tensors)) == (SD1, "family")
    renamed = {name.replace("text_model.", ""): info for name, info in tensors.items()}
    renamed["cond_stage_model.transformer.embeddings.position_ids"] = TensorInfo((1, 77), "I64")
    renamed["model_ema.decay"] = TensorInfo((), "F32")
    assert part_digests(renamed) == part_digests(tensors)
    name = "model.diffusion_model.input_blocks.0.0.weight"
    inpainting = {**tensors, name: TensorInfo((320, 9, 3, 3), "F16")}
    assert find_config("/x/y.safetensors", header(inpainting)) == (None, "none")


def test_the_shipped_tokenizer_is_clips(tmp_path: Path) -> None:
    """Known ids of openai/clip-vit-large-patch14."""
    transformers = pytest.importorskip("transformers")
    assert is_shipped(SD1)
    folder = unpack(SD1, str(tmp_path))
    tokenizer = transformers.CLIPTokenizer.from_pretrained(os.path.join(folder, "tokenizer"))
    assert len(tokenizer) == 49408
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokenizer.pad_token_id == 49407
    assert (tmp_path / "config" / "model_index.json").is_file()


@pytest.fixture
def letters() -> Any:
    pytest.importorskip("PIL")
    from hubman.renderers.lettering import Lettering

    return Lettering()


def test_a_name_without_a_font_is_replaced_by_the_id(letters: Any) -> None:
    letters.paths = [path for path in letters.paths if "DejaVu" in path]
    assert letters.safe("水墨_toy", "7f3a91c2d0", 17)[0] == "7f3a91c2d0"
    assert letters.safe("plain", "7f3a91c2d0", 17)[0] == "plain"


def test_a_chinese_name_is_written_where_a_font_has_it(letters: Any) -> None:
    if not any("CJK" in path or "wqy" in path or "msyh" in path or "PingFang" in path for path in letters.paths):
        pytest.skip("no Chinese font on this machine")
    assert letters.safe("水墨_toy", "7f3a91c2d0", 17)[0] == "水墨_toy"


def test_a_machine_without_any_known_font_still_gets_a_sheet(letters: Any, tmp_path: Path) -> None:
    from hubman.core.plan.sheet import Cell, Column, Row, Sheet
    from hubman.renderers import sheet

    letters.paths = []
    assert letters.safe("plain", "id", 17)[0] == "plain"
    rows = (Row("id", "水墨" * 40, "ok", ("a line " * 30,), (Cell(), Cell(str(tmp_path / "gone.png")))),)
    drawn = sheet.draw_sheet(Sheet("t", (Column("a"), Column("b")), rows), str(tmp_path / "s.png"))
    assert os.path.getsize(drawn["path"]) > 0
