"""Two machines on one: network namespaces that reach each other, and nothing else, by a cable that can be cut."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Machine:
    """A network namespace.

    Attributes:
        name: of the namespace and of its end of the cable.
        address: IPv4 address on the cable.
    """

    name: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """Words before a command that is to run there."""
        return ("ip", "netns", "exec", self.name)

    def titles(self) -> list[str]:
        """Returns the command lines of all processes there."""
        pids = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, timeout=20).stdout
        lines = []
        for pid in pids.split():
            with contextlib.suppress(OSError):  # it has just ended
                lines.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return lines

    def cable(self, state: str) -> None:
        """Pulls (`down`) or plugs (`up`) this end of the cable."""
        _ip("-n", self.name, "link", "set", self.name, state)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@contextlib.contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Yields two machines; skips the test where the right to make them is missing."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and the command ip, to make network namespaces")
    pair = tuple(Machine(f"lth{os.getpid()}{end}", f"10.213.77.{number}") for number, end in enumerate("ab", 1))
    with contextlib.ExitStack() as stack:
        for machine in pair:
            made = subprocess.run(["ip", "netns", "add", machine.name], capture_output=True, text=True, timeout=20)
            if made.returncode:
                pytest.skip(f"network namespaces cannot be made here: {made.stderr.strip()}")
            stack.callback(_ip, "netns", "del", machine.name)
        first, second = pair
        _ip("-n", first.name, "link", "add", first.name, "type", "veth", "peer", second.name, "netns", second.name)
        for machine in pair:
            _ip("-n", machine.name, "address", "add", f"{machine.address}/24", "dev", machine.name)
            _ip("-n", machine.name, "link", "set", "lo", "up")
            machine.cable("up")
        yield first, second
