// Lighthouse must score 100 for accessibility, best practices and SEO, on the front page and a
// thinkpiece. Performance is only printed, because other tests run at the same time; `npm run perf`
// measures it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { audit, DEVICES, launchChrome, line } from './lighthouse.mjs';
import { demo, served } from './sites.mjs';

const GATES = ['accessibility', 'best-practices', 'seo'];

const place = await served(demo, demo.mount);
let chrome;
before(async () => {
  chrome = await launchChrome();
});
after(async () => {
  chrome.kill();
  await place.close();
});

describe('Lighthouse scores are 100', () => {
  for (const kind of ['index', 'thinkpiece']) {
    for (const device of DEVICES) {
      it(`${kind}, ${device}`, async (test) => {
        const result = await audit(chrome, place.url(demo.kinds()[kind]), device);
        test.diagnostic(line(kind, device, result));
        assert.deepEqual(result.failed, []);
        assert.deepEqual(GATES.map((id) => result.scores[id]), GATES.map(() => 100));
        assert.equal(result.shift, 0);
      });
    }
  }
});
