/**
 * A device tells of a run that it gave itself while the hub was out of reach. It is taken in if its user might have asked
 * for it here (RU60, RU63); otherwise the device is told why not, and keeps it.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId } from '@meshbook/core/ids.ts'
import { canonicalLanguage, runtimeFor } from '@meshbook/core/languages.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { DownMessage, UpMessage } from '@meshbook/core/messages.ts'
import type { Access, Place } from '../auth/access.ts'
import type { Audit } from '../auth/audit.ts'
import { deviceOwner, type Principal } from '../auth/principal.ts'
import type { Documents } from '../documents/documents.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { DeviceRow } from '../store/identity.ts'
import type { Imported, ImportedRun } from '../store/import-run.ts'
import { demandsIn, hashOf, type Runs } from './runs.ts'
import { checkStands } from './standing-cell.ts'

type Import = Extract<UpMessage, { type: 'RUN_IMPORT' }>
type Answer = Extract<DownMessage, { type: 'RUN_IMPORTED' }>

export interface ImportsPorts {
  store: HubStore
  audit: Audit
  access: Access
  documents: Pick<Documents, 'adopt' | 'content'>
  runs: Pick<Runs, 'imported'>
  times: Limits
  now: Now
}

export class Imports {
  readonly #ports: ImportsPorts

  constructor(ports: ImportsPorts) {
    this.#ports = ports
  }

  /** Throws what may pass: the device sends it again on its next connection. */
  async take(device: DeviceRow, message: Import): Promise<Answer> {
    const run = message.request.id
    if (run === undefined) throw new MeshError('BAD_MESSAGE', { detail: 'RUN_IMPORT without the id of the run' })
    try {
      const { session, sessionName, head, fence, seq } = await this.#import(device, message)
      return { type: 'RUN_IMPORTED', run, settled: { session, sessionName, head, fence, seq } }
    } catch (thrown) {
      const error = asMeshError(thrown)
      if (error.entry.retry !== 'never' || error.code === 'INTERNAL') throw error
      return { type: 'RUN_IMPORTED', run, refused: { code: error.code, reason: error.detail ?? error.message } }
    }
  }

  async #import(device: DeviceRow, message: Import): Promise<Imported> {
    const who = deviceOwner(device)
    const codeHash = hashOf(message.request)
    const place = await this.#placeOf(who, message)
    if (!place.rights.has('run')) throw new MeshError('FORBIDDEN', { detail: 'you may not run anything here' })
    if (!place.rights.has('write'))
      checkStands(await this.#ports.documents.content(place.org, message.request.document), message.request)
    const imported = await this.#store(who, place.org, this.#runOf(device, place.org, codeHash, message))
    this.#ports.runs.imported(place.org, device.id, imported)
    return imported
  }

  /** A document that was made on the device becomes one of its project, as when it is opened (LO5). */
  async #placeOf(who: Principal, { request, project }: Import): Promise<Place> {
    const { access, documents } = this.#ports
    const known = await access.find(who, { kind: 'document', id: request.document })
    if (known) return known
    const place = await access.demand(who, { kind: 'project', id: project }, 'write')
    if (await documents.adopt(place.org, project, request.document)) return place
    throw new MeshError('NOT_FOUND', { detail: `document ${request.document}` })
  }

  #runOf(device: DeviceRow, org: OrgId, codeHash: string, message: Import): ImportedRun {
    const { now, times } = this.#ports
    const { request, head, reasons, end } = message
    const at = now()
    return {
      org,
      id: request.id!,
      document: request.document,
      language: canonicalLanguage(request.language),
      runtime: runtimeFor(request.language),
      sessionName: head.sessionName,
      newSession: head.session,
      code: request.code,
      codeHash,
      cell: request.cell ?? null,
      chosenDevice: request.on ?? null,
      demands: demandsIn(request),
      requestedBy: device.userName,
      asker: { org: device.org, user: device.user },
      // The device's clock is not the hub's: nothing is asked for in the future.
      now: Math.min(request.askedAt ?? at, at),
      expiresAt: request.expiresAt ?? at + limits.runWaitMs,
      device: device.id,
      deviceName: device.name,
      localHead: head,
      reasons: [...reasons],
      end: end ?? null,
      leaseExpiresAt: at + times.leaseMs,
    }
  }

  /** A run in a project of somebody else is noted for its owner (AD1, AD2). */
  #store(who: Principal, org: OrgId, run: ImportedRun): Promise<Imported> {
    const { store, audit } = this.#ports
    if (who.org === org) return store.call('importRun', run)
    const detail = { document: run.document, language: run.language, codeHash: run.codeHash }
    return audit.call('importRun', run, audit.note('run-by-member', { who }, { org, target: run.id, detail }))
  }
}
