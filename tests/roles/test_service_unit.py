"""The unit of the filter, as the role writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "roles/mailcordon/templates"
UNIT = (TEMPLATES / "mailcordon.service.j2").read_text().splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "ExecStart={{ __mailcordon_current }}/bin/mailcordon serve",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
        "UMask=0027",
        "PrivateTmp=true",
        "ProtectSystem=strict",
        "ProtectHome=true",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=true",
    ],
)
def test_lines_of_the_unit(line: str) -> None:
    """Contract B18.05, B18.10, features 18.01: the distribution's unit of amavisd has them or less strict ones."""
    assert line in UNIT


def test_leftovers_are_cleared() -> None:
    """Contract B18.10: by systemd-tmpfiles, after the days that the role was given; the whole tree is 0750."""
    lines = (TEMPLATES / "tmpfiles.conf.j2").read_text()
    assert '"{{ mailcordon_home }}{{ directory }}" 0750 {{ mailcordon_user }}' in lines
    assert "mailcordon_tmp_keep_days ~ 'd' if directory == '/tmp'" in lines
