"""Factors that do not multiply are told from their shapes; what is let through never fails in torch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubman.core.plan.modules import adapter_layout, fits_weight
from hubman.core.types import TensorInfo

torch = pytest.importorskip("torch")

SUFFIXES = {
    "lora": ["lora_down.weight", "lora_up.weight", "lora_mid.weight", "alpha", "scalar", "dora_scale", "lora_B.bias"],
    "loha": [f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")] + ["alpha", "dora_scale"],
    "lokr": [f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")] + ["alpha"],
    "glora": ["a1.weight", "a2.weight", "b1.weight", "b2.weight", "bm.weight", "alpha"],
    "oft": ["oft_blocks", "rescale", "alpha"],
    "ia3": ["weight", "on_input"],
    "ia3_l": ["ia3_l"],
    "full": ["diff", "diff_b"],
}
RIGHT = {
    "lora": {"lora_down.weight": (2, 4), "lora_up.weight": (6, 2)},
    "loha": {"hada_w1_a": (6, 2), "hada_w1_b": (2, 4), "hada_w2_a": (6, 2), "hada_w2_b": (2, 4)},
    "lokr": {"lokr_w1": (2, 2), "lokr_w2_a": (3, 1), "lokr_w2_b": (1, 2)},
    "glora": {"a1.weight": (4, 2), "a2.weight": (2, 4), "b1.weight": (6, 2), "b2.weight": (2, 4)},
    "oft": {"oft_blocks": (3, 2, 2)},
    "ia3": {"weight": (6,), "on_input": ()},
    "ia3_l": {"ia3_l": (6, 1)},
    "full": {"diff": (6, 4), "diff_b": (6,)},
}


def layout(shapes: dict[str, tuple[int, ...]]) -> Any:
    return adapter_layout({f"lora_unet_x.{name}": TensorInfo(shape, "F32") for name, shape in shapes.items()})


@pytest.mark.parametrize("algorithm", sorted(RIGHT))
def test_a_right_module_fits_and_misses_its_partner(algorithm: str) -> None:
    whole = RIGHT[algorithm]
    (module,) = layout(whole).modules
    assert fits_weight(module, (6, 4))
    for name in whole if len(whole) > 1 and algorithm != "full" else ():
        rest = layout({other: shape for other, shape in whole.items() if other != name})
        assert not rest.modules or not rest.modules[0].complete


@pytest.mark.parametrize(
    ("algorithm", "name", "shape"),
    [
        ("lora", "lora_up.weight", (6, 3)),
        ("lora", "alpha", (2,)),
        ("lora", "lora_mid.weight", (2, 3, 3, 3)),
        ("lora", "lora_up.weight", (6, 2, 3, 3)),
        ("loha", "hada_w1_b", (3, 4)),
        ("loha", "hada_w2_b", (2, 5)),
        ("loha", "hada_t1", (2, 2, 3, 3)),
        ("lokr", "lokr_w2_b", (2, 2)),
        ("lokr", "lokr_w1", (2, 2, 1, 1)),
        ("oft", "oft_blocks", (3, 2, 3)),
        ("ia3", "on_input", (2,)),
    ],
)
def test_factors_that_do_not_fit_each_other_are_no_module(algorithm: str, name: str, shape: tuple[int, ...]) -> None:
    (module,) = layout({**RIGHT[algorithm], name: shape}).modules
    assert not module.complete
    assert not fits_weight(module, (6, 4))


@pytest.mark.parametrize("name", ["lambda_layer", "set_weight", "oft_R.weight", "hra_u", "vera_lambda_b"])
def test_a_part_of_an_unknown_formula_makes_the_module_unknown(name: str) -> None:
    (module,) = layout({**RIGHT["lora"], name: (2, 2)}).modules
    assert module.algorithm == "unknown"


@st.composite
def modules(draw: Any) -> tuple[dict[str, tuple[int, ...]], tuple[int, ...]]:
    """Shapes near right ones (small, often equal numbers) and a weight they might belong to."""
    algorithm = draw(st.sampled_from(sorted(SUFFIXES)))
    side = st.sampled_from([1, 2, 3, 4, 6])
    shapes = dict(RIGHT[algorithm])
    for name in draw(st.lists(st.sampled_from(SUFFIXES[algorithm]), max_size=3)):
        shapes[name] = tuple(draw(st.lists(side, max_size=4)))
    for name in draw(st.lists(st.sampled_from(sorted(shapes)), max_size=1)):
        del shapes[name]
    kernel = draw(st.sampled_from([(), (1, 1), (3, 3)]))
    return shapes, draw(st.sampled_from([(6, 4), (6,), (4, 6), (2, 2), (4, 4)])) + kernel


@given(modules())
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_fits_by_its_shapes_multiplies_out(case: tuple[dict[str, tuple[int, ...]], tuple[int, ...]]) -> None:
    from hubman.errors import RenderError
    from hubman.renderers.delta import bias_delta, weight_delta

    shapes, size = case
    for module in layout(shapes).modules:
        if module.algorithm == "unknown" or not fits_weight(module, size):
            continue
        roles = {role: torch.ones(shape) for role, (_, shape) in module.tensors.items()}
        try:
            delta = weight_delta(module, roles, torch.ones(size))
            bias = bias_delta(roles, torch.ones(size[0]))
        except RenderError as error:
            assert error.reference == "adapter-malformed"  # noqa: PT017 - which axis IA3 means stands in its numbers
            continue
        assert tuple(delta.shape) == size
        assert bias is None or tuple(bias.shape) == size[:1]
