"""Fuzzer of the MIME splitter, by atheris: `python -m fuzz.mime -max_total_time=600`.

Arguments are libFuzzer's. New inputs go to the first directory named, by default build/fuzz/mime; what is kept for
good, and played by the tests as well, is in fuzz/corpus_mime. A crash leaves its input in a file and says which one.
"""

import atheris

with atheris.instrument_imports(include=["mailcordon.unpack"]):
    from fuzz.messages import check

from fuzz.running import HERE, run


def main() -> None:
    """Fuzz."""

    def play(octets: bytes) -> None:
        check(octets)

    run("mime", play, HERE / "corpus_mime", dict=HERE / "mime.dict", max_len=20_000, timeout=10)


if __name__ == "__main__":
    main()
