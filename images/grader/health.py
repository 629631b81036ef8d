"""Healthy is a worker that told the database lately that it runs."""

import os
import socket
import sys
from datetime import UTC, datetime

from sqlalchemy import select

from cohorts.database import Database
from grader.presence import ALIVE_FOR, WorkerSeen
from portal.settings import PortalSettings

database = Database(PortalSettings.from_environment(os.environ).database_url)
mine = select(WorkerSeen.seen_at).where(WorkerSeen.name.startswith(socket.gethostname() + "-", autoescape=True))
with database.read() as session:
    seen = session.scalars(mine).all()
database.close()
sys.exit(not any(datetime.now(UTC) - at < ALIVE_FOR for at in seen))
