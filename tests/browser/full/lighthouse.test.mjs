// Lighthouse's opinion: 100 for accessibility, and at least 95 for all else.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import lighthouse from 'lighthouse';
import { addFeed, makeFirstAdmin, openChromium } from '../support/browser.mjs';
import { freePort, Newsletter } from '../support/newsletter.mjs';

const ALL = ['accessibility', 'performance', 'best-practices', 'seo'];
// What does not want to be found: the desk, and what a reader's own link opens.
const UNLISTED = ALL.filter(category => category !== 'seo');
const FOR_ALL = ['/', '/issues', '/issues/1', '/embed', '/privacy'];
const FOR_SOME = ['/check', 'unsubscribe', 'preferences', 'confirm',
  '/admin', '/admin/next', '/admin/next/send', '/admin/issues', '/admin/issues/1', '/admin/subscribers',
  '/admin/subscribers/import', '/admin/feeds', '/admin/settings/sending', '/admin/outbox', '/admin/accounts', '/admin/login'];
const PAGES = [...FOR_ALL.map(page => [page, ALL]), ...FOR_SOME.map(page => [page, UNLISTED])];
const READER = 'reader0@example.org';
const GUEST = 'guest@example.net';

let newsletter, folder, port, context;

before(async () => {
  newsletter = await Newsletter.start();
  folder = await mkdtemp(path.join(tmpdir(), 'broadsheet-lighthouse.'));
  port = await freePort();
  // Lighthouse looks with the cookies of the profile's own first window.
  context = await openChromium(folder, port);
  const page = await context.newPage();
  await page.goto(newsletter.url);
  await makeFirstAdmin(page, newsletter);
  await newsletter.command('feeds', 'add', newsletter.feed);
  await newsletter.readers(40);
  await newsletter.command('digest', 'send', '--wait');
  await newsletter.command('subscribers', 'add', GUEST, '--source', 'a form', '--pending');
});

/// A reader's own page is named by what its link is for.
function place(page) {
  if (page.startsWith('/')) return newsletter.url + page;
  return newsletter.mail.link(page === 'confirm' ? GUEST : READER, page);
}
after(async () => {
  await context?.close();
  await newsletter?.end();
  await rm(folder, { recursive: true, force: true });
});

for (const [page, categories] of PAGES) {
  test(`${page} before Lighthouse`, async () => {
    const { lhr } = await lighthouse(await place(page), { port, onlyCategories: categories, disableStorageReset: true, logLevel: 'silent' });
    const scores = Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]);
    const lost = Object.values(lhr.audits).filter(audit => audit.score !== null && audit.score < 0.9).map(audit => audit.id);
    for (const [id, score] of scores) {
      assert.ok(score >= (id === 'accessibility' ? 100 : 95), `${id}: ${score} (${lost.join(', ')})`);
    }
  });
}
