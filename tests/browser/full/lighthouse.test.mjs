// Lighthouse scores: 100 for accessibility, at least 95 for the other categories.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import lighthouse from 'lighthouse';
import { addFeed, createFirstAdmin, launchChromium } from '../support/browser.mjs';
import { freePort, Newsletter } from '../support/newsletter.mjs';

const ALL = ['accessibility', 'performance', 'best-practices', 'seo'];
// Without SEO: the admin UI and pages with a personal link are not indexed.
const NOT_INDEXED = ALL.filter(category => category !== 'seo');
const PUBLIC = ['/', '/issues', '/issues/1', '/embed', '/privacy'];
const PRIVATE = ['/check', 'unsubscribe', 'preferences', 'confirm',
  '/admin', '/admin/next', '/admin/next/send', '/admin/issues', '/admin/issues/1', '/admin/subscribers',
  '/admin/subscribers/import', '/admin/feeds', '/admin/settings/sending', '/admin/outbox', '/admin/accounts', '/admin/login'];
const PAGES = [...PUBLIC.map(page => [page, ALL]), ...PRIVATE.map(page => [page, NOT_INDEXED])];
const SUBSCRIBER = 'reader0@example.org';
const PENDING = 'guest@example.net';

let newsletter, folder, port, context;

before(async () => {
  newsletter = await Newsletter.start();
  folder = await mkdtemp(path.join(tmpdir(), 'broadsheet-lighthouse.'));
  port = await freePort();
  // Lighthouse uses the cookies of the default context.
  context = await launchChromium(folder, port);
  const page = await context.newPage();
  await page.goto(newsletter.url);
  await createFirstAdmin(page, newsletter);
  await newsletter.run('feeds', 'add', newsletter.feed);
  await newsletter.importSubscribers(40);
  await newsletter.run('digest', 'send', '--wait');
  await newsletter.run('subscribers', 'add', PENDING, '--source', 'a form', '--pending');
});

/// Returns the URL of a page; pages with a personal link are named by its purpose.
function urlOf(page) {
  if (page.startsWith('/')) return newsletter.url + page;
  return newsletter.smtp.waitForLink(page === 'confirm' ? PENDING : SUBSCRIBER, page);
}
after(async () => {
  await context?.close();
  await newsletter?.stop();
  await rm(folder, { recursive: true, force: true });
});

for (const [page, categories] of PAGES) {
  test(`${page} reaches the Lighthouse scores`, async () => {
    const { lhr } = await lighthouse(await urlOf(page), { port, onlyCategories: categories, disableStorageReset: true, logLevel: 'silent' });
    const scores = Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]);
    const failed = Object.values(lhr.audits).filter(audit => audit.score !== null && audit.score < 0.9).map(audit => audit.id);
    for (const [id, score] of scores) {
      assert.ok(score >= (id === 'accessibility' ? 100 : 95), `${id}: ${score} (${failed.join(', ')})`);
    }
  });
}
