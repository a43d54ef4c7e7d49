// From an empty desk to a sent issue, by what the pages say; with script and without.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addFeed, Browser, EDITOR, heading, makeFirstAdmin } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';
import { until } from '../support/until.mjs';

const READERS = 12;

for (const javaScriptEnabled of [true, false]) {
  describe(`the editor ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, () => {
    let newsletter, browser, page;

    before(async () => {
      newsletter = await Newsletter.start();
      browser = await Browser.start();
      page = await browser.person(newsletter, { javaScriptEnabled });
    });
    after(async () => {
      await browser?.end();
      await newsletter?.end();
    });

    test('makes the first admin by the link that the start prints', async () => {
      await makeFirstAdmin(page, newsletter);
      await page.getByText('Four steps to the first issue').waitFor();
    });

    test('adds a feed and sends a test', async () => {
      await addFeed(page, newsletter);
      await page.goto('/admin/next');
      await page.getByText('A loader that hides in fonts').first().waitFor();
      await page.getByLabel('Send a test to').fill(EDITOR);
      await page.getByRole('button', { name: 'Send test' }).click();
      const mail = await newsletter.mail.mail(EDITOR, 'A loader that hides in fonts');
      assert.match(mail.html, /Router keys, again/);
    });

    test('sends the issue, and watches it until everyone is accounted for', async () => {
      await newsletter.readers(READERS);
      await page.goto('/admin/next');
      await page.getByRole('link', { name: 'Review and send' }).click();
      await page.getByRole('button', { name: `Send to ${READERS} people now` }).click();
      assert.match(new URL(page.url()).pathname, /^\/admin\/issues\/1/);
      await until('the page says that it is sent', async () => {
        if (!javaScriptEnabled) await page.reload();
        return page.locator('.state', { hasText: 'Sent' }).first().isVisible();
      });
      assert.ok(await page.getByText(`${READERS} of ${READERS}`).first().isVisible());
      for (let row = 0; row < READERS; row += 1) {
        assert.equal(newsletter.mail.to(`reader${row}@example.org`).length, 1);
      }
    });

    test('cannot send the same week twice', async () => {
      await page.goto('/admin/next/send');
      assert.doesNotMatch(await page.content(), /Send to \d+ people now/);
    });

    test('logs out, and the desk is closed', async () => {
      await page.getByRole('button', { name: 'Log out', exact: true }).click();
      await page.goto('/admin/subscribers');
      assert.equal(await heading(page), 'The desk');
    });

    test('met no error and nobody else on the way', () => {
      assert.deepEqual(page.faults, []);
    });
  });
}
