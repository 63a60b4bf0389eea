"""Hypernetworks in every make that A1111 trains, against networks built from the same settings by torch alone."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_checkpoint import CONTEXT  # noqa: E402

from hubman.core.plan.render import AdapterPlan, PromptPair, Sampling  # noqa: E402
from hubman.core.types import Kind  # noqa: E402
from hubman.errors import RenderError  # noqa: E402
from hubman.renderers.adapters import open_adapter  # noqa: E402
from hubman.renderers.hypernetworks import build_network  # noqa: E402
from hubman.renderers.sample import render  # noqa: E402

WIDTH = 12


def trained(structure: list[float], activation: str, **settings: Any) -> tuple[Any, dict[str, Any]]:
    """Return (the network as a trainer has it in memory, what it would save): Linear, activation, norm, dropout."""
    norm, dropout = settings.get("is_layer_norm", False), settings.get("use_dropout", False)
    classes = {"relu": torch.nn.ReLU, "swish": torch.nn.Hardswish, "mish": torch.nn.Mish, "tanh": torch.nn.Tanh}
    layers: list[Any] = []
    torch.manual_seed(len(structure))
    for index in range(len(structure) - 1):
        last = index == len(structure) - 2
        layers.append(torch.nn.Linear(int(WIDTH * structure[index]), int(WIDTH * structure[index + 1])))
        if activation != "linear" and not (last and not settings.get("activate_output", True)):
            layers.append(classes[activation]())
        if norm:
            layers.append(torch.nn.LayerNorm(int(WIDTH * structure[index + 1])))
            torch.nn.init.normal_(layers[-1].weight)
        if dropout and (not last or settings.get("last_layer_dropout", False)):
            layers.append(torch.nn.Dropout(0.3))
    network = torch.nn.Sequential(*layers).eval()
    return network, {f"linear.{name}": value for name, value in network.state_dict().items()}


@pytest.mark.parametrize("structure", [[1, 1], [1, 2, 1], [1, 0.5, 1], [1, 2, 2, 1], [1, 3, 1.5, 3, 1]], ids=str)
@pytest.mark.parametrize("activation", ["linear", "relu", "swish", "mish", "tanh"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activate_output": False},
        {"is_layer_norm": True},
        {"is_layer_norm": True, "use_dropout": True},
        {"use_dropout": True, "last_layer_dropout": True, "activate_output": False},
    ],
    ids=lambda s: ",".join(s) or "plain",
)
def test_a_network_answers_as_it_was_trained(structure: list[float], activation: str, settings: dict[str, Any]) -> None:
    network, state = trained(structure, activation, **settings)
    built = build_network({"activation_func": activation, **settings}, state)
    x = torch.randn(4, WIDTH)
    assert torch.equal(built(x), network(x))


def test_the_oldest_files_name_their_layers_by_number() -> None:
    network, state = trained([1, 2, 1], "linear")
    old = {name.replace("linear.0", "linear1").replace("linear.1", "linear2"): value for name, value in state.items()}
    assert sorted(old) == ["linear1.bias", "linear1.weight", "linear2.bias", "linear2.weight"]
    x = torch.randn(4, WIDTH)
    assert torch.equal(build_network({}, old)(x), network(x))


@pytest.mark.parametrize("name", ["threshold", "multiheadattention", "softmax", "sine", "ReLU6x", 7])
def test_an_activation_that_is_none_is_unsupported(name: object) -> None:
    with pytest.raises(RenderError) as caught:
        build_network({"activation_func": name}, trained([1, 2, 1], "linear")[1])
    assert caught.value.reference == "unsupported-adapter"


def plan(path: str) -> AdapterPlan:
    return AdapterPlan(path, "h", "0" * 64, Kind.HYPERNETWORK)


@pytest.mark.parametrize("damage", ["width", "middle", "bias", "end"])
def test_layers_that_do_not_follow_from_each_other_are_told(base: Any, files: Any, damage: str) -> None:
    half = {
        "linear.0.weight": torch.zeros(8, CONTEXT),
        "linear.0.bias": torch.zeros(8),
        "linear.1.weight": torch.zeros(CONTEXT, 8),
    }
    half |= {
        "width": {"linear.0.weight": torch.zeros(8, CONTEXT + 1)},
        "middle": {"linear.1.weight": torch.zeros(CONTEXT, 9)},
        "bias": {"linear.0.bias": torch.zeros(7)},
        "end": {"linear.1.weight": torch.zeros(CONTEXT - 1, 8)},
    }[damage]
    path = files.pickle("bad", {CONTEXT: (half, half), "layer_structure": [1, 2, 1]})
    with pytest.raises(RenderError) as caught:
        open_adapter(base, plan(path))
    assert caught.value.reference == "adapter-malformed"


def test_hooks_do_what_a_processor_of_the_attention_does(base: Any, files: Any) -> None:
    """The formula of A1111 by another road: a processor that changes the context before keys and values are made."""
    adapter = open_adapter(base, plan(files.hypernetwork("h", scale=0.5)))
    sampling = Sampling(seeds=(1, 2), steps=2)
    with torch.inference_mode():
        context = base.family.encode(base, PromptPair("a red circle"), 1, {})
    bare = render(base, context, sampling)
    adapter.set(0.7)
    hooked = render(base, context, sampling)
    adapter.remove()
    networks = adapter.networks

    class Processor:
        def __call__(self, attn: Any, hidden: Any, encoder_hidden_states: Any = None, **_: Any) -> Any:
            source = hidden if encoder_hidden_states is None else encoder_hidden_states
            pair = networks.get(source.shape[-1])
            key, value = (source + 0.7 * n(source) for n in pair) if pair else (source, source)
            heads = [attn.head_to_batch_dim(t) for t in (attn.to_q(hidden), attn.to_k(key), attn.to_v(value))]
            scores = attn.get_attention_scores(heads[0], heads[1])
            return attn.to_out[1](attn.to_out[0](attn.batch_to_head_dim(torch.bmm(scores, heads[2]))))

    old = base.unet.attn_processors
    base.unet.set_attn_processor(Processor())
    processed = render(base, context, sampling)
    base.unet.set_attn_processor(old)
    assert not torch.allclose(hooked.latents, bare.latents, atol=1e-2)
    assert torch.allclose(hooked.latents, processed.latents, atol=2e-3)
    assert torch.equal(render(base, context, sampling).latents, bare.latents)
