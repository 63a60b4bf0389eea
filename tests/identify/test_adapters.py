"""Adapters in the names of every trainer: the same modules, however they are spelled, are of the same base.

The modules are those of the graphs; the spellings are facts of the trainers, each with the place where it was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest
from corpus import of

from hubman.core.identify import graph, identify
from hubman.core.types import Confidence, Facts, Kind

Shape = tuple[int, ...]
Module = tuple[str, int, int]
Tensors = dict[str, Shape]
_ROW = re.compile(r"\{(\d+)-(\d+)\}")


def _expanded(name: str) -> list[str]:
    row = _ROW.search(name)
    if row is None:
        return [name]
    numbers = range(int(row[1]), int(row[2]) + 1)
    return [full for number in numbers for full in _expanded(f"{name[: row.start()]}{number}{name[row.end() :]}")]


def modules(architecture: str, layout: str, number: int = 0, only: str = "") -> list[Module]:
    """Every matrix of a network whose name fits `only`: name, out, in."""
    nets = [net.graph for net in graph.atlas().nets if net.graph.architecture == architecture]
    lines = [line.split() for line in [net for net in nets if net.layout == layout][number].modules.splitlines()]
    found = [(name, int(line[1]), int(line[2])) for line in lines if len(line) == 3 for name in _expanded(line[0])]
    return [item for item in found if re.search(only, item[0]) and not item[0].endswith(("attn1", "attn2", "norm"))]


def pairs(
    items: Iterable[Module], spell: Callable[[str], str], ends: str = "lora_down.weight lora_up.weight"
) -> Tensors:
    down, up = ends.split()
    found: Tensors = {}
    for name, out, into in items:
        found |= {f"{spell(name)}.{down}": (8, into), f"{spell(name)}.{up}": (out, 8)}
    return found


def kohya(prefix: str) -> Callable[[str], str]:
    return lambda name: prefix + name.replace(".", "_")


def dotted(prefix: str) -> Callable[[str], str]:
    return lambda name: prefix + name


PEFT, DEFAULT = "lora_A.weight lora_B.weight", "lora_A.default.weight lora_B.default.weight"
ATTENTION = r"attn\d?\.to_(q|k|v|out\.0)$"


def clip(spell: Callable[[str], str], width: int = 768, layers: int = 12) -> Tensors:
    names = [f"text_model.encoder.layers.{n}.self_attn.{part}_proj" for n in range(layers) for part in "qkv"]
    return pairs([(name, width, width) for name in names], spell)


def decided(facts: Facts) -> tuple[Kind, tuple[str, ...]]:
    return facts.kind, facts.candidates


# --- one network, many spellings -----------------------------------------------------------------------------------
SPELLINGS: tuple[tuple[str, Callable[[str], str], str], ...] = (
    ("kohya-ss/sd-scripts networks/lora.py", kohya("lora_unet_"), "lora_down.weight lora_up.weight"),
    ("aigc-apps/VideoX-Fun utils/lora_utils.py", kohya("lora_unet__"), "lora_down.weight lora_up.weight"),
    ("KohakuBlueleaf/LyCORIS wrapper.py", kohya("lycoris_"), "lora_down.weight lora_up.weight"),
    ("Nerogar/OneTrainer convert_flux_lora.py", kohya("lora_transformer_"), "lora_down.weight lora_up.weight"),
    ("Nerogar/OneTrainer, later", dotted("transformer."), "lora_down.weight lora_up.weight"),
    ("huggingface/diffusers save_lora_weights", dotted("transformer."), PEFT),
    ("ostris/ai-toolkit", dotted("diffusion_model."), PEFT),
    ("fal, replicate: PEFT as it is", dotted("base_model.model."), PEFT),
    ("huggingface/peft before the name is taken out", dotted("base_model.model."), DEFAULT),
    ("modelscope/DiffSynth-Studio", dotted("pipe.dit."), DEFAULT),
    ("modelscope/DiffSynth-Studio, ModelTC/Qwen-Image-Lightning", dotted(""), DEFAULT),
)
NETWORKS = (
    ("flux1", "bfl", 0, r"blocks\.\d+\.", ("flux1",)),
    ("flux1", "diffusers", 0, r"blocks\.\d+\.", ("flux1",)),
    ("qwen-image", "diffusers", 0, r"blocks\.\d+\.attn\.", ("qwen-image",)),
    ("z-image", "comfy", 0, r"^layers\.\d+\.", ("z-image",)),
    ("hunyuan-video", "tencent", 0, r"blocks\.\d+\.", ("hunyuan-video",)),
    ("wan-2.1", "native", 2, r"blocks\.\d+\.", ("wan-2.1", "wan-2.2")),
    ("sd3.5-large", "native", 0, r"blocks\.\d+\.", ("sd3.5-large",)),
)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling[0])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: f"{network[0]} {network[1]}")
def test_the_spelling_does_not_matter(
    network: tuple[str, str, int, str, tuple[str, ...]], spelling: tuple[str, Callable[[str], str], str]
) -> None:
    architecture, layout, number, only, expected = network
    _, spell, ends = spelling
    facts = identify(of(pairs(modules(architecture, layout, number, only), spell, ends)))
    assert decided(facts) == (Kind.LORA, expected)
    assert (facts.algorithm, facts.rank, facts.trained) == ("lora", 8, ("unet",))


def test_onetrainer_cuts_fused_matrices() -> None:
    """InvokeAI flux_onetrainer_bfl_lora_conversion_utils.py: qkv.0 to qkv.2, linear1.0 to linear1.3."""
    items = []
    for name, out, into in modules("flux1", "bfl", 0, r"blocks\.\d+\."):
        widths = {"qkv": (3072,) * 3, "linear1": (3072, 3072, 3072, 12288)}.get(name.rpartition(".")[2])
        items += [(f"{name}.{n}", width, into) for n, width in enumerate(widths or ())] or [(name, out, into)]
    facts = identify(of(pairs(items, dotted("transformer."))))
    assert (facts.architecture, facts.confidence) == ("flux1", Confidence.CERTAIN)


@pytest.mark.parametrize(
    ("architecture", "layout", "only", "spell"),
    [
        # Tencent/HunyuanVideo-I2V
        ("hunyuan-video", "tencent", r"blocks\.\d+\.", kohya("Hunyuan_video_I2V_lora_")),
        # kohya-ss/musubi-tuner FramePack: diffusers' names under kohya's prefix
        ("hunyuan-video", "diffusers", r"transformer_blocks\.\d+\.attn\.", kohya("lora_unet_")),
        # rohitgandikota/sliders flux-sliders: the same for Flux.1
        ("flux1", "diffusers", r"transformer_blocks\.\d+\.attn\.", kohya("lora_unet_")),
    ],
)
def test_odd_prefixes(architecture: str, layout: str, only: str, spell: Callable[[str], str]) -> None:
    facts = identify(of(pairs(modules(architecture, layout, 0, only), spell)))
    assert facts.architecture == architecture


# --- a few blocks prove little -------------------------------------------------------------------------------------
@pytest.mark.parametrize("prefix", ["lora_unet_", "lycoris_"])
@pytest.mark.parametrize("only", [r"^transformer_blocks\.5\.attn\.to_q$", r"^transformer_blocks\.[0-3]\.attn\.to_"])
def test_a_few_blocks_of_attention_are_a_set(prefix: str, only: str) -> None:
    """Ovis ends at block 5, klein 4B at block 4: that an adapter ends there too says nothing where it began there."""
    facts = identify(of(pairs(modules("flux1", "diffusers", 0, only), kohya(prefix))))
    assert facts.architecture is None
    assert {"flux1", "hunyuan-video"} <= set(facts.candidates)


def test_blocks_7_and_20_of_flux() -> None:
    """TheLastBen's and others' small Flux LoRAs change four single blocks."""
    facts = identify(
        of(pairs(modules("flux1", "bfl", 0, r"^single_blocks\.(7|12|16|20)\.linear2"), kohya("lora_unet_")))
    )
    assert facts.architecture is None
    assert {"flux1", "chroma", "hunyuan-video"} == set(facts.candidates)


@pytest.mark.parametrize("wide", [True, False])
def test_ssd_1b_leaves_out_what_it_has_not(wide: bool) -> None:
    """latent-consistency/lcm-lora-ssd-1b: SDXL without middle attention and with four blocks on the lowest level."""
    gone = re.compile(r"mid_block\.attentions|down_blocks\.2\.\w+\.\d\.transformer_blocks\.[4-9]\.")
    items = [item for item in modules("sdxl", "diffusers") if not gone.match(item[0])]
    found = pairs([item for item in items if wide or re.search(ATTENTION, item[0])], kohya("lora_unet_"))
    assert identify(of(found)).architecture == "ssd-1b"
    assert identify(of(pairs(modules("sdxl", "diffusers"), kohya("lora_unet_")))).architecture == "sdxl"


# --- text encoders -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tensors", "candidates", "trained"),
    [
        (clip(kohya("lora_te_")), ("sd1",), ("te1",)),
        (clip(kohya("lora_te_"), 1024, 23), ("sd2",), ("te1",)),
        (clip(kohya("lora_te1_")), ("sdxl", "flux1", "sd3"), ("te1",)),
        (clip(kohya("lora_te1_")) | clip(kohya("lora_te2_"), 1280, 32), ("sdxl",), ("te1", "te2")),
        # diffusers names the only encoder of SD 1 and the first of Flux.1 alike
        (clip(dotted("text_encoder.")), ("sd1", "flux1"), ("te1",)),
        (clip(dotted("text_encoder.")) | clip(dotted("text_encoder_2."), 1280, 32), ("sdxl",), ("te1", "te2")),
        # huggingface/peft examples/lora_dreambooth saves the encoder on its own, without a name for it
        (clip(dotted("base_model.model."), 1024, 23), ("sd2",), ("te1",)),
        # Comfy-Org/ComfyUI comfy_extras/nodes_lora_extract.py
        (clip(dotted("text_encoders.clip_h.transformer."), 1024, 23), ("sd2",), ("te1",)),
    ],
)
def test_text_encoders_alone(tensors: Tensors, candidates: tuple[str, ...], trained: tuple[str, ...]) -> None:
    facts = identify(of(tensors))
    assert decided(facts) == (Kind.LORA, candidates)
    assert facts.trained == trained


def test_a_language_model_as_encoder_is_not_clip() -> None:
    """Anima reads Qwen3 0.6B, which is 1024 wide as SD 2's CLIP is (InvokeAI anima_lora_conversion_utils.py)."""
    names = [f"layers.{n}.self_attn.{part}_proj" for n in range(28) for part in "kv"]
    facts = identify(of(pairs([(name, 1024, 1024) for name in names], kohya("lora_te_"))))
    assert decided(facts) == (Kind.LORA, ())


def test_onetrainer_flux_with_t5_as_second_encoder() -> None:
    t5 = [(f"encoder.block.{n}.layer.0.SelfAttention.q", 4096, 4096) for n in range(24)]
    tensors = clip(kohya("lora_te1_")) | pairs(t5, kohya("lora_te2_"))
    assert identify(of(tensors)).candidates == ("flux1",)


def test_the_oldest_text_encoder_names() -> None:
    """diffusers 0.14 patched `self_attn.to_q_lora` into CLIP."""
    names = [
        f"text_encoder.text_model.encoder.layers.{n}.self_attn.to_{part}_lora" for n in range(12) for part in "qkv"
    ]
    tensors = {f"{name}.{end}.weight": shape for name in names for end, shape in (("down", (4, 768)), ("up", (768, 4)))}
    facts = identify(of(tensors))
    assert decided(facts) == (Kind.LORA, ("sd1", "flux1"))


# --- algorithms of PEFT --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("algorithm", "rank", "parts"),
    [
        # huggingface/peft src/peft/tuners/*/layer.py `adapter_layer_names`, as get_peft_model_state_dict saves them
        ("hra", 8, {"hra_u": ("into", 8)}),
        ("vera", 256, {"vera_lambda_b": ("out",), "vera_lambda_d": (256,)}),
        ("fourierft", None, {"fourierft_spectrum": (1000,)}),
        ("oft", None, {"oft_r": (8, 40, 40)}),
        ("oft", None, {"oft_R.weight": (20, 496)}),
        ("boft", None, {"boft_R": (2, 40, 8, 8), "boft_s": ("out", 1)}),
        ("ia3", None, {"ia3_l": ("out", 1)}),
        ("lora", 12, {"lora_A": (12, "into"), "lora_B": ("out", 12), "lora_E": (12, 1)}),
        ("dora", 8, {"lora_A.weight": (8, "into"), "lora_B.weight": ("out", 8), "lora_magnitude_vector": ("out",)}),
        (
            "dora",
            8,
            {
                "lora_A.default.weight": (8, "into"),
                "lora_B.default.weight": ("out", 8),
                "lora_magnitude_vector.default.weight": ("out",),
            },
        ),
        (
            "loha",
            8,
            {f"hada_w{n}_{side}": shape for n in "12" for side, shape in (("a", ("out", 8)), ("b", (8, "into")))},
        ),
    ],
)
def test_peft_algorithms_on_a_unet(algorithm: str, rank: int | None, parts: dict[str, tuple[int | str, ...]]) -> None:
    tensors: Tensors = {}
    for name, out, into in modules("sdxl", "diffusers", 0, ATTENTION):
        for part, shape in parts.items():
            known = {"out": out, "into": into}
            tensors[f"base_model.model.{name}.{part}"] = tuple(
                known[axis] if isinstance(axis, str) else axis for axis in shape
            )
    facts = identify(of(tensors))
    assert decided(facts) == (Kind.LORA, ("sdxl", "kolors"))
    assert (facts.algorithm, facts.rank) == (algorithm, rank)


# --- SD as trainers wrote it ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("base", "width"), [("sd1", 768), ("sd2", 1024)])
@pytest.mark.parametrize(
    "subset",
    [ATTENTION, r"attn2\.to_k$", r"attn2\.", r"mid_block\.att", r"up_blocks\.1\.att", r"transformer_blocks\.0\.attn"],
)
@pytest.mark.parametrize("spell", [kohya("lora_unet_"), dotted("unet."), dotted("base_model.model.")])
def test_parts_of_stable_diffusion(base: str, width: int, subset: str, spell: Callable[[str], str]) -> None:
    facts = identify(of(pairs(modules(base, "diffusers", 0, subset), spell)))
    assert decided(facts) == (Kind.LORA, (base,))


@pytest.mark.parametrize("base", ["sd1", "sd2"])
@pytest.mark.parametrize("subset", [r"attn1\.to_", r"attn2\.to_q", r"\.ff\.net", r"time_emb_proj"])
def test_what_both_have_stays_both(base: str, subset: str) -> None:
    facts = identify(of(pairs(modules(base, "diffusers", 0, subset), kohya("lora_unet_"))))
    assert decided(facts) == (Kind.LORA, ("sd1", "sd2"))


def test_a_bare_list_of_pairs_in_safetensors_is_what_it_is_in_a_pickle() -> None:
    """cloneofsimo's list, flattened: the names are the places in the list."""
    shapes = [(320, 4), (4, 320), (320, 4), (4, 768), (640, 4), (4, 640), (640, 4), (4, 768)]
    facts = identify(of({str(number): shape for number, shape in enumerate(shapes)}))
    assert (facts.kind, facts.architecture, facts.rank) == (Kind.LORA, "sd1", 4)
    assert identify(of({"0": (4, 4), "2": (4, 4)})).kind is Kind.UNKNOWN
