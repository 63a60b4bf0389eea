"""Every algorithm on every kind of layer against an implementation that is not ours: LyCORIS' own forward passes."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lycoris")

from hubman.core.plan.modules import adapter_layout, fits_weight  # noqa: E402
from hubman.renderers.delta import bias_delta, weight_delta  # noqa: E402
from hubman.renderers.report import infos  # noqa: E402

ONLY_SINGLE = {"oft", "boft"}
"""LyCORIS inverts in float32 whatever it is given."""

KINDS = ("linear", "conv1", "conv3")


def layer(kind: str) -> tuple[Any, Any]:
    """Return (a layer of 32 outputs and 24 inputs, an input for it), in float64."""
    torch.manual_seed(3)
    if kind == "linear":
        return torch.nn.Linear(24, 32).double(), torch.randn(5, 24, dtype=torch.float64)
    size = int(kind[-1])
    made = torch.nn.Conv2d(24, 32, size, padding=size // 2).double()
    return made, torch.randn(2, 24, 6, 6, dtype=torch.float64)


def lycoris(algorithm: str, org: Any, **settings: Any) -> Any:
    """Return LyCORIS' module over a layer, with random numbers in all of its parameters."""
    from lycoris.modules import boft, diag_oft, glora, ia3, locon, loha, lokr, norms

    classes = {
        "lora": locon.LoConModule,
        "loha": loha.LohaModule,
        "lokr": lokr.LokrModule,
        "ia3": ia3.IA3Module,
        "glora": glora.GLoRAModule,
        "oft": diag_oft.DiagOFTModule,
        "boft": boft.ButterflyOFTModule,
        "norm": norms.NormModule,
    }
    torch.manual_seed(7)
    module = classes[algorithm]("layer", org, 1.0, **{"lora_dim": 4, "alpha": 2, **settings}).double()
    for name, parameter in module.named_parameters():
        if "org" not in name:
            torch.nn.init.normal_(parameter, std=0.2)
            if "dora" in name or "rescale" in name:
                parameter.data = parameter.data.abs() + 0.5
    return module.eval()


def ours(state: dict[str, Any], org: Any, prefix: str = "lora_unet_layer") -> tuple[Any, Any]:
    """Return the change of weight and bias that hubman reads from a module's tensors, in float64."""
    tensors = {f"{prefix}.{name}": value.detach().clone() for name, value in state.items()}
    layout = adapter_layout(infos(tensors))
    assert not layout.unknown
    (module,) = layout.modules
    weight = org.weight.detach()
    assert module.complete
    assert fits_weight(module, tuple(weight.shape))
    roles = {role: tensors[name].to(weight.dtype) for role, (name, _) in module.tensors.items()}
    bias = getattr(org, "bias", None)
    return weight_delta(module, roles, weight), bias_delta(roles, bias.detach()) if bias is not None else None


def run(org: Any, x: Any, delta: Any, bias: Any) -> Any:
    """Return the layer's answer with changed weights."""
    changed = {"weight": org.weight + delta, "bias": org.bias if bias is None else org.bias + bias}
    return torch.func.functional_call(org, changed, (x,))


def check(algorithm: str, kind: str, tolerance: float = 1e-6, **settings: Any) -> None:
    org, x = layer(kind)
    module = lycoris(algorithm, org, **settings)
    if algorithm in ONLY_SINGLE:
        org, x, module, tolerance = org.float(), x.float(), module.float(), 1e-5
    state = module.state_dict()
    state = {name.removeprefix("layer."): value for name, value in state.items() if not name.startswith("org_module")}
    delta, bias = ours(state, org)
    module.apply_to()
    expected = org(x)
    module.restore()
    found = run(org, x, delta, bias)
    assert not torch.allclose(expected, org(x), atol=1e-3)
    assert torch.allclose(found, expected, atol=tolerance), float((found - expected).abs().max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        ("lora", {}),
        ("lora", {"use_tucker": True}),
        ("lora", {"use_scalar": True}),
        ("lora", {"weight_decompose": True}),
        ("lora", {"weight_decompose": True, "wd_on_out": False}),
        ("lora", {"weight_decompose": True, "use_tucker": True}),
        ("lora", {"rs_lora": True}),
        ("loha", {}),
        ("loha", {"use_tucker": True}),
        ("loha", {"weight_decompose": True}),
        ("loha", {"weight_decompose": True, "wd_on_out": False}),
        ("lokr", {}),
        ("lokr", {"decompose_both": True, "lora_dim": 1}),
        ("lokr", {"use_tucker": True, "lora_dim": 2}),
        ("lokr", {"full_matrix": True}),
        ("lokr", {"full_matrix": True, "use_scalar": True}),
        ("lokr", {"factor": 2, "lora_dim": 2}),
        ("lokr", {"weight_decompose": True}),
        ("lokr", {"weight_decompose": True, "wd_on_out": False}),
        ("ia3", {}),
        ("ia3", {"train_on_input": True}),
        ("oft", {}),
        ("oft", {"constraint": 0.01}),
        ("oft", {"rescaled": True}),
        ("boft", {}),
        ("boft", {"constraint": 0.01}),
        ("boft", {"rescaled": True}),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(f"{k}={v}" for k, v in value.items()) or "plain",
)
def test_an_algorithm_changes_a_layer_as_lycoris_does(algorithm: str, settings: dict[str, Any], kind: str) -> None:
    check(algorithm, kind, **settings)


def test_glora_on_a_linear_layer_is_as_lycoris_has_it() -> None:
    check("glora", "linear")


@pytest.mark.parametrize("kind", ["conv1", "conv3"])
def test_glora_on_a_convolution_is_its_formula(kind: str) -> None:
    """LyCORIS 4.1.3 cannot merge its own GLoRA on convolutions: W' = W + s (B1 B2 + W A1 A2), inputs mixed per tap."""
    org, _x = layer(kind)
    torch.manual_seed(5)
    taps = org.weight.shape[2:]
    state = {
        "a1.weight": torch.randn(24, 4, 1, 1, dtype=torch.float64) * 0.1,
        "a2.weight": torch.randn(4, 24, 1, 1, dtype=torch.float64) * 0.1,
        "b1.weight": torch.randn(32, 4, 1, 1, dtype=torch.float64) * 0.1,
        "b2.weight": torch.randn(4, 24, *taps, dtype=torch.float64) * 0.1,
        "alpha": torch.tensor(2.0),
    }
    delta, _ = ours(state, org)
    weight = org.weight.detach()
    outer = state["a1.weight"][:, :, 0, 0] @ state["a2.weight"][:, :, 0, 0]
    expected = torch.zeros_like(weight)
    for row in range(taps[0]):
        for column in range(taps[1]):
            tap = weight[:, :, row, column] @ outer
            tap = tap + state["b1.weight"][:, :, 0, 0] @ state["b2.weight"][:, :, row, column]
            expected[:, :, row, column] = tap * (2 / 4)
    assert torch.allclose(delta, expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_difference_is_added(kind: str) -> None:
    org, _x = layer(kind)
    torch.manual_seed(5)
    state = {"diff": torch.randn_like(org.weight), "diff_b": torch.randn_like(org.bias)}
    delta, bias = ours(state, org)
    assert torch.equal(delta, state["diff"])
    assert torch.equal(bias, state["diff_b"])


def test_a_norm_layer_takes_its_difference() -> None:
    org = torch.nn.LayerNorm(16).double()
    module = lycoris("norm", org)
    delta, bias = ours({"w_norm": module.w_norm, "b_norm": module.b_norm}, org)
    x = torch.randn(3, 16, dtype=torch.float64)
    expected = torch.nn.functional.layer_norm(x, (16,), org.weight + module.w_norm, org.bias + module.b_norm)
    assert torch.allclose(run(org, x, delta, bias), expected)


def peft(kind: str, config: Any) -> tuple[Any, Any, dict[str, Any], Any]:
    """Return (layer, input, what PEFT would save, PEFT's answer) with random numbers in the adapter."""
    from peft import get_peft_model, get_peft_model_state_dict

    org, x = layer(kind)
    holder = torch.nn.Sequential()
    holder.add_module("fc", org)
    model = get_peft_model(holder, config).double().eval()
    torch.manual_seed(7)
    for name, parameter in model.named_parameters():
        if "base_layer" not in name:
            torch.nn.init.normal_(parameter, std=0.2)
            if "magnitude" in name or "ia3" in name:
                parameter.data = parameter.data.abs() + 0.5
    state = {
        name.removeprefix("base_model.model.fc."): value for name, value in get_peft_model_state_dict(model).items()
    }
    fresh, _ = layer(kind)
    return fresh, x, state, model(x).detach()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings", [{}, {"use_dora": True}, {"lora_bias": True}], ids=lambda s: ",".join(s) or "plain"
)
def test_a_lora_of_peft_changes_a_layer_as_peft_does(kind: str, settings: dict[str, Any]) -> None:
    pytest.importorskip("peft")
    from peft import LoraConfig

    org, x, state, expected = peft(kind, LoraConfig(r=4, lora_alpha=4, target_modules=["fc"], **settings))
    delta, bias = ours(state, org, "base_model.model.unet.layer")
    assert torch.allclose(run(org, x, delta, bias), expected, atol=1e-6)


@pytest.mark.parametrize("feedforward", [False, True])
def test_ia3_of_peft_multiplies_outputs_or_inputs(feedforward: bool) -> None:
    pytest.importorskip("peft")
    from peft import IA3Config

    wanted = ["fc"] if feedforward else []
    org, x, state, expected = peft("linear", IA3Config(target_modules=["fc"], feedforward_modules=wanted))
    delta, bias = ours(state, org, "base_model.model.unet.layer")
    if not feedforward:  # PEFT multiplies the layer's whole answer, so its bias too
        bias = org.bias.detach() * (state["ia3_l"].flatten() - 1)
    assert torch.allclose(run(org, x, delta, bias), expected, atol=1e-6)


def test_a_magnitude_of_peft_is_per_output_on_a_square_convolution() -> None:
    pytest.importorskip("peft")
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

    torch.manual_seed(2)
    org = torch.nn.Conv2d(8, 8, 3, padding=1).double()
    holder = torch.nn.Sequential()
    holder.add_module("fc", org)
    model = get_peft_model(holder, LoraConfig(r=2, target_modules=["fc"], use_dora=True)).double().eval()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
            parameter.data = parameter.data.abs() + 0.5 if "magnitude" in name else parameter.data
    x = torch.randn(2, 8, 5, 5, dtype=torch.float64)
    expected = model(x).detach()
    prefix = "base_model.model.fc."
    state = {name.removeprefix(prefix): value for name, value in get_peft_model_state_dict(model).items()}
    plain = torch.nn.Conv2d(8, 8, 3, padding=1).double()
    plain.load_state_dict(dict(model.base_model.model.fc.base_layer.state_dict()))
    delta, bias = ours({**state, "alpha": torch.tensor(8.0)}, plain, "base_model.model.unet.layer")
    assert torch.allclose(run(plain, x, delta, bias), expected, atol=1e-6)
