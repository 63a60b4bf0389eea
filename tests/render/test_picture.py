"""Pictures of any prompt with a stack of adapters, in this process and through a render process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from PIL import Image  # noqa: E402
from tiny_adapters import lora_tensors  # noqa: E402

from hubman.core.plan.picture import AdapterUse, PicturePlan  # noqa: E402
from hubman.core.plan.render import AdapterPlan, BasePlan, PromptPair, Sampling  # noqa: E402
from hubman.core.types import Kind  # noqa: E402
from hubman.errors import RenderError  # noqa: E402
from hubman.renderers.adapters import open_adapter  # noqa: E402
from hubman.renderers.base import fingerprint  # noqa: E402
from hubman.renderers.encode import encode  # noqa: E402
from hubman.renderers.sample import render  # noqa: E402
from hubman.renderers.stack import stacked  # noqa: E402

pytestmark = pytest.mark.render

PAIR = PromptPair("a star, red", "blue")
QUICK = Sampling(seeds=(3,), steps=4, cfg=3.0)


def use(path: str, kind: Kind = Kind.LORA, unet: float = 1.0, te: float | None = None) -> AdapterUse:
    name = Path(path).stem
    return AdapterUse(AdapterPlan(path, name, "0" * 64, kind, name), unet, unet if te is None else te)


def weights(base: Any) -> dict[Any, Any]:
    return {key: module.weight.detach().clone() for key, module in base.modules.items()}


def test_two_loras_of_linear_form_add_up(base: Any, files: Any) -> None:
    """W + s1 d1 + s2 d2, in float64; parts with weights of their own."""
    one, two = lora_tensors(base), lora_tensors(base, seed=7)
    before = weights(base)
    uses = [use(files.safetensors("one", one), unet=0.7, te=0.2), use(files.safetensors("two", two), unet=-0.3)]
    with stacked(base, uses):
        after = weights(base)
    changed = 0
    for (part, name), old in before.items():
        stem = f"lora_unet_{name}" if part == "unet" else f"lora_te_text_model_{name}"
        expected = old.double()
        for tensors, strength in ((one, 0.7 if part == "unet" else 0.2), (two, -0.3)):
            if f"{stem}.lora_up.weight" in tensors:
                up, down = (tensors[f"{stem}.lora_{end}.weight"].double().flatten(1) for end in ("up", "down"))
                expected = expected + strength * 0.5 * (up @ down).reshape(old.shape)
                changed += 1
        assert torch.allclose(after[part, name].double(), expected, atol=1e-6), name
    assert changed == 2 * 152
    assert all(torch.equal(now, before[key]) for key, now in weights(base).items())


def test_a_form_that_depends_on_the_weights_stands_on_what_is_below_it(base: Any, files: Any) -> None:
    """IA3 multiplies: after a LoRA it multiplies the LoRA's weights, before it the base's."""
    key = ("unet", "mid_block_attentions_0_transformer_blocks_0_attn2_to_k")
    old = base.modules[key].weight.detach().clone()
    factor = torch.linspace(-0.5, 0.5, len(old))
    ia3 = {f"lora_unet_{key[1]}.weight": factor, f"lora_unet_{key[1]}.on_input": torch.tensor(False)}
    tensors = {name: tensor for name, tensor in lora_tensors(base).items() if key[1] in name}
    lora, scale = use(files.safetensors("lora", tensors)), use(files.safetensors("ia3", ia3), unet=0.5)
    up, down = (tensors[f"lora_unet_{key[1]}.lora_{end}.weight"].double() for end in ("up", "down"))
    change, grown = 0.5 * (up @ down), 1 + 0.5 * factor.double()[:, None]
    with stacked(base, [lora, scale]):
        assert torch.allclose(base.modules[key].weight.double(), (old.double() + change) * grown, atol=1e-6)
    with stacked(base, [scale, lora]):
        assert torch.allclose(base.modules[key].weight.double(), old.double() * grown + change, atol=1e-6)
    assert torch.equal(base.modules[key].weight, old)


@pytest.fixture
def trio(base: Any, files: Any) -> list[AdapterUse]:
    """Return a LoRA, a hypernetwork and an embedding named `star`."""
    return [
        use(files.safetensors("lora", lora_tensors(base)), unet=0.4, te=0.6),
        use(files.hypernetwork("hyper"), Kind.HYPERNETWORK, 0.5),
        use(files.embedding("star"), Kind.EMBEDDING),
    ]


def test_a_stack_is_each_applied_by_hand_and_leaves_nothing(base: Any, trio: list[AdapterUse]) -> None:
    with torch.inference_mode():
        bare = render(base, encode(base, PAIR, 1, {}), QUICK)
        with stacked(base, trio) as stack:
            ours = render(base, encode(base, PAIR, 1, stack.embeddings()), QUICK)
        opened = [open_adapter(base, item.adapter) for item in trio]
        for item, adapter in zip(trio, opened, strict=True):
            adapter.set(item.unet, item.te)
        by_hand = render(base, encode(base, PAIR, 1, opened[2].embeddings()), QUICK)
        for adapter in opened:
            adapter.remove()
        again = render(base, encode(base, PAIR, 1, {}), QUICK)
    assert torch.equal(ours.latents, by_hand.latents)
    assert not torch.equal(ours.latents, bare.latents)
    assert torch.equal(again.latents, bare.latents)


def test_the_base_comes_back_when_an_adapter_in_the_middle_is_bad(base: Any, files: Any, trio: Any) -> None:
    """Also the untouched copies: what a later adapter saw is not what the file holds."""
    tensors = lora_tensors(base, seed=9)
    tensors[next(iter(tensors))][0] = float("nan")
    bad = use(files.safetensors("nan", tensors))
    second = use(files.safetensors("second", lora_tensors(base, seed=5)))
    strange = {f"lora_unet_nowhere.lora_{end}.weight": torch.ones(4, 4) for end in ("up", "down")}
    other = use(files.safetensors("other", strange))
    for uses, reference in (([*trio, second, bad], "adapter-not-finite"), ([trio[0], second, other], "adapter-misfit")):
        with pytest.raises(RenderError) as caught, stacked(base, uses):
            pass
        assert caught.value.reference == reference
        assert fingerprint(base.modules) == base.fingerprint
    with stacked(base, [second]):
        assert fingerprint(base.modules) != base.fingerprint


def test_pictures_through_a_render_process(
    base: Any, checkpoint: tuple[str, str], renderer: Any, trio: list[AdapterUse], tmp_path: Path
) -> None:
    """One PNG per seed with its own text; a seed gives one picture, alone or among others."""
    plan = PicturePlan(
        BasePlan(checkpoint[0], "tiny", "0" * 64, checkpoint[1]), PAIR, tuple(trio), replace(QUICK, seeds=(3, 4)), "cpu"
    )
    stages: list[str] = []
    renderer.on_progress = stages.append
    paths = [str(tmp_path / name) for name in ("3.png", "4.png")]
    texts = [{"parameters": "first"}, {"parameters": "第二"}]
    answer = renderer.call("picture", plan.to_json(), paths=paths, texts=texts)
    assert answer == {
        "size": [32, 32],
        "paths": paths,
        "finite": True,
        "context_tokens": 77,
        "adapters": [
            {"name": "lora", "matched": 152, "total": 152},
            {"name": "hyper", "matched": 2, "total": 2},
            {"name": "star", "matched": 1, "total": 1},
        ],
    }
    assert stages[:2] == ["load", "picture 1/2, step 1/4"]
    assert len(stages) == 9
    with Image.open(paths[1]) as picture:
        assert picture.text["parameters"] == "第二"
    alone = replace(plan, sampling=replace(plan.sampling, seeds=(4,)))
    renderer.call("picture", alone.to_json(), paths=[str(tmp_path / "again.png")])
    assert (tmp_path / "again.png").read_bytes() != Path(paths[0]).read_bytes()
    with Image.open(paths[1]) as first, Image.open(tmp_path / "again.png") as again:
        assert first.tobytes() == again.tobytes()
    with torch.inference_mode(), stacked(base, trio) as stack:
        here = render(base, encode(base, PAIR, 1, stack.embeddings()), QUICK)
    from hubman.renderers.png import to_image

    with Image.open(paths[0]) as first:
        assert to_image(here.pixels[0]).tobytes() == first.tobytes()
