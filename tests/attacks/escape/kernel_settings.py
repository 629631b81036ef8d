"""Kernel settings that name a program to run, and keys that restart the machine."""

SHOWS = "tried"
CELLS = {
    "primes": """import os
print("TRIED")
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger",
    "/proc/self/oom_score_adj",
             "/sys/kernel/uevent_helper", "/proc/sys/vm/overcommit_memory", "/sys/fs/cgroup/cgroup.procs",
             "/sys/fs/cgroup/release_agent", "/proc/1/oom_score_adj", "/proc/sys/fs/binfmt_misc/register"):
    try:
        handle = os.open(path, os.O_WRONLY)
        if path != "/proc/self/oom_score_adj":
            print("BREACH", path)
        else:
            os.write(handle, b"-1000")
            print("BREACH: cannot be killed for memory")
    except OSError:
        pass"""
}
