// Chromium, and pages that remember what went wrong on them.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const PASSWORD = 'correct horse battery staple';
export const EDITOR = 'ada@example.com';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/// A Chromium with a profile in `folder` that others may drive through `port`.
export function openChromium(folder, port) {
  return chromium.launchPersistentContext(folder, { executablePath, args: [...QUIET, `--remote-debugging-port=${port}`] });
}

export class Browser {
  static async start() {
    const it = new Browser();
    it.chromium = await chromium.launch({ executablePath, args: QUIET });
    return it;
  }

  /// A person at a page. Every error on it, and every request to anyone else, is a fault.
  async person(newsletter, options = {}) {
    const context = await this.chromium.newContext({ baseURL: newsletter.url, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    page.faults = [];
    page.on('pageerror', error => page.faults.push(String(error)));
    page.on('console', message => {
      if (message.type() === 'error') page.faults.push(message.text());
    });
    page.on('request', request => {
      const foreign = !request.url().startsWith(newsletter.url) && !/^(data|about|blob):/.test(request.url());
      if (foreign) page.faults.push(`asks someone else: ${request.url()}`);
    });
    return page;
  }

  async end() { await this.chromium.close(); }
}

/// Opens the one-time link and makes the first admin, who is then at the desk.
export async function makeFirstAdmin(page, newsletter) {
  await page.goto(newsletter.firstLink);
  await page.getByLabel('E-mail address').fill(EDITOR);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Repeat password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  if (new URL(page.url()).pathname === '/admin/login') await logIn(page);
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Overview');
}

export async function logIn(page) {
  await page.getByLabel('E-mail address').fill(EDITOR);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
}

export async function addFeed(page, newsletter) {
  await page.goto('/admin/feeds');
  await page.getByLabel('Feed address').fill(newsletter.feed);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('The lab’s blog').first().waitFor();
}

/// What screen readers are told from now on, over reloads.
export async function listen(page) {
  const heard = [];
  await page.exposeFunction('tell', text => { heard.push(text); });
  await page.addInitScript(() => new MutationObserver(changes => {
    for (const { target } of changes) if (target.closest?.('[role=status]')) window.tell(target.textContent.trim());
  }).observe(document, { subtree: true, childList: true, characterData: true }));
  return heard;
}

export async function heading(page) {
  return (await page.getByRole('heading', { level: 1 }).textContent()).trim();
}
