"""`mailcordon scan` on the host: exit status and what it prints."""

import json

import pytest

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, new_token

SCANNED = "/tmp/mailcordon-scan-test.eml"


@pytest.mark.parametrize("form", sorted(samples.FORMS))
def test_infected_file(gateway: Gateway, form: str) -> None:
    """Category virus, the signature's name, exit code 1."""
    with gateway.file(SCANNED, samples.FORMS[form](new_token(), RECIPIENT, samples.eicar())):
        result = gateway.host.run(f"mailcordon scan --json {SCANNED}")
    assert result.rc == 1, result
    report = json.loads(result.stdout)
    assert report["category"] == "virus"
    assert "Eicar-Test-Signature" in result.stdout


@pytest.mark.parametrize("form", sorted(samples.FORMS))
def test_harmless_twin(gateway: Gateway, form: str) -> None:
    """Exit code 0."""
    with gateway.file(SCANNED, samples.FORMS[form](new_token(), RECIPIENT, samples.twin())):
        result = gateway.host.run(f"mailcordon scan --json {SCANNED}")
    assert result.rc == 0, result
    # "cleantag", as the test hosts have the tag level below any score
    assert json.loads(result.stdout)["category"] == "cleantag"


def test_standard_input(gateway: Gateway) -> None:
    """`-` reads the message from standard input."""
    with gateway.file(SCANNED, samples.FORMS["plain"](new_token(), RECIPIENT, samples.eicar())):
        result = gateway.host.run(f"mailcordon scan --json - < {SCANNED}")
    assert result.rc == 1, result


def test_unreadable_file(gateway: Gateway) -> None:
    """Exit code 2 and one line that names the file."""
    result = gateway.host.run("mailcordon scan --json /nonexistent/mail.eml")
    assert result.rc == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "/nonexistent/mail.eml" in result.stderr
