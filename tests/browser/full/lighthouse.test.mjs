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
// The desk does not want to be found.
const UNLISTED = ALL.filter(category => category !== 'seo');
const PAGES = [['/', ALL], ['/issues', ALL], ['/privacy', ALL], ['/admin', UNLISTED], ['/admin/next', UNLISTED], ['/admin/subscribers', UNLISTED]];

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
});
after(async () => {
  await context?.close();
  await newsletter?.end();
  await rm(folder, { recursive: true, force: true });
});

for (const [page, categories] of PAGES) {
  test(`${page} before Lighthouse`, async () => {
    const { lhr } = await lighthouse(newsletter.url + page, { port, onlyCategories: categories, disableStorageReset: true, logLevel: 'silent' });
    const scores = Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]);
    const lost = Object.values(lhr.audits).filter(audit => audit.score !== null && audit.score < 0.9).map(audit => audit.id);
    for (const [id, score] of scores) {
      assert.ok(score >= (id === 'accessibility' ? 100 : 95), `${id}: ${score} (${lost.join(', ')})`);
    }
  });
}
