// Copy buttons without the Clipboard API, which browsers do not offer over plain HTTP.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, createFirstAdmin } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';

let newsletter, browser, page;

before(async () => {
  newsletter = await Newsletter.start();
  browser = await Browser.start();
  page = await browser.newPage(newsletter);
  await createFirstAdmin(page, newsletter);
});
after(async () => {
  await browser?.close();
  await newsletter?.stop();
});

test('copy button copies the form snippet', async () => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await page.goto('/admin/subscribers');
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  await page.getByLabel('How they gave consent').focus();
  await page.keyboard.press('Control+V');
  assert.match(await page.getByLabel('How they gave consent').inputValue(), /^<form method="post"/);
  assert.deepEqual(page.errors, []);
});
