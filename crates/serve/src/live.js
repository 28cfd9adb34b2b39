
(() => {
"use strict";
const script = document.currentScript;
const { frame } = script.dataset;
const memory = "venti-scroll";
let events = null;
let parts = null;

// Restores the scroll position after a reload.
try {
  const kept = JSON.parse(sessionStorage.getItem(memory));
  sessionStorage.removeItem(memory);
  if (kept && kept.path === location.pathname) {
    const back = () => scrollTo({ top: kept.top, left: kept.left, behavior: "instant" });
    back();
    addEventListener("load", back);
  }
} catch {
  // If storage is unavailable, the page starts at the top.
}

function again() {
  events.close();
  try {
    const { pathname: path } = location;
    sessionStorage.setItem(memory, JSON.stringify({ path, top: scrollY, left: scrollX }));
  } catch {
    // If storage is unavailable, the position is lost.
  }
  location.reload();
}

// For each style sheet of the page: its newest link, and the older links that it replaces.
let sheets = null;

function restyle(styles) {
  sheets ??= [...document.querySelectorAll("link[rel=stylesheet]")].map(link => ({ link, old: [] }));
  if (sheets.length !== styles.length) return again();
  sheets.forEach((sheet, at) => {
    if (sheet.link.getAttribute("href") === styles[at]) return;
    const link = sheet.link.cloneNode();
    link.setAttribute("href", styles[at]);
    sheet.old.push(sheet.link);
    sheet.link.after(link);
    sheet.link = link;
    // Old sheets stay until the newest one has loaded, so that the page never flashes unstyled. A sheet
    // that was replaced while it was loading is ignored.
    const settled = loaded => {
      if (sheet.link !== link) return;
      if (!loaded) return again();
      sheet.old.splice(0).forEach(old => old.remove());
    };
    link.addEventListener("load", () => settled(true));
    link.addEventListener("error", () => settled(false));
  });
}

// Whether the page uses one of these files. Style sheets do not count: they are swapped in place.
function uses(paths) {
  const used = performance.getEntriesByType("resource").map(entry => decodeURIComponent(new URL(entry.name).pathname));
  return paths.some(path => !path.endsWith(".css") && used.includes(path));
}

function element(name, text) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  return made;
}

// A shadow tree shields these elements from the site's styles.
function build() {
  const host = element("venti-preview");
  const root = host.attachShadow({ mode: "open" });
  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { all: initial }
    * { box-sizing: border-box; font: 15px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
    .problem { position: fixed; inset: 0; z-index: 2147483647; display: grid; place-items: center; padding: 1rem;
      background: rgb(0 0 0 / .6) }
    .problem[hidden], .work[hidden] { display: none }
    .sheet { width: min(100%, 62rem); max-height: 100%; overflow: auto; padding: 1.25rem 1.5rem; border-radius: 8px;
      background: #1b1b1b; color: #f2f2f2; border-top: 4px solid #ff6b5e }
    h2 { margin: 0; font-weight: 700; color: #ff8a80 }
    p { margin: .25rem 0 0; color: #c9c9c9 }
    pre { margin: 1rem 0 0; white-space: pre; overflow-x: auto }
    button { float: right; padding: .1rem .7rem; border: 1px solid #8a8a8a; border-radius: 99px; background: none;
      color: inherit; cursor: pointer }
    button:focus-visible, pre:focus-visible { outline: 2px solid #fff; outline-offset: 2px }
    .work { position: fixed; left: 12px; bottom: 12px; z-index: 2147483646; padding: .3rem .8rem; border-radius: 99px;
      background: #1b1b1b; color: #f2f2f2;
      border: 1px solid #6b6b6b; font-size: 13px; pointer-events: none }
    @media print { :host { display: none } }`);
  root.adoptedStyleSheets = [style];
  const problem = element("div");
  problem.className = "problem";
  problem.hidden = true;
  problem.setAttribute("role", "alertdialog");
  problem.setAttribute("aria-labelledby", "what");
  const sheet = element("div");
  sheet.className = "sheet";
  const close = element("button", "Hide");
  close.addEventListener("click", () => { problem.hidden = true; });
  const title = element("h2", "The site could not be built");
  title.id = "what";
  const note = element("p", "Showing the last good build until this is fixed.");
  const text = element("pre");
  text.tabIndex = 0;
  sheet.append(close, title, note, text);
  problem.append(sheet);
  problem.addEventListener("keydown", event => { if (event.key === "Escape") problem.hidden = true; });
  const work = element("div");
  work.className = "work";
  work.hidden = true;
  work.setAttribute("role", "status");
  root.append(problem, work);
  document.documentElement.append(host);
  parts = { problem, note, text, work, close };
}

function show(state) {
  if (!parts && !state.problem && !state.work) return;
  if (!parts) build();
  const { problem, note, text, work, close } = parts;
  note.hidden = !state.built;
  if (text.textContent !== (state.problem || "")) {
    text.textContent = state.problem || "";
    problem.hidden = !state.problem;
    if (state.problem) close.focus({ preventScroll: true });
  }
  work.textContent = state.work || "";
  work.hidden = !state.work;
}

function update(state) {
  show(state);
  const pending = document.querySelector("[data-pending]");
  if (pending && state.text !== null) {
    pending.textContent = state.text;
    document.querySelector("[data-note]").textContent = state.note;
    return;
  }
  if (state.problem) return;
  if (!state.page || state.page.frame !== frame || uses(state.changed)) {
    // Also reloads a page that no longer exists, to show the 404 page.
    return again();
  }
  restyle(state.page.styles);
}

function listen() {
  if (events) return;
  events = new EventSource(`/_venti/events?path=${encodeURIComponent(location.pathname)}`);
  events.addEventListener("message", event => update(JSON.parse(event.data)));
}

// Browsers limit the number of connections per host, so a hidden tab closes its connection.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return listen();
  if (events) events.close();
  events = null;
});
if (!document.hidden) listen();
})();
