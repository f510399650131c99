/** A link inside the app: a real address, followed without loading the page again. */
import type { ComponentChildren } from 'preact'
import { navigate } from '../state/location.ts'

interface LinkProps {
  to: string
  class?: string
  title?: string
  current?: boolean
  onFollow?: () => void
  children: ComponentChildren
}

export function Link({ to, current, onFollow, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(to)
    onFollow?.()
  }
  return (
    <a href={to} onClick={follow} aria-current={current ? 'page' : undefined} {...rest}>
      {children}
    </a>
  )
}
