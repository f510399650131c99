/**
 * Stands in the built page for `lib0/logging`, of which Yjs uses this much for its warnings: the original brings colours,
 * drawing into the page and a checker of types with it.
 */
export const BOLD = ''
export const UNBOLD = ''
export const RED = ''
export const ORANGE = ''

export const print = (...parts: unknown[]): void => console.warn(...parts)
export const warn = print
