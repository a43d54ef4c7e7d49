"""What the benches have in common: their words, their servers, and how they end."""

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
from .newsletter import Newsletter, OnPostgres, Sqlite, readers_file
from .process import Missing, say
from .servers import Blog, Postgres

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Bench:
    chosen: object
    program: Path
    home: Path
    blog: object
    databases: list
    count: int = 0

    def name(self):
        self.count += 1
        return f"newsletter{self.count}"

    def newsletter(self, database, readers):
        newsletter = Newsletter.new(self.program, database, self.home, self.name(), self.blog)
        if readers:
            newsletter.import_readers(readers_file(self.home, readers))
        return newsletter


def listed(text):
    return text.split(",")


def words(explanation, parts, usual):
    """The arguments that every bench takes."""
    words = argparse.ArgumentParser(
        description=explanation, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("--only", type=listed, default=usual, help=f"of {','.join(parts)}")
    words.add_argument("--databases", type=listed, default=["sqlite", "postgres"])
    words.add_argument("--mails", type=int, default=30_000, help="of one send (default 30,000)")
    words.add_argument("--readers", type=int, default=1_000_000, help="of the large lists (default 1,000,000)")
    words.add_argument("--program", type=Path, help="a release program that is built already")
    words.add_argument("--dir", default="/var/tmp", help="where the databases are: a real disk")
    words.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    return words


def build():
    say("building the release program …")
    done = subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "broadsheet"


def measure(chosen, parts, program, home):
    blog = Blog()
    cluster = Postgres(home) if "postgres" in chosen.databases else None
    databases = [Sqlite()] if "sqlite" in chosen.databases else []
    databases += [OnPostgres(cluster)] if cluster else []
    try:
        bench = Bench(chosen, program.resolve(), home, blog, databases)
        return [row for part in chosen.only for row in parts[part](bench)]
    finally:
        blog.stop()
        if cluster:
            cluster.stop()


def main(words, parts):
    """Measures what was asked for. Ends with 1 when something is not held."""
    chosen = words.parse_args()
    if unknown := set(chosen.only) - set(parts):
        words.error(f"--only: {', '.join(unknown)} is none of {', '.join(parts)}")
    program = chosen.program or build()
    home = Path(tempfile.mkdtemp(prefix="broadsheet-bench.", dir=chosen.dir))
    # PostgreSQL's own user must get in.
    home.chmod(0o755)
    try:
        rows = measure(chosen, parts, program, home)
    except Missing as missing:
        sys.exit(f"{words.prog}: {missing}")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    machine = report.machine(chosen.dir)
    if chosen.json:
        print(json.dumps({"machine": machine, "figures": rows}, indent=1))
    else:
        print(report.tables(machine, rows))
    sys.exit(any(row.get("held") is False for row in rows))
