// Chromium, and actions that several tests share.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const PASSWORD = 'correct horse battery staple';
export const EDITOR = 'ada@example.com';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/// Starts Chromium with a profile in `folder` and a remote debugging port.
export function launchChromium(folder, port) {
  return chromium.launchPersistentContext(folder, { executablePath, args: [...FLAGS, `--remote-debugging-port=${port}`] });
}

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({ executablePath, args: FLAGS });
    return browser;
  }

  /// Opens a page with its own cookies. `page.errors` collects script errors, console errors
  /// and requests to other origins.
  async newPage(newsletter, options = {}) {
    const context = await this.chromium.newContext({ baseURL: newsletter.url, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    page.errors = [];
    page.on('pageerror', error => page.errors.push(String(error)));
    page.on('console', message => {
      if (message.type() === 'error') page.errors.push(message.text());
    });
    page.on('request', request => {
      const isForeign = !request.url().startsWith(newsletter.url) && !/^(data|about|blob):/.test(request.url());
      if (isForeign) page.errors.push(`request to another origin: ${request.url()}`);
    });
    return page;
  }

  async close() { await this.chromium.close(); }
}

/// Creates the first admin with the setup link and logs in.
export async function createFirstAdmin(page, newsletter) {
  await page.goto(newsletter.setupLink);
  await page.getByLabel('Email address').fill(EDITOR);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Repeat password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  if (new URL(page.url()).pathname === '/admin/login') await logIn(page);
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Overview');
}

export async function logIn(page) {
  await page.getByLabel('Email address').fill(EDITOR);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
}

export async function addFeed(page, newsletter) {
  await page.goto('/admin/feeds');
  await page.getByLabel('Feed address').fill(newsletter.feed);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('The lab’s blog').first().waitFor();
}

/// Returns an array to which all further texts of live regions are added, also after reloads.
export async function recordAnnouncements(page) {
  const announcements = [];
  await page.exposeFunction('announce', text => { announcements.push(text); });
  await page.addInitScript(() => new MutationObserver(changes => {
    for (const { target } of changes) if (target.closest?.('[role=status]')) window.announce(target.textContent.trim());
  }).observe(document, { subtree: true, childList: true, characterData: true }));
  return announcements;
}

export async function headingOf(page) {
  return (await page.getByRole('heading', { level: 1 }).textContent()).trim();
}
