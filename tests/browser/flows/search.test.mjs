// Search in the list of subscribers while typing: results, announcements, and actions on them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, createFirstAdmin, recordAnnouncements } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';
import { waitUntil } from '../support/wait_until.mjs';

let newsletter, browser, page, announcements;

before(async () => {
  newsletter = await Newsletter.start();
  browser = await Browser.start();
  const visitor = await browser.newPage(newsletter);
  await visitor.goto('/');
  await visitor.getByLabel('Email address').fill('waits@example.net');
  await visitor.getByRole('button', { name: 'Subscribe' }).click();
  await visitor.getByRole('heading', { name: 'Check your inbox' }).waitFor();
  await newsletter.importSubscribers(30);
  page = await browser.newPage(newsletter);
  announcements = await recordAnnouncements(page);
  await createFirstAdmin(page, newsletter);
  await page.goto('/admin/subscribers?order=oldest&state=confirmed');
});
after(async () => {
  await browser?.close();
  await newsletter?.stop();
});

const shownAddresses = () => page.locator('tbody th a').allTextContents();
const search = () => page.getByLabel('Search');

test('typing filters the list and announces the count', async () => {
  await search().fill('reader1');
  await waitUntil('the results are shown', async () => (await shownAddresses()).length === 11);
  await waitUntil('the result is announced', () => announcements.includes('11 subscribers shown.'));
  await search().fill('zoe');
  await page.getByText('No results for “zoe”. Clear').waitFor();
  await waitUntil('the result is announced', () => announcements.includes('No results for “zoe”.'));
});

test('select all and export apply to the search results', async () => {
  await search().fill('reader2');
  await waitUntil('the results are shown', async () => (await shownAddresses()).length === 11);
  await page.getByLabel('Select all on this page').check();
  assert.equal(await page.locator('tbody input:checked').count(), 11);
  const saved = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export these' }).click();
  const file = await (await saved).createReadStream();
  let text = '';
  for await (const part of file) text += part;
  assert.equal(text.trim().split('\r\n').length, 12, text);
});

test('resending a confirmation keeps the search', async () => {
  // The first page has no pending subscriber.
  await page.goto('/admin/subscribers?state=&order=address');
  await search().fill('waits');
  await page.getByRole('button', { name: 'Resend confirmation to waits@example.net' }).click();
  await page.getByText('Nothing was sent:').waitFor();
  assert.equal(await search().inputValue(), 'waits');
  assert.deepEqual(await shownAddresses(), ['waits@example.net']);
});

test('no console error and no request to another origin', () => {
  assert.deepEqual(page.errors, []);
});
