"""Fuzzer of the server's side of SMTP and LMTP, by atheris: `python -m fuzz.smtp_session -max_total_time=600`.

Arguments are libFuzzer's. New inputs go to the first directory named, by default build/fuzz/smtp_session; what is kept
for good, and played by the tests as well, is in fuzz/corpus. A crash leaves its input in a file and says which one.

The first four octets of an input are the sizes of the pieces in which the others arrive.
"""

import atheris

with atheris.instrument_imports(include=["mailcordon.receive"]):
    from fuzz.streams import Prober, make_settings, quiet

from fuzz.running import HERE, run

SIZES = 4


def main() -> None:
    """Fuzz until told to stop, or until something is found."""
    quiet()
    prober = Prober(make_settings(TEMPBASE="/nonexistent"))

    def play(octets: bytes) -> None:
        prober.check(octets[SIZES:], octets[:SIZES])

    run("smtp_session", play, HERE / "corpus", dict=HERE / "smtp.dict", max_len=20_000, timeout=30)


if __name__ == "__main__":
    main()
