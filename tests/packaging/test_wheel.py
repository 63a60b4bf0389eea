"""The wheel, built and installed into a fresh environment without torch: what a user gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def hubman(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Install the wheel into a new environment; return a function that runs its `hubman` far from the checkout."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    constraints = ["-c", str(ROOT / "constraints.txt")]
    install = [str(scripts / "python"), "-m", "pip", "install", "--quiet", *constraints, str(wheel)]
    subprocess.run(install, check=True, capture_output=True, text=True)
    environment = {**os.environ, "HUBMAN_HOME": str(folder / "home"), "LANG": "C.UTF-8"}
    environment.pop("PYTHONPATH", None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(scripts / "hubman"), *arguments], capture_output=True, text=True, cwd=folder, env=environment
        )

    return run


def test_the_wheel_holds_what_it_must_and_nothing_else(wheel: Path) -> None:
    """Migrations and demo models inside the package; no top-level `migrations`, no tests, no training code."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "hubman/_migrations/env.py" in names
    assert any(name.startswith("hubman/_migrations/versions/0001") for name in names)
    assert "hubman/_demo/Stable-diffusion/tinyshapes.safetensors" in names
    assert "hubman/locale/zh_CN/LC_MESSAGES/hubman.mo" in names
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.startswith("hubman")} == set()
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_demo_models_stay_under_24_mb() -> None:
    """All of models/ that git keeps."""
    listed = subprocess.run(["git", "ls-files", "-z", "models"], cwd=ROOT, capture_output=True, text=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name] or [
        p for p in (ROOT / "models").rglob("*") if p.is_file()
    ]
    assert 0 < sum(path.stat().st_size for path in files) < 24_000_000


def test_sync_and_search_from_the_wheel(
    hubman: Callable[..., subprocess.CompletedProcess[str]], webui: Path, put: Callable[..., Path]
) -> None:
    """The migrations are found, the files are identified, the search answers; no torch is there."""
    put("Lora/水墨.safetensors", metadata={"modelspec.trigger_phrase": "shuimo"})
    synced = hubman("sync", str(webui), "--json")
    assert synced.returncode == 0, synced.stderr
    assert json.loads(synced.stdout)["identified"] == 1
    found = hubman("search", "shuimo", "--json")
    assert found.returncode == 0, found.stderr
    assert [model["name"] for model in json.loads(found.stdout)["models"]] == ["水墨"]


def test_validate_without_torch_says_what_to_install(hubman: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Exit 10 and the very command; everything before the rendering works from the wheel."""
    demo = hubman("demo", "--no-open")
    assert demo.returncode == 10, demo.stderr
    assert "hubman[render]" in demo.stderr
    assert "tinyshapes" in demo.stdout
