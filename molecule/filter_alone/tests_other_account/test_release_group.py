"""After a run that names no group for releases any more: its socket is gone, and the filter does not name it."""

from end_to_end.gateway import Gateway


def test_socket_is_gone(gateway: Gateway) -> None:
    """Nobody is let in by what an earlier run has made; the filter's own socket is where it always is."""
    assert gateway.host.run("systemctl cat mailcordon-release.socket").rc != 0
    assert not gateway.host.file("/run/mailcordon/release.sock").exists
    assert "release.sock" not in gateway.host.check_output("mailcordon check-config --show --json")
    assert gateway.host.file("/var/lib/amavis/amavisd.sock").is_socket
