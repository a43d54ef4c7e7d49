"""Measures the response times of the admin pages with a large database."""

import copy
import http.client
import json
import os
import re
import statistics
import subprocess
import time
from urllib.parse import urlencode

from .newsletter import Newsletter
from .process import log
from .servers import free_port, wait_for_port

ISSUES = 500
# Number of subscribers with a delivery of each issue. The last issue has one for each subscriber
# and is paused after half of them.
RECIPIENTS_OF_EACH = 200
MAX_P95_MS = 50
REQUESTS = 20
# Pause between requests of pages with the progress of issues, which is cached for one second.
CACHE_SECONDS = 1.2

# Ids that end in twelve decimal digits.
SUBSCRIBER = "'01900000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2)"
ISSUE = "'01910000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + number AS TEXT), 2)"
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"

FILL = """
{numbers} INSERT INTO subscribers (id, address, address_key, name, state, state_at, source, created_at, nonce, confirmed_at, paused_until)
    SELECT {subscriber}, address, address, 'Reader ' || i, state, at, 'bench', at, '',
        CASE WHEN state = 'pending' THEN NULL ELSE at END,
        CASE WHEN i % 100 = 1 THEN {now} + 86400000 END
    FROM (SELECT i, {now} - (i % 84) * {day} AS at,
        SUBSTR('abcdefghijklmnopqrstuvwxyz', i % 26 + 1, 1) || 'reader' || i || '@' ||
            CASE WHEN i % 10 < 4 THEN 'gmail.com' ELSE 'example' || (i % 5000) || '.org' END AS address,
        CASE WHEN i % 100 < 93 THEN 'confirmed' WHEN i % 100 < 96 THEN 'unsubscribed'
            WHEN i % 100 < 99 THEN 'pending' ELSE 'suppressed' END AS state FROM n) AS people;
INSERT INTO subscriber_daily_changes (day, from_state, to_state, count)
    SELECT state_at / 86400000, 'absent', state, COUNT(*) FROM subscribers GROUP BY state_at / 86400000, state;
{issue_numbers} INSERT INTO issues
    (id, number, state, subject, preheader, message, content_hash, recipients, frozen_at, finished_at)
    SELECT {issue}, number, 'sent', 'Five posts of week ' || number, '', '{{}}', '', {recipients}, at, at
    FROM (SELECT i AS number, {now} - ({issues} - i) * {day} * 7 AS at FROM n) AS numbered;
INSERT INTO deliveries (id, kind, issue_id, subscriber_id, address, state, attempts, lost_replies, queued_at, at)
    SELECT issues.id || ':' || subscribers.id, 'issue', issues.id, subscribers.id, address, 'delivered', 1, 0, frozen_at, frozen_at
    FROM issues, subscribers WHERE subscribers.id <= {last_recipient} AND issues.number < {issues};
INSERT INTO deliveries (id, kind, issue_id, subscriber_id, address, state, due_at, attempts, lost_replies, reply, queued_at, at)
    SELECT id, 'issue', issue_id, subscriber_id, address, state, CASE WHEN state = 'queued' THEN 0 END, 1, 0, reply, at, at
    FROM (SELECT issues.id || ':' || subscribers.id AS id, issues.id AS issue_id, subscribers.id AS subscriber_id, address, frozen_at AS at,
            CASE WHEN subscribers.id < {middle} THEN 'queued' WHEN subscribers.id LIKE '%00' THEN 'bounced' ELSE 'delivered' END AS state,
            CASE WHEN subscribers.id LIKE '%00' THEN '550 5.1.1 nobody of that name' ELSE '250 2.0.0 taken' END AS reply
        FROM issues, subscribers WHERE issues.number = {issues} AND subscribers.state = 'confirmed') AS copies;
INSERT INTO issue_counts (issue_id, delivered, bounced, skipped, in_doubt, deferred)
    SELECT issue_id, SUM(CASE WHEN state = 'delivered' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'bounced' THEN 1 ELSE 0 END), 0, 0, 0
    FROM deliveries GROUP BY issue_id;
UPDATE issues SET state = 'paused', finished_at = NULL,
    recipients = (SELECT COUNT(*) FROM subscribers WHERE state = 'confirmed') WHERE number = {issues};
INSERT INTO feeds (id, source, origin, title, created_at, first_read_at, last_read_at, last_good_at)
    VALUES ('01920000-0000-7000-8000-000000000001', 'https://blog.example.com/feed.xml', 'added', 'A blog', {now}, {now}, {now}, {now});
{posts} INSERT INTO posts (id, feed_id, title, url, excerpt, author, published_at, first_seen_at, times_offered, issue_id, position)
    SELECT '01930000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2), '01920000-0000-7000-8000-000000000001',
        'What we learnt, ' || i, 'https://blog.example.com/' || i, 'A sentence that says what this is about.', 'An author', {now} - i * {day} / 24, {now}, 0,
        CASE WHEN i > 20 THEN (SELECT {issue} FROM (SELECT {issues} - (i - 20) / 5 AS number) AS numbered) END,
        CASE WHEN i > 20 THEN i % 5 END
    FROM n;
{posts} INSERT INTO audit (id, at, actor_kind, action, target)
    SELECT '01940000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2), {now}, 'cli', 'issue_sent', '1' FROM n;
ANALYZE;
"""


def large_newsletter(program, database, home, subscribers, feed):
    """Creates a newsletter with many subscribers, 500 issues and their deliveries."""
    newsletter = Newsletter.new(program, database, home, f"admin-{database.name.lower()}", feed)
    newsletter.broadsheet("migrate")
    log(f"admin pages: filling {database.name} with {subscribers:,} subscribers and {ISSUES} issues")
    sql = FILL.format(
        numbers=NUMBERS.format(subscribers),
        issue_numbers=NUMBERS.format(ISSUES),
        posts=NUMBERS.format(ISSUES * 5),
        subscriber=SUBSCRIBER,
        issue=ISSUE,
        issues=ISSUES,
        recipients=min(RECIPIENTS_OF_EACH, subscribers),
        last_recipient=f"'{subscriber_id(RECIPIENTS_OF_EACH)}'",
        middle=f"'{subscriber_id(subscribers // 2)}'",
        now=int(time.time() * 1000),
        day="CAST(86400000 AS BIGINT)",
    )
    database.shell(newsletter.folder, sql)
    return newsletter


def subscriber_id(number):
    return f"01900000-0000-7000-8000-{number:012}"


class Site:
    """A running server and a connection to it."""

    def __init__(self, newsletter, **settings):
        self.port = free_port()
        address = f"127.0.0.1:{self.port}"
        settings = {
            "PATH": os.environ["PATH"],
            "BROADSHEET_DATABASE__URL": newsletter.database.url(newsletter.folder),
            "BROADSHEET_SERVER__LISTEN": address,
            "BROADSHEET_SERVER__PUBLIC_URL": f"http://{address}",
            **settings,
        }
        with (newsletter.folder / "log").open("wb") as log:
            self.process = subprocess.Popen([newsletter.program], cwd=newsletter.folder, env=settings, stdout=log, stderr=log)
        wait_for_port(self.port, self.process)
        self.connect()

    def connect(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)
        self.cookie = ""

    def open_connection(self):
        """Returns a second connection to the same server."""
        other = copy.copy(self)
        other.connect()
        return other

    def stamp(self):
        """Returns the hidden timing field of the sign-up form."""
        return re.search(r'name="stamp" value="([^"]+)"', self.get("/")).group(1)

    def request(self, path, form=None):
        headers = {"Cookie": self.cookie}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request("POST" if form else "GET", path, form and urlencode(form), headers)
        response = self.connection.getresponse()
        return response.status, response.headers, response.read().decode()

    def log_in(self, newsletter):
        created = newsletter.broadsheet("admin", "create", "editor@example.com").output
        token = re.search(r"token=([\w-]+)", created).group(1)
        form = {"token": token, "email": "editor@example.com", "password": "a long password", "again": "a long password"}
        status, headers, _ = self.request("/admin/setup", form)
        if status != 303:
            raise RuntimeError(f"setup with the one-time link returned {status}")
        self.cookie = headers["set-cookie"].split(";")[0]

    def get(self, path):
        status, _, text = self.request(path)
        if status != 200:
            raise RuntimeError(f"{path}: {status}")
        return text

    def stop(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()


def page_paths(site, subscribers):
    """Returns the paths of all pages by a description."""
    list_path = "/admin/subscribers"
    middle = subscriber_id(subscribers // 2)
    paths = {
        "overview": "/admin",
        "next issue": "/admin/next",
        "send confirmation": "/admin/next/send",
        "issues": "/admin/issues",
        "older issues": "/admin/issues?after=250",
        "an issue of 1,000,000": f"/admin/issues/{ISSUES}",
        "its bounced deliveries": f"/admin/issues/{ISSUES}?state=bounced",
        "its queued deliveries": f"/admin/issues/{ISSUES}?state=queued",
        "its missed deliveries": f"/admin/issues/{ISSUES}?state=missed",
        "a small issue": f"/admin/issues/{ISSUES - 1}",
        "feeds": "/admin/feeds",
        "outbox": "/admin/outbox",
        "settings": "/admin/settings",
        "accounts": "/admin/accounts",
        "audit": "/admin/audit",
        "subscribers": list_path,
        "oldest first": f"{list_path}?order=oldest",
        "by address": f"{list_path}?order=address",
        "page in the middle": f"{list_path}?after={middle}",
        "page before it": f"{list_path}?before={middle}",
        "suppressed": f"{list_path}?state=suppressed",
        "unsubscribed, by address": f"{list_path}?state=unsubscribed&order=address",
        "search a": f"{list_path}?q=a",
        "suppressed, search b": f"{list_path}?state=suppressed&q=b",
        "search @gmail": f"{list_path}?q=%40gmail",
        "suppressed, search @gmail": f"{list_path}?state=suppressed&q=%40gmail",
        "search without results": f"{list_path}?q=zzzz",
        "subscriber with 500 deliveries": f"{list_path}/{subscriber_id(2)}",
        "bulk unsubscribe of all": f"{list_path}/many?do=unsubscribe&whom=all&q=&state=",
        "bulk erase of @gmail": f"{list_path}/many?do=erase&whom=all&q=%40gmail&state=",
        "import": f"{list_path}/import",
    }
    next_link = re.search('rel="next" href="([^"]+)"', site.get(paths["search @gmail"]))
    paths["page 2 of @gmail"] = next_link.group(1).replace("&amp;", "&")
    return paths


def measure(site, path):
    """Returns median and 95th percentile of the response time in milliseconds."""
    pause = CACHE_SECONDS if path == "/admin" or "/issues" in path else 0
    times = []
    site.get(path)
    for _ in range(REQUESTS):
        time.sleep(pause)
        start = time.perf_counter()
        site.get(path)
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    return statistics.median(times), times[int(REQUESTS * 0.95) - 1]


def admin_pages(bench):
    subscribers = bench.options.subscribers
    rows = []
    for database in bench.databases:
        newsletter = large_newsletter(bench.program, database, bench.home, subscribers, bench.feed)
        site = Site(newsletter)
        try:
            site.log_in(newsletter)
            for name, path in page_paths(site, subscribers).items():
                median, p95 = measure(site, path)
                row = {"scenario": "admin pages", "database": database.name, "subscribers": subscribers, "page": name}
                row |= {"median_ms": round(median, 1), "p95_ms": round(p95, 1)}
                rows.append(row | {"limit": MAX_P95_MS, "met": p95 <= MAX_P95_MS})
                log(rows[-1])
        finally:
            site.stop()
            newsletter.remove()
    return rows
