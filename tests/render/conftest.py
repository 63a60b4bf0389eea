"""A tiny random checkpoint on disk, in memory, and behind a render process; made once per run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return (path of a single file in SD1 layout, its config folder)."""
    pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    import tiny_checkpoint
    import torch

    torch.set_num_threads(1)
    return tiny_checkpoint.write_checkpoint(str(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="session")
def loaded(checkpoint: tuple[str, str]) -> Any:
    """Return the checkpoint loaded in this process; every test leaves it bit-exact (asserted by `base`)."""
    from hubman.core.plan.render import BasePlan
    from hubman.renderers.base import load_base

    return load_base(BasePlan(checkpoint[0], "tiny", "0" * 64, checkpoint[1]), "cpu", "float32")


@pytest.fixture
def base(loaded: Any) -> Iterator[Any]:
    yield loaded
    loaded.check()


@pytest.fixture(scope="module")
def renderer() -> Iterator[Any]:
    pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from hubman.renderers.process import Renderer

    with Renderer(device="cpu", timeout=120) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """Return a maker of adapter files for the tiny base."""
    from tiny_adapters import Maker

    return Maker(tmp_path)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return name -> diffusers folder of the tiny Flux.1 and SD3 models."""
    pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    import tiny_transformers
    import torch

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("transformers")
    return {name: tiny_transformers.write(name, str(root / name)) for name in tiny_transformers.NAMES}


@pytest.fixture(scope="session")
def bases(folders: dict[str, str]) -> dict[str, Any]:
    """Return the tiny Flux.1 and SD3 models loaded in this process; every test leaves them bit-exact."""
    from hubman.core.plan.render import BasePlan
    from hubman.renderers.base import load_base

    return {name: load_base(BasePlan(path, name, ""), "cpu", "float32") for name, path in folders.items()}
