"""What code in a container can't do, tried from inside; each claim of docs/how-to/container-marking.md has its try."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from forked import Forked, job

from grader.sandbox.base import Side
from grader.sandbox.container import ContainerSandbox

pytestmark = pytest.mark.docker

SECRET = "a sentence that only tests know"

TRIED = {
    "no-network": (
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 2)\n"
        "except OSError as e:\n    print(e.strerror)",
        "Network is unreachable",
    ),
    "no-devices-but-loopback": (
        "print([line.split(':')[0].strip() for line in open('/proc/self/net/dev') if ':' in line])",
        "['lo']",
    ),
    "nothing-listens": ("print(len(open('/proc/self/net/tcp').readlines()) - 1)", "0"),
    "no-names": (
        "import socket\ntry:\n    socket.getaddrinfo('example.org', 80)\nexcept OSError as e:\n    print('no')",
        "no",
    ),
    "root-is-read-only": (
        "found = []\n"
        "for folder in '/ /etc /usr/local /opt /var/tmp /root /sandbox /dev /sys /proc/sys'.split():\n"
        "    try:\n        open(folder + '/made', 'w')\n        found.append(folder)\n"
        "    except OSError:\n        pass\nprint(found)",
        "[]",
    ),
    "unprivileged": (
        "import os\nprint(os.getresuid(), os.getresgid(), os.getgroups())",
        "(1000, 1000, 1000) (1000, 1000, 1000) [1000]",
    ),
    "no-capabilities": (
        "print({line.split()[1] for line in open('/proc/self/status') if line.startswith('Cap')})",
        "{'0000000000000000'}",
    ),
    "no-new-privileges": (
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith(('NoNewPrivs', 'Seccomp:'))])",
        "['1', '2']",
    ),
    "no-mount": (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None), libc.unshare(0x10000000), libc.ptrace(16, 1, 0, 0))",
        "-1 -1 -1",
    ),
    "no-setuid-programs": ("import os\nprint(os.statvfs('/tmp').f_flag & os.ST_NOSUID > 0)", "True"),
    "no-engine-socket": (
        "import os\nprint([p for p in ('/var/run/docker.sock', '/run/docker.sock') if os.path.exists(p)])",
        "[]",
    ),
    "no-host-mounts": (
        "virtual = {'overlay', 'proc', 'tmpfs', 'devpts', 'sysfs', 'mqueue', 'cgroup', 'cgroup2'}\n"
        "engines = {'/etc/hostname', '/etc/hosts', '/etc/resolv.conf'}  # nearly empty\nfound = []\n"
        "for line in open('/proc/self/mountinfo'):\n"
        "    place, kind = line.split()[4], line.split(' - ')[1].split()[0]\n"
        "    if kind not in virtual and place not in engines:\n        found.append(place)\nprint(found)",
        "[]",
    ),
    "only-its-own-processes": (
        "import os\nprint(len([n for n in os.listdir('/proc') if n.isdigit()]) <= 3)",
        "True",
    ),
    "no-symbolic-links-on-a-shared-folder": (
        "import os\ntry:\n    os.symlink('/etc/passwd', 'link')\nexcept PermissionError:\n    print('refused')",
        "refused",
    ),
    "no-devices": (
        "import os\n"
        "harmless = 'null zero full random urandom tty console fd stdin stdout stderr pts ptmx shm mqueue core'\n"
        "print(sorted(set(os.listdir('/dev')) - set(harmless.split())))",
        "[]",
    ),
    "no-gpu-by-the-image's-wish": ("import os\nprint(os.environ['NVIDIA_VISIBLE_DEVICES'])", "void"),
}


@pytest.fixture(scope="module")
def sides(container: ContainerSandbox) -> Iterator[Forked]:
    with job(container, judged=True) as one:
        one.judge(
            f"secret = {SECRET!r}\nopen('/tmp/secret', 'w').write(secret)\nopen('/sandbox/home/own', 'w').close()"
        )
        yield one


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("name", TRIED)
def test_a_claim_holds_on_either_side(sides: Forked, name: str, side: Side) -> None:
    source, wanted = TRIED[name]
    seen = (sides.work if side is Side.WORK else sides.judge)(source)
    assert seen.strip() == (wanted)


def test_the_other_sides_files_and_memory_are_out_of_reach(sides: Forked) -> None:
    look = (
        "import glob, os\nfound = []\n"
        "for place in ['/tmp/secret', '/sandbox/home/own', *glob.glob('/proc/[0-9]*/root/tmp/secret')]:\n"
        "    if os.path.exists(place):\n        found.append(place)\n"
        "for place in glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/[0-9]*/environ'):\n"
        "    try:\n        data = open(place, 'rb').read()\n    except OSError:\n        continue\n"
        f"    if {SECRET[:12]!r}.encode() + {SECRET[12:]!r}.encode() in data: found.append(place)\nprint(found)"
    )
    assert sides.work(look) == "[]\n"


def test_an_assignments_given_files_are_on_the_judge_side_only(sides: Forked) -> None:
    assert sides.judge("open('/sandbox/given/hidden', 'w').write('answer')\nprint(1)") == "1\n"
    assert sides.work("import os\nprint(os.listdir('/sandbox/given'))") == "[]\n"


@pytest.mark.parametrize("folder", ["/sandbox/work", "/sandbox/home", "/tmp"])
def test_a_folder_holds_no_more_than_its_cap(sides: Forked, folder: str) -> None:
    filling = (
        f"import os\npath = '{folder}/big'\nhandle = os.open(path, os.O_CREAT | os.O_WRONLY)\n"
        "try:\n    for _ in range(100):\n        os.write(handle, bytes(1 << 20))\n"
        "except OSError as e:\n    print(e.strerror)\n"
        "print(os.path.getsize(path) <= (32 << 20))\nos.close(handle)\nos.unlink(path)"
    )
    assert sides.work(filling) == "No space left on device\nTrue\n"


def test_processes_are_counted(container: ContainerSandbox) -> None:
    forks = (
        "import os, time\npids = []\ntry:\n    while len(pids) < 500:\n        pid = os.fork()\n        if pid == 0:\n"
        "            time.sleep(60)\n            os._exit(0)\n        pids.append(pid)\n"
        "except OSError:\n    print('refused')\n"
        "print(len(pids) < 140)"
    )
    with job(container) as one:
        assert one.work(forks).endswith("refused\nTrue\n")


def test_two_jobs_of_one_worker_see_nothing_of_each_other(container: ContainerSandbox) -> None:
    with job(container) as one, job(container) as other:
        one.work("open('left', 'w').write('x')\nopen('/dev/shm/left', 'w').write('x')")
        assert other.work("import os\nprint(os.listdir('.'), os.listdir('/dev/shm'))") == "[] []\n"
