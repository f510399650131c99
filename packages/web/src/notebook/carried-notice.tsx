/** What became of changes that the hub did not have when the document was replaced (W22). */
import { useRef } from 'preact/hooks'
import { Icon } from '../shell/icons.tsx'
import { notify, report } from '../state/toasts.ts'
import type { Carried } from '../sync/document-link.ts'
import { useNotebook } from './open-notebook.ts'

export function CarriedNotice({ carried: { edits, done, oldText } }: { carried: Carried }) {
  const { link } = useNotebook()
  const dialog = useRef<HTMLDialogElement>(null)
  const changes = edits === 1 ? '1 unsent change' : `${edits} unsent changes`
  const dismiss = () => void link.dismissCarried().catch(thrown => report(thrown, 'The old text is still kept'))
  return (
    <div class="banner warn" role="status">
      <Icon name="warning" />
      <span class="grow">
        The document was replaced on the hub;{' '}
        {done ? `your ${changes} were carried over.` : `your ${changes} will be carried over when it is back.`}
      </span>
      <button type="button" class="button small" onClick={() => dialog.current?.showModal()}>
        Show the old text
      </button>
      {done && (
        <button type="button" class="icon-button" aria-label="Dismiss" onClick={dismiss}>
          <Icon name="close" />
        </button>
      )}
      <dialog ref={dialog} class="dialog wide" aria-labelledby="old-text-title">
        <div class="dialog-body">
          <h2 id="old-text-title">Your text before the document was replaced</h2>
          <textarea class="old-text" aria-labelledby="old-text-title" readOnly rows={16} value={oldText} />
          <div class="dialog-actions">
            <button type="button" class="button" onClick={() => void copy(oldText)}>
              <Icon name="copy" />
              Copy
            </button>
            <button type="button" class="button primary" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </div>
        </div>
      </dialog>
    </div>
  )
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    notify('The old text was copied')
  } catch (thrown) {
    report(thrown, 'The text was not copied; select it and copy it by hand')
  }
}
