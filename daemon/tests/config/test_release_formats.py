"""How mail out of quarantine may be sent (features 12.16, 12.17, 12.22, 12.23)."""

from pathlib import Path

import pytest
from refusals import refusals

RELEASED = ("resend", "attach", "plain")
REPORTED = ("arf", *RELEASED)


@pytest.mark.parametrize(("setting", "formats"), [("release_format", RELEASED), ("report_format", REPORTED)])
def test_formats(tmp_path: Path, setting: str, formats: tuple[str, ...]) -> None:
    """Features 12.16, 12.17, 12.23."""
    for name in formats:
        assert refusals(tmp_path, f'{setting} = "{name}"') == []


@pytest.mark.parametrize("setting", ["release_format", "report_format"])
@pytest.mark.parametrize("name", ["dsn", "ARF", ""])
def test_delivery_status_is_no_format(tmp_path: Path, setting: str, name: str) -> None:
    """Features 12.22, 12.23: delivery status notifications are our own affair."""
    (problem,) = refusals(tmp_path, f'{setting} = "{name}"')
    assert problem.startswith(f"{setting}: ")
    assert "'resend'" in problem


def test_released_mail_is_no_abuse_report(tmp_path: Path) -> None:
    """Features 12.16."""
    (problem,) = refusals(tmp_path, 'release_format = "arf"')
    assert problem.startswith("release_format: ")
