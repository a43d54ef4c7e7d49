"""Measures rate and latency of the sign-up form, without other load and during a send."""

import re
import statistics
import threading
import time

from .admin_pages import Site
from .process import find, log, run
from .servers import Sink

# Number of concurrent connections at the maximum rate.
SATURATING_CONNECTIONS = 64
# Short, because at most 50,000 sign-ups per hour are accepted.
SATURATED_SECONDS = 3
# Minimum rate, relative to single-row commits.
MIN_RATE_RATIO = 0.8
# At a constant rate: number of clients, and sign-ups per client and second.
CLIENTS = 4
RATE_PER_CLIENT = 10
IDLE_SECONDS = 10
COMMITS = 500
# Maximum 99th percentile of the latency.
MAX_P99_MS = 20
# Settings without rate limits and without a minimum fill time.
NO_LIMITS = {
    "BROADSHEET_LIMITS__SIGNUPS_PER_IP_HOUR": "1000000",
    "BROADSHEET_LIMITS__SIGNUPS_PER_DOMAIN_HOUR": "1000000",
    "BROADSHEET_LIMITS__MINIMUM_FILL_MS": "0",
}
INSERT_ROW = "INSERT INTO metadata (name, value) VALUES ('commit {}', '');"

# Script for wrk that posts a different address each time.
WRK_SCRIPT = """
local number = 0
request = function()
    number = number + 1
    local form = "email=wrk" .. number .. "%40example.net&keep=1&stamp=STAMP"
    return wrk.format("POST", "/subscribe", {["Content-Type"] = "application/x-www-form-urlencoded"}, form)
end
"""

COUNT_SENDING = "SELECT COUNT(*) FROM issues WHERE state = 'sending'"


class Client(threading.Thread):
    """Posts the form at a constant rate, also if responses are late, until stopped."""

    def __init__(self, site, prefix, stopped):
        super().__init__()
        self.connection, self.stamp = site.open_connection(), site.stamp()
        self.prefix, self.stopped, self.times, self.failed = prefix, stopped, [], 0

    def run(self):
        due = time.perf_counter()
        while not self.stopped.is_set():
            time.sleep(max(0, due - time.perf_counter()))
            form = {"email": f"{self.prefix}-{len(self.times)}@example.net", "stamp": self.stamp, "keep": "1"}
            status, _, _ = self.connection.request("/subscribe", form)
            self.failed += status != 303
            self.times.append((time.perf_counter() - due) * 1000)
            due += 1 / RATE_PER_CLIENT


def measure_latency(site, load, wait):
    """Posts the form while `wait` runs. Returns the sorted latencies in milliseconds."""
    stopped = threading.Event()
    clients = [Client(site, f"{load}{number}", stopped) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    wait()
    stopped.set()
    for client in clients:
        client.join()
    if failed := sum(client.failed for client in clients):
        raise RuntimeError(f"{failed} sign-ups were not accepted")
    return sorted(time for client in clients for time in client.times)


def measure_max_rate(site, newsletter):
    """Returns sign-ups per second at full load."""
    script = newsletter.folder / "sign_ups.lua"
    script.write_text(WRK_SCRIPT.replace("STAMP", site.stamp()))
    command = [find("wrk", "wrk"), "-t1", f"-c{SATURATING_CONNECTIONS}", f"-d{SATURATED_SECONDS}s", "-s", script, f"http://127.0.0.1:{site.port}"]
    output = run(command).output
    if "Non-2xx or 3xx" in output:
        raise RuntimeError("sign-ups were not accepted")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))


def measure_single_row_commits(database, newsletter):
    """Returns durable single-row commits per second of the database shell."""
    rows = "".join(INSERT_ROW.format(f"{time.time_ns()} {number}") for number in range(COMMITS))
    return round(COMMITS / database.commits(newsletter.folder, rows).seconds)


def subscribe(bench):
    sink = Sink()
    try:
        return measure(bench, sink)
    finally:
        sink.stop()


def measure(bench, sink):
    rows = []
    for database in bench.databases:
        newsletter = bench.newsletter(database, bench.options.messages)
        reference = measure_single_row_commits(database, newsletter)
        smtp = {"BROADSHEET_SMTP__URL": f"smtp://127.0.0.1:{sink.port}"}
        site = Site(newsletter, **NO_LIMITS, **smtp)

        def send_issue():
            newsletter.broadsheet("digest", "send", smtp_port=sink.port)
            while database.shell(newsletter.folder, COUNT_SENDING).output.split()[-1] != "0":
                time.sleep(0.1)

        try:
            for load, wait in {"none": lambda: time.sleep(IDLE_SECONDS), "a send": send_issue}.items():
                log(f"subscribe: {database.name}, concurrent load: {load}")
                times = measure_latency(site, load.replace(" ", "-"), wait)
                p99 = times[int(len(times) * 0.99) - 1]
                row = {"scenario": "subscribe", "database": database.name, "load": load, "clients": CLIENTS}
                row |= {"median_ms": round(statistics.median(times), 1), "p99_ms": round(p99, 1), "limit": MAX_P99_MS}
                rows.append(row | {"met": p99 <= MAX_P99_MS})
                log(rows[-1])
            rate, after = measure_max_rate(site, newsletter), measure_single_row_commits(database, newsletter)
            ratio = rate / statistics.mean([reference, after])
            row = {"scenario": "subscribe rate", "database": database.name, "clients": SATURATING_CONNECTIONS, "rate": round(rate)}
            row |= {"reference": [reference, after], "ratio": round(ratio, 2), "limit": MIN_RATE_RATIO}
            rows.append(row | {"met": ratio >= MIN_RATE_RATIO})
            log(rows[-1])
        finally:
            site.stop()
            newsletter.remove()
    return rows
