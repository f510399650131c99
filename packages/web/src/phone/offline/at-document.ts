/**
 * A document of this phone in step with the hub, for as long as some work takes: the one that is shown, or opened for it
 * behind what is shown. Used for comparing, for sending edits, and for keeping documents here.
 */
import { effect } from '@preact/signals'
import { asApiError } from '../../api/api-error.ts'
import { type DocumentLink, openDocument } from '../../sync/document-link.ts'
import type { EditVector } from '../../sync/edit-vector.ts'
import type { LinkPorts } from '../../sync/link-ports.ts'
import { shownLink } from './shown-documents.ts'

export interface Wanted {
  document: string
  /** `<owner>/<project>/<document>` */
  address: string
  /** The hub must have these edits; without it, all. */
  edits?: EditVector
}

/** Undefined if the hub could not be asked in time; `gone` if it has no such document any more, or not for us. */
export async function atDocument<T>(
  wanted: Wanted,
  ports: LinkPorts,
  waitMs: number,
  work: (link: DocumentLink) => T | Promise<T>,
): Promise<T | 'gone' | undefined> {
  const open = shownLink(wanted.document)
  if (open) return await whenInStep(open, wanted, ports, waitMs, work)
  const abort = new AbortController()
  const cancel = ports.after(waitMs, () => abort.abort())
  try {
    const link = await openDocument(optionsOf(wanted, abort), ports)
    try {
      return await whenInStep(link, wanted, ports, waitMs, work)
    } finally {
      await link.stored()
      link.close()
    }
  } catch (thrown) {
    if (abort.signal.aborted) return undefined
    const { code } = asApiError(thrown)
    return code === 'NOT_FOUND' || code === 'FORBIDDEN' ? 'gone' : undefined
  } finally {
    cancel()
  }
}

/** The same for a link that is open. */
export async function whenInStep<T>(
  link: DocumentLink,
  { edits }: Wanted,
  ports: Pick<LinkPorts, 'after'>,
  waitMs: number,
  work: (link: DocumentLink) => T | Promise<T>,
): Promise<T | 'gone' | undefined> {
  const isInStep = await inStep(link, edits, ports, waitMs)
  if (link.isGone) return 'gone'
  return isInStep ? await work(link) : undefined
}

const optionsOf = ({ document, address }: Wanted, abort: AbortController) => ({
  document,
  address,
  user: '',
  signal: abort.signal,
  onReplaced: () => abort.abort(),
  onUnavailable: () => abort.abort(),
})

/** Whether the link has the hub's content and the hub those edits, at the latest after `waitMs`. */
function inStep(
  link: DocumentLink,
  edits: EditVector | undefined,
  ports: Pick<LinkPorts, 'after'>,
  waitMs: number,
): Promise<boolean> {
  return new Promise(resolve => {
    let stop: () => void = () => undefined
    const end = (is: boolean) => {
      resolve(is)
      cancel()
      queueMicrotask(() => stop())
    }
    const cancel = ports.after(waitMs, () => end(false))
    stop = effect(() => {
      const { hub, unsent, refused } = link.facts.value
      if (refused !== undefined) end(false)
      if (hub !== 'live') return
      if (edits === undefined ? unsent === 0 : link.isAcknowledged(edits)) end(true)
    })
  })
}
