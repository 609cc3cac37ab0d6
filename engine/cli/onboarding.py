"""`thuchi gateway onboard` and `account`: a bank, wallet or payment page, and the accounts that pay through it."""

from typing import Annotated

import typer

from engine import audit
from engine.cli.calling import As
from engine.cli.calling import opened as opened_installation
from engine.payments import gateways
from gateways.providers import providers
from gateways.signing import ensure_key


def gateway_onboard(
    name: Annotated[str, typer.Argument(help="Our name for it: small letters, digits, underscores.")],
    adapter: Annotated[str, typer.Option(help="What speaks to it; see `thuchi gateway show` and `providers`.")],
    address: Annotated[str, typer.Option(help="https://…, or file:///directory where files are exchanged.")],
    person: As,
    client_id: Annotated[str, typer.Option(help="Who we are to a bank that takes files.")] = "",
) -> None:
    """Registers a gateway. Of a bank that takes files, prints our public key for it; of others, checks the keys."""
    with opened_installation() as installation:
        with installation.database.transaction(person) as connection:
            gateways.require_new(connection, name, adapter)
            gateways.onboard(connection, name, adapter, address, client_id)
            audit.record(connection, "gateway_onboarded", name, installation.clock().now(), adapter=adapter)
            if adapter in providers():
                # Raises, and so registers nothing, where keys and address do not fit each other.
                installation.provider_at(name, adapter, address).close()
        if adapter not in providers():
            print(ensure_key(installation.signing_key(name)), end="")


def gateway_account(
    name: str,
    account: Annotated[str, typer.Argument(help="Its number; at a wallet or the post, the number of our contract.")],
    fund: Annotated[str, typer.Option(help="The fund that pays from it.")],
    holder: Annotated[str, typer.Option(help="The holder's name, as the bank writes it.")],
    opening_vnd: Annotated[int, typer.Option(min=0, help="Đồng that stand on it when our books begin.")],
    person: As,
) -> None:
    """Mở tài khoản chi: registers an account from which a fund pays through a gateway."""
    with opened_installation() as installation, installation.database.transaction(person) as connection:
        clock = installation.clock()
        gateways.require_fund(fund)
        gateways.open_paying_account(
            connection,
            installation.vault,
            gateways.PayingAccount(name, fund, holder, account),
            opening_vnd=opening_vnd,
            on=clock.today(),
            at=clock.now(),
        )
        audit.record(connection, "paying_account_opened", name, clock.now(), fund=fund, opening_vnd=opening_vnd)
