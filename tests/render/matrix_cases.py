"""The verdict matrix: files, what is said of them, and the verdict and rule that are right."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matrix_adapters import (
    WRITERS,
    Tensors,
    half_renamed,
    of_sdxl,
    random_like,
    rewritten,
    scaled,
    spoilt,
    taught_ia3,
)
from safetensors.torch import load_file, save_file

from hubman.app.validate import validate_adapter
from hubman.app.validation import AdapterFile, BaseFile, RenderSession, ValidateOptions, Validation
from hubman.core.identify import identify
from hubman.core.plan.render import BasePlan
from hubman.core.types import Facts, Format, Header, Kind, Trigger
from hubman.core.verdict import Judgement, Verdict
from hubman.errors import HubmanError
from hubman.formats import read_header
from hubman.renderers.base import load_base

MODELS = Path(__file__).resolve().parents[2] / "models"
STRIPES, INK, DOTS = (MODELS / f"Lora/{stem}.safetensors" for stem in ("zbrstripe_lora", "水墨_toy", "polkadot_loha"))


@dataclass(frozen=True)
class Case:
    """`group`: the algorithm or the fault; `given`: proved with `--base`; `rule`: "" where several are right."""

    group: str
    name: str
    path: str
    verdict: str
    rule: str = ""
    triggers: tuple[str, ...] = ()
    given: bool = False


class Cases:
    """Writes the files of the matrix into a folder. `full`: several variants of each kind."""

    def __init__(self, folder: Path, *, full: bool = False) -> None:
        self.folder = folder
        self.full = full
        stem = MODELS / "Stable-diffusion/tinyshapes"
        self.base = load_base(BasePlan(f"{stem}.safetensors", "tinyshapes", "0" * 64, str(stem)), "cpu", "float32")

    def all(self) -> Iterator[Case]:
        yield from self._demo()
        yield from self._algorithms()
        yield from self._changed()
        yield from self._misfits()
        yield from self._files()

    def _save(self, name: str, tensors: Tensors) -> str:
        path = str(self.folder / f"{name}.safetensors")
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
        return path

    def _pickle(self, name: str, value: object) -> str:
        path = str(self.folder / f"{name}.pt")
        torch.save(value, path)
        return path

    def _demo(self) -> Iterator[Case]:
        files = [
            ("lora", STRIPES, ("zbrstripe",)),
            ("lora with text encoder", INK, ("shuimo",)),
            ("loha, trained", DOTS, ("plkdot",)),
            ("hypernetwork", MODELS / "hypernetworks/nightfall.pt", ()),
            ("embedding", MODELS / "embeddings/goldstar.pt", ()),
            ("negative embedding", MODELS / "embeddings/toy-negative.safetensors", ()),
        ]
        for group, path, triggers in files:
            yield Case(group, path.stem, str(path), "ok", "picture-changed", triggers)

    def _algorithms(self) -> Iterator[Case]:
        sources = [("stripes", STRIPES, "zbrstripe"), ("ink", INK, "shuimo")]
        for algorithm in WRITERS:
            near = algorithm in {"oft", "boft"}  # a rotation comes near enough to ink, not to stripes
            for name, source, word in sources if self.full and not near else sources[int(near) :][:1]:
                path = self._save(f"{algorithm}-{name}", rewritten(self.base, str(source), algorithm))
                yield Case(algorithm, f"{algorithm}-{name}", path, "ok", "picture-changed", (word,))
        for name, source, word in sources if self.full else sources[:1]:
            prompt = f"a red circle on a blue background, {word}"
            tensors = taught_ia3(self.base, str(source), prompt, 40 if self.full else 25)
            yield Case("ia3", f"ia3-{name}", self._save(f"ia3-{name}", tensors), "ok", "picture-changed", (word,))

    def _changed(self) -> Iterator[Case]:
        """Weights that are not what was trained."""
        sources = [("stripes", STRIPES, ("zbrstripe",)), ("ink", INK, ("shuimo",))]
        for stem, source, words in sources if self.full else sources[:1]:
            good = load_file(str(source))
            stray = {"lora_te_text_model_embeddings_position_ids": torch.arange(77)}
            variants: list[tuple[str, Tensors, str, str]] = [
                ("zeroed", scaled(good, 0.0), "no-effect", "no-change"),
                ("x0.001", scaled(good, 0.001), "no-effect", "no-change"),
                ("weak x0.05", scaled(good, 0.05), "weak", "hardly-visible"),
                ("burnt x20", scaled({k: v.float() for k, v in good.items()}, 20.0), "broken", "burnt"),
                ("NaN", spoilt(good, float("nan")), "broken", "not-finite-weights"),
                ("Inf", spoilt(good, float("inf")), "broken", "not-finite-weights"),
                ("half renamed", half_renamed(good), "partial", "modules-missing"),
                ("stray key", good | stray, "ok", "picture-changed"),
            ]
            variants += [
                (f"random {seed}", random_like(good, seed), "weak", "like-noise")
                for seed in range(1, 9 if self.full else 3)
            ]
            if self.full:
                variants += [
                    ("burnt x40", scaled({k: v.float() for k, v in good.items()}, 40.0), "broken", "burnt"),
                    ("float32", {k: v.float() for k, v in good.items()}, "ok", "picture-changed"),
                    ("bfloat16", {k: v.bfloat16() for k, v in good.items()}, "ok", "picture-changed"),
                ]
            for group, tensors, verdict, rule in variants:
                name = f"{group}-{stem}".replace(" ", "-")
                yield Case(group.split(" ")[0], name, self._save(name, tensors), verdict, rule, words)
            for word in ("plkdot", "qwv", "red") if self.full else ("plkdot",):
                yield Case("wrong trigger", f"{stem}-{word}", str(source), "weak", "like-noise", (word,))
        yield Case("no trigger known", "stripes-without-word", str(STRIPES), "weak", "like-noise")

    def _misfits(self) -> Iterator[Case]:
        """Files for another base."""
        good = load_file(str(STRIPES))
        sdxl = self._save("of-sdxl", of_sdxl(good))
        yield Case("wrong base", "of-sdxl", sdxl, "no-base", "no-base", ("zbrstripe",))
        yield Case("wrong base", "of-sdxl, given", sdxl, "incompatible-base", "nothing-matches", given=True)
        text = {f"lora_te2_{k.removeprefix('lora_unet_')}": v for k, v in good.items() if "attn1_to_q" in k}
        te2 = self._save("te2-only", text)
        yield Case("other text encoder", "te2-only", te2, "no-base", "no-base")
        yield Case("other text encoder", "te2-only, given", te2, "incompatible-base", "nothing-matches", given=True)
        wide = self._save("wide", {"emb_params": torch.randn(2, 768)})
        yield Case("other text encoder", "wide", wide, "no-base", "no-base")
        yield Case("other text encoder", "wide, given", wide, "incompatible-base", "nothing-matches", given=True)
        state = {"linear.0.weight": torch.ones(640, 320), "linear.2.weight": torch.ones(320, 640)}
        network = self._pickle("hyper-320", {320: (state, state), "layer_structure": [1, 2, 1]})
        yield Case("other hypernetwork", "hyper-320", network, "no-base", "no-base")

    def _files(self) -> Iterator[Case]:
        """Files that are no adapters, or whose parts are missing."""
        good = load_file(str(STRIPES))
        odd = {"lora_unet_mid_block_attentions_0_proj_in.hyper_w": torch.ones(3)}
        yield Case("unknown algorithm", "odd", self._save("odd", odd), "unsupported")
        mixed = self._save("mixed", good | {"lora_unet_mid_block_attentions_0_proj_in.warp_w": torch.ones(3)})
        yield Case("unknown algorithm", "mixed", mixed, "partial", "modules-missing", ("zbrstripe",))
        cut = dict(good)
        del cut[next(name for name in cut if "lora_up" in name)]
        yield Case("down without up", "no-up", self._save("no-up", cut), "corrupt", "missing-partner")
        for share in (0.5, 0.02, 0.0) if self.full else (0.5,):
            whole = STRIPES.read_bytes()
            path = self.folder / f"cut-{share}.safetensors"
            path.write_bytes(whole[: int(len(whole) * share)])
            yield Case("truncated", f"cut-{share}", str(path), "corrupt")
        evil = self.folder / "evil.pt"
        evil.write_bytes(pickle.dumps(os.system))
        yield Case("unsafe pickle", "evil", str(evil), "unsafe", "unsafe-pickle")


def base_file() -> BaseFile:
    path = str(MODELS / "Stable-diffusion/tinyshapes.safetensors")
    header = read_header(path)
    return BaseFile(path, _sha256(path), "tinyshapes", identify(header, name="tinyshapes"), header)


def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def prove(case: Case, bases: Sequence[BaseFile], options: ValidateOptions, session: RenderSession) -> Validation:
    """Prove a file as the library does: an unreadable header is the verdict `corrupt` (app.proving)."""
    name = Path(case.path).stem
    sha = _sha256(case.path)
    try:
        header = read_header(case.path)
    except (HubmanError, OSError) as error:
        empty = AdapterFile(case.path, sha[:10], sha, name, Facts(Kind.UNKNOWN), Header(Format.UNKNOWN, {}))
        return Validation(empty, Judgement(Verdict.CORRUPT, getattr(error, "reference", "unreadable"), str(error)))
    triggers = tuple(Trigger(text, "header", None, 1.0) for text in case.triggers)
    adapter = AdapterFile(case.path, sha[:10], sha, name, identify(header, name=name), header, triggers)
    return validate_adapter(adapter, bases, options, session)
