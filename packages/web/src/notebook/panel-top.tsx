/** The top of a side panel: its name, what it offers, and how to close it. */
import { Icon } from '../shell/icons.tsx'
import { sidePanel } from '../state/layout.ts'

export function PanelTop({ title, children }: { title: string; children?: preact.ComponentChildren }) {
  return (
    <div class="panel-top">
      <h2 class="grow">{title}</h2>
      {children}
      <button
        type="button"
        class="icon-button small"
        aria-label={`Close ${title.toLowerCase()}`}
        onClick={() => {
          sidePanel.value = undefined
        }}
      >
        <Icon name="close" />
      </button>
    </div>
  )
}
