"""Signing up through the form: how many a second, and how long each waits, alone and while an
issue is sent."""

import re
import statistics
import threading
import time

from .desk import Site
from .process import find, run, say
from .servers import Sink

# As many as there is room for.
SATURATING = 64
# In an hour 50,000 are taken in, and no more.
SATURATED_SECONDS = 3
RATE_FLOOR = 0.8
# Or at their own pace.
CLIENTS = 4
A_SECOND = 10
ALONE_SECONDS = 10
COMMITS = 500
FLOOR_MS = 20
# Nobody counts these clients, and no form of theirs came back too fast.
OPEN_DOORS = {
    "BROADSHEET_LIMITS__SIGNUPS_PER_IP_HOUR": "1000000",
    "BROADSHEET_LIMITS__SIGNUPS_PER_DOMAIN_HOUR": "1000000",
    "BROADSHEET_LIMITS__MINIMUM_FILL_MS": "0",
}
ONE_ROW = "INSERT INTO metadata (name, value) VALUES ('commit {}', '');"

# What wrk posts: another address each time.
POSTS = """
local number = 0
request = function()
    number = number + 1
    local form = "email=wrk" .. number .. "%40example.net&keep=1&stamp=STAMP"
    return wrk.format("POST", "/subscribe", {["Content-Type"] = "application/x-www-form-urlencoded"}, form)
end
"""

SENDING = "SELECT COUNT(*) FROM issues WHERE state = 'sending'"


class Client(threading.Thread):
    """Posts the form at its pace until it is over; late answers do not slow the pace."""

    def __init__(self, site, name, over):
        super().__init__()
        self.connection, self.stamp = site.another(), site.stamp()
        self.name_of_it, self.over, self.times, self.failed = name, over, [], 0

    def run(self):
        due = time.perf_counter()
        while not self.over.is_set():
            time.sleep(max(0, due - time.perf_counter()))
            form = {"email": f"{self.name_of_it}-{len(self.times)}@example.net", "stamp": self.stamp, "keep": "1"}
            status, _, _ = self.connection.ask("/subscribe", form)
            self.failed += status != 303
            self.times.append((time.perf_counter() - due) * 1000)
            due += 1 / A_SECOND


def post(site, meanwhile, until):
    over = threading.Event()
    clients = [Client(site, f"{meanwhile}{number}", over) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    until()
    over.set()
    for client in clients:
        client.join()
    if failed := sum(client.failed for client in clients):
        raise RuntimeError(f"{failed} sign-ups were not taken in")
    return sorted(time for client in clients for time in client.times)


def saturated(site, newsletter):
    """Sign-ups a second, when there are always some that wait."""
    script = newsletter.folder / "posts.lua"
    script.write_text(POSTS.replace("STAMP", site.stamp()))
    command = [find("wrk", "wrk"), "-t1", f"-c{SATURATING}", f"-d{SATURATED_SECONDS}s", "-s", script, f"http://127.0.0.1:{site.port}"]
    told = run(command).output
    if "Non-2xx or 3xx" in told:
        raise RuntimeError("sign-ups were not taken in")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1))


def one_row_commits(database, newsletter):
    """A second, each on the disk before the next."""
    rows = "".join(ONE_ROW.format(f"{time.time_ns()} {number}") for number in range(COMMITS))
    return round(COMMITS / database.commits(newsletter.folder, rows).seconds)


def subscribe(bench):
    sink = Sink()
    try:
        return beside(bench, sink)
    finally:
        sink.stop()


def beside(bench, sink):
    rows = []
    for database in bench.databases:
        newsletter = bench.newsletter(database, bench.chosen.mails)
        reference = one_row_commits(database, newsletter)
        smtp = {"BROADSHEET_SMTP__URL": f"smtp://127.0.0.1:{sink.port}"}
        site = Site(newsletter, **OPEN_DOORS, **smtp)

        def whole_send():
            newsletter.broadsheet("digest", "send", smtp_port=sink.port)
            while database.shell(newsletter.folder, SENDING).output.split()[-1] != "0":
                time.sleep(0.1)

        try:
            for meanwhile, until in {"nothing": lambda: time.sleep(ALONE_SECONDS), "a send": whole_send}.items():
                say(f"subscribe: {database.name}, meanwhile {meanwhile}")
                times = post(site, meanwhile.replace(" ", "-"), until)
                p99 = times[int(len(times) * 0.99) - 1]
                row = {"part": "subscribe", "database": database.name, "meanwhile": meanwhile, "clients": CLIENTS}
                row |= {"median_ms": round(statistics.median(times), 1), "p99_ms": round(p99, 1), "floor": FLOOR_MS}
                rows.append(row | {"held": p99 <= FLOOR_MS})
                say(rows[-1])
            rate, after = saturated(site, newsletter), one_row_commits(database, newsletter)
            ratio = rate / statistics.mean([reference, after])
            row = {"part": "subscribe rate", "database": database.name, "clients": SATURATING, "rate": round(rate)}
            row |= {"reference": [reference, after], "ratio": round(ratio, 2), "floor": RATE_FLOOR}
            rows.append(row | {"held": ratio >= RATE_FLOOR})
            say(rows[-1])
        finally:
            site.stop()
            newsletter.remove()
    return rows
