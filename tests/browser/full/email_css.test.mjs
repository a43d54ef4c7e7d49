// HTML and CSS features of messages that email clients do not support must be on a list.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { caniemail } from 'caniemail';
import { Newsletter } from '../support/newsletter.mjs';
import { waitUntil } from '../support/wait_until.mjs';

const CLIENTS = ['gmail.*', 'outlook.windows', 'outlook.windows-mail', 'outlook.macos', 'outlook.outlook-com', 'apple-mail.*', 'yahoo.*'];
const MAX_MESSAGE_BYTES = 60 * 1024;

// Progressive enhancements: dark theme, narrow layout, round corners, screen reader texts.
const ALLOWED = new Set([
  '<body> element', '<style> element', '@media', 'Attribute selector', 'Class selector', 'Descendant combinator',
  'Type selector', 'aria-label attribute', 'border-radius', 'display:none', 'height property', 'object-fit',
  'overflow', 'role attribute', 'text-decoration-color', 'word-break',
]);

let newsletter;

const SUBSCRIBER = 'reader0@example.org';
const OWNER = 'owner@example.net';

before(async () => {
  newsletter = await Newsletter.start({ settings: { BROADSHEET_ALERTS__TO: `["${OWNER}"]` } });
  await newsletter.run('feeds', 'add', newsletter.feed);
  await newsletter.importSubscribers(1);
});
after(async () => { await newsletter?.stop(); });

/// Returns the titles of the features that some clients do not support.
function unsupported(html) {
  const { issues } = caniemail({ clients: CLIENTS, html });
  return new Set([...issues.errors.values()].flat().map(issue => issue.title));
}

function checkMessage(message) {
  assert.ok(message.html.length < MAX_MESSAGE_BYTES);
  assert.deepEqual([...unsupported(message.html)].filter(title => !ALLOWED.has(title)), []);
}

function post(url, fields) {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
}

test('issue uses supported features', async () => {
  await newsletter.run('digest', 'send');
  checkMessage(await newsletter.smtp.waitForMessage(SUBSCRIBER, 'A loader'));
});

test('confirmation uses supported features', async () => {
  await newsletter.run('subscribers', 'add', 'new@example.net', '--source', 'a form', '--pending');
  checkMessage(await waitUntil('the confirmation is received', () => newsletter.smtp.messagesTo('new@example.net')[0]));
});

test('message to an existing subscriber uses supported features', async () => {
  const form = await (await fetch(newsletter.url)).text();
  await post(`${newsletter.url}/subscribe`, { email: SUBSCRIBER, stamp: form.match(/name="stamp" value="([^"]+)"/)[1], website: '' });
  checkMessage(await newsletter.smtp.waitForMessage(SUBSCRIBER, 'already'));
});

test('message with a link uses supported features', async () => {
  await post(await newsletter.smtp.waitForLink(SUBSCRIBER, 'preferences'), { action: 'export' });
  checkMessage(await newsletter.smtp.waitForMessage(SUBSCRIBER, 'stores about you'));
});

test('alert uses supported features', async () => {
  checkMessage(await newsletter.smtp.waitForMessage(OWNER, 'No. 1'));
});
