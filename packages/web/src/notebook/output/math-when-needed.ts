/** Formulas: KaTeX, its look and its fonts are fetched when the first formula is to be shown (OU6). */
import { signal } from '@preact/signals'
import styleUrl from 'katex/dist/katex.min.css?url'

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
  const [loaded] = await Promise.all([import('./math.ts'), addStyle()])
  typesetter.value = loaded
}

function addStyle(): Promise<void> {
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = styleUrl
  return new Promise((resolve, reject) => {
    link.addEventListener('load', () => resolve())
    link.addEventListener('error', () => {
      link.remove()
      reject(new Error('the look of formulas could not be loaded'))
    })
    document.head.append(link)
  })
}
