"""Looks whether the parts of an installation are there and fit to work; health checks ask for one part."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx2
import redis
from sqlalchemy.exc import DBAPIError

from engine.contributions.collection import notices_without_account
from engine.database import Database, addresses, require_current_schema
from engine.errors import DoesNotHold, ThuchiError
from engine.settings import Settings
from engine.vault import open_vault
from gateways.simulator import process as simulator


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    fit: bool
    remark: str


def look(settings: Settings, parts: tuple[str, ...], api_port: int) -> list[Finding]:
    """What was found of each part asked for; none of them is started or changed, but for the embedded database."""
    return [_look_at(part, _CHECKS[part], settings, api_port) for part in parts]


def _look_at(part: str, check: Callable[[Settings, int], str], settings: Settings, api_port: int) -> Finding:
    try:
        return Finding(part, fit=True, remark=check(settings, api_port))
    except (ThuchiError, DBAPIError, redis.RedisError, httpx2.HTTPError, OSError) as error:
        return Finding(part, fit=False, remark=str(error).splitlines()[0])


def _database(settings: Settings, _api_port: int) -> str:
    database = Database(addresses(settings).application)
    try:
        require_current_schema(database)
    finally:
        database.close()
    return "reachable, at the newest migration"


def _collection(settings: Settings, _api_port: int) -> str:
    database = Database(addresses(settings).application)
    try:
        require_current_schema(database)
        with database.transaction() as connection:
            unpayable = notices_without_account(connection)
    finally:
        database.close()
    if unpayable:
        raise DoesNotHold(
            f"{unpayable} notices name no account to pay to: open one with `thuchi collection-account open`"
        )
    return "no notice lacks an account"


def _keys(settings: Settings, _api_port: int) -> str:
    open_vault(settings.home / "keys" / "vault.json")
    return "readable by their owner only"


def _queue(settings: Settings, _api_port: int) -> str:
    if settings.redis_url is None:
        return "none: wake-ups stay inside the process"
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=3)
    try:
        client.ping()
    finally:
        client.close()
    return "Redis answers"


def _simulator(settings: Settings, _api_port: int) -> str:
    return "runs" if simulator.is_running(settings.home / "simulator") else "does not run; started when needed"


def _api(_settings: Settings, port: int) -> str:
    answer = httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=3, trust_env=False)
    answer.raise_for_status()
    return "ready"


_CHECKS: dict[str, Callable[[Settings, int], str]] = {
    "database": _database,
    "collection": _collection,
    "keys": _keys,
    "queue": _queue,
    "simulator": _simulator,
    "api": _api,
}
PARTS = tuple(_CHECKS)
EVERYWHERE = ("database", "collection", "keys", "queue", "simulator")
"""What every installation has; the API is looked at only when it is asked for."""
