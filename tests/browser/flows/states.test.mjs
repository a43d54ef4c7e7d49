// Every page in every state: empty, full, and full of what means harm, as the tests of the
// templates lay them out. A walk through the program comes by every page, but not by every
// fault, notice and stage that it can show.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Browser } from '../support/browser.mjs';
import { HEAVIEST, judgeAccess, judgeText, NARROW } from '../support/judges.mjs';

const FOLDER = process.env.TESTED_PAGES;
const skip = !FOLDER && 'TESTED_PAGES names no folder; tests/run has it filled by the tests of the templates';
const ASSETS = fileURLToPath(new URL('../../../src/web/assets', import.meta.url));
const KINDS = { css: 'text/css', woff2: 'font/woff2', svg: 'image/svg+xml' };
const AT_ONCE = 3;

let server, browser, pages;

before(async () => {
  if (skip) return;
  const found = await readdir(FOLDER, { recursive: true });
  pages = found.filter(name => name.endsWith('.html')).map(name => `/${name.split(path.sep).map(encodeURIComponent).join('/')}`).sort();
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  browser = await Browser.start();
});
after(async () => {
  await browser?.end();
  server?.closeAllConnections();
  server?.close();
});

/// A page as it was laid out, and what it is dressed in. No script: nothing is being sent here.
async function answer({ url }, response) {
  const asked = decodeURIComponent(new URL(url, 'http://here').pathname);
  const [, name, kind] = asked.match(/\/assets\/([\w-]+(?:-600)?)\.[0-9a-f]{16}\.(\w+)$/) ?? [];
  const asset = KINDS[kind] ? path.join(ASSETS, `${name}.${kind}`) : null;
  response.setHeader('content-type', KINDS[kind] ?? (kind ? 'text/javascript' : 'text/html; charset=utf-8'));
  const body = asset ?? (asked.endsWith('.html') ? path.join(FOLDER, asked) : null);
  response.end(body ? await readFile(body) : '');
}

/// All of them at once: one run tells of every page.
class Faults {
  #told = [];

  async of(judgement) { await judgement.catch(fault => this.#told.push(fault.message)); }

  none() { assert.equal(this.#told.length, 0, this.#told.join('\n\n')); }
}

/// Notices and deeds differ by a sentence: one of each is looked at by axe, all by the rest.
function isOneOfMany(name, nth, all) {
  const family = page => page.match(/^\/\w+\/(notice|audit)-/)?.[0];
  return family(name) !== undefined && all.findIndex(other => family(other) === family(name)) !== nth;
}

test('there are all states of many pages', { skip }, () => {
  assert.ok(pages.length > 300, `only ${pages.length}`);
});

test('their markup', { skip }, async () => {
  const faults = new Faults();
  for (const page of pages) {
    const html = await readFile(path.join(FOLDER, decodeURIComponent(page)), 'utf8');
    await faults.of(judgeText(html, page));
  }
  faults.none();
});

test('their weight', { skip }, async () => {
  const files = await Promise.all(['app.css', 'app.js', 'icon.svg'].map(file => readFile(path.join(ASSETS, file))));
  const font = await readFile(path.join(ASSETS, 'newsreader-600.woff2'));
  const dress = files.reduce((sum, file) => sum + gzipSync(file).length, font.length);
  const heavy = [];
  for (const page of pages.filter(page => page.startsWith('/Full/'))) {
    const bytes = dress + (await readFile(path.join(FOLDER, decodeURIComponent(page)))).length;
    if (bytes > HEAVIEST) heavy.push(`${page}: ${bytes} bytes`);
  }
  assert.deepEqual(heavy, []);
});

test('before axe, light and dark, wide and narrow', { skip }, async () => {
  const faults = new Faults();
  const left = pages.filter((page, nth) => !page.startsWith('/Empty/') && !isOneOfMany(page, nth, pages));
  const work = async () => {
    const context = await browser.chromium.newContext({ baseURL: `http://127.0.0.1:${server.address().port}`, reducedMotion: 'reduce' });
    const page = await context.newPage();
    while (left.length) {
      const next = left.shift();
      await page.goto(next);
      // What means harm is long, and has the colours of the rest.
      await faults.of(judgeAccess(page, next, next.startsWith('/Hostile/') ? NARROW : undefined));
    }
    await context.close();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  faults.none();
});
