"""Fuzzer of the server's side of SMTP and LMTP, by atheris: `python -m fuzz.smtp_session -max_total_time=600`.

Arguments are libFuzzer's. New inputs go to the first directory named, by default build/fuzz/smtp_session; what is kept
for good, and played by the tests as well, is in fuzz/corpus. A crash leaves its input in a file and says which one.

The first four octets of an input are the sizes of the pieces in which the others arrive.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mailcordon.receive"]):
    from fuzz.streams import Prober, make_settings, quiet

HERE = Path(__file__).parent
FOUND = HERE.parents[1] / "build" / "fuzz" / "smtp_session"
SIZES = 4


def main() -> None:
    """Fuzz until told to stop, or until something is found."""
    quiet()
    prober = Prober(make_settings(TEMPBASE="/nonexistent"))

    def play(octets: bytes) -> None:
        prober.check(octets[SIZES:], octets[:SIZES])

    arguments = list(sys.argv)
    if all(argument.startswith("-") for argument in arguments[1:]):
        FOUND.mkdir(parents=True, exist_ok=True)
        arguments += [str(FOUND), str(HERE / "corpus")]
    defaults = {"-dict": HERE / "smtp.dict", "-max_len": 20_000, "-timeout": 30}
    for option, value in defaults.items():
        if not any(argument.startswith(f"{option}=") for argument in arguments):
            arguments.insert(1, f"{option}={value}")
    atheris.Setup(arguments, play)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
