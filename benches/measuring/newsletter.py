"""A newsletter with its folder, settings, and a database with subscribers."""

import json
import os
import shutil
from pathlib import Path

from .process import find, run

SETTINGS = """
[newsletter]
name = "Example Lab"
from = "Example Lab <news@example.com>"
postal_address = "Example Lab, 1 Example Street, Exampleton"
[server]
public_url = "http://127.0.0.1:8080"
[feeds]
urls = ["http://{feed}/feed.xml"]
allow_private = ["{feed}"]
[schedule]
enabled = false
"""


class Sqlite:
    """A database in one file."""

    name = "SQLite"

    def url(self, folder):
        return f"sqlite:{folder}/broadsheet.db"

    def copy(self, source, target):
        # The last process has checkpointed the write-ahead log at its end.
        shutil.copyfile(source / "broadsheet.db", target / "broadsheet.db")

    def shell(self, folder, sql):
        durable = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000;"
        return run([find("sqlite3", "sqlite3"), "-batch", folder / "broadsheet.db", f"{durable}{sql}"])

    def commits(self, folder, statements):
        """Executes each statement in its own transaction."""
        return self.shell(folder, statements)

    def load(self, folder, table, rows):
        """Loads a CSV file into `table` with the bulk load of the database."""
        load = f".import --csv {rows} {table}"
        durable = ["-cmd", "PRAGMA journal_mode = WAL", "-cmd", "PRAGMA synchronous = FULL"]
        return run([find("sqlite3", "sqlite3"), "-batch", *durable, folder / "broadsheet.db", load])

    def cpu_seconds(self):
        # SQLite runs in the process of the binary.
        return 0.0

    def drop(self, folder):
        pass


class OnPostgres:
    """A database on the temporary PostgreSQL server."""

    name = "PostgreSQL"

    def __init__(self, server):
        self.server = server

    def url(self, folder):
        return self.server.url(folder.name)

    def create(self, folder):
        self.server.psql(f'CREATE DATABASE "{folder.name}"')

    def copy(self, source, target):
        self.server.psql(f'CREATE DATABASE "{target.name}" TEMPLATE "{source.name}"')

    def shell(self, folder, sql):
        return self.server.psql(sql, database=folder.name)

    def commits(self, folder, statements):
        # psql runs all statements of one -c option in one transaction.
        file = folder / "statements.sql"
        file.write_text(statements)
        return self.shell(folder, f"\\i {file}")

    def load(self, folder, table, rows):
        return self.shell(folder, f"\\copy {table} FROM '{rows}' CSV")

    def cpu_seconds(self):
        return self.server.cpu_seconds()

    def drop(self, folder):
        self.server.psql(f'DROP DATABASE "{folder.name}" WITH (FORCE)')


class Newsletter:
    """A newsletter in a folder below `home`."""

    def __init__(self, program, database, home, name, feed):
        self.program, self.database, self.home, self.feed = program, database, home, feed
        self.folder = home / name
        self.folder.mkdir()
        (self.folder / "broadsheet.toml").write_text(SETTINGS.format(feed=feed.address))

    @classmethod
    def new(cls, program, database, home, name, feed):
        newsletter = cls(program, database, home, name, feed)
        if isinstance(database, OnPostgres):
            database.create(newsletter.folder)
        return newsletter

    def copy(self, name):
        """Returns a copy with the same subscribers."""
        copy = Newsletter(self.program, self.database, self.home, name, self.feed)
        self.database.copy(self.folder, copy.folder)
        shutil.copytree(self.folder / "data", copy.folder / "data", dirs_exist_ok=True)
        return copy

    def broadsheet(self, *arguments, smtp_port=None, connections=10):
        settings = {
            "PATH": os.environ["PATH"],
            "BROADSHEET_DATABASE__URL": self.database.url(self.folder),
            "BROADSHEET_SMTP__CONNECTIONS": str(connections),
        }
        if smtp_port:
            settings["BROADSHEET_SMTP__URL"] = f"smtp://127.0.0.1:{smtp_port}"
        return run([self.program, "--json", *map(str, arguments)], cwd=self.folder, env=settings)

    def import_subscribers(self, file):
        return self.broadsheet("subscribers", "import", file, "--source", "bench")

    def enable_dkim(self):
        """Generates both DKIM keys and adds them to the settings."""
        generated = json.loads(self.broadsheet("dkim", "generate").output)
        with (self.folder / "broadsheet.toml").open("a") as settings:
            settings.write(generated["toml"])

    def send(self, smtp_port, connections, expected):
        """Runs `digest send --wait`, which must deliver `expected` messages."""
        run = self.broadsheet("digest", "send", "--wait", smtp_port=smtp_port, connections=connections)
        result = json.loads(run.output.splitlines()[-1])
        if (result["result"], result["delivered"]) != ("sent", expected):
            raise RuntimeError(f"not all messages were delivered: {result}")
        return run

    def remove(self):
        self.database.drop(self.folder)
        shutil.rmtree(self.folder)


def subscribers_file(home, count):
    file = Path(home) / f"subscribers-{count}.csv"
    if not file.exists():
        with file.open("w") as rows:
            rows.write("email\n")
            rows.writelines(f"reader{number:07}@example.org\n" for number in range(count))
        file.chmod(0o644)
    return file
