"""The database in use, and the ledger in it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from engine.cli import chart, reading
from engine.cli.calling import AsJson, ExistingFile, opened
from engine.cli.printing import print_json, print_result, print_table
from engine.database import addresses, upgrade
from engine.embedded import EmbeddedServer
from engine.errors import WrongInput
from engine.settings import Settings
from gateways.signing import ensure_key
from ledger import exports, proofs, verifier
from ledger.seals import key_id_of, seal_entries

database_commands = typer.Typer(no_args_is_help=True, help="The database in use.")
ledger_commands = typer.Typer(no_args_is_help=True, help="Sổ cái.")
ledger_commands.add_typer(reading.app)
ledger_commands.add_typer(chart.app)


@database_commands.command("upgrade")
def database_upgrade() -> None:
    """Brings the tables to the newest migration; makes the embedded database if there is none."""
    upgrade(addresses(Settings.read()).owner)


@database_commands.command("url")
def database_url(superuser: Annotated[bool, typer.Option("--superuser")] = False) -> None:
    """The address in use, with its password."""
    where = addresses(Settings.read())
    if superuser and where.superuser is None:
        raise WrongInput(["the superuser's address is known for the embedded database only"])
    print(where.superuser if superuser else where.application)


@database_commands.command("stop")
def database_stop() -> None:
    """Stops the embedded server."""
    stopped = EmbeddedServer(Settings.read().home).stop()
    print("stopped" if stopped else "it was not running")


@ledger_commands.command("verify")
def ledger_verify(
    export: Annotated[Path | None, typer.Option("--export", help="An exported directory instead of the books.")] = None,
    public_key: Annotated[list[Path] | None, typer.Option("--public-key", help="PEM; for an export.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recomputes every content hash, balance and seal; exit 1 and the first difference if one does not match."""
    verification: verifier.Verification | exports.ExportVerification
    if export is not None:
        keys = public_keys(public_key or [])
        try:
            verification = exports.verify_export(export, keys)
        except OSError as error:
            raise WrongInput([f"{error.filename}: not there, so {export} is no export of the ledger"]) from error
    else:
        with opened() as installation, installation.database.transaction() as connection:
            verification = verifier.verify(connection)
    if as_json:
        print_json(asdict(verification))
    else:
        print_table("", [asdict(verification)])
    if verification.first_difference is not None:
        print(verification.first_difference, file=sys.stderr)
        raise typer.Exit(1)


@ledger_commands.command("seal")
def ledger_seal(
    new_epoch: Annotated[bool, typer.Option("--new-epoch", help="After a restore into another cluster.")] = False,
    as_json: AsJson = False,
) -> None:
    """Seals everything committed into the signed chain."""
    with opened() as installation, installation.database.transaction() as connection:
        key = ensure_seal_key(installation.settings.home)
        seals = seal_entries(connection, key, installation.clock().now(), new_epoch=new_epoch)
    made = [
        {
            "seal": seal.seal_no,
            "entries": seal.entries,
            "merkle_root": seal.merkle_root.hex(),
            "hash": seal.hash().hex(),
            "key": seal.key_id,
        }
        for seal in seals
    ]
    if as_json:
        print_json(made)
    else:
        print_table("", made)


@ledger_commands.command("export")
def ledger_export(
    directory: Path, until_seal: Annotated[int | None, typer.Option("--until-seal")] = None, as_json: AsJson = False
) -> None:
    """Writes the sealed entries, their seals and our public key, to be verified without the database."""
    with opened() as installation, installation.database.transaction() as connection:
        key = ensure_seal_key(installation.settings.home).public_key()
        seals = exports.export(connection, directory, until_seal)
    (directory / exports.KEY_FILE).write_bytes(exports.written_key(key.public_bytes_raw()))
    print_result({"directory": str(directory), "seals": seals}, as_json)


@ledger_commands.command("prove")
def ledger_prove(entry: int) -> None:
    """Prints the proof that an entry is sealed, as JSON."""
    with opened() as installation, installation.database.transaction() as connection:
        print_json(proofs.prove(connection, entry))


@ledger_commands.command("check-proof")
def ledger_check_proof(file: ExistingFile, as_json: AsJson = False) -> None:
    """Checks a printed proof, without the books; compare the key with the one you know."""
    try:
        proof = json.loads(file.read_text(encoding="utf-8"))
        difference = proofs.proof_difference(proof)
    except (ValueError, KeyError, TypeError) as error:
        raise WrongInput([f"{file}: not a proof"]) from error
    shown = {"entry": proof["entry"], "seal": proof["seal"]["seal_no"], "key": proof["seal"]["key_id"]}
    print_result(shown | {"holds": difference is None}, as_json)
    if difference is not None:
        print(difference, file=sys.stderr)
        raise typer.Exit(1)


def public_keys(paths: list[Path]) -> dict[str, bytes]:
    """Ed25519 keys of PEM files, by their fingerprint."""
    found = {}
    for path in paths:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError) as error:
            raise WrongInput([f"{path}: no public key in PEM form"]) from error
        if not isinstance(key, Ed25519PublicKey):
            raise WrongInput([f"{path}: not an Ed25519 key"])
        found[key_id_of(key.public_bytes_raw())] = key.public_bytes_raw()
    return found


def ensure_seal_key(home: Path) -> Ed25519PrivateKey:
    """The private key that seals this ledger, made where there is none."""
    path = home / "keys" / "seal.pem"
    ensure_key(path)
    if path.stat().st_mode & 0o077:
        raise WrongInput([f"{path}: its mode must be 0600"])
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise WrongInput([f"{path}: not an Ed25519 key"])
    return key
