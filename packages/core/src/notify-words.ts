/**
 * The words of a notice. They cannot be empty by their type, and only `filled` makes them, so that there is no message
 * that shows nothing (NT11). It must not know what the words are about.
 */
declare const brand: unique symbol
/** At least one character that can be seen, no control characters. */
export type Filled = string & { readonly [brand]: 'Filled' }

/** `text` without what cannot be shown, at most `chars` long; `otherwise` where nothing is left of it. */
export function filled(text: string, otherwise: 'Meshbook' | 'Open Meshbook to see more.', chars: number): Filled {
  const shown = text.replace(/[^\P{C}\n]+/gu, ' ').trim()
  return (shown === '' ? otherwise : shortened(shown, chars)) as Filled
}

/** Never half of a character. */
function shortened(text: string, chars: number): string {
  const points = Array.from(text)
  return points.length <= chars
    ? text
    : `${points
        .slice(0, chars - 1)
        .join('')
        .trimEnd()}…`
}
