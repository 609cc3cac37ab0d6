"""Writing many rows at once: COPY in place of one statement per row."""

from collections.abc import Iterable, Mapping
from itertools import chain
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy import Connection, TableClause, func, select


def copy_rows(connection: Connection, table: TableClause, rows: Iterable[Mapping[str, object]]) -> int:
    """Streams rows into a table; all have the keys of the first. Returns how many there were."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return 0
    columns = list(first)
    schema = [sql.Identifier(table.schema)] if table.schema else []
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.SQL(".").join([*schema, sql.Identifier(table.name)]),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    count = 0
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for row in chain([first], rows):
            copy.write_row([row[column] for column in columns])
            count += 1
    return count


def new_ids(connection: Connection, count: int) -> list[UUID]:
    """Ids for rows to come, ordered in time (uuidv7), made by the database."""
    series = func.generate_series(1, count).table_valued("number")
    return list(connection.scalars(select(func.uuidv7(type_=UUID_TYPE())).select_from(series)))


def _driver(connection: Connection) -> psycopg.Connection[object]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("COPY needs the psycopg driver")
    return driver
