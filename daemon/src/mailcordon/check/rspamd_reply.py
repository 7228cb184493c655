"""What rspamd answers to /checkv2: a JSON object with the score, the symbols that hit and a proposed action."""

import json
import math
from typing import Any

from mailcordon.errors import ProtocolError
from mailcordon.mail.finding import SpamScore

REFUSED = "reject"
REFUSED_TEST = "RSPAMD_REJECT"
"""The test that stands for what a module of rspamd decided without points, such as that of a virus scanner."""
_LONGEST_DESCRIPTION = 400


def parse_reply(octets: bytes, source: str, server: str) -> SpamScore:
    """Read the answer. Raises ProtocolError when it is an error or not understood. `server`: what it calls itself."""
    try:
        reply = json.loads(octets)
    except ValueError:
        raise ProtocolError("answer is no JSON") from None
    if not isinstance(reply, dict):
        raise ProtocolError("answer is no JSON object")
    if "error" in reply:
        raise ProtocolError(f"error {_line(reply['error'])}")
    score = _number(reply, "score")
    symbols = reply.get("symbols", {})
    if not isinstance(symbols, dict) or not all(isinstance(symbol, dict) for symbol in symbols.values()):
        raise ProtocolError("answer without symbols")
    tests: list[tuple[str, float | None]] = [
        (_line(name), _number(symbol, "score")) for name, symbol in symbols.items()
    ]
    if reply.get("action") == REFUSED:
        # Some modules refuse a message whatever its score; then it counts as much as rspamd asks for.
        required = _number(reply, "required_score")
        missing = required - min(score, sum(points or 0.0 for _, points in tests))
        if missing > 0:
            tests.append((REFUSED_TEST, round(missing, 3)))
        score = max(score, required)
    return SpamScore(
        round(score, 3),
        tuple(tests),
        source=source,
        checker=server,
        timing=_timing(reply),
        descriptions=tuple((_line(name), _description(symbol)) for name, symbol in symbols.items()),
    )


def _number(table: dict[str, Any], key: str) -> float:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ProtocolError(f"answer without a number for {key}")
    return float(value)


def _timing(reply: dict[str, Any]) -> str:
    seconds = reply.get("time_real")
    if not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        return ""
    return f"total {1000 * seconds:.1f} ms"


def _description(symbol: dict[str, Any]) -> str:
    text, options = symbol.get("description", ""), symbol.get("options", [])
    words = [str(text), *([f"[{', '.join(map(str, options))}]"] if isinstance(options, list) and options else [])]
    return _line(" ".join(filter(None, words)))


def _line(text: object) -> str:
    return " ".join(str(text).split())[:_LONGEST_DESCRIPTION]
