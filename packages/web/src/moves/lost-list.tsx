/** What a saved state does not have, by name and reason (SW2). */
import type { LostItem } from '@meshbook/core/snapshot.ts'

const shown = 8

export function LostList({ title, lost }: { title: string; lost: readonly LostItem[] }) {
  if (lost.length === 0) return null
  return (
    <>
      <h3>{title}</h3>
      <ul class="lost-list">
        {lost.slice(0, shown).map(({ name, reason }) => (
          <li key={name}>
            <code>{name}</code> <span class="muted">{reason}</span>
          </li>
        ))}
        {lost.length > shown && <li class="muted">and {lost.length - shown} more</li>}
      </ul>
    </>
  )
}
