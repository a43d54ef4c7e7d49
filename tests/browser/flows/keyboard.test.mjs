// All functions are reachable by keyboard, and the focus is always visible.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addFeed, Browser, createFirstAdmin, EDITOR, headingOf, PASSWORD } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';

let newsletter, browser;

before(async () => {
  newsletter = await Newsletter.start();
  browser = await Browser.start();
});
after(async () => {
  await browser?.close();
  await newsletter?.stop();
});

/// Presses Tab until the element has the focus, and checks that its outline is visible.
async function tabTo(page, role, name) {
  const target = page.getByRole(role, { name });
  for (let presses = 0; presses < 200; presses += 1) {
    await page.keyboard.press('Tab');
    if (await target.evaluateAll(found => found.includes(document.activeElement))) {
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, 'none', `${name} has no visible focus`);
      return;
    }
  }
  assert.fail(`${role} “${name}” is not reachable by Tab`);
}

test('visitor signs up by keyboard', async () => {
  const page = await browser.newPage(newsletter);
  await page.goto('/');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
  await tabTo(page, 'textbox', 'Email address');
  await page.keyboard.type('keys@example.net');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/check');
});

test('editor logs in and sends by keyboard', async () => {
  const page = await browser.newPage(newsletter);
  await createFirstAdmin(page, newsletter);
  await addFeed(page, newsletter);
  await newsletter.importSubscribers(3);
  await page.context().clearCookies();
  await page.goto('/admin');
  await tabTo(page, 'textbox', 'Email address');
  await page.keyboard.type(EDITOR);
  await tabTo(page, 'textbox', /^Password/);
  await page.keyboard.type(PASSWORD);
  await tabTo(page, 'button', 'Show the password');
  await page.keyboard.press('Space');
  assert.equal(await page.getByRole('textbox', { name: /^Password/ }).getAttribute('type'), 'text');
  await page.getByRole('button', { name: 'Hide the password' }).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/admin');
  await tabTo(page, 'link', 'Next issue');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/admin/next');
  await tabTo(page, 'button', 'Review and send');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/admin/next/send');
  await tabTo(page, 'button', 'Send to 3 subscribers now');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/admin/issues/1**');
});

test('slash moves the focus to the search', async () => {
  const page = await browser.newPage(newsletter);
  await page.goto('/admin/subscribers');
  await page.getByLabel('Email address').fill(EDITOR);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  assert.equal(await headingOf(page), 'Subscribers');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
});
