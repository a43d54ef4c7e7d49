"""A newsletter to be sent: its folder, its settings, its database with readers in it."""

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
urls = ["http://{blog}/feed.xml"]
allow_private = ["{blog}"]
[schedule]
enabled = false
"""


class Sqlite:
    """A database in one file."""

    name = "SQLite"

    def url(self, folder):
        return f"sqlite:{folder}/broadsheet.db"

    def copy(self, source, target):
        # The log was folded in when the last process ended.
        shutil.copyfile(source / "broadsheet.db", target / "broadsheet.db")

    def shell(self, folder, sql):
        durable = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000;"
        return run([find("sqlite3", "sqlite3"), "-batch", folder / "broadsheet.db", f"{durable}{sql}"])

    def commits(self, folder, statements):
        """Each statement is a transaction of its own."""
        return self.shell(folder, statements)

    def load(self, folder, table, rows):
        """Fills `table` from a CSV file the way this database is best at."""
        load = f".import --csv {rows} {table}"
        durable = ["-cmd", "PRAGMA journal_mode = WAL", "-cmd", "PRAGMA synchronous = FULL"]
        return run([find("sqlite3", "sqlite3"), "-batch", *durable, folder / "broadsheet.db", load])

    def cpu_seconds(self):
        # It works inside the program.
        return 0.0

    def drop(self, folder):
        pass


class OnPostgres:
    """A database of the cluster that was started for this."""

    name = "PostgreSQL"

    def __init__(self, cluster):
        self.cluster = cluster

    def url(self, folder):
        return self.cluster.url(folder.name)

    def make(self, folder):
        self.cluster.psql(f'CREATE DATABASE "{folder.name}"')

    def copy(self, source, target):
        self.cluster.psql(f'CREATE DATABASE "{target.name}" TEMPLATE "{source.name}"')

    def shell(self, folder, sql):
        return self.cluster.psql(sql, database=folder.name)

    def commits(self, folder, statements):
        # All statements of one -c would be one transaction.
        file = folder / "statements.sql"
        file.write_text(statements)
        return self.shell(folder, f"\\i {file}")

    def load(self, folder, table, rows):
        return self.shell(folder, f"\\copy {table} FROM '{rows}' CSV")

    def cpu_seconds(self):
        return self.cluster.cpu_seconds()

    def drop(self, folder):
        self.cluster.psql(f'DROP DATABASE "{folder.name}" WITH (FORCE)')


class Newsletter:
    """One newsletter in one folder. `home` holds all of them."""

    def __init__(self, program, database, home, name, blog):
        self.program, self.database, self.home, self.blog = program, database, home, blog
        self.folder = home / name
        self.folder.mkdir()
        (self.folder / "broadsheet.toml").write_text(SETTINGS.format(blog=blog.place))

    @classmethod
    def new(cls, program, database, home, name, blog):
        newsletter = cls(program, database, home, name, blog)
        if isinstance(database, OnPostgres):
            database.make(newsletter.folder)
        return newsletter

    def copy(self, name):
        """The same with the same readers, to be sent anew."""
        twin = Newsletter(self.program, self.database, self.home, name, self.blog)
        self.database.copy(self.folder, twin.folder)
        shutil.copytree(self.folder / "data", twin.folder / "data", dirs_exist_ok=True)
        return twin

    def broadsheet(self, *arguments, smtp_port=None, connections=10):
        settings = {
            "PATH": os.environ["PATH"],
            "BROADSHEET_DATABASE__URL": self.database.url(self.folder),
            "BROADSHEET_SMTP__CONNECTIONS": str(connections),
        }
        if smtp_port:
            settings["BROADSHEET_SMTP__URL"] = f"smtp://127.0.0.1:{smtp_port}"
        return run([self.program, "--json", *map(str, arguments)], cwd=self.folder, env=settings)

    def import_readers(self, file):
        return self.broadsheet("subscribers", "import", file, "--source", "bench")

    def sign(self):
        """Makes the two DKIM keys and names them in the settings."""
        made = json.loads(self.broadsheet("dkim", "generate").output)
        with (self.folder / "broadsheet.toml").open("a") as settings:
            settings.write(made["toml"])

    def send(self, smtp_port, connections, expected):
        """A whole `digest send --wait`. All of `expected` mails must be delivered."""
        done = self.broadsheet("digest", "send", "--wait", smtp_port=smtp_port, connections=connections)
        told = json.loads(done.output.splitlines()[-1])
        if (told["result"], told["delivered"]) != ("sent", expected):
            raise RuntimeError(f"not all was delivered: {told}")
        return done

    def remove(self):
        self.database.drop(self.folder)
        shutil.rmtree(self.folder)


def readers_file(home, count):
    file = Path(home) / f"readers-{count}.csv"
    if not file.exists():
        with file.open("w") as rows:
            rows.write("email\n")
            rows.writelines(f"reader{number:07}@example.org\n" for number in range(count))
        file.chmod(0o644)
    return file
