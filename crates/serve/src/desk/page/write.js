// The view for writing: a quote becomes candidates, which arrive word by word.

import { Candidate, twice } from './candidate.js';
import { copy, part, tell } from './element.js';
import { accept, acceptChanges, refuse } from './fields.js';
import { keep, keptBefore } from './keep.js';
import { Panel } from './panel.js';
import { post } from './server.js';
import { Session } from './session.js';
import { Settings } from './settings.js';
import { say } from './status.js';

const form = document.getElementById('ask');
const go = document.getElementById('go');
const failed = document.getElementById('ask-error');
const written = document.getElementById('written');
const runs = document.getElementById('runs');
const settings = new Settings(form);
const candidates = new Map();

const panel = new Panel((text, from, choose) => {
  const { draft } = [...candidates.values()].find((candidate) => candidate.text === text);
  return step('rewrite', draft, { from, choose, generation: settings.differing() });
});

const session = new Session({
  receive,
  lost: (is) => {
    document.getElementById('lost').hidden = !is;
  },
});

export function openWriting(site) {
  settings.open(site);
  session.resume();
}

async function step(name, draft, more = {}) {
  await session.ready();
  return post(name, { session: session.id, draft: draft.id, ...more });
}

const acts = {
  stop: ({ draft }) => step('stop', draft),
  continue: ({ draft }) => step('continue', draft, { generation: settings.differing() }),
  keep: (candidate) => keep(candidate, session.id),
  async discard(candidate) {
    if (candidate.draft.state !== 'lost') await step('discard', candidate.draft);
    remove(candidate);
  },
};

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (go.getAttribute('aria-disabled') === 'true') return;
  accept(form, failed);
  go.setAttribute('aria-disabled', 'true');
  try {
    // A request made before the site's settings are known waits for them.
    await settings.opened;
    const request = settings.request();
    await session.ready();
    const { drafts } = await post('write', { session: session.id, ...request });
    say(drafts.length === 1 ? 'Writing one candidate' : `Writing ${drafts.length} candidates`);
    written.hidden = false;
    if (written.getBoundingClientRect().top > innerHeight - 120) written.scrollIntoView();
  } catch (refusal) {
    if (!refusal.text) throw refusal;
    refuse(form, refusal, failed);
  } finally {
    go.removeAttribute('aria-disabled');
  }
});
acceptChanges(form);
form.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit();
});

// New tokens are drawn once per frame.
let frame = 0;
function draw() {
  frame = 0;
  for (const candidate of candidates.values()) candidate.flush();
  panel.settle();
}

function receive(message) {
  const candidate = candidates.get(message.draft);
  const act = {
    all: () => all(message.drafts),
    draft: () => place(message.draft),
    tokens: () => {
      if (candidate && !candidate.add(message.from, message.tokens)) session.again();
      frame ||= requestAnimationFrame(draw);
    },
    state: () => candidate?.become(message),
    gone: () => candidate && remove(candidate),
  }[message.type];
  act?.();
}

function all(drafts) {
  const there = new Set(drafts.map(({ id }) => id));
  for (const [id, candidate] of [...candidates]) {
    if (there.has(id) || candidate.draft.state === 'lost') continue;
    candidate.lose();
    // A restarted server assigns the same ids again.
    candidates.delete(id);
    candidates.set(Symbol(id), candidate);
  }
  drafts.forEach(place);
}

function place(draft) {
  const there = candidates.get(draft.id);
  if (there) {
    there.update(draft);
  } else {
    const candidate = new Candidate(draft, panel, acts);
    candidates.set(draft.id, candidate);
    const list = runOf(draft).querySelector('.candidates');
    const next = [...list.children].find((other) => Number(other.dataset.number) > draft.number) ?? null;
    candidate.element.dataset.number = draft.number;
    list.insertBefore(candidate.element, next);
    list.dataset.count = list.children.length;
    const kept = keptBefore(draft);
    if (kept) candidate.kept(kept);
  }
  panel.settle();
  written.hidden = false;
}

// Returns the run of a draft. Drafts that were requested together form a run and are shown together, the
// newest run on top.
function runOf(draft) {
  const first = BigInt(draft.rng_seed) - BigInt(draft.number);
  const key = JSON.stringify([draft.quote, draft.title, draft.model, String(first)]);
  const there = [...runs.children].find((run) => run.dataset.key === key);
  if (there) return there;
  const run = copy('run');
  run.dataset.key = key;
  const title = run.querySelector('.run-title');
  title.textContent = draft.title;
  run.querySelector('.run-quote').textContent = `${draft.quote.trim().replaceAll(/\s+/g, ' ')} (${draft.model})`;
  const discard = part(run, 'discard');
  discard.setAttribute('aria-describedby', (title.id = `run-${draft.id}`));
  twice(discard, 'Discard them for good?');
  discard.addEventListener('click', () => discardAll(run));
  runs.prepend(run);
  return run;
}

async function discardAll(run) {
  const there = [...candidates.values()].filter(({ element }) => run.contains(element));
  try {
    for (const candidate of there) await acts.discard(candidate);
  } catch (refusal) {
    if (!refusal.text) throw refusal;
    tell(failed, refusal.text);
  }
}

function remove(candidate) {
  const [key] = [...candidates].find(([, other]) => other === candidate) ?? [];
  if (!candidates.delete(key)) return;
  const held = candidate.element.contains(document.activeElement);
  const run = candidate.element.closest('.run');
  const beside = candidate.element.nextElementSibling ?? candidate.element.previousElementSibling;
  panel.hide();
  const list = candidate.element.parentElement;
  candidate.element.remove();
  list.dataset.count = list.children.length;
  if (!list.children.length) run.remove();
  written.hidden = runs.children.length === 0;
  say(`${candidate.name} was discarded`);
  if (held || document.activeElement === document.body) (beside?.querySelector('button:not([hidden], :disabled)') ?? form.elements.quote).focus({ preventScroll: true });
}

// The shades can be turned off for easier reading.
const shades = document.getElementById('shades');
const SHADES = 'venti-desk-shades';
shades.checked = localStorage.getItem(SHADES) !== 'off';
function shade() {
  written.toggleAttribute('data-shades', shades.checked);
  localStorage.setItem(SHADES, shades.checked ? 'on' : 'off');
}
shades.addEventListener('change', shade);
shade();
