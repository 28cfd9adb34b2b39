// The editors for seeds and essays. A save names the version that it is based on, so that changes made
// elsewhere are not overwritten unnoticed.

import { copy, element, part, tell } from './element.js';
import { get, post } from './server.js';
import { say } from './status.js';
import { forget, remember, unsaved } from './unsaved.js';

const view = document.getElementById('edit');
let editor = null;

export async function openSeed(file) {
  await open(`seed=${file}`, 'seed-editor', {
    load: () => get('seed', { file }),
    save: ({ text }, version) => post('seed', { file, text, version }).then((saved) => ({ file, text, ...saved })),
    show: (form) => {
      form.querySelector('h1').textContent = file;
    },
  });
}

export async function openEssay(slug, take) {
  await open(`essay=${slug}/${take}`, 'essay-editor', {
    load: () => get('essay', { slug, take }),
    save: ({ title, body, reviewed }, version) => post('essay', { slug, take, title, body, reviewed, version }),
    show: showEssay,
  });
}

function showEssay(form, { title, take, path, url, edited, steered, flagged }) {
  form.querySelector('h1').textContent = title;
  const facts = [path, take > 1 ? `take ${take}` : null, edited ? 'edited' : null, steered ? 'steered at the desk' : null, edited || steered ? null : 'as the model wrote it'].filter(Boolean);
  const seen = element('span', {}, element('a', { href: url, textContent: 'View on the site' }));
  part(form, 'facts').replaceChildren(...facts.map((fact) => element('span', { textContent: fact })), seen);
  tell(part(form, 'flagged'), flagged ? `Flagged: ${flagged}` : null);
  part(form, 'hint').textContent = edited || steered
    ? 'This essay counts as edited: the site says so, and Venti does not overwrite it.'
    : 'If you change the title or the text, the essay counts as edited: the site says so, and Venti does not overwrite it.';
}

async function open(key, template, kind) {
  editor = null;
  try {
    const loaded = await kind.load();
    // Another view has been opened in the meantime, so show nothing.
    if (location.hash.slice(1) !== routeOf(key)) return;
    editor = new Editor(key, template, kind, loaded);
    view.replaceChildren(editor.form);
  } catch (refusal) {
    if (!refusal.text) throw refusal;
    const title = element('h1', { id: 'edit-title', textContent: 'This file cannot be edited', tabIndex: -1 });
    const back = element('p', { className: 'crumb' }, element('a', { href: '#library', textContent: 'Seeds and essays' }));
    view.replaceChildren(back, title, element('p', { className: 'error', textContent: refusal.text }));
  }
}

/** The URL fragment of an editor, without the "#". */
export function routeOf(key) {
  const [kind, name] = key.split(/=(.*)/s);
  return kind === 'seed' ? `seed=${encodeURIComponent(name)}` : key;
}

class Editor {
  constructor(key, template, kind, loaded) {
    this.key = key;
    this.kind = kind;
    this.form = copy(template);
    const foot = copy('editor-foot');
    part(this.form, 'foot').replaceWith(foot);
    part(foot, 'save-key').textContent = `${commandKey()} S`;
    this.#fill(loaded);
    const typed = unsaved(key);
    if (typed) {
      this.version = typed.version;
      this.#put(typed.values);
      this.#changed();
    }
    this.form.addEventListener('input', () => this.#changed());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#save();
    });
    this.form.addEventListener('keydown', (event) => {
      if (event.key.toLowerCase() !== 's' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.#save();
    });
    part(foot, 'revert').addEventListener('click', () => this.#revert());
    part(foot, 'theirs').addEventListener('click', () => this.#revert());
    part(foot, 'mine').addEventListener('click', () => {
      this.version = this.there.version;
      this.#save();
    });
  }

  #fill(loaded) {
    this.there = loaded;
    this.version = loaded.version;
    this.kind.show(this.form, loaded);
    this.#put(loaded);
    this.#refuse(null);
  }

  #put(values) {
    for (const field of this.#fields()) {
      if (field.type === 'checkbox') field.checked = values[field.name];
      else field.value = values[field.name];
    }
  }

  #fields() {
    return [...this.form.elements].filter(({ name }) => name);
  }

  #values() {
    return Object.fromEntries(this.#fields().map((field) => [field.name, field.type === 'checkbox' ? field.checked : field.value]));
  }

  // Ignores differences in line endings, since textareas normalise them.
  #differs() {
    const same = (one, other) => (typeof one === 'string' ? one.replaceAll('\r\n', '\n') === other : one === other);
    return this.#fields().some(({ name }) => !same(this.there[name], this.#values()[name]));
  }

  #changed() {
    const differs = this.#differs();
    if (differs) remember(this.key, { values: this.#values(), version: this.version });
    else forget(this.key);
    part(this.form, 'saved').textContent = differs ? 'Unsaved changes' : '';
    part(this.form, 'revert').hidden = !differs;
  }

  async #revert() {
    try {
      const loaded = await this.kind.load();
      forget(this.key);
      this.#fill(loaded);
      this.#changed();
      say('Reloaded from the file');
      this.#fields()[0].focus();
    } catch (refusal) {
      if (!refusal.text) throw refusal;
      this.#refuse(refusal);
    }
  }

  async #save() {
    const values = this.#values();
    try {
      const saved = await this.kind.save(values, this.version);
      this.#refuse(null);
      this.there = saved;
      this.version = saved.version;
      this.kind.show(this.form, saved);
      // Text typed during the save is still unsaved.
      this.#changed();
      if (!this.#differs()) part(this.form, 'saved').textContent = 'Saved';
      say('Saved');
    } catch (refusal) {
      if (!refusal.text) throw refusal;
      this.#refuse(refusal);
    }
  }

  #refuse(refusal) {
    const place = part(this.form, 'refused');
    place.hidden = !refusal;
    if (!refusal) return;
    const conflict = refusal.status === 409 && refusal.body.version;
    if (conflict) this.there = { ...this.there, ...refusal.body };
    const several = refusal.text.includes('\n');
    part(place, 'refused-what').textContent = conflict
      ? 'Not saved: the file has changed since you opened it. Your text is still here.'
      : several
        ? 'Not saved, because of a problem:'
        : `Not saved: ${refusal.text}`;
    tell(part(place, 'refused-text'), !conflict && several ? refusal.text : null);
    part(place, 'conflict').hidden = !conflict;
    if (!conflict) this.#point(refusal.text);
    place.scrollIntoView({ block: 'nearest' });
  }

  // Moves the caret to the problem.
  #point(text) {
    const place = /:(\d+):(\d+)/.exec(text);
    const field = this.form.elements.text;
    if (!place || !field) return;
    const [line, column] = [Number(place[1]), Number(place[2])];
    const lines = field.value.split('\n');
    if (line > lines.length) return;
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    // Columns count characters, whereas caret positions count UTF-16 code units.
    const before = [...lines[line - 1]].slice(0, column - 1).join('').length;
    field.focus({ preventScroll: true });
    field.setSelectionRange(start + before, start + before);
    const height = parseFloat(getComputedStyle(field).lineHeight);
    field.scrollTop = Math.max(0, (line - 1) * height - field.clientHeight / 2);
  }
}

/** The name of the modifier key for shortcuts on this platform. */
export function commandKey() {
  return /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl';
}
