"""core.diff: what is known against what was seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubman.core.diff import FACTS_VERSION, diff
from hubman.core.library import ChangeKind, Known, Seen


def known(identity: int, relpath: str, inode: int, *, present: bool = True, size: int = 10, mtime: int = 5) -> Known:
    return Known(identity, relpath, size, mtime, inode, "", present, FACTS_VERSION, False)


def seen(relpath: str, inode: int, size: int = 10, mtime: int = 5) -> Seen:
    return Seen(relpath, size, mtime, inode)


def kinds(result: object) -> list[str]:
    return sorted(change.kind.value for change in result.changes)  # type: ignore[attr-defined]


def test_equal_stat_is_trusted() -> None:
    """A row whose size, time and inode equal the file's needs no look."""
    result = diff([known(1, "a", 7)], [seen("a", 7)])
    assert (result.changes, result.unchanged) == ((), 1)


def test_each_of_size_time_and_inode_alone_distrusts_a_row() -> None:
    """In-place replacement is noticed whichever of the three gives it away."""
    for entry in (seen("a", 8), seen("a", 7, size=11), seen("a", 7, mtime=6)):
        assert kinds(diff([known(1, "a", 7)], [entry])) == ["modified"]


def test_a_rename_keeps_the_row() -> None:
    """The same inode, size and time under another name is a move, not a loss and a find."""
    result = diff([known(1, "a", 7)], [seen("sub/b", 7)])
    assert kinds(result) == ["moved"]
    assert result.changes[0].known is not None
    assert result.changes[0].known.id == 1


def test_a_hard_link_is_no_move() -> None:
    """A second name for a file that is still there is an addition."""
    assert kinds(diff([known(1, "a", 7)], [seen("a", 7), seen("b", 7)])) == ["added"]


def test_inode_zero_pairs_nothing() -> None:
    """File systems without inode numbers must not make unrelated files one."""
    assert kinds(diff([known(1, "a", 0)], [seen("b", 0)])) == ["added", "removed"]


def test_a_file_that_comes_back_is_returned_not_added() -> None:
    """A row that was missing keeps its identity."""
    assert kinds(diff([known(1, "a", 7, present=False)], [seen("a", 7)])) == ["returned"]


def test_an_edited_sidecar_or_a_newer_identification_rereads() -> None:
    """The header is read again, the hash is kept."""
    assert kinds(diff([known(1, "a", 7)], [seen("a", 7)._replace(beside="x")])) == ["reread"]
    assert kinds(diff([known(1, "a", 7)._replace(facts_version=0)], [seen("a", 7)])) == ["reread"]


def test_mass_disappearance_removes_nothing() -> None:
    """An unplugged drive behind a mount point must not empty the index."""
    rows = [known(i, f"f{i}", i + 1) for i in range(100)]
    result = diff(rows, [seen(f"f{i}", i + 1) for i in range(30)])
    assert len(result.held) == 70
    assert result.of(ChangeKind.REMOVED) == []


def test_mass_disappearance_is_believed_of_one_folder() -> None:
    """A deleted sub-folder inside a living root was deleted by somebody."""
    rows = [known(i, f"f{i}", i + 1) for i in range(100)]
    result = diff(rows, [], whole_root=False)
    assert len(result.of(ChangeKind.REMOVED)) == 100


paths = st.sampled_from([f"p{i}" for i in range(12)])


@given(
    rows=st.dictionaries(paths, st.tuples(st.integers(1, 6), st.booleans()), max_size=12),
    files=st.dictionaries(paths, st.integers(1, 6), max_size=12),
)
def test_every_file_and_every_row_is_accounted_for_once(
    rows: dict[str, tuple[int, bool]], files: dict[str, int]
) -> None:
    """No seen file is lost, none is counted twice, and no present row vanishes silently."""
    before = [known(i, path, inode, present=present) for i, (path, (inode, present)) in enumerate(rows.items())]
    now = [seen(path, inode) for path, inode in files.items()]
    result = diff(before, now, whole_root=False)
    arrivals = [change.seen.relpath for change in result.changes if change.seen]
    assert len(arrivals) == len(set(arrivals))
    assert len(arrivals) + result.unchanged == len(now)
    touched = [change.known.id for change in result.changes if change.known]
    assert len(touched) == len(set(touched))
    gone = {row.relpath for row in before if row.present} - set(files)
    handled = {
        change.known.relpath for change in result.changes if change.known and change.kind in ("removed", "moved")
    }
    assert gone <= handled
    elsewhere = {row.relpath for row in before if row.present and files.get(row.relpath) != row.inode}
    assert handled <= elsewhere
    arrived_over = {change.seen.relpath for change in result.changes if change.kind == "moved" and change.seen}
    replaced = {change.known.relpath for change in result.changes if change.kind == "replaced" and change.known}
    assert replaced <= arrived_over & set(rows)


def test_what_vanished_with_its_file_system_is_unplugged() -> None:
    """The nearest folder that is there decides; without a device, or when told of none, a vanished file is gone."""
    row = known(1, "nas/deep/f", 7)._replace(device=5)
    for devices in ({"": 1}, {"": 1, "nas": 1}, {"": 1, "nas": 1, "nas/deep": 1}):
        result = diff([row], [], devices=devices)
        assert (result.unplugged, kinds(result)) == ((row,), [])
    assert kinds(diff([row], [], devices={"": 1, "nas": 5})) == ["removed"]
    assert kinds(diff([row], [])) == ["removed"]
    assert kinds(diff([row._replace(device=None)], [], devices={"": 1})) == ["removed"]


def test_a_file_system_that_got_another_number_is_not_unplugged() -> None:
    """Files that are still there tell; their rows learn the new number."""
    rows = [known(number, f"nas/{number}", number)._replace(device=5) for number in (1, 2)]
    result = diff(rows, [seen("nas/1", 1)._replace(device=6)], devices={"": 1, "nas": 6})
    assert kinds(result) == ["removed"]
    assert (result.remounted, result.unplugged) == (((1, 6),), ())
