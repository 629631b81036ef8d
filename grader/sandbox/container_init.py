"""The first process of a container: carries the channel, passes interrupts on, reaps, and ends all when it is time.

Owns standard input and output, which only it holds: the interpreter below gets a socket, as the fork sandbox's has one.
Everything ends when the interpreter does, or when the worker is gone; the kernel kills what is left in the container
together with this process. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading

CHUNK = 1 << 18


def become_first_process() -> socket.socket:
    """Return in a child, with its channel; this process stays behind. Standard input must be the worker's pipe."""
    outer, inner = socket.socketpair()
    child = 0

    def pass_on(number: int, frame: object) -> None:
        if child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    def reap(number: int, frame: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == child:
                    _carry_rest(outer)
                    code = os.waitstatus_to_exitcode(status)
                    os._exit(code if code >= 0 else 128 - code)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGINT})
    signal.signal(signal.SIGINT, pass_on)
    signal.signal(signal.SIGCHLD, reap)
    child = os.fork()
    if child == 0:
        outer.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        inner.close()
        threading.Thread(target=_carry_in, args=(outer,), daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, signal.SIGINT})
    if child:
        _carry_out(outer)
    return inner


def _carry_in(channel: socket.socket) -> None:
    """From the worker to the interpreter."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGINT})
    with contextlib.suppress(OSError):
        while data := os.read(0, CHUNK):
            channel.sendall(data)


def _carry_out(channel: socket.socket) -> None:
    """From the interpreter to the worker, until one of them is gone. Never returns."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.register(0, 0)  # tells when the worker lets go, however much of what it sent nobody has read
    while True:
        for handle, _ in poll.poll():
            if handle == 0:
                os._exit(0)
            data = channel.recv(CHUNK)
            if not data:
                poll.unregister(channel)  # what ends the interpreter's end ends the interpreter: see `reap`
            _write(data)


def _carry_rest(channel: socket.socket) -> None:
    """What the interpreter sent before it ended."""
    channel.setblocking(False)
    with contextlib.suppress(OSError):
        while data := channel.recv(CHUNK):
            _write(data)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]
