// Opens the search: the dialog, or the field on the page search/. The search itself is a separate
// script, loaded on first use. Without this script, links to the search lead to the page search/.
"use strict";
(() => {
  const dialog = document.querySelector("[data-search-dialog]");
  const page = document.querySelector("main [data-search-box]");
  const box = page || dialog.querySelector("[data-search-box]");
  let loaded = false;

  function load() {
    if (loaded) return;
    loaded = true;
    const script = document.createElement("script");
    script.src = box.dataset.script;
    script.onerror = () => {
      // Allow another attempt to load the script.
      loaded = false;
      script.remove();
      box.querySelector("[role=status]").textContent = box.dataset.failed;
    };
    document.head.append(script);
  }

  function open(event) {
    event.preventDefault();
    if (!page && !dialog.open) dialog.showModal();
    const input = box.querySelector("input");
    input.focus();
    input.select();
    load();
  }

  document.addEventListener("click", event => {
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (plain && event.target.closest("a[data-search]")) open(event);
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });

  document.addEventListener("keydown", event => {
    const held = event.ctrlKey || event.metaKey;
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    const slash = event.key === "/" && !held && !typing;
    const k = event.key.toLowerCase() === "k" && held && !event.shiftKey;
    if ((slash || k) && !event.altKey) open(event);
  });

  if (page) load();
})();
