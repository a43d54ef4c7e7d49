"""Compares the API with /api/openapi.json, using schemathesis."""

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
TIMEOUT = 60

FEED = f"""<?xml version="1.0"?><rss version="2.0"><channel><title>Lab</title>
<link>https://blog.example.com/</link><item><title>A loader in fonts</title>
<link>https://blog.example.com/1</link><pubDate>{formatdate()}</pubDate></item></channel></rss>"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def settings(port):
    """Returns settings with a public URL that has a path, as behind a reverse proxy."""
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
        for number in range(3):
            self.broadsheet("subscribers", "add", f"reader{number}@example.com")
        scopes = [argument for scope in SCOPES for argument in ("--scope", scope)]
        created = self.broadsheet("--json", "admin", "token", "create", "schemathesis", *scopes)
        self.token = json.loads(created)["token"]
        self.api = f"http://127.0.0.1:{port}/weekly/api"
        self.start_server()

    def broadsheet(self, *arguments):
        run = subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        self.assertEqual(0, run.returncode, run.stdout + run.stderr)
        return run.stdout

    def start_server(self):
        self.log = (self.folder / "log").open("w+")
        self.addCleanup(self.log.close)
        server = subprocess.Popen(
            [PROGRAM, "serve"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        self.addCleanup(server.wait)
        self.addCleanup(server.send_signal, signal.SIGTERM)
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                return urlopen(f"{self.api}/openapi.json", timeout=5).close()
            except OSError:
                self.assertIsNone(server.poll(), "the server exited")
                self.assertLess(time.monotonic(), deadline, "the server does not respond")
                time.sleep(0.1)

    def send_first_issue(self):
        headers = {"Authorization": f"Bearer {self.token}"}
        request = Request(f"{self.api}/v1/next/send", method="POST", headers=headers)
        with urlopen(request, timeout=TIMEOUT) as response:
            self.assertEqual(1, json.load(response)["issue"])

    def test_responses_conform_to_openapi(self):
        self.send_first_issue()
        check = subprocess.run(
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
            timeout=20 * TIMEOUT,
        )
        self.assertEqual(0, check.returncode, check.stdout + check.stderr)
        self.log.seek(0)
        log = self.log.read()
        self.assertNotIn("ERROR", log)
        self.assertNotIn(self.token, log)
        self.assertNotIn("@example.com", log)


if __name__ == "__main__":
    unittest.main()
