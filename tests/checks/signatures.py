"""Checks generated DKIM keys and signatures with dkimpy."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from email.utils import formatdate
from pathlib import Path

import dkim

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("TESTED_PROGRAM", ROOT / "target/debug/broadsheet")

SETTINGS = """
[newsletter]
name = "Bücher, Lab"
from = "Bücher, Lab <news@example.com>"
reply_to = "editor@example.com"
# Lines with leading dots test dot-stuffing.
postal_address = "1 Example Street\\n.\\n..\\n.hidden file"
"""

FEED = f"""<?xml version="1.0"?><rss version="2.0"><channel><title>Lab</title>
<link>https://blog.example.com/</link><item><title>Über uns, and …</title>
<link>https://blog.example.com/1</link><pubDate>{formatdate()}</pubDate>
<description>Größe. Grüße aus Köln.</description></item></channel></rss>"""


class Dkim(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "broadsheet.toml").write_text(SETTINGS)
        (self.folder / "feed.xml").write_text(FEED)

    def broadsheet(self, *arguments, status=0):
        run = subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(status, run.returncode, run.stdout + run.stderr)
        return run

    def generate_keys(self, **kwargs):
        return self.broadsheet("--json", "dkim", "generate", **kwargs)

    def dns_lookup(self, generated):
        """Returns a DNS lookup function with the printed records."""
        records = {f"{key['name']}.": "".join(key["strings"]) for key in generated["keys"]}
        return lambda name, timeout=5: records[name.decode()].encode()

    def test_keys_are_private_and_never_overwritten(self):
        generated = json.loads(self.generate_keys().stdout)
        self.assertEqual(
            ["broadsheet._domainkey.example.com", "broadsheet-ed25519._domainkey.example.com"],
            [key["name"] for key in generated["keys"]],
        )
        files = [self.folder / key["file"] for key in generated["keys"]]
        before = [file.read_bytes() for file in files]
        for key, file in zip(generated["keys"], files):
            self.assertEqual(0o600, file.stat().st_mode & 0o777)
            self.assertEqual(key["value"], "".join(key["strings"]))
            self.assertLessEqual(max(map(len, key["strings"])), 255)
        self.assertIn("never overwritten", self.generate_keys(status=1).stderr)
        self.assertEqual(before, [file.read_bytes() for file in files])

    def test_invalid_key_stops_send(self):
        generated = json.loads(self.generate_keys().stdout)
        with (self.folder / "broadsheet.toml").open("a") as settings:
            settings.write(generated["toml"])
        (self.folder / generated["keys"][0]["file"]).write_text("no key\n")
        error = self.broadsheet("digest", "send", status=2).stderr
        self.assertRegex(error, r"dkim\.keys: data/dkim-broadsheet\.pem: no private key")

    def test_all_messages_pass_with_both_keys(self):
        generated = json.loads(self.generate_keys().stdout)
        with (self.folder / "broadsheet.toml").open("a") as settings:
            settings.write(generated["toml"])
        self.broadsheet("feeds", "add", "feed.xml")
        self.broadsheet("subscribers", "add", "ada@example.org")
        self.broadsheet("subscribers", "add", "--pending", "bob@example.org")
        self.broadsheet("digest", "send", "--wait", "--wait-max", "1m")
        messages = list((self.folder / "data/outbox").rglob("*.eml"))
        issues = 0
        for file in messages:
            message = file.read_bytes()
            issues += b"\r\nList-Unsubscribe-Post:" in message
            self.assertIn(b"\r\n.\r\n..\r\n.hidden file\r\n", message)
            for index in range(len(generated["keys"])):
                verifier = dkim.DKIM(message)
                self.assertTrue(verifier.verify(idx=index, dnsfunc=self.dns_lookup(generated)), file)
                self.assertEqual([b"relaxed", b"relaxed"], verifier.signature_fields[b"c"].split(b"/"))
                self.assertNotIn(b"l", verifier.signature_fields)
                self.assert_oversigned(message, verifier.signature_fields[b"h"])
            forged = message.replace(b"\r\nSubject: ", b"\r\nSubject: new ", 1)
            self.assertFalse(dkim.DKIM(forged).verify(idx=0, dnsfunc=self.dns_lookup(generated)))
        self.assertEqual((2, 1), (len(messages), issues))

    def assert_oversigned(self, message, names):
        """Asserts that each header field is signed once more than it occurs."""
        names = [name.strip().lower() for name in re.sub(rb"\s", b"", names).split(b":")]
        head = message.split(b"\r\n\r\n")[0]
        fields = [line.split(b":")[0].lower() for line in re.split(rb"\r\n(?![ \t])", head)]
        for field in set(fields) - {b"dkim-signature"}:
            self.assertEqual(fields.count(field) + 1, names.count(field), field)


if __name__ == "__main__":
    unittest.main()
