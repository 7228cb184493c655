"""The playbooks as AWX runs them: job templates and their surveys, through ansible-runner, from the tarball alone.

The private directory holds what AWX would put there: the project with its playbooks, the inventory, the answers to the
survey, and the collection in a path of its own. Nothing is read from this repository.
"""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import testinfra
import yaml

ROOT = Path(__file__).resolve().parents[3]
COLLECTION = "requirements_collections/ansible_collections/mailcordon/gateway"


@dataclass(frozen=True)
class Job:
    """How a job ended, and the events that AWX would store."""

    status: str
    exit_code: int
    events: list[dict[str, Any]]

    @property
    def stats(self) -> dict[str, Any]:
        """What the last event sums up: hosts by outcome, and under artifact_data what set_stats left."""
        last = next(event for event in self.events if event["event"] == "playbook_on_stats")
        data: dict[str, Any] = last["event_data"]
        return data

    @property
    def output(self) -> str:
        """All that a person would see."""
        return "\n".join(event["stdout"] for event in self.events)


@dataclass(frozen=True)
class Controller:
    """A private directory of ansible-runner, for one host of the scenario."""

    directory: Path
    host: str

    def template(self, playbook: str) -> dict[str, Any]:
        """The job template of a playbook, as the tarball has it."""
        templates = yaml.safe_load((self.directory / COLLECTION / "extensions/awx/job_templates.yml").read_text())
        found: dict[str, Any] = next(
            entry for entry in templates["controller_templates"] if entry["playbook"] == playbook
        )
        return found

    def launch(self, playbook: str, **answers: object) -> Job:
        """Runs a job template with the defaults of its survey, but for some answers."""
        questions = self.template(playbook)["survey_spec"]["spec"]
        unknown = set(answers) - {question["variable"] for question in questions}
        assert unknown == set(), "not in the survey"
        runner = ansible_runner.run(
            private_data_dir=str(self.directory),
            playbook=playbook,
            limit=self.host,
            extravars={question["variable"]: question["default"] for question in questions} | answers,
            quiet=True,
        )
        files = Path(runner.config.artifact_dir).glob("job_events/*.json")
        events = sorted((json.loads(file.read_text()) for file in files), key=lambda event: int(event["counter"]))
        return Job(runner.status, runner.rc, events)

    @contextlib.contextmanager
    def stopped(self, *units: str) -> Iterator[None]:
        """Units of the host that stand still for a while."""
        host = testinfra.get_host(f"docker://{self.host}")
        host.check_output(f"systemctl stop {' '.join(units)}")
        try:
            yield
        finally:
            host.check_output(f"systemctl start {' '.join(reversed(units))}")


@pytest.fixture(scope="module")
def controller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """A controller with nothing but the tarball and the inventory."""
    directory = tmp_path_factory.mktemp("controller")
    tarball = max((ROOT / "build/tarball").glob("mailcordon-gateway-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    command = ["ansible-galaxy", "collection", "install", "--force", "--offline", "--no-deps", str(tarball)]
    subprocess.run([*command, "-p", str(directory / "requirements_collections")], check=True, capture_output=True)
    shutil.copytree(directory / COLLECTION / "extensions/awx/project", directory / "project")
    inventory = shutil.copytree(request.config.option.ansible_inventory, directory / "inventory")
    (directory / "env").mkdir()
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(directory / "requirements_collections"),
        "PYTHONPATH": "",
    }
    (directory / "env/envvars").write_text(yaml.safe_dump(settings))
    hosts = yaml.safe_load((inventory / "ansible_inventory.yml").read_text())["all"]["hosts"]
    return Controller(directory, min(hosts))


def test_site_changes_nothing_on_a_host_that_is_set_up(controller: Controller) -> None:
    """The survey's defaults are the roles' own, so that a run of the job template is one more run of the playbook."""
    job = controller.launch("site.yml")
    assert (job.status, job.exit_code) == ("successful", 0), job.output
    assert list(job.stats["ok"]) == [controller.host]
    assert job.stats["changed"] == {}, job.output


def test_nothing_comes_from_outside_of_the_private_directory(controller: Controller) -> None:
    """All tasks of a job are read from the project or from the installed tarball."""
    job = controller.launch("verify.yml")
    paths = {event["event_data"]["task_path"] for event in job.events if "task_path" in event.get("event_data", {})}
    assert paths
    assert {path for path in paths if not path.startswith(str(controller.directory))} == set()


def test_verify_succeeds(controller: Controller) -> None:
    """Exit status and artifacts are what AWX shows and hands on to the next job."""
    job = controller.launch("verify.yml", gateway_probe="true")
    assert (job.status, job.exit_code) == ("successful", 0), job.output
    assert job.stats["changed"] == {}
    found = job.stats["artifact_data"]["gateway_verify"]
    assert found["failed"] == 0, found
    assert {row["host"] for row in found["rows"]} == {controller.host}
    assert "eicar_zip" in job.output


def test_verify_fails_when_clamd_stands_still(controller: Controller) -> None:
    """The twin of the test above."""
    with controller.stopped("clamav-daemon.socket", "clamav-daemon.service"):
        job = controller.launch("verify.yml")
    assert (job.status, job.exit_code) == ("failed", 2), job.output
    found = job.stats["artifact_data"]["gateway_verify"]
    assert found["failed"] > 0
    assert any(
        "clamd" in row["check"].lower() + row["detail"].lower() for row in found["rows"] if row["result"] == "FAIL"
    )
    assert "Traceback" not in job.output
