/** A step that publishes a document as it is at that moment, in the name of whoever began the run (WQ47). */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { Executed, Execution } from '@meshbook/engine/workflow/ports.ts'
import { authorOf } from '../history/authors.ts'
import { type Publications, shownPublication } from '../publish/publications.ts'
import { type ActingPorts, actorOf, type RunOfSteps, refused } from './acting.ts'
import { type CellStepsPorts, documentAt } from './cell-steps.ts'

export interface PublishStepPorts extends ActingPorts {
  publications: Pick<Publications, 'publish'>
  documents: CellStepsPorts['documents']
  /** Where readers come. */
  readersUrl: () => string
}

export async function publishDocument(
  ports: PublishStepPorts & CellStepsPorts,
  run: RunOfSteps,
  { input }: Execution,
): Promise<Executed> {
  const { access, publications, readersUrl } = ports
  const { document: path } = input as unknown as { document: string }
  const { who, name, source } = await actorOf(ports, run)
  const document = await documentAt(ports, run, path)
  await access.demand(who, { kind: 'document', id: document }, 'own').catch((thrown: unknown) => {
    const { code, detail = '' } = asMeshError(thrown)
    throw code === 'FORBIDDEN' || code === 'NOT_FOUND' ? refused('FORBIDDEN', `${name}: ${detail}`) : thrown
  })
  const by = { author: authorOf(who, 'Workflow'), source, name }
  const row = await publications.publish({ org: run.org, document }, { mode: 'pinned' }, by)
  const { url, version } = shownPublication(row, readersUrl())
  return { output: { url, version } }
}
