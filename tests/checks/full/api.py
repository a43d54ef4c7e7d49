"""The API answers as /api/openapi.json says, whatever is asked of it: an outside judge asks."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from email.utils import formatdate
from pathlib import Path
from urllib.request import Request, urlopen

HERE = Path(__file__).resolve().parent
PROGRAM = os.environ.get("TESTED_PROGRAM", HERE.parents[2] / "target/debug/broadsheet")
SCOPES = ["read", "subscribers", "issues"]
PATIENCE = 60

FEED = f"""<?xml version="1.0"?><rss version="2.0"><channel><title>Lab</title>
<link>https://blog.example.com/</link><item><title>A loader in fonts</title>
<link>https://blog.example.com/1</link><pubDate>{formatdate()}</pubDate></item></channel></rss>"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def settings(port):
    """Below a path, as behind a proxy that serves a blog, too."""
    return f"""
[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}/weekly"
[newsletter]
name = "Lab"
from = "Lab <news@example.com>"
postal_address = "1 Example Street"
[schedule]
enabled = false
"""


class Api(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        port = free_port()
        (self.folder / "broadsheet.toml").write_text(settings(port))
        (self.folder / "feed.xml").write_text(FEED)
        self.broadsheet("feeds", "add", "feed.xml")
        for reader in range(3):
            self.broadsheet("subscribers", "add", f"reader{reader}@example.com")
        scopes = [argument for scope in SCOPES for argument in ("--scope", scope)]
        made = self.broadsheet("--json", "admin", "token", "create", "judge", *scopes)
        self.token = json.loads(made)["token"]
        self.api = f"http://127.0.0.1:{port}/weekly/api"
        self.serve()

    def broadsheet(self, *arguments):
        done = subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def serve(self):
        self.log = (self.folder / "log").open("w+")
        self.addCleanup(self.log.close)
        running = subprocess.Popen(
            [PROGRAM, "serve"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        self.addCleanup(running.wait)
        self.addCleanup(running.send_signal, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return urlopen(f"{self.api}/openapi.json", timeout=5).close()
            except OSError:
                self.assertIsNone(running.poll(), "it ended")
                self.assertLess(time.monotonic(), deadline, "it does not answer")
                time.sleep(0.1)

    def send_the_first_issue(self):
        headers = {"Authorization": f"Bearer {self.token}"}
        request = Request(f"{self.api}/v1/next/send", method="POST", headers=headers)
        with urlopen(request, timeout=PATIENCE) as answer:
            self.assertEqual(1, json.load(answer)["issue"])

    def test_every_answer_is_as_described(self):
        self.send_the_first_issue()
        judged = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "--config-file",
                HERE / "schemathesis.toml",
                "run",
                f"{self.api}/openapi.json",
                "--url",
                f"{self.api}/v1",
                "--header",
                f"Authorization: Bearer {self.token}",
                "--checks=all",
                "--max-examples=100",
                "--seed=1",
                "--continue-on-failure",
                "--no-color",
            ],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20 * PATIENCE,
        )
        self.assertEqual(0, judged.returncode, judged.stdout + judged.stderr)
        self.log.seek(0)
        log = self.log.read()
        self.assertNotIn("ERROR", log)
        self.assertNotIn(self.token, log)
        self.assertNotIn("@example.com", log)


if __name__ == "__main__":
    unittest.main()
