import { asLine } from "example-format";

/**
 * One line for each text.
 *
 * @param {Record<string, [string, number][]>} report
 * @returns {string[]}
 */
export function lines(report) {
  return Object.entries(report).map(([name, words]) => `${name}: ${asLine(words)}`);
}
