"""Temporary servers: SMTP, feed and PostgreSQL."""

import asyncio
import os
import pwd
import signal
import socket
import subprocess
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .process import cpu_seconds_of_tree, find, run


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended at the start")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]} does not listen on {port}")


def is_root():
    return os.geteuid() == 0


class Sink:
    """smtp-sink of postfix: accepts and discards all messages."""

    def __init__(self):
        self.port = free_port()
        user = ["-u", "nobody"] if is_root() else []
        self.process = subprocess.Popen(
            [find("smtp-sink", "postfix"), *user, f"127.0.0.1:{self.port}", "1000"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port, self.process)

    def measure_smtp_source(self, sessions, messages, size):
        """Returns messages per second of smtp-source to this sink, with connections reused (-d)."""
        command = [find("smtp-source", "postfix"), "-d", "-s", str(sessions), "-m", str(messages)]
        command += ["-l", str(size), "-f", "news@example.com", "-t", "reader@example.org"]
        return messages / run([*command, f"127.0.0.1:{self.port}"]).seconds

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Postgres:
    """PostgreSQL with default settings, thus with fsync and synchronous_commit."""

    def __init__(self, folder):
        self.folder = folder / "postgres"
        self.folder.mkdir(mode=0o700)
        self.port = free_port()
        self.programs = os.path.dirname(os.path.realpath(find("initdb", "postgresql")))
        self.owner = []
        if is_root():
            # PostgreSQL does not run as root.
            accounts = {account.pw_name: account for account in pwd.getpwall()}
            account = accounts.get("postgres", accounts["nobody"])
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
            self.owner = ["setpriv", *ids]
        cluster = str(self.folder / "cluster")
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        run([*self.owner, f"{self.programs}/initdb", *options, f"--pgdata={cluster}"], cwd=self.folder)
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*self.owner, f"{self.programs}/postgres", "-D", cluster, "-p", str(self.port)]
                + ["-h", "127.0.0.1", "-k", str(self.folder)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for_port(self.port, self.process)
        deadline = time.monotonic() + 30
        while self.psql("SELECT 1", may_fail=time.monotonic() < deadline).output.strip() != "1":
            time.sleep(0.05)

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def psql(self, sql, database="postgres", **options):
        psql = [find("psql", "postgresql-client"), "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"]
        return run([*psql, "-d", self.url(database), "-c", sql], **options)

    def cpu_seconds(self):
        return cpu_seconds_of_tree(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class FeedServer:
    """A feed with posts for an issue of about 10 KB."""

    POSTS = 3
    SENTENCE = "A sentence that says what this post is about, at some length and with care. "

    def __init__(self):
        items = "".join(
            f"<item><title>What we learnt in week {number} of the long project</title>"
            f"<link>https://blog.example.com/posts/{number}</link><pubDate>{formatdate()}</pubDate>"
            f"<description>{self.SENTENCE * 4}</description></item>"
            for number in range(1, self.POSTS + 1)
        )
        feed = (
            '<?xml version="1.0"?><rss version="2.0"><channel><title>Example Lab</title>'
            f"<link>https://blog.example.com/</link>{items}</channel></rss>"
        ).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(feed)))
                self.end_headers()
                self.wfile.write(feed)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


class DistantSmtpServer:
    """An SMTP server with network latency: commands arrive `delay` seconds later.

    Records time and size of each message."""

    def __init__(self, delay):
        self.delay = delay
        self.received_at = []
        self.sizes = []
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self.serve, args=(ready,), daemon=True).start()
        ready.wait()

    def serve(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.serve_connection, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    async def serve_connection(self, reader, writer):
        writer.write(b"220 far.example.com ESMTP\r\n")
        unread, in_data = b"", False
        while data := await reader.read(1 << 20):
            unread += data + await self.read_until_delay(reader)
            replies = []
            while True:
                end = b"\r\n.\r\n" if in_data else b"\r\n"
                command, found, rest = unread.partition(end)
                if not found:
                    break
                unread = rest
                replies.append(self.reply_to(command, in_data))
                in_data = replies[-1].startswith(b"354")
            writer.write(b"".join(replies))

    async def read_until_delay(self, reader):
        """Returns the data of the delay, which arrives together with the previous data."""
        more, end = b"", self.loop.time() + self.delay
        while (left := end - self.loop.time()) > 0:
            try:
                data = await asyncio.wait_for(reader.read(1 << 20), left)
            except asyncio.TimeoutError:
                break
            if not data:
                break
            more += data
        return more

    def reply_to(self, command, in_data):
        if in_data:
            self.received_at.append(time.monotonic())
            self.sizes.append(len(command) + 2)
            return b"250 2.0.0 accepted\r\n"
        verb = command[:4].upper()
        if verb == b"EHLO":
            return b"250-far.example.com\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
        return b"354 go on\r\n" if verb == b"DATA" else b"250 2.0.0 fine\r\n"

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
