"""Embeddings that come within a LoRA's file answer to their names while it is on."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_adapters import lora_tensors  # noqa: E402
from tiny_checkpoint import CONTEXT  # noqa: E402

from hubman.core.plan.render import AdapterPlan, PromptPair  # noqa: E402
from hubman.core.types import Kind  # noqa: E402
from hubman.renderers.adapters import open_adapter  # noqa: E402


@pytest.mark.parametrize(
    ("tensor", "word"),
    [("bundle_emb.ink man.string_to_param.*", "ink man"), ("bundle_emb.zz.clip_l", "zz"), ("<s1>", "<s1>")],
)
def test_a_bundled_embedding_answers_to_its_name(base: Any, files: Any, tensor: str, word: str) -> None:
    vectors = torch.randn((2, CONTEXT), generator=torch.Generator().manual_seed(1))
    path = files.safetensors("bundle", {**lora_tensors(base), tensor: vectors})
    adapter = open_adapter(base, AdapterPlan(path, "bundle", "0" * 64, Kind.LORA))
    assert adapter.report.match.share == 1
    assert not adapter.report.match.unknown
    assert adapter.report.numbers["bundled"] == {word: {"te1": 2}}
    assert not adapter.embeddings()
    adapter.set(0.7, te=0.7)
    try:
        with torch.inference_mode():
            plain = base.family.encode(base, PromptPair(f"a {word} here"), 1, {})
            called = base.family.encode(base, PromptPair(f"a {word} here"), 1, adapter.embeddings())
    finally:
        adapter.remove()
    assert torch.equal(adapter.bundled[word]["te1"], vectors)
    assert not torch.allclose(plain.states, called.states)
    assert not adapter.embeddings()


def test_one_of_another_width_has_no_place(base: Any, files: Any) -> None:
    odd = torch.zeros((2, CONTEXT + 1))
    path = files.safetensors("odd", {**lora_tensors(base), "bundle_emb.zz.string_to_param.*": odd})
    adapter = open_adapter(base, AdapterPlan(path, "odd", "0" * 64, Kind.LORA))
    assert "bundled" not in adapter.report.numbers
