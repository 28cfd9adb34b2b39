// What holds for every kind of page, wherever the site lies: it loads without a fault, fits the
// narrowest phone, moves nothing once it is painted, and asks for no more than it needs.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { launch, reader } from './browser.mjs';
import { closeAll, demo, made, places } from './sites.mjs';

const all = await places();
let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser.close();
  await closeAll(all);
});

/** The pages of a place, with their kinds; 404.html only where it is at home. */
function pagesOf(place) {
  const there = ([kind, path]) => path && (kind !== '404' || place.home);
  return Object.entries(place.site.kinds()).filter(there);
}

describe('every kind of page', () => {
  for (const site of [demo, made]) {
    it(`is there: ${site.name}`, () => {
      const missing = Object.entries(site.kinds()).filter(([, path]) => !path).map(([kind]) => kind);
      assert.deepEqual(missing, []);
    });
  }
});

describe('no page has a fault or is wider than a phone', () => {
  for (const place of all) {
    for (const scripts of [true, false]) {
      it(`${place.name}, scripts ${scripts ? 'on' : 'off'}`, async () => {
        await reader(browser, place, { scripts, width: 320, height: 640 }, async (page, { faults }) => {
          for (const [kind, path] of pagesOf(place)) {
            await page.setViewportSize({ width: 320, height: 640 });
            await page.goto(place.url(path));
            for (const width of [320, 360]) {
              await page.setViewportSize({ width, height: 640 });
              const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
              if (wide > 0) faults.push(`overflow: ${kind} (${path}) is ${wide} px wider than ${width} px`);
            }
          }
        });
      });
    }
  }
});

describe('nothing moves once it is painted', () => {
  // Fonts and pictures come late, as on a slow line: that is when a page would jump.
  const LATE = 700;
  for (const place of all.filter((place) => place.home)) {
    for (const width of [360, 1440]) {
      it(`${place.name}, ${width} px`, async () => {
        await reader(browser, place, { width, height: 900 }, async (page, { context, faults }) => {
          await context.addInitScript(() => {
            globalThis.shifts = [];
            const note = (list) => {
              for (const entry of list.getEntries()) {
                const moved = entry.sources.map(({ node }) => (node?.nodeType === 1 ? node : node?.parentElement)?.outerHTML.slice(0, 80));
                globalThis.shifts.push({ value: entry.value, moved });
              }
            };
            new PerformanceObserver(note).observe({ type: 'layout-shift', buffered: true });
          });
          await context.route(/\.(woff2|svg|png)$/, async (route) => {
            await new Promise((resolve) => setTimeout(resolve, LATE));
            await route.continue().catch(() => {});
          });
          for (const kind of ['index', 'thinkpiece', 'tag', 'author', 'gallery', 'archive', 'plain']) {
            const path = place.site.kinds()[kind];
            if (!path) continue;
            await page.goto(place.url(path), { waitUntil: 'load' });
            await page.evaluate(() => document.fonts.ready);
            await page.waitForTimeout(150);
            const shifts = await page.evaluate(() => globalThis.shifts);
            for (const { value, moved } of shifts) faults.push(`shift: ${kind} ${value.toFixed(4)} ${moved.join(' ')}`);
          }
        });
      });
    }
  }
});
