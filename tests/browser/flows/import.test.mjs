// Import of a CSV file: dry run, import, and rejected input, with and without JavaScript.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser, createFirstAdmin, headingOf } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';
import { waitUntil } from '../support/wait_until.mjs';

const LIST = ['email,name', 'zoe@example.org,Zoë', 'not an address,Nobody', 'salma@example.org,سلمى', 'reader0@example.org,Known'].join('\r\n');

for (const javaScriptEnabled of [true, false]) {
  describe(`import ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, () => {
    let newsletter, browser, page;

    before(async () => {
      newsletter = await Newsletter.start();
      browser = await Browser.start();
      page = await browser.newPage(newsletter, { javaScriptEnabled });
      await createFirstAdmin(page, newsletter);
      await newsletter.importSubscribers(1);
    });
    after(async () => {
      await browser?.close();
      await newsletter?.stop();
    });

    const counts = async () => Object.fromEntries(await page.locator('.stats > div').evaluateAll(
      items => items.map(item => [item.querySelector('dt').textContent, Number(item.querySelector('dd').textContent)])));
    const listedAddresses = async () => {
      await page.goto('/admin/subscribers');
      return page.locator('tbody th a').allTextContents();
    };
    // Waits for the response: a reload before it would cancel the request.
    const submit = async name => {
      const response = page.waitForResponse(answer => answer.request().method() === 'POST');
      await page.getByRole('button', { name }).click();
      await response;
      await page.waitForURL(/\/import\/[0-9a-f-]{36}$/);
    };
    // The page updates itself; without JavaScript it must be reloaded.
    const waitForText = (name, role = 'button') => waitUntil(`“${name}” appears`, async () => {
      if (!javaScriptEnabled) await page.reload();
      return page.getByRole(role, { name }).isVisible();
    });

    test('dry run counts rows and changes nothing', async () => {
      await page.goto('/admin/subscribers/import');
      await page.getByLabel('How they gave consent').fill('the old tool');
      await page.getByLabel('CSV file').setInputFiles({ name: 'old.csv', mimeType: 'text/csv', buffer: Buffer.from(LIST) });
      await submit('Check the file');
      await waitForText('Import 2 subscribers');
      assert.equal(await headingOf(page), 'old.csv');
      assert.deepEqual(await counts(), { 'To be imported': 2, 'Already on the list': 1, 'Skipped (unsubscribed or deleted)': 0, 'Rejected rows': 1 });
      assert.match(await page.getByRole('row').last().textContent(), /^3Not a valid address/);
      const dryRun = page.url();
      assert.deepEqual(await listedAddresses(), ['reader0@example.org']);
      await page.goto(dryRun);
    });

    test('import has the counts of the dry run', async () => {
      await submit('Import 2 subscribers');
      await waitForText('Done', 'heading');
      assert.deepEqual(await counts(), { Imported: 2, 'Already on the list': 1, 'Skipped (unsubscribed or deleted)': 0, 'Rejected rows': 1 });
      const done = page.url();
      assert.deepEqual((await listedAddresses()).sort(), ['reader0@example.org', 'salma@example.org', 'zoe@example.org']);
      await page.getByRole('link', { name: 'salma@example.org' }).click();
      await page.getByText('سلمى').waitFor();
      await page.getByText('the old tool').waitFor();
      await page.goto(done);
    });

    test('missing file is reported and the text is kept', async () => {
      await page.goto('/admin/subscribers/import');
      await page.getByLabel('How they gave consent').fill('the shop');
      await page.getByRole('button', { name: 'Check the file' }).click();
      await page.getByRole('alert').waitFor();
      assert.match(await page.title(), /^Error: /);
      assert.equal(await page.getByLabel('How they gave consent').inputValue(), 'the shop');
    });

    test('no console error and no request to another origin', () => {
      const rejected = /status of 422/;
      assert.deepEqual(page.errors.filter(error => !rejected.test(error)), []);
    });
  });
}
