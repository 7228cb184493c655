"""How the release commands read their arguments (contract B1.38; features 12.12, 12.15)."""

import socket
from pathlib import Path

import pytest

from mailcordon.cli.policy_client import Wanted, succeeded, usual, wanted
from mailcordon.errors import ProtocolError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["spam/k/kg2P0rP9Lpu3.gz"], Wanted("kg2P0rP9Lpu3", "spam/k/kg2P0rP9Lpu3.gz", quar_type="Z")),
        (["k/virus-kg2P0rP9Lpu3"], Wanted("kg2P0rP9Lpu3", "k/virus-kg2P0rP9Lpu3", quar_type="F")),
        (["aX3C4f6btXgX[25]"], Wanted("aX3C4f6btXgX", "aX3C4f6btXgX", partition_tag="25")),
        (["badh-k-2P0_P9Lpu3"], Wanted("k-2P0_P9Lpu3", "badh-k-2P0_P9Lpu3")),
        (["k-2P0_P9Lpu3"], Wanted("k-2P0_P9Lpu3", "k-2P0_P9Lpu3")),
        (["own-k-2P0_P9Lpu3"], Wanted("k-2P0_P9Lpu3", "own-k-2P0_P9Lpu3")),
        (["short"], Wanted("short", "short")),
        (["kg2P0rP9Lpu3", "secret"], Wanted("kg2P0rP9Lpu3", "kg2P0rP9Lpu3", "secret")),
        (["kg2P0rP9Lpu3", "", "a@b"], Wanted("kg2P0rP9Lpu3", "kg2P0rP9Lpu3", recipients=("a@b",))),
        (["kg2P0rP9Lpu3", "a@b", "c"], Wanted("kg2P0rP9Lpu3", "kg2P0rP9Lpu3", recipients=("a@b", "c"))),
    ],
)
def test_arguments(words: list[str], expected: Wanted) -> None:
    """B1.38: directory, prefix, id, suffix, tag; a second argument with @ is no secret."""
    assert wanted(words) == expected


@pytest.mark.parametrize("word", ["", "/", "k/", "a b", "x" * 10 + "\n", "ä"])
def test_no_id(word: str) -> None:
    with pytest.raises(ProtocolError):
        wanted([word])


@pytest.mark.parametrize(
    ("replies", "good"),
    [
        (["250 2.6.0 Ok"], True),
        (["250 2.6.0 Ok", "450 4.5.0 no"], False),
        (["550 5.1.1 no"], False),
        ([], False),
        (["2 Ok"], False),
        (["gibberish"], False),
    ],
)
def test_success(replies: list[str], good: bool) -> None:
    """B21.02: only when every reply is a 2xx."""
    assert succeeded(replies) is good


def test_usual_sockets(tmp_path: Path) -> None:
    """B1.38: who cannot read the configuration takes the first that he may use, else one that is there to be named."""
    first, second = (str(tmp_path / name) for name in ("amavisd.sock", "release.sock"))
    assert usual((first, second)) == first
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(second)
        assert usual((first, second)) == second
        Path(first).touch()
        assert usual((first, second)) == first
