// The open page of an issue shows correct progress during the send, also after a crash.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addFeed, Browser, createFirstAdmin, EDITOR, recordAnnouncements } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';
import { waitUntil } from '../support/wait_until.mjs';

const SUBSCRIBERS = 60;
const REJECTED = 'reader7@example.org';
let newsletter, browser, page;

before(async () => {
  newsletter = await Newsletter.start({ settings: { BROADSHEET_SMTP__CONNECTIONS: '2' } });
  browser = await Browser.start();
  page = await browser.newPage(newsletter);
});
after(async () => {
  await browser?.close();
  await newsletter?.stop();
});

test('editor pauses and resumes a send and sees it continue after a crash', async () => {
  await createFirstAdmin(page, newsletter);
  await addFeed(page, newsletter);
  await newsletter.importSubscribers(SUBSCRIBERS);
  newsletter.smtp.delay = 150;
  newsletter.smtp.rejections.set(REJECTED, { code: 550, text: '5.1.1 no such user here' });
  const announcements = await recordAnnouncements(page);
  await page.goto('/admin/next/send');
  await page.getByRole('button', { name: `Send to ${SUBSCRIBERS} subscribers now` }).click();
  const progress = page.getByRole('progressbar');
  await waitUntil('the first messages are received', async () => newsletter.smtp.messages.length > 5);
  await waitUntil('the progress bar moves', async () => Number(await progress.getAttribute('value')) > 0);

  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText(`Paused by ${EDITOR}.`).waitFor();
  await page.getByText(/\d+ sent, \d+ remaining\. No subscriber receives it twice\./).waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Pause' }).waitFor();

  await newsletter.kill();
  await page.getByText('Connection lost. Reconnecting. Sending continues.').waitFor();
  await newsletter.startProcess();
  await page.getByText(`${SUBSCRIBERS - 1} of ${SUBSCRIBERS}`).first().waitFor({ timeout: 60_000 });
  await page.locator('.state', { hasText: 'Sent with failures' }).first().waitFor();
  // The rejected delivery counts as done.
  await waitUntil('the end is announced', () => announcements.includes('100 %'));
  assert.equal(await page.getByText('Connection lost').isVisible(), false);

  const addresses = Array.from({ length: SUBSCRIBERS }, (_, row) => `reader${row}@example.org`).filter(address => address !== REJECTED);
  const counts = addresses.map(address => newsletter.smtp.messagesTo(address).length);
  assert.ok(counts.every(count => count >= 1), `missing messages: ${counts}`);
  const duplicates = counts.reduce((sum, count) => sum + count - 1, 0);
  assert.ok(duplicates <= 2, `more duplicates than connections: ${duplicates}`);
});
