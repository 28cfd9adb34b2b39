// The settings in the form. The form starts with the site's settings, sends only the values that differ,
// and remembers its values for this tab.

const MEMORY = 'venti-desk-form';
/** Length settings. They change too often to open the settings section of the form just to show them. */
const LENGTHS = ['min_words', 'max_words'];

export class Settings {
  #site = null;
  #resolve;
  /** Resolves when the site's settings are known. */
  opened = new Promise((resolve) => (this.#resolve = resolve));
  /** The last min_words computed from max_words. A number that a person typed is left alone. */
  #followed = '';

  constructor(form) {
    this.form = form;
    this.fields = form.elements;
    /** Names of the numeric settings. The server generates their inputs from its table of settings. */
    this.numbers = [...form.querySelectorAll('[data-setting]')].map(({ name }) => name);
    form.addEventListener('input', ({ target }) => {
      if (!this.ready) return;
      if (target.name === 'max_words') this.#follow();
      this.#remember();
    });
    document.getElementById('as-site').addEventListener('click', () => {
      this.#fill();
      this.#remember();
    });
  }

  /** Whether the site's settings are known. Until then only the quote and its title can be entered. */
  get ready() {
    return this.#site !== null;
  }

  /** Fills the form with the site's settings and with the values typed earlier in this tab. */
  open(site) {
    this.#site = site;
    const { model } = this.fields;
    model.replaceChildren(...site.models.map((name) => new Option(name, name)));
    this.fields.candidates.max = site.most_candidates;
    this.#fill();
    const { quote, title } = this.fields;
    const typed = { quote: quote.value, title: title.value };
    for (const [name, value] of Object.entries(recall())) {
      if (this.fields[name] && !typed[name]) this.fields[name].value = value;
    }
    document.getElementById('ask-rest').disabled = false;
    this.#remember();
    if (model.selectedIndex < 0) model.value = site.model;
    this.#resolve();
    document.getElementById('settings').open = this.numbers.some((name) => !LENGTHS.includes(name) && name in this.differing());
  }

  #fill() {
    for (const [name, value] of Object.entries(this.#defaults())) this.fields[name].value = value;
    this.#followed = this.fields.min_words.value;
  }

  #defaults() {
    const { generation, model } = this.#site;
    const numbers = this.numbers.map((name) => [name, plain(generation[name])]);
    return { ...Object.fromEntries(numbers), model, candidates: String(generation.candidates), stop: generation.stop.join('\n'), rng_seed: '' };
  }

  // Scales min_words with max_words, so that texts with a low maximum do not always count as too short.
  #follow() {
    const { min_words: least, max_words: most } = this.fields;
    if (least.value !== this.#followed || !(most.value > 0)) return;
    const { min_words, max_words } = this.#site.generation;
    least.value = plain(Math.min(min_words, Math.round((most.value * min_words) / max_words)));
    this.#followed = least.value;
  }

  /** The settings that differ from the site's settings. An empty field means the site's value. */
  differing() {
    const { generation } = this.#site;
    const found = {};
    for (const name of this.numbers) {
      const typed = this.fields[name].value.trim();
      if (typed !== '' && typed !== plain(generation[name])) found[name] = Number(typed);
    }
    const stop = this.fields.stop.value.split('\n').filter((line) => line !== '');
    if (stop.join('\n') !== generation.stop.join('\n')) found.stop = stop;
    return found;
  }

  /** The complete request. */
  request() {
    const { quote, title, model, candidates, rng_seed } = this.fields;
    return {
      quote: quote.value,
      title: title.value.trim(),
      model: model.value,
      candidates: Number(candidates.value) || this.#site.generation.candidates,
      rng_seed: rng_seed.value.trim() || null,
      generation: this.differing(),
    };
  }

  #remember() {
    const defaults = this.#defaults();
    const typed = [...this.fields].filter(({ name, value }) => name && value !== (defaults[name] ?? '')).map(({ name, value }) => [name, value]);
    sessionStorage.setItem(MEMORY, JSON.stringify(Object.fromEntries(typed)));
  }
}

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(MEMORY)) ?? {};
  } catch {
    return {};
  }
}

// Rounds, to keep floating-point noise out of the form.
function plain(number) {
  return number === null ? '' : String(Number(Number(number).toPrecision(6)));
}
