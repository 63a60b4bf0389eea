"""Which version and file is fetched: what a person means by a link, and never training data by accident."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubman.core.hub import CIVITAI, HUGGINGFACE, Access, Gate, HubRef, Listing, RemoteFile
from hubman.core.plan.download import ASIDE, Choice, Wish, choose, folder_members, matches_glob
from hubman.errors import AccessError, ConflictError, HubmanError, NotFoundError

FULL = RemoteFile(
    "1", "ink.safetensors", 2_000_000, hashes={"sha256": "a" * 64, "autov3": "c" * 64}, format="safetensors",
    precision="fp32", pruned=False, primary=True,
)  # fmt: skip
HALF = RemoteFile("2", "ink_fp16.safetensors", 1_000_000, format="safetensors", precision="fp16", pruned=True)
PICKLE = RemoteFile("3", "ink.ckpt", 2_000_000, format="pickle", precision="fp32", pruned=False)
VAE = RemoteFile("4", "ink.vae.safetensors", 300_000, type="VAE", format="safetensors")
TRAINING = RemoteFile("5", "ink_training_data.zip", 9_000_000, type="Training Data", primary=False)
CONFIG = RemoteFile("6", "ink.yaml", 1_000, type="Config")
FILES = (FULL, HALF, PICKLE, VAE, TRAINING, CONFIG)

OLD = Listing(
    CIVITAI,
    "10",
    "100",
    "Ink",
    "v1",
    files=(replace(FULL, id="91"),),
    published="2024-01-01T00:00:00Z",
    page="https://civitai.com/models/10",
)
NEW = replace(OLD, version_id="200", version_name="v2", files=FILES, published="2024-06-01T00:00:00Z")
EARLY = replace(
    OLD,
    version_id="300",
    version_name="v3",
    published="2024-09-01T00:00:00Z",
    access=Access(Gate.EARLY_ACCESS, "2026-12-24T00:00:00Z"),
    files=(replace(FULL, id="93", hashes={"sha256": "b" * 64}),),
)
MODEL = (EARLY, NEW, OLD)
REF = HubRef(CIVITAI, "10")


def test_the_newest_that_everybody_may_have() -> None:
    """Early access is passed over, and the primary file is taken."""
    assert choose(MODEL, REF) == Choice(NEW, FULL, passed_over=EARLY)
    assert choose(MODEL, replace(REF, version="200")).passed_over is None  # it was named
    assert choose((OLD, NEW), REF).listing is NEW  # by date, whatever the order
    undated = (replace(NEW, published=None), replace(OLD, published=None))
    assert choose(undated, REF).listing.version_id == "200"  # else in the hub's order


def test_a_named_version() -> None:
    """By link, by id and by name; none is refused with what there is."""
    assert choose(MODEL, HubRef(CIVITAI, "10", "100")).listing is OLD
    assert choose(MODEL, REF, Wish(version="100")).listing is OLD
    assert choose(MODEL, REF, Wish(version="V1")).listing is OLD
    for ref, wish in ((HubRef(CIVITAI, "10", "999"), Wish()), (REF, Wish(version="v9"))):
        with pytest.raises(NotFoundError) as caught:
            choose(MODEL, ref, wish)
        assert caught.value.reference == "no-such-version"
        assert "300 (v3)" in caught.value.message
    commit = Listing(HUGGINGFACE, "o/r", "c" * 40, "r", files=(FULL,))
    assert choose((commit,), HubRef(HUGGINGFACE, "o/r", "main")).listing is commit


@pytest.mark.parametrize(
    ("wanted", "file"),
    [
        ("2", HALF),
        ("ink.ckpt", PICKLE),
        ("INK.CKPT", PICKLE),
        ("*fp16*", HALF),
        ("ink.vae.safetensors", VAE),
        ("VAE", VAE),
        ("training data", TRAINING),
        ("ink_training_data.zip", TRAINING),
        ("*.yaml", CONFIG),
        ("*.ckpt", PICKLE),
        ("ink_fp16", HALF),
        ("ink*.safetensors", FULL),
        ("*", FULL),
        ("type=VAE", VAE),
        ("type=Model&format=PickleTensor", PICKLE),
        ("type=Model&format=SafeTensor&size=pruned&fp=fp16", HALF),
        ("type=Training+Data", TRAINING),
        ("type=Model&format=SafeTensor&size=full", FULL),
    ],
)
def test_a_named_file(wanted: str, file: RemoteFile) -> None:
    """A name, a number, a glob, a type, the conditions of a download link; of several that fit the primary one."""
    assert choose(MODEL, REF, Wish(file=wanted)).file is file
    assert choose(MODEL, replace(REF, version="200", file=wanted)).file is file


@pytest.mark.parametrize("wanted", ["x", "*.gguf", "", "/", "type=Poses", "99"])
def test_no_such_file(wanted: str) -> None:
    """The refusal lists what there is."""
    with pytest.raises(NotFoundError) as caught:
        choose(MODEL, REF, Wish(file=wanted))
    assert caught.value.reference == "no-such-file"
    assert "ink_fp16.safetensors" in caught.value.message


def test_wishes() -> None:
    """What cannot be had is refused, never quietly something else."""
    assert choose(MODEL, REF, Wish(fp16=True)).file is HALF
    assert choose(MODEL, REF, Wish(pruned=True)).file is HALF
    assert choose(MODEL, REF, Wish(pruned=False)).file is FULL
    pickles = (replace(NEW, files=(replace(PICKLE, primary=True), HALF)),)
    assert choose(pickles, REF).file.format == "pickle"
    assert choose(pickles, REF, Wish(safetensors_only=True)).file is HALF
    for wish, word in (
        (Wish(safetensors_only=True), "--safetensors-only"),
        (Wish(fp16=True, pruned=False), "--fp16 --full"),
    ):
        with pytest.raises(NotFoundError, match=word) as caught:
            choose((replace(NEW, files=(PICKLE,)),), REF, wish)
        assert caught.value.reference == "no-such-file"
    with pytest.raises(NotFoundError):
        choose(MODEL, REF, Wish(file="ink.ckpt", safetensors_only=True))


def test_only_by_name() -> None:
    """A version with nothing but training data, a config and an archive has no file to take."""
    zipped = RemoteFile("7", "ink.zip", type="Archive", primary=True)
    unnamed = RemoteFile("8", "ink.zip", type="Model", primary=True)
    with pytest.raises(NotFoundError) as caught:
        choose((replace(NEW, files=(TRAINING, CONFIG, zipped, unnamed)),), REF)
    assert "ink.zip" in caught.value.message
    assert choose((replace(NEW, files=(zipped, TRAINING)),), REF, Wish(file="ink.zip")).file is zipped
    with pytest.raises(NotFoundError) as caught:
        choose((replace(NEW, files=()),), REF)
    assert caught.value.message == "Ink has no model file."
    # a newer version that has only training data is passed over
    assert choose((replace(NEW, files=(TRAINING,)), OLD), REF).listing is OLD


def test_the_very_file_with_a_hash() -> None:
    """Of all versions, by any kind of hash; AutoV2 is the start of a sha256."""
    for digest in ("b" * 64, "b" * 10):
        with pytest.raises(AccessError) as caught:
            choose(MODEL, HubRef(None, hash=digest))
        assert caught.value.reference == "early-access"
    assert choose(MODEL, HubRef(None, hash="c" * 12)).file is FULL
    assert choose((EARLY, OLD), HubRef(None, hash="a" * 64)).listing is OLD
    both = (replace(EARLY, files=(FULL,)), OLD)
    assert choose(both, HubRef(None, hash="a" * 64)).listing is OLD  # the one that is open
    with pytest.raises(NotFoundError, match="None of the files"):
        choose(MODEL, HubRef(None, hash="d" * 64))


@pytest.mark.parametrize(
    ("access", "reference", "words"),
    [
        (
            Access(Gate.EARLY_ACCESS, "2026-12-24T00:00:00Z"),
            "early-access",
            ["until 2026-12-24", "https://civitai.com/models/10"],
        ),
        (Access(Gate.EARLY_ACCESS), "early-access", ["buy access"]),
        (Access(Gate.LOGIN), "login-needed", ["hubman hubs login civitai"]),
        (Access(Gate.GATED, page="https://hf.co/o/r"), "licence-needed", ["accept", "https://hf.co/o/r"]),
        (Access(Gate.PAID), "paid-access", ["https://civitai.com/models/10"]),
        (Access(Gate.DISABLED), "download-disabled", ["only be used on Civitai"]),
        (Access(Gate.BROWSER), "browser-only", ["https://civitai.com/models/10", "hubman add FILE"]),
        (Access(Gate.GONE), "gone-from-hub", ["--from civarchive", "a" * 64]),
    ],
)
def test_gates(access: Access, reference: str, words: list[str]) -> None:
    """Each refusal says what to do next; a gate of the file counts like one of the version."""
    for listing in (replace(NEW, access=access), replace(NEW, files=(replace(FULL, access=access),))):
        with pytest.raises(HubmanError) as caught:
            choose((listing,), HubRef(CIVITAI, "10", "200"))
        error = caught.value
        assert error.reference == reference
        assert isinstance(error, NotFoundError if access.gate is Gate.GONE else AccessError)
        for word in words:
            assert word in error.message + " " + error.hint


def test_who_is_logged_in_tries() -> None:
    """A login opens what needs one; what was bought is tried when it was named, and never chosen unasked."""
    login = (replace(NEW, access=Access(Gate.LOGIN)),)
    assert choose(login, REF, Wish(logged_in=True)).file is FULL
    assert choose(MODEL, HubRef(CIVITAI, "10", "300"), Wish(logged_in=True)).listing is EARLY
    assert choose(MODEL, REF, Wish(logged_in=True)).listing is NEW
    with pytest.raises(AccessError):
        choose((EARLY,), REF, Wish(logged_in=True))


def test_early_access_ends() -> None:
    """An answer may be older than the end that it names."""
    assert choose(MODEL, REF, Wish(now="2026-12-24T00:00:01Z")).listing is EARLY
    assert choose(MODEL, REF, Wish(now="2026-12-23T23:59:59Z")).listing is NEW


def repository(*paths: str) -> Listing:
    kinds = {"unet": "UNet", "vae": "VAE", "text_encoder": "Text Encoder"}
    return Listing(
        HUGGINGFACE,
        "o/r",
        "c" * 40,
        "r",
        files=tuple(
            RemoteFile(
                path,
                path,
                1_000_000,
                type="Config" if path.endswith((".json", ".txt")) else kinds.get(path.split("/")[0], "Model"),
                format={"safetensors": "safetensors", "bin": "pickle", "ckpt": "pickle"}.get(
                    path.rsplit(".", 1)[-1], "other"
                ),
            )
            for path in paths
        ),
    )


HF = HubRef(HUGGINGFACE, "o/r")


def test_a_repository_with_several_models_is_asked_about() -> None:
    """Nobody but the user knows which; the candidates come with size and precision, copies count as one."""
    several = repository("a.safetensors", "b_fp16.safetensors", "c.ckpt", "README.txt")
    with pytest.raises(ConflictError) as caught:
        choose((several,), HF)
    assert caught.value.reference == "choice-needed"
    assert [file.id for file in caught.value.fields["candidates"]] == ["a.safetensors", "b_fp16.safetensors", "c.ckpt"]  # type: ignore[attr-defined]
    assert "a.safetensors (1 MB)" in caught.value.message
    assert choose((several,), HF, Wish(fp16=True)).file.id == "b_fp16.safetensors"
    assert choose((several,), HF, Wish(file="a.safetensors")).file.id == "a.safetensors"
    assert choose((repository("a.safetensors", "vae/x.safetensors"),), HF).file.id == "a.safetensors"
    copies = replace(several, files=tuple(replace(file, hashes={"sha256": "e" * 64}) for file in several.files[:2]))
    assert choose((copies,), HF).file.id == "a.safetensors"


PIPELINE = repository(
    "model_index.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.bin",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder/pytorch_model.bin",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "text_encoder/model.safetensors.index.json",
    "text_encoder/pytorch_model.bin.index.json",
)


def test_a_diffusers_folder() -> None:
    """It is no file; its parts are had by name, and the whole with each weight once."""
    with pytest.raises(ConflictError) as caught:
        choose((PIPELINE,), HF)
    assert caught.value.reference == "folder-model"
    assert choose((PIPELINE,), replace(HF, file="vae")).file.id == "vae/diffusion_pytorch_model.safetensors"
    choice = choose((PIPELINE,), HF, Wish(folder=True))
    ids = [file.id for file in choice.members]
    assert ids[0] == "model_index.json"
    assert [path for path in ids if "model." in path] == [
        "text_encoder/model.safetensors",
        "text_encoder/model.safetensors.index.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert {"tokenizer/vocab.json", "unet/config.json"} <= set(ids)
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in [
        file.id for file in folder_members(PIPELINE, Wish(fp16=True))
    ]
    # a single file of the whole beside the parts is what people want
    whole = repository("model_index.json", "sd.safetensors", "unet/diffusion_pytorch_model.safetensors")
    assert choose((whole,), HF).file.id == "sd.safetensors"
    assert folder_members(repository("a.safetensors")) == ()


def test_globs_are_linear() -> None:
    """Stars do not multiply."""
    assert matches_glob("abcabc", "a*c*c")
    assert matches_glob("abc", "a?c")
    assert not matches_glob("abc", "a?")
    assert not matches_glob("a" * 5000, "*a" * 200 + "b")


TEXTS = st.sampled_from(
    ["", "x", "ink.safetensors", "a/b.ckpt", "c.zip", "model_index.json", "d.gguf", "e", "../f.pt", "unet/g.bin"]
)
REMOTE = st.builds(
    RemoteFile,
    TEXTS,
    TEXTS,
    st.none() | st.integers(0, 10**12),
    type=st.sampled_from(["Model", "VAE", "Training Data", "Config", "Archive", "?"]),
    format=st.sampled_from([None, "safetensors", "pickle", "other"]),
    precision=st.sampled_from([None, "fp16", "FP16", "fp32"]),
    pruned=st.sampled_from([None, True, False]),
    primary=st.booleans(),
    hashes=st.sampled_from([{}, {"sha256": "a" * 64}]),
    access=st.none() | st.builds(Access, st.sampled_from(Gate)),
)
LISTINGS = st.lists(
    st.builds(
        Listing,
        st.just(CIVITAI),
        st.just("1"),
        st.sampled_from(["1", "2", "3"]),
        st.just("n"),
        st.sampled_from(["", "v1"]),
        files=st.lists(REMOTE, max_size=5).map(tuple),
        access=st.builds(Access, st.sampled_from(Gate)),
        published=st.sampled_from([None, "2024", "2025"]),
    ),
    max_size=4,
)
WISHES = st.builds(
    Wish,
    st.sampled_from([None, "x", "*", "e", "type=VAE&fp=fp16"]),
    st.sampled_from([None, "1", "v1"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, "2026"]),
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    LISTINGS,
    st.sampled_from([REF, HubRef(CIVITAI, "1", "2"), HubRef(None, hash="a" * 64), HubRef(CIVITAI, "1", file="x")]),
    WISHES,
)
def test_any_listing(listings: list[Listing], ref: HubRef, wish: Wish) -> None:
    """A choice keeps every wish and passes every gate; anything else is a refusal with a next step."""
    try:
        choice = choose(listings, ref, wish)
    except HubmanError as error:
        if error.exit_code in (3, 5, 8) and error.message and error.hint:
            return
        raise
    file = choice.file
    assert choice.listing in listings
    assert file in choice.listing.files
    access = file.access or choice.listing.access
    assert access.gate is Gate.OPEN or wish.logged_in
    assert access.gate not in (Gate.DISABLED, Gate.BROWSER, Gate.GONE)
    if ref.hash:
        assert file.sha256 == ref.hash
    elif not choice.members:
        assert not wish.safetensors_only or file.format == "safetensors" or file.format is None
        assert wish.pruned is None or file.pruned is wish.pruned
        if wish.file is None and ref.file is None:
            assert file.type.replace(" ", "").lower() not in ASIDE
            assert not file.name.endswith(".zip")
