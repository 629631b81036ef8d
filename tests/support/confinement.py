"""How programs in a container are confined, as they see it themselves: their rights, and sandboxes that they make."""

from __future__ import annotations

from collections.abc import Callable

#: a sandbox's processes have rights within a namespace of their own: `Users` tells whose users they see
EACH = 'for one in /proc/[0-9]*; do cat "$one/status" && echo "Users:\t$(cat "$one/uid_map")" || true; done'


def assert_no_rights_are_left(within: Callable[..., str], account: str = "2000") -> None:
    """No program of `account` has a right or can gain one; of root's are the first, which starts them, and this look.

    `within` runs a command in the container as the user that it is told, and returns what it printed.
    """
    said = within("sh", "-c", EACH, user="0:0").split("Name:\t")[1:]
    processes = [
        dict(line.split(":\t", 1) for line in f"Name:\t{one}".splitlines() if ":\t" in line)
        for one in said
        if "\nUsers:" in one
    ]
    first = next(process for process in processes if process["Pid"] == "1")
    here = [process for process in processes if process["Users"] == first["Users"]]
    ours = [process for process in here if process["Uid"].startswith(account)]
    assert ours
    for process in ours:
        assert {process[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert process["NoNewPrivs"] == "1"
    assert {process["Name"] for process in here if process not in ours} <= {"tini", "sh", "cat"}


def assert_every_layer_holds(within: Callable[..., str], account: str = "2000:2000") -> None:
    """Every layer of a sandbox that `account` makes there holds; a container may have no control group of its own."""
    code = "from grader.sandbox.detect import probe; print([layer.name for layer in probe() if not layer.holds])"
    assert within("python3", "-c", code, user=account).strip() in ("[]", "['memory']")
