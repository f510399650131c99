/** Dated history: 1 (2026-11) first version. The oldest version still spoken is 1. */
export const protocolVersion = 1

/** Every answer of the API says it, so that a page from a cache knows when it is too old. */
export const protocolHeader = 'meshbook-protocol'
