"""The `bitgoeul` command: a table of its commands. Each lives in portal/commands/ and is imported when it is called."""

from __future__ import annotations

import importlib
import sys

import click

COMMANDS = {
    "up": ("portal.commands.up", "Start a whole campus on this machine."),
    "init": ("portal.commands.init", "Make the secrets and settings of a campus in containers."),
    "doctor": ("portal.commands.doctor", "Say what this machine has, what is missing, and what to do."),
    "cohort": ("portal.commands.cohort", "Open, list and show cohorts."),
    "roster": ("portal.commands.roster", "Preview and apply a cohort's roster from a CSV file."),
    "timetable": ("portal.commands.timetable", "A cohort's classes, and the GPUs kept for them."),
    "hardware": ("portal.commands.hardware", "What there is to lend: the hardware file, checked, and what is free."),
    "check": ("portal.commands.check", "Check an assignment as a release would, before it is released."),
    "grade": ("portal.commands.grade", "Mark one notebook on its own."),
    "autograde": ("portal.commands.autograde", "Drop-in for `nbgrader autograde` in any course folder."),
    "worker": ("portal.commands.worker", "Mark what students hand in, until stopped."),
    "node": ("portal.commands.node", "On a GPU node: tell the portal what its cards do, until stopped."),
    "backup": ("portal.commands.backup", "Write everything the campus knows into one file."),
    "restore": ("portal.commands.restore", "Bring a backup into an empty data folder."),
}


class Commands(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bitgoeul", prog_name="bitgoeul")
def bitgoeul() -> None:
    """Bitgoeul, a Jupyter campus: cohorts, assignments handed out and marked, one portal.

    \b
    To begin:
      bitgoeul up --demo            a campus with demonstration people, on http://127.0.0.1:8000
      bitgoeul doctor               what this machine can and can't do for a campus

    Every command explains itself with --help. Commands that work on a campus's data take --data FOLDER,
    or read BITGOEUL_DATA.
    """


def main() -> None:
    """Run the command; an error that a person can mend is one sentence on stderr and exit status 2."""
    from cohorts.errors import CampusError
    from courses.problems import CatalogueError
    from portal.settings import SettingsError
    from portal.supervisor import StartError

    try:
        bitgoeul.main(prog_name="bitgoeul", standalone_mode=True)
    except (CampusError, CatalogueError, SettingsError, StartError) as error:
        click.echo(f"bitgoeul: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
