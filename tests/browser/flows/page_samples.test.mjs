// Checks of all pages in all states (empty, full, hostile), as the template tests render them.
// all_pages.test.mjs visits each page, but not each error, message and state of it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Browser } from '../support/browser.mjs';
import { checkAccessibility, checkHtml, MAX_PAGE_BYTES, NARROW } from '../support/checks.mjs';

const FOLDER = process.env.TESTED_PAGES;
const skip = !FOLDER && 'TESTED_PAGES is not set; tests/run sets it, and the template tests write the pages';
const ASSETS = fileURLToPath(new URL('../../../src/web/assets', import.meta.url));
const CONTENT_TYPES = { css: 'text/css', woff2: 'font/woff2', svg: 'image/svg+xml' };
const CONCURRENCY = 3;

let server, browser, pages;

before(async () => {
  if (skip) return;
  const found = await readdir(FOLDER, { recursive: true });
  pages = found.filter(name => name.endsWith('.html')).map(name => `/${name.split(path.sep).map(encodeURIComponent).join('/')}`).sort();
  server = createServer(respond).listen(0, '127.0.0.1');
  await once(server, 'listening');
  browser = await Browser.start();
});
after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

/// Serves a rendered page or a static asset. Scripts are empty, because no server is running.
async function respond({ url }, response) {
  const pathname = decodeURIComponent(new URL(url, 'http://here').pathname);
  const [, name, kind] = pathname.match(/\/assets\/([\w-]+(?:-600)?)\.[0-9a-f]{16}\.(\w+)$/) ?? [];
  const asset = CONTENT_TYPES[kind] ? path.join(ASSETS, `${name}.${kind}`) : null;
  response.setHeader('content-type', CONTENT_TYPES[kind] ?? (kind ? 'text/javascript' : 'text/html; charset=utf-8'));
  const body = asset ?? (pathname.endsWith('.html') ? path.join(FOLDER, pathname) : null);
  response.end(body ? await readFile(body) : '');
}

/// Collects the failures of all pages, so that one run reports all of them.
class Failures {
  #messages = [];

  async collect(check) { await check.catch(error => this.#messages.push(error.message)); }

  assertNone() { assert.equal(this.#messages.length, 0, this.#messages.join('\n\n')); }
}

/// Flash messages and audit entries differ only in text: axe checks one of each.
function isDuplicateForAxe(name, nth, all) {
  const family = page => page.match(/^\/\w+\/(notice|audit)-/)?.[0];
  return family(name) !== undefined && all.findIndex(other => family(other) === family(name)) !== nth;
}

test('all page samples were written', { skip }, () => {
  assert.ok(pages.length > 300, `only ${pages.length}`);
});

test('page samples have valid markup', { skip }, async () => {
  const failures = new Failures();
  for (const page of pages) {
    const html = await readFile(path.join(FOLDER, decodeURIComponent(page)), 'utf8');
    await failures.collect(checkHtml(html, page));
  }
  failures.assertNone();
});

test('page samples are below the size limit', { skip }, async () => {
  const files = await Promise.all(['app.css', 'app.js', 'icon.svg'].map(file => readFile(path.join(ASSETS, file))));
  const font = await readFile(path.join(ASSETS, 'newsreader-600.woff2'));
  const assetBytes = files.reduce((sum, file) => sum + gzipSync(file).length, font.length);
  const tooLarge = [];
  for (const page of pages.filter(page => page.startsWith('/Full/'))) {
    const bytes = assetBytes + (await readFile(path.join(FOLDER, decodeURIComponent(page)))).length;
    if (bytes > MAX_PAGE_BYTES) tooLarge.push(`${page}: ${bytes} bytes`);
  }
  assert.deepEqual(tooLarge, []);
});

test('page samples pass axe in both themes and widths', { skip }, async () => {
  const failures = new Failures();
  const remaining = pages.filter((page, nth) => !page.startsWith('/Empty/') && !isDuplicateForAxe(page, nth, pages));
  const work = async () => {
    const context = await browser.chromium.newContext({ baseURL: `http://127.0.0.1:${server.address().port}`, reducedMotion: 'reduce' });
    const page = await context.newPage();
    while (remaining.length) {
      const next = remaining.shift();
      await page.goto(next);
      // Hostile values are long and use no other colors: the narrow width is enough.
      await failures.collect(checkAccessibility(page, next, next.startsWith('/Hostile/') ? NARROW : undefined));
    }
    await context.close();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  failures.assertNone();
});
