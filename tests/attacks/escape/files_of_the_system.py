"""Files of the interpreter, of its packages and of the system are written to."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, sys
print("TRIED")
places = [os.path.dirname(np.__file__), os.path.dirname(os.__file__), sys.prefix, "/usr/lib", "/etc", "/", "/bin",
          "/etc/cron.d", "/var/spool/cron", "/etc/profile.d", "/usr/local/bin", "/proc/1/root/etc", "/sys/fs/cgroup"]
for folder in places:
    try:
        with open(os.path.join(folder, "left-behind.pth"), "w") as handle:
            handle.write("import os")
        print("BREACH", folder)
    except OSError:
        pass
for path in (np.__file__, os.__file__, sys.executable, "/etc/passwd", "/etc/hosts", "/etc/ld.so.cache"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        print("BREACH", path)
    except OSError:
        pass"""
}
