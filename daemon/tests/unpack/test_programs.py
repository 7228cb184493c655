"""Programs that decoders start (B13.06, features 5.06, 18.12)."""

import os
import time
from pathlib import Path

import pytest

from mailcordon.errors import CannotDecodeError, LimitReachedError
from mailcordon.unpack.decoding.extraction import extract
from mailcordon.unpack.decoding.program import Program, find_program, scratch_directory
from mailcordon.unpack.decoding.sink import Budget, Sink
from mailcordon.unpack.job import Quota

PLENTY = Quota(levels=14, files=20, octets=1 << 20, seconds=60)


def budget(quota: Quota = PLENTY, *, spent: float = 0.0) -> Budget:
    """What is left after so many seconds."""
    return Budget(quota, files=0, started=time.monotonic() - spent)


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_first_alternative_in_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """features 5.06, 5.07: nothing outside of PATH is found."""
    for name in ("second", "third"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program(("first", "second", "third")) == str(tmp_path / "second")
    assert find_program(("first", "sh")) is None


def test_environment_holds_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """features 5.06: PATH as it is configured, a home that is thrown away, and no more."""
    monkeypatch.setenv("SECRET", "x")
    with Program(["/usr/bin/env"], tmp_path, budget()) as program:
        told = dict(line.split("=", 1) for line in b"".join(program.output()).decode().splitlines())
    assert told == {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}


def test_questions_find_nobody(tmp_path: Path) -> None:
    with Program(shell("read answer || echo nobody"), tmp_path, budget()) as program:
        assert b"".join(program.output()) == b"nobody\n"
        assert program.status == 0


def test_complaint_is_one_short_line(tmp_path: Path) -> None:
    script = "printf 'a\\001b\\nc\\n' >&2; head -c 100000 /dev/zero >&2; exit 3"
    with Program(shell(script), tmp_path, budget()) as program:
        assert program.run(tmp_path) == 3
        assert program.complaint == "a b c"


def test_time_is_up(tmp_path: Path) -> None:
    with (
        Program(shell("exec sleep 1000"), tmp_path, budget(spent=59.8)) as program,
        pytest.raises(LimitReachedError, match="Exceeded time limit of 60 s"),
    ):
        program.run(tmp_path)


def test_endless_output_is_cut(tmp_path: Path) -> None:
    sink = Sink("1", tmp_path, budget())
    with (
        Program(["/bin/cat", "/dev/zero"], tmp_path, sink.budget) as program,
        pytest.raises(LimitReachedError, match="Exceeded storage quota"),
    ):
        sink.add("zeros", program.output())
    assert sink.members[0].size <= PLENTY.octets


def test_endless_file_is_cut_and_others_stay(tmp_path: Path) -> None:
    sink = Sink("1", tmp_path, budget())
    with scratch_directory(tmp_path) as scratch:
        script = f"cd {scratch}; echo small > small; exec cat /dev/zero > endless"
        with pytest.raises(LimitReachedError, match="Exceeded storage quota"):
            extract(shell(script), scratch, sink)
    assert [member.name for member in sink.members] == ["small"]
    assert not scratch.exists()


def test_what_is_left_behind_goes_whatever_its_permissions(tmp_path: Path) -> None:
    script = "mkdir -p a/b; echo x > a/b/c; chmod 0 a/b/c a/b a"
    with scratch_directory(tmp_path) as scratch, Program(shell(script), scratch, budget()) as program:
        assert program.run(scratch) == 0
    assert not scratch.exists()


def test_one_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(CannotDecodeError, match="nothing cannot be started"):
        Program([str(tmp_path / "nothing")], tmp_path, budget())
