/** Shows the short messages; a screen reader hears them. */
import { dismiss, toasts } from '../state/toasts.ts'
import { Icon } from './icons.tsx'

export function ToastList() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, kind, title, detail, action }) => (
        <div key={id} class={`toast ${kind}`}>
          <Icon name={kind === 'bad' ? 'warning' : 'check'} />
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
          <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  )
}
