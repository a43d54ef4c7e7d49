"""The parts of the measurement. Each gives rows of figures; a row with a floor says
whether it was held."""

from .newsletter import readers_file
from .process import say
from .servers import FarServer, Sink

# DESIGN.md: what is promised, as a part of the reference's rate.
SEND_FLOORS = {"SQLite": 0.8, "PostgreSQL": 0.6}
ENQUEUE_FLOOR = 0.5
IMPORT_FLOOR = 0.2
MEMORY_CEILING = 64 * 1024 * 1024
# Two, and the little that is done between them.
ROUND_TRIPS_CEILING = 2.1
# The floors of sending hold for this many connections.
FLOOR_CONNECTIONS = 50


def ratio_row(part, database, rate, references, floor, **more):
    """`rate` beside what the reference made before and after it."""
    ratio = rate / (sum(references) / len(references))
    row = {"part": part, "database": database.name, **more, "rate": round(rate)}
    row |= {"reference": [round(reference) for reference in references], "ratio": round(ratio, 2)}
    if floor:
        row |= {"floor": floor, "held": ratio >= floor}
    return row


def send(bench):
    mails = bench.chosen.mails
    sink = Sink()
    rows = []
    for database in bench.databases:
        full = bench.newsletter(database, mails)
        for dkim in bench.chosen.dkim:
            size = size_of_mail(bench, database, dkim)
            for connections in map(int, bench.chosen.connections):
                say(f"send: {database.name}, {connections} connections, DKIM {dkim}, {size} bytes")
                newsletter = full.copy(bench.name())
                if dkim == "on":
                    newsletter.sign()
                before = sink.source(connections, mails, size)
                database_before = database.cpu_seconds()
                done = newsletter.send(sink.port, connections, mails)
                database_cpu = database.cpu_seconds() - database_before
                after = sink.source(connections, mails, size)
                newsletter.remove()
                # Signing is work that the reference does not do.
                has_floor = connections == FLOOR_CONNECTIONS and dkim == "off"
                floor = SEND_FLOORS[database.name] if has_floor else None
                about = {"dkim": dkim, "connections": connections, "mails": mails, "bytes": size}
                row = ratio_row("send", database, mails / done.seconds, [before, after], floor, **about)
                row |= {"cpu_seconds": round(done.cpu_seconds, 2), "database_cpu_seconds": round(database_cpu, 2)}
                rows.append(row | {"peak_bytes": done.peak_bytes})
                say(row)
        full.remove()
    sink.stop()
    return rows


def size_of_mail(bench, database, dkim):
    """Sends one and weighs it."""
    newsletter = bench.newsletter(database, 1)
    if dkim == "on":
        newsletter.sign()
    server = FarServer(delay=0)
    newsletter.send(server.port, 1, 1)
    server.stop()
    newsletter.remove()
    return server.sizes[0]


def round_trips(bench):
    """Over a slow way: how many times it is gone for each mail."""
    delay, mails = 0.2, 40
    rows = []
    for database in bench.databases:
        say(f"round trips: {database.name}")
        newsletter = bench.newsletter(database, mails)
        server = FarServer(delay)
        newsletter.send(server.port, 1, mails)
        server.stop()
        newsletter.remove()
        seconds = (server.taken[-1] - server.taken[0]) / (mails - 1)
        trips = seconds / delay
        row = {"part": "round trips", "database": database.name, "delay_ms": delay * 1000}
        row |= {"ms_per_mail": round(seconds * 1000, 1), "trips": round(trips, 2)}
        rows.append(row | {"floor": ROUND_TRIPS_CEILING, "held": trips <= ROUND_TRIPS_CEILING})
        say(rows[-1])
    return rows


# The table that a plain INSERT … SELECT fills is the one that the program fills.
PLAIN_ENQUEUE = """
INSERT INTO issues (id, number, state, subject, preheader, message, content_hash, recipients, frozen_at)
    VALUES ('plain', 1, 'sending', '', '', '', '', 0, 0)"""
PLAIN_COPIES = """
INSERT INTO deliveries (id, kind, issue_id, subscriber_id, address, state, due_at, attempts, lost_replies, queued_at, at)
    SELECT 'plain:' || id, 'issue', 'plain', id, address, 'queued', 0, 0, 0, 0, 0 FROM subscribers WHERE state = 'confirmed'"""


def enqueue(bench):
    readers = bench.chosen.readers
    rows = []
    for database in bench.databases:
        say(f"enqueue: {database.name}, {readers} readers")
        full = bench.newsletter(database, readers)
        references = []
        for when in ("before", "measured", "after"):
            newsletter = full.copy(bench.name())
            if when == "measured":
                # No server is asked: nothing is delivered yet.
                done = newsletter.broadsheet("digest", "send", smtp_port=9)
            else:
                database.shell(newsletter.folder, PLAIN_ENQUEUE)
                references.append(readers / database.shell(newsletter.folder, PLAIN_COPIES).seconds)
            newsletter.remove()
        full.remove()
        row = ratio_row("enqueue", database, readers / done.seconds, references, ENQUEUE_FLOOR, readers=readers)
        rows.append(row | {"cpu_seconds": round(done.cpu_seconds, 2), "peak_bytes": done.peak_bytes})
        say(rows[-1])
    return rows


# As `subscribers`, with its keys and index, and without what an import leaves empty.
PLAIN_TABLE = """
CREATE TABLE plain (id TEXT PRIMARY KEY, address TEXT NOT NULL, address_key TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL, state_at BIGINT NOT NULL, source TEXT NOT NULL, created_at BIGINT NOT NULL,
    nonce TEXT NOT NULL, asked_at BIGINT, confirmed_at BIGINT);
CREATE INDEX plain_by_state ON plain (state, id)"""
PLAIN_COLUMNS = "id, address, address_key, state, state_at, source, created_at, nonce, asked_at, confirmed_at"


def import_readers(bench):
    readers = bench.chosen.readers
    rows = []
    for database in bench.databases:
        say(f"import: {database.name}, {readers} readers")
        newsletter = bench.newsletter(database, 0)
        done = newsletter.import_readers(readers_file(bench.home, readers))
        file = bench.home / "plain.csv"
        listed = database.shell(newsletter.folder, f"SELECT {PLAIN_COLUMNS} FROM subscribers")
        file.write_text(listed.output.replace("|", ","))
        file.chmod(0o644)
        references = []
        for _ in range(2):
            database.shell(newsletter.folder, PLAIN_TABLE)
            references.append(readers / database.load(newsletter.folder, "plain", file).seconds)
            database.shell(newsletter.folder, "DROP TABLE plain")
        newsletter.remove()
        file.unlink()
        row = ratio_row("import", database, readers / done.seconds, references, IMPORT_FLOOR, readers=readers)
        rows.append(row | {"cpu_seconds": round(done.cpu_seconds, 2), "peak_bytes": done.peak_bytes})
        say(rows[-1])
    return rows


def memory(bench):
    """The peak while sending to many more readers than fit into it."""
    connections = 10
    sink = Sink()
    rows = []
    for database in bench.databases:
        for readers in (10_000, bench.chosen.readers):
            say(f"memory: {database.name}, {readers} readers")
            newsletter = bench.newsletter(database, readers)
            done = newsletter.send(sink.port, connections, readers)
            newsletter.remove()
            row = {"part": "memory", "database": database.name, "readers": readers, "connections": connections}
            row |= {"rate": round(readers / done.seconds), "peak_bytes": done.peak_bytes}
            rows.append(row | {"floor": MEMORY_CEILING, "held": done.peak_bytes <= MEMORY_CEILING})
            say(rows[-1])
    sink.stop()
    return rows


ALL = {
    "send": send,
    "round-trips": round_trips,
    "enqueue": enqueue,
    "import": import_readers,
    "memory": memory,
}
USUAL = [part for part in ALL if part != "memory"]
