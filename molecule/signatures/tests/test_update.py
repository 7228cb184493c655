"""The playbook `update_signatures` on a host whose clamd runs (features 2.01, 2.03)."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from end_to_end import samples
from end_to_end.gateway import Gateway
from end_to_end.playbook import ROOT, Ansible, Run

DATABASES = "/var/lib/clamav"
GENUINE = ROOT / "build/genuine-signatures"
# Where this run of the scenario keeps its files
SCENARIO = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
OUTBREAK = b"what the signature of the outbreak finds"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The directory on the controller, as the last successful update left it."""
    return Path(shutil.copytree(SCENARIO / "signatures", tmp_path / "signatures"))


@pytest.fixture
def update(source: Path, ansible: Ansible) -> Callable[..., Run]:
    """A function that runs the playbook."""

    def run(*options: str, **variables: object) -> Run:
        return ansible.playbook(
            "mailcordon.gateway.update_signatures", *options, gateway_signatures_src=str(source), **variables
        )

    return run


def digests(gateway: Gateway) -> str:
    """All that lies in the directory of the signatures, with owner and mode."""
    return str(gateway.host.check_output(f"cd {DATABASES}; sha256sum *; stat -c '%n %U:%G %a' . *"))


def finds(gateway: Gateway, content: bytes) -> bool:
    """Whether the running clamd finds something in content."""
    with gateway.file("/root/sample", content):
        done = gateway.host.run("clamdscan --fdpass --no-summary /root/sample")
    assert done.rc in (0, 1), done.stderr
    return bool(done.rc)


@pytest.fixture(autouse=True)
def same_clamd(gateway: Gateway) -> Iterator[None]:
    """Whatever happens, clamd loads signatures without a restart."""
    before = gateway.main_pid("clamav-daemon.service")
    yield
    assert gateway.main_pid("clamav-daemon.service") == before


def test_nothing_to_do(update: Callable[..., Run], gateway: Gateway) -> None:
    """The files of the first installation are loaded already."""
    before = digests(gateway)
    done = update()
    assert done.exit_code == 0, done.output
    assert "changed=0" in done.output
    assert "clamd: loaded" in done.output
    assert digests(gateway) == before


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("daily.cvd", lambda path: path.write_bytes(path.read_bytes()[:5000]), "sigtool cannot verify it"),
        (
            "daily.cvd",
            lambda path: shutil.copy(GENUINE / "test-4.cvd", path),
            "version 4 is older than",
        ),
        ("site.ndb", lambda path: path.write_text("Broken:0:*:zz\n"), "ClamAV cannot load it"),
        ("forged.cud", lambda path: shutil.copy(GENUINE / "test-6.cvd", path), "has no digital signature"),
    ],
    ids=["truncated", "older", "malformed", "unsigned"],
)
def test_a_bad_file_is_refused_and_the_old_one_stays(
    update: Callable[..., Run], source: Path, gateway: Gateway, name: str, damage: object, reason: str
) -> None:
    """Features 2.01: one line, nothing changed, clamd goes on with what it has."""
    assert callable(damage)
    damage(source / name)
    before = digests(gateway)
    done = update()
    assert done.exit_code == 2
    assert f"nothing is installed: {name}: " in done.output
    assert reason in done.output
    assert digests(gateway) == before
    assert finds(gateway, samples.eicar())
    assert not finds(gateway, samples.twin())


def test_new_files_are_loaded_by_the_running_clamd(update: Callable[..., Run], source: Path, gateway: Gateway) -> None:
    """Features 2.01: what was clean is found afterwards, and clamd tells the new version."""
    shutil.copy(GENUINE / "test-6.cvd", source / "daily.cvd")
    (source / "outbreak.ndb").write_text(f"Outbreak:0:*:{OUTBREAK.hex()}\n")
    assert not finds(gateway, OUTBREAK)
    done = update("--check")
    assert "+outbreak.ndb " in done.output
    assert not finds(gateway, OUTBREAK)
    done = update()
    assert done.exit_code == 0, done.output
    for line in (r"daily.cvd  .*version 5  .*version 6", r"outbreak.ndb  .*absent", r"clamd: loaded .*/5 .*/6"):
        assert re.search(line, done.output), done.output
    assert finds(gateway, OUTBREAK)
    assert finds(gateway, samples.eicar())
    assert not finds(gateway, samples.twin())
    assert "/6/" in gateway.host.check_output("clamdscan --version")
    assert "changed=0" in update().output


def test_a_copy_by_hand_gets_its_owner_and_mode(update: Callable[..., Run], source: Path, gateway: Gateway) -> None:
    """Features 2.03: after a copy as root with a strict umask."""
    shutil.copy(GENUINE / "test-6.cvd", source / "daily.cvd")
    gateway.host.check_output(f"umask 077; cp {DATABASES}/site.ndb {DATABASES}/by-hand.ndb; chmod 700 {DATABASES}")
    done = update()
    assert "changed=1" in done.output, done.output
    states = set(gateway.host.check_output(f"stat -c '%U:%G %a' {DATABASES}/*").splitlines())
    assert states == {"clamav:clamav 644"}
    assert gateway.host.check_output(f"stat -c '%U:%G %a' {DATABASES}") == "clamav:clamav 755"


def test_a_clamd_that_does_not_run(update: Callable[..., Run]) -> None:
    """It must run for a proof; without one the files are installed only when that is asked for."""
    done = update(clamav_socket="/run/nothing.ctl")
    assert done.exit_code == 2
    assert "nothing is changed: clamd at /run/nothing.ctl cannot be asked" in done.output
