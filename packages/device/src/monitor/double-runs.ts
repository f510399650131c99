/** Runs that two monitors have run, which could not see each other: ended in one place, and shown as what they are (HM23). */
import type { RunId } from '@meshbook/core/ids.ts'
import type { Claim } from './claims.ts'
import { isEndStatus, isOpenStatus } from './entry-guard.ts'
import { EntryView } from './execution-entry.ts'
import { findOutput, updateOutput } from './output-block.ts'
import type { ServerDocument } from './server-document.ts'

export interface DoubleRunPorts {
  document: ServerDocument
  /** Ends a run here without a word in the document. */
  abandon(run: RunId, reason: string): void
}

export class DoubleRuns {
  readonly #ports: DoubleRunPorts

  constructor(ports: DoubleRunPorts) {
    this.#ports = ports
    ports.document.claims.onChange(() => queueMicrotask(() => this.look()))
  }

  look(): void {
    const { claims } = this.#ports.document
    for (const run of claims.ranTwice()) {
      const ran = claims.of(run).filter(({ ranAt }) => ranAt !== undefined)
      this.#giveWay(run, ran)
      this.#show(run, ran)
    }
  }

  #giveWay(run: RunId, ran: readonly Claim[]): void {
    const { document, abandon } = this.#ports
    const isMine = ran.slice(1).some(({ client }) => client === document.client)
    if (!isMine) return
    abandon(run, `It was also run by ${ran[0]!.name}, which shows it.`)
    // Should that one be gone, the run has an end all the same (HM31).
    const entry = new EntryView(document.peer.doc, run)
    const isMarkedMine = entry.get('claimedBy') === document.client && isOpenStatus(entry.get('status'))
    if (isMarkedMine) entry.patch({ claimedBy: ran[0]!.client })
  }

  /** Once it is over, by the first of those who are there. */
  #show(run: RunId, ran: readonly Claim[]): void {
    const { document } = this.#ports
    const { doc } = document.peer
    const entry = new EntryView(doc, run)
    const ranBy = ran.map(({ name, ranAt }) => ({ name, at: ranAt! }))
    if (!document.isFirst() || !isEndStatus(entry.get('status'))) return
    if (JSON.stringify(entry.get('ranBy')) === JSON.stringify(ranBy)) return
    const reason = `This was run by ${listed(ranBy.map(({ name }) => name))}, which could not see each other.`
    doc.transact(() => {
      entry.patch({ ranBy, reason })
      const position = entry.get('outputPosition')
      const block = findOutput(doc, run, position)
      if (!block) return
      const before = block.text === '' ? '' : `${block.text}\n`
      updateOutput(doc, run, position, `${before}[${reason}]\n`, block.images)
    })
  }
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
