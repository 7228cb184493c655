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
