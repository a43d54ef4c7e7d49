// What the mail programs of readers cannot show must be known beforehand: the mails use
// nothing that is not on this list.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { caniemail } from 'caniemail';
import { Newsletter } from '../support/newsletter.mjs';
import { until } from '../support/until.mjs';

const CLIENTS = ['gmail.*', 'outlook.windows', 'outlook.windows-mail', 'outlook.macos', 'outlook.outlook-com', 'apple-mail.*', 'yahoo.*'];
const HEAVIEST = 60 * 1024;

// Each only makes better what is good without it: the dark colours, the narrow layout, round
// corners, and what is said to screen readers.
const KNOWN = new Set([
  '<body> element', '<style> element', '@media', 'Attribute selector', 'Class selector', 'Descendant combinator',
  'Type selector', 'aria-label attribute', 'border-radius', 'display:none', 'height property', 'object-fit',
  'overflow', 'role attribute', 'text-decoration-color', 'word-break',
]);

let newsletter;

const READER = 'reader0@example.org';
const OWNER = 'owner@example.net';

before(async () => {
  newsletter = await Newsletter.start({ settings: { BROADSHEET_ALERTS__TO: `["${OWNER}"]` } });
  await newsletter.command('feeds', 'add', newsletter.feed);
  await newsletter.readers(1);
});
after(async () => { await newsletter?.end(); });

function unsupported(html) {
  const { issues } = caniemail({ clients: CLIENTS, html });
  return new Set([...issues.errors.values()].flat().map(issue => issue.title));
}

function judge(mail) {
  assert.ok(mail.html.length < HEAVIEST);
  assert.deepEqual([...unsupported(mail.html)].filter(title => !KNOWN.has(title)), []);
}

function post(url, fields) {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
}

test('the digest', async () => {
  await newsletter.command('digest', 'send');
  judge(await newsletter.mail.mail(READER, 'A loader'));
});

test('the confirmation', async () => {
  await newsletter.command('subscribers', 'add', 'new@example.net', '--source', 'a form', '--pending');
  judge(await until('it came', () => newsletter.mail.to('new@example.net')[0]));
});

test('the mail to who is on the list already', async () => {
  const form = await (await fetch(newsletter.url)).text();
  await post(`${newsletter.url}/subscribe`, { email: READER, stamp: form.match(/name="stamp" value="([^"]+)"/)[1], website: '' });
  judge(await newsletter.mail.mail(READER, 'already'));
});

test('the fresh link', async () => {
  await post(await newsletter.mail.link(READER, 'preferences'), { action: 'export' });
  judge(await newsletter.mail.mail(READER, 'stores about you'));
});

test('the alert', async () => {
  judge(await newsletter.mail.mail(OWNER, 'No. 1'));
});
