"""Damaged archives through decoder processes and their programs (design rule 5, features 7.10, 18.01, 18.19).

This is the short form of `python -m fuzz.programs`: the same functions, on what the fuzzer has found and on some more.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from puppet_decoders import BEGINNING

import fuzz
from fuzz.archives import whole_archives
from fuzz.confined import Prober
from fuzz.damage import DAMAGES, Archives, Damaged, damaged
from fuzz.programs import REGISTRIES, Campaign

KEPT = sorted((Path(fuzz.__file__).parent / "corpus_programs").iterdir())
RUNS = 60
PUPPETS = "puppet_decoders:all_decoders"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    return whole_archives(tmp_path_factory.mktemp("whole"))


@pytest.fixture(autouse=True)
def _modules_for_decoder_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """They find the registries of the fuzzer and the puppet."""
    places = [str(Path(fuzz.__file__).parents[1]), str(Path(__file__).parent)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (*places, os.environ.get("PYTHONPATH")))))


@pytest.fixture
async def puppets() -> AsyncIterator[Prober]:
    async with Prober(PUPPETS) as made:
        yield made


def puppet(*commands: str) -> bytes:
    return (BEGINNING + "\n".join((*commands, ""))).encode()


async def test_damaged_archives(whole: Archives) -> None:
    """B13.03, B13.04, B13.06: nothing is gone without a word or left behind, no limit is passed over."""
    opened = 0
    async with Campaign(whole) as campaign:
        for number in range(RUNS):
            case = damaged(whole, f"suite {number}")
            try:
                outcome = await campaign.run(case, number % len(REGISTRIES))
            except AssertionError as error:
                raise AssertionError(f"{case} (number {number})") from error
            opened += bool(outcome.members)
    assert opened > RUNS // 5


async def test_what_the_fuzzer_has_found() -> None:
    """B13.04: members were missing and nobody said so, or what was said told paths of ours."""
    async with Campaign({}) as campaign:
        for path in KEPT:
            for way, _ in enumerate(REGISTRIES):
                outcome = await campaign.run(Damaged(path.name, ("kept",), path.read_bytes()), way)
                assert outcome.findings, path.name


async def test_members_that_are_missing_are_noticed(puppets: Prober) -> None:
    """The check itself."""
    whole = await puppets.check(puppet("members 2"), "x.bin")
    assert not whole.hides(whole)
    assert (await puppets.check(puppet("members 1"), "x.bin")).hides(whole)


async def test_a_defect_is_noticed(puppets: Prober) -> None:
    """The check itself: an exception that nobody expected; what a crash leads to is as it must be."""
    with pytest.raises(AssertionError, match="decoder puppet failed"):
        await puppets.check(puppet("fail"), "x.bin")
    assert (await puppets.check(puppet("crash"), "x.bin")).findings == ("decoder process ended by SIGSEGV",)


def test_the_same_seed_leads_to_the_same_damage(whole: Archives) -> None:
    cases = [damaged(whole, f"suite {number}") for number in range(RUNS)]
    assert cases == [damaged(whole, f"suite {number}") for number in range(RUNS)]
    assert {damage for case in cases for damage in case.damages} == DAMAGES.keys()
