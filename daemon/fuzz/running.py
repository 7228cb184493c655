"""What the fuzzers have in common: where they keep what they find, and libFuzzer's options."""

import sys
from collections.abc import Callable
from pathlib import Path

import atheris

HERE = Path(__file__).parent


def run(name: str, play: Callable[[bytes], None], corpus: Path, **defaults: object) -> None:
    """Fuzz until told to stop, or until something is found. Arguments of the command line come before `defaults`."""
    arguments = list(sys.argv)
    if all(argument.startswith("-") for argument in arguments[1:]):
        found = HERE.parents[1] / "build" / "fuzz" / name
        found.mkdir(parents=True, exist_ok=True)
        arguments += [str(found), str(corpus)]
    for option, value in defaults.items():
        if not any(argument.startswith(f"-{option}=") for argument in arguments):
            arguments.insert(1, f"-{option}={value}")
    atheris.Setup(arguments, play)
    atheris.Fuzz()
