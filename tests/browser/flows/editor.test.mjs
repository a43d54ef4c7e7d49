// An editor sets up the newsletter, edits the draft and sends it, with and without JavaScript.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addFeed, Browser, createFirstAdmin, EDITOR, headingOf } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';
import { waitUntil } from '../support/wait_until.mjs';

const SUBSCRIBERS = 12;

for (const javaScriptEnabled of [true, false]) {
  describe(`editor ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, () => {
    let newsletter, browser, page;

    before(async () => {
      newsletter = await Newsletter.start();
      browser = await Browser.start();
      page = await browser.newPage(newsletter, { javaScriptEnabled });
    });
    after(async () => {
      await browser?.close();
      await newsletter?.stop();
    });

    test('setup link creates the first admin', async () => {
      await createFirstAdmin(page, newsletter);
      await page.getByText('Four steps to the first issue').waitFor();
    });

    test('test message contains the posts of the added feed', async () => {
      await addFeed(page, newsletter);
      await page.goto('/admin/next');
      await page.getByText('A loader that hides in fonts').first().waitFor();
      await page.getByLabel('Send a test to').fill(EDITOR);
      await page.getByRole('button', { name: 'Send test' }).click();
      const mail = await newsletter.smtp.waitForMessage(EDITOR, 'A loader that hides in fonts');
      assert.match(mail.html, /Router keys, again/);
    });

    test('preview has desktop, phone and text width', async () => {
      await page.goto('/admin/next');
      const width = () => page.locator('iframe.in-light').evaluate(frame => frame.clientWidth);
      assert.ok(await width() >= 600, `a desktop of ${await width()} px`);
      await page.getByText('Phone', { exact: true }).click();
      assert.ok(await width() <= 375, `a phone of ${await width()} px`);
      await page.getByText('Text', { exact: true }).click();
      await page.locator('.as-text').getByText('Router keys, again').first().waitFor();
    });

    test('draft edits appear in preview and test message', async () => {
      await page.goto('/admin/next');
      const titles = () => page.locator('.editor .posts h3').allTextContents();
      const before = await titles();
      await page.getByLabel('Subject').fill('What we found this week');
      await page.getByLabel('Note to readers').fill('See you at **the conference**.');
      // Other buttons of the form keep unsaved text.
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
      const mail = await newsletter.smtp.waitForMessage(EDITOR, 'What we found this week');
      assert.match(mail.html, /<strong>the conference<\/strong>/);
      assert.match(mail.html, /In our own words\./);
    });

    test('issue page follows the send until all are delivered', async () => {
      await newsletter.importSubscribers(SUBSCRIBERS);
      await page.goto('/admin/next');
      await page.getByRole('button', { name: 'Review and send' }).click();
      await page.getByRole('button', { name: `Send to ${SUBSCRIBERS} subscribers now` }).click();
      // Wait for the new page: a reload during the navigation reloads the previous one.
      await page.waitForURL(/\/admin\/issues\/1/);
      await waitUntil('the page shows the state Sent', async () => {
        if (!javaScriptEnabled) await page.reload();
        return page.locator('.state', { hasText: 'Sent' }).first().isVisible();
      });
      assert.ok(await page.getByText(`${SUBSCRIBERS} of ${SUBSCRIBERS}`).first().isVisible());
      for (let row = 0; row < SUBSCRIBERS; row += 1) {
        assert.equal(newsletter.smtp.messagesTo(`reader${row}@example.org`).length, 1);
      }
    });

    test('sent message has the edited text and order', async () => {
      const [mail] = newsletter.smtp.messagesTo('reader0@example.org');
      assert.equal(mail.subject, 'What we found this week');
      for (const part of [mail.html, mail.text]) {
        const places = ['the conference', 'Spam in the third quarter', 'A loader that hides in fonts'].map(text => part.lastIndexOf(text));
        // The last positions, because the preheader also contains the titles.
        assert.ok(places[0] >= 0 && places[0] < places[1] && places[1] < places[2], `positions ${places}`);
        assert.match(part, /In our own words\./);
        assert.doesNotMatch(part, /Router keys/);
      }
    });

    test('sent issue cannot be sent again', async () => {
      await page.goto('/admin/next/send');
      assert.doesNotMatch(await page.content(), /Send to \d+ subscribers now/);
    });

    test('logout requires a new login', async () => {
      await page.getByRole('button', { name: 'Log out', exact: true }).click();
      await page.goto('/admin/subscribers');
      assert.equal(await headingOf(page), 'Log in');
    });

    test('no console error and no request to another origin', () => {
      assert.deepEqual(page.errors, []);
    });
  });
}
