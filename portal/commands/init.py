"""`bitgoeul init`: secrets and settings for a campus in containers."""

from __future__ import annotations

from pathlib import Path

import click

from portal.commands.options import data_option
from portal.init_files import SETTINGS_FILE, TLS, Wishes, initialize, link_settings
from portal.settings import SIGN_INS, SettingsError

USUAL = Wishes()


@click.command()
@data_option
@click.option("--public-url", default=USUAL.public_url, show_default=True, help="What people type.")
@click.option("--sign-in", type=click.Choice(SIGN_INS), default=USUAL.sign_in, show_default=True, help="Sign-in.")
@click.option("--admin", "admins", multiple=True, metavar="NAME", help="An administrator; may be given several times.")
@click.option("--tls", type=click.Choice(TLS), default=None, help="Where the certificate is [default: by the address].")
@click.option("--image-tag", default=USUAL.image_tag, show_default=True, help="Tag of the campus's images.")
@click.option("--locale", type=click.Choice(["ko", "en"]), default=USUAL.locale, show_default=True, help="Language.")
@click.option("--timezone", default=USUAL.timezone, show_default=True, help="Time zone.")
@click.option("--owner", default=None, metavar="UID[:GID]", help="Who may read what is made; for root.")
def init(
    data: Path,
    public_url: str,
    sign_in: str,
    admins: tuple[str, ...],
    tls: str | None,
    image_tag: str,
    locale: str,
    timezone: str,
    owner: str | None,
) -> None:
    """Make the secrets and the settings file that docker-compose.yml and deploy/stack.yml read.

    Asks nothing and overwrites nothing: call it again, and only what is missing is made. `bitgoeul up`
    needs none of it.
    """
    folder = data.expanduser().resolve()
    where = tls or ("files" if public_url.startswith("https:") else "off")
    wishes = Wishes(public_url, sign_in, tuple(name.lower() for name in admins), where, image_tag, locale, timezone)
    done = initialize(folder, wishes, owner=_owner(owner))
    for name in done.made:
        click.echo(f"  + {name}")
    if done.kept:
        click.echo(f"  = {len(done.kept)} 개 그대로 둠 kept as they were")
    click.echo(f"\n{folder / SETTINGS_FILE} 을(를) 살펴보고 고치세요. Read it, and change what should be different.")
    if where == "files":
        click.echo("인증서를 두세요. Put the certificate there: tls/fullchain.pem, tls/privkey.pem")
    told = "" if link_settings(folder, Path.cwd()) else f"--env-file {folder / SETTINGS_FILE} "
    click.echo(f"다음 next:  docker compose {told}up -d      (docker-compose {told}up -d)")
    click.echo(f"Swarm에서 on a Swarm:  deploy/swarm up {folder}")


def _owner(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    uid, _, gid = text.partition(":")
    if not uid.isdigit() or (gid and not gid.isdigit()):
        raise SettingsError(f"--owner is {text!r}; write numbers, UID or UID:GID.")
    return int(uid), int(gid or uid)
