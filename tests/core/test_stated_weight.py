"""The recommended weight in a description: only what is said, and only when it is said once."""

from __future__ import annotations

import pytest

from hubman.core.stated_weight import stated_weight


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Recommended weight: 0.6-0.8", (0.7, 0.6, 0.8)),
        ("weight 0.6 ~ 0.8", (0.7, 0.6, 0.8)),
        ("Use it with a strength of 0.7.", (0.7, None, None)),
        ("I recommend using weight between 0.5 and 1", (0.75, 0.5, 1.0)),
        ("LoRA weight is .8", (0.8, None, None)),
        ("Best at 0.8 weight", (0.8, None, None)),
        ("推荐权重0.7", (0.7, None, None)),
        ("建议权重：0.6～0.8，触发词 ink", (0.7, 0.6, 0.8)),
        ("权重建议 0.8 左右", (0.8, None, None)),
        ("模型说明\n推荐强度为0.5到0.9\n采样步数 20", (0.7, 0.5, 0.9)),
        ("weight 1", (1.0, None, None)),
        ("Recommended weight 0.8. At weight 1.2 it may burn.", (0.8, None, None)),
        ("Weight: 0.8\nAgain: weight 0.8", (0.8, None, None)),
    ],
)
def test_what_is_said(text: str, expected: tuple[float, float | None, float | None]) -> None:
    assert stated_weight(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A style of ink on paper.",
        "Weight 0.6 for faces, weight 0.9 for landscapes",
        "Denoising strength 0.4",
        "Hires fix: denoise strength: 0.35",
        "ControlNet weight 0.6",
        "weight decay 0.01",
        "重绘强度 0.5",
        "去噪强度：0.4",
        "ControlNet权重 0.6",
        "Model weights 1.5 GB",
        "weight: 80%",
        "weight 12",
        "strength 0",
        "weights 2.5-3",
        "This is strength. 0.8 is the version.",
        "Merge weight 0.3",
        "Version 1.5 weights",
        "strength 20 steps",
    ],
)
def test_what_is_not_said(text: str) -> None:
    assert stated_weight(text) is None


def test_a_hostile_text_is_no_work() -> None:
    assert stated_weight("weight " * 100_000 + "0.8") is None  # past what is looked at
    assert stated_weight("weight" + " is" * 50_000) is None
    assert stated_weight("0.8-" * 5_000 + "weight") is None
