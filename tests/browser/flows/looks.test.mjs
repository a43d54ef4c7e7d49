// Every page there is, found by following the links, before each judge: light and dark, wide
// and narrow, its markup, its weight, and who it asks for what.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addFeed, Browser, EDITOR, makeFirstAdmin } from '../support/browser.mjs';
import { judgeAccess, judgeMarkup, Scales } from '../support/judges.mjs';
import { Newsletter, POSTS } from '../support/newsletter.mjs';
import { until } from '../support/until.mjs';

const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerk';
const posts = [...POSTS, { slug: 'long', title: `${LONG} and ${LONG}`, text: `${LONG} `.repeat(8) }];
const NAMES = [`${'very'.repeat(9)}longlocalpart@${'sub.'.repeat(5)}example.org,${LONG}`, 'salma@example.org,سلمى بنت عبد الرحمن', 'noa@example.org,נועה בן־דוד'];
const REFUSALS = ['5.1.1 no such user here', `5.7.1 ${LONG} is refused by policy`, '5.1.2 that host is unknown'];
const AT_ONCE = 3;

let newsletter, browser, admin;

before(async () => {
  newsletter = await Newsletter.start({ posts });
  browser = await Browser.start();
  admin = await browser.person(newsletter);
});
after(async () => {
  await browser?.end();
  await newsletter?.end();
});

/// One of a kind is enough: ids and numbers are the same page.
function kind(url) {
  const keys = [...url.searchParams.keys()].sort();
  const words = keys.filter(key => !/^(after|before|q|done)$/.test(key)).map(key => `${key}=${url.searchParams.get(key)}`);
  return url.pathname.replace(/\/[0-9a-f-]{16,}|\/\d+(?=\/|$)/g, '/*').replace(/\/[\w.-]*\d{6,}[\w.-]*/g, '/*') + (words.length ? `?${words.join('&')}` : '');
}

async function everyPage(starts) {
  const seen = new Map();
  const queue = starts.map(path => new URL(path, newsletter.url));
  while (queue.length) {
    const url = queue.shift();
    if (url.origin !== newsletter.url || seen.has(kind(url))) continue;
    seen.set(kind(url), null);
    const answer = await admin.context().request.get(url.href);
    if (!answer.headers()['content-type']?.startsWith('text/html') || /\/html$/.test(url.pathname)) continue;
    assert.equal(answer.status(), 200, url.href);
    seen.set(kind(url), url.pathname + url.search);
    await admin.goto(url.href);
    for (const href of await admin.locator('a[href]').evaluateAll(links => links.map(link => link.href))) {
      const next = new URL(href);
      next.hash = '';
      queue.push(next);
    }
  }
  return [...seen.values()].filter(Boolean);
}

async function judge(paths) {
  const cookies = await admin.context().cookies();
  const visit = async (path, options, look) => {
    const page = await browser.person(newsletter, options);
    await page.context().addCookies(cookies);
    await look(page);
    await page.context().close();
  };
  const judgeOne = async path => {
    await visit(path, { bypassCSP: true }, async page => {
      await page.goto(path);
      await judgeAccess(page, path);
    });
    await visit(path, {}, async page => {
      const scales = await Scales.on(page);
      await page.goto(path, { waitUntil: 'networkidle' });
      scales.judge(path, { script: path.startsWith('/admin') });
      assert.deepEqual(page.faults, [], path);
      await judgeMarkup(page, path);
    });
  };
  const left = [...paths];
  const work = async () => {
    while (left.length) await judgeOne(left.shift());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/// Gives the page that shows what the import would do.
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

test('the empty newsletter', async () => {
  await makeFirstAdmin(admin, newsletter);
  const paths = await everyPage(['/', '/admin']);
  assert.ok(paths.length >= 10, `found only ${paths}`);
  await judge(paths);
});

test('the full one', async () => {
  await addFeed(admin, newsletter);
  await newsletter.readers(120);
  await newsletter.command('subscribers', 'add', 'reader@example.net', '--source', 'a form');
  const trial = await importNames();
  for (const [nth, words] of REFUSALS.entries()) newsletter.mail.refused.set(`reader${nth}@example.org`, { code: 550, words });
  await admin.goto('/admin/next');
  await admin.getByRole('button', { name: 'Edit' }).first().click();
  const post = new URL(admin.url()).pathname;
  const looks = '/admin/next?show=text&width=phone&theme=dark';
  await judge(['/admin/next', looks, post, '/admin/next/add', '/admin/next/send', trial, '/admin/subscribers/many?whom=all&do=erase&state=&q=']);
  await admin.goto('/admin/next/send');
  await admin.getByRole('button', { name: 'Send to 124 subscribers now' }).click();
  await until('all is sent', () => newsletter.mail.mails.length >= 124 - REFUSALS.length);
  await until('everyone is accounted for', async () => {
    await admin.goto('/admin/issues/1');
    return admin.getByText('Sent with failures').first().isVisible();
  });
  const mine = await newsletter.mail.link('reader@example.net', 'preferences');
  const leave = await newsletter.mail.link('reader@example.net', 'unsubscribe');
  const paths = await everyPage(['/', '/admin', '/admin/next/send', mine, leave, '/check']);
  assert.ok(paths.length >= 20, `found only ${paths}`);
  await judge(paths);
});

test('pages that say no', async () => {
  for (const path of ['/no-such-page', '/confirm/nonsense', '/admin/setup?token=used', '/admin/issues/99']) {
    const page = await browser.person(newsletter, { bypassCSP: true });
    await page.context().addCookies(await admin.context().cookies());
    const answer = await page.goto(path);
    assert.ok(answer.status() >= 400 || path.includes('setup'), path);
    await judgeAccess(page, path);
    await page.context().close();
  }
});
