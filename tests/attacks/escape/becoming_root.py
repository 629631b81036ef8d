"""Becoming root by set-uid calls, by programs with the set-uid bit, and by capabilities."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, subprocess
print("TRIED")
for call in (os.setuid, os.setgid, os.seteuid, lambda user: os.setresuid(user, user, user),
    lambda u: os.setgroups([u])):
    try:
        call(0)
        print("BREACH", call)
    except OSError:
        pass
for command in ("su -c id", "sudo -n id", "mount -t tmpfs none /mnt", "newgrp root", "pkexec id"):
    try:
        done = subprocess.run(command.split(), capture_output=True, timeout=1, stdin=subprocess.DEVNULL)
        if b"uid=0" in done.stdout or done.returncode == 0:
            print("BREACH", command)
    except (OSError, subprocess.TimeoutExpired):
        pass
held = [row.split()[1] for row in open("/proc/self/status") if row.startswith(("CapEff", "CapPrm", "CapBnd", "CapAmb"))]
if any(int(word, 16) for word in held[:2]):
    print("BREACH", held)"""
}
