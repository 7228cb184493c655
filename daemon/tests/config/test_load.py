"""conf.d fragments (features 5a, design rule 6)."""

from pathlib import Path

import pytest

from mailcordon.config.load import load
from mailcordon.errors import ConfigError
from mailcordon.mail.category import Destiny

IDENTITY = 'myhostname = "gate.example.test"\n'


def write(directory: Path, **fragments: str) -> Path:
    for name, text in fragments.items():
        (directory / f"{name[1:].replace('_', '-', 1)}.toml").write_text(text)
    return directory


def problems(directory: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load((directory,))
    return list(caught.value.problems)


def test_later_fragment_wins(tmp_path: Path) -> None:
    """Features 5.01: 50 beats 20, and both beat the packaged ones."""
    write(tmp_path, _20_site=IDENTITY + "spam_kill_level = 5\nspam_tag_level = 1\n", _50_user="spam_kill_level = 7\n")
    configuration = load((tmp_path,))
    assert configuration.settings.spam_kill_level.find("a@b.test") == 7
    assert configuration.settings.spam_tag_level.find("a@b.test") == 1
    assert configuration.settings.spam_tag2_level.find("a@b.test") == 6.31
    assert str(configuration.origin("spam_kill_level")) == f"{tmp_path / '50-user.toml'}:1"
    assert [path.name for path in configuration.files][-2:] == ["20-site.toml", "50-user.toml"]


def test_lists_replace(tmp_path: Path) -> None:
    """design.md: later keys win, lists replace."""
    write(tmp_path, _05_node_id=IDENTITY, _50_user='inet_acl = ["192.0.2.0/24"]\n')
    acl = load((tmp_path,)).settings.inet_acl
    assert acl.contains("192.0.2.7")
    assert not acl.contains("127.0.0.1")


def test_local_domains_follow_the_domain(tmp_path: Path) -> None:
    """Features 5.24: computed after all files are merged, so the order does not matter."""
    write(tmp_path, _05_node_id=IDENTITY, _50_user='mydomain = "late.example"\n')
    local_domains = load((tmp_path,)).settings.local_domains
    assert local_domains.find("a@sub.late.example")
    assert not local_domains.find("a@example.test")


def test_checks_are_off_as_packaged(tmp_path: Path) -> None:
    """Features 1.02: neither scanner is used until the administrator says so."""
    settings = load((write(tmp_path, _05_node_id=IDENTITY),)).settings
    assert settings.bypass_virus_checks.find("a@b.test") is True
    assert settings.bypass_spam_checks.find("a@b.test") is True


def test_destinies_with_and_without_prefix(tmp_path: Path) -> None:
    """B5.05: amavisd's D_ names are understood."""
    write(tmp_path, _50_user=IDENTITY + 'final_virus_destiny = "D_REJECT"\nfinal_spam_destiny = "pass"\n')
    settings = load((tmp_path,)).settings
    assert (settings.final_virus_destiny, settings.final_spam_destiny) == (Destiny.REJECT, Destiny.PASS)


def test_all_errors_at_once(tmp_path: Path) -> None:
    """Design rule 6: file, key and reason of every problem, also next to a file that does not parse."""
    write(
        tmp_path,
        _20_broken="a = [\n",
        _50_user=IDENTITY
        + 'spam_kil_level = 3\nfinal_virus_destiny = "explode"\nmax_servers = -1\nforward_method = "smtp:here"\n',
    )
    found = problems(tmp_path)
    user = tmp_path / "50-user.toml"
    assert [line for line in found if line.startswith(f"{tmp_path / '20-broken.toml'}: not valid TOML")]
    assert f"{user}:2: spam_kil_level: unknown setting; did you mean spam_kill_level?" in found
    assert [line for line in found if line.startswith(f"{user}:3: final_virus_destiny: 'explode' is not one of")]
    assert [line for line in found if line.startswith(f"{user}:4: max_servers: ")]
    assert [line for line in found if line.startswith(f"{user}:5: forward_method: ")]
    assert len(found) == 5


def test_host_without_domain_is_refused(tmp_path: Path) -> None:
    """Features 5.26: a host without a dotted name fails with a message, and only that one."""
    found = problems(write(tmp_path, _05_node_id='myhostname = "gate"\n'))
    assert len(found) == 1
    assert "set myhostname to the host's fully qualified name" in found[0]


@pytest.mark.parametrize("method", ["sql:", "local:", "local:/etc/passwd", "local:../x-%m", "virus-%m"])
def test_quarantine_methods_that_do_not_work_are_refused(tmp_path: Path, method: str) -> None:
    """B10.01: found by check-config, not by the first infected mail; nothing outside QUARANTINEDIR."""
    (found,) = problems(write(tmp_path, _50_user=IDENTITY + f'virus_quarantine_method = "{method}"\n'))
    assert "virus_quarantine_method" in found


def test_directory_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """Design rule 6: never the packaged defaults, with all checks off, in silence. An absent directory is empty."""
    (tmp_path / "conf.d").write_text("a file")
    assert f"{tmp_path}/conf.d: cannot be read: Not a directory" in problems(tmp_path / "conf.d")
    write(tmp_path, _05_node_id=IDENTITY)
    assert load((tmp_path / "absent", tmp_path)).settings.myhostname == "gate.example.test"


def test_other_files_are_not_configuration(tmp_path: Path) -> None:
    """Backups and editors' files next to the fragments do no harm."""
    write(tmp_path, _05_node_id=IDENTITY)
    (tmp_path / "50-user.toml~").write_text("nonsense")
    (tmp_path / "README").write_text("nonsense")
    assert len(load((tmp_path,)).files) == len(load((write(tmp_path, _05_node_id=IDENTITY),)).files)
    assert load((tmp_path,)).settings.myhostname == "gate.example.test"
