"""Arguments, servers and results that all benches share."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import report
from .newsletter import Newsletter, OnPostgres, Sqlite, subscribers_file
from .process import MissingProgram, log
from .servers import FeedServer, Postgres

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Bench:
    options: object
    program: Path
    home: Path
    feed: object
    databases: list
    count: int = 0

    def next_name(self):
        self.count += 1
        return f"newsletter{self.count}"

    def newsletter(self, database, subscribers):
        newsletter = Newsletter.new(self.program, database, self.home, self.next_name(), self.feed)
        if subscribers:
            newsletter.import_subscribers(subscribers_file(self.home, subscribers))
        return newsletter


def split_list(text):
    return text.split(",")


def argument_parser(description, scenarios, default):
    """Returns a parser with the arguments that all benches have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=split_list, default=default, help=f"of {','.join(scenarios)}")
    parser.add_argument("--databases", type=split_list, default=["sqlite", "postgres"])
    parser.add_argument("--messages", type=int, default=30_000, help="per send (default 30,000)")
    parser.add_argument("--subscribers", type=int, default=1_000_000, help="in large lists (default 1,000,000)")
    parser.add_argument("--program", type=Path, help="use this release binary instead of building one")
    parser.add_argument("--dir", default="/var/tmp", help="folder of the databases, on a real disk")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser


def build():
    log("building the release binary …")
    build = subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=False)
    if build.returncode:
        sys.exit(build.returncode)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "broadsheet"


def measure(options, scenarios, program, home):
    feed = FeedServer()
    server = Postgres(home) if "postgres" in options.databases else None
    databases = [Sqlite()] if "sqlite" in options.databases else []
    databases += [OnPostgres(server)] if server else []
    try:
        bench = Bench(options, program.resolve(), home, feed, databases)
        return [row for name in options.only for row in scenarios[name](bench)]
    finally:
        feed.stop()
        if server:
            server.stop()


def main(parser, scenarios):
    """Runs the chosen scenarios. Exits with 1 if a limit is not met."""
    options = parser.parse_args()
    if unknown := set(options.only) - set(scenarios):
        parser.error(f"--only: unknown {', '.join(unknown)}; expected {', '.join(scenarios)}")
    program = options.program or build()
    home = Path(tempfile.mkdtemp(prefix="broadsheet-bench.", dir=options.dir))
    # The user of the PostgreSQL server must have access.
    home.chmod(0o755)
    try:
        rows = measure(options, scenarios, program, home)
    except MissingProgram as error:
        sys.exit(f"{parser.prog}: {error}")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    machine = report.machine(options.dir)
    if options.json:
        print(json.dumps({"machine": machine, "figures": rows}, indent=1))
    else:
        print(report.tables(machine, rows))
    sys.exit(any(row.get("met") is False for row in rows))
