/**
 * Which session a run belongs to that the device places itself (DV123): the one that is live here, one that is live
 * nowhere, or one of its own beside that of another device.
 */
import { type DeviceId, type Now, newId, type ProjectId, parseFence, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import type { SessionTable } from '../monitor/session-table.ts'
import type { HeadLabel } from '../store/local-runs.ts'

export interface LocalSessionsPorts {
  device: { id: DeviceId; name: string }
  live: Pick<SessionTable, 'named' | 'labelOf'>
  now: Now
  random: RandomBytes
  /** As the hub told them last. */
  known(): readonly SessionInfo[]
}

export interface Wanted {
  project: ProjectId
  runtime: string
  name: string
}

export interface FoundSession {
  label: HeadLabel
  /** Its kernel is live here, with its variables. */
  isHere: boolean
  /** It has had variables before. */
  hasRun: boolean
  /** What the user should know of it. */
  reasons: string[]
}

export class LocalSessions {
  readonly #ports: LocalSessionsPorts
  /** Sessions that this device made, until the hub has them. */
  readonly #made = new Map<string, HeadLabel>()

  constructor(ports: LocalSessionsPorts) {
    this.#ports = ports
  }

  /** What was made before a restart. */
  remember(label: HeadLabel): void {
    this.#made.set(keyOf({ ...label, name: label.wanted }), label)
  }

  forget(label: HeadLabel): void {
    this.#made.delete(keyOf({ ...label, name: label.wanted }))
  }

  find(wanted: Wanted): FoundSession {
    const live = this.#ports.live.named(wanted.project, wanted.runtime, wanted.name)
    if (live) {
      const { session, head, fence, given } = live
      const kernel = live.kernel.spec.session
      const known = this.#ports.live.labelOf(kernel)
      const label = known ?? this.#label(wanted, { kernel, session, sessionName: wanted.name, head, fence, given })
      return { label, isHere: true, hasRun: true, reasons: this.#reasons(label, wanted) }
    }
    return this.#notHere(wanted)
  }

  #notHere(wanted: Wanted): FoundSession {
    const made = this.#made.get(keyOf(wanted))
    if (made) {
      const label = this.#again(made)
      return { label, isHere: false, hasRun: true, reasons: this.#reasons(label, wanted) }
    }
    const { project, runtime, name } = wanted
    const known = this.#ports
      .known()
      .find(each => each.project === project && each.language === runtime && each.name === name)
    if (known && known.device !== null && known.device !== this.#ports.device.id) return this.#beside(wanted)
    const session = known?.id ?? this.#id('session')
    const label = this.#label(wanted, {
      // What an earlier kernel of the session left here stays its own.
      kernel: known ? this.#id('session') : session,
      session,
      sessionName: name,
      head: this.#id('head'),
      fence: parseFence(1),
      given: false,
    })
    return { label, isHere: false, hasRun: known !== undefined, reasons: [] }
  }

  /** The session is somebody else's for as long as nobody can ask: it gets no second head (I4). */
  #beside(wanted: Wanted): FoundSession {
    const name = besideName(wanted.name, this.#ports.device.name)
    const found = this.find({ ...wanted, name })
    const label = { ...found.label, wanted: wanted.name }
    return { ...found, label, reasons: this.#reasons(label, wanted) }
  }

  #reasons({ sessionName }: HeadLabel, { name }: Wanted): string[] {
    if (sessionName === name) return []
    return [
      `The session ${name} is live on another device, which cannot be reached: this runs in one of its own, “${sessionName}”, without the variables of the other.`,
    ]
  }

  /** The kernel has ended: what follows has a new one. */
  #again(label: HeadLabel): HeadLabel {
    return { ...label, head: this.#id('head'), ...this.#spares() }
  }

  #label(
    { project, runtime, name }: Wanted,
    rest: Pick<HeadLabel, 'kernel' | 'session' | 'sessionName' | 'head' | 'fence' | 'given'>,
  ): HeadLabel {
    return { project, runtime, wanted: name, ...rest, ...this.#spares() }
  }

  /** Ids for what the hub may have to make of it; once for each head, so that it makes one of it. */
  #spares(): Pick<HeadLabel, 'spareSession' | 'spareHead'> {
    return { spareSession: this.#id('session'), spareHead: this.#id('head') }
  }

  /** The label with ids that the hub has not used yet. */
  renewed(label: HeadLabel): HeadLabel {
    return { ...label, ...this.#spares() }
  }

  #id<K extends 'session' | 'head'>(kind: K) {
    return newId(kind, this.#ports.now(), this.#ports.random)
  }
}

export function keyOf({ project, runtime, name }: Wanted): string {
  return `${project} ${runtime} ${name}`
}

function besideName(name: string, device: string): string {
  const mark = ` (offline on ${device.slice(0, limits.nameChars / 2)})`
  return `${name.slice(0, limits.nameChars - mark.length)}${mark}`
}
