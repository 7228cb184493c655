"""Statements of an administrator's own that cannot be right (contract B2.25; features 5.49, 11.16)."""

from pathlib import Path

import pytest
from refusals import refusals

OLD_UPDATE = "UPDATE msgs SET content=?, quar_type=?, dsn_sent=?, spam_level=?, message_id=?, from_addr=?, subject=?"


@pytest.mark.parametrize(
    ("name", "statement", "complaint"),
    [
        ("upd_msg", f"{OLD_UPDATE} WHERE mail_id=?", "has 8 placeholders ? where 12 values are given"),
        ("sel_adr", "SELECT id FROM maddr WHERE email=?", "has 1 placeholders ? where 2 values are given"),
        ("sel_policy", "SELECT * FROM users WHERE email IN (%m)", "%m means nothing there"),
        ("sel_policy", "SELECT * FROM users", "has no %k, so that it would find the same for everybody"),
        ("sel_msg", "SELECT 50% FROM msgs WHERE mail_id=?", "a % outside of a literal must begin a placeholder"),
    ],
)
def test_statement_of_another_time(tmp_path: Path, name: str, statement: str, complaint: str) -> None:
    """B2.25, features 5.49, 11.16: what is overridden for an older amavisd-new is refused, in one line, not run."""
    (problem,) = refusals(tmp_path, f'sql_clause.{name} = "{statement}"')
    assert problem.startswith("sql_clause: ")
    assert f"{name}: {complaint}" in problem
