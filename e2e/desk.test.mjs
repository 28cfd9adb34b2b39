// Tests the desk in use: type a quote, watch candidates arrive, inspect and change words, keep a
// candidate, and edit the kept essay.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { everyLook } from './axe.mjs';
import { launch, reader } from './browser.mjs';
import { Preview, venti } from './preview.mjs';

const SLOWLY = ['--threads', '1', '--dtype', 'f32'];

let browser;
let site;
before(async () => {
  browser = await launch();
  // The model writes slowly enough that a test can interrupt it.
  site = await Preview.start(...SLOWLY);
});
after(async () => {
  await browser.close();
  await site.end();
});

const QUOTE = 'A pipeline is a promise that nobody signed.';

/** Runs `visit(page)` at the desk, in a new tab. */
function desk(name, options, visit) {
  test(name, { timeout: 180_000 }, () => {
    const { hash = '', ...rest } = options;
    // Leaving a page aborts its event stream.
    return reader(browser, site, { expected: /ERR_INCOMPLETE_CHUNKED/, ...rest }, async (page, more) => {
      page.setDefaultTimeout(30_000);
      await page.goto(`${site.base}_venti/${hash}`);
      await visit(page, more);
    });
  });
}

/** Requests candidates and, unless `wait` is false, waits until they are finished. */
async function write(page, { quote = QUOTE, title = '', candidates = 1, words = 40, seed = '', wait = true } = {}) {
  await page.getByLabel('Quote').fill(quote);
  await page.getByLabel('Title (optional)').fill(title);
  await page.getByLabel('Candidates', { exact: true }).fill(String(candidates));
  await page.getByLabel('Maximum words').fill(String(words));
  if (seed) {
    await page.locator('#settings').evaluate((details) => (details.open = true));
    await page.getByLabel('Random seed').fill(seed);
  }
  await page.getByLabel('Quote').press('Control+Enter');
  await page.locator('.candidate').nth(candidates - 1).waitFor();
  if (wait) await page.locator('.candidate[data-state=done]').nth(candidates - 1).waitFor();
}

const candidate = (page, at = 0) => page.locator('.candidate').nth(at);
const words = (place) => place.locator('.text .word');
const wordsOf = (place) => words(place).allTextContents();
const button = (place, name) => place.getByRole('button', { name, exact: true });
const state = (page, name) => page.locator(`.candidate[data-state=${name}]`);
const panel = (page) => page.locator('.panel');
/** Returns the index of the focused word among all words of the candidates. */
const focusedAt = (page) => page.evaluate(() => [...document.querySelectorAll('.candidate .word')].indexOf(document.activeElement));
const body = (path) => readFileSync(path, 'utf8').split(/^---$/m).slice(2).join('---');

/** Waits until the page at `path` contains `text`. */
async function published(path, text) {
  for (let waited = 0; waited < 30_000; waited += 100) {
    const response = await fetch(new URL(path, site.base));
    if (response.ok && (await response.text()).includes(text)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`no “${text}” at ${path}:\n${site.said}`);
}

desk('candidates are side by side and arrive word by word', {}, async (page) => {
  assert.equal(await page.evaluate(() => document.activeElement.id), 'quote');
  await page.evaluate(() => {
    window.lengths = new Set();
    new MutationObserver(() => {
      const text = document.querySelector('.candidate .text');
      if (text) window.lengths.add(text.textContent.length);
    }).observe(document.getElementById('runs'), { childList: true, subtree: true, characterData: true });
  });
  await write(page, { candidates: 3, words: 60 });
  const lengths = await page.evaluate(() => [...window.lengths]);
  assert.ok(lengths.length >= 3, `it arrived in ${lengths.length} pieces`);
  assert.ok(lengths.every((length, at) => at === 0 || length > lengths[at - 1]), 'the text only grows');
  const seeds = await page.locator('.candidate [data-part=seed]').allTextContents();
  const numbers = seeds.map((seed) => BigInt(seed.replace('seed ', '')));
  assert.deepEqual(numbers, [numbers[0], numbers[0] + 1n, numbers[0] + 2n]);
  const texts = await Promise.all([0, 1, 2].map((at) => wordsOf(candidate(page, at)).then((list) => list.join(' '))));
  assert.equal(new Set(texts).size, 3, 'all texts differ');
  await page.locator('#status').getByText(/Candidate \d is finished: \d+ words?/).waitFor();
  // Show the text as it would be published.
  await button(candidate(page), 'Essay').click();
  assert.ok(await candidate(page).locator('.essay p').count());
});

desk('errors are shown next to their field, and input is kept', { expected: /status: 422|INCOMPLETE/ }, async (page) => {
  await page.getByLabel('Quote').press('Control+Enter');
  await page.locator('#quote-error').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'quote');
  await page.locator('#settings').evaluate((details) => (details.open = true));
  await page.getByLabel('Temperature').fill('-1');
  await page.getByLabel('Quote').fill(QUOTE);
  await page.locator('#quote-error').waitFor({ state: 'hidden' });
  await page.getByLabel('Quote').press('Control+Enter');
  await page.locator('#temperature-error').waitFor();
  await page.getByLabel('Temperature').fill('1');
  await page.getByLabel('Random seed').fill('seven');
  await page.getByLabel('Quote').press('Control+Enter');
  await page.locator('#rng_seed-error').waitFor();
  assert.equal(await page.getByLabel('Quote').inputValue(), QUOTE);
  assert.equal(await page.locator('.candidate').count(), 0);
});

desk('the mouse shows the probability of a word and its alternatives', {}, async (page) => {
  await write(page);
  const word = words(candidate(page)).nth(3);
  await word.hover();
  await panel(page).waitFor();
  assert.match(await panel(page).locator('.panel-sure').textContent(), /^(under |over )?[\d.]+% sure$/);
  assert.ok((await panel(page).locator('button.choice').count()) >= 2);
  // The panel stays while the pointer is in it, and closes when the pointer leaves.
  await panel(page).locator('.panel-word').hover();
  await page.waitForTimeout(500);
  assert.ok(await panel(page).isVisible());
  await page.mouse.move(5, 5);
  await panel(page).waitFor({ state: 'hidden' });
  // A click keeps the panel open.
  await word.click();
  await page.mouse.move(5, 5);
  await page.waitForTimeout(500);
  assert.ok(await panel(page).isVisible());
  await page.keyboard.press('Escape');
  await panel(page).waitFor({ state: 'hidden' });
});

desk('everything works with the keyboard only', {}, async (page) => {
  await write(page);
  const list = await wordsOf(candidate(page));
  // Press Tab until the focus moves from the field to the first word.
  for (let presses = 0; !(await page.evaluate(() => document.activeElement.matches('.word'))); presses++) {
    assert.ok(presses < 40, 'Tab reaches the text');
    await page.keyboard.press('Tab');
  }
  assert.equal(await focusedAt(page), 0);
  assert.ok(await panel(page).isVisible(), 'focus shows the panel');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focusedAt(page), 2);
  await page.keyboard.press('ArrowDown');
  assert.ok(await focusedAt(page) > 2);
  await page.keyboard.press('ArrowUp');
  assert.equal(await focusedAt(page), 2);
  await page.keyboard.press('End');
  assert.equal(await focusedAt(page), list.length - 1);
  await page.keyboard.press('Home');
  for (let at = 0; at < 5; at++) await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  assert.ok(await panel(page).evaluate((panel) => panel.contains(document.activeElement)));
  await page.keyboard.press('Escape');
  assert.equal(await focusedAt(page), 5);
  assert.ok(await panel(page).isHidden());
  await page.keyboard.press('r');
  await state(page, 'done').getByText(/steered/).waitFor();
  const after = await wordsOf(candidate(page));
  assert.deepEqual(after.slice(0, 4), list.slice(0, 4));
  // The model may have added punctuation to the last kept word.
  assert.ok(after[4].startsWith(list[4]));
  assert.equal(await focusedAt(page), 4, 'the focus stays in the text');
});

desk('a candidate can be stopped and continued', {}, async (page) => {
  // Request so many candidates that at least one is still unfinished when the test stops it.
  for (const seed of ['3', '4']) await write(page, { candidates: 8, words: 800, seed, wait: false });
  // The first candidate may be finished by then, and the next one still waiting.
  const stop = page.getByRole('button', { name: 'Stop', exact: true });
  const begun = page.locator('.candidate').filter({ has: page.locator('.word ~ .word ~ .word ~ .word') });
  await begun.filter({ has: stop }).first().getByRole('button', { name: 'Stop', exact: true }).press('Enter');
  await state(page, 'stopped').waitFor();
  const id = await state(page, 'stopped').locator('h3').getAttribute('id');
  const one = page.locator(`.candidate[aria-labelledby=${id}]`);
  assert.ok(await page.evaluate(() => document.activeElement.matches('.candidate button')), 'the focus stays on a button');
  const before = await wordsOf(one);
  await button(one, 'Continue').click();
  await words(one).nth(before.length + 1).waitFor();
  // The model may have added letters to the last word.
  const after = await wordsOf(one);
  assert.deepEqual(after.slice(0, before.length - 1), before.slice(0, -1));
  assert.ok(after[before.length - 1].startsWith(before.at(-1)));
});

desk('choosing another word rewrites the text from there', {}, async (page) => {
  await write(page);
  const list = await wordsOf(candidate(page));
  // Look for a word of one token, so that its alternatives are words too.
  for (let at = 4; ; at++) {
    assert.ok(at < list.length, 'some word has a whole word as an alternative');
    await words(candidate(page)).nth(at).click();
    const choices = panel(page).locator('button.choice');
    const names = await choices.locator('.choice-name').allTextContents();
    const other = names.findIndex((name) => /^[a-z]{3,}$/.test(name) && name !== list[at]);
    if (other < 0 || (await panel(page).locator('.panel-tokens').isVisible())) continue;
    await choices.nth(other).click();
    await page.locator('.word[data-chosen]').waitFor();
    await state(page, 'done').getByText(/steered/).waitFor();
    const now = await wordsOf(candidate(page));
    assert.deepEqual(now.slice(0, at), list.slice(0, at));
    assert.ok(now[at].startsWith(names[other]), `${now[at]} for ${names[other]}`);
    break;
  }
});

desk('an untouched candidate is kept exactly as venti generate writes it', {}, async (page) => {
  await write(page, { title: 'Untouched at the Desk', candidates: 2, words: 60, seed: '4711' });
  await button(candidate(page, 1), 'Keep').click();
  const dialog = page.locator('dialog');
  await dialog.getByText(/Unedited model output/).waitFor();
  await dialog.getByLabel('Author of the quote').fill('Ada Runway');
  await dialog.getByLabel('Tags').fill('desks, promises');
  await button(dialog, 'Keep').click();
  await dialog.getByText('content/seeds/untouched-at-the-desk.md').waitFor();
  assert.match(await dialog.locator('.command').textContent(), /^venti generate /);
  await page.keyboard.press('Escape');
  await candidate(page, 1).getByText('Kept as “Untouched at the Desk”').waitFor();
  const essay = 'content/essays/untouched-at-the-desk.md';
  assert.ok(existsSync(site.path(essay)));
  assert.match(readFileSync(site.path('content/seeds/untouched-at-the-desk.md'), 'utf8'), /author: Ada Runway/);
  await published('untouched-at-the-desk/', 'Untouched at the Desk');
  const copy = mkdtempSync(join(tmpdir(), 'venti-desk-'));
  try {
    for (const name of ['content', 'venti.yaml', 'venti.lock']) cpSync(site.path(name), join(copy, name), { recursive: true });
    unlinkSync(join(copy, essay));
    const { status, stderr } = spawnSync(venti, ['generate', 'untouched-at-the-desk', '--root', copy, ...SLOWLY], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(body(join(copy, essay)), body(site.path(essay)));
  } finally {
    rmSync(copy, { recursive: true });
  }
});

desk('a steered candidate is kept with its steps and counts as edited', { expected: /status: 4(09|22)|INCOMPLETE/ }, async (page) => {
  await write(page, { title: 'Steered at the Desk', words: 60 });
  await words(candidate(page)).nth(6).click();
  await button(panel(page), 'Rewrite from here').click();
  await state(page, 'done').getByText(/steered/).waitFor();
  await button(candidate(page), 'Keep').click();
  const dialog = page.locator('dialog');
  await dialog.getByText(/You steered this text/).waitFor();
  assert.equal(await dialog.locator('.steps li').count(), 2);
  // An address in use is an error, and the other fields keep their values.
  await dialog.getByLabel('Author of the quote').fill('Ada Runway');
  await dialog.getByLabel('Address on the site').fill(site.slug);
  await button(dialog, 'Keep').click();
  await dialog.locator('.error:not([hidden])').waitFor();
  assert.equal(await dialog.getByLabel('Author of the quote').inputValue(), 'Ada Runway');
  await dialog.getByLabel('Address on the site').fill('steered-at-the-desk');
  await button(dialog, 'Keep').click();
  await dialog.getByText('content/essays/steered-at-the-desk.md').waitFor();
  assert.ok(await dialog.locator('.command').isHidden());
  assert.match(readFileSync(site.path('content/essays/steered-at-the-desk.md'), 'utf8'), /^steps:/m);
  await published('steered-at-the-desk/', 'Steered at the Desk');
  await dialog.getByRole('link', { name: 'Edit the essay' }).click();
  await page.getByText(/^This essay counts as edited/).waitFor();
  await page.goto(`${site.base}_venti/#library`);
  const row = page.locator('.seed', { hasText: 'steered-at-the-desk.md' });
  await row.getByText('steered', { exact: true }).waitFor();
});

desk('a seed with a mistake is not saved, and the mistake is shown', { hash: '#library', expected: /status: 422|INCOMPLETE/ }, async (page) => {
  const path = site.path(`content/seeds/${site.slug}.md`);
  const good = readFileSync(path, 'utf8');
  await page.getByLabel('Filter').fill(site.slug);
  await page.locator('.seed-title a').first().click();
  const field = page.getByLabel('File contents');
  await field.fill(good.replace('quote:', 'qoute:'));
  await field.press('Control+s');
  const problem = page.locator('[data-part=refused-text]');
  await problem.waitFor();
  const [, line] = new RegExp(`${site.slug}\\.md:(\\d+):\\d+`).exec(await problem.textContent());
  const caret = await field.evaluate((field) => field.value.slice(0, field.selectionStart).split('\n').length);
  assert.equal(caret, Number(line), 'the caret is at the mistake');
  assert.equal(readFileSync(path, 'utf8'), good, 'nothing was written');
  // The unsaved text survives opening another view.
  await page.getByRole('link', { name: 'Write', exact: true }).click();
  await page.goBack();
  assert.match(await page.getByLabel('File contents').inputValue(), /qoute:/);
  await page.getByLabel('File contents').fill(good.replace(/\n*$/, '\n\n'));
  await page.getByLabel('File contents').press('Control+s');
  await page.getByText('Saved', { exact: true }).first().waitFor();
  assert.ok(await page.locator('[data-part=refused]').isHidden());
  assert.notEqual(readFileSync(path, 'utf8'), good);
});

desk('a file that was changed elsewhere is not overwritten unseen', { expected: /status: 409|INCOMPLETE/ }, async (page) => {
  const path = site.path(`content/seeds/${site.slug}.md`);
  const good = readFileSync(path, 'utf8');
  await page.goto(`${site.base}_venti/#seed=${site.slug}.md`);
  const field = page.getByLabel('File contents');
  const mine = `${good.trimEnd()}\n`;
  const theirs = `${good.trimEnd()}\n\n\n\n`;
  await field.fill(`${mine}\n\n`);
  site.write(`content/seeds/${site.slug}.md`, theirs);
  await field.press('Control+s');
  await page.getByText('the file has changed since you opened it').waitFor();
  assert.equal(readFileSync(path, 'utf8'), theirs);
  await button(page, 'Load the current version').click();
  await page.waitForFunction((text) => document.querySelector('#seed-text').value === text, theirs);
  await field.fill(mine);
  site.write(`content/seeds/${site.slug}.md`, `${good.trimEnd()}\n\n\n\n\n`);
  await field.press('Control+s');
  await button(page, 'Overwrite with mine').click();
  await page.getByText('Saved', { exact: true }).first().waitFor();
  assert.equal(readFileSync(path, 'utf8'), mine);
});

desk('an edited essay is marked, here and on the site', {}, async (page) => {
  await page.goto(`${site.base}_venti/#essay=${site.slug}/1`);
  await page.getByText('as the model wrote it').waitFor();
  const field = page.getByLabel('Text (Markdown)');
  await field.fill(`${await field.inputValue()}\nThis was *added* at the desk.\n`);
  await page.getByLabel('Reviewed').check();
  await field.press('Control+s');
  await page.getByText(/^This essay counts as edited/).waitFor();
  assert.match(readFileSync(site.path(`content/essays/${site.slug}.md`), 'utf8'), /reviewed: true[^]*added\* at the desk/);
  await published(`${site.slug}/`, '<em>added</em> at the desk');
});

desk('a reloaded tab shows its drafts again', {}, async (page) => {
  await write(page, { candidates: 2 });
  await page.getByLabel('Title (optional)').fill('Half a title');
  const texts = [await wordsOf(candidate(page)), await wordsOf(candidate(page, 1))];
  await page.reload();
  await state(page, 'done').nth(1).waitFor();
  assert.deepEqual([await wordsOf(candidate(page)), await wordsOf(candidate(page, 1))], texts);
  assert.equal(await page.getByLabel('Quote').inputValue(), QUOTE);
  assert.equal(await page.getByLabel('Title (optional)').inputValue(), 'Half a title');
  // Discarded drafts do not return.
  await button(candidate(page), 'Discard').click();
  await button(candidate(page), 'Discard for good?').click();
  await page.waitForFunction(() => document.querySelectorAll('.candidate').length === 1);
  await page.reload();
  await state(page, 'done').waitFor();
  assert.equal(await page.locator('.candidate').count(), 1);
});

desk('a closed tab stops its generation', {}, async (page, { context }) => {
  // Request more text than the server can write while it waits for the tab to be reloaded.
  for (const seed of ['1', '2']) await write(page, { candidates: 8, words: 800, seed, wait: false });
  await words(candidate(page)).nth(2).waitFor();
  const session = await page.evaluate(() => sessionStorage.getItem('venti-desk-session'));
  await context.newPage();
  await page.close();
  await new Promise((done) => setTimeout(done, 5000));
  const listening = await fetch(`${site.base}_venti/desk/events?session=${session}`);
  let heard = '';
  for await (const bytes of listening.body) {
    heard += Buffer.from(bytes).toString();
    if (heard.includes('\n\n')) break;
  }
  const all = JSON.parse(/data: ?(.*)/.exec(heard)[1]);
  assert.equal(all.type, 'all');
  assert.equal(all.drafts.length, 16);
  const states = all.drafts.map(({ state }) => state);
  assert.ok(states.includes('stopped') && !states.includes('writing') && !states.includes('waiting'), states.join(', '));
});

desk('a problem in the configuration is shown at the top', {}, async (page) => {
  const good = readFileSync(site.path('venti.yaml'), 'utf8');
  site.write('venti.yaml', `${good}\ntitel: no\n`);
  await site.says(/titel/);
  await page.reload();
  await page.locator('#problem pre', { hasText: /venti\.yaml:\d+:1/ }).waitFor();
  site.write('venti.yaml', good);
  for (let tries = 0; await page.locator('#problem').isVisible(); tries++) {
    assert.ok(tries < 50);
    await page.waitForTimeout(200);
    await page.reload();
    await page.locator('#view-write').waitFor();
  }
});

const LOOKS = {
  'an empty desk': { hash: '' },
  'candidates and the panel of a word': {
    async to(page) {
      await write(page, { candidates: 2 });
      await words(candidate(page)).nth(3).click();
      await panel(page).waitFor();
      for (const details of await page.locator('details').all()) await details.evaluate((it) => (it.open = true));
    },
  },
  'the dialog for keeping': {
    async to(page) {
      await write(page);
      await button(candidate(page), 'Essay').click();
      await button(candidate(page), 'Keep').click();
      await page.locator('dialog').waitFor();
    },
  },
  'seeds and essays': { hash: '#library', to: (page) => page.locator('.seed').first().waitFor() },
  'a seed with a mistake': {
    expected: /status: 422|INCOMPLETE/,
    async to(page) {
      await page.goto(`${site.base}_venti/#seed=${site.slug}.md`);
      const field = page.getByLabel('File contents');
      await field.fill((await field.inputValue()).replace('quote:', 'qoute:'));
      await field.press('Control+s');
      await page.locator('[data-part=refused]').waitFor();
    },
  },
  'an essay': {
    async to(page) {
      await page.goto(`${site.base}_venti/#essay=${site.slug}/1`);
      await page.getByLabel('Text (Markdown)').waitFor();
    },
  },
};
for (const [name, { to, ...options }] of Object.entries(LOOKS)) {
  // Reduce motion, so that nothing is checked while it is still fading in.
  desk(`accessible on any screen: ${name}`, { motion: 'reduce', ...options }, async (page) => {
    await to?.(page);
    assert.deepEqual(await everyLook(page), []);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'the page fits a phone');
  });
}
