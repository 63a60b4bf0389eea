"""What a checkpoint's network predicts: what its files say, what the first step shows, and which of them counts.

A model read as the wrong type draws noise, and nothing in it says so: SD2's 512 and 768 models have the same tensors.
The probe is the cosine of output and input at the noisiest step, where the input is nearly all noise: an epsilon model
gives it back (0.998 to 1.00 measured), a v model predicts the picture and not the noise (0.01 to 0.16 measured).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

EPSILON, VELOCITY = "epsilon", "v_prediction"

SURE_EPSILON = 0.8
SURE_VELOCITY = 0.4
"""Between the two the probe decides nothing."""

_TYPES = {"epsilon": EPSILON, "eps": EPSILON, "v": VELOCITY, "v_prediction": VELOCITY, "v-prediction": VELOCITY}

_NAME = re.compile(r"(?:^|[^a-z])v[-_ ]?pred(?:iction)?(?:[^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Claim:
    """One place that states a type. `firm`: written on purpose; trainers and mergers write "epsilon" by habit."""

    type: str
    source: str
    firm: bool = True


@dataclass(frozen=True, slots=True)
class Prediction:
    """The type a base is rendered with.

    Attributes:
        type: epsilon, v_prediction or sample, as diffusers' schedulers call it.
        source: given, folder, beside, header, marker, probe, name, family: where the type comes from.
        cosine: what the probe measured.
        zero_snr: the schedule ends in pure noise (zero terminal SNR).
        claims: (source, type) of everything that states one.
        doubt: the probe contradicts the type that was taken.
    """

    type: str
    source: str
    cosine: float | None = None
    zero_snr: bool = False
    claims: tuple[tuple[str, str], ...] = ()
    doubt: bool = False

    def to_json(self) -> dict[str, object]:
        return {
            "type": self.type,
            "source": self.source,
            "cosine": self.cosine,
            "zero_terminal_snr": self.zero_snr,
            "claims": dict(self.claims),
            "doubt": self.doubt,
        }


def read_claims(
    config: Mapping[str, object], config_source: str, metadata: Mapping[str, str], names: Iterable[str]
) -> list[Claim]:
    """Return what is stated, the most deliberate first.

    `config`: the scheduler's, `config_source` as `find_config` says; that of a family that ships with hubman states
    nothing about this file. `names`: the tensors of the file; an empty one called `v_pred` is a marker.
    """
    claims = []
    stated = config.get("prediction_type")
    if config_source != "family" and isinstance(stated, str):
        claims.append(Claim(stated, config_source or "folder"))
    if "v_pred" in set(names):
        claims.append(Claim(VELOCITY, "marker"))
    said = _TYPES.get(metadata.get("modelspec.prediction_type", "").strip().lower())
    if said is None and metadata.get("ss_v_parameterization", "").lower() == "true":
        said = VELOCITY
    if said is not None:
        claims.append(Claim(said, "header", firm=said != EPSILON))
    return claims


def zero_terminal_snr(config: Mapping[str, object], metadata: Mapping[str, str], names: Iterable[str]) -> bool:
    """Say whether the schedule was rescaled to end in pure noise: config, an empty tensor `ztsnr`, or kohya's note."""
    noted = metadata.get("ss_zero_terminal_snr", "").lower() == "true"
    return bool(config.get("rescale_betas_zero_snr")) or noted or "ztsnr" in set(names)


def probed_type(cosine: float | None) -> str | None:
    """Return what the probe says, None when it is not sure (or there was none, or the output was not finite)."""
    if cosine is None or cosine != cosine:
        return None
    if cosine >= SURE_EPSILON:
        return EPSILON
    return VELOCITY if abs(cosine) <= SURE_VELOCITY else None


def settle(claims: list[Claim], cosine: float | None, *, name: str = "", zero_snr: bool = False) -> Prediction:
    """Decide. Claims that agree count; where they are silent, contradict or are none but a habit, the probe does.

    What `--config` says always counts. A probe that contradicts what counts is a doubt, told in the result.
    """
    probe = probed_type(cosine)
    listed = tuple((claim.source, claim.type) for claim in claims)

    def settled(kind: str, source: str) -> Prediction:
        doubt = probe is not None and kind in {EPSILON, VELOCITY} and probe != kind
        return Prediction(kind, source, cosine, zero_snr, listed, doubt)

    first = claims[0] if claims else None
    if first is not None and first.source == "given":
        return settled(first.type, first.source)
    firm = [claim for claim in claims if claim.firm]
    if firm and len({claim.type for claim in claims}) == 1:
        return settled(firm[0].type, firm[0].source)
    if probe is not None:
        return settled(probe, "probe")
    if first is not None:
        return settled(first.type, first.source)
    if _NAME.search(name):
        return settled(VELOCITY, "name")
    return settled(EPSILON, "family")
