/** A link inside the app: a real address, followed without loading the page again. */
import type { ComponentChildren } from 'preact'
import { go } from '../place.ts'

interface GoProps {
  to: string
  class?: string
  current?: boolean
  label?: string
  children: ComponentChildren
}

export function Go({ to, current, label, ...rest }: GoProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    go(to)
  }
  return <a href={to} onClick={follow} aria-current={current ? 'page' : undefined} aria-label={label} {...rest} />
}
