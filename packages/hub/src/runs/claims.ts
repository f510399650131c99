/**
 * A monitor saw a request in a document and asks for the right to run it. A run comes of it only when somebody who may
 * run asked for it: by `POST /runs` before, or by writing the request over a connection with that right (S16, ME20).
 */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { RunRequest, UpMessage } from '@meshbook/core/messages.ts'
import { demandsOfText } from '@meshbook/core/notebook/demands.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { DocumentKey, Relay } from '@meshbook/relay/relay.ts'
import type { Access, Place } from '../auth/access.ts'
import { deviceOwner, type Principal } from '../auth/principal.ts'
import type { DeviceLink } from '../devices/fleet.ts'
import type { Documents } from '../documents/documents.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { DeviceRow } from '../store/identity.ts'
import { hashOf, type Runs } from './runs.ts'

type Claim = Extract<UpMessage, { type: 'CLAIM' }>
type Answer = { answer: 'wait' | 'elsewhere'; reason: string } | { answer: 'refuse'; code: ErrorCode; reason: string }

/** What a connection that delivered a struct says of itself. */
interface Asker {
  who: Principal
  isPage: boolean
}

export interface ClaimsPorts {
  store: HubStore
  relay: Relay
  documents: Pick<Documents, 'content'>
  access: Access
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
    const place = await this.#placeOf(deviceOwner(device), claim)
    const lease = place && (await this.#leaseOf(device, place, id))
    if (lease) link.send({ type: 'LEASE', lease })
    else
      link.send({
        type: 'RUN_REQUEST',
        run: id,
        ...(place ? await this.#stand(device, place, id, claim) : refusal('NOT_FOUND')),
      })
  }

  #placeOf(who: Principal, { request }: Claim): Promise<Place | undefined> {
    return this.#ports.access.find(who, { kind: 'document', id: request.document })
  }

  #leaseOf(device: DeviceRow, { org }: Place, id: RunId) {
    const { store, times, now } = this.#ports
    return store.query('leaseOfHolder', { org, id, device: device.id, expiresAt: now() + times.leaseMs })
  }

  async #stand(device: DeviceRow, place: Place, id: RunId, claim: Claim): Promise<Answer> {
    const run = await this.#ports.store.query('showRun', { org: place.org, id })
    if (!run) return this.#admit(device, place, claim)
    if (run.codeHash !== hashOf(claim.request) || run.document !== claim.request.document) return refusal('RUN_EXISTS')
    if (hasEnded(run.status)) return refusal('RUN_ENDED')
    if (run.status === 'queued') return { answer: 'wait', reason: run.reasons.join(' ') }
    return {
      answer: 'elsewhere',
      reason:
        run.device === device.id ? 'this device runs it already' : `${run.deviceName ?? 'another device'} runs it`,
    }
  }

  /**
   * Everything that the request says must have come over connections that may run: whoever may write could otherwise
   * change the code of somebody else's request. A device of a member is believed about requests of that member alone.
   */
  async #admit(device: DeviceRow, { org }: Place, claim: Claim): Promise<Answer> {
    const { request, author, fields = [], vouched = false } = claim
    const askers = [author, ...fields].map(({ client, clock }) =>
      this.#askerOf({ org, document: request.document }, client, clock),
    )
    if (askers.some(one => one === undefined)) return refusal('FORBIDDEN')
    const known = askers as [Asker, ...Asker[]]
    for (const { who } of known) {
      if (device.org !== org && who.user !== device.user) return refusal('FORBIDDEN')
      const rights = (await this.#placeOf(who, claim))?.rights
      if (!rights?.has('run') || !rights.has('write')) return refusal('FORBIDDEN')
    }
    // The page sends the request with its user's choice; what only shows it must not come before that (RT32, I11).
    const [{ who: asker, isPage }] = known
    const isShown = isPage || (asker.credential.kind === 'device' && !(vouched && asker.credential.id === device.id))
    if (isShown) return { answer: 'elsewhere', reason: 'its request has not come yet' }
    const requester = { name: asker.name, asker: { org: asker.org, user: asker.user }, source: { who: asker } }
    const { run } = await this.#ports.runs.submit(org, requester, await this.#demanded(org, request))
    return { answer: 'wait', reason: run.reasons.join(' ') }
  }

  /** Where it goes is not the word of the device that asks for it (RT31). */
  async #demanded(
    org: OrgId,
    { on: _, runsOn: __, requires: ___, kernel: ____, ...asked }: RunRequest,
  ): Promise<RunRequest> {
    return { ...asked, ...demandsOfText(await this.#ports.documents.content(org, asked.document), asked.language) }
  }

  /** Who delivered the struct, if that connection might run then. */
  #askerOf(key: DocumentKey, client: number, clock: number): Asker | undefined {
    const peer = this.#ports.relay.delivered(key, client, clock)
    const { who, isPage = false } = (peer?.tag ?? {}) as Partial<Asker>
    return peer?.canRun && who ? { who, isPage } : undefined
  }
}

function refusal(code: ErrorCode): Answer {
  return { answer: 'refuse', code, reason: new MeshError(code).message }
}
