// The search in the dialog and on the page search/. find.js loads this script on first use. The index
// comes with its own reader, "ventiSearch".
"use strict";

(() => {
  const root = document.documentElement.dataset.root || "";

  let reader = null;

  // Loads the first file of the index, which contains the reader of the other files.
  function ready() {
    reader = reader || new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = root + "search/index.js";
      script.onload = resolve;
      script.onerror = () => {
        script.remove();
        // Allow another attempt to load the file.
        reader = null;
        reject(new Error(script.src + " could not be loaded"));
      };
      document.head.append(script);
    });
    return reader;
  }

  const filled = (text, values) =>
    text.replace(/\{(\w+)\}/g, (whole, name) => name in values ? values[name] : whole);

  function element(name, attributes, children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // Returns the pieces of a text, with the matching words marked.
  const withMarks = (text, words) => ventiSearch.marked(text, words)
    .map(([piece, isMarked]) => isMarked ? element("mark", {}, [piece]) : piece);

  function hit([path, title, quote, facts], id, words) {
    return element("a", { class: "search-hit", role: "option", id, href: root + path, tabindex: -1, "aria-selected": false }, [
      element("span", { class: "search-title" }, withMarks(title, words)),
      element("span", { class: "search-quote", dir: "auto" }, withMarks(quote, words)),
      element("span", { class: "facts" },
        facts.flatMap((fact) => [element("span", {}, withMarks(fact, words)), " "])),
    ]);
  }

  // A search field with its results below: a combobox with a list box of links.
  function Box(box) {
    const input = box.querySelector("input");
    const status = box.querySelector("[role=status]");
    const list = box.querySelector("[role=listbox]");
    const more = box.querySelector("[data-more]");
    const dialog = box.closest("dialog");
    const step = Number(box.dataset.limit);
    let limit = step;
    let asked = "";
    let active = null;

    function choose(option) {
      if (active) active.setAttribute("aria-selected", "false");
      active = option;
      if (!active) {
        input.removeAttribute("aria-activedescendant");
        return;
      }
      active.setAttribute("aria-selected", "true");
      active.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", active.id);
    }

    function show(text, hits, rest) {
      status.textContent = text;
      choose(null);
      list.replaceChildren(...hits);
      list.hidden = !hits.length;
      input.setAttribute("aria-expanded", String(hits.length > 0));
      more.hidden = !rest;
      // In the dialog, Enter opens the first result; on the page, the reader chooses a result first.
      if (dialog && hits.length) choose(hits[0]);
    }

    function summary(query, { docs, complete, instead }) {
      const { none, one, count, some, corrected } = box.dataset;
      const values = { query: query.trim(), count: docs.length };
      if (!docs.length) return filled(none, values);
      const sentences = instead.map(([word, read]) => filled(corrected, { word, instead: read }));
      sentences.push(filled(complete ? (docs.length === 1 ? one : count) : some, values));
      return sentences.join(" ");
    }

    async function search() {
      const query = input.value;
      asked = query;
      try {
        await ready();
        if (!ventiSearch.words(query).length) return show("", [], 0);
        const found = await ventiSearch.search(query, limit);
        if (asked !== query) return;
        const hits = found.shown.map((doc, at) => hit(doc, box.id + "-" + at, found.words));
        show(summary(query, found), hits, found.docs.length - hits.length);
        if (dialog) more.href = root + "search/index.html?q=" + encodeURIComponent(query.trim());
      } catch {
        if (asked === query) show(box.dataset.failed, [], 0);
      }
    }

    input.addEventListener("input", () => {
      limit = step;
      search();
      if (!dialog) remember(input.value.trim());
    });

    input.addEventListener("keydown", (event) => {
      const options = [...list.children];
      const at = options.indexOf(active);
      const down = event.key === "ArrowDown", up = event.key === "ArrowUp";
      if ((down || up) && options.length) {
        const next = down ? at + 1 : at < 0 ? options.length - 1 : at - 1;
        choose(options[next] || null);
      } else if (event.key === "Enter" && !event.isComposing) {
        if (active) active.click();
      } else {
        return;
      }
      event.preventDefault();
    });

    box.addEventListener("submit", (event) => event.preventDefault());

    if (!dialog) {
      more.addEventListener("click", async () => {
        const shown = list.children.length;
        limit += step;
        await search();
        list.children[shown]?.focus();
      });
    }

    // The field may contain text that was typed before this script loaded, or taken from the page's
    // address.
    if (input.value) search();
    else ready().catch(() => show(box.dataset.failed, [], 0));
  }

  // Stores the query in the page's address, so that readers can link or return to the results.
  function remember(query) {
    try {
      history.replaceState(null, "", query ? "?q=" + encodeURIComponent(query) : location.pathname);
    } catch {
      // Some browsers do not allow this on pages from the file system.
    }
  }

  const page = document.querySelector("main [data-search-box]");
  if (page) {
    const input = page.querySelector("input");
    const query = new URLSearchParams(location.search).get("q");
    if (query && !input.value) input.value = query;
    Box(page);
    return;
  }

  Box(document.querySelector("[data-search-dialog] [data-search-box]"));
})();
