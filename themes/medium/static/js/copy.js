// Buttons that copy the page's address ("data-copy") or the text of an element ("data-copy-text").
"use strict";
(() => {
  // Fallback: navigator.clipboard exists only in secure contexts.
  function copyOldWay(text) {
    const field = document.createElement("textarea");
    const before = document.activeElement;
    field.value = text;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (before) before.focus({ preventScroll: true });
    return done;
  }

  // Copies a text and tells the reader whether that worked.
  venti.copy = async (text, copied, failed) => {
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      done = copyOldWay(text);
    }
    venti.say(done ? copied : failed);
  };

  // Returns the canonical address of the page, or else its current address without "#…".
  venti.address = () => {
    const canonical = document.querySelector("link[rel=canonical]");
    return canonical ? canonical.href : location.href.split("#")[0];
  };

  document.addEventListener("click", event => {
    const button = event.target.closest("[data-copy], [data-copy-text]");
    if (!button) return;
    const source = button.dataset.copyText && document.getElementById(button.dataset.copyText);
    const text = source ? source.textContent : venti.address();
    venti.copy(text, button.dataset.copied, button.dataset.failed);
  });
})();
