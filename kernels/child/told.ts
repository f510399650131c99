/** What an interpreter tells: a JSON file in the scratch folder, named by a mark in its standard output (KN32). */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { KernelEvent, KernelPart } from '../wire/run-log.ts'

/** The data of a part, or the name of a file in the scratch folder that holds it. */
export type ToldPart = { mimeType: string; data: string; base64?: boolean } | { mimeType: string; file: string }

export type Told =
  | { told: 'ready' }
  | { told: 'begun' }
  | { told: 'event'; event: KernelEvent }
  /** `as: 'result'`: it is the value of the cell. */
  | { told: 'display'; as?: 'result'; id?: string; update?: boolean; parts: ToldPart[] }
  /** What was printed since the word `v` is the plain text of a value; `as` says what becomes of it. */
  | { told: 'value'; as: 'result' | 'display' | 'stdout'; parts: ToldPart[] }
  | { told: 'ask'; ask: number; prompt: string; password: boolean }
  | { told: 'answer'; question: number; result: unknown }
  | { told: 'ended'; event: KernelEvent }

export function readTold(scratch: string, number: string): Told {
  const path = join(scratch, `m${number}`)
  const told = JSON.parse(readFileSync(path, 'utf8')) as Told
  rmSync(path)
  return told
}

const binary = /^(image\/(?!svg)|audio\/|video\/|application\/(pdf|octet-stream))/

/** The parts with their data; one above the limit is left out, as the plain text says what there was. */
export function partsOf(scratch: string, parts: readonly ToldPart[], displayBytes: number): KernelPart[] {
  return parts.map(part => loaded(scratch, part)).filter(({ data }) => Buffer.byteLength(data) <= displayBytes)
}

function loaded(scratch: string, part: ToldPart): KernelPart {
  if (!('file' in part)) return part
  const path = join(scratch, part.file.replaceAll('/', '_'))
  const bytes = readFileSync(path)
  rmSync(path)
  const base64 = binary.test(part.mimeType)
  return { mimeType: part.mimeType, data: bytes.toString(base64 ? 'base64' : 'utf8'), ...(base64 ? { base64 } : {}) }
}
