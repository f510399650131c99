/** What the user has to know about this document: what is wrong with its file on a device, with its copy in this browser, or what one may not do. */
import { type Role, rightsOf } from '@meshbook/core/roles.ts'
import { useRef } from 'preact/hooks'
import { FileProblems } from '../shell/file-problems.tsx'
import { Icon } from '../shell/icons.tsx'
import { fromPart } from '../shell/lazy-page.tsx'
import { documents } from '../state/mesh.ts'
import { notify, report } from '../state/toasts.ts'
import type { Carried } from '../sync/document-link.ts'
import { doing } from './doing-when-needed.ts'
import { useNotebook } from './open-notebook.ts'

const EnvironmentNotices = fromPart(doing, part => part.EnvironmentNotices)

export function DocumentNotices() {
  const { link, project, document } = useNotebook()
  const { carried, unreadable } = link
  const current = documents.value.get(project.id)?.find(({ id }) => id === document.id) ?? document
  return (
    <>
      <FileProblems project={project} path={current.path} />
      {project.roles && <RolesNotice roles={project.roles} owner={project.owner} />}
      {(!project.roles || rightsOf(project.roles).has('run')) && <EnvironmentNotices />}
      {carried.value && <CarriedNotice carried={carried.value} />}
      {unreadable.value > 0 && (
        <div class="banner warn" role="alert">
          <Icon name="warning" />
          <span>
            A part of what this browser had stored of this document cannot be read. What the hub has is complete; edits
            that were made offline may be missing.
          </span>
        </div>
      )}
    </>
  )
}

/** Said before somebody types what the hub would refuse. */
function RolesNotice({ roles, owner }: { roles: readonly Role[]; owner: string }) {
  const rights = rightsOf(roles)
  if (rights.has('write')) return null
  return (
    <div class="banner" role="status">
      <Icon name="eye" />
      <span>
        {rights.has('run') ? 'You may read this and run its cells as they stand' : 'You may read this'}, but not change
        it: what you type stays in this browser. Ask {owner} for the role editor.
      </span>
    </div>
  )
}

function CarriedNotice({ carried: { edits, done, oldText } }: { carried: Carried }) {
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
