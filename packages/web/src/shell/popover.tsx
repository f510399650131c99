/** A panel that opens at its button, in the browser's top layer: Escape and a click outside close it. */
import type { ComponentChildren, RefObject } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'

interface PopoverProps {
  /** Of the panel, and of the button unless that says in words what it is. */
  label: string
  wordy?: boolean
  class?: string
  panelClass?: string
  title?: string
  disabled?: boolean
  button: ComponentChildren
  /** Drawn only while open. */
  children: (close: () => void) => ComponentChildren
}

const gap = 6
const margin = 8

export function Popover({
  label,
  wordy = false,
  class: buttonClass,
  panelClass = '',
  title,
  disabled,
  button,
  children,
}: PopoverProps) {
  const id = useId()
  const trigger = useRef<HTMLButtonElement>(null)
  const panel = useRef<HTMLDivElement>(null)
  const [open, setOpen] = useState(false)

  useEffect(() => (open ? keepPlaced(trigger, panel) : undefined), [open])
  const close = () => panel.current?.hidePopover()
  const toggled = (event: Event) => {
    const opening = (event as ToggleEvent).newState === 'open'
    setOpen(opening)
    if (!opening) return
    requestAnimationFrame(() => {
      place(trigger.current, panel.current)
      panel.current
        ?.querySelector<HTMLElement>('[autofocus], .menu-item:not(:disabled), input')
        ?.focus({ preventScroll: true })
    })
  }
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'Escape') trigger.current?.focus()
    if (event.key === 'ArrowDown') moveFocus(panel.current, 1, event)
    if (event.key === 'ArrowUp') moveFocus(panel.current, -1, event)
    event.stopPropagation()
  }
  return (
    <>
      <button
        ref={trigger}
        type="button"
        class={buttonClass}
        aria-label={wordy ? undefined : label}
        title={title}
        disabled={disabled}
        aria-expanded={open}
        aria-haspopup="dialog"
        popovertarget={id}
      >
        {button}
      </button>
      <div
        ref={panel}
        id={id}
        popover="auto"
        class={`popover ${panelClass}`}
        role="dialog"
        aria-label={label}
        onToggle={toggled}
        onKeyDown={keys}
      >
        {open && children(close)}
      </div>
    </>
  )
}

function place(trigger: HTMLElement | null, panel: HTMLElement | null): void {
  if (!trigger || !panel) return
  const at = trigger.getBoundingClientRect()
  const { width, height } = panel.getBoundingClientRect()
  const alignRight = at.left + width > innerWidth - margin
  const left = alignRight ? at.right - width : at.left
  const below = at.bottom + gap
  const top = below + height > innerHeight - margin && at.top - gap - height > margin ? at.top - gap - height : below
  panel.style.left = `${Math.max(margin, Math.min(left, innerWidth - width - margin))}px`
  panel.style.top = `${Math.max(margin, Math.min(top, innerHeight - height - margin))}px`
}

/** A window that is turned or made smaller, or content that grows, must not leave the panel outside. */
function keepPlaced(trigger: RefObject<HTMLElement | null>, panel: RefObject<HTMLElement | null>): () => void {
  const again = () => place(trigger.current, panel.current)
  const observer = new ResizeObserver(again)
  if (panel.current) observer.observe(panel.current)
  addEventListener('resize', again)
  return () => {
    observer.disconnect()
    removeEventListener('resize', again)
  }
}

function moveFocus(panel: HTMLElement | null, by: number, event: Event): void {
  const items = [...(panel?.querySelectorAll<HTMLElement>('.menu-item:not(:disabled)') ?? [])]
  if (items.length === 0) return
  const at = items.indexOf(document.activeElement as HTMLElement)
  items[(at + by + items.length) % items.length]?.focus()
  event.preventDefault()
}
