// Keeps a draft as a seed and an essay in the content folders. The dialog first says how the draft will
// be kept, and afterwards where it was kept.

import { isChosen } from './candidate.js';
import { copy, element, part } from './element.js';
import { accept, acceptChanges, refuse } from './fields.js';
import { post } from './server.js';
import { say } from './status.js';

const MEMORY = 'venti-desk-kept';

export function keep(candidate, session) {
  const { draft } = candidate;
  const dialog = copy('keep');
  const form = part(dialog, 'form');
  const error = part(dialog, 'error');
  dialog.querySelector('h2').textContent = `Keep “${draft.title}”`;
  part(dialog, 'how').replaceChildren(...(draft.steered ? steered(draft) : untouched()));
  acceptChanges(form);
  part(dialog, 'cancel').addEventListener('click', () => dialog.close());
  part(dialog, 'close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    accept(form, error);
    try {
      const kept = await post('keep', { session, draft: draft.id, ...details(form) });
      remember(draft, kept);
      candidate.kept(kept);
      done(dialog, draft, kept, form.elements.unlisted.checked);
    } catch (refusal) {
      if (!refusal.text) throw refusal;
      refuse(form, refusal, error);
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

function details(form) {
  const { author, source, tags, slug, unlisted } = form.elements;
  return {
    author: author.value.trim(),
    source: source.value.trim(),
    tags: tags.value.split(',').map((tag) => tag.trim()).filter(Boolean),
    slug: slug.value.trim(),
    unlisted: unlisted.checked,
  };
}

function untouched() {
  return [
    element('p', {}, 'Unedited model output. It becomes a seed and an essay, word for word as ', element('code', { textContent: 'venti generate' }), ' writes it with these settings. The command is shown once the text is kept.'),
  ];
}

function steered({ steps }) {
  return [
    element('p', { textContent: 'You steered this text. It becomes a seed and an essay as it is now, counts as edited, and is stored with its steps:' }),
    element('ol', { className: 'steps' }, ...steps.map((step, at) => element('li', { textContent: describe(step, at) }))),
  ];
}

function describe(step, at) {
  const { kept, chosen, wrote, ended } = step;
  const wrotes = `${wrote === 1 ? '1 token' : `${wrote} tokens`} written`;
  const begun = [];
  if (at > 0) begun.push(`${kept} kept`);
  if (isChosen(step)) begun.push(`“${chosen.trim()}” chosen`);
  return [...begun, ended === 'cancelled' ? `${wrotes}, then stopped` : wrotes].join(', ');
}

function done(dialog, draft, kept, unlisted) {
  part(dialog, 'form').hidden = true;
  const place = part(dialog, 'done');
  place.hidden = false;
  const title = place.querySelector('h2');
  title.textContent = `Kept: “${draft.title}”`;
  title.id = 'keep-title';
  dialog.querySelector('form h2').removeAttribute('id');
  const lines = [kept.edited ? 'Kept as you steered it; it counts as edited.' : 'Unedited model output.'];
  if (unlisted) lines.push('It is a draft: only “venti serve --drafts” shows it.');
  part(dialog, 'result').textContent = lines.join(' ');
  const files = [['Seed', kept.seed], ['Essay', kept.essay]];
  dialog.querySelector('.files').replaceChildren(
    ...files.map(([name, path]) => element('div', {}, element('dt', { textContent: name }), element('dd', {}, element('code', { textContent: path })))),
  );
  part(dialog, 'again').hidden = !kept.command;
  dialog.querySelector('.command').textContent = kept.command ?? '';
  const site = part(dialog, 'site');
  site.href = kept.url;
  site.hidden = unlisted;
  const edit = part(dialog, 'edit');
  edit.href = `#essay=${kept.slug}/1`;
  edit.addEventListener('click', () => dialog.close());
  say(`Kept as ${kept.seed}`);
  title.focus();
}

// Remembers the kept drafts of this tab across reloads.
function remember(draft, { slug, url }) {
  const all = recall();
  all[draft.id] = { slug, url, ...place(draft) };
  sessionStorage.setItem(MEMORY, JSON.stringify(all));
}

/** Where this draft was kept, if it has not changed since. */
export function keptBefore(draft) {
  const kept = recall()[draft.id];
  const { rng_seed, steps } = place(draft);
  return kept?.rng_seed === rng_seed && kept.steps === steps ? kept : null;
}

// Identifies a draft together with its id: a restarted server assigns the same ids again.
function place({ rng_seed, steps }) {
  return { rng_seed, steps: steps.length };
}

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(MEMORY)) ?? {};
  } catch {
    return {};
  }
}
