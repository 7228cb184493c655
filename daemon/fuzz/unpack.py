"""Fuzzer of what a decoder process does, by atheris: `python -m fuzz.unpack -max_total_time=600`.

It opens attachments in this process, under the limit of memory that a decoder process has. Decoders that start other
programs are left out. Arguments are libFuzzer's. New inputs go to the first directory named, by default
build/fuzz/unpack; what is kept for good, and played by the tests as well, is in fuzz/corpus_unpack.

The first octet of an input settles name and declared type of the attachment, the others are its contents.
"""

import resource

import atheris

with atheris.instrument_imports(include=["mailcordon.unpack"]):
    from fuzz.attachments import MEMORY, Prober

from fuzz.running import HERE, run

_OF_THE_FUZZER = 2 << 30
"""Octets of address space that it needs for itself."""


def main() -> None:
    """Fuzz."""
    prober = Prober()
    limit = MEMORY + _OF_THE_FUZZER
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def play(octets: bytes) -> None:
        if octets:
            prober.check(octets[1:], octets[0])

    run("unpack", play, HERE / "corpus_unpack", dict=HERE / "unpack.dict", max_len=100_000, timeout=30)


if __name__ == "__main__":
    main()
