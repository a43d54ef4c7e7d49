// An editor has no access to the pages of admins, in the navigation or by URL.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, createFirstAdmin, headingOf, PASSWORD } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';

const ADMIN_ONLY = ['Settings', 'Accounts', 'Audit log'];
let newsletter, browser, admin, editor;

before(async () => {
  newsletter = await Newsletter.start();
  browser = await Browser.start();
  admin = await browser.newPage(newsletter, { javaScriptEnabled: false });
  editor = await browser.newPage(newsletter, { javaScriptEnabled: false });
  await createFirstAdmin(admin, newsletter);
});
after(async () => {
  await browser?.close();
  await newsletter?.stop();
});

const links = page => page.getByRole('navigation', { name: 'Admin' }).getByRole('link').allTextContents();

test('invited editor sets a password with the link', async () => {
  assert.deepEqual((await links(admin)).filter(link => ADMIN_ONLY.includes(link)), ADMIN_ONLY);
  await admin.goto('/admin/accounts');
  await admin.getByLabel('Email address').fill('grace@example.com');
  await admin.getByRole('button', { name: 'Create invite link' }).click();
  await editor.goto(await admin.getByRole('textbox', { name: 'One-time link' }).inputValue());
  await editor.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await editor.getByLabel('Repeat password').fill(PASSWORD);
  await editor.locator('main form button[type=submit]').click();
  if (await editor.getByRole('button', { name: 'Log in' }).isVisible()) {
    await editor.getByLabel('Email address').fill('grace@example.com');
    await editor.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await editor.getByRole('button', { name: 'Log in' }).click();
  }
  assert.equal(await headingOf(editor), 'Overview');
});

test('editor sees issues and no settings', async () => {
  const visible = await links(editor);
  assert.ok(visible.includes('Next issue') && visible.includes('Subscribers'), visible);
  assert.deepEqual(visible.filter(link => ADMIN_ONLY.includes(link)), []);
  await editor.goto('/admin/next');
  await editor.getByLabel('Subject').fill('By the editor');
  await editor.getByRole('button', { name: 'Save' }).first().click();
  assert.equal(await editor.getByLabel('Subject').inputValue(), 'By the editor');
});

test('admin pages return 403 to an editor', async () => {
  for (const path of ['/admin/settings/sending', '/admin/accounts', '/admin/audit']) {
    const response = await editor.goto(path);
    assert.equal(response.status(), 403, path);
  }
});

test('audit log names the editor', async () => {
  await admin.goto('/admin/audit');
  await admin.getByText('grace@example.com').first().waitFor();
});
