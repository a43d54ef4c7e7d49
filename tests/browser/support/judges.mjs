// What every page must pass, whatever it shows.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { HtmlValidate } from 'html-validate';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
export const HEAVIEST = 60 * 1024;
const HEAVIEST_SCRIPT = 3 * 1024;

const htmlValidate = new HtmlValidate({
  extends: ['html-validate:recommended', 'html-validate:document'],
  rules: {
    // Tera leaves lines as they come.
    'no-trailing-whitespace': 'off',
    // `[data-…]` and roles beside the native element are there for older readers.
    'long-title': 'off',
    'require-sri': 'off',
    // pulldown-cmark ends them as XML does, so that the Atom feed can have them, too.
    'void-style': 'off',
    'no-inline-style': 'error',
    // Rows that are ticked share the name of what they say.
    'form-dup-name': ['error', { shared: ['radio', 'checkbox', 'button', 'submit'] }],
  },
});

/// The markup as the server sent it: what a browser mends is a fault all the same.
export async function judgeMarkup(page, path) {
  const answer = await page.context().request.get(path);
  await judgeText(await answer.text(), path);
}

export async function judgeText(html, path) {
  const report = await htmlValidate.validateString(html);
  const faults = report.results.flatMap(result => result.messages)
    .map(fault => `${fault.line}:${fault.column} ${fault.ruleId}: ${fault.message}`);
  assert.deepEqual(faults, [], `html-validate on ${path}`);
}

export const NARROW = [['dark', 320]];
const LOOKS = [['light', 1280], ['dark', 320], ['dark', 1280], ['light', 320]];
/// What changes with colours and width; all else needs to be asked once a width.
const OF_LOOKS = ['color-contrast', 'link-in-text-block', 'scrollable-region-focusable', 'target-size'];

/// `page` must have been made with `bypassCSP`, which lets axe in and changes nothing else.
export async function judgeAccess(page, name, looks = LOOKS) {
  await page.evaluate(axe);
  for (const [nth, [colorScheme, width]] of looks.entries()) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    const what = nth < 2 ? { type: 'tag', values: TAGS } : { type: 'rule', values: OF_LOOKS };
    const violations = await page.evaluate(async runOnly =>
      (await window.axe.run(document, { runOnly, resultTypes: ['violations'] })).violations
        .map(({ id, help, nodes }) => `${id}: ${help} [${nodes.map(node => node.target.join(' ')).slice(0, 3).join(' | ')}]`), what);
    assert.deepEqual(violations, [], `axe on ${name}, ${colorScheme}, ${width}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(over <= 0, `${name} scrolls ${over} px sideways at ${width}`);
  }
}

/// Everything that a first visit loads, as it travels.
export class Scales {
  bytes = 0;
  scripts = 0;

  static async on(page) {
    const it = new Scales();
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    session.on('Network.loadingFinished', event => { it.bytes += event.encodedDataLength; });
    page.on('response', async response => {
      if (response.request().resourceType() === 'script') it.scripts += gzipSync(await response.body()).length;
    });
    return it;
  }

  judge(name, { script }) {
    assert.ok(this.bytes <= HEAVIEST, `${name} weighs ${this.bytes} bytes`);
    if (script) assert.ok(this.scripts <= HEAVIEST_SCRIPT, `${name}: ${this.scripts} bytes of script`);
    else assert.equal(this.scripts, 0, `${name} is public and has a script`);
  }
}
