// Shows the model's text word by word, shaded by probability and with keyboard navigation. Words are
// only added or removed at the end, so the rest of the text stays still for a reader.

import { element } from './element.js';
import { addToken, certainty, percent, shade } from './words.js';

const described = document.getElementById('word-described');

export class Text {
  #words = [];
  #spans = [];
  #count = 0;
  #current = 0;
  // The horizontal position that Up and Down aim for, so that Up undoes Down.
  #goal = null;
  #lead = null;

  constructor(place, panel) {
    this.place = place;
    this.panel = panel;
    place.addEventListener('keydown', (event) => this.#key(event));
    place.addEventListener('focusin', (event) => this.#focused(event));
    place.addEventListener('click', (event) => this.#clicked(event));
    place.addEventListener('pointerover', (event) => this.#pointed(event));
    place.addEventListener('pointerleave', () => panel.leave());
  }

  /** Number of tokens shown. */
  get length() {
    return this.#count;
  }

  get wordCount() {
    const lead = this.#lead?.textContent.match(/\S+/g)?.length ?? 0;
    return lead + this.#spans.filter(Boolean).length;
  }

  /** Shows `tokens`, without redrawing those already shown. */
  show(lead, tokens, chosen) {
    if (lead && !this.#lead) {
      this.#lead = element('span', { className: 'lead', textContent: lead });
      this.place.prepend(this.#lead);
    }
    const there = this.#words.flatMap((word) => word.tokens);
    let same = 0;
    while (same < there.length && same < tokens.length && there[same].t === tokens[same].t && there[same].p === tokens[same].p) same += 1;
    if (same < there.length) this.#cut(same);
    this.add(tokens.slice(this.#count));
    this.#mark(chosen);
  }

  /** Adds tokens at the end. */
  add(tokens) {
    const added = document.createDocumentFragment();
    for (const token of tokens) {
      const length = this.#words.length;
      addToken(this.#words, token);
      // The previous word may have passed the first parts of a character on to the new word.
      for (let at = Math.max(0, length - 1); at < this.#words.length; at++) this.#draw(at, added);
    }
    this.#count += tokens.length;
    this.place.append(added);
    const current = this.#spans[this.#current];
    if (current?.tabIndex !== 0) this.#rove(current ? this.#current : this.#spans.findIndex(Boolean));
  }

  #draw(at, place) {
    const word = this.#words[at];
    const text = word.text.trimStart();
    if (!text) return;
    let span = this.#spans[at];
    if (!span) {
      const space = word.text.slice(0, word.text.length - text.length);
      span = element('span', { className: 'word', tabIndex: -1 }, '');
      span.at = at;
      this.#spans[at] = span;
      place.append(space, span);
    }
    if (span.firstChild.data !== text) span.firstChild.data = text;
    span.dataset.sure = shade(certainty(word));
  }

  /** Removes all but the first `count` tokens. */
  #cut(count) {
    const held = this.place.contains(document.activeElement);
    let rest = [];
    while (this.#words.length && this.#words.at(-1).from + this.#words.at(-1).tokens.length > count) {
      const word = this.#words.pop();
      const span = this.#spans[this.#words.length];
      if (span) {
        span.previousSibling.remove();
        span.remove();
      }
      this.#spans.length = this.#words.length;
      rest = word.tokens.slice(0, Math.max(0, count - word.from));
    }
    this.#count = count - rest.length;
    this.#rove(Math.min(this.#current, this.#words.length - 1));
    this.add(rest);
    if (held && !this.place.contains(document.activeElement)) this.focus();
  }

  /** Marks the words with a token that a person chose. `chosen` holds the positions of these tokens. */
  #mark(chosen) {
    this.#spans.forEach((span, at) => {
      const { from, tokens } = this.#words[at];
      const mine = chosen.some((place) => place >= from && place < from + tokens.length);
      span.toggleAttribute('data-chosen', mine);
    });
  }

  /** The data that the panel needs about a word. */
  word(at) {
    const span = this.#spans[at];
    return { ...this.#words[at], owner: this, span, chosen: span.hasAttribute('data-chosen') };
  }

  /** Focuses the word that contains the token at `from`, or the last word before it. */
  focus(from = Infinity) {
    let at = this.#words.findLastIndex((word, at) => word.from <= from && this.#spans[at]);
    if (from === Infinity && at > 0 && this.#spans[this.#current]) at = this.#current;
    this.#rove(at);
    (this.#spans[at] ?? this.place).focus({ preventScroll: true });
  }

  // Roving tabindex: the Tab key reaches only the current word.
  #rove(at) {
    const before = this.#spans[this.#current];
    if (before) before.tabIndex = -1;
    this.#current = Math.max(0, at);
    const span = this.#spans[this.#current];
    if (span) span.tabIndex = 0;
  }

  #focused({ target }) {
    if (target.at === undefined) return;
    this.#goal = null;
    this.#rove(target.at);
    described.textContent = `${percent(certainty(this.#words[target.at]))} sure`;
    target.setAttribute('aria-describedby', described.id);
    if (target.matches(':focus-visible')) this.panel.show(this.word(target.at), { held: true });
  }

  #clicked(event) {
    const { target, detail } = event;
    if (target.at === undefined) return;
    this.#rove(target.at);
    target.focus({ preventScroll: true });
    this.panel.show(this.word(target.at), { held: true });
    // A click without a pointer comes from a screen reader, so move the focus into the panel.
    if (detail === 0) this.panel.enter();
  }

  #pointed({ target, pointerType }) {
    if (pointerType !== 'mouse') return;
    if (target.at === undefined) this.panel.leave();
    else this.panel.hover(() => this.word(target.at));
  }

  #key(event) {
    const at = event.target.at;
    if (at === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowRight: () => this.#go(at, 1),
      ArrowLeft: () => this.#go(at, -1),
      ArrowDown: () => this.#goLine(at, 1),
      ArrowUp: () => this.#goLine(at, -1),
      Home: () => this.#land(this.#spans.findIndex(Boolean)),
      End: () => this.#land(this.#spans.findLastIndex(Boolean)),
      Enter: () => this.#enter(at),
      ' ': () => this.#enter(at),
      Escape: () => this.panel.hide(),
      r: () => this.panel.rewrite(this.word(at)),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #enter(at) {
    this.panel.show(this.word(at), { held: true });
    this.panel.enter();
  }

  #go(at, step) {
    for (let next = at + step; next >= 0 && next < this.#spans.length; next += step) {
      if (this.#spans[next]) return this.#land(next);
    }
  }

  // Moves to the nearest word on the next or previous line.
  #goLine(at, step) {
    const here = this.#spans[at].getBoundingClientRect();
    const middle = this.#goal ?? (here.left + here.right) / 2;
    let line = null;
    let best = { at: null, distance: Infinity };
    for (let next = at + step; next >= 0 && next < this.#spans.length; next += step) {
      const box = this.#spans[next]?.getBoundingClientRect();
      if (!box || Math.abs(box.top - here.top) < here.height / 2) continue;
      line ??= box.top;
      if (Math.abs(box.top - line) > here.height / 2) break;
      const distance = Math.abs((box.left + box.right) / 2 - middle);
      if (distance < best.distance) best = { at: next, distance };
    }
    if (best.at !== null) this.#land(best.at);
    this.#goal = middle;
  }

  #land(at) {
    if (at < 0) return;
    this.#spans[at].focus({ preventScroll: true });
    this.#spans[at].scrollIntoView({ block: 'nearest' });
  }
}
