"""Truncated archives, and archives with flipped bits: the worst that may come of them is a problem (features 18.19)."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from test_confined_decoders import opened

from mailcordon.unpack.job import ProblemKind

Damage = Callable[[bytes, random.Random], bytes]


def _truncated(octets: bytes, chance: random.Random) -> bytes:
    return octets[: chance.randrange(len(octets))]


def _flipped(octets: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(octets)
    for _ in range(chance.choice((1, 3, 10))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _flipped_head(octets: bytes, chance: random.Random) -> bytes:
    return _flipped(octets[:64], chance) + octets[64:]


@pytest.mark.parametrize("damage", [_truncated, _flipped, _flipped_head])
async def test_damage_is_told_or_does_not_matter(damage: Damage, archives: dict[str, Path], tmp_path: Path) -> None:
    """B13.04: no decoder raises what it must not, and no process ends by a signal."""
    damaged: dict[str, Path] = {}
    for name, archive in archives.items():
        chance = random.Random(f"{damage.__name__} {name}")
        damaged[name] = tmp_path / f"damaged {name}"
        damaged[name].write_bytes(damage(archive.read_bytes(), chance))
    found = await opened(damaged, tmp_path)
    assert {looked.location for looked in found.looked} >= {f"1.{number}" for number in range(1, len(damaged) + 1)}
    assert {problem.kind for problem in found.problems} <= {
        ProblemKind.UNREADABLE,
        ProblemKind.ENCRYPTED,
        ProblemKind.AMBIGUOUS,
    }
    texts = [problem.text for problem in found.problems]
    assert not [text for text in texts if text.startswith("decoder ")], "an exception or a signal"
    assert not [text for text in texts if "0x" in text or "None" in text], "of use to nobody"


async def test_what_is_cut_off_is_not_called_encrypted(
    archives: dict[str, Path], encrypted_archives: dict[str, Path], tmp_path: Path
) -> None:
    """B13.05: only a member that needs a password is; of a damaged archive with such a member both are told."""
    files = {**archives, "encrypted.zip": encrypted_archives["old.zip"]}
    cut: dict[str, Path] = {}
    for name, archive in files.items():
        cut[name] = tmp_path / f"cut {name}"
        octets = archive.read_bytes()
        cut[name].write_bytes(octets[: len(octets) // 2])
    found = await opened(cut, tmp_path)
    last = f"1.{len(cut)}"
    assert {problem.location for problem in found.problems if problem.kind is ProblemKind.ENCRYPTED} == {last}
    assert ProblemKind.UNREADABLE in {problem.kind for problem in found.problems if problem.location == last}
