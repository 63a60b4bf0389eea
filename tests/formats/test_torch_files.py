"""Files that torch writes: the table of shapes is torch's own, whatever the container; re-saving changes no answer."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import pytest

from hubman.core.identify import identify
from hubman.core.types import Safety, TensorInfo
from hubman.errors import IntegrityError
from hubman.formats import read_header
from hubman.formats.pickle import flattened

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.render

DTYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
    torch.int8: "I8",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.complex64: "C64",
}


def table(value: Any) -> Any:
    """Turn a loaded object into what Header.tree should be."""
    if isinstance(value, torch.Tensor):
        return TensorInfo(tuple(value.shape), DTYPES[value.dtype])
    if isinstance(value, (dict, torch.nn.ParameterDict)):
        return {key: table(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(table(item) for item in value)
    return value


def objects() -> dict[str, Any]:
    big = torch.zeros(10, 20)
    return {
        "state dict": collections.OrderedDict(a=torch.zeros(3, 4), b=torch.zeros(())),
        "nested": {"state_dict": {"x": torch.ones(2, 3, 4)}, "step": 7, "name": "n", "rate": 0.5, "none": None},
        "lists": [torch.zeros(320, 4), torch.zeros(4, 320)],
        "tuples with int keys": {768: (torch.zeros(2), [torch.zeros(3)]), "layer_structure": [1, 2, 1]},
        "bare": torch.zeros(1, 768),
        "views": {"row": big[3], "transposed": big.t(), "expanded": torch.zeros(1).expand(5), "whole": big},
        "parameter": {"p": torch.nn.Parameter(torch.zeros(4, 2)), "q": torch.zeros(0, 5)},
        "parameter dict": {"string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.zeros(2, 768))})},
        "dtypes": {str(dtype): torch.zeros(3, dtype=dtype) for dtype in DTYPES if dtype is not torch.float8_e4m3fn},
        "module": torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Conv2d(1, 2, 3)).state_dict(),
    }


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", sorted(objects()))
def test_shapes_are_torchs(tmp_path: Path, name: str, protocol: int, legacy: bool) -> None:
    value = objects()[name]
    path = tmp_path / "模型.pt"
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    header = read_header(path, isolate=False)
    assert header.tree == table(value)
    assert header.safety is Safety.SAFE, header.findings
    assert [finding.reference for finding in header.findings] == ["pickle"]
    assert header.tensors == dict(flattened(header.tree))
    assert read_header(path) == header


def unusual() -> dict[str, Any]:
    """What training scripts save beside weights, and the rarer kinds of tensors; loading it calls nothing odd."""
    linear = torch.nn.Linear(2, 3)
    optimizer = torch.optim.AdamW(linear.parameters())
    linear(torch.zeros(1, 2)).sum().backward()
    optimizer.step()
    named = torch.nn.Parameter(torch.zeros(3))
    named.tag = "x"  # type: ignore[attr-defined]
    return {
        "sparse": {"a": torch.eye(4).to_sparse()},
        "compressed": {"a": torch.eye(4).to_sparse_csr()},
        "meta": {"a": torch.zeros(3, 4, device="meta")},
        "version": {"v": torch.__version__, "a": torch.zeros(2)},
        "counter": {"c": collections.Counter("abc"), "a": torch.zeros(1)},
        "attribute": {"p": named},
        "types": {"d": torch.float16, "s": torch.Size([1, 2]), "where": torch.device("cpu")},
        "quantised": {"q": torch.quantize_per_tensor(torch.zeros(3, 2), 0.1, 0, torch.qint8)},
        "optimizer": {"model": linear.state_dict(), "optimizer": optimizer.state_dict(), "seed": torch.get_rng_state()},
        "plain": {"s": {1, 2}, "f": frozenset([1]), "b": bytearray(b"x"), "c": 1 + 2j, "y": b"abc"},
        "default": collections.defaultdict(dict, a={"b": torch.zeros(1)}),
        "conjugated": {"a": torch.zeros(2, dtype=torch.complex64).conj()},
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("legacy", [False, True])
def test_unusual_but_harmless_files_are_safe(tmp_path: Path, legacy: bool) -> None:
    for name, value in unusual().items():
        torch.save(value, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
        header = read_header(tmp_path / "a.pt", isolate=False)
        assert header.safety is Safety.SAFE, (name, header.findings)
    torch.save(unusual()["sparse"], tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    assert read_header(tmp_path / "a.pt", isolate=False).tensors == {"a": TensorInfo((4, 4), "F32")}


def test_eight_bit_floats(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3, dtype=torch.float8_e4m3fn)}, tmp_path / "a.pt")
    assert read_header(tmp_path / "a.pt", isolate=False).tensors["a"] == TensorInfo((3,), "F8_E4M3")


def test_numpy_scalars_and_arrays(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    value = {"loss": numpy.float64(0.25), "grid": numpy.zeros((2, 3), "float32"), "w": torch.zeros(2)}
    torch.save(value, tmp_path / "a.ckpt")
    header = read_header(tmp_path / "a.ckpt", isolate=False)
    assert header.tree == {"loss": 0.25, "grid": TensorInfo((2, 3), "F32"), "w": TensorInfo((2,), "F32")}
    assert header.safety is Safety.SAFE


def test_a_whole_module_is_suspicious(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), tmp_path / "a.pt")
    assert read_header(tmp_path / "a.pt", isolate=False).safety is Safety.SUSPICIOUS


@pytest.mark.parametrize("legacy", [False, True])
def test_a_cut_file_is_an_error(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "a.pt"
    torch.save({"a": torch.zeros(1000)}, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 200, 20):
        path.write_bytes(whole[:cut])
        with pytest.raises(IntegrityError) as caught:
            read_header(path, isolate=False)
        assert caught.value.reference == "pickle-unreadable"


def test_a_tensor_larger_than_its_data_is_suspicious(tmp_path: Path) -> None:
    """CVE-2026-24747: a storage that is smaller than the tensors in it corrupted torch's heap."""
    path = tmp_path / "a.pt"
    torch.save({"a": torch.zeros(7)}, path)
    content = path.read_bytes()
    at = content.index(b"K\x07\x85")
    path.write_bytes(content[: at + 1] + b"\x63" + content[at + 2 :])
    assert read_header(path, isolate=False).safety is Safety.SUSPICIOUS


@pytest.mark.parametrize(
    "tensors",
    [
        {"emb_params": (3, 768)},
        {"clip_l": (2, 768), "clip_g": (2, 1280)},
        {
            f"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.{part}.weight": shape
            for part, shape in (("lora_down", (4, 768)), ("lora_up", (1280, 4)))
        },
        {
            "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
            "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
            "first_stage_model.decoder.conv_out.weight": (3, 128, 3, 3),
            "first_stage_model.decoder.conv_in.bias": (512,),
            "first_stage_model.decoder.mid.block_1.norm1.weight": (512,),
            "first_stage_model.decoder.mid.block_1.conv1.weight": (512, 512, 3, 3),
            "first_stage_model.decoder.up.3.block.0.conv1.weight": (512, 512, 3, 3),
            "first_stage_model.quant_conv.weight": (8, 8, 1, 1),
        },
    ],
)
def test_the_container_does_not_matter(tmp_path: Path, tensors: dict[str, tuple[int, ...]]) -> None:
    save_file = pytest.importorskip("safetensors.torch").save_file
    state = {name: torch.zeros(shape, dtype=torch.float16) for name, shape in tensors.items()}
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pt")
    torch.save({"state_dict": state}, tmp_path / "wrapped.ckpt")
    answers = [
        identify(read_header(tmp_path / name, isolate=False)) for name in ("a.safetensors", "a.pt", "wrapped.ckpt")
    ]
    assert answers[0].kind != "unknown"
    for answer in answers[1:]:
        assert (answer.kind, answer.candidates, answer.vectors, answer.rank, answer.precision) == (
            answers[0].kind,
            answers[0].candidates,
            answers[0].vectors,
            answers[0].rank,
            answers[0].precision,
        )
