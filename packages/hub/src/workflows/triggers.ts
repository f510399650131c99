/** Triggers of workflows as people see them (WQ60–WQ62, WQ69): pinned, shown, turned off and on, removed. */
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type Now,
  newId,
  type OrgId,
  type ProjectId,
  type RandomBytes,
  type RunId,
  type TriggerId,
} from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { CronTimes } from '@meshbook/core/workflow/cron.ts'
import { durationMs } from '@meshbook/core/workflow/duration.ts'
import type { NewTrigger, Trigger, TriggerOutcome } from '@meshbook/core/workflow/trigger-info.ts'
import {
  type FilesTrigger,
  type RunEndTrigger,
  type Schedule,
  type TriggerKind,
  triggerKinds,
  type Webhook,
  type Workflow,
} from '@meshbook/core/workflow/workflow-schema.ts'
import { definitionsOf } from '@meshbook/engine/workflow/pinned-files.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import type { Principal } from '../auth/principal.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TriggerRow } from '../store/workflow-triggers.ts'
import { refuseUnavailable } from './hub-steps.ts'
import { pinFiles } from './pin-files.ts'

export interface TriggersPorts {
  store: HubStore
  audit: Audit
  now: Now
  random: RandomBytes
  times: Pick<Limits, 'scheduleLateMs'>
}

type Source = AuditSource & { who: Principal }

export class Triggers {
  readonly #ports: TriggersPorts

  constructor(ports: TriggersPorts) {
    this.#ports = ports
  }

  async pin(
    source: Source,
    org: OrgId,
    project: ProjectId,
    wish: NewTrigger,
  ): Promise<{ trigger: Trigger; isNew: boolean }> {
    const { audit, now, random } = this.#ports
    const files = pinFiles(wish.file, wish.files)
    const definitions = definitionsOf(files)
    refuseUnavailable(definitions.all)
    const workflow = definitions.of(files.hash)
    const kind = kindIn(workflow, wish.kind)
    const starts = workflow.on![kind]!
    const id = newId('trigger', now(), random)
    const { who } = source
    const row = {
      ...{ org, id, project, file: wish.file, kind, name: workflow.name, definition: files.hash },
      ...{ texts: [...files.texts], children: JSON.stringify(files.children), starts: JSON.stringify(starts) },
      ...{ maker: { org: who.org, user: who.user }, madeBy: who.name, enabled: wish.enabled ?? null },
      ...{ nextAt: timesOf(kind, starts)?.next(now()) ?? null, now: now() },
    }
    const about = { org, target: project, detail: { file: wish.file, kind, definition: files.hash } }
    const { trigger, isNew } = await audit.call('pinTrigger', row, audit.note('trigger-pinned', source, about))
    return { trigger: shown(trigger), isNew }
  }

  async list(
    a: Parameters<typeof import('../store/workflow-triggers.ts').listTriggers>[1],
  ): Promise<{ items: Trigger[]; next: string | null }> {
    const { items, next } = await this.#ports.store.query('listTriggers', a)
    return { items: items.map(shown), next }
  }

  async show(org: OrgId, id: TriggerId): Promise<Trigger> {
    return shown(await this.#row(org, id))
  }

  /** What happens while it is off starts nothing, also later. */
  async turn(source: Source, org: OrgId, id: TriggerId, enabled: boolean): Promise<Trigger> {
    const { audit, now } = this.#ports
    const { kind, starts } = await this.#row(org, id)
    const at = now()
    const nextAt = timesOf(kind, JSON.parse(starts))?.next(at) ?? null
    const note = audit.note('trigger-changed', source, { org, target: id, detail: { enabled } })
    const row = await audit.call('turnTrigger', { org, id, enabled, nextAt, now: at }, note)
    if (!row) throw notThere(id)
    return shown(row)
  }

  async remove(source: Source, org: OrgId, id: TriggerId): Promise<void> {
    const { audit } = this.#ports
    const note = audit.note('trigger-removed', source, { org, target: id })
    if (!(await audit.call('removeTrigger', { org, id }, note))) throw notThere(id)
  }

  /** None of one that is off, or no schedule. */
  async next(org: OrgId, id: TriggerId, count: number): Promise<number[]> {
    const { kind, starts, enabled } = await this.#row(org, id)
    const times = enabled === 1 ? timesOf(kind, JSON.parse(starts)) : undefined
    const found: number[] = []
    for (let at = this.#ports.now(); times && found.length < Math.min(count, limits.timesPerTrigger); ) {
      const next = times.next(at)
      if (next === undefined) break
      found.push(next)
      at = next
    }
    return found
  }

  async outcomes(org: OrgId, id: TriggerId): Promise<TriggerOutcome[]> {
    await this.#row(org, id)
    return (await this.#ports.store.query('triggerOutcomes', { org, id })) as TriggerOutcome[]
  }

  async #row(org: OrgId, id: TriggerId): Promise<TriggerRow> {
    const row = await this.#ports.store.query('findTrigger', { org, id })
    if (!row) throw notThere(id)
    return row
  }
}

const notThere = (id: TriggerId): MeshError => new MeshError('NOT_FOUND', { detail: `trigger ${id}` })

/** Throws BAD_WORKFLOW where the file does not say, or the one who asks (WQ61). */
function kindIn({ name, on = {} }: Workflow, wanted: TriggerKind | undefined): TriggerKind {
  const there = triggerKinds.filter(kind => on[kind] !== undefined)
  const kind = wanted ?? (there.length === 1 ? there[0] : undefined)
  if (kind !== undefined && there.includes(kind)) return kind
  if (there.length === 0)
    throw new MeshError('BAD_WORKFLOW', { detail: `${name} names nothing under "on" that starts it by itself` })
  if (kind === undefined) throw new MeshError('BAD_WORKFLOW', { detail: `say which kind: ${there.join(', ')}` })
  throw new MeshError('BAD_WORKFLOW', { detail: `${name} has no ${kind} under "on", but ${there.join(', ')}` })
}

function timesOf(kind: TriggerKind, starts: unknown): CronTimes | undefined {
  if (kind !== 'schedule') return undefined
  const { cron, timezone = 'UTC' } = starts as Schedule
  return new CronTimes(cron, timezone)
}

function shown(row: TriggerRow): Trigger {
  const { id, project, file, name, definition, kind, madeBy, createdAt, pinnedAt, nextAt } = row
  return {
    ...{ id, project, file, name, definition, kind, on: shownStart(row), enabled: row.enabled === 1 },
    ...{ madeBy, createdAt, pinnedAt, nextAt, last: lastOf(row) },
  }
}

function lastOf({ lastAt: at, lastOutcome: outcome, lastRun: run, lastReason: reason }: TriggerRow): Trigger['last'] {
  return at === null ? null : { at, outcome: outcome as TriggerOutcome['outcome'], run: run as RunId | null, reason }
}

function shownStart({ id, kind, starts: text }: TriggerRow): Trigger['on'] {
  const starts: unknown = JSON.parse(text)
  if (kind === 'schedule') {
    const { cron, timezone = 'UTC', missed = 'skip' } = starts as Schedule
    return { schedule: { cron, timezone, missed } }
  }
  if (kind === 'webhook') {
    const { from = 'meshbook', secret } = starts as Webhook
    return { webhook: { from, secret, path: `/hooks/${id}` } }
  }
  if (kind === 'files') {
    const { paths, device = null, quiet } = starts as FilesTrigger
    return { files: { paths, device, quietMs: quiet === undefined ? limits.filesQuietMs : durationMs(quiet)! } }
  }
  const { of, ends = ['completed'] } = starts as RunEndTrigger
  return { run: { of: typeof of === 'string' ? [of] : of, ends } }
}
