"""What the start log says of decoders and their confinement, in amavisd's own words (features 7.01)."""

import logging
from collections.abc import Set as AbstractSet

from mailcordon.log_levels import NOTICE
from mailcordon.unpack.decoder_process import DecoderPlace, Hello

log = logging.getLogger(__name__)


def announce(hello: Hello, switched_off: AbstractSet[str]) -> None:
    """One line for each type, one for the confinement, a warning for what is missing of it.

    A backup decoder, of which one more line tells at a higher log level, is tried when the first one fails.
    """
    by_type: dict[str, list[DecoderPlace]] = {}
    for decoder in hello.decoders:
        for short_type in decoder.short_types:
            by_type.setdefault(short_type, []).append(decoder)
    for short_type, decoders in sorted(by_type.items()):
        places = [decoder.place for decoder in decoders if decoder.place]
        if short_type in switched_off:
            log.log(NOTICE, "No decoder for       .%-4s switched off", short_type)
        elif not places:
            tried = ", ".join(decoder.name for decoder in decoders)
            log.log(NOTICE, "No decoder for       .%-4s tried: %s", short_type, tried)
        else:
            log.log(NOTICE, "Found decoder for    .%-4s at %s", short_type, places[0])
        for place in () if short_type in switched_off else places[1:]:
            log.info("Found decoder for    .%-4s at %s (backup, not used)", short_type, place)
    log.log(NOTICE, "decoder processes: %s", ", ".join(hello.confinement) or "no confinement")
    if hello.missing:
        log.warning("decoder processes lack confinement: %s", ", ".join(hello.missing))
