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

    test('sees it as a desktop has it, and as a phone', async () => {
      await page.goto('/admin/next');
      const width = () => page.locator('iframe.in-light').evaluate(frame => frame.clientWidth);
      assert.ok(await width() >= 600, `a desktop of ${await width()} px`);
      await page.getByText('Phone', { exact: true }).click();
      assert.ok(await width() <= 375, `a phone of ${await width()} px`);
      await page.getByText('Text', { exact: true }).click();
      await page.locator('.as-text').getByText('Router keys, again').first().waitFor();
    });

    test('edits the issue: words, order, and what is in it', async () => {
      await page.goto('/admin/next');
      const titles = () => page.locator('.editor .posts h3').allTextContents();
      const before = await titles();
      await page.getByLabel('Subject').fill('What we found this week');
      await page.getByLabel('Note to readers').fill('See you at **the conference**.');
      // Nothing that was typed is lost by pressing something else.
      await page.locator('#posts li').nth(1).getByRole('button', { name: 'Up' }).click();
      assert.deepEqual((await titles()).slice(0, 2), [before[1], before[0]]);
      assert.equal(await page.getByLabel('Subject').inputValue(), 'What we found this week');
      await page.locator('#posts li').last().getByRole('button', { name: 'Hide' }).click();
      assert.equal((await titles()).length, before.length - 1);
      await page.locator('#posts li').first().getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('Excerpt').fill('In our own words.');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      const frame = page.frameLocator('iframe.in-light');
      await frame.getByText('In our own words.').waitFor();
      await page.getByLabel('Send a test to').fill(EDITOR);
      await page.getByRole('button', { name: 'Send test' }).click();
      const mail = await newsletter.mail.mail(EDITOR, 'What we found this week');
      assert.match(mail.html, /<strong>the conference<\/strong>/);
      assert.match(mail.html, /In our own words\./);
    });

    test('sends the issue, and watches it until everyone is accounted for', async () => {
      await newsletter.readers(READERS);
      await page.goto('/admin/next');
      await page.getByRole('button', { name: 'Review and send' }).click();
      await page.getByRole('button', { name: `Send to ${READERS} subscribers now` }).click();
      // Loaded: Chromium reloads what was there before, as long as it is only on its way.
      await page.waitForURL(/\/admin\/issues\/1/);
      await until('the page says that it is sent', async () => {
        if (!javaScriptEnabled) await page.reload();
        return page.locator('.state', { hasText: 'Sent' }).first().isVisible();
      });
      assert.ok(await page.getByText(`${READERS} of ${READERS}`).first().isVisible());
      for (let row = 0; row < READERS; row += 1) {
        assert.equal(newsletter.mail.to(`reader${row}@example.org`).length, 1);
      }
    });

    test('and readers get just what was written: words, order, and nothing that was hidden', async () => {
      const [mail] = newsletter.mail.to('reader0@example.org');
      assert.equal(mail.subject, 'What we found this week');
      for (const part of [mail.html, mail.text]) {
        const places = ['the conference', 'Spam in the third quarter', 'A loader that hides in fonts'].map(words => part.lastIndexOf(words));
        // The titles stand in the preheader, too, so their last place counts.
        assert.ok(places[0] >= 0 && places[0] < places[1] && places[1] < places[2], `they stand at ${places}`);
        assert.match(part, /In our own words\./);
        assert.doesNotMatch(part, /Router keys/);
      }
    });

    test('cannot send the same week twice', async () => {
      await page.goto('/admin/next/send');
      assert.doesNotMatch(await page.content(), /Send to \d+ subscribers now/);
    });

    test('logs out, and the desk is closed', async () => {
      await page.getByRole('button', { name: 'Log out', exact: true }).click();
      await page.goto('/admin/subscribers');
      assert.equal(await heading(page), 'Log in');
    });

    test('met no error and nobody else on the way', () => {
      assert.deepEqual(page.faults, []);
    });
  });
}
