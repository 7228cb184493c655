"""The program that compares tests with the items that they have to cover."""

from __future__ import annotations

from pathlib import Path

import feature_coverage
import item_mentions
import pytest
from feature_coverage import Catalogue
from item_mentions import Coverage

SOURCE = '''"""A file about features 2.01."""

TABLE = [
    ("Example", 1),  # features 2.02
]


def helper():
    """Of features 2.03."""


# features 2.04
@pytest.mark.parametrize("row", TABLE)
def test_rows(row):
    """Covers features 2.05,
    2.06 and 2.08-2.10.
    """


class TestMore:
    def test_member(self):
        # features 2.01
        pass

    def test_contracts(self):
        """Contract B3.01, B3.02 to
        B3.04; features 2.11, B10.09-B10.11.
        """
'''
PAGE = Path("page.md")


def features(**reasons: str) -> Catalogue:
    """Two items of one chapter, with reasons for some."""
    items = {"2.01": "one", "2.02": "two"}
    return Catalogue("features", {"2": "ClamAV"}, items, {f"2.{item[1:]}": why for item, why in reasons.items()}, PAGE)


def collected(source: str) -> dict[str, list[str]]:
    found = Coverage()
    item_mentions.collect_file("test_x.py", source, found)
    return found.tests


@pytest.mark.parametrize("item", ["2.02", "2.04", "2.05", "2.06", "2.08", "2.09", "2.10"])
def test_items_belong_to_the_test_that_names_them(item: str) -> None:
    assert collected(SOURCE)[item] == ["test_x.py::test_rows"]


def test_what_stands_outside_of_tests_is_about_the_file() -> None:
    found = Coverage()
    item_mentions.collect_file("test_x.py", SOURCE, found)
    assert found.files == {"2.01": ["test_x.py"], "2.03": ["test_x.py"]}
    assert found.tests["2.01"] == ["test_x.py::TestMore::test_member"]


@pytest.mark.parametrize("item", ["2.11", "B3.01", "B3.02", "B3.03", "B3.04", "B10.09", "B10.10", "B10.11"])
def test_items_of_contracts_need_no_word(item: str) -> None:
    assert collected(SOURCE)[item] == ["test_x.py::TestMore::test_contracts"]


@pytest.mark.parametrize(
    "text", ["feature 2.1", "contracts 2.01", "version 2.01", "features chapter 2", "AB3.01", "B3.1", "contract B3"]
)
def test_other_numbers_are_no_items(text: str) -> None:
    assert collected(f'"""{text}"""') == {}


def test_all_covered_or_explained_is_no_problem() -> None:
    assert feature_coverage.problems(features(_02="planned"), Coverage({"2.01": ["test_x.py::test_one"]})) == []


def test_an_item_without_test_and_reason_is_a_problem() -> None:
    found = feature_coverage.problems(features(), Coverage({"2.01": ["test_x.py::test_one"]}))
    assert found == ["features 2.02 (two): no test names it and features.yml gives no reason"]


def test_a_file_alone_is_no_test() -> None:
    """Who looks for the test of an item wants more than the name of a file that once promised it."""
    found = feature_coverage.problems(features(_02="planned"), Coverage(files={"2.01": ["test_x.py"]}))
    assert found == [
        "features 2.01 (one): no test names it, test_x.py does outside of its tests, and features.yml gives no reason"
    ]


def test_a_reason_that_a_test_has_overtaken_is_a_problem() -> None:
    found = feature_coverage.problems(
        features(_01="planned", _02="planned"), Coverage({"2.01": ["test_x.py::test_one"]})
    )
    assert found == [
        "features 2.01 (one): features.yml gives a reason, yet test_x.py::test_one tests it; delete the reason"
    ]


def test_an_unknown_item_is_a_problem() -> None:
    tests = {"2.01": ["a::test_a"], "2.02": ["b::test_b"], "2.98": ["c::test_c"], "7.01": ["d"], "B2.99": ["e"]}
    assert feature_coverage.problems(features(), Coverage(tests, {"2.99": ["test_x.py"]})) == [
        "c::test_c names features 2.98, which does not exist",
        "test_x.py names features 2.99, which does not exist",
    ]


def test_a_reason_for_an_unknown_item_is_a_problem() -> None:
    found = feature_coverage.problems(features(_99="planned"), Coverage({"2.01": ["a::test"], "2.02": ["b::test"]}))
    assert found == ["features.yml: reason for 2.99, which is no item"]


def test_page() -> None:
    """Tests, at most three, or the reason, for each item of a chapter in order."""
    tests = [f"test_x.py::test_{number}" for number in range(5)]
    shown = feature_coverage.page(features(_02="planned"), Coverage({"2.01": tests})).splitlines()
    cell = "`test_x.py::test_0`<br>`test_x.py::test_1`<br>`test_x.py::test_2` and 2 more"
    assert shown[-2:] == [f"| 2.01 | one | {cell} |", "| 2.02 | two | planned |"]


@pytest.mark.parametrize("catalogue", feature_coverage.load_all(), ids=lambda catalogue: catalogue.kind)
def test_items_are_in_order_and_belong_to_a_chapter(catalogue: Catalogue) -> None:
    def place(item: str) -> tuple[int, int]:
        chapter, number = item.lstrip("B").split(".")
        return int(chapter), int(number)

    items = list(catalogue.items)
    assert items == sorted(items, key=place)
    assert {item.split(".")[0] for item in items} == set(catalogue.chapters)


@pytest.mark.parametrize("catalogue", feature_coverage.load_all(), ids=lambda catalogue: catalogue.kind)
def test_reasons_say_why(catalogue: Catalogue) -> None:
    """A word or two, such as `in work`, is none."""
    assert [item for item, reason in catalogue.reasons.items() if len(reason.split()) < 5] == []
