"""The scenarios of benches/delivery. Each returns rows; a row with a limit has `met`."""

from .newsletter import subscribers_file
from .process import log
from .servers import DistantSmtpServer, Sink

# Minimum rates, relative to the reference.
MIN_SEND_RATIOS = {"SQLite": 0.8, "PostgreSQL": 0.6}
MIN_ENQUEUE_RATIO = 0.5
MIN_IMPORT_RATIO = 0.2
MAX_MEMORY_BYTES = 64 * 1024 * 1024
# Two per message, and the processing time between them.
MAX_ROUND_TRIPS = 2.1
# Number of connections for which MIN_SEND_RATIOS apply.
LIMIT_CONNECTIONS = 50


def ratio_row(scenario, database, rate, references, limit, **more):
    """Returns a row that compares `rate` with the reference before and after it."""
    ratio = rate / (sum(references) / len(references))
    row = {"scenario": scenario, "database": database.name, **more, "rate": round(rate)}
    row |= {"reference": [round(reference) for reference in references], "ratio": round(ratio, 2)}
    if limit:
        row |= {"limit": limit, "met": ratio >= limit}
    return row


def send(bench):
    messages = bench.options.messages
    sink = Sink()
    rows = []
    for database in bench.databases:
        full = bench.newsletter(database, messages)
        for dkim in bench.options.dkim:
            size = message_size(bench, database, dkim)
            for connections in map(int, bench.options.connections):
                log(f"send: {database.name}, {connections} connections, DKIM {dkim}, {size} bytes")
                newsletter = full.copy(bench.next_name())
                if dkim == "on":
                    newsletter.enable_dkim()
                before = sink.measure_smtp_source(connections, messages, size)
                database_before = database.cpu_seconds()
                done = newsletter.send(sink.port, connections, messages)
                database_cpu = database.cpu_seconds() - database_before
                after = sink.measure_smtp_source(connections, messages, size)
                newsletter.remove()
                # No limit with DKIM, because the reference does not sign.
                has_limit = connections == LIMIT_CONNECTIONS and dkim == "off"
                limit = MIN_SEND_RATIOS[database.name] if has_limit else None
                about = {"dkim": dkim, "connections": connections, "messages": messages, "bytes": size}
                row = ratio_row("send", database, messages / done.seconds, [before, after], limit, **about)
                row |= {"cpu_seconds": round(done.cpu_seconds, 2), "database_cpu_seconds": round(database_cpu, 2)}
                rows.append(row | {"peak_bytes": done.peak_bytes})
                log(row)
        full.remove()
    sink.stop()
    return rows


def message_size(bench, database, dkim):
    """Sends one message and returns its size in bytes."""
    newsletter = bench.newsletter(database, 1)
    if dkim == "on":
        newsletter.enable_dkim()
    server = DistantSmtpServer(delay=0)
    newsletter.send(server.port, 1, 1)
    server.stop()
    newsletter.remove()
    return server.sizes[0]


def round_trips(bench):
    """Measures network round trips per message with a slow network."""
    delay, messages = 0.2, 40
    rows = []
    for database in bench.databases:
        log(f"round trips: {database.name}")
        newsletter = bench.newsletter(database, messages)
        server = DistantSmtpServer(delay)
        newsletter.send(server.port, 1, messages)
        server.stop()
        newsletter.remove()
        seconds = (server.received_at[-1] - server.received_at[0]) / (messages - 1)
        trips = seconds / delay
        row = {"scenario": "round trips", "database": database.name, "delay_ms": delay * 1000}
        row |= {"ms_per_message": round(seconds * 1000, 1), "trips": round(trips, 2)}
        rows.append(row | {"limit": MAX_ROUND_TRIPS, "met": trips <= MAX_ROUND_TRIPS})
        log(rows[-1])
    return rows


# The reference inserts into the same table with one INSERT … SELECT.
PLAIN_ISSUE = """
INSERT INTO issues (id, number, state, subject, preheader, message, content_hash, recipients, frozen_at)
    VALUES ('plain', 1, 'sending', '', '', '', '', 0, 0)"""
PLAIN_DELIVERIES = """
INSERT INTO deliveries (id, kind, issue_id, subscriber_id, address, state, due_at, attempts, lost_replies, queued_at, at)
    SELECT 'plain:' || id, 'issue', 'plain', id, address, 'queued', 0, 0, 0, 0, 0 FROM subscribers WHERE state = 'confirmed'"""


def enqueue(bench):
    subscribers = bench.options.subscribers
    rows = []
    for database in bench.databases:
        log(f"enqueue: {database.name}, {subscribers} subscribers")
        full = bench.newsletter(database, subscribers)
        references = []
        for run in ("before", "measured", "after"):
            newsletter = full.copy(bench.next_name())
            if run == "measured":
                # Without --wait nothing is delivered, so the port is not used.
                done = newsletter.broadsheet("digest", "send", smtp_port=9)
            else:
                database.shell(newsletter.folder, PLAIN_ISSUE)
                references.append(subscribers / database.shell(newsletter.folder, PLAIN_DELIVERIES).seconds)
            newsletter.remove()
        full.remove()
        row = ratio_row("enqueue", database, subscribers / done.seconds, references, MIN_ENQUEUE_RATIO, subscribers=subscribers)
        rows.append(row | {"cpu_seconds": round(done.cpu_seconds, 2), "peak_bytes": done.peak_bytes})
        log(rows[-1])
    return rows


# The table `subscribers` with its keys and index, without the columns that an import leaves NULL.
PLAIN_TABLE = """
CREATE TABLE plain (id TEXT PRIMARY KEY, address TEXT NOT NULL, address_key TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL, state_at BIGINT NOT NULL, source TEXT NOT NULL, created_at BIGINT NOT NULL,
    nonce TEXT NOT NULL, asked_at BIGINT, confirmed_at BIGINT);
CREATE INDEX plain_by_state ON plain (state, id)"""
PLAIN_COLUMNS = "id, address, address_key, state, state_at, source, created_at, nonce, asked_at, confirmed_at"


def import_subscribers(bench):
    subscribers = bench.options.subscribers
    rows = []
    for database in bench.databases:
        log(f"import: {database.name}, {subscribers} subscribers")
        newsletter = bench.newsletter(database, 0)
        done = newsletter.import_subscribers(subscribers_file(bench.home, subscribers))
        file = bench.home / "plain.csv"
        exported = database.shell(newsletter.folder, f"SELECT {PLAIN_COLUMNS} FROM subscribers")
        file.write_text(exported.output.replace("|", ","))
        file.chmod(0o644)
        references = []
        for _ in range(2):
            database.shell(newsletter.folder, PLAIN_TABLE)
            references.append(subscribers / database.load(newsletter.folder, "plain", file).seconds)
            database.shell(newsletter.folder, "DROP TABLE plain")
        newsletter.remove()
        file.unlink()
        row = ratio_row("import", database, subscribers / done.seconds, references, MIN_IMPORT_RATIO, subscribers=subscribers)
        rows.append(row | {"cpu_seconds": round(done.cpu_seconds, 2), "peak_bytes": done.peak_bytes})
        log(rows[-1])
    return rows


def memory(bench):
    """Measures the peak memory of a send to more subscribers than fit into it."""
    connections = 10
    sink = Sink()
    rows = []
    for database in bench.databases:
        for subscribers in (10_000, bench.options.subscribers):
            log(f"memory: {database.name}, {subscribers} subscribers")
            newsletter = bench.newsletter(database, subscribers)
            done = newsletter.send(sink.port, connections, subscribers)
            newsletter.remove()
            row = {"scenario": "memory", "database": database.name, "subscribers": subscribers, "connections": connections}
            row |= {"rate": round(subscribers / done.seconds), "peak_bytes": done.peak_bytes}
            rows.append(row | {"limit": MAX_MEMORY_BYTES, "met": done.peak_bytes <= MAX_MEMORY_BYTES})
            log(rows[-1])
    sink.stop()
    return rows


ALL = {
    "send": send,
    "round-trips": round_trips,
    "enqueue": enqueue,
    "import": import_subscribers,
    "memory": memory,
}
DEFAULT = [name for name in ALL if name != "memory"]
