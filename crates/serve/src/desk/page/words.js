// Groups tokens into words: " unbeliev" and "able" form one word. A word ends before the next token
// that begins with white space. Its probability is the product of its tokens' probabilities.

const BLANK = /^\s*$/;

/** Adds `token` to the list of `words` and returns its word. */
export function addToken(words, token) {
  const last = words.at(-1);
  // Line breaks and the first parts of a character belong to the word that follows.
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

// Tokens without text at the end of a word are the first parts of the next character.
function takeParts(word) {
  let whole = word.tokens.length;
  while (whole > 1 && word.tokens[whole - 1].t === '') whole -= 1;
  return word.tokens.splice(whole);
}

/** The natural logarithm of a word's probability. */
export function certainty(word) {
  return word.tokens.reduce((sum, token) => sum + token.p, 0);
}

/** The shade of a word, from 0 (probability 50% or more) to 4. Keep in sync with desk.html's legend. */
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

/** A readable form of a token, without its leading space and with a name for invisible tokens. */
export function tokenName(text) {
  if (text === null) return 'end of the text';
  if (text === '' || text.includes('\ufffd')) return 'part of a character';
  const shown = text.replaceAll(/\r?\n/g, '↵').trim();
  return shown || 'space';
}
