"""Adapters made alike and unlike: the sketch proposes, the weights decide, and what is not known is not guessed."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
from evaluation import evaluate
from makers import (
    drifted,
    encoded,
    fixed,
    joined,
    kohya,
    opened,
    peft,
    resized,
    scaled,
    sizes,
    sv_fro,
    trained,
    walked,
    write,
)

from hubman.core.identify import unets
from hubman.core.plan.bases import UNET, fold
from hubman.core.similar import Relation
from hubman.core.units import key_of
from hubman.errors import IntegrityError
from hubman.formats import read_header
from hubman.formats.spans import tensor_spans
from hubman.sketch.compare import compare
from hubman.sketch.make import NUMBERS, Sketch, sketch_of
from hubman.sketch.propose import MANY, proposed
from hubman.sketch.weights import decoded, written_as

DEMO = Path(__file__).parents[2] / "models"
SHAPES = sizes(width=48, blocks=4)


@pytest.fixture
def make() -> np.random.Generator:
    return np.random.default_rng(7)


def relation(one: Path, other: Path, kind: str = "lora", architecture: str | None = "sd1") -> Relation | None:
    """Compare two files both ways round; the answers must agree."""
    files = [opened(path, kind, architecture) for path in (one, other)]
    there, back = compare(*files), compare(*reversed(files))
    for file in files:
        file.close()
    assert (there is None) == (back is None)
    if there and back:
        assert there.kept == pytest.approx(back.kept, abs=1e-3)
        assert there.strength * back.strength == pytest.approx(1, abs=1e-2)
        assert there.ranks == back.ranks[::-1]
    return there


def cosine(one: Path, other: Path, architecture: str | None = "sd1") -> float:
    vectors = [sketch_of(opened(path, architecture=architecture)).unit_vector() for path in (one, other)]
    return float(vectors[0] @ vectors[1])


def test_labelled_families_have_no_false_pair_and_full_recall(tmp_path: Path) -> None:
    """Two of the families of the benchmark; it runs a dozen others (`python -m benchmarks.similar`)."""
    found = evaluate(tmp_path, families=2)
    assert (found.positive, found.negative) == (508, 4406)
    assert found.false == []
    assert found.recall >= 0.99, found.missed


# --- one pair at a time ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("dtype", "least"), [("F32", 0.9999), ("BF16", 0.9999), ("F8_E5M2", 0.99), ("F8_E4M3", 0.98)])
def test_another_precision(tmp_path: Path, make: np.random.Generator, dtype: str, least: float) -> None:
    adapter = trained(make, SHAPES, 8)
    one = write(tmp_path / "one", kohya(adapter, 4.0), "F16")
    other = write(tmp_path / "other", kohya(adapter, 4.0), dtype)
    assert cosine(one, other) > least
    assert relation(one, other) == Relation(1.0, 1.0, (8, 8), resized=False)


def test_the_share_that_a_resize_keeps_is_that_of_its_singular_values(
    tmp_path: Path, make: np.random.Generator
) -> None:
    adapter = trained(make, SHAPES, 16, decay=0.8)
    one = write(tmp_path / "one", kohya(adapter))
    other = write(tmp_path / "other", kohya(resized(adapter, fixed(4)), 2.0), "BF16")
    energies = np.array([[np.linalg.norm(up @ down) ** 2 for up, down in some.values()]
                         for some in (adapter, resized(adapter, fixed(4)))]).sum(axis=1)  # fmt: skip
    found = relation(one, other)
    assert found is not None
    assert found.resized
    assert found.ranks == (16, 4)
    assert found.kept == pytest.approx(np.sqrt(energies[1] / energies[0]), abs=1e-3)


def test_numbers_at_the_small_end_of_a_type(tmp_path: Path, make: np.random.Generator) -> None:
    """After few steps a trainer's ups are near 0.00001, where float16's numbers stand up to 0.6 % apart."""
    adapter = {name: (up * 5e-3, down) for name, (up, down) in trained(make, SHAPES, 16).items()}
    one = write(tmp_path / "one", kohya(adapter), "F16")
    up = next(iter(resized(adapter, fixed(4)).values()))[0]
    assert np.linalg.norm(up.astype(np.float16) - up) > 1e-3 * np.linalg.norm(up)  # 0.03 % elsewhere
    assert relation(one, write(tmp_path / "fine", kohya(adapter), "F32")) is not None
    assert relation(one, write(tmp_path / "cut", kohya(resized(adapter, fixed(4))), "F16")) is not None
    later = resized(walked(make, adapter, 0.1), fixed(4))
    assert relation(one, write(tmp_path / "later", kohya(later), "F16")) is None


def test_a_folded_strength_is_measured(tmp_path: Path, make: np.random.Generator) -> None:
    adapter = trained(make, SHAPES, 8)
    one = write(tmp_path / "one", kohya(adapter))
    found = relation(one, write(tmp_path / "weak", peft(scaled(adapter, 0.8))))
    assert found is not None
    assert found.strength == pytest.approx(0.8, abs=2e-3)
    assert relation(one, write(tmp_path / "against", kohya(scaled(adapter, -1)))) is None


@pytest.mark.parametrize("step", [0.003, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_another_epoch_is_another_adapter(tmp_path: Path, make: np.random.Generator, step: float, dtype: str) -> None:
    """Even where a hundredth of the weights' size changed, which is a cosine of 0.9999; bfloat16 has 0.004 itself."""
    adapter = trained(make, SHAPES, 8)
    one = write(tmp_path / "one", kohya(adapter, 4.0), dtype)
    for later in (walked(make, adapter, step), drifted(make, adapter, max(step, 0.02))):
        other = write(tmp_path / "other", kohya(later, 4.0), dtype)
        assert cosine(one, other) > 0.9
        if (dtype, step) != ("BF16", 0.003):
            assert relation(one, other) is None


@pytest.mark.parametrize("step", [0.02, 0.1])
def test_a_resize_of_another_epoch_is_another_adapter(tmp_path: Path, make: np.random.Generator, step: float) -> None:
    adapter = trained(make, SHAPES, 16)
    one = write(tmp_path / "one", kohya(adapter))
    other = write(tmp_path / "other", kohya(resized(walked(make, adapter, step), fixed(4))))
    assert relation(one, other) is None


@pytest.mark.parametrize("decay", [0.3, 1.3])
def test_a_coarse_resize_hides_no_other_epoch(tmp_path: Path, make: np.random.Generator, decay: float) -> None:
    """Four ranks hold a third of what a walk of 2 % changed, and bfloat16 rounds by 0.3 %."""
    adapter = trained(make, SHAPES, 32, decay=decay)
    small = write(tmp_path / "small", kohya(resized(adapter, fixed(4))), "BF16")
    assert relation(small, write(tmp_path / "itself", kohya(adapter), "BF16")) is not None
    assert relation(small, write(tmp_path / "later", kohya(walked(make, adapter, 0.02)), "F16")) is None


def test_a_walk_that_is_orthogonal_to_its_beginning_is_no_resize(tmp_path: Path, make: np.random.Generator) -> None:
    """<B - A, A> = 0 exactly, module by module: what a test of the trace alone would take for a resize."""
    adapter = trained(make, SHAPES, 8)
    later = {}
    for name, (up, down) in walked(make, adapter, 0.2).items():
        before, after = adapter[name][0] @ adapter[name][1], up @ down
        later[name] = up * (np.vdot(before, before) / np.vdot(before, after)), down
    one, other = write(tmp_path / "one", kohya(adapter), "F32"), write(tmp_path / "other", kohya(later), "F32")
    assert relation(one, other) is None
    padded = joined([(1, later), (0.0, trained(make, SHAPES, 4))])  # twelve ranks: a resize could be meant
    assert relation(one, write(tmp_path / "padded", kohya(padded), "F32")) is None


@pytest.mark.parametrize("weight", [0.1, 0.3, 1.0])
def test_a_merge_is_another_adapter(tmp_path: Path, make: np.random.Generator, weight: float) -> None:
    adapter, guest = trained(make, SHAPES, 8), trained(make, SHAPES, 8)
    one = write(tmp_path / "one", kohya(adapter))
    assert relation(one, write(tmp_path / "both", kohya(joined([(1, adapter), (weight, guest)])))) is None


def test_parts_taken_out_are_another_adapter(tmp_path: Path, make: np.random.Generator) -> None:
    adapter = trained(make, SHAPES, 8)
    one = write(tmp_path / "one", kohya(adapter))
    unet = {name: pair for name, pair in adapter.items() if name.startswith("unet")}
    assert relation(one, write(tmp_path / "unet", kohya(unet))) is None


def test_modules_that_change_nothing_may_be_left_out(tmp_path: Path, make: np.random.Generator) -> None:
    """A trainer writes a text encoder that it never trained; a converter drops it."""
    adapter = trained(make, SHAPES, 8)
    silent = {name: (up * (name[:4] == "unet"), down) for name, (up, down) in adapter.items()}
    unet = {name: pair for name, pair in adapter.items() if name.startswith("unet")}
    one, other = write(tmp_path / "one", kohya(silent)), write(tmp_path / "other", kohya(unet))
    assert cosine(one, other) > 0.999
    assert relation(one, other) is not None


def test_one_module_that_was_tampered_with_is_found(tmp_path: Path, make: np.random.Generator) -> None:
    adapter = trained(make, SHAPES, 8)
    one = write(tmp_path / "one", kohya(adapter), "F32")
    name = list(adapter)[-1]
    changed = {**adapter, name: (adapter[name][0] * 1.2, adapter[name][1])}
    assert relation(one, write(tmp_path / "other", kohya(changed), "F32")) is None


# --- other names, other algorithms -----------------------------------------------------------------------------------
def test_the_two_numberings_of_a_unet_meet(tmp_path: Path, make: np.random.Generator) -> None:
    """kohya writes SDXL's modules by the original's block numbers, diffusers by its own."""
    pairs = {
        "input_blocks.4.1.transformer_blocks.1.ff.net.2": "down_blocks.1.attentions.0.transformer_blocks.1.ff.net.2",
        "input_blocks.8.1.proj_in": "down_blocks.2.attentions.1.proj_in",
        "middle_block.1.transformer_blocks.9.ff.net.2": "mid_block.attentions.0.transformer_blocks.9.ff.net.2",
        "output_blocks.2.1.transformer_blocks.0.attn1.to_q": "up_blocks.0.attentions.2.transformer_blocks.0.attn1.to_q",
        "output_blocks.5.2.conv": "up_blocks.1.upsamplers.0.conv",
        "input_blocks.2.0.in_layers.2": "down_blocks.0.resnets.1.conv1",
    }  # fmt: skip
    old = trained(make, {f"unet.{name}": (40, 32) for name in pairs}, 4)
    new = {f"unet.{pairs[name.removeprefix('unet.')]}": pair for name, pair in old.items()}
    one, other = write(tmp_path / "one", kohya(old)), write(tmp_path / "other", peft(new))
    assert cosine(one, other, "sdxl") > 0.999
    assert relation(one, other, architecture="sdxl") == Relation(1.0, 1.0, (4, 4), resized=False)


@pytest.mark.parametrize("unet", [unets.SD1, unets.SD2, unets.SDXL, unets.KOLORS], ids=lambda unet: unet.id)
def test_every_module_has_one_key_in_both_numberings(unet: unets.UNet) -> None:
    for old, new in zip(unets.names(unet, "ldm"), unets.names(unet, "diffusers"), strict=True):
        if old not in ("out.0", "out.2") and not re.search(r"time_embed|label_emb", old):
            assert key_of(UNET, fold(old), unet.id) == f"unet:{fold(new)}", old


def convolution(make: np.random.Generator, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return up, mid and down of a 3 x 3 convolution from 24 to 32 channels."""
    return (
        make.standard_normal((32, rank, 1, 1)),
        make.standard_normal((rank, rank, 3, 3)),
        make.standard_normal((rank, 24, 1, 1)),
    )


def test_a_convolution_with_and_without_its_middle(tmp_path: Path, make: np.random.Generator) -> None:
    """A merger multiplies `mid` into `down`; the change is the same."""
    up, mid, down = convolution(make, 4)
    name = "lora_unet_down_blocks_0_resnets_0_conv1"
    tensors = {f"{name}.lora_up.weight": up, f"{name}.lora_mid.weight": mid, f"{name}.lora_down.weight": down}
    one = write(tmp_path / "one", tensors, "F32")
    merged = np.einsum("abkl,bi->aikl", mid, down[:, :, 0, 0])
    other = write(tmp_path / "other", {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": merged}, "F32")
    assert cosine(one, other) > 0.999
    assert relation(one, other) is not None
    cut = resized({"x": (up[:, :, 0, 0], merged.reshape(4, -1))}, fixed(2))["x"]
    small = {f"{name}.lora_up.weight": cut[0].reshape(32, 2, 1, 1),
             f"{name}.lora_down.weight": cut[1].reshape(2, 24, 3, 3)}  # fmt: skip
    found = relation(one, write(tmp_path / "small", small, "F16"))
    assert found is not None
    assert found.resized


def loha(make: np.random.Generator, rank: int = 3) -> dict[str, np.ndarray]:
    name = "lora_unet_mid_block_attentions_0_proj_in"
    parts = {"w1_a": (40, rank), "w1_b": (rank, 32), "w2_a": (40, rank), "w2_b": (rank, 32)}
    return {f"{name}.hada_{part}": make.standard_normal(shape) * 0.1 for part, shape in parts.items()} | {
        f"{name}.alpha": np.array(1.5)
    }


def lokr(make: np.random.Generator) -> dict[str, np.ndarray]:
    name = "lora_unet_mid_block_attentions_0_proj_in"
    return {
        f"{name}.lokr_w1": make.standard_normal((4, 4)),
        f"{name}.lokr_w2_a": make.standard_normal((10, 2)) * 0.1,
        f"{name}.lokr_w2_b": make.standard_normal((2, 8)) * 0.1,
        f"{name}.alpha": np.array(1.0),
    }


def full(make: np.random.Generator) -> dict[str, np.ndarray]:
    name = "lora_unet_mid_block_attentions_0_proj_in"
    return {f"{name}.diff": make.standard_normal((40, 32)) * 0.01, f"{name}.diff_b": make.standard_normal(40) * 0.01}


def dora(make: np.random.Generator) -> dict[str, np.ndarray]:
    adapter = trained(make, {"unet.mid_block.attentions.0.proj_in": (40, 32)}, 4)
    name = "lora_unet_mid_block_attentions_0_proj_in"
    return kohya(adapter) | {f"{name}.dora_scale": make.uniform(1, 2, (40, 1))}


def ia3(make: np.random.Generator) -> dict[str, np.ndarray]:
    name = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_k"
    return {f"{name}.weight": make.standard_normal((40,)), f"{name}.on_input": np.zeros(1)}


@pytest.mark.parametrize("algorithm", [loha, lokr, full, dora, ia3])
@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_other_algorithms_in_another_precision(tmp_path: Path, algorithm, dtype: str) -> None:
    tensors = algorithm(np.random.default_rng(1))
    one, other = write(tmp_path / "one", tensors, "F16"), write(tmp_path / "other", tensors, dtype)
    assert cosine(one, other) > 0.999
    found = relation(one, other)
    assert found is not None
    assert (found.strength, found.resized) == (1.0, False)
    stranger = write(tmp_path / "stranger", algorithm(np.random.default_rng(2)), dtype)
    assert relation(one, stranger) is None


@pytest.mark.parametrize("algorithm", [loha, lokr, full, dora])
def test_a_nudge_makes_another_adapter(tmp_path: Path, make: np.random.Generator, algorithm) -> None:
    tensors = algorithm(make)
    nudged = {name: array * (1 + 0.02 * make.standard_normal(array.shape) * (array.size > 1))
              for name, array in tensors.items()}  # fmt: skip
    one, other = write(tmp_path / "one", tensors, "F16"), write(tmp_path / "other", nudged, "F16")
    assert relation(one, other) is None


def test_a_doras_magnitudes_must_be_the_same(tmp_path: Path, make: np.random.Generator) -> None:
    tensors = dora(make)
    other = {name: array * 1.1 if "dora" in name else array for name, array in tensors.items()}
    assert relation(write(tmp_path / "one", tensors), write(tmp_path / "other", other)) is None


@pytest.mark.parametrize(("algorithm", "rank"), [(loha, 9), (lokr, 8)])
def test_a_lora_extracted_from_another_algorithm_is_its_resize(
    tmp_path: Path, make: np.random.Generator, algorithm, rank: int
) -> None:
    """LyCORIS' extraction is a decomposition of the same change."""
    one = write(tmp_path / "one", algorithm(make), "F32")
    file = opened(one)
    (unit,) = file.units.values()
    from hubman.sketch.delta import delta_of

    delta = delta_of(unit, file.roles(unit))
    file.close()
    dense = (delta.left if delta.right is None else delta.left @ delta.right).astype(float)
    u, values, v = np.linalg.svd(dense)
    for kept, least in ((rank, 0.999), (rank // 2, 0.5)):
        pair = {"unet.mid_block.attentions.0.proj_in": (u[:, :kept] * values[:kept], v[:kept])}
        found = relation(one, write(tmp_path / "lora", kohya(pair), "F32"))
        assert found is not None, kept
        assert found.kept > least


def test_embeddings_by_their_vectors(tmp_path: Path, make: np.random.Generator) -> None:
    vectors = make.standard_normal((4, 768)) * 0.02
    one = write(tmp_path / "one", {"emb_params": vectors}, "F32")
    other = write(tmp_path / "other", {"<ink>": vectors}, "F16")
    assert relation(one, other, "embedding") == Relation(1.0, 1.0, (None, None), resized=False)
    for stranger in (vectors * 1.05, vectors[:3], make.standard_normal((4, 768)) * 0.02):
        assert relation(one, write(tmp_path / "stranger", {"<ink>": stranger}, "F16"), "embedding") is None


def test_hypernetworks_by_their_layers(tmp_path: Path, make: np.random.Generator) -> None:
    def layers(seed: int) -> dict[str, np.ndarray]:
        own = np.random.default_rng(seed)
        return {
            f"768.{half}.linear.{layer}.weight": own.standard_normal((96, 96)) for half in (0, 1) for layer in (0, 1)
        }

    one = write(tmp_path / "one", layers(1), "F32")
    assert relation(one, write(tmp_path / "two", layers(1), "F16"), "hypernetwork") is not None
    assert relation(one, write(tmp_path / "three", layers(2), "F32"), "hypernetwork") is None


# --- the real thing --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["zbrstripe_lora", "水墨_toy"])
def test_trained_adapters_resized(tmp_path: Path, name: str) -> None:
    """LoRAs that were really trained (training/), resized as kohya's tool does it."""
    path = DEMO / "Lora" / f"{name}.safetensors"
    file = opened(path)
    adapter = {}
    for key, unit in file.units.items():
        roles = file.roles(unit)
        up, down = roles["up"], roles["down"]
        scale = float(roles["alpha"].reshape(-1)[0]) / down.shape[0]
        part, _, rest = key.partition(":")
        shape = (up.reshape(up.shape[0], -1) * scale).astype(float), down.reshape(down.shape[0], -1).astype(float)
        adapter[f"{'unet' if part == 'unet' else 'text_encoder'}.{rest}"] = shape
    file.close()
    before = None
    for how in (fixed(4), fixed(2), sv_fro(0.8)):
        other = write(tmp_path / "other", kohya(resized(adapter, how)), "F16")
        # kernels are flattened in these files, as their places are told by the size of the change alone
        found = relation(path, other)
        assert found is not None
        assert found.resized
        assert 0.3 < found.kept < 1
        if before:
            assert relation(before, other) is not None
        before = other.rename(tmp_path / "before")
    assert relation(path, write(tmp_path / "later", kohya(walked(np.random.default_rng(1), adapter, 0.05)))) is None


def test_trained_adapters_are_no_pairs_of_one_another() -> None:
    files = [opened(path) for path in sorted((DEMO / "Lora").glob("*.safetensors"))]
    assert len(files) >= 3
    assert list(proposed([sketch_of(file) for file in files])) == []


# --- the sketch ------------------------------------------------------------------------------------------------------
def test_a_sketch_reads_little(tmp_path: Path, make: np.random.Generator) -> None:
    adapter = trained(make, sizes(width=16, blocks=24), 8)
    path = write(tmp_path / "one", kohya(adapter))
    file = opened(path)
    sketch = sketch_of(file)
    assert len(sketch.keys) == 24
    assert file.taken < path.stat().st_size * 24 / len(adapter) * 2


def test_a_sketch_is_kept_as_bytes(tmp_path: Path, make: np.random.Generator) -> None:
    sketch = sketch_of(opened(write(tmp_path / "one", kohya(trained(make, SHAPES, 8)))))
    packed = sketch.packed()
    again = Sketch.unpacked(packed)
    assert again is not None
    assert (again.keys, again.ranks, again.dtypes) == (sketch.keys, sketch.ranks, sketch.dtypes)
    assert again.sizes == pytest.approx(sketch.sizes)
    assert (again.numbers == sketch.numbers).all()
    assert len(packed) < 2000
    for broken in (b"", packed[:-1], packed + b"\0", b"\xff\xff" + packed[2:], packed[:2] + bytes(len(packed) - 2)):
        assert Sketch.unpacked(broken) is None


def test_probes_never_change(tmp_path: Path) -> None:
    """Stored sketches outlive the program: another numpy or machine must make the same ones."""
    up = np.arange(8, dtype=float).reshape(4, 2) / 8
    down = np.arange(6, dtype=float).reshape(2, 3) - 2
    path = write(tmp_path / "one", kohya({"unet.mid_block.attentions.0.proj_in": (up, down)}), "F32")
    sketch = sketch_of(opened(path))
    assert sketch.keys == (117127204,)
    assert sketch.numbers[0, :16].tolist() == [-15, 15, -15, 22, -7, -7, -7, 15, -75, 75, -75, 45, -15, -15, -15, 75]


def test_modules_that_are_mostly_rounding_do_not_part_an_adapter_from_itself(
    tmp_path: Path, make: np.random.Generator
) -> None:
    """A text encoder at a tiny learning rate: in float16 half of what it learnt is gone."""
    adapter = trained(make, SHAPES, 8)
    quiet = {name: (up * (2e-5 if "attn2" in name else 1), down) for name, (up, down) in adapter.items()}
    one, other = write(tmp_path / "one", kohya(quiet), "F32"), write(tmp_path / "other", kohya(quiet), "F16")
    assert cosine(one, other) > 0.999
    assert relation(one, other) is not None
    loud = {name: (up * (0.3 if "attn2" in name else 1), down) for name, (up, down) in adapter.items()}
    flushed = {name: (up * (0 if "attn2" in name else 1), down) for name, (up, down) in adapter.items()}
    assert relation(write(tmp_path / "loud", kohya(loud)), write(tmp_path / "flushed", kohya(flushed))) is None


def test_many_sketches_are_searched_in_blocks(make: np.random.Generator) -> None:
    """Pairs far apart in a library that is sieved in two steps are found, and nothing else."""
    count = MANY + 300
    numbers = make.integers(-127, 128, (count, 24, NUMBERS)).astype(np.int8)
    planted = [(5, count - 3), (700, 1500), (1023, 1024)]
    for one, other in planted:
        mixed = 0.5 * numbers[one] + np.sqrt(0.75) * numbers[other]
        numbers[other] = np.rint(mixed * (127 / np.abs(mixed).max()))
    rows = [
        Sketch(tuple(range(24)), (8 if place % 2 else 4,) * 24, (2,) * 24, (1.0,) * 24, numbers[place])
        for place in range(count)
    ]
    rows[count - 3] = Sketch(rows[0].keys, (2,) * 24, (2,) * 24, (1.0,) * 24, numbers[count - 3])
    rows[1500] = Sketch(rows[0].keys, (2,) * 24, (2,) * 24, (1.0,) * 24, numbers[1500])
    assert sorted(proposed(rows)) == planted


# --- bad files -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("dtype", "values"),
    [("F16", [1.5, -2.0, 6e-8, 0.0]), ("BF16", [1.5, -2.0, 3.0e38, 0.0]), ("F32", [1.1, -2.0, 1e-45, 0.0]),
     ("F8_E4M3", [1.5, -448.0, 2.0**-9, 0.0]), ("F8_E5M2", [1.5, -57344.0, 2.0**-16, 0.0])],
)  # fmt: skip
def test_numbers_of_every_type(dtype: str, values: list[float]) -> None:
    array = np.array(values, np.float32)
    read = decoded(encoded(array, dtype), dtype)
    assert read.tolist() == pytest.approx(array.tolist(), rel=0.01)


def test_what_a_file_went_through_is_seen(make: np.random.Generator) -> None:
    array = make.standard_normal(1000).astype(np.float32)
    for dtype in ("F16", "BF16", "F8_E4M3", "F8_E5M2"):
        assert written_as(decoded(encoded(array, dtype), dtype), "F32") == dtype
    assert written_as(array, "F32") == "F32"
    assert written_as(np.zeros(4, np.float32), "F16") == "F16"


def test_values_that_are_no_numbers_are_refused(tmp_path: Path, make: np.random.Generator) -> None:
    tensors = kohya(trained(make, SHAPES, 8))
    tensors = {name: array * (np.nan if "lora_up" in name else 1) for name, array in tensors.items()}
    with pytest.raises(IntegrityError) as caught:
        sketch_of(opened(write(tmp_path / "one", tensors)))
    assert caught.value.reference == "weights-unsupported"


@pytest.mark.parametrize(
    "shapes",
    [
        {"hada_w1_a": (8, 2), "hada_w1_b": (3, 8), "hada_w2_a": (8, 2), "hada_w2_b": (2, 8)},
        {"lokr_w1": (100_000, 1), "lokr_w2": (100_000, 1)},
        {"lora_down.weight": (2, 8), "lora_up.weight": (8, 3)},
        {"lora_down.weight": (2, 8), "lora_up.weight": (8, 2), "lora_mid.weight": (3, 3, 3, 3)},
        {"diff": (0, 4)},
    ],
)
def test_tensors_that_do_not_fit_end_in_words_or_in_nothing(tmp_path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Hostile sizes must not fill the memory, and nonsense must not be a traceback."""
    name = "lora_unet_mid_block_attentions_0_proj_in"
    path = write(tmp_path / "one", {f"{name}.{role}": np.ones(shape) for role, shape in shapes.items()}, "F32")
    file = opened(path)
    fits = False
    with contextlib.suppress(IntegrityError):
        fits = len(sketch_of(file).keys) <= len(shapes)
        assert fits
    if not fits:
        with pytest.raises(IntegrityError, match="do not fit"):
            sketch_of(file)


def test_a_file_that_shrinks_is_said(tmp_path: Path, make: np.random.Generator) -> None:
    from hubman.errors import ConflictError

    path = write(tmp_path / "one", kohya(trained(make, SHAPES, 8)))
    file = opened(path)
    os.truncate(path, path.stat().st_size // 4)
    with pytest.raises(ConflictError) as caught:
        sketch_of(file)
    assert caught.value.reference == "changed-while-reading"


@pytest.mark.parametrize(
    ("name", "kind"), [("embeddings/goldstar.pt", "embedding"), ("hypernetworks/nightfall.pt", "hypernetwork")]
)
def test_a_pickle_and_what_it_was_converted_to(tmp_path: Path, name: str, kind: str) -> None:
    """torch's zip is read where its numbers lie; nothing is loaded."""
    path = DEMO / name
    file = opened(path, kind)
    tensors = {tensor: file.read(tensor) for tensor in file.spans}
    file.close()
    assert tensors.keys() == read_header(path).tensors.keys()
    assert all(array.any() for array in tensors.values() if array.size > 100)
    for dtype in ("F32", "F16", "BF16"):
        other = write(tmp_path / dtype, tensors, dtype)
        assert relation(path, other, kind) == Relation(1.0, 1.0, (None, None), resized=False)
    nudged = {tensor: array * np.float32(1.02) for tensor, array in tensors.items()}
    assert relation(path, write(tmp_path / "nudged", nudged), kind) is None


@pytest.mark.parametrize(
    "content", [b"\x80\x02}q\x00.", b"\x80\x02cos\nsystem\nX\x07\x00\x00\x00touch x\x85R.", b"GGUF\3\0\0\0" + bytes(16)]
)
def test_what_cannot_be_read_without_loading_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.pt"
    path.write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        tensor_spans(path)
    assert caught.value.reference == "weights-unreadable"
    assert not Path("x").exists()


def test_a_pickle_whose_zip_lies_about_its_places_is_refused(tmp_path: Path) -> None:
    """A directory that names a place behind the end: the bytes are not there, and that is said."""
    content = bytearray((DEMO / "embeddings/goldstar.pt").read_bytes())
    path = tmp_path / "one.pt"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(IntegrityError):
        tensor_spans(path)
