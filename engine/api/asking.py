"""What every request starts from: the installation, one view of the database, and who asks."""

from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie
from sqlalchemy import Connection

from engine.api.errors import NoIdentity, NotForThisRole, NotSignedIn
from engine.api.identity import COOKIE, Role, Session, User, has_ended, is_demonstration, user_of
from engine.clock import Clock
from engine.errors import NotFound
from engine.installation import Installation


def _installation(request: Request) -> Installation:
    installation: Installation = request.app.state.installation
    return installation


TheInstallation = Annotated[Installation, Depends(_installation)]


def _reading(installation: TheInstallation) -> Iterator[Connection]:
    """One instant of the database for the whole answer; nothing can be written through it."""
    with installation.database.engine.connect() as connection:
        yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


Reading = Annotated[Connection, Depends(_reading, scope="function")]
"""Given back before the answer is sent: a reader who takes long holds no connection."""


_Cookie = Annotated[str | None, Security(APIKeyCookie(name=COOKIE, scheme_name="session", auto_error=False))]


def _session(cookie: _Cookie, installation: TheInstallation, connection: Reading) -> Session | None:
    session = Session.unseal(cookie or "", installation.vault, Clock().now())
    return None if session is None or has_ended(connection, session) else session


TheSession = Annotated[Session | None, Depends(_session)]


def _user(connection: Reading, session: TheSession) -> User:
    if not is_demonstration(connection):
        raise NoIdentity(NoIdentity.__doc__)
    if session is None or not session.user_code:
        raise NotSignedIn(NotSignedIn.__doc__)
    try:
        return user_of(connection, session.user_code)
    except NotFound as error:
        raise NotSignedIn(NotSignedIn.__doc__) from error


SignedIn = Annotated[User, Depends(_user)]


def _only(role: Role) -> Callable[[User], User]:
    def check(user: SignedIn) -> User:
        if user.role is not role:
            raise NotForThisRole(NotForThisRole.__doc__)
        return user

    return check


FinanceStaff = Annotated[User, Depends(_only(Role.FINANCE))]
Beneficiary = Annotated[User, Depends(_only(Role.BENEFICIARY))]
Employer = Annotated[User, Depends(_only(Role.EMPLOYER))]
