// Checks of all pages that are reachable by links: accessibility in both themes and two
// widths, markup, size, and requests to other origins.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addFeed, Browser, createFirstAdmin, EDITOR } from '../support/browser.mjs';
import { checkAccessibility, checkMarkup, PageWeight } from '../support/checks.mjs';
import { Newsletter, POSTS } from '../support/newsletter.mjs';
import { waitUntil } from '../support/wait_until.mjs';

const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerk';
const posts = [...POSTS, { slug: 'long', title: `${LONG} and ${LONG}`, text: `${LONG} `.repeat(8) }];
const NAMES = [`${'very'.repeat(9)}longlocalpart@${'sub.'.repeat(5)}example.org,${LONG}`, 'salma@example.org,سلمى بنت عبد الرحمن', 'noa@example.org,נועה בן־דוד'];
const REJECTIONS = ['5.1.1 no such user here', `5.7.1 ${LONG} is refused by policy`, '5.1.2 that host is unknown'];
const CONCURRENCY = 3;

let newsletter, browser, admin;

before(async () => {
  newsletter = await Newsletter.start({ posts });
  browser = await Browser.start();
  admin = await browser.newPage(newsletter);
});
after(async () => {
  await browser?.close();
  await newsletter?.stop();
});

/// Returns a key without ids and numbers, because one page of each kind is enough.
function pageKind(url) {
  const keys = [...url.searchParams.keys()].sort();
  const query = keys.filter(key => !/^(after|before|q|done)$/.test(key)).map(key => `${key}=${url.searchParams.get(key)}`);
  return url.pathname.replace(/\/[0-9a-f-]{16,}|\/\d+(?=\/|$)/g, '/*').replace(/\/[\w.-]*\d{6,}[\w.-]*/g, '/*') + (query.length ? `?${query.join('&')}` : '');
}

/// Follows all links from these paths and returns the paths of the HTML pages.
async function crawl(starts) {
  const seen = new Map();
  const queue = starts.map(path => new URL(path, newsletter.url));
  while (queue.length) {
    const url = queue.shift();
    if (url.origin !== newsletter.url || seen.has(pageKind(url))) continue;
    seen.set(pageKind(url), null);
    const response = await admin.context().request.get(url.href);
    if (!response.headers()['content-type']?.startsWith('text/html') || /\/html$/.test(url.pathname)) continue;
    assert.equal(response.status(), 200, url.href);
    seen.set(pageKind(url), url.pathname + url.search);
    await admin.goto(url.href);
    for (const href of await admin.locator('a[href]').evaluateAll(links => links.map(link => link.href))) {
      const next = new URL(href);
      next.hash = '';
      queue.push(next);
    }
  }
  return [...seen.values()].filter(Boolean);
}

async function checkPages(paths) {
  const cookies = await admin.context().cookies();
  const visit = async (path, options, check) => {
    const page = await browser.newPage(newsletter, options);
    await page.context().addCookies(cookies);
    await check(page);
    await page.context().close();
  };
  const checkPage = async path => {
    await visit(path, { bypassCSP: true }, async page => {
      await page.goto(path);
      await checkAccessibility(page, path);
    });
    await visit(path, {}, async page => {
      const weight = await PageWeight.measure(page);
      await page.goto(path, { waitUntil: 'networkidle' });
      weight.assertBelowLimits(path, { script: path.startsWith('/admin') });
      assert.deepEqual(page.errors, [], path);
      await checkMarkup(page, path);
    });
  };
  const remaining = [...paths];
  const work = async () => {
    while (remaining.length) await checkPage(remaining.shift());
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
}

/// Imports `NAMES` and returns the path of the result page.
async function importNames() {
  const list = ['email,name', ...NAMES, 'not an address,Nobody'].join('\n');
  await admin.goto('/admin/subscribers/import');
  await admin.getByLabel('How they gave consent').fill(`${LONG}, the old list`);
  await admin.getByLabel('CSV file').setInputFiles({ name: 'names.csv', mimeType: 'text/csv', buffer: Buffer.from(list) });
  await admin.getByRole('button', { name: 'Check the file' }).click();
  await admin.getByRole('button', { name: 'Import 3 subscribers' }).click();
  await admin.getByRole('heading', { name: 'Done' }).waitFor();
  return new URL(admin.url()).pathname;
}

test('pages of an empty newsletter pass all checks', async () => {
  await createFirstAdmin(admin, newsletter);
  const paths = await crawl(['/', '/admin']);
  assert.ok(paths.length >= 10, `found only ${paths}`);
  await checkPages(paths);
});

test('pages of a full newsletter pass all checks', async () => {
  await addFeed(admin, newsletter);
  await newsletter.importSubscribers(120);
  await newsletter.run('subscribers', 'add', 'reader@example.net', '--source', 'a form');
  const importPage = await importNames();
  for (const [nth, text] of REJECTIONS.entries()) newsletter.smtp.rejections.set(`reader${nth}@example.org`, { code: 550, text });
  await admin.goto('/admin/next');
  await admin.getByRole('button', { name: 'Edit' }).first().click();
  const post = new URL(admin.url()).pathname;
  const preview = '/admin/next?show=text&width=phone&theme=dark';
  await checkPages(['/admin/next', preview, post, '/admin/next/add', '/admin/next/send', importPage, '/admin/subscribers/many?whom=all&do=erase&state=&q=']);
  await admin.goto('/admin/next/send');
  await admin.getByRole('button', { name: 'Send to 124 subscribers now' }).click();
  await waitUntil('all messages are received', () => newsletter.smtp.messages.length >= 124 - REJECTIONS.length);
  await waitUntil('the issue is sent', async () => {
    await admin.goto('/admin/issues/1');
    return admin.getByText('Sent with failures').first().isVisible();
  });
  const preferences = await newsletter.smtp.waitForLink('reader@example.net', 'preferences');
  const unsubscribe = await newsletter.smtp.waitForLink('reader@example.net', 'unsubscribe');
  const paths = await crawl(['/', '/admin', '/admin/next/send', preferences, unsubscribe, '/check']);
  assert.ok(paths.length >= 20, `found only ${paths}`);
  await checkPages(paths);
});

test('error pages pass the accessibility checks', async () => {
  for (const path of ['/no-such-page', '/confirm/nonsense', '/admin/setup?token=used', '/admin/issues/99']) {
    const page = await browser.newPage(newsletter, { bypassCSP: true });
    await page.context().addCookies(await admin.context().cookies());
    const response = await page.goto(path);
    assert.ok(response.status() >= 400 || path.includes('setup'), path);
    await checkAccessibility(page, path);
    await page.context().close();
  }
});
