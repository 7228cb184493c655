"""Fuzzer of decoder processes and the programs that they start: `python -m fuzz.programs -max_total_time=600`.

Archives of all kinds are damaged at random and opened as in production: in a decoder process, with its confinement. As
what happens in other programs cannot be seen, nothing is learned from it. Half of the attachments go to decoders that
are programs only. It needs the packers of the tests: PYTHONPATH must name the directories of daemon and tests.

An input is settled by the seed and its number alone. What goes wrong, or has a library crash, is written to
build/fuzz/programs and the next one is tried; the exit status is 1 if anything has gone wrong.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from fuzz.archives import whole_archives
from fuzz.confined import Outcome, Prober
from fuzz.damage import Archives, Damaged, damaged
from fuzz.running import HERE
from mailcordon.unpack.pool import DECODERS

REGISTRIES = (DECODERS, "fuzz.decoder_programs:decoder_programs")
_REPORT_INTERVAL = 30.0
_WORTH_KEEPING = frozenset({"wrong", "crash"})


class Campaign:
    """Looks at what becomes of damaged archives; an asynchronous context manager."""

    def __init__(self, archives: Archives) -> None:
        self._archives = archives
        self._stack = AsyncExitStack()
        self._probers: list[Prober] = []
        self._undamaged: dict[tuple[int, str], Outcome] = {}

    async def __aenter__(self) -> Self:
        for decoders in REGISTRIES:
            self._probers.append(await self._stack.enter_async_context(Prober(decoders)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def run(self, case: Damaged, way: int) -> Outcome:
        """Try it with the decoders of that number in REGISTRIES. AssertionError when anything is not as it must be."""
        outcome = await self._probers[way].check(case.octets, case.name)
        if case.must_not_hide:
            assert not outcome.hides(await self._whole(case.name, way)), "members are gone without a word"
        return outcome

    async def _whole(self, name: str, way: int) -> Outcome:
        key = way, name
        if key not in self._undamaged:
            self._undamaged[key] = await self._probers[way].check(self._archives[name], name)
        return self._undamaged[key]


async def fuzz(seconds: float, seed: str) -> int:
    """How many inputs went wrong."""
    found = HERE.parents[1] / "build" / "fuzz" / "programs"
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        archives = whole_archives(Path(directory))
    tally: Counter[str] = Counter()
    number = 0
    started = reported = time.monotonic()
    async with Campaign(archives) as campaign:
        while time.monotonic() - started < seconds:
            case = damaged(archives, f"{seed} {number}")
            complaint = ""
            try:
                kind = _kind(await campaign.run(case, number % len(REGISTRIES)))
            except AssertionError:
                kind, complaint = "wrong", traceback.format_exc()
            tally[kind] += 1
            if kind in _WORTH_KEEPING:
                file = found / f"{kind}-{seed}-{number}"
                file.write_bytes(case.octets)
                print(f"{kind}: {case}\n{complaint}  {file}", flush=True)  # noqa: T201 - a command
            number += 1
            if time.monotonic() - reported > _REPORT_INTERVAL:
                reported = time.monotonic()
                print(f"{number} runs in {reported - started:.0f} s: {dict(tally)}", flush=True)  # noqa: T201
    print(f"{number} runs in {time.monotonic() - started:.0f} s, seed {seed}: {dict(tally)}")  # noqa: T201
    return tally["wrong"]


def _kind(outcome: Outcome) -> str:
    if any(text.startswith(("Exceeded", "Maximum")) for text in outcome.findings):
        return "limit"
    if any("ended by" in text for text in outcome.findings):
        return "crash"
    return "finding" if outcome.findings else "opened" if outcome.members else "looked at"


def main() -> None:
    """Fuzz for so long; options in the form of libFuzzer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-max_total_time", type=float, default=600, help="seconds")
    parser.add_argument("-seed", default=str(time.time_ns()), help="what all inputs are made of")
    options = parser.parse_args()
    sys.exit(1 if asyncio.run(fuzz(options.max_total_time, options.seed)) else 0)


if __name__ == "__main__":
    main()
