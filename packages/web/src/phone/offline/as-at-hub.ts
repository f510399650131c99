/**
 * A document as the hub has it now, by a connection that is begun when it is asked for (PH23). The one of an open document
 * may be dead without knowing it, after a cut above all, and go on saying that it is live.
 */
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { DocumentLink } from '../../sync/document-link.ts'
import { noEdits } from '../../sync/edit-vector.ts'
import { HubConnection } from '../../sync/hub-connection.ts'
import type { LinkPorts } from '../../sync/link-ports.ts'

/** A copy, in which nothing changes afterwards; undefined if the hub could not be asked in time. */
export async function asAtHub(
  link: Pick<DocumentLink, 'doc' | 'epoch'>,
  address: string,
  ports: LinkPorts,
  waitMs: number,
): Promise<Y.Doc | undefined> {
  const { doc, epoch } = copyOf(link)
  const awareness = new Awareness(doc)
  // It is nobody's presence.
  awareness.setLocalState(null)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const cancel = ports.after(waitMs, () => resolve(false))
  const nothing = () => undefined
  const connection = new HubConnection({
    ...{ address, doc, awareness, ports, epoch },
    have: () => noEdits,
    onState: state => state === 'live' && resolve(true),
    onReplaced: () => resolve(false),
    onRefused: () => resolve(false),
    ...{ onEpoch: nothing, onAcked: nothing },
  })
  const isInStep = await promise
  cancel()
  connection.close()
  awareness.destroy()
  return isInStep ? doc : undefined
}

/** What is here already need not come again; of an unknown epoch nothing may be offered (I2). */
function copyOf({ doc, epoch }: Pick<DocumentLink, 'doc' | 'epoch'>): { doc: Y.Doc; epoch: number | undefined } {
  const copy = new Y.Doc()
  if (epoch !== undefined) Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  return { doc: copy, epoch }
}
