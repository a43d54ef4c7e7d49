// The binary with its own folder, a feed server and an SMTP server.

import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SmtpServer } from './smtp_server.mjs';
import { waitUntil } from './wait_until.mjs';

const PROGRAM = process.env.TESTED_PROGRAM ?? fileURLToPath(new URL('../../../target/debug/broadsheet', import.meta.url));
const execute = promisify(execFile);

export const POSTS = [
  { slug: 'fonts', title: 'A loader that hides in fonts', text: 'Two families now load their second stage from the name table. We took both apart. Detection rules are at the end.' },
  { slug: 'spam', title: 'Spam in the third quarter', text: 'Less of it, and better written. The three largest waves all began at the same provider.' },
  { slug: 'keys', title: 'Router keys, again', text: 'One key opens four million routers. It was found in a firmware image. The maker answered within a day.' },
];

export class Newsletter {
  #process;
  #log = '';

  static async start({ posts = POSTS, settings = {} } = {}) {
    const newsletter = new Newsletter();
    newsletter.folder = await mkdtemp(path.join(tmpdir(), 'broadsheet-browser.'));
    newsletter.blog = await startFeedServer(posts);
    newsletter.smtp = await SmtpServer.start();
    newsletter.port = await freePort();
    newsletter.url = `http://127.0.0.1:${newsletter.port}`;
    const blogHost = `127.0.0.1:${newsletter.blog.address().port}`;
    newsletter.environment = {
      PATH: process.env.PATH,
      BROADSHEET_SERVER__LISTEN: `127.0.0.1:${newsletter.port}`,
      BROADSHEET_SERVER__PUBLIC_URL: newsletter.url,
      BROADSHEET_NEWSLETTER__NAME: 'Example Lab',
      BROADSHEET_NEWSLETTER__TAGLINE: 'The week in malware, each Friday',
      BROADSHEET_NEWSLETTER__FROM: 'Example Lab <news@example.com>',
      BROADSHEET_NEWSLETTER__POSTAL_ADDRESS: 'Example Lab, 1 Example Street, 12345 Town',
      BROADSHEET_FEEDS__ALLOW_PRIVATE: `["${blogHost}"]`,
      BROADSHEET_SMTP__URL: `smtp://127.0.0.1:${newsletter.smtp.port}`,
      BROADSHEET_LIMITS__MINIMUM_FILL_MS: '0',
      BROADSHEET_LIMITS__SIGNUPS_PER_IP_HOUR: '1000',
      // Tests send issues themselves, on any day of the week.
      BROADSHEET_SCHEDULE__ENABLED: 'false',
      ...settings,
    };
    newsletter.feed = `http://${blogHost}/feed.xml`;
    await newsletter.startProcess();
    return newsletter;
  }

  /// Starts or restarts `serve` and waits until it is ready.
  async startProcess() {
    this.#process = spawn(PROGRAM, ['serve'], { cwd: this.folder, env: this.environment, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr.on('data', text => { this.#log += text; });
    await waitUntil('the server is ready', async () => {
      if (this.#process.exitCode !== null) throw new Error(`the process ended:\n${this.#log}`);
      return (await fetch(`${this.url}/readyz`).catch(() => null))?.ok;
    });
  }

  /// Sends a signal and returns the exit code.
  async kill(signal = 'SIGKILL') {
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    const [code] = await exited;
    return code;
  }

  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill('SIGTERM');
    await this.smtp.close();
    this.blog.closeAllConnections();
    this.blog.close();
    await rm(this.folder, { recursive: true });
  }

  /// The setup link that the first start logs.
  get setupLink() {
    return this.#log.match(/http\S+\/admin\/setup\?token=\S+/)[0];
  }

  get log() { return this.#log; }

  /// Runs a command and returns its standard output.
  async run(...args) {
    const { stdout } = await execute(PROGRAM, args, { cwd: this.folder, env: this.environment });
    return stdout;
  }

  /// Imports reader0@example.org to reader{count - 1}@example.org.
  async importSubscribers(count) {
    const file = path.join(this.folder, 'subscribers.csv');
    const rows = Array.from({ length: count }, (_, row) => `reader${row}@example.org`);
    await writeFile(file, ['email', ...rows].join('\n'));
    await this.run('subscribers', 'import', file, '--source', 'the old list');
  }
}

async function startFeedServer(posts) {
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
