"""What a checkpoint predicts: what its files say, what the first step shows, and the picture only one of them gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hubman.core.plan.prediction import EPSILON, VELOCITY, Claim, probed_type, read_claims, settle, zero_terminal_snr

V_UNET = Path(__file__).parent / "assets" / "tinyshapes-v-unet.safetensors"
TINYSHAPES = Path(__file__).resolve().parents[2] / "models" / "Stable-diffusion" / "tinyshapes.safetensors"

EPS_HABIT = Claim(EPSILON, "header", firm=False)


@pytest.mark.parametrize(
    ("claims", "cosine", "name", "found"),
    [
        ([], 0.99, "", (EPSILON, "probe", False)),
        ([], 0.02, "", (VELOCITY, "probe", False)),
        ([], 0.6, "", (EPSILON, "family", False)),
        ([], 0.6, "noobai-vpred-1.0", (VELOCITY, "name", False)),
        ([], 0.99, "noobai-vpred-1.0", (EPSILON, "probe", False)),  # a name is a hint only
        ([], None, "vpredator", (EPSILON, "family", False)),
        ([Claim(EPSILON, "beside")], 0.99, "", (EPSILON, "beside", False)),
        ([Claim(EPSILON, "folder")], 0.02, "", (EPSILON, "folder", True)),  # told, not overruled
        ([Claim(EPSILON, "given"), Claim(VELOCITY, "marker")], 0.02, "", (EPSILON, "given", True)),
        ([Claim(EPSILON, "beside"), Claim(VELOCITY, "header")], 0.02, "", (VELOCITY, "probe", False)),
        ([Claim(EPSILON, "beside"), Claim(VELOCITY, "header")], 0.98, "", (EPSILON, "probe", False)),
        ([Claim(EPSILON, "beside"), Claim(VELOCITY, "header")], 0.6, "", (EPSILON, "beside", False)),
        ([Claim(VELOCITY, "marker")], 0.6, "", (VELOCITY, "marker", False)),
        ([EPS_HABIT], 0.02, "", (VELOCITY, "probe", False)),  # mergers write "epsilon" whatever they merge
        ([EPS_HABIT], 0.6, "", (EPSILON, "header", False)),
        ([Claim("sample", "folder")], 0.02, "", ("sample", "folder", False)),
        ([], float("nan"), "", (EPSILON, "family", False)),
    ],
)
def test_what_counts(claims: list[Claim], cosine: float | None, name: str, found: tuple[str, str, bool]) -> None:
    settled = settle(claims, cosine, name=name)
    assert (settled.type, settled.source, settled.doubt) == found
    assert settled.claims == tuple((claim.source, claim.type) for claim in claims)


def test_claims_are_read_from_config_header_and_markers() -> None:
    config = {"prediction_type": "v_prediction"}
    assert read_claims(config, "given", {}, []) == [Claim(VELOCITY, "given")]
    assert read_claims(config, "family", {}, []) == []  # our own config says nothing about this file
    assert read_claims({}, "", {"modelspec.prediction_type": "V"}, ["v_pred"]) == [
        Claim(VELOCITY, "marker"),
        Claim(VELOCITY, "header"),
    ]
    assert read_claims({}, "", {"modelspec.prediction_type": "epsilon"}, []) == [EPS_HABIT]
    assert read_claims({}, "", {"ss_v_parameterization": "True"}, []) == [Claim(VELOCITY, "header")]
    assert read_claims({}, "", {"modelspec.prediction_type": "?"}, []) == []


def test_zero_terminal_snr_is_read_from_three_places() -> None:
    assert zero_terminal_snr({"rescale_betas_zero_snr": True}, {}, [])
    assert zero_terminal_snr({}, {"ss_zero_terminal_snr": "True"}, [])
    assert zero_terminal_snr({}, {}, ["ztsnr"])
    assert not zero_terminal_snr({"rescale_betas_zero_snr": False}, {"ss_zero_terminal_snr": "False"}, ["v_pred"])


# --- the demo checkpoint that predicts the velocity ---


@pytest.fixture(scope="module")
def velocity_state() -> dict[str, Any]:
    """Return Tiny Shapes with the U-Net that was trained on to v-prediction."""
    pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from safetensors.torch import load_file

    return load_file(TINYSHAPES) | load_file(V_UNET)


def write_velocity(
    folder: Path, state: dict[str, Any], says: str | None = None, metadata: dict[str, str] | None = None
) -> Any:
    """Write the v model with a config beside it that says a type, or none; return its BasePlan."""
    from safetensors.torch import save_file

    from hubman.core.plan.render import BasePlan

    path = folder / "model.safetensors"
    save_file(state, path, metadata=metadata)
    shutil.copytree(TINYSHAPES.with_suffix(""), folder / "model")
    place = folder / "model" / "scheduler" / "scheduler_config.json"
    config = json.loads(place.read_text(encoding="utf-8"))
    config.pop("prediction_type")
    place.write_text(json.dumps(config | ({"prediction_type": says} if says else {})), encoding="utf-8")
    return BasePlan(str(path), "model", "", str(folder / "model"), "beside")


def grain(pixels: Any) -> float:
    """Return how much neighbouring pixels differ near the rim, where Tiny Shapes has one plain colour; of 1."""
    rim = pixels[:, :, :8]
    return float((rim.diff(dim=3).abs().mean() + rim.diff(dim=2).abs().mean()) / 2)


def drawn(base: Any) -> Any:
    from hubman.core.plan.render import PromptPair, Sampling
    from hubman.renderers.sample import render

    context = base.family.encode(base, PromptPair("a red circle on a blue background"), 1, {})
    return render(base, context, Sampling(seeds=(1, 2), steps=12)).pixels


@pytest.mark.render
def test_only_the_right_type_draws_a_picture(velocity_state: dict[str, Any], tmp_path: Path) -> None:
    """Nothing says what it is; the probe does. The same weights read as epsilon are grain (0.01 against 0.05)."""
    from hubman.core.plan.render import BasePlan
    from hubman.renderers.base import load_base

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    probed = load_base(write_velocity(tmp_path / "a", velocity_state), "cpu", "float32")
    assert (probed.prediction.type, probed.prediction.source) == (VELOCITY, "probe")
    assert probed.prediction.cosine is not None
    assert abs(probed.prediction.cosine) < 0.3
    assert probed.scheduler_config["prediction_type"] == VELOCITY
    wrong = load_base(write_velocity(tmp_path / "b", velocity_state, EPSILON), "cpu", "float32")
    assert (wrong.prediction.type, wrong.prediction.source, wrong.prediction.doubt) == (EPSILON, "beside", True)
    origin = str(TINYSHAPES.with_suffix(""))
    shapes = load_base(BasePlan(str(TINYSHAPES), "tinyshapes", "", origin, "beside"), "cpu", "float32")
    assert (shapes.prediction.type, shapes.prediction.doubt) == (EPSILON, False)
    assert (shapes.prediction.cosine or 0) > 0.95
    right, noisy, original = drawn(probed), drawn(wrong), drawn(shapes)
    assert grain(right) < 2 * grain(original)
    assert grain(noisy) > 3 * grain(right)
    red, _green, blue = right[:, :, 28:36, 28:36].mean((0, 2, 3))
    assert red > 2 * blue
    red, _green, blue = right[:, :, :6].mean((0, 2, 3))
    assert blue > 2 * red


@pytest.mark.render
def test_a_header_that_contradicts_its_config_is_decided_by_the_probe(
    velocity_state: dict[str, Any], tmp_path: Path
) -> None:
    from hubman.renderers.base import load_base

    plan = write_velocity(tmp_path, velocity_state, EPSILON, {"modelspec.prediction_type": "v"})
    found = load_base(plan, "cpu", "float32").prediction
    assert (found.type, found.source) == (VELOCITY, "probe")
    assert found.claims == (("beside", EPSILON), ("header", VELOCITY))


@pytest.mark.render
def test_zero_terminal_snr_is_scheduled_as_diffusers_schedules_it(
    velocity_state: dict[str, Any], tmp_path: Path
) -> None:
    """Marked by an empty tensor: the betas are rescaled and the first step is the very last one."""
    import torch
    from diffusers import DPMSolverMultistepScheduler

    from hubman.core.plan.render import Sampling
    from hubman.renderers.base import load_base

    marked = velocity_state | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    base = load_base(write_velocity(tmp_path, marked), "cpu", "float32")
    assert (base.prediction.type, base.prediction.source, base.prediction.zero_snr) == (VELOCITY, "marker", True)
    ours = base.family.scheduler(base, Sampling(steps=10), (64, 64))
    theirs = DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )
    theirs.set_timesteps(10)
    assert ours.timesteps.tolist() == theirs.timesteps.tolist()
    assert ours.timesteps[0] == 999
    assert torch.equal(ours.sigmas, theirs.sigmas)
    assert bool(torch.isfinite(drawn(base)).all())


def test_between_the_thresholds_the_probe_says_nothing() -> None:
    assert (probed_type(0.79), probed_type(0.41), probed_type(-0.41), probed_type(None)) == (None, None, None, None)
    assert (probed_type(0.8), probed_type(-0.4)) == (EPSILON, VELOCITY)


@pytest.mark.render
def test_the_result_tells_type_source_and_cosine(velocity_state: dict[str, Any], tmp_path: Path) -> None:
    """Through the render process; the number is the one measured before anything was rendered."""
    pytest.importorskip("torch")
    from tiny_adapters import adapter_file, base_file

    from hubman.app.validate import validate_adapter
    from hubman.app.validation import ValidateOptions
    from hubman.renderers.process import Renderer

    plan = write_velocity(tmp_path, velocity_state)
    lora = adapter_file(str(TINYSHAPES.parents[1] / "Lora" / "zbrstripe_lora.safetensors"), triggers=("zbrstripe",))
    options = ValidateOptions(seeds=(1,), steps=4, strengths=(1.0,))
    with Renderer(device="cpu", timeout=120) as renderer:
        result = validate_adapter(lora, [base_file(plan.path)], options, renderer).to_json()
    told = result["numbers"]["base"]["prediction"]
    assert (told["type"], told["source"], told["zero_terminal_snr"]) == (VELOCITY, "probe", False)
    assert told["cosine"] == result["numbers"]["base"]["prediction_cosine"]
    assert result["numbers"]["vae_upcast"] is False
    assert result["verdict"] in {"ok", "weak"}
