// Creates and finds elements. Text is never parsed as HTML, so model output never becomes markup.

// The page is in English. The site's texts, in its own language, are in the elements with `dir="auto"`.
let language = '';

/** Sets the language of the site's texts, which is a BCP 47 tag. */
export function setLanguage(tag) {
  language = tag;
  mark(document);
}

function mark(root) {
  for (const text of root.querySelectorAll('[dir="auto"]')) text.lang = language;
}

/** A copy of the first element in `<template id=NAME>`. */
export function copy(name) {
  const made = document.getElementById(name).content.firstElementChild.cloneNode(true);
  mark(made);
  return made;
}

/** The element under `root` with `data-part=NAME`. */
export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  if (properties.dir === 'auto') made.lang = language;
  made.append(...children);
  return made;
}

/** Shows `text` in `place`, or hides `place` if there is no text. */
export function tell(place, text) {
  place.textContent = text ?? '';
  place.hidden = !text;
}
