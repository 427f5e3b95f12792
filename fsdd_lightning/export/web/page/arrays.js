"use strict";

// Typed arrays, of which all else is made.

/** One array of many; Kind: such as Int16Array. */
function joinArrays(Kind, parts) {
  const all = new Kind(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
