/** The pieces that the sections of the account page are made of. */
import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from '../shell/icons.tsx'

/** Does it, then shows the account as it is; a failure is told under this title. */
export type Act = (title: string, work: () => Promise<unknown>) => void

interface RowProps {
  icon: IconName
  title: string
  note: string
  mark?: string | false | undefined
  children?: ComponentChildren
}

export function Row({ icon, title, note, mark, children }: RowProps) {
  return (
    <li class="account-row">
      <Icon name={icon} />
      <div class="grow">
        <div class="row">
          <strong class="ellipsis">{title}</strong>
          {mark && <span class="pill ok">{mark}</span>}
        </div>
        <span class="faint">{note}</span>
      </div>
      {children}
    </li>
  )
}

interface SectionProps {
  id: string
  title: string
  text: string
  children: ComponentChildren
}

export function Section({ id, title, text, children }: SectionProps) {
  return (
    <section aria-labelledby={id} class="account-section">
      <h3 id={id}>{title}</h3>
      <p class="muted">{text}</p>
      {children}
    </section>
  )
}
