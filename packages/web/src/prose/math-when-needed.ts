/** Formulas: KaTeX, its look and its fonts are fetched when the first formula is to be shown (OU6). */
import { signal } from '@preact/signals'

type Typesetter = typeof import('./math.ts')
export const typesetter = signal<Typesetter | undefined>(undefined)
let coming: Promise<void> | undefined

export function loadMath(): Promise<void> {
  coming ??= load().catch(thrown => {
    coming = undefined
    throw thrown
  })
  return coming
}

/** With the look, so that no formula is shown without it. */
async function load(): Promise<void> {
  const loaded = await import('./math.ts')
  await loaded.addStyle()
  typesetter.value = loaded
}
