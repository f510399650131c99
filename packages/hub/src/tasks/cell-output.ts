/** What a run printed and showed, as text for a model: as its notebook shows it, without colours (TK54). Reads the log. */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { RunView, shownText } from '@meshbook/core/output/run-view.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { HubStore } from '../store/hub-store.ts'

export interface CellOutput {
  text: string
  /** Of its end, where that says why. */
  reason: string
  /** The last that it showed as JSON, as it was written. */
  json: string | undefined
}

export async function outputOfRun(store: Pick<HubStore, 'query'>, org: OrgId, id: RunId): Promise<CellOutput> {
  const view = new RunView()
  const unseen = new Set<string>()
  let reason = ''
  let json: string | undefined
  for (let after = 0; ; ) {
    const page = await pageOf(store, org, id, after)
    if (page === 'expired') return { text: '', reason: 'Its log has expired.', json: undefined }
    for (const { seq, text } of page) {
      const event = JSON.parse(text) as RunEvent
      view.add(event)
      for (const type of typesNotShown(event)) unseen.add(type)
      reason = reasonOf(event) ?? reason
      json = jsonShown(event) ?? json
      after = seq
    }
    if (page.length === 0) break
  }
  const notes = unseen.size === 0 ? [] : [`[Shown in the run, and not here: ${[...unseen].sort().join(', ')}]`]
  const parts = [withoutColours(view.text).replace(/\n$/, ''), ...notes]
  return { text: parts.filter(Boolean).join('\n'), reason, json }
}

async function pageOf(
  store: Pick<HubStore, 'query'>,
  org: OrgId,
  id: RunId,
  after: number,
): Promise<{ seq: number; text: string }[] | 'expired'> {
  try {
    const page = await store.query('readEvents', { org, id, after, mostBytes: limits.runEventBytes * 2 })
    return page?.events ?? []
  } catch (thrown) {
    if (asMeshError(thrown).code === 'LOG_EXPIRED') return 'expired'
    throw thrown
  }
}

/** Of what has no text: pictures and the like. */
function typesNotShown(event: RunEvent): string[] {
  if (event.type !== 'display' && event.type !== 'result') return []
  return shownText(event.parts) === '' ? event.parts.map(({ mimeType }) => mimeType) : []
}

function jsonShown(event: RunEvent): string | undefined {
  if (event.type !== 'display' && event.type !== 'result') return undefined
  return event.parts.flatMap(part =>
    part.at === 'inline' && part.mimeType === 'application/json' ? [part.data] : [],
  )[0]
}

function reasonOf(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'cancelled':
    case 'interrupted':
      return event.reason
    case 'failed':
      return `${event.error.name}: ${event.error.message}`.slice(0, limits.problemTextChars)
    default:
      return undefined
  }
}

const withoutColours = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*m/g, '')
