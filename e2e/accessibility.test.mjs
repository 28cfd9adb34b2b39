// Runs axe-core on a page of each kind. No page may violate WCAG 2.2 AA or axe's best practices, in
// either colour scheme, on a phone or a desktop.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { everyLook } from './axe.mjs';
import { launch, reader } from './browser.mjs';
import { served, sites } from './sites.mjs';

const homes = await Promise.all(sites.map((site) => served(site, site.mount)));
let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser.close();
  for (const place of homes) await place.close();
});

// Reduce motion, so that nothing is checked while it is still fading in.
const STILL = { motion: 'reduce' };

for (const place of homes) {
  describe(`axe finds no violations: ${place.name}`, () => {
    for (const [kind, path] of Object.entries(place.site.kinds()).filter(([, path]) => path)) {
      it(kind, () => reader(browser, place, STILL, async (page) => {
        await page.goto(place.url(path));
        // Check the contents of closed details, too.
        await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
        assert.deepEqual(await everyLook(page), []);
      }));
    }

    it('the search dialog with results', () => reader(browser, place, STILL, async (page) => {
      await page.goto(place.url('index.html'));
      await page.keyboard.press('/');
      await page.keyboard.type('the');
      await page.locator('dialog [role=option]').first().waitFor();
      assert.deepEqual(await everyLook(page), []);
    }));

    it('the menu on a phone', () => reader(browser, place, { ...STILL, width: 360 }, async (page) => {
      await page.goto(place.url('index.html'));
      await page.locator('[popovertarget]').click();
      await page.locator('.menu a').first().waitFor();
      assert.deepEqual(await everyLook(page), []);
    }));
  });
}
