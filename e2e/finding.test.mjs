// Tests the navigation between thinkpieces, in every place, with scripts on and off.

import assert from 'node:assert/strict';

import { everywhere, home, onHost } from './everywhere.mjs';

const bare = (url) => url.split(/[?#]/)[0].replace(/index\.html$/, '');
const data = (requests) => requests.filter(({ url }) => /\/(search|random)\/[^/]+\.js$/.test(url));

/** Two pieces: one whose seed has a single take, and one whose seed has several takes. */
const alone = (site) => site.pieces.find((piece) => piece.take === 1 && takesOf(site, piece) === 1 && piece.author && piece.slug !== 'hostile');
const ring = (site) => site.pieces.find((piece) => piece.take === 1 && takesOf(site, piece) > 1);
const takesOf = (site, { slug }) => site.pieces.filter((piece) => piece.slug === slug).length;

everywhere('write me another: cycles through the takes of a seed', {}, async (page, { place, site, requests }) => {
  const { slug } = ring(site);
  await page.goto(place.url(`${slug}/index.html`));
  const start = bare(page.url());
  const seen = [start];
  for (let take = 0; take < takesOf(site, { slug }); take++) {
    const before = page.url();
    await page.locator('a.another').first().click();
    await page.waitForURL((url) => bare(url.href) !== bare(before));
    seen.push(bare(page.url()));
  }
  assert.equal(seen.at(-1), start, 'back at the first take');
  assert.equal(new Set(seen).size, takesOf(site, { slug }), 'every take was visited');
  assert.deepEqual(data(requests), [], 'the list of pieces is not loaded');
});

everywhere('write me another: leads to another piece if there is one take', {}, async (page, { place, site, scripts, requests }) => {
  await page.goto(place.url(`${alone(site).slug}/index.html`));
  assert.deepEqual(data(requests), [], 'nothing is loaded before the first use');
  const start = bare(page.url());
  await page.locator('a.another').first().click();
  await page.waitForURL((url) => bare(url.href) !== start);
  if (scripts) assert.equal(await page.locator('article.thinkpiece').count(), 1, page.url());
  else assert.equal(bare(page.url()), bare(place.url('random/index.html')));
});

everywhere('the random page lists some pieces, and opens one with a script', {}, async (page, { place, site, scripts }) => {
  await page.goto(place.url('random/index.html'));
  const links = await page.locator('.ledger a').count();
  assert.ok(links >= Math.min(10, site.pieces.length) && links <= 60, `${links} links`);
  if (scripts) {
    await page.locator('main a[data-random]').click();
    await page.locator('article.thinkpiece').waitFor();
  } else {
    assert.ok(await page.locator('main a[data-random]').isHidden());
    await page.locator('.ledger a').first().click();
    await page.locator('article.thinkpiece').waitFor();
  }
});

everywhere('a gallery shows the takes of one seed side by side', { width: 1440 }, async (page, { place, site }) => {
  const { slug } = ring(site);
  await page.goto(place.url(`${slug}/index.html`));
  await page.locator(`a[href$="${slug}/takes/index.html"]`).first().click();
  await page.locator('.gallery').waitFor();
  // Wait for the style sheet, because measurements taken before it has loaded would be wrong.
  await page.waitForLoadState();
  const columns = await page.locator('.column').evaluateAll((all) => all.map((column) => {
    const { left, top } = column.getBoundingClientRect();
    return { left, top, words: column.querySelector('.prose').textContent.split(/\s+/).length };
  }));
  assert.equal(columns.length, takesOf(site, { slug }));
  assert.equal(new Set(columns.map(({ top }) => Math.round(top))).size, 1, 'columns are side by side');
  assert.equal(new Set(columns.map(({ left }) => Math.round(left))).size, columns.length);
  assert.ok(columns.every(({ words }) => words > 20), 'each column has a text');
  if (slug === 'in-takes') {
    const settings = (await page.locator('.column-settings').allTextContents()).join(' ');
    assert.match(settings, /temperature/);
    assert.match(settings, /top_p/);
    assert.doesNotMatch(settings, /min_p/, 'only settings that differ');
  }
});

everywhere('the front page links to older and newer pages', {}, async (page, { place, site }) => {
  await page.goto(place.url('index.html'));
  const titles = new Set();
  let pages = 0;
  for (;;) {
    pages += 1;
    for (const title of await page.locator('.card-title, .lead-title').allTextContents()) titles.add(title);
    const older = page.locator('.pager a[rel=next]');
    if (pages === 3 || !(await older.count())) break;
    const before = page.url();
    await older.click();
    await page.waitForURL((url) => url.href !== before);
  }
  assert.ok(pages > 1, 'there is more than one page');
  assert.ok(titles.size > Math.min(12, site.pieces.length - 1) * (pages - 1), `${titles.size} different titles on ${pages} pages`);
  await page.locator('.pager a[rel=prev]').click();
  await page.locator('.pager').waitFor();
});

everywhere('a thinkpiece links to its tag and author, and they link back', {}, async (page, { place, site }) => {
  const piece = site.pieces.find((piece) => piece.take === 1 && piece.tags.length && piece.author && piece.slug !== 'hostile');
  const path = place.url(`${piece.slug}/index.html`);
  await page.goto(path);
  const title = await page.locator('h1').textContent();
  for (const way of ['a[rel=tag]', '.seed cite a']) {
    await page.goto(path);
    const name = await page.locator(way).first().textContent();
    await page.locator(way).first().click();
    await page.waitForURL((url) => bare(url.href) !== bare(path));
    assert.equal(await page.locator('h1').textContent(), name);
    assert.ok(await page.locator('.card-title a').count(), 'the list is not empty');
    // The piece that the test starts from may be on a later page.
    for (let more = 0; more < 60 && !(await page.locator('.card-title a', { hasText: title }).count()); more++) {
      const before = page.url();
      await page.locator('.pager a[rel=next]').click();
      await page.waitForURL((url) => url.href !== before);
    }
    await page.locator('.card-title a', { hasText: title }).first().click();
    await page.waitForURL((url) => bare(url.href).startsWith(bare(path)));
  }
});

everywhere('every tag, author and month is listed with the right count', { scripts: [false] }, async (page, { place, site }) => {
  const count = (texts) => texts.reduce((sum, text) => sum + Number(text.match(/\d+/)[0]), 0);
  await page.goto(place.url('tags/index.html'));
  const tags = new Set(site.pieces.flatMap((piece) => piece.tags));
  assert.equal(await page.locator('.index li, .topics li').count(), tags.size);
  await page.goto(place.url('authors/index.html'));
  const authors = new Set(site.pieces.map((piece) => piece.author).filter(Boolean));
  assert.equal(await page.locator('.index li').count(), authors.size);
  await page.goto(place.url('archive/index.html'));
  const months = new Set(site.pieces.map((piece) => piece.date.slice(0, 7)));
  assert.equal(await page.locator('.year h3 a').count(), months.size);
  assert.equal(count(await page.locator('.year .index-count').allTextContents()), site.pieces.length);
  await page.locator('.year h3 a').first().click();
  await page.locator('.ledger').waitFor();
  const newest = [...months].sort().at(-1);
  assert.equal(await page.locator('.ledger > li').count(), site.pieces.filter((piece) => piece.date.startsWith(newest)).length);
});

everywhere('the 404 page works at any depth and leads back', { where: home, expected: /404/ }, async (page, { place }) => {
  for (const path of ['no-such-page', 'tags/no-such-tag/', 'a/b/c/d/e/', 'archive/1999/01/index.html']) {
    const response = await page.goto(place.base + path);
    assert.equal(response.status(), 404);
    const rules = await page.evaluate(() => document.styleSheets[0]?.cssRules.length ?? 0);
    assert.ok(rules > 10, `${path} is styled`);
    await page.locator('.lost a.button').first().click();
    await page.waitForURL((url) => bare(url.href) === place.base);
  }
});

everywhere('old addresses redirect', { where: ({ site }) => site.name === 'made' }, async (page, { place }) => {
  for (const path of ['old/12/index.html', '2012.html', 'büro/tür/index.html']) {
    await page.goto(place.url(encodeURI(path)));
    await page.locator('article.thinkpiece').waitFor();
  }
});

everywhere('pages link to their feeds, which exist', { where: onHost, scripts: [false] }, async (page, { place, site }) => {
  for (const kind of ['index', 'thinkpiece', 'tag', 'author', 'gallery']) {
    await page.goto(place.url(site.kinds()[kind]));
    const feeds = await page.locator('link[rel=alternate]').evaluateAll((links) => links.map(({ href, type, title }) => ({ href, type, title })));
    const types = new Set(feeds.map(({ type }) => type));
    assert.deepEqual([...types].sort(), ['application/atom+xml', 'application/feed+json', 'application/rss+xml'], kind);
    if (['tag', 'author', 'gallery'].includes(kind)) {
      assert.equal(feeds[0].href, bare(page.url()) + 'atom.xml', `${kind} has its own feed`);
    }
    assert.equal(new Set(feeds.map(({ href }) => href)).size, feeds.length);
    for (const { href, title } of feeds) {
      assert.ok(title, href);
      assert.equal((await page.request.get(href)).status(), 200, href);
    }
  }
});

everywhere('icons, manifest and social card exist', { where: home, scripts: [false] }, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  for (const link of await page.locator('link[rel=icon], link[rel=apple-touch-icon], link[rel=manifest]').evaluateAll((links) => links.map(({ href }) => href))) {
    assert.equal((await page.request.get(link)).status(), 200, link);
  }
  const manifest = await (await page.request.get(await page.locator('link[rel=manifest]').evaluate(({ href }) => href))).json();
  assert.ok(manifest.name && manifest.icons.length);
  const meta = (property) => page.locator(`meta[property="${property}"]`).getAttribute('content');
  const image = await meta('og:image');
  const base = (await page.locator('link[rel=canonical]').getAttribute('href')).split(site.kinds().thinkpiece.replace('index.html', ''))[0];
  const card = await page.request.get(image.replace(base, place.base));
  assert.equal(card.status(), 200, image);
  const png = await card.body();
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [1200, 630]);
  assert.deepEqual([await meta('og:image:width'), await meta('og:image:height')], ['1200', '630']);
  assert.ok(await meta('og:image:alt'));
});
