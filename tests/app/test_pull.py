"""Pull against the test hub: real sockets, real files, a real library."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubman.app import pull as pulling
from hubman.app.acting import acting
from hubman.app.local_copy import from_caches
from hubman.app.pull import Pulled, PullOptions, pull_listing, would_pull
from hubman.app.pull_many import Outcome, Pull, pull_all
from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.app.undo import undo
from hubman.app.unfinished import drop_finished, forget, some_of, unfinished
from hubman.app.wanted import Asked, Wanted, find, hosts_of
from hubman.core.hub import CIVITAI, Listing, RemoteFile, RemoteImage
from hubman.core.hub_names import hub_name
from hubman.core.layout import is_model_name
from hubman.core.plan.download import Wish
from hubman.core.plan.pull import still_picture
from hubman.core.ports import Hub, Silence
from hubman.errors import ConflictError, HubError, HubmanError, IntegrityError, NotFoundError, UnsafeError
from hubman.hubs import open_hub
from hubman.hubs._http import Web
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes, safetensors_bytes
from tests.testhub import TestHub
from tests.testhub.catalogue import Catalogue, File, Picture, Version
from tests.testhub.content import content_of, evil_pickle, picture
from tests.testhub.misbehave import Disposition, LoginPage, Redirect, Slow, WrongHash, WrongSize, html
from tests.testhub.names import HOSTILE_NAMES, PAIRS


@pytest.fixture
def store(isolated: Path) -> Iterator[Store]:
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def running() -> Iterator[TestHub]:
    with TestHub() as hub:
        yield hub


@pytest.fixture
def hub(running: TestHub) -> TestHub:
    """Return the test hub of this module, with nothing in it."""
    running.catalogue = Catalogue()
    running.behave()
    running.forget()
    return running


@pytest.fixture
def hubs(hub: TestHub) -> Iterator[dict[str, Hub]]:
    names = ("civitai", "huggingface", "civarchive")
    web = Web(bases=[hub.url(name) for name in names], patience_s=2.0)
    yield {name: open_hub(name, web, hub.url(name)) for name in names}
    web.close()


@pytest.fixture
def library(store: Store, webui: Path) -> Path:
    add_root(store, str(webui), None, None)
    return webui


class Person:
    """Somebody who pulls: one store, one home, one set of hubs."""

    def __init__(self, store: Store, hubs: dict[str, Hub], hub: TestHub, home: Path) -> None:
        self.store, self.hubs, self.home = store, hubs, home
        self.hosts = hosts_of({name: hub.url(name) for name in hubs})

    def find(self, text: str, **asked: Any) -> Wanted:
        with open_reader(self.store.path) as reader:
            return find(reader, self.hubs, text, Asked(hosts=self.hosts, **asked))

    def options(self, **wish: Any) -> PullOptions:
        return PullOptions(self.home, **wish)

    def pull(self, text: str, **wish: Any) -> Pulled:
        wanted = self.find(text)
        if wanted.listing is None or wanted.file is None:
            return pulling.already(wanted.here)
        return pull_listing(self.store, self.hubs, wanted.listing, wanted.file, self.options(**wish))

    def sync(self) -> SyncReport:
        with open_reader(self.store.path) as reader:
            roots = reader.roots()
        return Sync(self.store, SyncOptions(hash_mode="all")).run(roots)

    def unfinished(self) -> list[str]:
        with open_reader(self.store.path) as reader:
            return [one.name for one in unfinished(reader)]


@pytest.fixture
def person(store: Store, hubs: dict[str, Hub], hub: TestHub, isolated: Path, library: Path) -> Person:
    return Person(store, hubs, hub, isolated)


def ref(model: Any) -> str:
    return f"civitai:{model.id}@{model.versions[0].id}"


def files(folder: Path) -> list[str]:
    """Return everything below a folder, hidden files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


# --- the usual way ----------------------------------------------------------------------------------------------------


def test_a_model_is_fetched_verified_filed_and_known(person: Person, hub: TestHub, library: Path) -> None:
    content = lora_bytes(fill=3)
    model = hub.add(content, name="Ink Wash", file_name="ink_wash_v1.safetensors", words=("shuimo", "ink style"))
    done = person.pull(ref(model))
    assert (done.outcome, done.path) == ("pulled", str(library / "Lora" / "ink_wash_v1.safetensors"))
    assert Path(done.path).read_bytes() == content
    assert files(library) == ["Lora/ink_wash_v1.safetensors"]
    assert done.model is not None
    assert [word.text for word in done.model.triggers if word.source.startswith("hub:")] == ["shuimo", "ink style"]
    assert [(note.hub, note.how) for note in done.model.hubs] == [(CIVITAI, "download")]
    report = person.sync()
    assert (report.added, report.modified, report.identified, report.hashed) == (0, 0, 0, 0)
    assert person.unfinished() == []


def test_what_is_here_already_is_not_fetched_again(person: Person, hub: TestHub, library: Path) -> None:
    content = lora_bytes(fill=4)
    (library / "Lora" / "my own name.safetensors").write_bytes(content)
    person.sync()
    model = hub.add(content, name="Ink Wash")
    done = person.pull(ref(model))
    assert (done.outcome, done.path) == ("here", str(library / "Lora" / "my own name.safetensors"))
    assert hub.seen("storage") == []
    again = person.pull(content_of(content).hashes.sha256)
    assert again.path == done.path
    with open_reader(person.store.path) as reader:
        assert reader.by_ids([done.model.file_id])[0].hubs[0].model_id == str(model.id)  # type: ignore[union-attr]


def test_a_version_that_was_pulled_is_known_without_a_question(person: Person, hub: TestHub) -> None:
    model = hub.add(lora_bytes(fill=5))
    person.pull(ref(model))
    hub.forget()
    assert person.pull(ref(model)).outcome == "here"
    assert hub.seen() == []


@pytest.mark.parametrize("kind", ["sha256", "autov2", "autov3", "crc32", "blake3"])
def test_a_bare_hash_finds_the_file(person: Person, hub: TestHub, kind: str) -> None:
    content = content_of(lora_bytes(fill=6))
    hub.add(content)
    done = person.pull(str(getattr(content.hashes, kind)))
    assert done.outcome == "pulled"
    assert done.model is not None
    assert done.model.hashes == content.hashes


def test_a_hash_that_only_the_archive_knows(person: Person, hub: TestHub) -> None:
    content = content_of(lora_bytes(fill=7))
    model = hub.add(content, hubs=("civitai", "civarchive"), deleted=True)
    with pytest.raises(HubmanError) as caught:
        person.find(ref(model))
    assert "civarchive" in caught.value.hint
    assert person.find(content.hashes.sha256).listing.hub == "civarchive"  # type: ignore[union-attr]


def test_a_hash_that_nobody_knows(person: Person) -> None:
    with pytest.raises(NotFoundError) as caught:
        person.find("ab" * 32)
    assert caught.value.reference == "hash-not-found"


def test_a_hub_that_the_user_said_no_to_is_not_asked_for_a_hash(person: Person, hub: TestHub) -> None:
    content = content_of(lora_bytes(fill=8))
    hub.add(content)
    with person.store.writer() as writer:
        writer.hubs.choose("civitai", enabled=False)
    with pytest.raises(NotFoundError):
        person.find(content.hashes.sha256)
    assert hub.seen("civitai") == []


def test_dry_run_changes_nothing(person: Person, hub: TestHub, library: Path) -> None:
    wanted = person.find(ref(hub.add(lora_bytes(fill=9))))
    found = would_pull(person.store, wanted.listing, wanted.file, person.options())  # type: ignore[arg-type]
    assert found.outcome == "would"
    assert files(library) == []


# --- what it is decides where it goes ---------------------------------------------------------------------------------


def test_the_bytes_decide_the_folder_and_the_person_is_told(person: Person, hub: TestHub, library: Path) -> None:
    done = person.pull(ref(hub.add(lora_bytes(fill=10), name="Not a checkpoint", kind="checkpoint")))
    assert Path(done.path).parent == library / "Lora"
    assert any("by its bytes" in str(notice) for notice in done.notices)


def test_what_nobody_knows_lies_at_the_top_and_is_told(person: Person, hub: TestHub, library: Path) -> None:
    done = person.pull(ref(hub.add(safetensors_bytes({"foo": ((4, 4), "F32")}), name="Odd", kind="Other")))
    assert done.path == str(library / "odd.safetensors")
    assert any("nobody says" in str(notice) for notice in done.notices)


def test_the_ending_follows_the_bytes(person: Person, hub: TestHub) -> None:
    file = File("style.ckpt", content_of(lora_bytes(fill=11)))
    assert os.path.basename(person.pull(ref(hub.add(file))).path) == "style.safetensors"


def test_a_file_goes_where_and_under_the_name_that_the_user_says(person: Person, hub: TestHub, library: Path) -> None:
    done = person.pull(ref(hub.add(lora_bytes(fill=12))), folder="Lora/styles", name="mine")
    assert done.path == str(library / "Lora" / "styles" / "mine.safetensors")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ink_v2.safetensors", "ink_v2.safetensors"),
        ("pytorch_lora_weights.safetensors", "Ink Wash v1.0.safetensors"),
        ("model.safetensors", "Ink Wash v1.0.safetensors"),
        ("1234567.safetensors", "Ink Wash v1.0.safetensors"),
        ("diffusion_pytorch_model.fp16.safetensors", "Ink Wash v1.0.safetensors"),
    ],
)
def test_a_name_that_says_nothing_becomes_the_models(name: str, expected: str) -> None:
    file = RemoteFile("1", name, primary=True)
    assert hub_name(Listing(CIVITAI, "1", "2", "Ink Wash", "v1.0"), file) == expected


def test_in_a_repository_the_folder_tells_parts_apart() -> None:
    listing = Listing("huggingface", "org/sdxl-turbo", "abc", "org/sdxl-turbo")
    file = RemoteFile("x", "unet/diffusion_pytorch_model.safetensors")
    assert hub_name(listing, file) == "sdxl-turbo unet.safetensors"


# --- case 39: names ---------------------------------------------------------------------------------------------------


def test_hostile_names_all_land_inside(person: Person, hub: TestHub, library: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    for number, name in enumerate(HOSTILE_NAMES):
        told = name if name.isprintable() else "plain.safetensors"  # no HTTP header holds the others
        file = File(name, content_of(lora_bytes(fill=number + 20)), disposition=told)
        model = ref(hub.add(file, name=f"Model {number}"))
        if not name.strip():  # a file without a name is none to Civitai
            with pytest.raises(NotFoundError):
                person.find(model, wish=Wish(file=str(file.id)))
            continue
        wanted = person.find(model, wish=Wish(file=str(file.id)))
        assert wanted.listing is not None and wanted.file is not None  # noqa: PT018
        done = pull_listing(person.store, person.hubs, wanted.listing, wanted.file, person.options())
        path = Path(done.path)
        assert path.parent == library / "Lora", name
        assert path.is_file()
        assert not path.name.startswith(".")
    after = [path for path in files(tmp_path) if path not in before]
    assert len(after) == sum(bool(name.strip()) for name in HOSTILE_NAMES)
    assert all(path.startswith("models/Lora/") and path.endswith(".safetensors") for path in after)
    report = person.sync()
    assert (report.added, report.removed, report.errors) == (0, 0, [])


@pytest.mark.parametrize("number", range(0, len(HOSTILE_NAMES), 5))
def test_a_name_in_a_header_is_not_asked(person: Person, hub: TestHub, library: Path, number: int) -> None:
    """The listing names the file; what Content-Disposition says has no say in where it goes."""
    model = hub.add(lora_bytes(fill=14), name="Ink", file_name="ink_wash.safetensors")
    hub.misbehave(Disposition(HOSTILE_NAMES[number]), on="storage")
    assert person.pull(ref(model)).path == str(library / "Lora" / "ink_wash.safetensors")
    assert files(library) == ["Lora/ink_wash.safetensors"]


@pytest.mark.parametrize("pair", PAIRS)
def test_two_spellings_of_one_name_are_two_files(
    person: Person, hub: TestHub, library: Path, pair: tuple[str, str]
) -> None:
    for number, name in enumerate(pair):
        person.pull(ref(hub.add(File(name, content_of(lora_bytes(fill=number + 1))), name="M")))
    names = [path.name.casefold() for path in (library / "Lora").iterdir()]
    assert len(names) == 2
    assert sum("(2)" in name for name in names) == 1


# --- cases 27, 28, 29: what came is not what it should be -------------------------------------------------------------


@pytest.mark.parametrize("fault", [LoginPage(), html()], ids=["login", "page"])
def test_a_page_is_never_a_model(person: Person, hub: TestHub, library: Path, fault: Any) -> None:
    model = hub.add(lora_bytes(fill=13))
    wanted = person.find(ref(model))
    hub.misbehave(fault, on="storage")
    with pytest.raises(HubmanError) as caught:
        pull_listing(person.store, person.hubs, wanted.listing, wanted.file, person.options())  # type: ignore[arg-type]
    assert caught.value.hint
    assert [name for name in files(library) if not os.path.basename(name).startswith(".")] == []


def test_wrong_bytes_are_never_visible(person: Person, hub: TestHub, library: Path) -> None:
    model = hub.add(lora_bytes(fill=14))
    hub.misbehave(WrongHash(), on="storage")
    with pytest.raises(IntegrityError) as caught:
        person.pull(ref(model))
    assert caught.value.reference == "hash-mismatch"
    assert "from Civitai" in caught.value.message
    assert files(library) == []
    assert person.unfinished() == []
    kept = [path for path in person.options().quarantine.iterdir() if path.suffix != ".txt"]
    assert [str(path) in caught.value.message for path in kept] == [True]
    assert not is_model_name(kept[0].name)


def test_wrong_bytes_that_cannot_be_set_aside_are_deleted(
    person: Person, hub: TestHub, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "no folder").write_text("")
    model = hub.add(lora_bytes(fill=14))
    wanted = person.find(ref(model))
    hub.misbehave(WrongHash(), on="storage")
    options = replace(person.options(), home=tmp_path / "no folder")
    with pytest.raises(IntegrityError, match="It was deleted"):
        pull_listing(person.store, person.hubs, wanted.listing, wanted.file, options)  # type: ignore[arg-type]
    assert files(library) == []


@pytest.mark.parametrize("by", [-1000, 1000])
def test_another_size_than_promised_is_refused(person: Person, hub: TestHub, library: Path, by: int) -> None:
    model = hub.add(lora_bytes(fill=41))
    hub.misbehave(WrongSize(by), on="storage")
    with pytest.raises(IntegrityError):
        person.pull(ref(model))
    assert files(library) == []


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "http://10.0.0.1/x", "ftp://x/y"]
)
def test_a_redirect_into_the_private_network_is_not_followed(
    person: Person, hub: TestHub, library: Path, target: str
) -> None:
    model = hub.add(lora_bytes(fill=42))
    hub.misbehave(Redirect(target), on="civitai", path="/api/download")
    with pytest.raises(HubError) as caught:
        person.pull(ref(model))
    assert caught.value.reference in ("address-refused", "redirect-refused")
    assert [name for name in files(library) if not os.path.basename(name).startswith(".")] == []


def test_a_pickle_that_runs_code_is_quarantined(person: Person, hub: TestHub, library: Path, isolated: Path) -> None:
    model = hub.add(File("style.pt", content_of(evil_pickle()), format="PickleTensor"), kind="embedding")
    with pytest.raises(UnsafeError) as caught:
        person.pull(ref(model))
    assert caught.value.reference == "download-unsafe"
    assert files(library) == []
    assert [path.suffix for path in sorted((isolated / "quarantine").iterdir())] == [".quarantined", ".txt"]
    assert person.unfinished() == []


# --- case 33: a full disk ---------------------------------------------------------------------------------------------


def test_a_file_that_does_not_fit_is_not_begun(person: Person, hub: TestHub, small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("64k")
    add_root(person.store, str(disk), None, None)
    model = hub.add(lora_bytes(fill=15, rank=64))
    with pytest.raises(ConflictError) as caught:
        person.pull(ref(model), root=str(disk))
    assert caught.value.reference == "no-space"
    assert hub.seen("storage") == []
    assert files(disk) == []


def test_a_disk_that_fills_up_keeps_what_came(
    person: Person, hub: TestHub, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk("128k")
    add_root(person.store, str(disk), None, None)
    (disk / "old.safetensors").write_bytes(lora_bytes(fill=1)[:30_000])
    model = hub.add(lora_bytes(fill=16, rank=64))
    monkeypatch.setattr(pulling, "check_space", lambda *_: None)
    with pytest.raises(ConflictError) as caught:
        person.pull(ref(model), root=str(disk))
    assert caught.value.reference == "no-space"
    visible = [name for name in files(disk) if not name.startswith(".")]
    assert visible == ["old.safetensors"]
    assert (disk / "old.safetensors").read_bytes() == lora_bytes(fill=1)[:30_000]


def test_what_is_there_of_a_file_counts_as_room(
    person: Person, hub: TestHub, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("2m")
    add_root(person.store, str(disk), None, None)
    content = lora_bytes(fill=47, rank=64)
    model = hub.add(content, name="Ink")
    slow = hub.misbehave(Slow(400_000), on="storage")
    begun = threading.Event()

    class Half(Silence):
        came = 0

        def advance(self, amount: int = 1) -> None:
            self.came += amount
            if self.came > len(content) // 2:
                begun.set()

    wanted = person.find(ref(model))
    options = person.options(root=str(disk))
    with pytest.raises(HubmanError):
        pull_listing(
            person.store,
            person.hubs,
            wanted.listing,
            wanted.file,
            options,
            Half(),
            begun.is_set,  # type: ignore[arg-type]
        )
    slow.stop()
    filler = shutil.disk_usage(disk).free - int(len(content) * 1.8)  # too little for all of it and what is left free
    (disk / "filler").write_bytes(bytes(filler))
    assert Path(person.pull(ref(model), root=str(disk)).path).read_bytes() == content


def test_a_disk_that_gives_other_bytes_back(
    person: Person, hub: TestHub, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = pulling.hash_model
    model = hub.add(lora_bytes(fill=48))

    def rotten(path: str, *rest: Any) -> Any:
        data = bytearray(Path(path).read_bytes())
        data[-1] ^= 1
        Path(path).write_bytes(data)
        return real(path, *rest)

    monkeypatch.setattr(pulling, "hash_model", rotten)
    with pytest.raises(IntegrityError) as caught:
        person.pull(ref(model))
    assert caught.value.reference == "copy-differs"
    assert files(library) == []


# --- case 40: links ---------------------------------------------------------------------------------------------------


def test_a_folder_that_leads_out_is_refused_before_anything_is_fetched(
    person: Person, hub: TestHub, library: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (library / "Lora").rmdir()
    (library / "Lora").symlink_to(outside)
    model = hub.add(lora_bytes(fill=17))
    with pytest.raises(ConflictError) as caught:
        person.pull(ref(model))
    assert caught.value.reference == "leads-outside"
    assert list(outside.iterdir()) == []
    assert hub.seen("storage") == []


# --- case 41: two of the same -----------------------------------------------------------------------------------------


def run_all(person: Person, texts: list[str], stop: threading.Event | None = None) -> list[Outcome]:
    pulls = [Pull(person.find(text), person.options()) for text in texts]
    return pull_all(
        person.store, person.hubs, pulls, jobs=4, progress=lambda _: Silence(), ended=lambda *_: None,
        stop=stop or threading.Event(),
    )  # fmt: skip


def test_the_same_file_asked_for_twice_is_one_transfer(person: Person, hub: TestHub, library: Path) -> None:
    content = lora_bytes(fill=18)
    one, other = hub.add(content, name="One"), hub.add(content, name="Other")
    found = run_all(person, [ref(one), ref(one), ref(other)])
    assert [outcome.pulled.outcome for outcome in found if outcome.pulled] == ["pulled", "here", "here"]
    assert len(files(library)) == 1
    assert len(hub.seen("storage", path="/files")) <= 1 or len({r.target for r in hub.seen("storage")}) <= 2


def test_two_at_the_same_time_are_one_transfer_and_one_file(person: Person, hub: TestHub, library: Path) -> None:
    model = hub.add(lora_bytes(fill=19))
    wanted = person.find(ref(model))
    found: list[Pulled] = []

    def go() -> None:
        found.append(
            pull_listing(person.store, person.hubs, wanted.listing, wanted.file, person.options())  # type: ignore[arg-type]
        )

    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.outcome for one in found) == ["here", "here", "pulled"]
    assert len(files(library)) == 1
    assert len(hub.seen("civitai", path="/api/download")) == 1


def test_one_that_fails_stops_no_other(person: Person, hub: TestHub) -> None:
    good, bad = hub.add(lora_bytes(fill=21), name="Good"), hub.add(lora_bytes(fill=22), name="Bad")
    hub.misbehave(WrongHash(), on="storage", path=str(bad.versions[0].files[0].id))
    first, second = run_all(person, [ref(bad), ref(good)])
    assert isinstance(first.error, IntegrityError)
    assert second.pulled is not None


# --- stopping, going on, giving up ------------------------------------------------------------------------------------


def stopped(person: Person, hub: TestHub, model: Any) -> None:
    """Let a download stop in the middle."""
    slow = hub.misbehave(Slow(400_000), on="storage")
    wanted = person.find(ref(model))
    begun = threading.Event()

    class Watching(Silence):
        def advance(self, amount: int = 1) -> None:
            if amount:
                begun.set()

    with pytest.raises(HubmanError) as caught:
        pull_listing(
            person.store,
            person.hubs,
            wanted.listing,  # type: ignore[arg-type]
            wanted.file,  # type: ignore[arg-type]
            person.options(),
            Watching(),
            begun.is_set,
        )
    assert caught.value.reference == "download-stopped"
    slow.stop()


def test_a_stopped_download_is_listed_and_goes_on(person: Person, hub: TestHub, library: Path) -> None:
    content = lora_bytes(fill=23, rank=128)
    model = hub.add(content)
    stopped(person, hub, model)
    assert len(person.unfinished()) == 1
    assert all(os.path.basename(name).startswith(".hubman-") for name in files(library))
    with open_reader(person.store.path) as reader:
        (one,) = unfinished(reader)
        assert 0 < one.have < len(content)
        assert some_of([one], [str(one.entry.number)]) == [one]
    hub.forget()
    done = person.pull(ref(model))
    assert Path(done.path).read_bytes() == content
    assert person.unfinished() == []
    assert files(library) == [os.path.relpath(done.path, library)]
    assert any(request.header("range") for request in hub.seen("storage"))


def test_a_download_that_is_given_up_leaves_nothing(person: Person, hub: TestHub, library: Path) -> None:
    stopped(person, hub, hub.add(lora_bytes(fill=24, rank=128)))
    with open_reader(person.store.path) as reader:
        begun = unfinished(reader)
    forget(person.store, begun)
    assert files(library) == []
    assert person.unfinished() == []


def test_what_somebody_cleaned_up_is_forgotten(person: Person, hub: TestHub, library: Path) -> None:
    stopped(person, hub, hub.add(lora_bytes(fill=25, rank=128)))
    for name in files(library):
        (library / name).unlink()
    drop_finished(person.store)
    assert person.unfinished() == []


def test_killed_between_placing_and_recording(
    person: Person, hub: TestHub, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = hub.add(lora_bytes(fill=26))

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(pulling, "record_placed", killed)
        with pytest.raises(SystemExit):
            person.pull(ref(model))
    (name,) = [name for name in files(library) if not os.path.basename(name).startswith(".")]
    report = person.sync()
    assert (report.added, report.hashed) == (1, 1)
    done = person.pull(ref(model))
    assert (done.outcome, done.path) == ("here", str(library / name))
    with open_reader(person.store.path) as reader:
        (file,) = reader.at(done.model.root_id, name)  # type: ignore[union-attr]
    assert [note.model_id for note in file.hubs] == [str(model.id)]


# --- taking it back ---------------------------------------------------------------------------------------------------


def last_entry(person: Person) -> int:
    with open_reader(person.store.path) as reader:
        return reader.journal.entries(1)[0].id


def test_undo_moves_it_to_the_trash_and_undo_of_that_brings_it_back(
    person: Person, hub: TestHub, library: Path
) -> None:
    done = person.pull(ref(hub.add(lora_bytes(fill=27))))
    undo(person.store)
    assert not os.path.exists(done.path)
    assert any(name.startswith(".hubman-trash/") for name in files(library))
    undo(person.store, last_entry(person))
    assert os.path.exists(done.path)
    undo(person.store, last_entry(person))
    assert not os.path.exists(done.path)
    assert person.sync().errors == []


def test_undo_finds_it_where_it_was_moved_to(person: Person, hub: TestHub, library: Path) -> None:
    from hubman.app.moving import MoveOrder, move

    done = person.pull(ref(hub.add(lora_bytes(fill=28))))
    move(person.store, MoveOrder((done.path,), "Lora/deep/"))
    with acting(person.store):
        pass
    undo(person.store, done.entry)
    assert [name for name in files(library) if not name.startswith(".hubman-trash/")] == []


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_the_hubs_picture_is_kept(person: Person, hub: TestHub, isolated: Path) -> None:
    done = person.pull(ref(hub.add(lora_bytes(fill=29), images=[picture(16, 16)])))
    (kept,) = (isolated / "previews").iterdir()
    assert kept.name == f"{done.model.hashes.sha256}-hub.png"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "data", [b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", b"<html></html>", b""]
)
def test_what_is_no_picture_is_not_kept_and_the_model_is(
    person: Person, hub: TestHub, isolated: Path, data: bytes
) -> None:
    done = person.pull(ref(hub.add(lora_bytes(fill=30), images=[Picture(content_of(data))])))
    assert done.outcome == "pulled"
    assert any("preview" in str(notice) for notice in done.notices)
    assert not (isolated / "previews").exists() or list((isolated / "previews").iterdir()) == []


def test_an_explicit_picture_or_a_video_is_not_chosen_unasked() -> None:
    video, explicit = RemoteImage("v", video=True), RemoteImage("x", nsfw=3)
    mature, plain = RemoteImage("m", nsfw=2), RemoteImage("p", nsfw=0)
    assert still_picture([video, explicit]) is None
    assert still_picture([video, explicit, mature, plain]) == plain
    assert still_picture([video, explicit, mature]) == mature
    assert still_picture([video, explicit], explicit=True) == explicit


# --- folders ----------------------------------------------------------------------------------------------------------


def pipeline(hub: TestHub) -> Any:
    unet = lora_bytes(fill=43)
    parts = [
        File("model_index.json", content_of(b'{"_class_name": "StableDiffusionPipeline"}'), type="Config"),
        File("unet/config.json", content_of(b'{"_class_name": "UNet2DConditionModel"}'), type="Config"),
        File("unet/diffusion_pytorch_model.safetensors", content_of(unet)),
    ]
    return hub.add_model("Tiny Pipe", hubs=("huggingface",), kind="checkpoint", versions=[Version(files=parts)])


def test_a_repository_becomes_a_folder(person: Person, hub: TestHub, tmp_path: Path) -> None:
    comfy = tmp_path / "comfy"
    for name in ("checkpoints", "loras", "clip_vision", "diffusers"):
        (comfy / name).mkdir(parents=True)
    add_root(person.store, str(comfy), None, None)
    wanted = person.find(f"hf:{pipeline(hub).repo}", wish=Wish(folder=True))
    assert len(wanted.members) == 3
    assert wanted.listing is not None
    assert wanted.file is not None
    done = pull_listing(
        person.store, person.hubs, wanted.listing, wanted.file, person.options(root=str(comfy)), members=wanted.members
    )
    assert done.path == str(comfy / "diffusers" / "tiny-pipe")
    assert files(comfy) == [
        "diffusers/tiny-pipe/model_index.json", "diffusers/tiny-pipe/unet/config.json",
        "diffusers/tiny-pipe/unet/diffusion_pytorch_model.safetensors",
    ]  # fmt: skip
    report = person.sync()
    assert (report.added, report.modified, report.hashed) == (0, 0, 0)
    undo(person.store, done.entry)
    assert not os.path.exists(done.path)


@pytest.mark.parametrize(
    "name",
    [
        "../x.json",
        "/etc/x.json",
        "a/../../x.json",
        "unet/run.py",
        "unet/x.bin",
        "a\\b.json",
        "unet/CON.json",
        "MODEL_INDEX.json",
        "\u58a8" * 100 + ".json",
    ],
)
def test_a_member_that_cannot_be_in_a_model_folder_is_refused(
    person: Person, hub: TestHub, library: Path, name: str
) -> None:
    listing = Listing("huggingface", "a/b", "c", "a/b")
    members = (RemoteFile("x", "model_index.json"), RemoteFile(name, name))
    with pytest.raises(IntegrityError) as caught:
        pull_listing(person.store, person.hubs, listing, members[0], person.options(), members=members)
    assert caught.value.reference == "folder-unfit"
    assert files(library) == []


def fetch_folder(person: Person, hub: TestHub, root: Path, model: Any) -> Pulled:
    wanted = person.find(f"hf:{model.repo}", wish=Wish(folder=True))
    assert wanted.listing is not None
    assert wanted.file is not None
    options = person.options(root=str(root))
    return pull_listing(person.store, person.hubs, wanted.listing, wanted.file, options, members=wanted.members)


@pytest.fixture
def comfy(person: Person, tmp_path: Path) -> Path:
    """A root that has a place for model folders."""
    for name in ("checkpoints", "loras", "clip_vision", "diffusers"):
        (tmp_path / "comfy" / name).mkdir(parents=True)
    add_root(person.store, str(tmp_path / "comfy"), None, None)
    return tmp_path / "comfy"


def test_a_repository_that_is_here_is_not_fetched_again(person: Person, hub: TestHub, comfy: Path) -> None:
    model = pipeline(hub)
    first = fetch_folder(person, hub, comfy, model)
    hub.forget()
    again = fetch_folder(person, hub, comfy, model)
    assert (again.outcome, again.path) == ("here", first.path)
    assert len(files(comfy)) == 3
    assert hub.seen("huggingface", "/resolve/") == []
    (comfy / "diffusers" / "tiny-pipe" / "unet" / "config.json").unlink()
    assert fetch_folder(person, hub, comfy, model).outcome == "pulled", (
        "a folder that lost a file is not the repository"
    )


def test_a_file_of_a_repository_with_wrong_bytes_is_set_aside(person: Person, hub: TestHub, comfy: Path) -> None:
    model = pipeline(hub)
    hub.misbehave(WrongHash(), on="storage")
    with pytest.raises(IntegrityError) as caught:
        fetch_folder(person, hub, comfy, model)
    kept = [path for path in person.options().quarantine.iterdir() if path.suffix != ".txt"]
    assert (caught.value.reference, [str(path) in caught.value.message for path in kept]) == ("hash-mismatch", [True])
    assert [name for name in files(comfy) if is_model_name(name)] == []


def test_two_of_one_repository_at_the_same_time_are_one_transfer(person: Person, hub: TestHub, comfy: Path) -> None:
    model = pipeline(hub)
    hub.misbehave(Slow(300_000), on="storage")
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(fetch_folder(person, hub, comfy, model))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(one.outcome for one in results) == ["here", "here", "pulled"]
    assert len(files(comfy)) == 3
    assert len({request.target for request in hub.seen("storage")}) == len(hub.seen("storage"))


def test_what_somebody_put_into_the_unfinished_folder_gets_no_name(
    person: Person, hub: TestHub, comfy: Path, tmp_path: Path
) -> None:
    from hubman.app import pull_folder

    model = pipeline(hub)
    wanted = person.find(f"hf:{model.repo}", wish=Wish(folder=True))
    assert wanted.listing is not None
    staging = comfy / "diffusers" / f".tmp-hubman-{pull_folder._token(wanted.listing)}.folder"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "config.json").write_text("precious")
    (staging / "vae").mkdir(parents=True)
    (staging / "vae" / "evil.bin").write_bytes(evil_pickle())
    (staging / "unet").symlink_to(outside)
    (staging / "model_index.json").mkdir()
    done = fetch_folder(person, hub, comfy, model)
    assert done.outcome == "pulled"
    assert len(files(comfy)) == 3
    assert files(outside) == ["config.json"]
    assert (outside / "config.json").read_text() == "precious"
    staging.symlink_to(outside)
    shutil.rmtree(done.path)
    assert fetch_folder(person, hub, comfy, model).outcome == "pulled"
    assert files(outside) == ["config.json"]


def test_placed_by_a_killed_run_in_what_is_no_root_any_more(
    person: Person, hub: TestHub, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hubman.app.roots import remove_root

    model = hub.add(lora_bytes(fill=66))
    other = tmp_path / "other"
    other.mkdir()
    add_root(person.store, str(other), None, None)

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(pulling, "record_placed", killed)
        with pytest.raises(SystemExit):
            person.pull(ref(model), root=str(other))
    with open_reader(person.store.path) as reader:
        gone = next(root for root in reader.roots() if root.path == str(other))
    remove_root(person.store, gone)
    done = person.pull(ref(model))
    assert (done.outcome, os.path.dirname(done.path)) == ("pulled", str(library / "Lora"))


# --- a hub's own cache ------------------------------------------------------------------------------------------------


def test_what_the_cache_of_hugging_face_has_is_copied(
    person: Person, hub: TestHub, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = lora_bytes(fill=44)
    model = hub.add(File("ink_lora.safetensors", content_of(content)), name="Ink", hubs=("huggingface",))
    wanted = person.find(f"hf:{model.repo}/ink_lora.safetensors")
    assert wanted.listing is not None
    assert wanted.file is not None
    repo = tmp_path / "cache" / f"models--{model.repo.replace('/', '--')}"
    snapshot = repo / "snapshots" / wanted.listing.version_id
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir()
    (repo / "blobs" / str(wanted.file.sha256)).write_bytes(content)
    (snapshot / "ink_lora.safetensors").symlink_to(f"../../blobs/{wanted.file.sha256}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    hub.forget()
    options = person.options(source=from_caches)
    done = pull_listing(person.store, person.hubs, wanted.listing, wanted.file, options)
    assert done.path == str(library / "Lora" / "ink_lora.safetensors")
    assert Path(done.path).read_bytes() == content
    assert hub.seen("huggingface", "ink_lora") == []
    assert files(library) == ["Lora/ink_lora.safetensors"]


def test_a_cache_with_other_bytes_is_not_believed(person: Person, hub: TestHub, library: Path, tmp_path: Path) -> None:
    content = lora_bytes(fill=45)
    (tmp_path / "lie").write_bytes(lora_bytes(fill=46))
    options = person.options(source=lambda *_: str(tmp_path / "lie"))
    wanted = person.find(ref(hub.add(content)))
    done = pull_listing(person.store, person.hubs, wanted.listing, wanted.file, options)  # type: ignore[arg-type]
    assert Path(done.path).read_bytes() == content
