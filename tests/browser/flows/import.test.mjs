// A list is brought along from elsewhere: looked through first, then taken in, and what is
// wrong with it is said.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser, heading, makeFirstAdmin } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';
import { until } from '../support/until.mjs';

const LIST = ['email,name', 'zoe@example.org,Zoë', 'not an address,Nobody', 'salma@example.org,سلمى', 'reader0@example.org,Known'].join('\r\n');

for (const javaScriptEnabled of [true, false]) {
  describe(`an import ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, () => {
    let newsletter, browser, page;

    before(async () => {
      newsletter = await Newsletter.start();
      browser = await Browser.start();
      page = await browser.person(newsletter, { javaScriptEnabled });
      await makeFirstAdmin(page, newsletter);
      await newsletter.readers(1);
    });
    after(async () => {
      await browser?.end();
      await newsletter?.end();
    });

    const counts = async () => Object.fromEntries(await page.locator('.stats > div').evaluateAll(
      figures => figures.map(figure => [figure.querySelector('dt').textContent, Number(figure.querySelector('dd').textContent)])));
    const onTheList = async () => {
      await page.goto('/admin/subscribers');
      return page.locator('tbody th a').allTextContents();
    };
    // To ask anew before the form has gone would call it back.
    const press = async name => {
      const taken = page.waitForResponse(answer => answer.request().method() === 'POST');
      await page.getByRole('button', { name }).click();
      await taken;
      await page.waitForURL(/\/import\/[0-9a-f-]{36}$/);
    };
    // The page follows the work by itself; without script one asks it.
    const comes = (name, role = 'button') => until(`“${name}” comes`, async () => {
      if (!javaScriptEnabled) await page.reload();
      return page.getByRole(role, { name }).isVisible();
    });

    test('is looked through, and nothing is changed', async () => {
      await page.goto('/admin/subscribers/import');
      await page.getByLabel('How they gave consent').fill('the old tool');
      await page.getByLabel('CSV file').setInputFiles({ name: 'old.csv', mimeType: 'text/csv', buffer: Buffer.from(LIST) });
      await press('Check the file');
      await comes('Import 2 subscribers');
      assert.equal(await heading(page), 'old.csv');
      assert.deepEqual(await counts(), { 'To be imported': 2, 'Already on the list': 1, 'Skipped (unsubscribed or deleted)': 0, 'Rejected rows': 1 });
      assert.match(await page.getByRole('row').last().textContent(), /^3Not an address/);
      const trial = page.url();
      assert.deepEqual(await onTheList(), ['reader0@example.org']);
      await page.goto(trial);
    });

    test('is taken in, with the same counts', async () => {
      await press('Import 2 subscribers');
      await comes('Done', 'heading');
      assert.deepEqual(await counts(), { Imported: 2, 'Already on the list': 1, 'Skipped (unsubscribed or deleted)': 0, 'Rejected rows': 1 });
      const done = page.url();
      assert.deepEqual((await onTheList()).sort(), ['reader0@example.org', 'salma@example.org', 'zoe@example.org']);
      await page.getByRole('link', { name: 'salma@example.org' }).click();
      await page.getByText('سلمى').waitFor();
      await page.getByText('the old tool').waitFor();
      await page.goto(done);
    });

    test('says what is missing, and keeps what was written', async () => {
      await page.goto('/admin/subscribers/import');
      await page.getByLabel('How they gave consent').fill('the shop');
      await page.getByRole('button', { name: 'Check the file' }).click();
      await page.getByRole('alert').waitFor();
      assert.match(await page.title(), /^Error: /);
      assert.equal(await page.getByLabel('How they gave consent').inputValue(), 'the shop');
    });

    test('met no error and nobody else on the way', () => {
      const refused = /status of 422/;
      assert.deepEqual(page.faults.filter(fault => !refused.test(fault)), []);
    });
  });
}
