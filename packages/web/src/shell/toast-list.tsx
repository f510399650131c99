/** Shows the short messages; a screen reader hears them. */
import { dismiss, type Toast, toasts } from '../state/toasts.ts'
import { Icon, type IconName } from './icons.tsx'

const icons = { info: 'check', bad: 'warning', busy: 'spinner' } as const satisfies Record<Toast['kind'], IconName>

export function ToastList() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, kind, title, detail, action }) => (
        <div key={id} class={`toast ${kind}`}>
          <Icon name={icons[kind]} class={kind === 'busy' ? 'spin' : ''} />
          <div class="grow">
            <strong>{title}</strong>
            {detail && <span class="muted">{detail}</span>}
          </div>
          {action && (
            <button
              type="button"
              class="button"
              onClick={() => {
                dismiss(id)
                action.run()
              }}
            >
              {action.label}
            </button>
          )}
          {kind !== 'busy' && (
            <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => dismiss(id)}>
              <Icon name="close" />
            </button>
          )}
        </div>
      ))}
    </div>
  )
}
