// Checks that each page must pass: markup, accessibility, size.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { HtmlValidate } from 'html-validate';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/// Maximum size of all transfers of a first visit.
export const MAX_PAGE_BYTES = 60 * 1024;
/// Maximum size of the compressed scripts of an admin page.
const MAX_SCRIPT_BYTES = 3 * 1024;

const htmlValidate = new HtmlValidate({
  extends: ['html-validate:recommended', 'html-validate:document'],
  rules: {
    // Tera keeps the white space of templates.
    'no-trailing-whitespace': 'off',
    'long-title': 'off',
    'require-sri': 'off',
    // pulldown-cmark writes `<br />`, which the Atom feed needs.
    'void-style': 'off',
    'no-inline-style': 'error',
    // The checkboxes of table rows share one name.
    'form-dup-name': ['error', { shared: ['radio', 'checkbox', 'button', 'submit'] }],
  },
});

/// Validates the markup of the response, not of the DOM, which browsers correct.
export async function checkMarkup(page, path) {
  const response = await page.context().request.get(path);
  await checkHtml(await response.text(), path);
}

/// Validates an HTML text.
export async function checkHtml(html, path) {
  const report = await htmlValidate.validateString(html);
  const errors = report.results.flatMap(result => result.messages)
    .map(error => `${error.line}:${error.column} ${error.ruleId}: ${error.message}`);
  assert.deepEqual(errors, [], `html-validate on ${path}`);
}

export const NARROW = [['dark', 320]];
/// Themes and widths in which a page is checked.
const VIEWPORTS = [['light', 1280], ['dark', 320], ['dark', 1280], ['light', 320]];
/// Rules whose result depends on theme and width. The others run once per width.
const VISUAL_RULES = ['color-contrast', 'link-in-text-block', 'scrollable-region-focusable', 'target-size'];

/// Runs axe and checks for horizontal scrolling. The page needs the option `bypassCSP`, so that
/// axe can be injected.
export async function checkAccessibility(page, name, viewports = VIEWPORTS) {
  await page.evaluate(axe);
  for (const [nth, [colorScheme, width]] of viewports.entries()) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    const rules = nth < 2 ? { type: 'tag', values: TAGS } : { type: 'rule', values: VISUAL_RULES };
    const violations = await page.evaluate(async runOnly =>
      (await window.axe.run(document, { runOnly, resultTypes: ['violations'] })).violations
        .map(({ id, help, nodes }) => `${id}: ${help} [${nodes.map(node => node.target.join(' ')).slice(0, 3).join(' | ')}]`), rules);
    assert.deepEqual(violations, [], `axe on ${name}, ${colorScheme}, ${width}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name} scrolls ${overflow} px sideways at ${width}`);
  }
}

/// Compressed size of all transfers of a first visit.
export class PageWeight {
  bytes = 0;
  scripts = 0;

  static async measure(page) {
    const weight = new PageWeight();
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    session.on('Network.loadingFinished', event => { weight.bytes += event.encodedDataLength; });
    page.on('response', async response => {
      if (response.request().resourceType() === 'script') weight.scripts += gzipSync(await response.body()).length;
    });
    return weight;
  }

  assertBelowLimits(name, { script }) {
    assert.ok(this.bytes <= MAX_PAGE_BYTES, `${name}: ${this.bytes} bytes`);
    if (script) assert.ok(this.scripts <= MAX_SCRIPT_BYTES, `${name}: ${this.scripts} bytes of script`);
    else assert.equal(this.scripts, 0, `${name} is public and has a script`);
  }
}
