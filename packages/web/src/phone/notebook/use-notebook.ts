/** A notebook on its way to the screen: first the text that is here, then the open document in its place. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../../api/api-error.ts'
import type { NotebookReading } from '../../notebook/reading.ts'
import { readyToDraw } from '../../notebook/ready-to-draw.ts'
import type { LinkPorts } from '../../sync/link-ports.ts'
import { lists } from '../first-list.ts'
import { isNear, keptText, textOfHub } from './kept-text.ts'
import type { PhoneNotebook } from './phone-notebook.ts'
import { TextNotebook } from './text-notebook.ts'

export interface Shown {
  reading?: NotebookReading
  doing?: PhoneNotebook
  /** Why the document could not be opened. */
  trouble?: 'unavailable' | ApiError
}

export function useNotebook(project: Project, path: string): Shown {
  const listed = lists.value?.documents.find(document => document.project === project.id && document.path === path)
  const [shown, setShown] = useState<Shown>({})
  const [ports, setPorts] = useState<LinkPorts>()
  useEffect(() => {
    const opening = new Opening(project, path, listed, setShown)
    opening.start(ports, next => setPorts({ ...next }))
    return () => opening.close()
    // A rename changes the address but not the document; new ports mean that another document took its place.
  }, [listed?.id ?? path, ports])
  return shown
}

class Opening {
  readonly #project: Project
  readonly #path: string
  readonly #listed: DocumentInfo | undefined
  readonly #show: (shown: Shown) => void
  readonly #abort = new AbortController()
  #text: TextNotebook | undefined
  #shown: Shown = {}

  constructor(project: Project, path: string, listed: DocumentInfo | undefined, show: (shown: Shown) => void) {
    this.#project = project
    this.#path = path
    this.#listed = listed
    this.#show = show
  }

  start(ports: LinkPorts | undefined, onReplaced: (next: LinkPorts) => void): void {
    this.#add({ reading: undefined, doing: undefined, trouble: undefined })
    const { id } = this.#listed ?? {}
    const drawn = this.#read()
    drawn.catch(() => undefined)
    // What opens the document is large: where there is something to draw already, that goes first (PH4).
    const first = id !== undefined && isNear(id) ? drawn.then(nextFrame, nextFrame) : Promise.resolve()
    first.then(() => this.#open(ports, onReplaced)).catch(thrown => this.#add({ trouble: asApiError(thrown) }))
  }

  #add(next: { [name in keyof Shown]: Shown[name] | undefined }): void {
    if (this.#abort.signal.aborted) return
    const all = { ...this.#shown, ...next }
    this.#shown = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
    this.#show(this.#shown)
  }

  async #read(): Promise<void> {
    const { id } = this.#listed ?? {}
    if (id === undefined) return
    const kept = (await keptText(id)) ?? (await textOfHub(id, this.#abort.signal))
    if (!kept || this.#shown.doing) return
    const text = new TextNotebook(kept)
    await readyToDraw(text.store, Object.values(kept.entries))
    if (this.#shown.doing) return
    this.#text = text
    this.#add({ reading: text })
  }

  async #open(ports: LinkPorts | undefined, onReplaced: (next: LinkPorts) => void): Promise<void> {
    const { openNotebook } = await import('./live-notebook.ts')
    const { signal } = this.#abort
    const notebook = await openNotebook(this.#project, this.#path, this.#listed, ports, {
      signal,
      onUnavailable: () => this.#add({ trouble: 'unavailable' }),
      onReplaced: (_unsent, next) => signal.aborted || onReplaced(next),
    })
    if (signal.aborted) return notebook.close()
    signal.addEventListener('abort', () => notebook.close(), { once: true })
    const wanted = this.#text?.wanted
    if (wanted) notebook.edit(wanted.key, wanted.at)
    this.#add({ reading: notebook, doing: notebook, trouble: undefined })
  }

  close(): void {
    this.#abort.abort()
  }
}

/** Until what was drawn is on the screen; a page that is not shown draws nothing. */
function nextFrame(): Promise<void> {
  return new Promise(resolve => {
    if (document.hidden) resolve()
    else requestAnimationFrame(() => setTimeout(resolve))
  })
}
