// Switches the colour scheme: automatic, light or dark. The choice is stored in this browser.
"use strict";
(() => {
  const KEY = "venti-theme";
  const ORDER = ["auto", "light", "dark"];
  const root = document.documentElement;
  const button = document.querySelector(".scheme");
  if (!button) return;

  const chosen = () => root.dataset.theme || "auto";

  function show() {
    button.setAttribute("aria-label", button.dataset[chosen()]);
    button.title = button.dataset[chosen()];
    const paper = getComputedStyle(root).backgroundColor;
    for (const meta of document.querySelectorAll("meta[name=theme-color]")) {
      if (chosen() === "auto") meta.content = meta.dataset.content || meta.content;
      else {
        meta.dataset.content = meta.dataset.content || meta.content;
        meta.content = paper;
      }
    }
  }

  function choose(scheme) {
    if (scheme === "auto") delete root.dataset.theme;
    else root.dataset.theme = scheme;
    show();
  }

  button.addEventListener("click", () => {
    const next = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
    choose(next);
    try {
      if (next === "auto") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
    } catch {
      // Without storage, the choice holds for this page only.
    }
    venti.say(button.dataset[next]);
  });

  // Applies a choice made in another window, or while this page was in the back-forward cache.
  const reread = () => {
    try {
      const kept = localStorage.getItem(KEY);
      choose(ORDER.includes(kept) ? kept : "auto");
    } catch {
      // Without storage, nothing can have changed.
    }
  };
  addEventListener("storage", event => event.key === KEY && reread());
  addEventListener("pageshow", event => event.persisted && reread());
  show();
})();
