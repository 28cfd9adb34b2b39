// Tests that a page downloads only the files it needs, from its own site, and few bytes in total.

import assert from 'node:assert/strict';

import { everywhere, home } from './everywhere.mjs';

/** Maximum size of a thinkpiece in bytes, uncompressed, with fonts but without covers. */
const MOST_BYTES = 120_000;

/** Kinds of files that a page may request, as path patterns, with the maximum number of each kind. */
const ALLOWED = [
  { name: 'the page', pattern: /(^|\/)(index\.html)?$/, most: 1 },
  { name: 'the style', pattern: /^assets\/style\.[0-9a-f]+\.css$/, most: 1 },
  { name: "the lists' or the gallery's style", pattern: /^assets\/css\/[a-z]+\.[0-9a-f]+\.css$/, most: 1 },
  { name: 'the script', pattern: /^assets\/script\.[0-9a-f]+\.js$/, most: 1 },
  { name: 'fonts', pattern: /^assets\/.+\.[0-9a-f]+\.woff2$/, most: 4 },
  { name: 'covers', pattern: /^covers\/[0-9a-z]+\.svg$/, most: 16 },
  { name: 'icons', pattern: /^(assets\/favicon\.[0-9a-f]+\.svg|favicon\.ico|apple-touch-icon\.png|site\.webmanifest)$/, most: 4 },
];
/** Kinds of files that only the search page may request. */
const SEARCH = [
  { name: 'the search script', pattern: /^assets\/js\/search\.[0-9a-f]+\.js$/, most: 1 },
  { name: 'the index', pattern: /^search\/[^/]+\.js$/, most: 8 },
];

for (const kind of ['index', 'thinkpiece', 'tag', 'gallery', 'archive', 'search', 'random', 'plain']) {
  everywhere(`the requests of a page: ${kind}`, { where: home }, async (page, { place, site, scripts, requests }) => {
    const responses = [];
    page.on('response', (response) => responses.push(response));
    await page.goto(place.url(site.kinds()[kind]), { waitUntil: 'load' });
    // Scroll to the end, because pictures are loaded lazily.
    await page.evaluate(() => scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' }));
    await page.waitForLoadState('networkidle');
    const paths = requests.map(({ url }) => decodeURI(url.slice(place.base.length)));
    const allowed = kind === 'search' ? [...ALLOWED, ...SEARCH] : ALLOWED;
    const left = paths.filter((path) => !allowed.some(({ pattern }) => pattern.test(path)));
    assert.deepEqual(left, [], 'only files on the list');
    assert.equal(new Set(paths).size, paths.length, 'no file twice');
    for (const { name, pattern, most } of allowed) {
      const count = paths.filter((path) => pattern.test(path)).length;
      assert.ok(count <= most, `${name}: ${count}`);
    }
    if (!scripts) assert.ok(!paths.some((path) => path.endsWith('.js')));
    if (kind !== 'thinkpiece') return;
    const sizes = await Promise.all(responses.filter((response) => !/\/covers\//.test(response.url())).map(async (response) => {
      const { responseBodySize } = await response.request().sizes();
      return { path: response.url().slice(place.base.length), sent: responseBodySize, whole: (await response.body()).length };
    }));
    const sum = (key) => sizes.reduce((sum, size) => sum + size[key], 0);
    const list = sizes.map(({ path, sent, whole }) => `${path}: ${sent} of ${whole}`).join('\n');
    assert.ok(sum('whole') < MOST_BYTES, `${sum('whole')} bytes\n${list}`);
    if (scripts) console.log(`${place.name}: a thinkpiece is ${sum('sent')} bytes compressed, ${sum('whole')} uncompressed, without covers`);
  });
}

everywhere('cache headers are set and the policy is strict', { where: home, scripts: [false] }, async (page, { place, site }) => {
  const response = await page.goto(place.url(site.kinds().thinkpiece));
  const asked = await page.locator('meta[http-equiv=Content-Security-Policy]').getAttribute('content');
  for (const policy of [asked, response.headers()['content-security-policy']]) {
    assert.match(policy, /default-src 'none'|default-src 'self'/);
    assert.doesNotMatch(policy, /unsafe-|\*|https?:/);
  }
  const style = await page.locator('link[rel=stylesheet]').evaluate(({ href }) => href);
  assert.match((await page.request.get(style)).headers()['cache-control'], /immutable/);
  assert.doesNotMatch(response.headers()['cache-control'] ?? '', /immutable/);
});
