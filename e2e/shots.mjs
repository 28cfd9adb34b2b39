// Takes screenshots of every kind of page, for review by a person.
//
//     npm run shots -- DIR [KIND...]

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { launch } from './browser.mjs';
import { served, sites } from './sites.mjs';

const [dir, ...only] = process.argv.slice(2);
if (!dir) {
  console.error('usage: npm run shots -- DIR [KIND...]');
  process.exit(2);
}
mkdirSync(dir, { recursive: true });

const browser = await launch();
for (const site of sites) {
  const place = await served(site, site.mount);
  for (const width of [360, 768, 1440]) {
    for (const colorScheme of ['light', 'dark']) {
      // Reduce motion, so that no screenshot shows an unfinished animation.
      const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce', viewport: { width, height: width < 500 ? 780 : 950 } });
      const page = await context.newPage();
      for (const [kind, path] of Object.entries(site.kinds())) {
        if (!path || (only.length && !only.includes(kind))) continue;
        await page.goto(place.url(path));
        await page.evaluate(() => {
          for (const image of document.images) image.loading = 'eager';
          return Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
        });
        await page.screenshot({ path: join(dir, `${site.name}-${kind}-${width}-${colorScheme}.png`), fullPage: true });
      }
      await context.close();
    }
  }
  await place.close();
}
await browser.close();
