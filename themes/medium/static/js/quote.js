// Offers to copy or share selected words of a thinkpiece, with a link to them.
"use strict";
(() => {
  const prose = document.querySelector(".thinkpiece .prose");
  const bar = document.querySelector(".quote-bar");
  if (!prose || !bar) return;
  const share = bar.querySelector("[data-quote=share]");
  share.hidden = !venti.share;

  // The text of the page, not of the selection: Chromium's selection loses the space after a drop cap.
  const words = () => {
    const selection = getSelection();
    const text = selection.rangeCount ? selection.getRangeAt(0).toString() : "";
    return text.replace(/\s+/g, " ").trim();
  };

  // Returns a link with a text fragment (https://wicg.github.io/scroll-to-text-fragment/). For a long
  // text, the fragment consists of its first and last words.
  function link(text) {
    const part = piece => encodeURIComponent(piece).replace(/-/g, "%2D");
    const all = text.split(" ");
    const wanted =
      all.length > 12
        ? part(all.slice(0, 5).join(" ")) + "," + part(all.slice(-5).join(" "))
        : part(text);
    return venti.address() + "#:~:text=" + wanted;
  }

  function place() {
    const selection = getSelection();
    const range = selection.rangeCount ? selection.getRangeAt(0) : null;
    const within = range && !range.collapsed && prose.contains(range.commonAncestorContainer);
    if (!within || words().length < 3) {
      bar.hidden = true;
      return;
    }
    bar.hidden = false;
    const chosen = range.getBoundingClientRect();
    const half = bar.offsetWidth / 2;
    const middle = chosen.left + chosen.width / 2;
    const left = Math.max(half + 8, Math.min(middle, document.documentElement.clientWidth - half - 8));
    // Place the bar above the words, or below them if the header or a finger would cover it.
    const above = chosen.top - bar.offsetHeight - 10;
    const under = above < 72 || matchMedia("(pointer: coarse)").matches;
    bar.style.left = left + scrollX + "px";
    bar.style.top = (under ? chosen.bottom + 14 : above) + scrollY + "px";
  }

  let waiting = 0;
  document.addEventListener("selectionchange", () => {
    clearTimeout(waiting);
    waiting = setTimeout(place, 150);
  });
  addEventListener("resize", () => bar.hidden || place());
  document.addEventListener("keydown", event => {
    if (event.key === "Escape") bar.hidden = true;
  });
  // A press on the bar must not clear the selection.
  bar.addEventListener("pointerdown", event => event.preventDefault());
  bar.addEventListener("click", event => {
    const button = event.target.closest("button");
    const text = words();
    if (!button || !text) return;
    const quoted = bar.dataset.quoted.replace("{text}", () => text);
    if (button === share) venti.share({ text: quoted, url: link(text) });
    else venti.copy(quoted + "\n" + link(text), bar.dataset.copied, bar.dataset.failed);
    bar.hidden = true;
  });
})();
