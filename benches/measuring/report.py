"""Formats the results as Markdown, one table per scenario."""

import os
import platform
import re
import subprocess
from pathlib import Path

# Columns in their order, with headings.
COLUMNS = {
    "database": "database",
    "dkim": "DKIM",
    "connections": "connections",
    "subscribers": "subscribers",
    "page": "page",
    "load": "concurrent load",
    "clients": "clients",
    "median_ms": "median, ms",
    "p95_ms": "95th percentile, ms",
    "p99_ms": "99th percentile, ms",
    "rate": "per second",
    "reference": "reference before, after",
    "ratio": "ratio",
    "delay_ms": "round trip, ms",
    "ms_per_message": "ms per message",
    "trips": "round trips per message",
    "cpu_seconds": "CPU s",
    "database_cpu_seconds": "database CPU s",
    "peak_bytes": "peak memory",
    "limit": "limit",
    "met": "met",
}
TITLES = {
    "send": "Sending: `digest send --wait` compared with `smtp-source`, messages per second",
    "round trips": "Round trips",
    "enqueue": "Enqueueing an issue compared with INSERT … SELECT, subscribers per second",
    "import": "Import compared with the bulk load of the database, subscribers per second",
    "memory": "Memory while sending",
    "admin pages": "Admin pages",
    "subscribe": "`POST /subscribe` at a constant rate",
    "subscribe rate": "`POST /subscribe` at the maximum rate, compared with single-row commits by the database shell",
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


def format_value(column, value):
    if value is None:
        return ""
    if column == "met":
        return "yes" if value else "NO"
    if column == "peak_bytes" or (column == "limit" and value > 1000):
        return f"{value / 1024 / 1024:.0f} MB"
    if column == "reference":
        return ", ".join(f"{rate:,}" for rate in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(rows):
    columns = [column for column in COLUMNS if any(column in row for row in rows)]
    lines = [[COLUMNS[column] for column in columns]]
    lines += [[format_value(column, row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines
    )


def tables(machine, rows):
    scenarios = list(dict.fromkeys(row["scenario"] for row in rows))
    texts = [f"{machine['cpus']} × {machine['cpu']}, {machine['disk']}, Linux {machine['kernel']}"]
    for scenario in scenarios:
        chosen = [row for row in rows if row["scenario"] == scenario]
        messages = f" ({chosen[0]['messages']:,} messages of {chosen[0]['bytes']:,} bytes)" if scenario == "send" else ""
        texts.append(f"{TITLES[scenario]}{messages}\n\n{table(chosen)}")
    return "\n\n".join(texts)
