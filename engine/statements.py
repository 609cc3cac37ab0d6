"""Fetches statements from a gateway and hands them to settlement: the gateway gives bytes and does not read them."""

import os
from datetime import date

from engine.installation import Installation
from engine.payments.settlement import ImportedStatement, import_statement


def fetch_statements(installation: Installation, gateway: str, on: date) -> list[ImportedStatement]:
    """Imports what the bank has for a day, each file in a transaction of its own; known files change nothing."""
    bank = installation.gateway(gateway)
    imported = []
    try:
        for name in bank.list_statements(on):
            file = bank.fetch_statement(name)
            path = installation.incoming / os.path.basename(file.file_name)  # noqa: PTH119 - a name, whatever they sent
            path.touch(mode=0o600)
            path.write_bytes(file.content)
            with installation.database.transaction() as connection:
                imported.append(import_statement(connection, installation.vault, path, installation.clock().now()))
    finally:
        bank.close()
    return imported
