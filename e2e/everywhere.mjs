// Runs a test in every place: for both sites, at the root of a host, under a sub-path and from the file
// system, each with scripts on and off.

import { after, before, describe, it } from 'node:test';

import { launch, reader } from './browser.mjs';
import { closeAll, places } from './sites.mjs';

/** Timeout of one test in milliseconds. */
const PATIENCE = 120_000;

export const all = await places();

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await closeAll(all);
});

/** Runs `visit(page, { place, site, scripts, … })` in each place. See `reader` for the options. */
export function everywhere(title, options, visit) {
  const { scripts: wanted = [true, false], where = () => true, ...rest } = options;
  describe(title, () => {
    for (const place of all.filter(where)) {
      for (const scripts of wanted) {
        it(`${place.name}, scripts ${scripts ? 'on' : 'off'}`, () =>
          reader(browser, place, { ...rest, scripts }, (page, more) =>
            visit(page, { place, site: place.site, scripts, ...more })));
      }
    }
  });
}

/** Selects the place that each site was built for: a host, at the path of its base_url. */
export const home = (place) => place.home;

/** Selects the places with a host, at any path. */
export const onHost = (place) => place.served;
