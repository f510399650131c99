/** What a step of a workflow tells whoever began its run (WQ43): a notice like every other, made once for one key. */
import type { OrgId, ProjectId, RunId } from '@meshbook/core/ids.ts'
import type { WayKind } from '@meshbook/core/notify-api.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { toldByWorkflowWords } from '../notify/words.ts'
import { idFrom, makeNotice } from './notices.ts'
import type { Asker } from './places.ts'

export interface ToldByWorkflow {
  org: OrgId
  run: RunId
  project: ProjectId
  to: Asker
  /** The same again tells nothing more. */
  key: string
  title: string
  text: string
  /** Only by these; null: by every way that they have. */
  ways: readonly WayKind[] | null
  now: number
}

/** `unheard`: nobody is told, since there is no such way, or they do not want to be. */
export async function tellFromWorkflow(tx: Tx, a: ToldByWorkflow): Promise<'told' | 'unheard'> {
  const ways = await tx.all<{ id: string; kind: WayKind }>(
    'SELECT way_id AS id, kind AS kind FROM ways WHERE org_id = ? AND user_id = ? AND code_notice IS NULL ORDER BY way_id',
    [a.to.org, a.to.user],
  )
  const only = a.ways && ways.filter(({ kind }) => a.ways!.includes(kind)).map(({ id }) => id)
  if (ways.length === 0 || only?.length === 0) return 'unheard'
  const isMade = await makeNotice(tx, {
    ...toldByWorkflowWords(a.run, a.title, a.text),
    to: a.to,
    kind: 'workflow',
    id: idFrom('workflow', a.org, a.key, a.to.org, a.to.user),
    places: [{ org: a.org, project: a.project }],
    subject: { of: 'nothing' },
    tag: idFrom('workflow', a.org, a.key).slice(0, 24),
    now: a.now,
    ...(only && { onlyWays: only as NonNullable<Parameters<typeof makeNotice>[1]['onlyWays']> }),
  })
  return isMade ? 'told' : 'unheard'
}
