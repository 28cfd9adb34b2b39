// Checks for every kind of page, at every mount point: it loads without a fault, fits the narrowest
// phone, and does not shift after the first paint.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { everywhere, home } from './everywhere.mjs';
import { made, sites } from './sites.mjs';

/** Returns one page of each kind. 404.html is included only where the site's base_url applies. */
function pagesOf(place) {
  const there = ([kind, path]) => path && (kind !== '404' || place.home);
  return Object.entries(place.site.kinds()).filter(there);
}

describe('every kind of page', () => {
  for (const site of sites) {
    it(`exists: ${site.name}`, () => {
      const missing = Object.entries(site.kinds()).filter(([, path]) => !path).map(([kind]) => kind);
      assert.deepEqual(missing, []);
    });
  }
});

describe('unpublished pieces appear nowhere', () => {
  // scripts/make_site.py makes every fortieth piece a draft and dates the one before it in the future.
  for (const slug of ['piece-000038', 'piece-000039']) {
    it(slug, () => {
      const mentions = made.files().filter((path) => path.includes(slug) || /\.(html|xml|json|js)$/.test(path) && made.read(path).includes(slug));
      assert.deepEqual(mentions, []);
    });
  }
});

/** Runs in a page. Returns the elements that make the page wider than the window, and by how much. */
function tooWide() {
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const culprits = [...document.body.querySelectorAll('*')]
    .filter((element) => element.getBoundingClientRect().right > clientWidth + 1)
    .filter((element) => getComputedStyle(element).visibility !== 'hidden')
    .map((element) => `${element.localName}.${element.className}`);
  return [`${scrollWidth - clientWidth} px too wide: ${[...new Set(culprits)].slice(0, 6).join(', ')}`];
}

everywhere('no page has faults or is wider than a phone', { width: 320, height: 640 }, async (page, { place, faults }) => {
  for (const [kind, path] of pagesOf(place)) {
    await page.setViewportSize({ width: 320, height: 640 });
    await page.goto(place.url(path));
    for (const width of [320, 360]) {
      await page.setViewportSize({ width, height: 640 });
      for (const fault of await page.evaluate(tooWide)) faults.push(`overflow: ${kind} (${path}) at ${width} px: ${fault}`);
    }
  }
});

// Delay of fonts and pictures in milliseconds. On a slow connection, their arrival could shift a page.
const LATE = 700;

for (const width of [360, 1440]) {
  const options = { width, height: 900, scripts: [true], where: home };
  everywhere(`no layout shift after the first paint, ${width} px`, options, async (page, { context, place, faults }) => {
    await context.addInitScript(() => {
      globalThis.shifts = [];
      const element = (node) => (node?.nodeType === Node.ELEMENT_NODE ? node : node?.parentElement);
      const note = (list) => {
        for (const { value, sources } of list.getEntries()) {
          globalThis.shifts.push({ value, moved: sources.map(({ node }) => element(node)?.outerHTML.slice(0, 80)) });
        }
      };
      new PerformanceObserver(note).observe({ type: 'layout-shift', buffered: true });
    });
    await context.route(/\.(woff2|svg|png)$/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, LATE));
      // Continuing fails if the browser has left the page in the meantime.
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
}
