"""Devices and kernel files that show the machine's memory, disks and log."""

SHOWS = "tried"
CELLS = {
    "primes": """import glob
print("TRIED")
wanted = ["/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/port", "/proc/kcore", "/proc/kmsg", "/dev/kvm", "/dev/fuse"]
wanted += glob.glob("/dev/sd*") + glob.glob("/dev/vd*") + glob.glob("/dev/nvme*") + glob.glob("/dev/loop*")
for path in wanted:
    try:
        open(path, "rb", 0).read(1)
        print("BREACH", path)
    except OSError:
        pass"""
}
