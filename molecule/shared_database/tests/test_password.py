"""Where the password of the data base is, and where it is not (features 1.16)."""

import pytest

from end_to_end.gateway import Gateway

testinfra_hosts = ["docker://shared-one-12", "docker://shared-two-12"]

FILE = "/etc/mailcordon/database.password"


def test_only_the_filter_reads_it(gateway: Gateway) -> None:
    """Nor do accounts that joined its group for the socket."""
    file = gateway.host.file(FILE)
    assert (file.user, file.group, oct(file.mode)) == ("mailcordon", "root", oct(0o400))
    assert gateway.host.run(f"setpriv --reuid nobody --regid mailcordon --clear-groups cat {FILE}").rc != 0
    read = gateway.host.check_output(f"setpriv --reuid mailcordon --regid mailcordon --clear-groups cat {FILE}")
    assert read == 'it\'s "one" of 100% # passwords'


@pytest.mark.parametrize("words", ["of 100%", "another one"])
def test_it_is_nowhere_else(gateway: Gateway, words: str) -> None:
    """Not in fragments, those of releases, or the journal; the owner's is not on the host at all."""
    found = gateway.host.run(f"grep -rlF '{words}' /etc /opt/mailcordon/releases/*/conf.d /var/lib/mailcordon /root")
    assert found.stdout.split() == ([FILE] if words == "of 100%" else [])
    assert words not in gateway.host.check_output("journalctl -q --no-pager")
