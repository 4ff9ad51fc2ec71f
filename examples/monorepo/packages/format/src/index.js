/**
 * Words with their counts as one line of text.
 *
 * @param {[string, number][]} words
 * @returns {string}
 */
export function asLine(words) {
  return words.map(([word, count]) => `${word} (${count})`).join(", ");
}
