"""Giving up root's rights (features 6.03)."""

import os
import pwd
import subprocess
import sys

NOBODY = pwd.getpwnam("nobody")
PROGRAM = (
    "import os; from mailcordon.run.startup import become; become('nobody'); print(os.geteuid(), os.environ['HOME'])"
)


def test_home_is_that_of_the_account() -> None:
    """libpq refuses to connect when it may not look into the home directory, as into root's; without root's rights
    nothing changes."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, "HOME": "/root"}, capture_output=True, text=True, check=True
    )
    expected = (NOBODY.pw_uid, NOBODY.pw_dir) if os.geteuid() == 0 else (os.geteuid(), "/root")
    assert done.stdout.split() == [str(part) for part in expected]
