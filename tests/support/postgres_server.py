"""A PostgreSQL server of the tests' own: temporary folder, Unix socket, run by an account that is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))


@contextmanager
def running_postgres() -> Iterator[str]:
    """The SQLAlchemy URL of an empty server's `postgres` database; stopped and removed afterwards."""
    binaries = BINARIES[-1]
    folder = Path(mkdtemp(prefix="bitgoeul-pg-"))  # short: a Unix socket's path has 107 characters at most
    prefix: list[str] = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run(
        [*prefix, binaries / "initdb", "-D", folder / "data", *options], check=True, capture_output=True, cwd="/"
    )
    server = subprocess.Popen(
        [*prefix, binaries / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-F"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        deadline = time.monotonic() + 30
        while subprocess.run([binaries / "pg_isready", "-q", "-h", folder], check=False).returncode:
            assert server.poll() is None, "PostgreSQL stopped at its start"
            assert time.monotonic() < deadline, "PostgreSQL did not start in 30 s"
            time.sleep(0.1)
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
