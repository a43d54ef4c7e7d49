// The page of an issue tells the truth while it is sent, also over a crash.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addFeed, Browser, EDITOR, listen, makeFirstAdmin } from '../support/browser.mjs';
import { Newsletter } from '../support/newsletter.mjs';
import { until } from '../support/until.mjs';

const READERS = 60;
const GONE = 'reader7@example.org';
let newsletter, browser, page;

before(async () => {
  newsletter = await Newsletter.start({ settings: { BROADSHEET_SMTP__CONNECTIONS: '2' } });
  browser = await Browser.start();
  page = await browser.person(newsletter);
});
after(async () => {
  await browser?.end();
  await newsletter?.end();
});

test('a send can be held, goes on over a crash, and the open page follows it to its end', async () => {
  await makeFirstAdmin(page, newsletter);
  await addFeed(page, newsletter);
  await newsletter.readers(READERS);
  newsletter.mail.delay = 150;
  newsletter.mail.refused.set(GONE, { code: 550, words: '5.1.1 no such user here' });
  const heard = await listen(page);
  await page.goto('/admin/next/send');
  await page.getByRole('button', { name: `Send to ${READERS} subscribers now` }).click();
  const progress = page.getByRole('progressbar');
  await until('some are sent', async () => newsletter.mail.mails.length > 5);
  await until('the page moves by itself', async () => Number(await progress.getAttribute('value')) > 0);

  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText(`Paused by ${EDITOR}.`).waitFor();
  await page.getByText(/\d+ sent, \d+ remaining\. No subscriber receives it twice\./).waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Pause' }).waitFor();

  await newsletter.kill();
  await page.getByText('Connection lost. Reconnecting. Sending continues.').waitFor();
  await newsletter.begin();
  await page.getByText(`${READERS - 1} of ${READERS}`).first().waitFor({ timeout: 60_000 });
  await page.locator('.state', { hasText: 'Sent with failures' }).first().waitFor();
  // Also the one who cannot have it is accounted for.
  await until('the end is heard', () => heard.includes('100 %'));
  assert.equal(await page.getByText('Connection lost').isVisible(), false);

  const addresses = Array.from({ length: READERS }, (_, row) => `reader${row}@example.org`).filter(address => address !== GONE);
  const copies = addresses.map(address => newsletter.mail.to(address).length);
  assert.ok(copies.every(count => count >= 1), `nobody is lost: ${copies}`);
  const extra = copies.reduce((sum, count) => sum + count - 1, 0);
  assert.ok(extra <= 2, `at most what was on a connection comes twice: ${extra}`);
});
