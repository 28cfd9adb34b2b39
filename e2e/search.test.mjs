// Tests that search works in every place and by keyboard alone, and loads nothing until it is used.

import assert from 'node:assert/strict';

import { everywhere } from './everywhere.mjs';

const scripts = [true];
const data = (requests) => requests.filter(({ url }) => /\/search\/[^/]+\.js$/.test(url));
const bare = (url) => url.split(/[?#]/)[0].replace(/index\.html$/, '');

/** A piece that a search for its title should find. */
const wanted = (site) => site.pieces.find((piece) => piece.take === 1 && piece.title.split(' ').length > 3 && !/hostile|long/.test(piece.slug));
const focused = (page) => page.evaluate(() => document.activeElement.matches('[data-search-box] input'));

everywhere('keyboard only: a slash, some words, Enter', { scripts }, async (page, { place, site, requests }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  assert.deepEqual(data(requests), [], 'nothing is loaded before the first use');
  await page.keyboard.press('/');
  await page.locator('dialog[open] input').waitFor();
  assert.ok(await focused(page));
  const { title, slug } = wanted(site);
  await page.keyboard.type(title);
  await page.locator('dialog [role=option]').first().waitFor();
  assert.equal(await page.locator('dialog .search-title').first().textContent(), title);
  assert.ok(await page.locator('dialog mark').count(), 'matches are marked');
  assert.ok(data(requests).length > 0);
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => bare(url.href) === bare(place.url(`${slug}/index.html`)));
});

everywhere('arrow keys select, Escape closes and returns the focus', { scripts }, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().index));
  const link = page.locator('a[data-search]').first();
  await link.focus();
  await page.keyboard.press('Enter');
  await page.locator('dialog[open] input').waitFor();
  await page.keyboard.type(site.name === 'made' ? 'the calendar' : 'the');
  const options = page.locator('dialog [role=option]');
  await options.nth(1).waitFor();
  const chosen = () => page.locator('dialog input').getAttribute('aria-activedescendant');
  const first = await chosen();
  await page.keyboard.press('ArrowDown');
  const second = await chosen();
  assert.notEqual(second, first);
  assert.equal(await page.locator(`[id="${second}"]`).getAttribute('aria-selected'), 'true');
  await page.keyboard.press('ArrowUp');
  assert.equal(await chosen(), first);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  assert.ok(await link.evaluate((link) => link === document.activeElement), 'the focus is back on the link');
  await page.keyboard.press('Control+k');
  await page.locator('dialog[open] input').waitFor();
});

everywhere('searches by author, by a word of the text, and without a match', { scripts }, async (page, { place, site, requests }) => {
  await page.goto(place.url('search/index.html'));
  const input = page.locator('main [data-search-box] input');
  const options = page.locator('main [role=option]');
  const piece = wanted(site);
  await input.fill(piece.author ?? site.pieces.find(({ author }) => author).author);
  await options.first().waitFor();
  const plain = piece.text.split(/\s+/).filter((word) => /^[a-z]+$/.test(word));
  await input.fill(plain.reduce((longest, word) => (word.length > longest.length ? word : longest)));
  await options.first().waitFor();
  await input.fill('xyzzyqqqx');
  await page.waitForFunction(() => /xyzzyqqqx/.test(document.querySelector('main [role=status]').textContent));
  assert.equal(await options.count(), 0);
  await input.fill('<img src=x onerror=alert(1)>');
  await page.waitForTimeout(300);
  assert.equal(await page.locator('img[src=x]').count(), 0);
  if (site.name === 'made') {
    await input.fill('Bürotürme');
    await page.locator('main [role=option]', { hasText: 'größere' }).waitFor();
    await input.fill('hostile eve script');
    await page.locator('main [role=option]', { hasText: '</script>' }).waitFor();
  }
  assert.ok(data(requests).every(({ url }) => url.startsWith(place.base)));
});

everywhere('the query is kept in the address', { scripts }, async (page, { place, site }) => {
  const { title } = wanted(site);
  await page.goto(place.url('search/index.html'));
  await page.locator('main [data-search-box] input').fill(title);
  await page.locator('main [role=option]').first().waitFor();
  await page.locator('main [role=option]').first().click();
  await page.locator('article.thinkpiece').waitFor();
  await page.goBack();
  await page.locator('main [role=option]').first().waitFor();
  assert.equal(await page.locator('main [data-search-box] input').inputValue(), title);
});

everywhere('a failed load shows a message and is retried', { scripts, expected: /search/ }, async (page, { place, site }) => {
  await page.route(/assets\/js\/search\./, (route) => route.abort('failed'), { times: 1 });
  await page.goto(place.url(site.kinds().index));
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.querySelector('dialog [role=status]').textContent);
  await page.locator('dialog [data-close]').click();
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  await page.keyboard.press('/');
  await page.keyboard.type('the');
  await page.locator('dialog [role=option]').first().waitFor();
});

everywhere('without scripts the search page links to the lists', { scripts: [false] }, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().index));
  await page.locator('a[data-search]').first().click();
  await page.waitForURL((url) => bare(url.href) === bare(place.url('search/index.html')));
  assert.equal(await page.locator('main input:visible').count(), 0);
  assert.ok(await page.locator('main a[href$="archive/index.html"]').isVisible());
});
