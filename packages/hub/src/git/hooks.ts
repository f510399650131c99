/** Hooks (GT60–GT65): made and kept by people, called by programs and git hosts, and what comes of a call. */
import { createHash } from 'node:crypto'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Hook, HookAnswer, HookDelivery, HookKind, MadeHook, NewHook } from '@meshbook/core/hooks-api.ts'
import {
  type HookId,
  type Now,
  newId,
  type OrgId,
  type ProjectId,
  type RandomBytes,
  type RunId,
  type UserId,
} from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { NewTask } from '@meshbook/core/tasks-api.ts'
import { newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import type { Principal } from '../auth/principal.ts'
import { type DeliveryNumbers, jsonBody, numbersOf, runOfDelivery, tooOld } from '../hooks/delivery.ts'
import { verdictOf } from '../hooks/hook-signature.ts'
import type { Log } from '../log.ts'
import type { HookRow } from '../store/hooks.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { MasterKey } from '../vault/master-key.ts'
import { aboutHook } from '../vault/sealing.ts'
import { wantedBy } from './hook-events.ts'

/** For whom a hook starts its tasks. */
export interface HookOrigin {
  hook: HookId
  /** Of the hook, with who caused it there. */
  name: string
  org: OrgId
  user: UserId
  project: ProjectId
}

export interface HooksPorts {
  store: HubStore
  audit: Audit
  masterKey(): Promise<MasterKey>
  /** The same id again changes nothing. */
  startTask(task: NewTask & { id: RunId }, from: HookOrigin): Promise<void>
  now: Now
  random: RandomBytes
  log: Log
  times: Pick<Limits, 'hookWindowMs' | 'hookKeptMs' | 'hookRefusalMs'>
}

type Source = AuditSource & { who: Principal }

export class Hooks {
  readonly #ports: HooksPorts

  constructor(ports: HooksPorts) {
    this.#ports = ports
  }

  async add(source: Source, wish: NewHook): Promise<MadeHook> {
    const { audit, now, random } = this.#ports
    const { org, user } = source.who
    const id = newId('hook', now(), random)
    const secret = newSecret(random, 'mbh_')
    const { name, kind, project, repo, ...rules } = wish
    const sealed = await this.#seal(id, secret)
    const row = { org, user, id, name, kind, project, repo, rules: JSON.stringify(rules), sealed, now: now() }
    const note = audit.note('hook-added', source, { target: id, detail: { kind } })
    return { ...shown(await audit.call('addHook', row, note)), secret }
  }

  async list({ org, user }: Principal): Promise<Hook[]> {
    return (await this.#ports.store.query('listHooks', { org, user })).map(shown)
  }

  async remove(source: Source, id: HookId): Promise<void> {
    const { audit } = this.#ports
    const { org, user } = source.who
    const gone = await audit.call('removeHook', { org, user, id }, audit.note('hook-removed', source, { target: id }))
    if (!gone) throw notThere(id)
  }

  /** The old one is void at once. */
  async rotate(source: Source, id: HookId): Promise<MadeHook> {
    const { audit, now, random } = this.#ports
    const { org, user } = source.who
    const secret = newSecret(random, 'mbh_')
    const change = { org, user, id, sealed: await this.#seal(id, secret), now: now() }
    const row = await audit.call('rotateHook', change, audit.note('hook-rotated', source, { target: id }))
    if (!row) throw notThere(id)
    return { ...shown(row), secret }
  }

  /** Off, it stays as it is and starts nothing. */
  async turn(source: Source, id: HookId, isOff: boolean): Promise<Hook> {
    const { audit, now } = this.#ports
    const { org, user } = source.who
    const note = audit.note('hook-changed', source, { target: id, detail: { isOff } })
    const row = await audit.call('turnHook', { org, user, id, isOff, now: now() }, note)
    if (!row) throw notThere(id)
    return shown(row)
  }

  async deliveries({ org, user }: Principal, id: HookId): Promise<HookDelivery[]> {
    const found = await this.#ports.store.query('listHookOutcomes', { org, user, id })
    if (!found) throw notThere(id)
    return found
  }

  /** What came to a hook's address. Who has no good signature learns nothing, not even whether there is such a hook. */
  async take(id: HookId, delivery: { headers: Headers; body: Uint8Array }): Promise<HookAnswer> {
    const { store, now, times, log } = this.#ports
    const row = await store.query('findHook', { id })
    const verdict = await this.#verdict(row, delivery)
    if (row && verdict === 'bad') this.#noteRefusal(row)
    if (!row || verdict === 'bad')
      throw new MeshError('UNAUTHENTICATED', { detail: 'no such hook, or another signature' })
    if (verdict === 'old') return this.#ended(row, null, { outcome: 'ignored', reason: tooOld })
    const digest = createHash('sha256').update(delivery.body).digest('hex')
    const seen = numbersOf(delivery.headers, digest)
    const known = await store.query('findHookDelivery', { org: row.org, hook: id, ...seen })
    if (known) return { outcome: 'repeated', ...(known.task !== null && { task: known.task }) }
    if (row.offAt !== null) return this.#ended(row, null, { outcome: 'ignored', reason: 'the hook is off' })
    const wanted = wantedBy(rulesOf(row), delivery.headers, jsonBody(delivery.body))
    if ('malformed' in wanted) throw new MeshError('BAD_REQUEST', { detail: `the event: ${wanted.malformed}` })
    // Not noted as seen: it is ignored again, however often it comes.
    if ('ignored' in wanted) return this.#ended(row, null, { outcome: 'ignored', reason: wanted.ignored })
    // What is not known any more could have been here before: only its own time, which is signed, tells.
    if (wanted.at !== null && now() - wanted.at > times.hookKeptMs)
      return this.#ended(row, null, { outcome: 'ignored', reason: tooOld })
    const task = runOfDelivery(id, digest)
    const order = { ...optionsOf(row), ...wanted.task, id: task, project: row.project, repo: row.repo }
    const { org, user, project } = row
    await this.#ports.startTask(order, { hook: id, name: `${row.name} (${wanted.by})`, org, user, project })
    log.info({ hook: id, task }, 'a hook started a task')
    return this.#ended(row, seen, { outcome: 'started', task })
  }

  async #verdict(
    row: HookRow | null,
    delivery: { headers: Headers; body: Uint8Array },
  ): Promise<'good' | 'bad' | 'old'> {
    const { now, times } = this.#ports
    const at = { now: now(), windowMs: times.hookWindowMs }
    if (!row) {
      // As long as for one that is there.
      verdictOf('meshbook', 'nothing', delivery, at)
      return 'bad'
    }
    const opened = (await this.#ports.masterKey()).open(row.sealed, aboutHook(row.id))
    if (opened) return verdictOf(row.kind, Buffer.from(opened).toString('utf8'), delivery, at)
    this.#ports.log.error({ hook: row.id }, 'the secret of a hook was sealed with another master key')
    return 'bad'
  }

  /** One that cannot be noted is answered all the same: its task has an id by which it is there once. */
  async #ended(row: HookRow, seen: DeliveryNumbers | null, answer: HookAnswer): Promise<HookAnswer> {
    const { store, now, times, log } = this.#ports
    const words = answer.outcome === 'started' ? `started ${answer.task}` : `ignored: ${answer.reason}`
    const { org, id: hook } = row
    await store
      .call('noteHookDelivery', {
        ...{ org, hook, now: now(), before: now() - times.hookKeptMs },
        ...{
          seen,
          task: answer.task ?? null,
          reason: answer.reason?.slice(0, 300) ?? null,
          outcome: words.slice(0, 300),
        },
      })
      .catch((thrown: unknown) => log.error({ err: asMeshError(thrown), hook }, 'a delivery was not noted'))
    return answer
  }

  /** Not waited for: an answer tells nothing, not even by its time, of whether there is such a hook. */
  #noteRefusal({ org, id: hook }: HookRow): void {
    const { store, now, times, log } = this.#ports
    const reason = 'its signature is not by the secret of this hook'
    store
      .call('noteHookRefusal', { org, hook, reason, now: now(), since: now() - times.hookRefusalMs })
      .catch((thrown: unknown) => log.error({ err: asMeshError(thrown), hook }, 'a refused delivery was not noted'))
  }

  async #seal(id: HookId, secret: string): Promise<string> {
    return (await this.#ports.masterKey()).seal(Buffer.from(secret), aboutHook(id))
  }
}

const notThere = (id: HookId): MeshError => new MeshError('NOT_FOUND', { detail: `hook ${id}` })

type Rules = Omit<NewHook, 'name' | 'kind' | 'project' | 'repo'>
const parsedRules = (row: HookRow): Rules => JSON.parse(row.rules) as Rules

function rulesOf(row: HookRow): Parameters<typeof wantedBy>[0] {
  const { kind, repo } = row
  return { kind: kind as HookKind, repo, ...parsedRules(row) }
}

function optionsOf(row: HookRow): Pick<NewTask, 'base' | 'agent' | 'model' | 'budget'> {
  const { base, agent, model, budget } = parsedRules(row)
  return { ...(base && { base }), ...(agent && { agent }), ...(model && { model }), ...(budget && { budget }) }
}

function shown(row: HookRow): Hook {
  const { id, name, kind, project, repo, createdAt, rotatedAt, lastAt, lastOutcome, offAt } = row
  return { ...parsedRules(row), id, name, kind, project, repo, createdAt, rotatedAt, lastAt, lastOutcome, offAt }
}
