/** The head of a page: where one came from, what it is, and what belongs to all of it. */
import type { ComponentChildren } from 'preact'
import { back } from '../place.ts'
import { Icon } from './icons.tsx'

/** `from`: the page before it, where there is none in the history. */
export function PageHead({ title, from, children }: { title: string; from?: string; children?: ComponentChildren }) {
  return (
    <header class="head">
      {from !== undefined && (
        <button type="button" class="round" aria-label="Back" onClick={() => back(from)}>
          <Icon name="back" />
        </button>
      )}
      <h1 class={from === undefined ? '' : 'title'}>{title}</h1>
      {children}
    </header>
  )
}
