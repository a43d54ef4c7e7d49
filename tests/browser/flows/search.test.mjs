// The list of readers while one types into its search: what is shown, what goes by it, and
// what is heard.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, listen, makeFirstAdmin } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';
import { until } from '../support/until.mjs';

let newsletter, browser, page, heard;

before(async () => {
  newsletter = await Newsletter.start();
  browser = await Browser.start();
  const reader = await browser.person(newsletter);
  await reader.goto('/');
  await reader.getByLabel('Email address').fill('waits@example.net');
  await reader.getByRole('button', { name: 'Subscribe' }).click();
  await reader.getByRole('heading', { name: 'Check your inbox' }).waitFor();
  await newsletter.readers(30);
  page = await browser.person(newsletter);
  heard = await listen(page);
  await makeFirstAdmin(page, newsletter);
  await page.goto('/admin/subscribers?order=oldest&state=confirmed');
});
after(async () => {
  await browser?.end();
  await newsletter?.end();
});

const shown = () => page.locator('tbody th a').allTextContents();
const search = () => page.getByLabel('Search');

test('typing finds, and says how many', async () => {
  await search().fill('reader1');
  await until('they are shown', async () => (await shown()).length === 11);
  await until('it is heard', () => heard.includes('11 subscribers shown.'));
  await search().fill('zoe');
  await page.getByText('No results for “zoe”. Clear').waitFor();
  await until('it is heard', () => heard.includes('No results for “zoe”.'));
});

test('the box for all ticks what was found, and the export is of the same', async () => {
  await search().fill('reader2');
  await until('they are shown', async () => (await shown()).length === 11);
  await page.getByLabel('Select all on this page').check();
  assert.equal(await page.locator('tbody input:checked').count(), 11);
  const saved = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export these' }).click();
  const file = await (await saved).createReadStream();
  let text = '';
  for await (const part of file) text += part;
  assert.equal(text.trim().split('\r\n').length, 12, text);
});

test('who waits is asked again from what a search found, which then is still shown', async () => {
  // Nobody on the first page waits.
  await page.goto('/admin/subscribers?state=&order=address');
  await search().fill('waits');
  await page.getByRole('button', { name: 'Resend confirmation to waits@example.net' }).click();
  await page.getByText('Nothing was sent.').waitFor();
  assert.equal(await search().inputValue(), 'waits');
  assert.deepEqual(await shown(), ['waits@example.net']);
});

test('met no error and nobody else on the way', () => {
  assert.deepEqual(page.faults, []);
});
