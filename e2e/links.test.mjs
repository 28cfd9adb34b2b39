// An independent crawler follows every internal link of the served site, at the root and under a
// sub-path, and must find none broken.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { LinkChecker } from 'linkinator';

import { served, sites } from './sites.mjs';

describe('no link is broken', () => {
  for (const site of sites) {
    for (const mount of ['/', '/blog/']) {
      it(`${site.name} at ${mount}`, async () => {
        const place = await served(site, mount);
        try {
          const elsewhere = async (link) => !link.startsWith(place.base);
          const { links } = await new LinkChecker().check({
            path: place.base,
            recurse: true,
            concurrency: 20,
            timeout: 10_000,
            // On a busy machine a connection may be refused. Missing pages are not retried.
            retryErrors: true,
            retryErrorsCount: 3,
            checkFragments: true,
            linksToSkip: elsewhere,
          });
          const ours = links.filter(({ state }) => state !== 'SKIPPED');
          const broken = ours.filter(({ state }) => state === 'BROKEN').map(({ url, parent, status }) => `${url} on ${parent}: ${status}`);
          assert.deepEqual(broken.slice(0, 20), []);
          // Check the number of links, because a crawler that follows too few would find nothing broken.
          assert.ok(ours.length > site.pieces.length, `only ${ours.length} links were followed`);
        } finally {
          await place.close();
        }
      });
    }
  }
});
