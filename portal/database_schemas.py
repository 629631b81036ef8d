"""Empty databases of the campus and of the hub, at the revision that another one has.

The one module of the portal that knows how JupyterHub makes its tables.
"""

from __future__ import annotations

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from cohorts.database import MIGRATIONS
from cohorts.errors import Invalid

#: makes the tables of a revision in an empty database
MakeSchema = Callable[[Engine, str], None]


def make_campus_schema(engine: Engine, revision: str) -> None:
    """The campus's tables as `revision` has them. Invalid for one that this version doesn't know."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        ScriptDirectory.from_config(config).get_revision(revision)
    except CommandError as error:
        raise _newer("campus", "캠퍼스", revision) from error
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def make_hub_schema(engine: Engine, revision: str) -> None:
    """The hub's tables, which JupyterHub makes as its own version has them. Invalid for another revision."""
    try:
        from jupyterhub import orm
        from jupyterhub.dbutil import ALEMBIC_DIR
    except ImportError as error:
        raise Invalid(
            "The hub's database can't be copied here: JupyterHub is not installed. Run this where the hub runs.",
            "JupyterHub가 없어 허브 데이터베이스를 복사할 수 없습니다. 허브가 실행되는 곳에서 실행하세요.",
        ) from error
    config = Config()
    config.set_main_option("script_location", str(ALEMBIC_DIR))
    if ScriptDirectory.from_config(config).get_current_head() != revision:
        raise _newer("hub", "허브", revision)
    orm.check_db_revision(engine)  # an empty database is marked with JupyterHub's newest revision
    orm.Base.metadata.create_all(engine)


def _newer(name: str, name_ko: str, revision: str) -> Invalid:
    return Invalid(
        f"The {name}'s database has schema {revision}, which this version doesn't make. Use the version that wrote it.",
        f"{name_ko} 데이터베이스의 스키마 {revision} 은(는) 이 버전에서 만들 수 없습니다. 기록한 버전을 쓰세요.",
    )
