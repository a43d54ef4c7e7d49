// What is there to be copied is copied, also where a browser has no clipboard to ask for: by
// plain http on a network at home.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, makeFirstAdmin } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';

let newsletter, browser, page;

before(async () => {
  newsletter = await Newsletter.start();
  browser = await Browser.start();
  page = await browser.person(newsletter);
  await makeFirstAdmin(page, newsletter);
});
after(async () => {
  await browser?.end();
  await newsletter?.end();
});

test('the snippet', async () => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await page.goto('/admin/subscribers');
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  await page.getByLabel('How they gave consent').focus();
  await page.keyboard.press('Control+V');
  assert.match(await page.getByLabel('How they gave consent').inputValue(), /^<form method="post"/);
  assert.deepEqual(page.faults, []);
});
