/** What stands in the place of code or output that is hidden, and the marks of a cell's other options (NB42). */
import { Icon } from '../shell/icons.tsx'
import type { CellOptions } from './cell-options.ts'

export function HiddenPart({ what, show }: { what: 'Code' | 'Output'; show: () => void }) {
  return (
    <button
      type="button"
      class="hidden-part"
      onClick={event => {
        event.stopPropagation()
        show()
      }}
    >
      <Icon name="eye" size={14} />
      {what} is hidden
      <span class="hidden-show">Show</span>
    </button>
  )
}

export function OptionMarks({ options: { label, tags, runs } }: { options: CellOptions }) {
  if (label === '' && tags.length === 0 && runs) return null
  return (
    <div class="option-marks">
      {!runs && <span class="pill warn">Not run with others</span>}
      {label !== '' && <span class="pill mono">{label}</span>}
      {tags.map(tag => (
        <span key={tag} class="pill accent">
          {tag}
        </span>
      ))}
    </div>
  )
}
