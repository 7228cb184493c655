"""Regular expressions that backtrack without end are refused (issue 5, 'Bad input')."""

import time
from pathlib import Path

import pytest

from mailcordon.config.ambiguity import is_ambiguous
from mailcordon.config.expressions import LONGEST, compile_expression
from mailcordon.config.load import load
from mailcordon.config.lookup_parse import parse_lookup
from mailcordon.config.types import BOOLEANS
from mailcordon.errors import ConfigError

EXPONENTIAL = [
    r"(a+)+$",
    r"^sales-([a-z]+)*@",
    r"([a-m]+|[k-z]+)*!",
    r"(x+x+)+y",
    r"(a*)*b",
    r"(?:a?b?)*c",
    r"(.*a){20}",
    r"^(([a-z0-9])+.)+[A-Z]([a-z0-9])+$",
    r"(?=(a+)+b)",
    r"(a{1,30}){1,30}b",
    r"(?:a{2}|a{3})*b",
    r"(a|ab|b)*c",
    r"^(.+\.)+$",
    r"(?P<n>(?:[^@]+)*)@",
    r"(?i)(?:xa|XA)*b",
    r"(?:(?>a+)+)+b",
]
POLYNOMIAL = [r".*.*.*.*.*=.*", r"(.*)a(.*)b(.*)c(.*)d(.*)e$", r"^\w*\w*\w*\w*\w*\w*@"]
HARMLESS = [
    r"^virus-research\+",
    r"(?:[a-z]+\.)*example\.com$",
    r"@(?:.*\.)?example\.com$",
    r"(?i)^(info|sales|office)@",
    r"^(.*)-bounces\+(.*)=(.*)@(.*)$",
    r"^[0-9a-f]{32}@",
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$",
    r"(\d{1,3}\.){3}\d{1,3}",
    r"^[^@]+@([^.@]+\.)*example\.org$",
    r"(?:[a-z]++)*x",
    r"(?>a+)*b",
    r"(?:[0-9a-f]{40})+x",
    r".*foo.*bar",
    r"(a)(b)?(?(2)c|d)",
    r"^([a-z])\1*@",
    r"^[\w.+-]+@[\w-]+(\.[\w-]+)*$",
    r"(?:aa|XA)*b",
]


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_exponential_expressions(pattern: str) -> None:
    """Found by their form, without trying them."""
    assert is_ambiguous(pattern)
    with pytest.raises(ValueError, match="it may take without end"):
        compile_expression(pattern)


@pytest.mark.parametrize("pattern", POLYNOMIAL)
def test_slow_expressions(pattern: str) -> None:
    """Not exponential, and too slow all the same: found by a trial that ends."""
    assert not is_ambiguous(pattern)
    with pytest.raises(ValueError, match="it may take without end"):
        compile_expression(pattern)


@pytest.mark.parametrize("pattern", HARMLESS)
def test_harmless_expressions(pattern: str) -> None:
    """The twins: repeats that are told apart by what stands between them."""
    assert compile_expression(pattern).pattern == pattern


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "*", "(?P<n>", "[z-a]"])
def test_what_is_no_expression(pattern: str) -> None:
    """One line that says why."""
    with pytest.raises(ValueError, match=r"^regular expression .*at position"):
        compile_expression(pattern)


def test_refused_with_file_line_and_key(tmp_path: Path) -> None:
    """Issue 5: refused at check-config with one line."""
    fragment = tmp_path / "50-user.toml"
    fragment.write_text('myhostname = "gate.example.test"\n\n[[virus_lovers]]\nregexp = [["(a+)+$", true]]\n')
    with pytest.raises(ConfigError) as caught:
        load((tmp_path,))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{fragment}:3: virus_lovers: regular expression '(a+)+$': it may take without end")


def test_giant_addresses_match_nothing() -> None:
    """Contract B3.13: addresses of whatever length come out of a From field; a quadratic search of them would take
    minutes. RFC 5321 allows 320 characters."""
    lookup = parse_lookup({"regexp": [[".*x.*@", True]]}, BOOLEANS)
    longest = "x" * (LONGEST - len("@a.test")) + "@a.test"
    assert lookup.find(longest) is True
    began = time.process_time()
    assert lookup.find("y" * 1_000_000 + longest) is None
    assert time.process_time() - began < 1
