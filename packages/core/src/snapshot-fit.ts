/** Whether a saved session can go on on a device, and if not, why, in words. Pure; it knows nothing of how sessions are saved. */
import { runtimeFor } from './languages.ts'
import type { Runtime } from './messages.ts'
import type { RestoreAbility, SnapshotFit, SnapshotKind } from './snapshot.ts'

/** What is known of the device. */
export interface RestoringDevice {
  name: string
  /** Absent: it restores nothing. */
  restores?: RestoreAbility | undefined
  runtimes: readonly Pick<Runtime, 'language'>[]
}

export interface FittingRecord {
  kind: SnapshotKind
  fit: SnapshotFit
}

const kindWords: Readonly<Record<SnapshotKind, string>> = {
  image: 'whole processes',
  portable: 'saved variables',
}

/** A sentence; undefined where it fits. */
export function whyUnfit({ kind, fit }: FittingRecord, device: RestoringDevice): string | undefined {
  const { name, restores } = device
  if (!restores || restores.kinds.length === 0) return `${name} restores no saved sessions.`
  if (!restores.kinds.includes(kind)) return `${name} cannot restore ${kindWords[kind]}.`
  return kind === 'image' ? unfitForImage(fit, name, restores) : unfitForVariables(fit, device)
}

function unfitForImage(fit: SnapshotFit, name: string, { os, arch, cpu }: RestoreAbility): string | undefined {
  if (fit.os !== os) return `It was saved on ${fit.os}, and ${name} has ${os}.`
  if (fit.arch !== arch) return `It was saved on a processor of kind ${fit.arch}, and that of ${name} is ${arch}.`
  const has = new Set(cpu)
  const lacking = fit.cpu.filter(feature => !has.has(feature))
  if (lacking.length === 0) return undefined
  const more = lacking.length > 3 ? ` and ${lacking.length - 3} more` : ''
  return `The processor of ${name} lacks ${lacking.slice(0, 3).join(', ')}${more}, which the session may use.`
}

function unfitForVariables(fit: SnapshotFit, { name, runtimes }: RestoringDevice): string | undefined {
  const runtime = runtimeFor(fit.language)
  return runtimes.some(({ language }) => runtimeFor(language) === runtime)
    ? undefined
    : `There is no kernel for ${fit.language} on ${name}.`
}
