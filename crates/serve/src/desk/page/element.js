// Creates and finds elements. Text is never parsed as HTML, so model output never becomes markup.

/** A copy of the first element in `<template id=NAME>`. */
export function copy(name) {
  return document.getElementById(name).content.firstElementChild.cloneNode(true);
}

/** The element under `root` with `data-part=NAME`. */
export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Shows `text` in `place`, or hides `place` if there is no text. */
export function tell(place, text) {
  place.textContent = text ?? '';
  place.hidden = !text;
}
