/** Publishing a document: whether everybody may read it, as what, where, and taking it back. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import type { Publication, PublishRequest } from '@meshbook/core/publish-api.ts'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { loadPublications, publications } from '../state/publications.ts'
import { notify, report } from '../state/toasts.ts'
import { AtTheHub } from './at-the-hub.tsx'
import { titleOf } from './file-tree.ts'
import { Icon } from './icons.tsx'
import { owns } from './members-dialog.tsx'
import { publishedAbout } from './publish.tsx'
import '../styles/pages.css'

export function PublishDialog() {
  const about = publishedAbout.value
  return about ? <Publish key={about.document.id} {...about} /> : null
}

function Publish({ project, document }: { project: Project; document: DocumentInfo }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const close = () => {
    publishedAbout.value = undefined
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="publish-title" onClose={close}>
      <div class="dialog-body">
        <h2 id="publish-title">Publish {titleOf(document.path)}</h2>
        <AtTheHub what="Documents are published" path="/" />
        {owns(project) ? (
          <PublishForm project={project} document={document} close={close} />
        ) : (
          <Readers publication={publications.value.get(document.id)} close={close} />
        )}
      </div>
    </dialog>
  )
}

/** Who may not publish sees whether it is. */
function Readers({ publication, close }: { publication: Publication | undefined; close: () => void }) {
  return (
    <>
      {publication && <Address url={publication.url} />}
      <p class="muted">Only owners of the project publish documents and take them back.</p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      </div>
    </>
  )
}

type Choice = 'continuous' | 'now' | 'kept'

function PublishForm({ project, document, close }: { project: Project; document: DocumentInfo; close: () => void }) {
  const publication = publications.value.get(document.id)
  const [choice, setChoice] = useState<Choice>(publication?.mode === 'pinned' ? 'kept' : 'continuous')
  const [indexed, setIndexed] = useState(publication?.indexed ?? false)
  const [busy, setBusy] = useState(false)
  const act = async (what: string, action: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true)
    const done = await action().then(
      () => true,
      thrown => {
        report(thrown, what)
        return false
      },
    )
    await loadPublications(project.id).catch(thrown => report(thrown, 'What is published could not be loaded'))
    setBusy(false)
    return done
  }
  const publish = async () => {
    const done = await act('The document was not published', () =>
      api.publish(document.id, requestOf(choice, indexed, publication)),
    )
    if (done && choice === 'now') setChoice('kept')
  }
  const takeBack = async () => {
    if (!(await act('The document was not taken back', () => api.unpublish(document.id)))) return
    notify('It is no longer published', 'Whoever opens the address finds nothing there.')
    close()
  }
  const submit = (event: Event) => {
    event.preventDefault()
    void publish()
  }
  return (
    <form class="publish-form" onSubmit={submit}>
      {publication ? (
        <Address url={publication.url} />
      ) : (
        <p class="muted">Everybody who has the address may read it: text, code, outputs and images. Nothing runs.</p>
      )}
      <fieldset class="options">
        <legend class="faint">Readers see</legend>
        <Option value="continuous" chosen={choice} choose={setChoice} label="The document as it is">
          Changes are there within seconds.
        </Option>
        {publication?.version != null && (
          <Option value="kept" chosen={choice} choose={setChoice} label={`Version ${publication.version}`}>
            It stays as it is, whatever you change.
          </Option>
        )}
        <Option value="now" chosen={choice} choose={setChoice} label="This version, as it is now">
          It stays like this until you publish another one.
        </Option>
      </fieldset>
      <label class="option">
        <input type="checkbox" checked={indexed} onChange={event => setIndexed(event.currentTarget.checked)} />
        <span>Let search engines list it</span>
      </label>
      <div class="dialog-actions">
        {publication && (
          <button type="button" class="button danger" disabled={busy} onClick={() => void takeBack()}>
            Unpublish
          </button>
        )}
        <div class="grow" />
        <button type="button" class="button" onClick={close}>
          Close
        </button>
        <button type="submit" class="button primary" disabled={busy}>
          {publication ? 'Update' : 'Publish'}
        </button>
      </div>
    </form>
  )
}

function requestOf(choice: Choice, indexed: boolean, publication: Publication | undefined): PublishRequest {
  if (choice === 'continuous') return { mode: 'continuous', indexed }
  const kept = choice === 'kept' ? publication?.version : null
  return { mode: 'pinned', indexed, ...(kept != null && { version: kept }) }
}

interface OptionProps {
  value: Choice
  chosen: Choice
  choose: (value: Choice) => void
  label: string
  children: string
}

function Option({ value, chosen, choose, label, children }: OptionProps) {
  return (
    <label class="option">
      <input type="radio" name="publish" value={value} checked={value === chosen} onChange={() => choose(value)} />
      <span>
        {label}
        <span class="faint">{children}</span>
      </span>
    </label>
  )
}

function Address({ url }: { url: string }) {
  const copy = () =>
    void navigator.clipboard.writeText(url).then(
      () => notify('Address copied', url),
      thrown => report(thrown, 'The address was not copied'),
    )
  return (
    <div class="row published-address">
      <a class="grow ellipsis" href={url} target="_blank" rel="noopener">
        {url.replace(/^https?:\/\//, '')}
      </a>
      <button type="button" class="icon-button" aria-label="Copy the address" title="Copy the address" onClick={copy}>
        <Icon name="copy" />
      </button>
    </div>
  )
}
