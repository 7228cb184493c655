"""How a spam score is written, in header fields and in the log alike."""

MAX_STARS = 64
"""Longest `X-Spam-Level` (B9.03)."""


def points_text(points: float) -> str:
    """At most three places, no needless zeros, no negative zero."""
    text = f"{points:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def stars(score: float, character: str = "*") -> str:
    """One `character` for each whole point, none below one, at most MAX_STARS."""
    return character * min(max(int(score), 0), MAX_STARS)
