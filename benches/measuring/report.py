"""The figures for people: one table for each part, in Markdown."""

import os
import platform
import re
import subprocess
from pathlib import Path

# What a table shows, and under which heading.
COLUMNS = {
    "database": "database",
    "dkim": "DKIM",
    "connections": "connections",
    "readers": "readers",
    "page": "page",
    "meanwhile": "meanwhile",
    "clients": "clients",
    "median_ms": "median, ms",
    "p95_ms": "95 of 100 within, ms",
    "p99_ms": "99 of 100 within, ms",
    "rate": "a second",
    "reference": "reference before, after",
    "ratio": "ratio",
    "delay_ms": "one way and back, ms",
    "ms_per_mail": "ms a mail",
    "trips": "round trips a mail",
    "cpu_seconds": "CPU s",
    "database_cpu_seconds": "database's CPU s",
    "peak_bytes": "peak memory",
    "floor": "promised",
    "held": "held",
}
TITLES = {
    "send": "Sending: `digest send --wait` beside `smtp-source`, mails a second",
    "round trips": "Round trips",
    "enqueue": "Enqueueing an issue beside a plain INSERT … SELECT, readers a second",
    "import": "Importing beside the database's own bulk load, readers a second",
    "memory": "Memory while sending",
    "desk": "The desk's pages",
    "subscribe": "`POST /subscribe`, at a steady pace",
    "subscribe rate": "`POST /subscribe`, as fast as it goes, beside commits of one row by the database's own shell",
}


def machine(folder):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    mount = subprocess.run(
        ["df", "--output=fstype,source", folder], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    return {
        "cpus": os.cpu_count(),
        "cpu": cpu[1] if cpu else platform.processor(),
        "kernel": platform.release(),
        "disk": " on ".join(mount[-1].split()) if mount else "unknown",
    }


def shown(column, value):
    if value is None:
        return ""
    if column == "held":
        return "yes" if value else "NO"
    if column == "peak_bytes" or (column == "floor" and value > 1000):
        return f"{value / 1024 / 1024:.0f} MB"
    if column == "reference":
        return ", ".join(f"{one:,}" for one in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(rows):
    columns = [column for column in COLUMNS if any(column in row for row in rows)]
    lines = [[COLUMNS[column] for column in columns]]
    lines += [[shown(column, row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines
    )


def tables(machine, rows):
    parts = list(dict.fromkeys(row["part"] for row in rows))
    texts = [f"{machine['cpus']} × {machine['cpu']}, {machine['disk']}, Linux {machine['kernel']}"]
    for part in parts:
        chosen = [row for row in rows if row["part"] == part]
        mails = f" ({chosen[0]['mails']:,} mails of {chosen[0]['bytes']:,} bytes)" if part == "send" else ""
        texts.append(f"{TITLES[part]}{mails}\n\n{table(chosen)}")
    return "\n\n".join(texts)
