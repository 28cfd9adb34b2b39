// What the server says against a form, shown by the field it is about where that can be told.

import { tell } from './element.js';

/** Shows `refusal` by the field of `form` that it names, else in `place`. */
export function refuse(form, refusal, place) {
  const field = fieldOf(form, refusal.message);
  if (!field) return tell(place, refusal.text);
  tell(errorOf(field), refusal.text);
  field.setAttribute('aria-invalid', 'true');
  for (let around = field.closest('details'); around; around = around.parentElement.closest('details')) around.open = true;
  field.focus();
}

/** Takes back what was said. */
export function accept(form, place) {
  tell(place, null);
  for (const field of form.querySelectorAll('[aria-invalid]')) accepted(field);
}

/** Takes back what was said about a field as soon as it is changed. */
export function acceptChanges(form) {
  form.addEventListener('input', ({ target }) => {
    if (target.hasAttribute('aria-invalid')) accepted(target);
  });
}

function accepted(field) {
  field.removeAttribute('aria-invalid');
  tell(errorOf(field), null);
}

function errorOf(field) {
  return document.getElementById(`${field.id}-error`);
}

function fieldOf(form, message) {
  const named = [...form.elements].filter(({ name, id }) => name && document.getElementById(`${id}-error`));
  // The one that is named first: "min_words is above max_words" is about min_words.
  const places = named
    .map((field) => ({ field, at: message.search(new RegExp(`\\b${field.name.replaceAll('_', '[_ ]')}\\b`, 'i')) }))
    .filter(({ at }) => at >= 0)
    .sort((one, other) => one.at - other.at);
  return places[0]?.field;
}
