"""What holds on a host whose administrator has set a host name and nothing else (contract B19, features chapter 5)."""

from pathlib import Path

import pytest

from mailcordon.config.load import ADMIN_DIRECTORY, Configuration, load, packaged_directory
from mailcordon.config.policy import final_destiny, policy_for
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.envelope import Recipient

BOB = "bob@example.test"


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    (tmp_path / "05-node_id.toml").write_text('myhostname = "gate.example.test"\n')
    return load((tmp_path,))


@pytest.fixture
def settings(configuration: Configuration) -> Settings:
    return configuration.settings


def test_ports(settings: Settings) -> None:
    """Contract B19.01, B7.01; features 6.01: in at 10024, out and our own mail to 10025, on loopback."""
    assert (settings.inet_socket_bind, settings.inet_socket_port) == ("127.0.0.1", [10024])
    assert str(settings.forward_method) == "smtp:[127.0.0.1]:10025"
    assert str(settings.notify_method) == "smtp:[127.0.0.1]:10025"


def test_directories_follow_the_home(settings: Settings, tmp_path: Path) -> None:
    """Contract B19.02, features 5.44, 5.46: amavisd's layout below a home of our own name."""
    assert str(settings.MYHOME) == "/var/lib/mailcordon"
    assert str(ADMIN_DIRECTORY) == "/etc/mailcordon/conf.d"
    (tmp_path / "50-user.toml").write_text('MYHOME = "/srv/filter"\n')
    for home, found in (("/var/lib/mailcordon", settings), ("/srv/filter", load((tmp_path,)).settings)):
        directories = (found.TEMPBASE, found.QUARANTINEDIR, found.smtpd_tls_cert_file, found.smtpd_tls_key_file)
        assert [str(path) for path in directories] == [
            f"{home}/tmp",
            f"{home}/virusmails",
            f"{home}/cert/amavisd-cert.pem",
            f"{home}/cert/amavisd-key.pem",
        ]


def test_quarantine_directory_of_ones_own(tmp_path: Path) -> None:
    """Features 5.46: upstream's place, whatever the home is."""
    (tmp_path / "50-user.toml").write_text('myhostname = "gate.example.test"\nQUARANTINEDIR = "/var/virusmails"\n')
    assert str(load((tmp_path,)).settings.QUARANTINEDIR) == "/var/virusmails"


def test_levels(settings: Settings) -> None:
    """Contract B19.03: Debian's; without a third level."""
    policy = policy_for(settings, Recipient(BOB))
    assert (policy.spam_tag_level, policy.spam_tag2_level, policy.spam_kill_level) == (2.0, 6.31, 6.31)
    assert (policy.spam_tag3_level, policy.spam_dsn_cutoff_level) == (None, 10)
    assert settings.spam_subject_tag2.find(BOB) == "***SPAM*** "
    assert settings.sa_mail_body_size_limit == 200 * 1024


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("127.8.9.10", "128.0.0.1"),
        ("::1", "::2"),
        ("169.254.1.2", "169.255.1.2"),
        ("fe80::1", "fec0::1"),
        ("10.255.0.1", "11.0.0.1"),
        ("172.31.255.255", "172.32.0.0"),
        ("192.168.0.1", "192.169.0.1"),
        ("fdff::1", "fe00::1"),
    ],
)
def test_networks(settings: Settings, inside: str, outside: str) -> None:
    """Contract B19.04: private and link-local ones are ours; who may connect is loopback only."""
    assert settings.mynetworks.contains(inside)
    assert not settings.mynetworks.contains(outside)
    assert settings.inet_acl.contains(inside) is (inside == "::1")
    assert settings.inet_acl.contains("127.0.0.1")


def test_names(settings: Settings, tmp_path: Path) -> None:
    """Contract B19.05, features 5.25: the domain is what follows the host's own name, unless it is set."""
    assert (settings.mydomain, settings.localhost_name) == ("example.test", "localhost")
    assert (settings.myproduct_name, settings.X_HEADER_LINE) == ("mailcordon", "mailcordon at example.test")
    (tmp_path / "50-user.toml").write_text('mydomain = "mail.example"\nmyproduct_name = "Our Filter"\n')
    changed = load((tmp_path,)).settings
    assert (changed.mydomain, changed.X_HEADER_LINE) == ("mail.example", "Our Filter at mail.example")


@pytest.mark.parametrize(
    ("category", "destiny"),
    [
        (Category(Major.VIRUS), Destiny.DISCARD),
        (Category(Major.BANNED), Destiny.DISCARD),
        (Category(Major.UNCHECKED, 1), Destiny.PASS),
        (Category(Major.SPAM), Destiny.DISCARD),
        (Category(Major.BAD_HEADER, 7), Destiny.PASS),
        (Category(Major.OVERSIZED), Destiny.BOUNCE),
        (Category(Major.MTA), Destiny.TEMPFAIL),
        (Category(Major.MTA, 1), Destiny.TEMPFAIL),
        (Category(Major.MTA, 2), Destiny.REJECT),
        (Category(Major.CLEAN), Destiny.PASS),
        (Category(Major.CATCHALL), Destiny.PASS),
    ],
)
def test_destinies(settings: Settings, category: Category, destiny: Destiny) -> None:
    """Contract B5.06, features 5.32-5.35, 18.07: Debian's word on spam, and no bounce to senders who may be forged."""
    assert final_destiny(settings, category) is destiny


@pytest.mark.parametrize("sender", ["boss@example.test", "x@paypal.com", "x@ebay.de", "x@googlegroups.com", ""])
def test_nobody_is_trusted_for_an_address(settings: Settings, sender: str) -> None:
    """Features 5.31, 5.40, 18.08: neither the host's own domain nor anybody else's is on a white list."""
    assert not settings.whitelist_sender.find(sender)
    assert settings.per_recip_whitelist_sender_lookup_tables.find(BOB) is None
    assert settings.score_sender.find(BOB) is None
    assert set(settings.policy_bank) == {"ORIGINATING", "AM.PDP-SOCK"}
    assert settings.interface_policy == {"SOCK": "AM.PDP-SOCK"}
    assert settings.policy_bank["AM.PDP-SOCK"].members() == {"protocol": "AM.PDP", "auth_required_release": False}


def test_packaged_fragments_stay_apart(configuration: Configuration, tmp_path: Path) -> None:
    """Features 5.05, 5.41: they lie in the package, and what the administrator writes last wins over all of them."""
    packaged = [path for path in configuration.files if path.parent == packaged_directory()]
    assert configuration.files[: len(packaged)] == (*sorted(packaged),)
    assert [path.name for path in configuration.files[len(packaged) :]] == ["05-node_id.toml"]
    assert {"01-debian.toml", "20-debian_defaults.toml"} < {path.name for path in packaged}
    assert "50-user.toml" not in {path.name for path in packaged}
    (tmp_path / "50-user.toml").write_text("spam_kill_level = 9\n")
    changed = load((tmp_path,))
    assert changed.files[-1] == tmp_path / "50-user.toml"
    assert str(changed.origin("spam_kill_level")) == f"{tmp_path / '50-user.toml'}:1"
    assert changed.settings.spam_kill_level.find(BOB) == 9
