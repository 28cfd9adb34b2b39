// The reader of the search index. It is at the start of search/index.js, so that it always matches
// the files it reads. `ventiSearch.search(query, limit)` finds texts and loads the files it needs.
// It does not depend on the page that shows the results.
"use strict";

(() => {
  // The symbols that encode numbers, as in packed.rs. The first LAST symbols end a number.
  const SYMBOLS =
    "!#$%'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}";
  const LAST = 58;
  const LEVELS = 16;
  const VALUE = new Map([...SYMBOLS].map((symbol, value) => [symbol, value]));

  // Maximum number of word files loaded per word of a query.
  const FILES_A_WORD = 2;
  const WORDS_A_QUERY = 16;
  // A word of at least STEM letters also finds words that are up to ENDING letters longer: "heat"
  // finds "heating".
  const STEM = 4;
  const ENDING = 3;
  // Weight of matches that are longer than the query word.
  const LONGER = 0.7;

  const LETTERS = { ß: "ss", æ: "ae", œ: "oe", þ: "th", ø: "o", đ: "d", ð: "d", ł: "l", ı: "i", ς: "σ" };
  const ALONE =
    "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u9fff\\u{20000}-\\u{3ffff}";
  // Letters of scripts without spaces, or a word in another script.
  const WORD = new RegExp(`[${ALONE}]+|(?:(?![${ALONE}])[\\p{Alphabetic}\\p{N}])+`, "gu");
  const IS_ALONE = new RegExp(`^[${ALONE}]`, "u");
  const IS_LETTER = /[\p{Alphabetic}\p{N}]/u;
  const MAX_CHARS = 32;
  // A word as written in a text, for marking.
  const WRITTEN = new RegExp(
    `[${ALONE}]+|(?:(?![${ALONE}])[\\p{Alphabetic}\\p{N}\\p{M}'’])+`, "gu");

  const folded = (text) => text.normalize("NFKD").toLowerCase()
    .replace(/[\u0300-\u036f'’]/g, "")
    .replace(/[ßæœþøđðłıς]/g, (letter) => LETTERS[letter]);

  /** Splits a text into words, by the rules of words.rs. A query needs no last letter after pairs. */
  function words(text, isQuery) {
    return (folded(text).match(WORD) || []).flatMap((word) => {
      if (!IS_ALONE.test(word)) {
        return word.length > MAX_CHARS ? [[...word].slice(0, MAX_CHARS).join("")] : [word];
      }
      const letters = [...word].filter((letter) => IS_LETTER.test(letter));
      const pairs = letters.map((letter, at) => letter + (letters[at + 1] || ""));
      return isQuery && pairs.length > 1 ? pairs.slice(0, -1) : pairs;
    });
  }

  function numbers(packed) {
    const found = [];
    let sum = 0, scale = 1;
    for (const symbol of packed) {
      const value = VALUE.get(symbol);
      if (value < LAST) {
        found.push(sum * LAST + value);
        sum = 0;
        scale = 1;
      } else {
        sum += (value - LAST + 1) * scale;
        scale *= SYMBOLS.length - LAST;
      }
    }
    return found;
  }

  /** Returns the words of a file in order, with their texts still encoded. */
  function unpack(packed) {
    const halves = packed.split(" ");
    const terms = [];
    let word = "";
    for (let at = 0; at + 1 < halves.length; at += 2) {
      word = word.slice(0, VALUE.get(halves[at][0])) + halves[at].slice(1);
      terms.push({ word, packed: halves[at + 1] });
    }
    return terms;
  }

  /** Decodes a word's texts ([number, impact] each), their count, and whether all are listed. */
  function postings(term) {
    if (!term.texts) {
      const all = term.packed[0] !== "~";
      const list = numbers(all ? term.packed : term.packed.slice(1));
      const count = all ? list.length : list.shift();
      let next = 0;
      const texts = list.map((number) => {
        const doc = next + Math.floor(number / LEVELS);
        next = doc + 1;
        return [doc, number % LEVELS];
      });
      Object.assign(term, { texts, count, all });
    }
    return term;
  }

  /** Whether two words differ by at most one insertion, deletion, substitution or transposition. */
  function areNear(a, b) {
    if (a.length > b.length) return areNear(b, a);
    if (b.length - a.length > 1) return false;
    let at = 0;
    while (at < a.length && a[at] === b[at]) at += 1;
    if (a.length < b.length) return a.slice(at) === b.slice(at + 1);
    return a.slice(at + 1) === b.slice(at + 1)
      || (a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2));
  }

  /** Whether a word of a query matches another. An `open` word is still being typed. */
  function means({ word, open }, other) {
    // A single letter of a script without spaces finds all pairs that begin with it.
    const isLetter = IS_ALONE.test(word) && [...word].length === 1;
    return other.startsWith(word)
      && (open || isLetter || other.length === word.length
        || (word.length >= STEM && other.length <= word.length + ENDING));
  }

  /** Number of characters to mark in a written word; for an open word, those typed so far. */
  function reach(written, wanted) {
    const one = wanted.find((one) => words(written).some((word) => means(one, word)));
    if (!one) return 0;
    const { length } = one.word;
    return one.open && words(written.slice(0, length))[0] === one.word ? length : written.length;
  }

  /** Returns the spans to mark in letters of a script without spaces. */
  function pairs(written, wanted) {
    const letters = [];
    let at = 0;
    for (const letter of written) {
      const [first] = [...folded(letter)];
      // Marks belong to the letter before them.
      if (first && IS_LETTER.test(first)) letters.push({ first, at });
      at += letter.length;
    }
    const spans = [];
    letters.forEach(({ first, at: from }, nth) => {
      const next = letters[nth + 1];
      const word = first + (next ? next.first : "");
      const one = wanted.find((one) => means(one, word));
      if (!one) return;
      const after = [...one.word].length > 1 && next ? letters[nth + 2] : next;
      const to = after ? after.at : written.length;
      const last = spans.at(-1);
      if (last && last[1] >= from) last[1] = to;
      else spans.push([from, to]);
    });
    return spans;
  }

  /** Splits a text into pieces [text, marked], where matches of the words are marked. */
  function marked(text, wanted) {
    const pieces = [];
    let end = 0;
    for (const { 0: written, index } of text.matchAll(WRITTEN)) {
      const spans = IS_ALONE.test(written) ? pairs(written, wanted) : [[0, reach(written, wanted)]];
      for (const [from, to] of spans) {
        if (from === to) continue;
        if (index + from > end) pieces.push([text.slice(end, index + from), false]);
        end = index + to;
        pieces.push([text.slice(index + from, end), true]);
      }
    }
    if (end < text.length) pieces.push([text.slice(end), false]);
    return pieces;
  }

  // Data of the loaded files by name: [edition, data].
  const received = new Map();
  const coming = new Map();
  const unpacked = new Map();

  /** A file's edition differs from that of the index: the site has changed. */
  class Changed extends Error {
    constructor(edition) {
      super("the site has changed");
      this.edition = edition;
    }
  }

  const folder = globalThis.document && new URL(".", document.currentScript.src).href;

  /** Runs a file from the index's folder, which passes its data to `add`. */
  function load(name) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = folder + name;
      script.onload = resolve;
      script.onerror = () => {
        script.remove();
        reject(new Error(`${script.src} could not be loaded`));
      };
      document.head.append(script);
    });
  }

  /** Returns the data of the file `name`. */
  async function part(name) {
    const [edition] = received.get("index");
    if (!received.has(name)) {
      if (!coming.has(name)) {
        const done = () => coming.delete(name);
        coming.set(name, reader.load(`${name}.js?${edition}`));
        coming.get(name).then(done, done);
      }
      await coming.get(name);
    }
    const [its, data] = received.get(name);
    if (its !== edition) throw new Changed(its);
    return data;
  }

  /** The number of texts, and the first word of each file. */
  const contents = () => received.get("index")[1];

  async function terms(at) {
    if (!unpacked.has(at)) unpacked.set(at, unpack(await part(`terms-${at}`)));
    return unpacked.get(at);
  }

  /** Loads the file in which `word` belongs, and the next one if its first word starts with `word`. */
  async function around(word) {
    const { terms: firsts } = contents();
    const after = firsts.findIndex((first) => first > word);
    const from = Math.max((after < 0 ? firsts.length : after) - 1, 0);
    let to = from + 1;
    while (to < firsts.length && to < from + FILES_A_WORD && firsts[to].startsWith(word)) to += 1;
    const files = firsts.slice(from, to).map((_, at) => terms(from + at));
    return (await Promise.all(files)).flat();
  }

  /** Returns words that `word` may misspell, including ones with swapped first letters. */
  async function near(word) {
    const swapped = [0, 1, 2].map((at) =>
      word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2));
    const known = (await Promise.all([word, ...swapped].map(around))).flat();
    return known.filter((term) => areNear(term.word, word)).map(postings);
  }

  /** Returns the texts that match a query word (`scores` by number) and the word it was `read` as. */
  async function texts(wanted) {
    const { docs } = contents();
    let found = (await around(wanted.word)).filter((term) => means(wanted, term.word));
    let read = wanted;
    if (!found.length && wanted.word.length >= STEM) {
      found = (await near(wanted.word)).sort((a, b) => b.count - a.count).slice(0, 1);
      if (found.length) read = { word: found[0].word, open: false };
    }
    const scores = new Map();
    let all = true;
    for (const term of found.map(postings)) {
      const share = term.word === read.word ? 1 : LONGER * read.word.length / term.word.length;
      const rarity = Math.log(1 + (docs - term.count + 0.5) / (term.count + 0.5));
      all = all && term.all;
      for (const [doc, impact] of term.texts) {
        scores.set(doc, Math.max(scores.get(doc) || 0, share * rarity * (impact + 1)));
      }
    }
    return { wanted, read, scores, all };
  }

  /** Finds texts with all words, or else with some of them; best matches first. */
  async function find(query) {
    const asked = [...new Set(words(query, true))].slice(0, WORDS_A_QUERY);
    const typing = !/\s$/.test(query);
    const wanted = asked.map((word, at) => ({ word, open: typing && at === asked.length - 1 }));
    const each = await Promise.all(wanted.map(texts));
    const sums = new Map();
    for (const { scores } of each) {
      for (const [doc, score] of scores) {
        const [sum, count] = sums.get(doc) || [0, 0];
        sums.set(doc, [sum + score, count + 1]);
      }
    }
    // Only words with a complete list of texts are required.
    const needed = each.filter((one) => one.all);
    let found = [...sums].filter(([doc]) => needed.every(({ scores }) => scores.has(doc)));
    const complete = found.length > 0;
    if (!complete) found = [...sums];
    found.sort(([a, [sumA, countA]], [b, [sumB, countB]]) =>
      countB * sumB - countA * sumA || a - b);
    return {
      words: each.map((one) => one.read),
      docs: found.map(([doc]) => doc),
      complete,
      // Words without matches, with the words used instead.
      instead: each.filter((one) => one.read !== one.wanted)
        .map((one) => [one.wanted.word, one.read.word]),
    };
  }

  /** Loads the data shown in results: [path, title, quote, facts] for each text number. */
  async function shown(numbers) {
    const { docs_per_file: size } = contents();
    const text = async (doc) => (await part(`docs-${Math.floor(doc / size)}`))[doc % size];
    return Promise.all(numbers.map(text));
  }

  /** Finds texts. `shown` holds the data of the first `limit`. */
  async function search(query, limit) {
    try {
      const found = await find(query);
      return { ...found, shown: await shown(found.docs.slice(0, limit)) };
    } catch (error) {
      if (!(error instanceof Changed) || reader.isNewest) throw error;
      // The newer index contains its own reader.
      await reader.load(`index.js?${error.edition}`);
      globalThis.ventiSearch.isNewest = true;
      return globalThis.ventiSearch.search(query, limit);
    }
  }

  /** Called by the files of the index. */
  const add = (name, edition, data) => received.set(name, [edition, data]);

  const reader = { add, load, search, words, marked };
  globalThis.ventiSearch = reader;
})();
