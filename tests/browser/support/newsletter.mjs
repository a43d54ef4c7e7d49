// A newsletter as its owner runs it: the real program in a folder of its own, a blog and a
// mail server that keeps what it gets.

import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MailServer } from './mail_server.mjs';
import { until } from './until.mjs';

const PROGRAM = process.env.TESTED_PROGRAM ?? fileURLToPath(new URL('../../../target/debug/broadsheet', import.meta.url));
const run = promisify(execFile);

export const POSTS = [
  { slug: 'fonts', title: 'A loader that hides in fonts', text: 'Two families now load their second stage from the name table. We took both apart. Detection rules are at the end.' },
  { slug: 'spam', title: 'Spam in the third quarter', text: 'Less of it, and better written. The three largest waves all began at the same provider.' },
  { slug: 'keys', title: 'Router keys, again', text: 'One key opens four million routers. It was found in a firmware image. The maker answered within a day.' },
];

export class Newsletter {
  #process;
  #log = '';

  static async start({ posts = POSTS, settings = {} } = {}) {
    const it = new Newsletter();
    it.folder = await mkdtemp(path.join(tmpdir(), 'broadsheet-browser.'));
    it.blog = await blog(posts);
    it.mail = await MailServer.start();
    it.port = await freePort();
    it.url = `http://127.0.0.1:${it.port}`;
    const blogHost = `127.0.0.1:${it.blog.address().port}`;
    it.environment = {
      PATH: process.env.PATH,
      BROADSHEET_SERVER__LISTEN: `127.0.0.1:${it.port}`,
      BROADSHEET_SERVER__PUBLIC_URL: it.url,
      BROADSHEET_NEWSLETTER__NAME: 'Example Lab',
      BROADSHEET_NEWSLETTER__TAGLINE: 'The week in malware, each Friday',
      BROADSHEET_NEWSLETTER__FROM: 'Example Lab <news@example.com>',
      BROADSHEET_NEWSLETTER__POSTAL_ADDRESS: 'Example Lab, 1 Example Street, 12345 Town',
      BROADSHEET_FEEDS__ALLOW_PRIVATE: `["${blogHost}"]`,
      BROADSHEET_SMTP__URL: `smtp://127.0.0.1:${it.mail.port}`,
      BROADSHEET_LIMITS__MINIMUM_FILL_MS: '0',
      BROADSHEET_LIMITS__SIGNUPS_PER_IP_HOUR: '1000',
      // Friday at ten must not come into a test's way.
      BROADSHEET_SCHEDULE__ENABLED: 'false',
      ...settings,
    };
    it.feed = `http://${blogHost}/feed.xml`;
    await it.begin();
    return it;
  }

  /// Starts the program, or starts it again, and waits until it answers.
  async begin() {
    this.#process = spawn(PROGRAM, ['serve'], { cwd: this.folder, env: this.environment, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr.on('data', text => { this.#log += text; });
    await until('the program answers', async () => {
      if (this.#process.exitCode !== null) throw new Error(`it ended:\n${this.#log}`);
      return (await fetch(`${this.url}/readyz`).catch(() => null))?.ok;
    });
  }

  async kill(signal = 'SIGKILL') {
    const gone = once(this.#process, 'exit');
    this.#process.kill(signal);
    const [code] = await gone;
    return code;
  }

  async end() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill('SIGTERM');
    await this.mail.close();
    this.blog.closeAllConnections();
    this.blog.close();
    await rm(this.folder, { recursive: true });
  }

  /// The link that the first start prints.
  get firstLink() {
    return this.#log.match(/http\S+\/admin\/setup\?token=\S+/)[0];
  }

  get log() { return this.#log; }

  /// Runs a command beside the server, and gives what it printed.
  async command(...words) {
    const { stdout } = await run(PROGRAM, words, { cwd: this.folder, env: this.environment });
    return stdout;
  }

  async readers(count) {
    const file = path.join(this.folder, 'readers.csv');
    const rows = Array.from({ length: count }, (_, row) => `reader${row}@example.org`);
    await writeFile(file, ['email', ...rows].join('\n'));
    await this.command('subscribers', 'import', file, '--source', 'the old list');
  }
}

async function blog(posts) {
  const server = createServer((request, response) => {
    const items = posts.map((post, nth) => `<item><title>${post.title}</title><link>https://blog.example.com/${post.slug}</link>
<guid>https://blog.example.com/${post.slug}</guid><pubDate>${new Date(Date.now() - (nth + 1) * 3600e3).toUTCString()}</pubDate>
<description>${post.text}</description></item>`);
    response.setHeader('content-type', 'application/rss+xml');
    response.end(`<?xml version="1.0"?><rss version="2.0"><channel><title>The lab’s blog</title><link>https://blog.example.com/</link>
<description>What we find</description>${items.join('')}</channel></rss>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
