/**
 * A monitor saw a request in a document and asks for the right to run it. A run comes of it only when somebody who may
 * run asked for it: by `POST /runs` before, or by writing the request over a connection with that right (S16).
 */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { Now, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { UpMessage } from '@meshbook/core/messages.ts'
import { demandsOfText } from '@meshbook/core/notebook/demands.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { DeviceLink } from '../devices/fleet.ts'
import type { Documents } from '../documents/documents.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { DeviceRow } from '../store/identity.ts'
import { hashOf, type Runs } from './runs.ts'

type Claim = Extract<UpMessage, { type: 'CLAIM' }>
type Answer = { answer: 'wait' | 'elsewhere'; reason: string } | { answer: 'refuse'; code: ErrorCode; reason: string }

export interface ClaimsPorts {
  store: HubStore
  relay: Relay
  documents: Pick<Documents, 'content'>
  runs: Runs
  times: Limits
  now: Now
}

export class Claims {
  readonly #ports: ClaimsPorts

  constructor(ports: ClaimsPorts) {
    this.#ports = ports
  }

  /** Answers with a LEASE when the device holds the run, now or in a moment, else with how it stands. */
  async answer(device: DeviceRow, claim: Claim, link: DeviceLink): Promise<void> {
    const { id } = claim.request
    if (id === undefined) throw new MeshError('BAD_MESSAGE', { detail: 'CLAIM without the id of the run' })
    const { org } = device
    const lease = await this.#ports.store.query('leaseOfHolder', {
      org,
      id,
      device: device.id,
      expiresAt: this.#ports.now() + this.#ports.times.leaseMs,
    })
    if (lease) link.send({ type: 'LEASE', lease })
    else link.send({ type: 'RUN_REQUEST', run: id, ...(await this.#stand(device, id, claim)) })
  }

  async #stand(device: DeviceRow, id: RunId, claim: Claim): Promise<Answer> {
    const run = await this.#ports.store.query('showRun', { org: device.org, id })
    if (!run) return this.#admit(device, claim)
    if (run.codeHash !== hashOf(claim.request)) return refusal('RUN_EXISTS')
    if (hasEnded(run.status)) return refusal('RUN_ENDED')
    if (run.status === 'queued') return { answer: 'wait', reason: run.reasons.join(' ') }
    return {
      answer: 'elsewhere',
      reason:
        run.device === device.id ? 'this device runs it already' : `${run.deviceName ?? 'another device'} runs it`,
    }
  }

  async #admit({ org }: DeviceRow, { request, author }: Claim): Promise<Answer> {
    const { relay, runs, documents } = this.#ports
    const asker = relay.delivered({ org, document: request.document }, author.client, author.clock)
    if (!asker?.canRun) return refusal('FORBIDDEN')
    // The page sends the request with its user's choice; what only shows it must not come before that (RT32, I11).
    if (isPage(asker.tag)) return { answer: 'elsewhere', reason: 'its request has not come yet' }
    // Where it goes is not the word of the device that asks for it (RT31).
    const { on: _, runsOn: __, requires: ___, ...asked } = request
    const demands = demandsOfText(await documents.content(org, request.document))
    const { run } = await runs.submit(org, requesterOf(asker.tag), { ...asked, ...demands })
    return { answer: 'wait', reason: run.reasons.join(' ') }
  }
}

function refusal(code: ErrorCode): Answer {
  return { answer: 'refuse', code, reason: new MeshError(code).message }
}

function isPage(tag: unknown): boolean {
  return typeof tag === 'object' && tag !== null && 'isPage' in tag && tag.isPage === true
}

function requesterOf(tag: unknown): string {
  return typeof tag === 'object' && tag !== null && 'requestedBy' in tag
    ? String(tag.requestedBy)
    : 'somebody with the right to run'
}
