// Tests the search index without a browser: tokenisation, results, and index files that are missing or
// newer than the rest.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import vm from 'node:vm';

import { sites } from './sites.mjs';

const folder = join(import.meta.dirname, '..', 'crates', 'site', 'src', 'search');
const reader = readFileSync(join(folder, 'reader.js'), 'utf8');
const shared = JSON.parse(readFileSync(join(folder, 'words.json'), 'utf8'));

/** Simulates a page that runs the reader. `files(name)` returns the contents of an index file. */
function page(files) {
  const context = vm.createContext({});
  const asked = [];
  const load = async (name) => {
    asked.push(name);
    vm.runInContext(files(name), context);
    context.ventiSearch.load = load;
  };
  return {
    asked,
    start: () => load('index.js'),
    search: (query, limit = 8) => context.ventiSearch.search(query, limit),
    words: (text) => [...context.ventiSearch.words(text)],
    query: (text) => [...context.ventiSearch.words(text, true)],
    marked: (text, words) => [...context.ventiSearch.marked(text, words)].map((piece) => [...piece]),
  };
}

/** Opens the index of a site. */
async function opened(site) {
  const here = page((name) => site.read(`search/${name.split('?')[0]}`));
  await here.start();
  return here;
}

const only = () => page(() => reader);

/** Returns a sample of about forty texts, spread evenly over the site. */
function sample(site) {
  const step = Math.ceil(site.pieces.length / 40);
  return site.pieces.filter((_, at) => at % step === 0);
}

test('texts are split into words as in the index', async () => {
  const here = only();
  await here.start();
  for (const [text, words] of shared) assert.deepEqual(here.words(text), words, text);
});

test('whole matches are marked, and the typed part of an unfinished word', async () => {
  const here = only();
  await here.start();
  const marks = (text, words) =>
    here.marked(text, words).filter(([, marked]) => marked).map(([piece]) => piece);
  assert.deepEqual(marks('Café, cafés; cafeteria', [{ word: 'cafe', open: false }]), ['Café', 'cafés']);
  assert.deepEqual(marks('Roads, a roadmap', [{ word: 'road', open: true }]), ['Road', 'road']);
  const thai = here.query('ชุม').map((word) => ({ word, open: false }));
  assert.deepEqual(marks('การประชุมครั้ง', thai), ['ชุม']);
  assert.deepEqual(marks('水と未来の水', [{ word: '水', open: false }]), ['水', '水']);
  assert.deepEqual(marks('水と未来の水', [{ word: '未来', open: true }]), ['未来']);
  const text = 'a <b> c’s';
  assert.equal(here.marked(text, [{ word: 'b', open: false }]).map(([piece]) => piece).join(''), text);
});

for (const site of sites) {
  test(`${site.name}: texts are found by title, author and tags`, async () => {
    const here = await opened(site);
    for (const { title, author, tags, path: address } of sample(site)) {
      for (const query of [title, ...author ? [author] : [], ...tags]) {
        const { docs, complete } = await here.search(`${query} `, 0);
        assert.ok(complete && docs.length, `no results for ${query}`);
        const { shown } = await here.search(`${query} `, docs.length);
        assert.ok(shown.some(([found]) => found === address), `${query} does not find ${address}`);
      }
    }
  });

  test(`${site.name}: an exact title is among the first three results`, async () => {
    const here = await opened(site);
    for (const { title } of sample(site).filter(({ title }) => here.words(title).length > 3)) {
      const { shown } = await here.search(`${title} `);
      const titles = shown.slice(0, 3).map(([, found]) => found);
      assert.ok(titles.includes(title), `${title} is not among ${titles.join(', ')}`);
    }
  });

  test(`${site.name}: prefixes and typos are matched`, async () => {
    const here = await opened(site);
    const long = sample(site).flatMap(({ title }) => here.words(title)).filter((word) => word.length > 6);
    for (const word of long.slice(0, 20)) {
      assert.ok((await here.search(word.slice(0, -2))).docs.length, word);
      const slip = `${word.slice(0, -3)}${word.at(-2)}${word.at(-3)}${word.at(-1)}`;
      assert.ok((await here.search(`${slip} `)).docs.length, slip);
    }
  });

  test(`${site.name}: partial matches are returned and marked as such`, async () => {
    const here = await opened(site);
    const [{ title }] = sample(site);
    const { docs, complete } = await here.search(`${title} qqqqqqqqqq`);
    assert.ok(docs.length && !complete);
    const nothing = await here.search('qqqqqqqqqq');
    assert.equal(nothing.docs.length, 0);
  });
}

// The files of an index with one text, whose title is "A" and whose only word is "a".
const added = (name, edition, data) => `ventiSearch.add("${name}","${edition}",${JSON.stringify(data)});`;
const index = (edition) => reader + added('index', edition, { docs: 1, docs_per_file: 32, terms: ['a'] });
const part = (name, edition) => added(name, edition, name === 'docs-0' ? [['a/', 'A', '', []]] : '!a , ');

test('a missing file is an error and is requested again later', async () => {
  let down = true;
  const here = page((name) => {
    if (name === 'index.js') return index('one');
    if (down) throw new Error(name);
    return part(name.split('.')[0], 'one');
  });
  await here.start();
  await assert.rejects(here.search('a'));
  down = false;
  assert.equal((await here.search('a')).shown[0][1], 'A');
  assert.deepEqual(here.asked, ['index.js', 'terms-0.js?one', 'terms-0.js?one', 'docs-0.js?one']);
});

test('an index that has changed is reloaded once', async () => {
  const here = page((name) => {
    if (name === 'index.js') return index('old');
    if (name === 'index.js?new') return index('new');
    return part(name.split('.')[0], 'new');
  });
  await here.start();
  assert.equal((await here.search('a')).docs.length, 1);
  const never = page((name) => name.startsWith('index') ? index('old') : part(name.split('.')[0], 'new'));
  await never.start();
  await assert.rejects(never.search('a'), /the site has changed/);
});
