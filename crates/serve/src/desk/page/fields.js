// Shows the server's errors next to the form fields that they name.

import { tell } from './element.js';

/** Shows `refusal` next to the field of `form` that it names, otherwise in `place`. */
export function refuse(form, refusal, place) {
  const field = form.elements[refusal.field] ?? fieldOf(form, refusal.message);
  if (!field) return tell(place, refusal.text);
  tell(errorOf(field), refusal.text);
  field.setAttribute('aria-invalid', 'true');
  for (let around = field.closest('details'); around; around = around.parentElement.closest('details')) around.open = true;
  field.focus();
}

/** Clears all errors of the form. */
export function accept(form, place) {
  tell(place, null);
  for (const field of form.querySelectorAll('[aria-invalid]')) accepted(field);
}

/** Clears the error of a field when it is changed. */
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
  // The field that the message names first: "min_words is above max_words" is about min_words.
  const places = named
    .map((field) => ({ field, at: message.search(new RegExp(`\\b${field.name.replaceAll('_', '[_ ]')}\\b`, 'i')) }))
    .filter(({ at }) => at >= 0)
    .sort((one, other) => one.at - other.at);
  return places[0]?.field;
}
