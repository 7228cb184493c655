"""The key file of secret ids (contract B1.25)."""

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailcordon.config.secret_key import FILE_NAME, KEY_SIZE, secret_ids
from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError

MakeSettings = Callable[..., Settings]
MAIL_ID = "kg2P0rP9Lpu3"


def test_key_is_made_once(make_settings: MakeSettings) -> None:
    """Whoever comes first makes it, for its owner alone; all others get the same."""
    settings = [make_settings() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = {secrets.of(MAIL_ID) for secrets in pool.map(secret_ids, settings)}
    assert len(made) == 1
    path = settings[0].MYHOME / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == KEY_SIZE
    assert [found.name for found in path.parent.glob(f".{FILE_NAME}*")] == []


@pytest.mark.parametrize(
    ("mode", "octets", "complaint"),
    [(0o640, b"k" * 32, "others than its owner have rights"), (0o600, b"k" * 31, "holds less than 32 octets")],
)
def test_weak_key_is_refused(make_settings: MakeSettings, mode: int, octets: bytes, complaint: str) -> None:
    settings = make_settings()
    path = settings.MYHOME / FILE_NAME
    path.write_bytes(octets)
    path.chmod(mode)
    with pytest.raises(StartupError, match=complaint):
        secret_ids(settings)


def test_link_is_no_key(make_settings: MakeSettings) -> None:
    settings = make_settings()
    (settings.MYHOME / FILE_NAME).symlink_to("/dev/zero")
    with pytest.raises(StartupError, match="cannot be used"):
        secret_ids(settings)
