// axe-core on a page of each kind: no violation of WCAG 2.2 AA nor of its best practices, in the
// light and the dark scheme, on a phone and on a desk.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';

import { launch, reader } from './browser.mjs';
import { served, sites } from './sites.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const homes = await Promise.all(sites.map((site) => served(site, site.mount)));
let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser.close();
  for (const place of homes) await place.close();
});

async function violations(page) {
  const { violations } = await page.evaluate((tags) => axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] }), RULES);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.slice(0, 3).map((node) => `${id} (${help}): ${node.html.slice(0, 160)} ${node.any.concat(node.all).map((check) => check.message).join('; ').slice(0, 200)}`),
  );
}

/** What axe says about the page as it is now, on a phone and on a desk, in both schemes. */
async function everyLook(page) {
  const found = new Set();
  await page.evaluate(AXE);
  for (const width of [360, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const violation of await violations(page)) found.add(`${width} px, ${colorScheme}: ${violation}`);
    }
  }
  return [...found];
}

// Without motion, so that nothing is judged half faded in.
const STILL = { motion: 'reduce' };

for (const place of homes) {
  describe(`axe finds nothing: ${place.name}`, () => {
    for (const [kind, path] of Object.entries(place.site.kinds()).filter(([, path]) => path)) {
      it(kind, () => reader(browser, place, STILL, async (page) => {
        await page.goto(place.url(path));
        // What is folded away is read by somebody, too.
        await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
        assert.deepEqual(await everyLook(page), []);
      }));
    }

    it('the search dialog with what it found', () => reader(browser, place, STILL, async (page) => {
      await page.goto(place.url('index.html'));
      await page.keyboard.press('/');
      await page.keyboard.type('the');
      await page.locator('dialog [role=option]').first().waitFor();
      assert.deepEqual(await everyLook(page), []);
    }));

    it('the menu of a phone', () => reader(browser, place, { ...STILL, width: 360 }, async (page) => {
      await page.goto(place.url('index.html'));
      await page.locator('[popovertarget]').click();
      await page.locator('.menu a').first().waitFor();
      assert.deepEqual(await everyLook(page), []);
    }));
  });
}
