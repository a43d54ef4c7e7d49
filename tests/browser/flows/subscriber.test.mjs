// Sign-up, confirmation, pause and unsubscribe, with and without JavaScript.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser, headingOf } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';

for (const javaScriptEnabled of [true, false]) {
  describe(`subscriber ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, () => {
    const address = 'reader@example.net';
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

    test('invalid address is reported and kept in the field', async () => {
      await page.goto('/');
      const field = page.getByLabel('Email address');
      await field.evaluate(input => { input.form.noValidate = true; });
      await field.fill('reader@localhost');
      await page.getByRole('button', { name: 'Subscribe' }).click();
      assert.match(await page.title(), /^Error: /);
      assert.equal(await field.inputValue(), 'reader@localhost');
      assert.equal(await field.getAttribute('aria-invalid'), 'true');
      // Chromium logs the 422 response as an error.
      page.errors = page.errors.filter(error => !error.includes('422'));
    });

    test('sign-up and confirmation need one click each', async () => {
      await page.goto('/');
      await page.getByLabel('Email address').fill(address);
      await page.getByRole('button', { name: 'Subscribe' }).click();
      assert.equal(new URL(page.url()).pathname, '/check');
      assert.equal(await headingOf(page), 'Check your inbox');
      await page.getByText(address).waitFor();
      await page.goto(await newsletter.smtp.waitForLink(address, 'confirm'));
      await page.getByRole('button', { name: 'Yes, send it to me' }).click();
      assert.match(await headingOf(page), /You.re in\./);
    });

    test('subscriber pauses, resumes, unsubscribes and resubscribes', async () => {
      await newsletter.run('feeds', 'add', newsletter.feed);
      await newsletter.run('digest', 'send');
      const preferences = await newsletter.smtp.waitForLink(address, 'preferences');
      await page.goto(preferences);
      await page.getByRole('button', { name: 'Pause for 4 weeks' }).click();
      await page.getByText('Saved.').waitFor();
      await page.getByRole('button', { name: 'Resume now' }).click();
      await page.goto(await newsletter.smtp.waitForLink(address, 'unsubscribe'));
      await page.getByRole('button', { name: 'Unsubscribe' }).click();
      assert.match(await headingOf(page), /You.ve been unsubscribed\./);
      await page.getByRole('button', { name: 'Resubscribe' }).click();
      await page.goto(preferences);
      await page.getByRole('button', { name: 'Pause for 4 weeks' }).waitFor();
    });

    test('no console error and no request to another origin', () => {
      assert.deepEqual(page.errors, []);
    });
  });
}
