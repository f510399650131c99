/** What comes to the address of a webhook of a workflow (WQ65): who may send it, whether it was here, and its run. */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { HookAnswer } from '@meshbook/core/hooks-api.ts'
import type { Now, TriggerId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Webhook } from '@meshbook/core/workflow/workflow-schema.ts'
import type { SignedDelivery } from '../hooks/hook-signature.ts'
import { type ReadDelivery, readDelivery, type WorkflowDelivery } from '../hooks/workflow-delivery.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TriggerRow } from '../store/workflow-triggers.ts'
import type { Vault } from '../vault/vault.ts'
import type { StartRuns } from './start-runs.ts'

export interface WebhooksPorts {
  store: HubStore
  starts: StartRuns
  vault: Pick<Vault, 'open'>
  times: Pick<Limits, 'hookWindowMs' | 'hookKeptMs' | 'hookRefusalMs'>
  now: Now
  log: Log
}

/** The file may be pinned anew meanwhile. */
const tries = 3

export class Webhooks {
  readonly #ports: WebhooksPorts

  constructor(ports: WebhooksPorts) {
    this.#ports = ports
  }

  async take(id: TriggerId, delivery: SignedDelivery): Promise<HookAnswer> {
    for (let i = 0; i < tries; i++) {
      const answer = await this.#takeOnce(id, delivery)
      if (answer) return answer
    }
    throw new MeshError('CONFLICT', { detail: 'the trigger is being changed' })
  }

  async #takeOnce(id: TriggerId, delivery: SignedDelivery): Promise<HookAnswer | null> {
    const { store, log } = this.#ports
    const found = await store.query('findTrigger', { id })
    const row = found?.kind === 'webhook' ? found : null
    const read = await this.#read(id, row, delivery)
    if (row && 'refused' in read) this.#noteRefusal(row)
    if (!row || 'refused' in read)
      throw new MeshError('UNAUTHENTICATED', { detail: 'no such hook, or another signature' })
    if ('ignored' in read) return this.#ignored(row, read.ignored)
    const known = await store.query('findHookDelivery', { org: row.org, hook: id, ...read.numbers })
    if (known) return { outcome: 'repeated', ...(known.task !== null && { run: known.task }) }
    if (row.enabled === 0) return this.#ignored(row, 'the trigger is off')
    const answer = await this.#start(row, read)
    if (answer?.outcome === 'started') log.info({ trigger: id, run: answer.run }, 'a webhook started a workflow')
    return answer
  }

  /** Null where the trigger is another one by now. */
  async #start(row: TriggerRow, { run, event, numbers }: WorkflowDelivery): Promise<HookAnswer | null> {
    const { starts, now, times } = this.#ports
    const settles = { by: 'webhook', ...numbers, keptSince: now() - times.hookKeptMs } as const
    const fired = await starts.fire(row, { events: [{ run, event }], settles, now: now() })
    if (!fired.fired) return fired.run === null ? null : { outcome: 'repeated', run: fired.run }
    if (fired.started.length > 0) return { outcome: 'started', run }
    return { outcome: 'ignored', reason: fired.refused ?? fired.failed[0] ?? 'nothing was started' }
  }

  /** As long for one that is not there. */
  async #read(id: TriggerId, row: TriggerRow | null, delivery: SignedDelivery): Promise<ReadDelivery> {
    const { vault, now, times } = this.#ports
    const { secret: name, from } = row ? (JSON.parse(row.starts) as Webhook) : { secret: '', from: undefined }
    const key = row ? await vault.open(row.org, name, 'a webhook of a workflow') : undefined
    // A key of another kind is no secret of workflows: it would be told apart by trying.
    const hook = { trigger: id, from, secret: key?.kind === 'secret' ? key.secret.reveal() : null }
    return readDelivery(hook, delivery, { now: now(), windowMs: times.hookWindowMs })
  }

  async #ignored(row: TriggerRow, reason: string): Promise<HookAnswer> {
    const { store, now, log } = this.#ports
    await store
      .call('noteTriggerOutcome', {
        org: row.org,
        id: row.id,
        outcome: { at: now(), outcome: 'ignored', run: null, reason },
      })
      .catch((thrown: unknown) => log.error({ err: asMeshError(thrown), trigger: row.id }, 'a delivery was not noted'))
    return { outcome: 'ignored', reason }
  }

  /** Not waited for: an answer tells nothing, not even by its time, of whether there is such a trigger. */
  #noteRefusal({ org, id: hook }: TriggerRow): void {
    const { store, now, times, log } = this.#ports
    const reason = 'its signature is not by the key that the file names, or there is none of that name'
    store
      .call('noteHookRefusal', { org, hook, reason, now: now(), since: now() - times.hookRefusalMs })
      .catch((thrown: unknown) => log.error({ err: asMeshError(thrown), trigger: hook }, 'a refusal was not noted'))
  }
}
