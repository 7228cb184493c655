"""The playbook `scan` on a whole host (features 3.02 to 3.06)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from end_to_end import samples
from end_to_end.gateway import Gateway
from end_to_end.playbook import Ansible, Run

PLAYBOOK = "mailcordon.gateway.scan"
SIGNATURE = "Eicar-Test-Signature.UNOFFICIAL"
TREE = "/srv/suspicious"
SPOOL = "/var/mail"


@pytest.fixture(scope="module", autouse=True)
def files(gateway: Gateway) -> Iterator[None]:
    """A tree and a spool with infected files and their twins, which only root may read."""
    gateway.host.check_output(f"mkdir -p {TREE}/below")
    gateway.write(f"{TREE}/eicar.com", samples.eicar())
    gateway.write(f"{TREE}/twin.com", samples.twin())
    gateway.write(f"{TREE}/below/eicar.zip", samples.zipped("eicar.com", samples.eicar()))
    gateway.write(f"{TREE}/below/twin.zip", samples.zipped("twin.com", samples.twin()))
    separator = b"From sender@sender.example Mon Nov 23 10:00:00 2026\n"
    mails = [
        samples.attachment_mail(token, "probe@example.test", "file.com", content).replace(b"\r\n", b"\n") + b"\n"
        for token, content in (("first", samples.twin()), ("second", samples.eicar()), ("third", samples.twin()))
    ]
    gateway.write(f"{SPOOL}/alice", b"".join(separator + mail for mail in mails))
    gateway.write(f"{SPOOL}/bob", separator + mails[0])
    gateway.host.check_output(f"chmod -R go-rwx {TREE} {SPOOL}/alice {SPOOL}/bob")
    yield
    gateway.host.check_output(f"rm -rf {TREE} {SPOOL}/alice {SPOOL}/bob")


@pytest.fixture
def scan(ansible: Ansible, tmp_path: Path) -> Any:
    """A function that runs the playbook and returns how it ended and the host's results."""

    def run(path: str, *options: str, **variables: Any) -> tuple[Run, Any]:
        output = tmp_path / "results.json"
        done = ansible.playbook(
            PLAYBOOK, *options, gateway_scan_path=path, gateway_scan_output=str(output), **variables
        )
        return done, json.loads(output.read_text())["signatures-13"]

    return run


def test_one_file(scan: Any) -> None:
    """Features 3.02: exit status and result of an infected, a clean and a missing file."""
    done, result = scan(f"{TREE}/eicar.com")
    assert (done.exit_code, result["status"]) == (2, "infected")
    assert f"infected  {TREE}/eicar.com: {SIGNATURE}" in done.output
    done, result = scan(f"{TREE}/twin.com")
    assert (done.exit_code, result["status"]) == (0, "clean"), done.output
    assert result["method"] == "clamd"
    done, result = scan(f"{TREE}/nothing")
    assert (done.exit_code, result["status"]) == (2, "error")
    assert f"error     {TREE}/nothing: No such file or directory" in done.output


def test_one_directory(scan: Any) -> None:
    """Features 3.03."""
    _, result = scan(TREE, gateway_scan_recursive=False)
    assert [entry["path"] for entry in result["infected"]] == [f"{TREE}/eicar.com"]


def test_only_what_is_infected_is_shown(scan: Any) -> None:
    """Features 3.04: recursive; and the exit status is 0 when asked."""
    done, result = scan("/srv", gateway_scan_fail=False)
    assert done.exit_code == 0, done.output
    assert [entry["path"] for entry in result["infected"]] == [f"{TREE}/below/eicar.zip", f"{TREE}/eicar.com"]
    assert result["scanned"] >= 4
    assert "twin" not in done.output


def test_with_the_program_clamscan(scan: Any) -> None:
    """Features 3.02, 3.04: the same by clamscan itself, which loads the same signatures."""
    _, result = scan(TREE, gateway_scan_method="clamscan")
    assert result["method"] == "clamscan"
    assert [entry["path"] for entry in result["infected"]] == [f"{TREE}/below/eicar.zip", f"{TREE}/eicar.com"]


def test_a_spool(scan: Any) -> None:
    """Features 3.06: /var/spool/mail is a link to /var/mail; first as files, then mail by mail."""
    _, result = scan("/var/spool/mail")
    assert result["infected"] == [{"path": f"{SPOOL}/alice", "signature": SIGNATURE}]
    done, result = scan("/var/spool/mail", gateway_scan_mbox=True)
    assert [(entry["message"], entry["message_id"]) for entry in result["infected"]] == [(2, "<second@sender.example>")]
    assert f"infected  {SPOOL}/alice message 2 <second@sender.example>: {SIGNATURE}" in done.output


def test_check_mode_scans_too(ansible: Ansible, gateway: Gateway) -> None:
    """A scan changes nothing, so that a dry run is a scan."""
    done = ansible.playbook(PLAYBOOK, "--check", gateway_scan_path=TREE)
    assert done.exit_code == 2
    assert f"infected  {TREE}/eicar.com: {SIGNATURE}" in done.output
    assert gateway.host.file(f"{TREE}/eicar.com").exists


def test_without_a_path(ansible: Ansible) -> None:
    """One clear line."""
    done = ansible.playbook(PLAYBOOK)
    assert done.exit_code == 2
    assert "scan: say what to scan, for example -e gateway_scan_path=/var/spool/mail" in done.output
