"""Scores as text (B8.02, B9.03)."""

import pytest

from mailcordon.mail.score import MAX_STARS, points_text, stars


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (-1.0, "-1"),
        (999.001, "999.001"),
        (1000.123, "1000.123"),
        (6.31, "6.31"),
        (-0.0001, "0"),
        (0.0, "0"),
        (10, "10"),
    ],
)
def test_points(points: float, text: str) -> None:
    """Three places at most, no needless zeros."""
    assert points_text(points) == text


@pytest.mark.parametrize(("score", "number"), [(-3.5, 0), (0.9, 0), (6.31, 6), (999.0, MAX_STARS)])
def test_stars(score: float, number: int) -> None:
    """B9.03: 0 to 64 stars."""
    assert stars(score) == "*" * number
