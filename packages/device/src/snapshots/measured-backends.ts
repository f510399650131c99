/** Which ways of saving are wanted here, and which of them work: measured once, in the background (SN95, SN96). */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { RestoreAbility, SnapshotKind, SnapshotUse } from '@meshbook/core/snapshot.ts'
import type { SnapshotAbility } from '@meshbook/core/snapshots-here.ts'
import type { Ability, SnapshotBackend } from './port.ts'

interface Measured {
  backend: SnapshotBackend
  ability: Ability | undefined
  measuring: Promise<void> | undefined
}

const kindsOf: Record<SnapshotUse, readonly SnapshotKind[]> = {
  auto: ['image', 'portable'],
  criu: ['image'],
  portable: ['portable'],
  off: [],
}

export class MeasuredBackends {
  readonly #all: Measured[]
  readonly #changed: () => void

  constructor(backends: readonly SnapshotBackend[], use: SnapshotUse, changed: () => void) {
    const wanted = backends.filter(({ kind }) => kindsOf[use].includes(kind))
    this.#all = wanted.map(backend => ({ backend, ability: undefined, measuring: undefined }))
    this.#changed = changed
  }

  /** Those that are wanted; what does not work says so when it is used. */
  get wanted(): SnapshotBackend[] {
    return this.#all.map(({ backend }) => backend)
  }

  measure(): void {
    for (const each of this.#all) each.measuring ??= this.#measure(each)
  }

  /** This one, if it works here; waits until that is known. */
  async able(kind: SnapshotKind): Promise<SnapshotBackend | undefined> {
    const found = this.#all.find(({ backend }) => backend.kind === kind)
    if (!found) return undefined
    found.measuring ??= this.#measure(found)
    await found.measuring
    return found.ability?.ok ? found.backend : undefined
  }

  /** Undefined until all of it is known: until then the hub goes by what it was told last. */
  get restores(): RestoreAbility | undefined {
    if (this.#all.some(({ ability }) => ability === undefined)) return undefined
    const able = this.#all.filter(({ ability }) => ability?.ok)
    const cpu = able.flatMap(({ ability }) => (ability?.ok ? ability.cpu : []))
    const kinds = able.map(({ backend }) => backend.kind)
    return { kinds, os: process.platform, arch: process.arch, cpu: [...new Set(cpu)] }
  }

  stateOf(kind: SnapshotKind): SnapshotAbility['state'] {
    return this.abilities().find(each => each.kind === kind)?.state ?? 'unable'
  }

  abilities(): SnapshotAbility[] {
    return this.#all.map(({ backend: { kind }, ability }) => {
      if (!ability) return { kind, state: 'measuring' }
      if (ability.ok) return { kind, state: 'able' }
      return { kind, state: 'unable', why: ability.why, next: ability.next }
    })
  }

  async #measure(measured: Measured): Promise<void> {
    try {
      measured.ability = await measured.backend.ability()
    } catch (thrown) {
      measured.ability = { ok: false, why: asMeshError(thrown).message, next: 'See the log of this device.' }
    }
    this.#changed()
  }
}
