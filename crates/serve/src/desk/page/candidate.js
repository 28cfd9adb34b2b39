// One draft on the page: its text, its state, and its buttons.

import { copy, element, part, tell } from './element.js';
import { say } from './status.js';
import { Text } from './text.js';

const STATES = { waiting: 'Waiting', writing: 'Writing', stopped: 'Stopped', done: 'Finished', failed: 'Failed', lost: 'No longer on the server' };
const ENDINGS = { stop: 'at a stop string', length: 'at the length limit', context_full: 'at the model’s limit' };
const ACTIONS = ['stop', 'keep', 'continue', 'discard'];

export class Candidate {
  #pending = [];

  /** `acts` holds the callbacks `stop`, `keep`, `continue` and `discard`, each called with this candidate. */
  constructor(draft, panel, acts) {
    this.draft = draft;
    this.element = copy('candidate');
    const title = this.element.querySelector('h3');
    title.textContent = this.name;
    title.id = `candidate-${draft.id}`;
    this.element.setAttribute('aria-labelledby', title.id);
    part(this.element, 'seed').textContent = `seed ${draft.rng_seed}`;
    this.element.querySelector('.segments').setAttribute('aria-label', `Show ${this.name} as`);
    this.element.querySelector('.candidate-actions').setAttribute('aria-label', this.name);
    const words = part(this.element, 'words');
    words.setAttribute('aria-label', `Text of ${this.name.toLowerCase()}`);
    this.text = new Text(words, panel);
    for (const name of ACTIONS) part(this.element, name).addEventListener('click', () => this.#act(acts[name]));
    twice(part(this.element, 'discard'), 'Discard for good?');
    part(this.element, 'as-words').addEventListener('click', () => this.#showEssay(false));
    part(this.element, 'as-essay').addEventListener('click', () => this.#showEssay(true));
    this.update(draft);
  }

  get name() {
    return `Candidate ${this.draft.number}`;
  }

  get writing() {
    return ['waiting', 'writing'].includes(this.draft.state);
  }

  /** Replaces the whole draft, after a step or after a reconnect. */
  update(draft) {
    const stepped = this.draft.steps.length !== draft.steps.length;
    this.draft = draft;
    this.#pending = [];
    this.text.show(draft.lead, draft.tokens, chosenPlaces(draft));
    if (stepped) tell(part(this.element, 'kept'), null);
    this.#render();
  }

  /** Adds tokens that follow the first `from` tokens. Returns false if earlier tokens are missing. */
  add(from, tokens) {
    const there = this.text.length + this.#pending.length;
    if (from > there) return false;
    this.#pending.push(...tokens.slice(there - from));
    return true;
  }

  /** Draws the tokens that arrived since the last frame. */
  flush() {
    if (!this.#pending.length) return;
    this.text.add(this.#pending);
    this.#pending = [];
    this.#count();
  }

  /** Sets a new state, with the essay if there is one. */
  become({ state, ended, message, essay }) {
    this.flush();
    const before = this.draft.state;
    Object.assign(this.draft, { state, ended, message, essay });
    if (ended === 'cancelled') this.draft.steered = true;
    const step = this.draft.steps.at(-1);
    if (step) Object.assign(step, { wrote: this.text.length - step.kept - (isChosen(step) ? 1 : 0), ended });
    this.#render();
    if (state === before) return;
    const words = essay ? `: ${count(essay.words)}` : '';
    if (state === 'done') say(`${this.name} is finished${words}`);
    if (state === 'stopped') say(`${this.name} was stopped${words}`);
    if (state === 'failed') say(`${this.name} failed`);
  }

  /** Marks a draft that the server no longer has. Its text can still be read. */
  lose() {
    this.flush();
    this.draft.state = 'lost';
    this.#render();
  }

  /** Shows where the draft was kept. */
  kept({ slug, url }) {
    const place = part(this.element, 'kept');
    const title = this.draft.title;
    place.replaceChildren(
      `Kept as “${title}”: `,
      element('a', { href: url, textContent: 'view it on the site' }),
      ', ',
      element('a', { href: `#essay=${slug}/1`, textContent: 'edit it' }),
    );
    place.hidden = false;
  }

  #render() {
    const { state, ended, message, essay, steered } = this.draft;
    this.element.dataset.state = state;
    const ending = state === 'done' ? ENDINGS[ended] : null;
    const label = [STATES[state], ending].filter(Boolean).join(' ');
    part(this.element, 'state').textContent = steered && state !== 'lost' ? `${label}, steered` : label;
    this.#count();
    tell(part(this.element, 'error'), state === 'failed' ? message : null);
    this.#renderEssay(essay);
    const still = state === 'stopped' || state === 'done';
    this.#offer({
      stop: this.writing,
      keep: still && Boolean(essay?.text) && !essay.blocked,
      continue: still && ended !== 'context_full',
      discard: true,
    });
  }

  #count() {
    const { essay } = this.draft;
    const words = essay ? essay.words : this.text.wordCount;
    part(this.element, 'count').textContent = words || essay ? count(words) : '';
  }

  #renderEssay(essay) {
    const faults = part(this.element, 'faults');
    const lines = essay ? [...essay.faults] : [];
    if (essay?.blocked) lines.unshift(`Cannot be kept: matches the site’s blocklist (${essay.blocked})`);
    if (essay && !essay.text) lines.unshift('Cannot be kept: no text is left after cleaning');
    faults.replaceChildren(...lines.map((fault) => element('li', { textContent: fault })));
    faults.hidden = lines.length === 0;
    const place = part(this.element, 'essay');
    const paragraphs = essay?.text ? essay.text.split(/\n{2,}/) : [];
    place.replaceChildren(...[element('h4', { textContent: this.draft.title, dir: 'auto' }), ...paragraphs.map((text) => element('p', { textContent: text, dir: 'auto' }))]);
    part(this.element, 'as-essay').disabled = paragraphs.length === 0;
    if (paragraphs.length === 0) this.#showEssay(false);
  }

  #showEssay(essay) {
    part(this.element, 'essay').hidden = !essay;
    part(this.element, 'words').hidden = essay;
    part(this.element, 'as-essay').setAttribute('aria-pressed', essay);
    part(this.element, 'as-words').setAttribute('aria-pressed', !essay);
  }

  // If the focused button is hidden, the focus moves to a visible one.
  #offer(offered) {
    const held = document.activeElement;
    for (const name of ACTIONS) part(this.element, name).hidden = !offered[name];
    if (!this.element.contains(held) || !held.hidden) return;
    ACTIONS.map((name) => part(this.element, name)).find((button) => !button.hidden).focus({ preventScroll: true });
  }

  async #act(act) {
    const error = part(this.element, 'error');
    tell(error, null);
    try {
      await act(this);
    } catch (refusal) {
      if (!refusal.text) throw refusal;
      tell(error, refusal.text);
    }
  }
}

/** Makes a destructive button ask for confirmation: the first click changes its label to `question`. */
export function twice(button, question) {
  const label = button.textContent;
  let timer = 0;
  const calm = () => {
    clearTimeout(timer);
    button.textContent = label;
    button.removeAttribute('data-asked');
  };
  button.addEventListener(
    'click',
    (event) => {
      if (button.hasAttribute('data-asked')) return calm();
      event.stopImmediatePropagation();
      button.textContent = question;
      button.setAttribute('data-asked', '');
      timer = setTimeout(calm, 5000);
    },
    { capture: true },
  );
  button.addEventListener('blur', calm);
}

function count(words) {
  return words === 1 ? '1 word' : `${words} words`;
}

/** Whether a step begins with a token that a person chose. */
export function isChosen({ chosen }) {
  return chosen !== null && chosen !== undefined;
}

/** The positions of the tokens in the text that a person chose. */
function chosenPlaces({ steps }) {
  return steps.reduce((places, step) => {
    const left = places.filter((place) => place < step.kept);
    return isChosen(step) ? [...left, step.kept] : left;
  }, []);
}
