"""Reconciliation from the command line."""

from typing import Any

import typer

from engine.cli.calling import AsJson, On, day_of, opened
from engine.cli.printing import err, out, print_json, print_result, print_table
from engine.reconcile import AccountReport, reconcile

app = typer.Typer()


@app.command("reconcile")
def reconcile_accounts(on: On = None, as_json: AsJson = False) -> None:
    """Đối soát: matches again what is open, applies it once, and says what keeps the day from being closed."""
    with opened() as installation, installation.database.transaction() as connection:
        reconciled = reconcile(connection, day_of(installation, on), installation.clock().now())
    told = reconciled.as_json()
    if as_json:
        print_json(told)
    else:
        print_result({key: value for key, value in told.items() if key != "accounts"}, as_json=False)
        for account in reconciled.accounts:
            _print_account(account)
        for reason in (reason for account in reconciled.accounts for reason in account.keeps_open):
            err.print(reason, markup=False)
    if not reconciled.closes:
        raise typer.Exit(1)


def _print_account(account: AccountReport) -> None:
    told = account.as_json()
    out.print(f"\n{told['account']}", markup=False)
    figures = ("ledger_vnd", "statement_on", "statement_vnd", "difference_vnd", "waiting", "expected", "expected_vnd")
    print_result({name: told[name] for name in figures}, as_json=False)
    _print_rows("Khớp (matched)", told["matched"])
    _print_rows("Chênh lệch (breaks)", told["breaks"])


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        print_table(title, [{key: value for key, value in row.items() if key != "listed"} for row in rows])
