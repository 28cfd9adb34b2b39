// Tokens are not words: " unbeliev" and "able" are one. A word is a run of tokens up to the next
// one that begins with white space, and its certainty is the product of theirs.

const BLANK = /^\s*$/;

/** Adds `token` to the list of `words`, and returns the word that it became part of. */
export function addToken(words, token) {
  const last = words.at(-1);
  // Line breaks belong to the word that follows them, and so do the first parts of a character.
  if (!last || (/^\s/.test(token.t) && !BLANK.test(last.text))) {
    const before = last ? takeParts(last) : [];
    const from = last ? last.from + last.tokens.length : 0;
    words.push({ from, tokens: [...before, token], text: token.t });
    return words.at(-1);
  }
  last.tokens.push(token);
  last.text += token.t;
  return last;
}

// A token without text at the end of a word is the first part of a character that comes next.
function takeParts(word) {
  let whole = word.tokens.length;
  while (whole > 1 && word.tokens[whole - 1].t === '') whole -= 1;
  return word.tokens.splice(whole);
}

/** The natural logarithm of the probability of all tokens of a word. */
export function certainty(word) {
  return word.tokens.reduce((sum, token) => sum + token.p, 0);
}

/** From 0, more likely than not, to 4, hardly expected. The legend in desk.html says the same. */
export function shade(logProbability) {
  const probability = Math.exp(logProbability);
  return [0.5, 0.2, 0.08, 0.02, 0].findIndex((least) => probability >= least);
}

export function percent(logProbability) {
  const share = 100 * Math.exp(logProbability);
  if (share < 0.1) return 'under 0.1%';
  if (share < 9.95) return `${share.toFixed(1)}%`;
  return share > 99.5 && share < 100 ? 'over 99%' : `${Math.round(share)}%`;
}

/** A token as it can be read: without its space, and with what has no shape named. */
export function tokenName(text) {
  if (text === null) return 'end of the text';
  if (text === '' || text.includes('\ufffd')) return 'part of a character';
  const shown = text.replaceAll(/\r?\n/g, '↵').trim();
  return shown || 'space';
}
