/** A task to take away (TK45): one file of JSON with its whole log, or a Markdown document. Without anything secret. */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { NumberedEvent, RunEvent } from '@meshbook/core/run.ts'
import { taskMarkdown } from '@meshbook/core/task-markdown.ts'
import { addToTranscript, noTranscript } from '@meshbook/core/task-transcript.ts'
import type { Task, TaskExport, TaskMessage } from '@meshbook/core/tasks-api.ts'
import { withoutSecrets } from '@meshbook/core/without-secrets.ts'
import type { HubStore } from '../store/hub-store.ts'

export interface ExportPorts {
  store: Pick<HubStore, 'query'>
  org: OrgId
  task: Task
  messages: readonly TaskMessage[]
}

export function exportTask(ports: ExportPorts, as: TaskExport): AsyncGenerator<string> {
  return as === 'json' ? asJson(ports) : asMarkdown(ports)
}

/** Page by page, so that a long log is never in memory as a whole. */
async function* asJson({ store, org, task, messages }: ExportPorts): AsyncGenerator<string> {
  const head = { format: 'meshbook-task/1', task, messages }
  yield `${withoutSecrets(JSON.stringify(head)).slice(0, -1)},"events":[`
  let isFirst = true
  let isKept = true
  let before: NumberedEvent | undefined
  const line = (event: NumberedEvent): string => {
    const text = `${isFirst ? '' : ','}\n${withoutSecrets(JSON.stringify(shown(event)))}`
    isFirst = false
    return text
  }
  for await (const page of pagesOf(store, org, task.id)) {
    if (page === null) isKept = false
    for (const event of page ?? []) {
      const merged: NumberedEvent | undefined = before && joined(before, event)
      if (before && !merged) yield line(before)
      before = merged ?? event
    }
  }
  if (before) yield line(before)
  yield `\n],"isLogKept":${isKept}}\n`
}

async function* asMarkdown({ store, org, task }: ExportPorts): AsyncGenerator<string> {
  let transcript = noTranscript
  let isKept = true
  for await (const page of pagesOf(store, org, task.id)) {
    if (page === null) isKept = false
    else transcript = addToTranscript(transcript, page)
  }
  yield withoutSecrets(taskMarkdown(task, isKept ? transcript : null))
}

/** Null where the log has expired. */
async function* pagesOf(store: Pick<HubStore, 'query'>, org: OrgId, id: RunId): AsyncGenerator<NumberedEvent[] | null> {
  for (let after = 0; ; ) {
    const page = await store
      .query('readEvents', { org, id, after, mostBytes: limits.taskAssetBytes })
      .catch((thrown: unknown) => {
        if (asMeshError(thrown).code === 'LOG_EXPIRED') return 'expired' as const
        throw thrown
      })
    if (page === 'expired') return yield null
    if (!page || page.events.length === 0) return
    yield page.events.map(({ seq, text }) => ({ seq, event: JSON.parse(text) as RunEvent }))
    after = page.events.at(-1)!.seq
  }
}

/** What lets somebody decide is for those who are asked. */
function shown({ seq, event }: NumberedEvent): object {
  if (event.type !== 'gate-opened') return { seq, ...event }
  const { nonce: _, ...rest } = event
  return { seq, ...rest }
}

/** Words that came in pieces are one, so that nothing secret is cut in two. */
export function joined(a: NumberedEvent, b: NumberedEvent): NumberedEvent | undefined {
  if (a.event.type !== 'task' || b.event.type !== 'task') return undefined
  const [first, next] = [a.event.event, b.event.event]
  const isSame =
    (first.type === 'said' && next.type === 'said' && first.turn === next.turn && first.as === next.as) ||
    (first.type === 'tool-printed' && next.type === 'tool-printed' && first.call === next.call)
  if (!isSame || first.text.length > limits.taskFileBytes) return undefined
  return { ...a, event: { ...a.event, event: { ...first, text: first.text + next.text } } }
}
