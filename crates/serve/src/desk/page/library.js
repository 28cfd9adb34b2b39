// The list of seeds and essays in the content folders.

import { element, tell } from './element.js';
import { get } from './server.js';
import { unsaved } from './unsaved.js';

const view = document.getElementById('view-library');
const list = document.getElementById('seeds');
const orphans = document.getElementById('orphans');
const filter = document.getElementById('filter');
const count = document.getElementById('library-count');
const problem = document.getElementById('library-problem');
let library = { seeds: [], orphans: [] };

filter.addEventListener('input', draw);
// Reload the list, because files may have been edited elsewhere in the meantime.
addEventListener('focus', () => {
  if (!view.hidden) openLibrary();
});

export async function openLibrary() {
  try {
    library = await get('library');
    said(library.problem);
  } catch (refusal) {
    if (!refusal.text) throw refusal;
    said(refusal.text);
  }
  draw();
}

function said(text) {
  problem.querySelector('pre').textContent = text ?? '';
  problem.hidden = !text;
}

function draw() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = library.seeds.filter((seed) => {
    const text = [seed.title, seed.quote, seed.slug, seed.file].join('\n').toLowerCase();
    return words.every((word) => text.includes(word));
  });
  list.replaceChildren(...found.map(seedRow));
  const all = library.seeds.length;
  const seeds = all === 1 ? '1 seed' : `${all} seeds`;
  count.textContent = words.length ? `${found.length} of ${seeds}` : all ? seeds : 'No seeds yet. Write a text and keep it.';
  orphans.hidden = library.orphans.length === 0;
  orphans.querySelector('ul').replaceChildren(
    ...library.orphans.map((essay) => element('li', { className: 'seed' }, element('ul', { className: 'essays' }, essayRow(essay.slug, essay, `${essay.slug}, take ${essay.take}`)))),
  );
}

function seedRow({ file, slug, title, quote, draft, essays, missing }) {
  const name = element('a', { href: `#seed=${encodeURIComponent(file)}`, textContent: title ?? file, dir: 'auto' });
  const heading = element('h2', { className: 'seed-title' }, name);
  if (draft) heading.append(' ', chip('draft'));
  if (unsaved(`seed=${file}`)) heading.append(' ', chip('unsaved'));
  const row = element('li', { className: 'seed' }, heading);
  if (quote) row.append(element('p', { className: 'seed-quote', textContent: quote, dir: 'auto' }));
  row.append(element('p', { className: 'seed-file', textContent: file }));
  const takes = (essays?.length ?? 0) + (missing?.length ?? 0);
  const rows = [
    ...(essays ?? []).map((essay) => essayRow(slug, essay, takes > 1 ? `Essay, take ${essay.take}` : 'Essay')),
    ...(missing ?? []).map((take) => element('li', { className: 'essay-row' }, element('span', { textContent: takes > 1 ? `Take ${take} ` : 'Essay ' }), chip('not written yet'))),
  ];
  if (rows.length) row.append(element('ul', { className: 'essays' }, ...rows));
  return row;
}

function essayRow(slug, { take, words, edited, steered, reviewed, flagged }, name) {
  const link = element('a', { href: `#essay=${slug}/${take}`, textContent: name });
  link.setAttribute('aria-label', `${name} of ${slug}`);
  const row = element('li', { className: 'essay-row' }, link, ' ', element('span', { textContent: `${words} words` }));
  const states = [
    [unsaved(`essay=${slug}/${take}`), 'unsaved'],
    [edited, 'edited'],
    [steered, 'steered'],
    [reviewed, 'reviewed'],
    [flagged, `flagged: ${flagged}`],
  ];
  for (const [is, label] of states) if (is) row.append(' ', chip(label));
  return row;
}

function chip(text) {
  return element('span', { className: 'chip', textContent: text });
}
