"""A PostgreSQL server of the machine's own, in a temporary folder, on a Unix socket alone."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path


def binaries() -> Path | None:
    """The folder of ``postgres`` and ``initdb``: on the path, or where Debian has them."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


class Postgres:
    """A cluster that lives until ``stop``. PostgreSQL refuses to run as root: then it runs as its own user."""

    def __init__(self) -> None:
        found = binaries()
        if found is None:
            raise FileNotFoundError("PostgreSQL is not installed")
        self._numbers = itertools.count()
        self.folder = Path(tempfile.mkdtemp(prefix="zkmargin-pg-", dir="/tmp"))  # a socket's path is short
        self._demote: dict[str, object] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._demote = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = self.folder / "data"
        self._call(found / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off"]
        self._log = (self.folder / "log").open("wb")
        self._server = subprocess.Popen(
            [str(found / "postgres"), "-D", str(data), "-c", "max_connections=120", *options],
            cwd="/", stdout=self._log, stderr=self._log, **self._demote,
        )  # type: ignore[call-overload]  # fmt: skip
        self._wait()

    def _call(self, *command: object) -> None:
        subprocess.run(list(map(str, command)), check=True, capture_output=True, cwd="/", **self._demote)  # type: ignore[call-overload]

    def _wait(self) -> None:
        import psycopg

        for _ in range(300):
            try:
                psycopg.connect(self._address("postgres")).close()
            except psycopg.OperationalError:
                if self._server.poll() is not None:
                    raise
                time.sleep(0.1)
            else:
                return
        raise TimeoutError("PostgreSQL does not start")

    def _address(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def database(self) -> str:
        """The address of a new database."""
        import psycopg

        name = f"registry_{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._address(name)

    def stop(self) -> None:
        """End the server; nothing stays."""
        self._server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
