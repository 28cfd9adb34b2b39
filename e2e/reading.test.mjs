// Tests reading a single thinkpiece, in every place, with scripts on and off.

import assert from 'node:assert/strict';

import { everywhere, home } from './everywhere.mjs';

/** Returns the canonical address of the page, or its current address if it has no canonical one. */
const address = (page) => page.evaluate(() => document.querySelector('link[rel=canonical]')?.href ?? location.href.split('#')[0]);
const ground = (page) => page.evaluate(() => {
  const colours = [document.body, document.documentElement].map((element) => getComputedStyle(element).backgroundColor);
  return colours.find((colour) => colour !== 'rgba(0, 0, 0, 0)') ?? 'rgb(255, 255, 255)';
});
const luminance = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;

everywhere('by default the colours follow the device', {}, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  assert.ok(luminance(await ground(page)) > 200);
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.ok(luminance(await ground(page)) < 60);
});

everywhere('a chosen colour scheme applies to every page before the first paint', { scripts: [true] }, async (page, { context, place, site }) => {
  const choose = page.locator('.scheme');
  await page.goto(place.url(site.kinds().thinkpiece));
  for (let presses = 0; presses < 3 && !(luminance(await ground(page)) < 60); presses++) await choose.click();
  assert.ok(luminance(await ground(page)) < 60, 'the button switches to dark');
  const label = await choose.getAttribute('aria-label');

  // The choice is applied before the body exists, so that no light page flashes.
  await context.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.body) return;
      globalThis.schemeAtFirst = document.documentElement.dataset.theme;
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(place.url(site.kinds().index));
  assert.equal(await page.evaluate(() => globalThis.schemeAtFirst), 'dark');
  assert.ok(luminance(await ground(page)) < 60, 'also on the front page');
  assert.equal(await page.locator('.scheme').getAttribute('aria-label'), label);
});

everywhere('without scripts there are no controls that need them', { scripts: [false] }, async (page, { place, site }) => {
  for (const kind of ['index', 'thinkpiece', 'random', 'search', 'plain']) {
    await page.goto(place.url(site.kinds()[kind]));
    const buttons = await page.locator('button:not([popovertarget]):visible').allTextContents();
    assert.deepEqual(buttons, [], kind);
  }
});

everywhere('scrolling shrinks the header and grows the progress bar', { width: 1280 }, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  const look = () => page.evaluate(() => {
    const bar = document.querySelector('.progress');
    return { header: document.querySelector('.masthead').getBoundingClientRect(), bar: bar.getBoundingClientRect().width };
  });
  // Scrolls to the top of the page, the middle of the text, or the end of the page.
  const scroll = async (share) => {
    await page.evaluate((share) => {
      const text = document.querySelector('.prose').getBoundingClientRect();
      const middle = scrollY + text.top + text.height / 2 - innerHeight / 2;
      scrollTo({ top: [0, middle, document.documentElement.scrollHeight][2 * share], behavior: 'instant' });
    }, share);
    // Wait for a fixed time, because callbacks in the page do not work without scripts.
    await page.waitForTimeout(100);
    return look();
  };
  const top = await scroll(0);
  const middle = await scroll(0.5);
  const end = await scroll(1);
  assert.ok(middle.header.height < top.header.height, `${top.header.height} px, then ${middle.header.height} px`);
  assert.ok(Math.abs(middle.header.top) < 1, 'the header stays in sight');
  assert.ok(top.bar < 5 && middle.bar > 300 && middle.bar < 1000 && end.bar > 1200, `${top.bar}, ${middle.bar}, ${end.bar}`);
});

everywhere('with reduced motion nothing moves', { motion: 'reduce', scripts: [true] }, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  await page.locator('[data-clap]').first().click();
  const moving = await page.evaluate(() => ({
    scroll: getComputedStyle(document.documentElement).scrollBehavior,
    // Only timed animations count, because scroll-driven ones follow the reader's own motion.
    timed: document.getAnimations()
      .filter(({ timeline }) => timeline === document.timeline)
      .filter(({ effect }) => effect.getComputedTiming().duration > 1)
      .map((animation) => animation.animationName ?? animation.transitionProperty),
  }));
  assert.deepEqual(moving, { scroll: 'auto', timed: [] });
});

everywhere('claps are counted and stored in this browser', { scripts: [true] }, async (page, { place, site, requests }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  const before = told(requests);
  const count = page.locator('.clap-count').first();
  assert.ok(await count.isHidden(), 'no count before the first clap');
  const clap = page.locator('[data-clap]').first();
  await clap.click();
  await clap.press('Enter');
  await count.filter({ hasText: /^2$/ }).waitFor();
  assert.deepEqual(told(requests), before, 'nothing is sent');
  await page.reload();
  assert.equal(await count.textContent(), '2');
  const other = site.pieces.find((piece) => piece.take === 1 && !site.kinds().thinkpiece.startsWith(piece.slug));
  await page.goto(place.url(`${other.slug}/index.html`));
  assert.ok(await count.isHidden(), 'another thinkpiece has its own count');
});

/** Leaves out requests for pictures, fonts and icons, because the browser decides when to make them. */
const told = (requests) => requests.filter(({ kind }) => !['image', 'font', 'other'].includes(kind));

everywhere('the copy button copies the link', { scripts: [true] }, async (page, { context, place, site }) => {
  if (place.served) await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto(`${place.url(site.kinds().thinkpiece)}#provenance`);
  const expected = await address(page);
  await page.locator('[data-copy]').first().click();
  await page.locator('.toast-shown').waitFor();
  assert.equal(await pasted(page), expected);
});

everywhere('selected text can be copied with a link to it', { scripts: [true] }, async (page, { context, place, site }) => {
  if (place.served) await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto(place.url(site.kinds().thinkpiece));
  const words = await page.evaluate(() => {
    const text = document.querySelector('.prose p').firstChild;
    const range = document.createRange();
    range.setStart(text, 0);
    range.setEnd(text, text.data.indexOf(' ', 30));
    getSelection().addRange(range);
    return range.toString();
  });
  const bar = page.locator('.quote-bar');
  await bar.waitFor();
  const box = await bar.boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 1280, 'the bar is within the window');
  await bar.locator('[data-quote=copy]').click();
  await page.locator('.toast-shown').waitFor();
  const text = await pasted(page);
  assert.ok(text.includes(words), text);
  assert.ok(text.includes(`${await address(page)}#:~:text=`), text);
  assert.ok(await bar.isHidden(), 'the bar is hidden again');
});

/** Pastes the clipboard into a field and returns its contents. */
async function pasted(page) {
  await page.evaluate(() => {
    const field = document.createElement('textarea');
    field.id = 'pasted';
    document.body.append(field);
    field.focus();
  });
  await page.keyboard.press('Control+V');
  return page.locator('#pasted').inputValue();
}

everywhere('a link to the provenance opens it', {}, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  const panel = page.locator('#provenance');
  assert.ok(await panel.isHidden());
  await page.locator('a[href="#provenance"]').first().click();
  await panel.waitFor();
  const piece = site.pieces.find((piece) => `${piece.slug}/index.html` === site.kinds().thinkpiece);
  const text = await page.locator('details.provenance').textContent();
  for (const expected of [piece.provenance.model, piece.provenance.weights, String(piece.provenance.rng_seed), 'venti generate']) {
    assert.ok(text.includes(expected), `the panel contains ${expected}`);
  }
  const data = JSON.parse(await page.locator('script[type="application/ld+json"]').textContent());
  assert.equal(data['@type'], 'Article');
  const source = piece.edited ? /[Cc]omposite.*TrainedAlgorithmicMedia/ : /TrainedAlgorithmicMediaDigitalSource/;
  assert.match(JSON.stringify(data), source);
});

everywhere('the byline says that the text is machine-written', {}, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  assert.ok(await page.locator('.byline .label').isVisible());
  assert.match(await page.locator('.byline').textContent(), /machine/i);
});

everywhere('previous and next are inverse links', {}, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  const start = page.url();
  const way = (await page.locator('a[rel=next]').count()) ? ['next', 'prev'] : ['prev', 'next'];
  await page.locator(`a[rel=${way[0]}]`).click();
  await page.waitForURL((url) => url.href !== start);
  assert.equal(await page.locator('article.thinkpiece').count(), 1);
  await page.locator(`a[rel=${way[1]}]`).click();
  await page.waitForURL((url) => bare(url.href) === bare(start));
});

everywhere('related pieces: one to three others, which exist', {}, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  const start = page.url();
  const links = page.locator('.tile-title a');
  const count = await links.count();
  assert.ok(count >= 1 && count <= 3, `${count} related pieces`);
  const titles = await links.allTextContents();
  const own = await page.locator('h1').textContent();
  assert.equal(new Set([...titles, own]).size, count + 1, 'no duplicates, and not the piece itself');
  await links.first().click();
  await page.waitForURL((url) => url.href !== start);
  assert.equal(await page.locator('h1').textContent(), titles[0]);
});

everywhere('the member badge hides nothing', {}, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  assert.ok(await page.locator('.member').isVisible());
  const piece = site.pieces.find((piece) => `${piece.slug}/index.html` === site.kinds().thinkpiece);
  const last = piece.text.trim().split(/\s+/).slice(-3).join(' ');
  assert.ok((await page.locator('.prose').innerText()).replace(/\s+/g, ' ').includes(last), 'the whole text is there');
});

everywhere('in print the frame is hidden and the text is there', { where: home }, async (page, { place, site }) => {
  await page.goto(place.url(site.kinds().thinkpiece));
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  for (const frame of ['.masthead', '.colophon', '.progress', '.actions >> nth=0', '.neighbours', '.tiles', '.toast', '.quote-bar']) {
    assert.ok(await page.locator(frame).isHidden(), `${frame} is not printed`);
  }
  assert.ok(await page.locator('h1').isVisible());
  assert.ok(await page.locator('.prose p').last().isVisible());
  assert.ok(luminance(await ground(page)) > 200, 'white background, even in the dark scheme');
});

everywhere('text from a model or a seed never becomes markup', { where: ({ site }) => site.name === 'made' }, async (page, { place, site }) => {
  const list = ['hostile/index.html', 'index.html', site.kinds().search, site.kinds().random].filter(Boolean);
  for (const path of list) {
    await page.goto(place.url(path));
    assert.equal(await page.locator('img[src=x], [onerror]').count(), 0, path);
  }
  await page.goto(place.url('hostile/index.html'));
  assert.match(await page.locator('h1').textContent(), /<\/script>/);
  assert.match(await page.locator('.prose').textContent(), /<img src=x onerror=alert\(1\)>/);
});

/** Returns an address without `#…` and `index.html`. */
function bare(url) {
  return url.split('#')[0].replace(/index\.html$/, '');
}
