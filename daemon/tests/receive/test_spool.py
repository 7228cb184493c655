"""The spool: memory, file, descriptors, full disk, leftovers (design rules 1, 3 and 7)."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.errors import SpoolError
from mailcordon.mail.content import Content
from mailcordon.receive import spool as spool_module
from mailcordon.receive.spool import Spool, remove_leftovers

LIMIT = 1000


def fill(spool: Spool, octets: bytes, step: int = 300) -> Content:
    for start in range(0, len(octets), step):
        spool.add(octets[start : start + step])
        if spool.wants_flush:
            spool.flush()
    return spool.seal()


def read(descriptor: int) -> bytes:
    return os.pread(descriptor, 1_000_000, 0)


@pytest.fixture(params=[LIMIT - 1, LIMIT, LIMIT + 1, 700_000], ids=["memory", "limit", "just file", "file"])
def octets(request: pytest.FixtureRequest) -> bytes:
    return os.urandom(int(request.param))


@pytest.fixture
def content(octets: bytes, tmp_path: Path) -> Iterator[Content]:
    content = fill(Spool(tmp_path, LIMIT), octets)
    yield content
    content.close()


def test_content_is_what_was_added(content: Content, octets: bytes) -> None:
    """Design rule 3, for messages in memory and in a file, through the view and through the descriptor."""
    assert content.size == len(octets)
    assert bytes(content.view()) == octets
    assert content.view().readonly
    for _ in range(2):
        # A reader that moves the position does not disturb the next one.
        assert os.read(content.fileno(), 1_000_000) == octets


def test_nobody_can_change_content_through_its_descriptor(content: Content, octets: bytes) -> None:
    """A scanner that is given the descriptor cannot replace what was judged."""
    with pytest.raises(OSError, match=r"not permitted|Bad file descriptor"):
        os.pwrite(content.fileno(), b"X", 0)
    with pytest.raises(OSError, match=r"not permitted|Invalid argument"):
        os.ftruncate(content.fileno(), 0)
    assert read(content.fileno()) == octets


def test_close_leaves_nothing(tmp_path: Path, octets: bytes) -> None:
    before = set(os.listdir("/proc/self/fd"))
    content = fill(Spool(tmp_path, LIMIT), octets)
    content.fileno()
    assert len(list(tmp_path.iterdir())) == (len(octets) > LIMIT)
    content.close()
    content.close()
    assert not list(tmp_path.iterdir())
    assert set(os.listdir("/proc/self/fd")) == before


def test_close_tolerates_a_view_in_use(tmp_path: Path) -> None:
    """A thread past its deadline may still look at the message when it is given up."""
    content = fill(Spool(tmp_path, LIMIT), b"x" * 5000)
    view = content.view()
    content.close()
    assert bytes(view[:2]) == b"xx"


def test_file_is_private(tmp_path: Path) -> None:
    content = fill(Spool(tmp_path, LIMIT), b"x" * 5000)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 & ~0o640 == 0
    content.close()


def test_spool_given_up_leaves_nothing(tmp_path: Path) -> None:
    with Spool(tmp_path, LIMIT) as spool:
        spool.add(b"x" * 5000)
        spool.flush()
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_missing_directory_is_one_clear_line(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "gone", 0)
    spool.add(b"x")
    with pytest.raises(SpoolError, match=r"cannot write the spool file in .*gone: No such file or directory"):
        spool.flush()


def test_full_disk_is_a_spool_error(tmp_path: Path) -> None:
    """ENOSPC from the kernel itself: /dev/full stands in for the spool file."""
    spool = Spool(tmp_path, 0)
    spool.add(b"x")
    spool._file = spool_module._SpoolFile(tmp_path / "none", os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(SpoolError, match=os.strerror(errno.ENOSPC)):
        spool.seal()
    spool.discard()


def test_leftovers_of_dead_processes_go_and_those_in_use_stay(tmp_path: Path) -> None:
    """A killed worker leaves its file; the next one removes it, but no file that another worker still needs."""
    child = os.fork()
    if child == 0:
        dead = Spool(tmp_path, 0)
        dead.add(b"left behind")
        dead.flush()
        os._exit(0)
    os.waitpid(child, 0)
    collecting = Spool(tmp_path, 0)
    collecting.add(b"still coming")
    collecting.flush()
    sealed = fill(Spool(tmp_path, 0), b"complete")
    (tmp_path / "other-file").write_text("not ours")
    assert len(list(tmp_path.iterdir())) == 4
    assert remove_leftovers(tmp_path) == 1
    assert remove_leftovers(tmp_path) == 0
    complete = collecting.seal()
    assert bytes(complete.view()) == b"still coming"
    assert bytes(sealed.view()) == b"complete"
    complete.close()
    sealed.close()
    assert [path.name for path in tmp_path.iterdir()] == ["other-file"]


@given(st.lists(st.binary(max_size=400), max_size=12), st.integers(0, 1500))
def test_any_pieces_and_any_limit(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], limit: int) -> None:
    directory = tmp_path_factory.mktemp("spool")
    spool = Spool(directory, limit)
    for piece in pieces:
        spool.add(piece)
        if spool.wants_flush:
            spool.flush()
    content = spool.seal()
    assert bytes(content.view()) == b"".join(pieces)
    content.close()
    assert not list(directory.iterdir())
