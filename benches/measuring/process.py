"""Runs programs and measures their time, CPU seconds and peak memory."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# Folders of the programs of postfix and PostgreSQL, which Debian does not put into PATH.
EXTRA_PATH = ["/usr/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]


class MissingProgram(Exception):
    """A required program is not installed."""


def find(program, package):
    found = shutil.which(program, path=os.pathsep.join([os.environ["PATH"], *EXTRA_PATH]))
    if not found:
        raise MissingProgram(f"{program} is missing: apt-get install {package}")
    return found


@dataclass
class Run:
    """Measurements and output of a program."""

    seconds: float
    cpu_seconds: float
    # Maximum resident memory (VmHWM).
    peak_bytes: int
    output: str


def log(message):
    print(message, file=sys.stderr, flush=True)


def run(command, *, cwd=None, env=None, stdin=None, may_fail=False):
    """Runs `command`. Raises RuntimeError if it fails, unless `may_fail` is set."""
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory = MemoryMonitor(process.pid)
    with process:
        errors = PipeReader(process.stderr)
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    memory.stop()
    if process.returncode != 0 and not may_fail:
        raise RuntimeError(f"{command[0]} exited with {process.returncode}:\n{output}{errors.text()}")
    return Run(seconds, used.ru_utime + used.ru_stime, memory.peak, output)


class PipeReader(threading.Thread):
    """Reads a pipe, so that its writer never blocks."""

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


class MemoryMonitor(threading.Thread):
    """Polls the peak memory of a process. `ru_maxrss` includes the memory of this process."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{pid}/status")
        self.peak = 0
        self.stopped = threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(0.02):
            try:
                mark = re.search(r"VmHWM:\s+(\d+) kB", self.status.read_text())
            except OSError:
                return
            if mark:
                self.peak = max(self.peak, int(mark[1]) * 1024)

    def stop(self):
        self.stopped.set()
        self.join()


def cpu_seconds_of_tree(pid):
    """Returns the CPU seconds of a process and of its running and ended children."""
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
