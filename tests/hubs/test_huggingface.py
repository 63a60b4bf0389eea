"""hubs.huggingface: recorded answers, and the whole of it over real sockets against the test hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.core.hub import Gate, HubQuery, HubRef, Lookup, RemoteImage
from hubman.core.types import Hashes
from hubman.errors import AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs._http import Credential, Web, origin_of
from hubman.hubs.huggingface import HuggingFace, parse_hits, parse_model, parse_tree
from tests.conftest import lora_bytes
from tests.testhub import TestHub, misbehave
from tests.testhub.catalogue import File, Version
from tests.testhub.content import Held, picture

SAMPLES = Path(__file__).parent / "samples"
BASE = "https://huggingface.co"
DATA = lora_bytes(3)
SHA256 = hashlib.sha256(DATA).hexdigest()


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"api_models_{name}_blobs.json").read_text())


def described(**more: object) -> dict[str, object]:
    """Return the smallest description of a model, changed."""
    weights = {"rfilename": "pytorch_lora_weights.safetensors", "size": 9, "lfs": {"sha256": "AB" * 32, "size": 9}}
    return {"id": "someone/ink-lora", "sha": "c" * 40, "siblings": [weights], **more}


@pytest.fixture
def hub() -> Iterator[TestHub]:
    with TestHub() as started:
        yield started


@pytest.fixture
def open_face(hub: TestHub) -> Iterator[Callable[..., HuggingFace]]:
    """Return a function that opens the hub, with or without the token."""
    webs: list[Web] = []

    def start(token: str = "") -> HuggingFace:
        base = hub.url("huggingface")
        origin = origin_of(base)
        assert origin
        credentials = {"huggingface": Credential(token, frozenset({origin}))} if token else {}
        webs.append(Web(credentials, bases=[base], sleep=lambda _: None))
        return HuggingFace(webs[-1], base)

    yield start
    for web in webs:
        web.close()


# --- recorded answers


def test_a_recorded_embedding() -> None:
    listing = parse_model(sample("InvokeAI-test_textual_inversion_tests"), BASE)
    assert (listing.model_id, listing.version_id) == (
        "InvokeAI-test/textual_inversion_tests", "b4221947b01eb61658972c43e33250820d8e3411",
    )  # fmt: skip
    assert (listing.kind, listing.architecture, listing.licence.name) == ("embedding", "sdxl", "creativeml-openrail-m")
    assert listing.base_model == "stabilityai/stable-diffusion-xl-base-1.0"
    assert listing.published == "2024-02-06T00:51:36Z"
    assert listing.downloads == 2137
    (file,) = listing.files
    assert (file.size, file.primary, file.format) == (3184, True, "safetensors")
    assert file.sha256 == "f368050465cd473785298808c37abd17b98e5f532c144cc1be1f5e897092e67f"


def test_a_recorded_checkpoint_with_a_diffusers_folder() -> None:
    """Weights and what loads them are listed; the card, pictures and git's own files are not; nobody chooses for us."""
    listing = parse_model(sample("stabilityai_sdxl-turbo"), BASE)
    files = {file.id: file for file in listing.files}
    assert (listing.kind, listing.hub_type, listing.architecture) == (
        "checkpoint", "StableDiffusionXLPipeline", "sdxl",
    )  # fmt: skip
    assert listing.licence.name == "sai-nc-community"
    assert listing.licence.url == "https://huggingface.co/stabilityai/sdxl-turbo/blob/main/LICENSE.TXT"
    assert not {"README.md", ".gitattributes", "LICENSE.TXT", "output_tile.jpg"} & set(files)
    assert files["model_index.json"].type == "Config"
    assert files["sd_xl_turbo_1.0_fp16.safetensors"].precision == "fp16"
    assert files["unet/diffusion_pytorch_model.safetensors"].type == "UNet"
    assert files["vae/diffusion_pytorch_model.safetensors"].type == "VAE"
    assert files["text_encoder_2/model.safetensors"].type == "Text Encoder"
    assert not any(file.primary for file in listing.files)


def test_a_lora_and_its_card() -> None:
    """instance_prompt is the trigger word; widgets are pictures with prompts; base_model may be a list."""
    card = {
        "instance_prompt": " a photo of TOK dog ", "license": "openrail++",
        "base_model": ["stabilityai/stable-diffusion-xl-base-1.0", "x/y"],
        "widget": [
            {"text": "TOK dog in a bucket", "output": {"url": "images/a b.png"}},
            {"text": "-", "output": {"url": "https://cdn.example/x.webp"}, "parameters": {"negative_prompt": "blurry"}},
            {"text": "out", "output": {"url": "../../../api/whoami-v2"}},
            {"text": "no picture"},
        ],
    }  # fmt: skip
    listing = parse_model(described(cardData=card, tags=["lora", "not-for-all-audiences", 5]), BASE)
    assert (listing.kind, listing.words, listing.architecture) == ("lora", ("a photo of TOK dog",), "sdxl")
    assert listing.nsfw == 2
    prompt, negative = "TOK dog in a bucket", "blurry"
    first = f"{BASE}/someone/ink-lora/resolve/{'c' * 40}/images/a%20b.png"
    assert listing.images == (
        RemoteImage(first, nsfw=2, prompt=prompt),
        RemoteImage("https://cdn.example/x.webp", nsfw=2, negative=negative),
    )
    assert listing.files[0].name == "pytorch_lora_weights.safetensors"
    assert listing.files[0].sha256 == "ab" * 32


@pytest.mark.parametrize(
    ("names", "primary"),
    [
        (("a.safetensors", "a.ckpt", "vae/x.safetensors"), "a.safetensors"),
        (("pytorch_lora_weights.safetensors", "webui.safetensors"), "pytorch_lora_weights.safetensors"),
        (("a.safetensors", "b.safetensors"), None),
        (("checkpoint-500/a.safetensors",), None),
        (("x.bin", "optimizer.bin", "scheduler.bin"), "x.bin"),
        (("x.pt", "README.md", "config.json"), "x.pt"),
    ],
)
def test_which_file_is_meant(names: tuple[str, ...], primary: str | None) -> None:
    files = parse_model(described(siblings=[{"rfilename": name} for name in names]), BASE).files
    assert [file.id for file in files if file.primary] == ([primary] if primary else [])


def test_both_spellings_of_a_sha256() -> None:
    entries = [
        {"type": "directory", "path": "unet"},
        {"type": "file", "path": "unet/a.safetensors", "size": 4, "lfs": {"oid": "AB" * 32, "size": 4}},
        {"type": "file", "path": "../a.safetensors", "size": 4},
    ]
    (file,) = parse_tree(entries)
    assert (file.id, file.sha256, file.size) == ("unet/a.safetensors", "ab" * 32, 4)


@pytest.mark.parametrize("answer", [None, [], {}, "x", {"id": "a/b"}, {"id": "a/b", "sha": "c" * 40, "siblings": {}},
                                    {"id": "../b", "sha": "c" * 40, "siblings": []}])  # fmt: skip
def test_what_is_no_description_is_told_by_its_shape(answer: object) -> None:
    with pytest.raises(HubError) as caught:
        parse_model(answer, BASE)
    assert caught.value.reference == "hub-answer"


def test_a_shape_shows_no_values() -> None:
    with pytest.raises(HubError) as caught:
        parse_model({"token": "hf_secret", "list": [{"a": 1}], "hf_secret/key": 2}, BASE)
    assert "hf_secret" not in str(caught.value)
    assert "{token: text, list: [1 x {a: number}], 1 more}" in str(caught.value)


def test_a_search_page_leaves_out_what_is_none() -> None:
    hits = parse_hits([{"id": "a/ink", "tags": ["lora"]}, {"id": 5}, "x", {"id": "a/b/c"}], BASE)
    assert [(str(hit.ref), hit.kind) for hit in hits] == [("hf:a/ink", "lora")]
    with pytest.raises(HubError):
        parse_hits({"error": "x"}, BASE)


# --- against the test hub


def test_a_repository_is_resolved_and_read(hub: TestHub, open_face: Callable[..., HuggingFace]) -> None:
    model = hub.add(DATA, hubs=["huggingface"], base_model="stabilityai/stable-diffusion-xl-base-1.0")
    face = open_face()
    (listing,) = face.resolve(HubRef("huggingface", model.repo))
    (file,) = listing.files
    assert (listing.version_id, listing.words, listing.access.gate) == (
        model.versions[0].commit, ("shuimo",), Gate.OPEN,
    )  # fmt: skip
    assert (file.sha256, file.size, file.primary) == (SHA256, len(DATA), True)
    with face.open(listing, file) as stream:
        assert b"".join(stream.chunks()) == DATA
        etag = stream.etag
    with face.open(listing, file, start=100, end=200, etag=etag) as stream:
        assert (stream.status, stream.start, stream.total) == (206, 100, len(DATA))
        assert b"".join(stream.chunks()) == DATA[100:200]
    assert face.picture(listing.images[0]) == picture()
    assert face.by_hashes([Hashes(SHA256, None, SHA256[:10], None)]) == Lookup()


def test_a_revision_a_file_and_a_renamed_repository(hub: TestHub, open_face: Callable[..., HuggingFace]) -> None:
    old, new = (
        Version("v1", [File("a.safetensors", Held(b"old"))]),
        Version("v2", [File("a.safetensors", Held(b"new"))]),
    )
    model = hub.add_model(versions=[new, old], hubs=["huggingface"], renamed=("gone/before",))
    face = open_face()
    (listing,) = face.resolve(HubRef("huggingface", model.repo, "v1", "README.md"))
    assert listing.version_id == old.commit
    assert {file.id: file.type for file in listing.files} == {"README.md": "Other", "a.safetensors": "Model"}
    assert face.resolve(HubRef("huggingface", "gone/before"))[0].model_id == model.repo
    assert face.versions([model.repo, "nobody/nothing"]).keys() == {model.repo}
    with pytest.raises(NotFoundError) as caught:
        face.resolve(HubRef("huggingface", model.repo, None, "b.safetensors"))
    assert caught.value.reference == "no-such-file"
    for ref in (HubRef("huggingface", model.repo, "v9"), HubRef("huggingface", "no/body"), HubRef("huggingface", "..")):
        with pytest.raises(NotFoundError) as caught:
            face.resolve(ref)
        assert caught.value.reference == "not-on-hub"


def test_a_mirror_without_blobs_is_completed_from_the_tree(hub: TestHub, open_face: Callable[..., HuggingFace]) -> None:
    """And where there is no tree either, the headers of the file that was named tell."""
    model = hub.add(*(lora_bytes(fill) for fill in range(60)), hubs=["huggingface"])
    name = model.versions[0].files[59].name
    bare = misbehave.Mutate(
        lambda data, _: (
            {**data, "siblings": [{"rfilename": one["rfilename"]} for one in data["siblings"]]}
            if isinstance(data, dict) and "siblings" in data
            else data
        )
    )
    hub.misbehave(bare, on="huggingface", path="blobs=true")
    (listing,) = open_face().resolve(HubRef("huggingface", model.repo))
    assert {file.sha256 for file in listing.files} == {file.content.hashes.sha256 for file in model.versions[0].files}
    assert len(hub.seen("huggingface", "/tree/")) == 2
    hub.misbehave(misbehave.Status(404), on="huggingface", path="/tree/")
    (listing,) = open_face().resolve(HubRef("huggingface", model.repo, None, name))
    (file,) = [file for file in listing.files if file.id == name]
    assert (file.sha256, file.size) == (model.versions[0].files[59].content.hashes.sha256, len(DATA))
    assert hub.seen("storage") == []


def test_gates_and_tokens(hub: TestHub, open_face: Callable[..., HuggingFace]) -> None:
    model = hub.add(DATA, hubs=["huggingface"], gated="manual")
    token, ref = hub.tokens["huggingface"], HubRef("huggingface", model.repo)
    (listing,) = open_face().resolve(ref)
    assert (listing.access.gate, listing.access.page) == (Gate.GATED, f"{hub.url('huggingface')}/{model.repo}")
    for face in (open_face(), open_face(token)):
        with pytest.raises(AccessError) as caught:
            face.open(listing, listing.files[0])
        assert caught.value.reference == "licence-needed"
        assert model.repo in caught.value.hint
    model.granted = True
    with open_face(token).open(listing, listing.files[0]) as stream:
        assert b"".join(stream.chunks()) == DATA
    assert open_face(token).account() == "tester"
    assert open_face().account() is None
    with pytest.raises(AccessError) as caught:
        open_face("hf_wrong_token").account()
    assert caught.value.reference == "token-refused"
    assert hub.leaks(token) == []


def test_a_disabled_file_and_a_lost_one(hub: TestHub, open_face: Callable[..., HuggingFace]) -> None:
    model = hub.add(DATA, hubs=["huggingface"])
    face = open_face()
    (listing,) = face.resolve(HubRef("huggingface", model.repo))
    model.versions[0].disabled = True
    with pytest.raises(AccessError) as caught:
        face.open(listing, listing.files[0])
    assert caught.value.reference == "download-disabled"
    model.versions[0].disabled = False
    model.versions[0].files[0].name = "other.safetensors"
    with pytest.raises(NotFoundError) as lost:
        face.open(listing, listing.files[0])
    assert lost.value.reference == "no-such-file"


def test_a_search_goes_from_page_to_page_and_filters(hub: TestHub, open_face: Callable[..., HuggingFace]) -> None:
    """The next page is asked for below our own base, wherever the link leads."""
    for number in range(70):
        base = "stabilityai/stable-diffusion-xl-base-1.0" if number % 2 else "x/stable-diffusion-v1-5"
        hub.add_model(f"ink {number:02}", files=[b"x"], hubs=["huggingface"], base_model=base)
    hub.add_model("ink vae", files=[b"x"], hubs=["huggingface"], kind="vae")
    hits = list(open_face().search(HubQuery("ink", kind="lora", architecture="sdxl", limit=30)))
    assert len(hits) == 30
    assert {hit.architecture for hit in hits} == {"sdxl"}
    assert len(hub.seen("huggingface", "/api/models?")) == 2
    assert [hit.name for hit in open_face().search(HubQuery("ink", limit=1))] == ["ink-00"]
    assert list(open_face().search(HubQuery("nothing like it"))) == []


def test_a_hub_in_trouble_is_passing(hub: TestHub, open_face: Callable[..., HuggingFace]) -> None:
    model = hub.add(DATA, hubs=["huggingface"])
    hub.misbehave(misbehave.Status(503), on="huggingface")
    with pytest.raises(HubError) as caught:
        open_face().resolve(HubRef("huggingface", model.repo))
    assert caught.value.passing


@pytest.mark.parametrize("seed", range(12))
def test_odd_answers_are_read_or_refused(hub: TestHub, open_face: Callable[..., HuggingFace], seed: int) -> None:
    """Nulls, other types and missing fields in a third of all places: never anything but an answer or `hub-answer`."""
    model = hub.add(DATA, hubs=["huggingface"])
    refused: set[str] = set()
    for fault in (misbehave.nulls(), misbehave.wrong_types(), misbehave.missing(), misbehave.unknown_fields()):
        with hub.misbehave(fault, on="huggingface", seed=seed):
            for ask in (
                lambda: open_face().resolve(HubRef("huggingface", model.repo)),
                lambda: list(open_face().search(HubQuery("ink", nsfw=True))),
            ):
                try:
                    ask()
                except HubmanError as error:
                    refused.add(error.reference)
    assert refused <= {"hub-answer", "not-on-hub"}


def test_more_than_50_gb_needs_their_own_client(hub: TestHub, open_face: Callable[..., HuggingFace]) -> None:
    siblings = [{"rfilename": "a.gguf", "lfs": {"sha256": "a" * 64, "size": 60 * 10**9}}]
    listing = parse_model(described(siblings=siblings), BASE)
    with pytest.raises(HubError) as caught:
        open_face().open(listing, listing.files[0])
    assert (caught.value.reference, caught.value.passing) == ("too-large-for-http", False)
    assert "hf download someone/ink-lora a.gguf" in caught.value.hint
