"""Validate models of the library: choose them, prove each, record verdict and preview."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace

from hubman import formats
from hubman.app.library import find_all, find_one
from hubman.app.preview import PreviewOptions, make_preview, place_face
from hubman.app.validate import chosen_base, validate_adapter
from hubman.app.validation import AdapterFile, BaseFile, RenderSession, ValidateOptions, Validation
from hubman.config import Config
from hubman.core.identify import identify
from hubman.core.identify.wrappers import unwrap
from hubman.core.layout import ADAPTER_FOLDERS
from hubman.core.library import ModelFile, SidecarPolicy
from hubman.core.query import parse_query, query_text
from hubman.core.types import ADAPTER_KINDS, Facts, Format, Header, Kind
from hubman.core.verdict import Judgement, Verdict
from hubman.errors import N_, HubmanError, NotFoundError, RenderError, UsageError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader

GOOD = (Verdict.OK, Verdict.WEAK)
BASE_KINDS = (Kind.CHECKPOINT,)


def choose_adapters(reader: Reader, words: Sequence[str], now_ns: int) -> list[ModelFile]:
    """Return what is to be validated: the models named, else the hits of the query, else every adapter.

    Files that are broken or would run code count as adapters where they lie in an adapter's folder: they get the
    verdict `corrupt` or `unsafe` and are never skipped in silence.

    Raises:
        NotFoundError: `nothing-to-validate`. ConflictError: `model-ambiguous`.
        UsageError: `not-an-adapter`, a model that was named and that no rendering proves.
    """
    text = query_text(words)
    named = [find_all(reader, word) for word in words]
    if words and all(named):
        chosen = [_provable(find_one(reader, word)) for word in words]
    else:
        chosen = [file for file in reader.search(parse_query(text, now_ns))[1] if is_adapter(file)]
    if not chosen:
        raise NotFoundError(
            "nothing-to-validate",
            N_("No LoRA, embedding or hypernetwork of the library fits {text!r}."),
            hint=N_("`hubman ls type:lora` lists the LoRAs; run `hubman sync` if the files are new."),
            text=text,
        )
    return list({file.file_id: file for file in chosen}.values())


def _provable(file: ModelFile) -> ModelFile:
    if is_adapter(file) or file.failure is not None or file.safety == "unsafe" or file.kind == Kind.UNKNOWN:
        return file
    raise UsageError(
        "not-an-adapter",
        N_("{name} is a {kind}; LoRAs, embeddings and hypernetworks are validated."),
        hint=N_("To prove adapters on it: hubman validate --base {name}"),
        name=file.name,
        kind=file.kind,
    )


def is_adapter(file: ModelFile) -> bool:
    """Say whether a file is something that rendering can prove, or pretends to be by the folder it lies in."""
    if file.kind in ADAPTER_KINDS:
        return True
    folders = {part.lower() for part in file.relpath.split("/")[:-1]} | {os.path.basename(file.root).lower()}
    suspect = file.failure is not None or file.safety == "unsafe" or file.kind == Kind.UNKNOWN
    return suspect and bool(folders & ADAPTER_FOLDERS)


def choose_bases(reader: Reader, named: str | None, now_ns: int) -> list[ModelFile]:
    """Return the checkpoint that `--base` names, else every readable checkpoint of the library.

    Raises:
        UsageError: `not-a-checkpoint`.
    """
    if named is not None:
        base = find_one(reader, named)
        if base.kind not in BASE_KINDS:
            raise UsageError(
                "not-a-checkpoint",
                N_("{name} is a {kind}; an adapter can only be proven on a checkpoint."),
                hint=N_("`hubman ls type:checkpoint` lists them."),
                name=base.name,
                kind=base.kind,
            )
        return [base]
    found = reader.search(parse_query("type:checkpoint", now_ns))[1]
    return [file for file in found if file.failure is None]


class Proving:
    """Validates adapters one after another against the same bases, and records what was found.

    Not for several threads at once: every thread has one of its own, over one session of its own.

    Attributes:
        skipped: paths of bases that cannot be read.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        bases: Sequence[ModelFile],
        options: ValidateOptions,
        session: RenderSession,
        *,
        record: bool = True,
    ) -> None:
        self._record = record
        self._store = store
        self._session = session
        self._config = config
        self._options = replace(options, out_dir=options.out_dir or str(config.previews))
        self._bases, self.skipped = _readable(bases, required=options.base_given)
        self._digest = bases_digest(bases)
        with open_reader(store.path) as reader:
            self._policies = {root.id: root.sidecars for root in reader.roots()}

    def over(self, session: RenderSession) -> Proving:
        """Return the same for another thread: other session, the same bases, whose headers are not read again."""
        other = copy(self)
        other._session = session
        return other

    def run(self, files: Sequence[ModelFile]) -> Iterator[Validation]:
        """Yield one Validation per file, each recorded before it is yielded."""
        for file in files:
            yield self.prove(file)

    def base_of(self, file: ModelFile) -> str | None:
        """Return the path of the base that a file will be proven on, None when nothing will be rendered."""
        try:
            adapter = read_adapter(file)
        except (HubmanError, OSError):
            return None
        base = chosen_base(adapter, self._bases, self._options)
        return base.path if base else None

    def prove(self, file: ModelFile) -> Validation:
        """Validate one file, record its verdict, and write its preview beside it where the root asks for that.

        Raises:
            RenderError: `render-cancelled`, by another thread; nothing is recorded.
        """
        if is_another(file):
            return _failed(file, "adapter-changed", N_("it changed, or went, since hubman looked; run `hubman sync`"))
        try:
            adapter = read_adapter(file)
        except (HubmanError, OSError) as error:
            result = _corrupt(file, error)
        else:
            result = self._validate(adapter)
        if is_another(file):
            return _failed(file, "adapter-changed", N_("it changed while it was rendered; nothing is recorded"))
        return self._keep(file, result) if self._record else result

    def given_up(self, file: ModelFile, rule: str, reason: str, **fields: object) -> Validation:
        """Return what is said of a file that is not tried any more. It is not recorded, so that it is tried again."""
        return _failed(file, rule, reason, **fields)

    def also(self, file: ModelFile, result: Validation) -> None:
        """Give a second place of the same content its preview."""
        self._place(file, result)

    def _validate(self, adapter: AdapterFile) -> Validation:
        """Validate; where memory ran out, once more in a new process with one picture at a time."""
        result = validate_adapter(adapter, self._bases, self._options, self._session)
        if result.judgement.rule == "render-out-of-memory":
            smaller = self._options if self._options.seeds else replace(self._options, seeds=(1,))
            again = validate_adapter(adapter, self._bases, smaller, self._session)
            if again.verdict is not Verdict.ERROR:
                return replace(
                    again, hint=again.hint or N_("memory ran out, so it was made with one picture at a time")
                )
            result = again
        if result.judgement.rule == "render-cancelled":
            raise RenderError("render-cancelled", N_("rendering was cancelled"))
        return result

    def _keep(self, file: ModelFile, result: Validation) -> Validation:
        """Make the preview, then record verdict and preview together."""
        policy = self._policies.get(file.root_id, SidecarPolicy.OFF)
        options = PreviewOptions.of(self._options, self._config)
        result = make_preview(
            self._store, self._config, file, result, self._session, options,
            sidecars=policy, wanted=self._options.preview,
        )  # fmt: skip
        with self._store.writer() as writer:
            base = result.base.sha256 if result.base else None
            writer.record_verdict(subject_of(file), base, result.to_json(), result.preview, self._digest)
        return result

    def _place(self, file: ModelFile, result: Validation) -> None:
        """Write a preview that there is beside another place of the same content."""
        if result.preview is None:
            return
        try:
            place_face(self._store, file, result.preview, self._policies.get(file.root_id, SidecarPolicy.OFF))
        except OSError:
            return  # its folder takes no picture; the first place has it, and so has hubman's own folder


def subject_of(file: ModelFile) -> str:
    """Return what a verdict is recorded on: the content, or the place while that is unknown."""
    return file.hashes.sha256 if file.hashes else file.alias


def bases_digest(bases: Sequence[ModelFile]) -> str:
    """Return a digest of a set of checkpoints as they lie on the disk: places, sizes, times."""
    lines = sorted(f"{base.alias} {base.size} {base.mtime_ns}\n" for base in bases)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_another(file: ModelFile) -> bool:
    """Say whether other bytes lie there than those that were indexed: a verdict on them would be on the wrong ones."""
    if file.folder:
        return False
    try:
        status = os.stat(file.path)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # reading it says more
    return (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns)


def _readable(bases: Sequence[ModelFile], *, required: bool) -> tuple[list[BaseFile], list[str]]:
    """Return the bases whose header can be read, and the paths of those that cannot (raised when it is `--base`)."""
    found: list[BaseFile] = []
    skipped: list[str] = []
    for base in bases:
        try:
            found.append(read_base(base))
        except (HubmanError, OSError):
            if required:
                raise
            skipped.append(base.path)
    return found, skipped


def read_adapter(file: ModelFile) -> AdapterFile:
    """Read the file's header anew: a verdict is about the bytes that are there now."""
    header = formats.read_header(file.path)
    weight = file.sidecar.get("weight")
    return AdapterFile(
        path=file.path,
        id=file.id,
        sha256=file.hashes.sha256 if file.hashes else "",
        name=file.name,
        facts=identify(header, name=file.name),
        header=header,
        triggers=file.triggers,
        weight=float(weight) if isinstance(weight, int | float) else None,
    )


def read_base(file: ModelFile) -> BaseFile:
    header = formats.read_header(file.path)
    return BaseFile(
        path=file.path,
        sha256=file.hashes.sha256 if file.hashes else "",
        name=file.name,
        facts=identify(header, name=file.name),
        header=unwrap(header),  # the usual .ckpt is {"state_dict": {...}}
        autov1=file.hashes.autov1 if file.hashes else None,
    )


def _corrupt(file: ModelFile, error: Exception) -> Validation:
    """Turn an unreadable file into a verdict of its own."""
    reference = error.reference if isinstance(error, HubmanError) else "unreadable"
    return Validation(_unread(file), Judgement(Verdict.CORRUPT, reference, str(error)))


def _failed(file: ModelFile, rule: str, reason: str, **fields: object) -> Validation:
    return Validation(_unread(file), Judgement(Verdict.ERROR, rule, reason, fields=fields))


def _unread(file: ModelFile) -> AdapterFile:
    facts, header = Facts(Kind.UNKNOWN), Header(Format.UNKNOWN, {})
    sha256 = file.hashes.sha256 if file.hashes else ""
    return AdapterFile(file.path, file.id, sha256, file.name, facts, header)
