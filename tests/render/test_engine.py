"""The engine in this process: weights, prompts, embeddings, hypernetworks on a real tiny checkpoint."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from hubman.core.plan.render import AdapterPlan, PromptPair, Sampling  # noqa: E402
from hubman.core.types import Kind  # noqa: E402
from hubman.errors import RenderError  # noqa: E402
from hubman.renderers.adapters import open_adapter  # noqa: E402
from hubman.renderers.base import fingerprint  # noqa: E402
from hubman.renderers.delta import weight_delta  # noqa: E402
from hubman.renderers.encode import chunk_prompt, emphasise, encode  # noqa: E402
from hubman.renderers.sample import render  # noqa: E402
from hubman.renderers.tensors import read_object  # noqa: E402

pytestmark = pytest.mark.render

PAIR = PromptPair("a red circle", "blue")
QUICK = Sampling(seeds=(1, 2), steps=4, cfg=3.0)


def plan(path: str, kind: Kind = Kind.LORA, word: str = "") -> AdapterPlan:
    return AdapterPlan(path, "x", "0" * 64, kind, word)


def states(base: Any, prompt: str, embeddings: Any = None) -> Any:
    with torch.inference_mode():
        return encode(base, PromptPair(prompt), 1, embeddings or {}).states[1]


# --- weights ---


def test_the_file_is_what_diffusers_loads(base: Any, checkpoint: tuple[str, str]) -> None:
    """The original layout, written and read back, gives the models it came from."""
    from tiny_checkpoint import build_models

    unet, _vae, text = build_models()
    for name, tensor in unet.state_dict().items():
        assert torch.equal(base.unet.state_dict()[name], tensor), name
    for name, tensor in text.state_dict().items():
        assert torch.equal(base.texts[0].encoder.state_dict()[name], tensor), name


def test_a_lora_equals_diffusers_own_loader_or_its_formula(base: Any, files: Any) -> None:
    """W + s * alpha/rank * up @ down for every module, linear and 1x1 convolution, both parts."""
    from tiny_adapters import lora_tensors

    tensors = lora_tensors(base)
    adapter = open_adapter(base, plan(files.safetensors("lora", tensors)))
    before = {key: module.weight.detach().clone() for key, module in base.modules.items()}
    adapter.set(0.7)
    changed = 0
    for (part, name), module in base.modules.items():
        stem = f"lora_unet_{name}" if part == "unet" else f"lora_te_text_model_{name}"
        if f"{stem}.lora_up.weight" not in tensors:
            assert torch.equal(module.weight, before[part, name])
            continue
        up = tensors[f"{stem}.lora_up.weight"].double().flatten(1)
        down = tensors[f"{stem}.lora_down.weight"].double().flatten(1)
        expected = before[part, name].double() + 0.7 * 0.5 * (up @ down).reshape(module.weight.shape)
        assert torch.allclose(module.weight.double(), expected, atol=1e-6)
        changed += 1
    adapter.remove()
    assert changed == adapter.report.match.matched == adapter.report.match.total


def test_a_lora_renders_as_with_peft(base: Any, files: Any, checkpoint: tuple[str, str]) -> None:
    """diffusers' own `load_lora_weights`, where peft is installed."""
    pytest.importorskip("peft")
    from diffusers import StableDiffusionPipeline
    from tiny_adapters import lora_tensors

    path = files.safetensors("lora", lora_tensors(base))
    pipe = StableDiffusionPipeline.from_single_file(checkpoint[0], config=checkpoint[1], local_files_only=True)
    pipe.load_lora_weights(path)
    theirs = pipe.unet(torch.ones(1, 4, 8, 8), 600, torch.ones(1, 77, 80)).sample
    adapter = open_adapter(base, plan(path))
    adapter.set(1.0)
    ours = base.unet(torch.ones(1, 4, 8, 8), 600, torch.ones(1, 77, 80)).sample
    adapter.remove()
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_every_strength_starts_from_the_original_and_the_base_comes_back_bit_for_bit(base: Any, files: Any) -> None:
    from tiny_adapters import lora_tensors

    adapter = open_adapter(base, plan(files.safetensors("lora", lora_tensors(base))))
    picture = render(base, encode_pair(base), QUICK)
    adapter.set(0.3)
    once = fingerprint(base.modules)
    for strength in (5.0, -1.0, 0.3):
        adapter.set(strength)
    assert fingerprint(base.modules) == once != base.fingerprint
    adapter.remove()
    assert fingerprint(base.modules) == base.fingerprint
    assert torch.equal(render(base, encode_pair(base), QUICK).pixels, picture.pixels)


def encode_pair(base: Any, pair: PromptPair = PAIR) -> Any:
    with torch.inference_mode():
        return encode(base, pair, 1, {})


def roles(**shapes: tuple[int, ...]) -> dict[str, Any]:
    make = torch.Generator().manual_seed(1)
    return {name: torch.randn(shape, generator=make) for name, shape in shapes.items()}


def delta_of(names: dict[str, Any], weight: Any) -> Any:
    """Run a module given by LyCORIS suffix -> tensor through the layout and the engine."""
    from hubman.core.plan.modules import adapter_layout, fits_weight
    from hubman.renderers.report import infos

    tensors = {f"lora_unet_x.{name}": tensor for name, tensor in names.items()}
    module = adapter_layout(infos(tensors)).modules[0]
    assert fits_weight(module, tuple(weight.shape))
    return weight_delta(module, {role: tensors[name] for role, (name, _) in module.tensors.items()}, weight)


def close(ours: Any, reference: Any) -> None:
    assert torch.allclose(ours.double(), reference, atol=1e-4, rtol=1e-4)


def test_loha_is_the_product_of_two_low_ranks() -> None:
    weight = torch.randn(12, 10, 3, 3)
    t = roles(hada_w1_a=(12, 4), hada_w1_b=(4, 90), hada_w2_a=(12, 4), hada_w2_b=(4, 90))
    d = {name: tensor.double() for name, tensor in t.items()}
    expected = (d["hada_w1_a"] @ d["hada_w1_b"]) * (d["hada_w2_a"] @ d["hada_w2_b"]) * 2 / 4
    close(delta_of({**t, "alpha": torch.tensor(2.0)}, weight), expected.reshape(weight.shape))


def test_lokr_is_a_kronecker_product() -> None:
    t = roles(lokr_w1=(3, 2), lokr_w2_a=(4, 2), lokr_w2_b=(2, 5))
    d = {name: tensor.double() for name, tensor in t.items()}
    expected = torch.kron(d["lokr_w1"], d["lokr_w2_a"] @ d["lokr_w2_b"]) * 1 / 2
    close(delta_of({**t, "alpha": torch.tensor(1.0)}, torch.randn(12, 10)), expected)


def test_lokr_of_full_matrices_ignores_alpha() -> None:
    t = roles(lokr_w1=(3, 2), lokr_w2=(4, 5))
    expected = torch.kron(t["lokr_w1"].double(), t["lokr_w2"].double())
    close(delta_of({**t, "alpha": torch.tensor(9e9)}, torch.randn(12, 10)), expected)


def test_locon_with_a_middle_convolution() -> None:
    t = roles(**{"lora_down.weight": (4, 10, 1, 1), "lora_mid.weight": (4, 4, 3, 3), "lora_up.weight": (12, 4, 1, 1)})
    x = torch.randn(1, 10, 6, 6, dtype=torch.double)
    conv = torch.nn.functional.conv2d
    step = conv(conv(x, t["lora_down.weight"].double()), t["lora_mid.weight"].double(), padding=1)
    expected = conv(step, t["lora_up.weight"].double())
    delta = delta_of(t, torch.zeros(12, 10, 3, 3)).double()
    close(conv(x, delta, padding=1), expected)


@pytest.mark.parametrize("name", ["dora_scale", "lora_magnitude_vector.weight"])
def test_dora_sets_the_length_of_every_row(name: str) -> None:
    weight = torch.randn(6, 8)
    t = roles(**{"lora_down.weight": (2, 8), "lora_up.weight": (6, 2)})
    length = torch.rand(6) + 1
    magnitude = length[:, None] if name == "dora_scale" else length
    changed = weight + delta_of({**t, name: magnitude}, weight)
    assert torch.allclose(changed.norm(dim=1), length, atol=1e-4)


def test_dora_of_onetrainer_sets_the_length_of_every_column() -> None:
    weight = torch.randn(6, 8)
    t = roles(**{"lora_down.weight": (2, 8), "lora_up.weight": (6, 2)})
    length = torch.rand(1, 8) + 1
    changed = weight + delta_of({**t, "dora_scale": length}, weight)
    assert torch.allclose(changed.norm(dim=0), length[0], atol=1e-4)


@pytest.mark.parametrize(("on_input", "axis"), [(True, 1), (False, 0)])
def test_ia3_scales_inputs_or_outputs(on_input: bool, axis: int) -> None:
    weight = torch.randn(6, 8)
    factor = torch.randn(weight.shape[axis])
    expected = weight * (factor[None, :] if on_input else factor[:, None])
    close(delta_of({"weight": factor, "on_input": torch.tensor(on_input)}, weight), expected.double())


def test_glora_in_both_namings() -> None:
    weight = torch.randn(6, 8)
    t = roles(**{"a1.weight": (8, 2), "a2.weight": (2, 8), "b1.weight": (6, 2), "b2.weight": (2, 8)})
    expected = (t["b1.weight"] @ t["b2.weight"] + weight @ t["a1.weight"] @ t["a2.weight"]).double()
    close(delta_of(t, weight), expected)
    old = {"a1.weight": "a2.weight", "a2.weight": "a1.weight", "b1.weight": "b2.weight", "b2.weight": "b1.weight"}
    close(delta_of({new: t[name] for new, name in old.items()}, weight), expected)


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 2, 4, 4)])
def test_orthogonal_adapters_keep_the_length_of_every_column(shape: tuple[int, ...]) -> None:
    weight = torch.randn(8, 5, 3, 3)
    changed = weight + delta_of({"oft_blocks": torch.randn(shape) * 0.3}, weight)
    assert not torch.allclose(changed, weight, atol=1e-2)
    assert torch.allclose(changed.flatten(1).norm(dim=0), weight.flatten(1).norm(dim=0), atol=1e-4)


def test_a_full_difference_is_added_to_weight_and_bias(base: Any, files: Any) -> None:
    key = ("unet", "down_blocks_0_resnets_0_norm1")
    module = base.modules[key]
    weight, bias = module.weight.detach().clone(), module.bias.detach().clone()
    change = {
        f"lora_unet_{key[1]}.w_norm": torch.ones_like(weight),
        f"lora_unet_{key[1]}.b_norm": -torch.ones_like(bias),
    }
    adapter = open_adapter(base, plan(files.safetensors("norm", change)))
    adapter.set(0.5)
    assert torch.equal(module.weight, weight + 0.5)
    assert torch.equal(module.bias, bias - 0.5)
    adapter.remove()
    assert torch.equal(module.bias, bias)


# --- prompts ---


@pytest.mark.parametrize("prompt", ["", "a red circle on a blue background", "red, " * 12, "Ünï cödé 水墨"])
def test_a_plain_prompt_is_encoded_exactly_as_diffusers_does(
    base: Any, checkpoint: tuple[str, str], prompt: str
) -> None:
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline(
        base.vae,
        base.texts[0].encoder,
        base.texts[0].tokenizer,
        base.unet,
        None,
        None,
        None,
        requires_safety_checker=False,
    )
    with torch.inference_mode():
        theirs = pipe.encode_prompt(prompt, "cpu", 1, False)[0]
    assert torch.equal(encode_pair(base, PromptPair(prompt)).states[1:], theirs)


def test_clip_skip_two_reads_the_layer_before_the_last(base: Any) -> None:
    """The WebUI's "Clip skip 2" with the final norm (diffusers 0.42 cannot, with transformers >= 5.6)."""
    text = base.texts[0]
    tokens = text.tokenizer("a cat", padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.inference_mode():
        expected = text.inner.final_layer_norm(text.encoder(tokens, output_hidden_states=True).hidden_states[-2])
        ours = encode(base, PromptPair("a cat"), 2, {}).states[1:]
    assert torch.equal(ours, expected)


def test_long_prompts_break_and_both_sides_have_equal_length(base: Any) -> None:
    assert encode_pair(base, PromptPair("aa " * 60, "b")).states.shape[:2] == (2, 154)
    assert encode_pair(base, PromptPair("b", "aa " * 60)).states.shape[:2] == (2, 154)
    assert encode_pair(base, PromptPair("a BREAK b")).states.shape[1] == 154
    assert encode_pair(base, PromptPair("a")).states.shape[1] == 77


def test_a_full_chunk_is_cut_after_a_near_comma(base: Any) -> None:
    """72 letters, a comma at 70: what follows the comma moves to the next chunk."""
    text = "a " * 69 + ", " + "b " * 10
    chunks = chunk_prompt(base.texts[0], text, {})
    assert [len(chunk.ids) for chunk in chunks] == [70, 10]
    far = "a " * 30 + ", " + "b " * 60
    assert [len(chunk.ids) for chunk in chunk_prompt(base.texts[0], far, {})] == [75, 16]


def test_emphasis_changes_the_word_and_keeps_the_mean(base: Any) -> None:
    plain, strong = states(base, "a red b"), states(base, "a (red:1.5) b")
    assert not torch.equal(plain, strong)
    assert torch.equal(plain, states(base, "a (red:1.0) b"))
    skewed = torch.randn(1, 77, 8) + 3
    weights = torch.ones(77)
    weights[4:7] = 1.5
    assert torch.isclose(emphasise(skewed, weights).mean(), skewed.mean(), atol=1e-5)


def test_emphasis_does_not_chase_a_mean_of_noise() -> None:
    """An encoder that ends in a LayerNorm has mean 0: dividing by it would blow up (seen: 70 times)."""
    centred = torch.randn(1, 77, 8)
    centred -= centred.mean()
    weights = torch.ones(77)
    weights[4] = 1.5
    assert float((emphasise(centred, weights) / centred)[0, 0].abs().max()) < 1.01


# --- embeddings ---


def test_an_embedding_answers_to_its_whole_name_only(base: Any, files: Any) -> None:
    """`zz` is not in `fuzzy`, and case does not matter."""
    adapter = open_adapter(base, plan(files.embedding("zz"), Kind.EMBEDDING, "zz"))
    adapter.set(1.0)
    vectors = adapter.embeddings()
    assert torch.equal(states(base, "a fuzzy b", vectors), states(base, "a fuzzy b"))
    assert not torch.equal(states(base, "a zz b", vectors), states(base, "a zz b"))
    assert torch.equal(states(base, "a ZZ b", vectors), states(base, "a zz b", vectors))
    adapter.remove()
    assert adapter.embeddings() == {}


def test_the_vectors_stand_where_the_tokens_would(base: Any, files: Any) -> None:
    """An embedding made of the tokens of a word is that word."""
    table = base.texts[0].encoder.get_input_embeddings().weight
    ids = base.texts[0].tokenizer("circle", add_special_tokens=False).input_ids
    path = files.safetensors("ring", {"emb_params": table[ids].clone()})
    adapter = open_adapter(base, plan(path, Kind.EMBEDDING, "ring"))
    adapter.set(1.0)
    assert torch.equal(states(base, "a (ring:1.3), b", adapter.embeddings()), states(base, "a (circle:1.3), b"))


def test_an_embedding_is_never_cut_in_two(base: Any, files: Any) -> None:
    adapter = open_adapter(base, plan(files.embedding("star", vectors=6), Kind.EMBEDDING, "star"))
    adapter.set(1.0)
    chunks = chunk_prompt(base.texts[0], "a " * 72 + "star", adapter.embeddings())
    assert [len(chunk.fixes) for chunk in chunks] == [0, 6]


@pytest.mark.parametrize("layout", ["a1111", "parameter-dict", "diffusers", "emb_params-pt"])
def test_every_layout_of_an_embedding_is_read(base: Any, files: Any, layout: str) -> None:
    vectors = torch.randn(2, 80)
    value: object = {
        "a1111": {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "x", "step": 3},
        "parameter-dict": {"string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})},
        "diffusers": {"<x>": vectors},
        "emb_params-pt": {"emb_params": vectors},
    }[layout]
    adapter = open_adapter(base, plan(files.pickle("x", value), Kind.EMBEDDING, "x"))
    adapter.set(1.0)
    assert torch.equal(adapter.embeddings()["x"]["te1"], vectors)


def test_a_payload_is_refused_and_not_run(files: Any, tmp_path: Any) -> None:
    """The second lock behind our own scan: weights_only."""
    import pickle

    marker = tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            import os

            return os.mkdir, (str(marker),)

    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps({"emb_params": Payload()}))
    with pytest.raises(RenderError) as caught:
        read_object(str(path))
    assert caught.value.reference == "adapter-unreadable"
    assert not marker.exists()


# --- hypernetworks ---


def test_a_hypernetwork_of_strength_nothing_is_the_base(base: Any, files: Any) -> None:
    adapter = open_adapter(base, plan(files.hypernetwork("hyper"), Kind.HYPERNETWORK))
    bare = render(base, encode_pair(base), QUICK).latents
    adapter.set(0.0)
    assert torch.equal(render(base, encode_pair(base), QUICK).latents, bare)
    adapter.set(1.0)
    assert not torch.equal(render(base, encode_pair(base), QUICK).latents, bare)
    adapter.remove()
    assert torch.equal(render(base, encode_pair(base), QUICK).latents, bare)


def test_a_hypernetwork_sits_before_keys_and_values_of_its_width(base: Any, files: Any) -> None:
    """Width 80 is the text (16 cross-attentions), 32 the self-attention of one level (5 of them)."""
    adapter = open_adapter(base, plan(files.hypernetwork("hyper"), Kind.HYPERNETWORK))
    adapter.set(1.0)
    assert adapter.report.numbers["hooked"] == {"32": 5, "80": 16}
    adapter.remove()


def test_hypernetwork_layers_are_placed_by_order() -> None:
    """Dropout leaves holes in the numbering; layer norms follow their linear."""
    from hubman.renderers.hypernetworks import build_network

    make = torch.Generator().manual_seed(0)
    state = {
        "linear.0.weight": torch.randn((6, 4), generator=make),
        "linear.0.bias": torch.randn(6, generator=make),
        "linear.2.weight": torch.rand(6, generator=make) + 0.5,
        "linear.2.bias": torch.randn(6, generator=make),
        "linear.5.weight": torch.randn((4, 6), generator=make),
        "linear.5.bias": torch.randn(4, generator=make),
    }
    network = build_network({"activation_func": "swish", "activate_output": True, "use_dropout": True}, state)
    kinds = [type(layer).__name__ for layer in network]
    assert kinds == ["Linear", "Hardswish", "LayerNorm", "Linear", "Hardswish"]
    quiet = build_network({"activation_func": "swish", "activate_output": False}, state)
    assert [type(layer).__name__ for layer in quiet] == ["Linear", "Hardswish", "LayerNorm", "Linear"]
    oldest = build_network(
        {},
        {
            k.replace("linear.0", "linear1").replace("linear.5", "linear2"): v
            for k, v in state.items()
            if ".2." not in k
        },
    )
    x = torch.randn(3, 4, generator=make)
    first = x @ state["linear.0.weight"].T + state["linear.0.bias"]
    assert torch.allclose(oldest(x), first @ state["linear.5.weight"].T + state["linear.5.bias"], atol=1e-5)


def test_an_unknown_activation_is_not_guessed() -> None:
    from hubman.renderers.hypernetworks import build_network

    with pytest.raises(RenderError) as caught:
        build_network({"activation_func": "made-up"}, {})
    assert caught.value.reference == "unsupported-adapter"


# --- pictures ---


def test_a_seed_gives_the_same_picture_alone_and_again(base: Any) -> None:
    first = render(base, encode_pair(base), QUICK)
    assert torch.equal(first.pixels, render(base, encode_pair(base), QUICK).pixels)
    assert first.pixels.shape == (2, 3, 32, 32)


def test_our_loop_is_the_pipelines_loop(base: Any) -> None:
    """Same noise, same scheduler: diffusers' own StableDiffusionPipeline gives the same latents."""
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    from hubman.renderers.sample import noise

    scheduler = DPMSolverMultistepScheduler.from_config(dict(base.scheduler_config))
    pipe = StableDiffusionPipeline(
        base.vae,
        base.texts[0].encoder,
        base.texts[0].tokenizer,
        base.unet,
        scheduler,
        None,
        None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    one = Sampling(seeds=(5,), steps=6, cfg=3.0)
    theirs = pipe(
        PAIR.positive,
        negative_prompt=PAIR.negative,
        latents=noise(base, one),
        num_inference_steps=6,
        guidance_scale=3.0,
        output_type="latent",
    ).images
    ours = render(base, encode_pair(base), one).latents
    assert torch.allclose(ours, theirs, atol=1e-3, rtol=1e-3)
