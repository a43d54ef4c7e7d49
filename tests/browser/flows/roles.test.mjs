// An editor makes and sends issues, and neither sees nor reaches what is the admin's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, heading, makeFirstAdmin, PASSWORD } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';

const THEIRS = ['Settings', 'Accounts', 'Audit log'];
let newsletter, browser, admin, editor;

before(async () => {
  newsletter = await Newsletter.start();
  browser = await Browser.start();
  admin = await browser.person(newsletter, { javaScriptEnabled: false });
  editor = await browser.person(newsletter, { javaScriptEnabled: false });
  await makeFirstAdmin(admin, newsletter);
});
after(async () => {
  await browser?.end();
  await newsletter?.end();
});

const links = page => page.getByRole('navigation', { name: 'Admin' }).getByRole('link').allTextContents();

test('an admin invites an editor, who sets a password by the link', async () => {
  assert.deepEqual((await links(admin)).filter(link => THEIRS.includes(link)), THEIRS);
  await admin.goto('/admin/accounts');
  await admin.getByLabel('E-mail address').fill('grace@example.com');
  await admin.getByRole('button', { name: 'Create invite link' }).click();
  await editor.goto(await admin.getByLabel('One-time link').inputValue());
  await editor.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await editor.getByLabel('Repeat password').fill(PASSWORD);
  await editor.locator('main form button[type=submit]').click();
  if (await editor.getByRole('button', { name: 'Log in' }).isVisible()) {
    await editor.getByLabel('E-mail address').fill('grace@example.com');
    await editor.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await editor.getByRole('button', { name: 'Log in' }).click();
  }
  assert.equal(await heading(editor), 'Overview');
});

test('the editor has the issues, and not the settings', async () => {
  const theirs = await links(editor);
  assert.ok(theirs.includes('Next issue') && theirs.includes('Subscribers'), theirs);
  assert.deepEqual(theirs.filter(link => THEIRS.includes(link)), []);
  await editor.goto('/admin/next');
  await editor.getByLabel('Subject').fill('By the editor');
  await editor.getByRole('button', { name: 'Save' }).first().click();
  assert.equal(await editor.getByLabel('Subject').inputValue(), 'By the editor');
});

test('nor do they get there by its address', async () => {
  for (const path of ['/admin/settings/sending', '/admin/accounts', '/admin/audit']) {
    const answer = await editor.goto(path);
    assert.equal(answer.status(), 403, path);
  }
});

test('what they did stands under their name', async () => {
  await admin.goto('/admin/audit');
  await admin.getByText('grace@example.com').first().waitFor();
});
