"""The `thuchi` command: tables for people, JSON with `--json`.

Exit 0 done; 1 the thing checked does not hold or the work failed; 2 the call or its input is wrong. Errors go to
standard error, all of them at once.
"""

import inspect
import sys
from typing import NoReturn

import typer
from sqlalchemy.exc import DBAPIError

from engine.cli import (
    auditing,
    banks,
    books,
    employers,
    lateness,
    month,
    payees,
    payments,
    reconciling,
    recoveries,
    transfers,
)
from engine.errors import DoesNotHold, ServerUnavailable, ThuchiError, WrongInput
from engine.law.commands import app as law
from gateways.errors import GatewayError
from ledger.errors import LedgerError
from reconciliation.errors import ReconciliationError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Thu chi bảo hiểm xã hội.")
app.add_typer(month.app)
app.add_typer(employers.app)
app.add_typer(reconciling.app)
for name, group in (
    ("db", books.database_commands),
    ("law", law),
    ("ledger", books.ledger_commands),
    ("audit", auditing.audit_commands),
    ("employer", employers.employer_commands),
    ("collection-account", employers.collection_commands),
    ("late", lateness.late_commands),
    ("refund", employers.refund_commands),
    ("suspense", employers.suspense_commands),
    ("declaration", employers.declaration_commands),
    ("award", payments.award_commands),
    ("payout-account", payees.account_commands),
    ("pay-point", payees.pay_point_commands),
    ("death", payments.death_commands),
    ("recovery", recoveries.recovery_commands),
    ("run", payments.run_commands),
    ("notification", payments.notification_commands),
    ("sending", payments.sending_commands),
    ("transfer", transfers.transfer_commands),
    ("gateway", banks.gateway_commands),
    ("statement", banks.statement_commands),
    ("break", reconciling.break_commands),
    ("match", reconciling.match_commands),
    ("exchange", banks.exchange_commands),
    ("bench", month.bench_commands),
    ("simulator", banks.simulator_commands),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Runs a command; turns what the program itself refuses into an exit code and a message."""
    try:
        app()
    except WrongInput as error:
        _fail(error, 2)
    except (DoesNotHold, ServerUnavailable) as error:
        _fail(error, 1)
    except ThuchiError as error:
        _fail(error, 2)
    except (LedgerError, GatewayError, ReconciliationError) as error:
        # Their messages name the thing; what happened to it is said by the class.
        _fail(f"{inspect.getdoc(type(error))}\n{error}", 2)
    except DBAPIError as error:
        _fail(error.orig or error, 1)


def _fail(error: object, code: int) -> NoReturn:
    print(error, file=sys.stderr)
    sys.exit(code)
