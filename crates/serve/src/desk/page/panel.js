// The panel for a word shows the word's probability and alternatives, and lets the model rewrite the
// text from there. There is only one panel. It is placed next to the word, or at the bottom of a small
// window.

import { copy, element, part, tell } from './element.js';
import { certainty, percent, tokenName } from './words.js';

const SMALL = matchMedia('(max-width: 40rem)');
/** Delays in milliseconds, long enough for the pointer to cross other words on the way to the panel. */
const COMING = 150;
const GOING = 250;
const GAP = 6;

export class Panel {
  #word = null;
  #token = 0;
  #held = false;
  #timer = 0;

  /** `write(text, from, choose)` rewrites the candidate that shows `text`. */
  constructor(write) {
    this.write = write;
    this.element = copy('panel');
    this.element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.#back();
    });
    this.element.addEventListener('pointerenter', () => clearTimeout(this.#timer));
    this.element.addEventListener('pointerleave', (event) => {
      if (event.pointerType === 'mouse') this.leave();
    });
    this.element.querySelector('.panel-close').addEventListener('click', () => this.#back());
    part(this.element, 'rewrite').addEventListener('click', () => this.#rewrite(null));
    // Focusing or clicking anything else closes the panel.
    document.addEventListener('focusin', ({ target }) => {
      if (this.#held && !this.#holds(target)) this.hide();
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (this.open && !this.#holds(target)) this.hide();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.open) this.hide();
    });
    addEventListener('scroll', () => this.settle(), { passive: true });
    addEventListener('resize', () => this.settle());
  }

  get open() {
    return this.#word !== null;
  }

  #holds(target) {
    return this.element.contains(target) || this.#word.span === target;
  }

  /** Shows the panel for a word once the pointer has rested on it. */
  hover(find) {
    if (this.#held || SMALL.matches) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.show(find(), { held: false }), COMING);
  }

  leave() {
    if (this.#held) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.hide(), GOING);
  }

  show(word, { held }) {
    clearTimeout(this.#timer);
    if (!word.span.isConnected) return;
    this.#word?.span.removeAttribute('data-open');
    this.#held = held;
    this.#word = word;
    this.#token = 0;
    word.span.setAttribute('data-open', '');
    this.#fill();
    // The panel follows its text in the tab order. As a popover, it is drawn above everything else.
    if (this.element.previousElementSibling !== word.owner.place) {
      word.owner.place.after(this.element);
    }
    if (!this.element.matches(':popover-open')) this.element.showPopover();
    this.settle();
    if (SMALL.matches) this.#uncover();
  }

  hide() {
    clearTimeout(this.#timer);
    if (!this.open) return;
    this.#word.span.removeAttribute('data-open');
    this.#word = null;
    this.#held = false;
    if (this.element.matches(':popover-open')) this.element.hidePopover();
  }

  /** Moves the focus into the panel. */
  enter() {
    this.#held = true;
    const first = this.element.querySelector('.panel-tokens:not([hidden]) button, .choices button') ?? part(this.element, 'rewrite');
    first.focus({ preventScroll: true });
  }

  #back() {
    const { owner, from } = this.#word;
    this.hide();
    owner.focus(from);
    // Focusing the word has reopened the panel.
    this.hide();
  }

  rewrite(word) {
    this.show(word, { held: true });
    this.#rewrite(null);
  }

  async #rewrite(choose) {
    const { owner } = this.#word;
    const from = this.#word.from + this.#token;
    const error = this.element.querySelector(':scope > .error');
    try {
      tell(error, null);
      await this.write(owner, from, choose);
      const inside = this.element.contains(document.activeElement) || document.activeElement === document.body;
      this.hide();
      if (inside) owner.focus(from - 1);
      this.hide();
    } catch (refusal) {
      if (!refusal.text) throw refusal;
      tell(error, refusal.text);
      this.settle();
    }
  }

  #fill() {
    const { tokens, chosen, span } = this.#word;
    const sure = certainty(this.#word);
    const shown = span.textContent;
    this.element.setAttribute('aria-label', `The word ${shown}`);
    this.element.querySelector('.panel-word').textContent = shown;
    this.element.querySelector('.panel-sure').textContent = `${percent(sure)} sure${chosen ? ', chosen by you' : ''}`;
    tell(this.element.querySelector(':scope > .error'), null);
    const group = this.element.querySelector('.panel-tokens');
    group.hidden = tokens.length < 2;
    group.replaceChildren(
      ...tokens.map((token, at) => {
        const button = element('button', { type: 'button', className: 'token' });
        button.append(element('span', { textContent: tokenName(token.t) }), ' ', element('small', { textContent: percent(token.p) }));
        button.addEventListener('click', () => {
          this.#token = at;
          this.#fillToken();
          this.settle();
        });
        return button;
      }),
    );
    this.#fillToken();
  }

  // Lists the alternatives to a token. Each alternative is a button that chooses it.
  #fillToken() {
    const { from, tokens } = this.#word;
    const token = tokens[this.#token];
    this.element.querySelectorAll('.token').forEach((button, at) => button.setAttribute('aria-pressed', at === this.#token));
    const several = tokens.length > 1 ? ` “${tokenName(token.t)}”` : '';
    this.element.querySelector('.panel-label').textContent = `Alternatives${several ? ` to${several}` : ''}`;
    const written = token.a.findIndex(([, text, p]) => text === token.t && p === token.p);
    const rows = token.a.map(([id, text, p], at) => (at === written ? this.#written(text, p) : this.#choice(id, text, p)));
    if (written < 0) rows.unshift(this.#written(token.t, token.p));
    const list = this.element.querySelector('.choices');
    list.replaceChildren(...rows);
    const place = from + this.#token;
    part(this.element, 'from').textContent = place === 0 ? 'Rewrites the whole text' : `Keeps the text before${several || ' this word'}`;
  }

  #choice(id, text, p) {
    const name = text === null ? 'end the text here' : tokenName(text);
    const button = element('button', { type: 'button', className: 'choice' }, ...bar(name, p));
    button.addEventListener('click', () => this.#rewrite(id));
    return element('li', {}, button);
  }

  #written(text, p) {
    return element('li', { className: 'choice choice-written' }, ...bar(tokenName(text), p, 'written'));
  }

  // Places the panel below its word, or above it if there is too little room below and more above.
  settle() {
    if (!this.open) return;
    if (!this.#word.span.isConnected) return this.#back();
    const { style } = this.element;
    if (SMALL.matches) {
      for (const name of ['left', 'top', 'max-height']) style.removeProperty(name);
      return;
    }
    const word = this.#word.span.getBoundingClientRect();
    if (word.bottom < 0 || word.top > innerHeight) return this.#held ? undefined : this.hide();
    style.removeProperty('max-height');
    const width = this.element.offsetWidth;
    const height = this.element.offsetHeight;
    const below = innerHeight - word.bottom - 2 * GAP;
    const above = word.top - 2 * GAP;
    const under = height <= below || below >= above;
    const tall = Math.min(height, under ? below : above);
    style.setProperty('max-height', `${tall}px`);
    style.setProperty('left', `${Math.max(GAP, Math.min(word.left - 12, document.documentElement.clientWidth - width - GAP))}px`);
    style.setProperty('top', `${under ? word.bottom + GAP : word.top - GAP - tall}px`);
  }

  // Scrolls so that the panel at the bottom of a small window does not cover its word.
  #uncover() {
    const word = this.#word.span.getBoundingClientRect();
    const top = this.element.getBoundingClientRect().top;
    if (word.bottom > top - 8) scrollBy({ top: word.bottom - top + 24 });
  }
}

/** The parts of a choice: its name, its probability, and a bar that shows the probability. */
function bar(name, p, note) {
  const line = element('span', { className: 'choice-bar' });
  line.style.setProperty('--share', Math.max(0.005, Math.exp(p)));
  const figures = element('span', { className: 'choice-share', textContent: percent(p) });
  const label = element('span', { className: 'choice-name', textContent: name });
  if (note) label.append(' ', element('small', { textContent: note }));
  return [label, ' ', figures, line];
}
