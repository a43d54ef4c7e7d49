"""Running a program to its end, with its time, its CPU seconds and its peak memory."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# Debian keeps postfix's programs and PostgreSQL's out of PATH.
ELSEWHERE = ["/usr/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]


class Missing(Exception):
    """A program that the measurement needs is not on this machine."""


def find(program, package):
    found = shutil.which(program, path=os.pathsep.join([os.environ["PATH"], *ELSEWHERE]))
    if not found:
        raise Missing(f"{program} is missing: apt-get install {package}")
    return found


@dataclass
class Run:
    """One run of a program."""

    seconds: float
    cpu_seconds: float
    # The most memory that was resident at one moment (VmHWM).
    peak_bytes: int
    output: str


def say(words):
    print(words, file=sys.stderr, flush=True)


def run(command, *, cwd=None, env=None, stdin=None, may_fail=False):
    """Runs `command` to its end; a failure of it is a failure of the measurement."""
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = Watch(process.pid)
    with process:
        errors = Collector(process.stderr)
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.stop()
    if process.returncode != 0 and not may_fail:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{output}{errors.text()}")
    return Run(seconds, used.ru_utime + used.ru_stime, watch.peak, output)


class Collector(threading.Thread):
    """Reads a pipe to its end, so that its writer never waits."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe = pipe
        self.read = ""
        self.start()

    def run(self):
        self.read = self.pipe.read()

    def text(self):
        self.join()
        return self.read


class Watch(threading.Thread):
    """The high-water mark of a process's memory. `ru_maxrss` would have this one's too."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{pid}/status")
        self.peak = 0
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.02):
            try:
                mark = re.search(r"VmHWM:\s+(\d+) kB", self.status.read_text())
            except OSError:
                return
            if mark:
                self.peak = max(self.peak, int(mark[1]) * 1024)

    def stop(self):
        self.over.set()
        self.join()


def cpu_of_family(pid):
    """CPU seconds of a process, of the children it has and of those it had."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for member in [pid, *children(pid)]:
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / ticks


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
