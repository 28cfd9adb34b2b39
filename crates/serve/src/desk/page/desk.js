// The desk's frame, and the navigation between its views.

import { commandKey, openEssay, openSeed } from './editor.js';
import { setLanguage, tell } from './element.js';
import { openLibrary } from './library.js';
import { get } from './server.js';
import { openWriting } from './write.js';

const banner = document.getElementById('problem');
let site = null;

document.getElementById('go-key').textContent = `${commandKey()} Enter`;

async function openSite() {
  try {
    const answer = await get('site');
    showProblem(answer.problem);
    const link = document.getElementById('site');
    link.textContent = answer.title;
    link.href = answer.home;
    // Without a readable configuration there is no model to write with.
    if (!answer.models) return;
    setLanguage(answer.language);
    if (!site) openWriting(answer);
    site = answer;
  } catch (refusal) {
    if (!refusal.text) throw refusal;
    showProblem(refusal.text);
  }
}

function showProblem(text) {
  tell(banner.querySelector('pre'), text);
  banner.hidden = !text;
}

/** The views, by URL fragment. */
const VIEWS = [
  { route: /^seed=(.+)$/s, view: 'edit', tab: 'library', open: ([, file]) => openSeed(decodeURIComponent(file)) },
  { route: /^essay=(.+)\/(\d+)$/, view: 'edit', tab: 'library', open: ([, slug, take]) => openEssay(slug, Number(take)) },
  { route: /^library$/, view: 'library', tab: 'library', open: openLibrary },
  { route: /(?:)/, view: 'write', tab: 'write', open: () => {} },
];
const TITLES = { write: 'Desk', library: 'Seeds and essays, Desk' };

async function show(moved) {
  const hash = location.hash.slice(1);
  const { route, view, tab, open } = VIEWS.find(({ route }) => route.test(hash));
  for (const section of document.querySelectorAll('.view')) section.hidden = section.id !== `view-${view}` || view === 'edit';
  for (const link of document.querySelectorAll('.views a')) {
    if (link.hash === `#${tab}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  await open(route.exec(hash));
  if (hash !== location.hash.slice(1)) return;
  const section = document.getElementById(`view-${view}`);
  section.hidden = false;
  const title = section.querySelector('h1');
  document.title = TITLES[view] ?? `${title.textContent}, Desk`;
  if (moved) scrollTo({ top: 0, behavior: 'instant' });
  if (view === 'write') document.getElementById('quote').focus({ preventScroll: true });
  else if (moved) title.focus({ preventScroll: true });
}

addEventListener('hashchange', () => show(true));
// Problems in the configuration are fixed elsewhere, so check again when the window regains focus.
addEventListener('focus', openSite);
await Promise.all([openSite(), show(false)]);
