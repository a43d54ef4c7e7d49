// A reader comes, confirms, reads and leaves; with script and without, which is all the same to them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser, heading } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';

for (const javaScriptEnabled of [true, false]) {
  describe(`a reader ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, () => {
    const address = 'reader@example.net';
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

    test('is told what is wrong with an address, and what was typed is kept', async () => {
      await page.goto('/');
      const field = page.getByLabel('Email address');
      await field.evaluate(input => { input.form.noValidate = true; });
      await field.fill('reader@localhost');
      await page.getByRole('button', { name: 'Subscribe' }).click();
      assert.match(await page.title(), /^Error: /);
      assert.equal(await field.inputValue(), 'reader@localhost');
      assert.equal(await field.getAttribute('aria-invalid'), 'true');
      // The browser tells of the 422 on its console.
      page.faults = page.faults.filter(fault => !fault.includes('422'));
    });

    test('signs up and confirms with one click each', async () => {
      await page.goto('/');
      await page.getByLabel('Email address').fill(address);
      await page.getByRole('button', { name: 'Subscribe' }).click();
      assert.equal(new URL(page.url()).pathname, '/check');
      assert.equal(await heading(page), 'Check your inbox');
      await page.getByText(address).waitFor();
      await page.goto(await newsletter.mail.link(address, 'confirm'));
      await page.getByRole('button', { name: 'Yes, send it to me' }).click();
      assert.match(await heading(page), /You.re in\./);
    });

    test('pauses, goes on, leaves and comes back', async () => {
      await newsletter.command('feeds', 'add', newsletter.feed);
      await newsletter.command('digest', 'send');
      const preferences = await newsletter.mail.link(address, 'preferences');
      await page.goto(preferences);
      await page.getByRole('button', { name: 'Pause for 4 weeks' }).click();
      await page.getByText('Saved.').waitFor();
      await page.getByRole('button', { name: 'Resume now' }).click();
      await page.goto(await newsletter.mail.link(address, 'unsubscribe'));
      await page.getByRole('button', { name: 'Unsubscribe' }).click();
      assert.match(await heading(page), /You.ve been unsubscribed\./);
      await page.getByRole('button', { name: 'Resubscribe' }).click();
      await page.goto(preferences);
      await page.getByRole('button', { name: 'Pause for 4 weeks' }).waitFor();
    });

    test('met no error and nobody else on the way', () => {
      assert.deepEqual(page.faults, []);
    });
  });
}
