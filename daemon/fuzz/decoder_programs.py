"""The decoders that are programs, tried on all that they know: otherwise a library would come first, and succeed."""

from collections.abc import Sequence

from mailcordon.unpack.decoding.decoder import Decoder
from mailcordon.unpack.decoding.registry import all_decoders


def decoder_programs() -> Sequence[Decoder]:
    """See registry."""
    return [decoder for decoder in all_decoders() if (decoder.find() or "").startswith("/")]
