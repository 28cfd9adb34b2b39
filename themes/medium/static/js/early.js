// Runs before the first paint: applies the reader's colour scheme, marks that scripts run, and
// preloads the fonts. The fonts are optional: a page uses them only if they have loaded by the first
// paint, so that text never moves while somebody reads it.
(root => {
  root.dataset.script = "";
  try {
    const scheme = localStorage.getItem("venti-theme");
    if (scheme === "light" || scheme === "dark") root.dataset.theme = scheme;
  } catch {
    // Without storage, the page follows the colour scheme of the device.
  }
  for (const [family, href] of Object.entries(document.currentScript.dataset)) {
    if (location.protocol === "file:") {
      // Browsers do not preload fonts from the file system, where loading is fast anyway.
      const face = new FontFace(family, 'url("' + href + '")', { weight: "400 700", display: "swap" });
      document.fonts.add(face);
    } else {
      const link = document.createElement("link");
      Object.assign(link, { rel: "preload", as: "font", type: "font/woff2", crossOrigin: "", href });
      document.head.append(link);
    }
  }
})(document.documentElement);
