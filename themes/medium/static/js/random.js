// Makes links to a random thinkpiece open one directly. Without this script, they lead to a page with
// several random thinkpieces. The list of thinkpieces is a separate script, loaded on first use.
"use strict";
(() => {
  const root = document.documentElement.dataset.root;

  let leave = address => location.assign(address);

  function go() {
    const here = location.href.split("#")[0];
    const others = window.ventiPieces
      .map(path => new URL(root + path, location.href).href)
      .filter(address => address !== here);
    if (others.length) leave(others[Math.floor(Math.random() * others.length)]);
  }

  function random(otherwise) {
    if (window.ventiPieces) {
      go();
      return;
    }
    const script = document.createElement("script");
    script.src = root + "random/pieces.js";
    script.onload = go;
    script.onerror = otherwise;
    document.head.append(script);
  }

  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-random]");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!link || !plain) return;
    event.preventDefault();
    random(() => location.assign(link.href));
  });

  // On the page of random thinkpieces, "#go" leads straight to a thinkpiece. The thinkpiece replaces the
  // history entry, so that "back" does not return to this page.
  if (location.hash === "#go" && document.querySelector(".random-head")) {
    leave = address => location.replace(address);
    random(() => {});
  }
})();
