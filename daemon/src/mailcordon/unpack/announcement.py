"""What the start log says of decoders and their confinement, in amavisd's own words (features 7.01)."""

import logging
from collections.abc import Set as AbstractSet

from mailcordon.log_levels import NOTICE
from mailcordon.unpack.decoder_process import Hello

log = logging.getLogger(__name__)


def announce(hello: Hello, switched_off: AbstractSet[str]) -> None:
    """One line for each decoder and type, one for the confinement, a warning for what is missing of it."""
    opened: set[str] = set()
    for decoder in hello.decoders:
        for short_type in sorted(set(decoder.short_types) - switched_off):
            if decoder.place:
                spare = " (backup, not used unless the others fail)" if short_type in opened else ""
                opened.add(short_type)
                log.log(NOTICE, "Found decoder for    .%-4s at %s%s", short_type, decoder.place, spare)
            else:
                log.log(NOTICE, "No decoder for       .%-4s tried: %s", short_type, decoder.name)
    for short_type in sorted(switched_off):
        log.log(NOTICE, "Decoder for          .%-4s is switched off", short_type)
    log.log(NOTICE, "decoder processes: %s", ", ".join(hello.confinement) or "no confinement")
    if hello.missing:
        log.warning("decoder processes lack confinement: %s", ", ".join(hello.missing))
