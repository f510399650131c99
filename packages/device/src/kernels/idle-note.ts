/** What is left in the folder of a session that was ended because nobody used it: the next run is told of it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { readJson, writeJson } from './files.ts'

const noteSchema = v.object({ at: v.number(), minutes: v.number() })
const pathIn = (folder: string): string => join(folder, 'idle.json')

export interface IdleNote {
  at: number
  minutes: number
}

export async function readIdleNote(folder: string): Promise<IdleNote | undefined> {
  const parsed = v.safeParse(noteSchema, await readJson(pathIn(folder)))
  return parsed.success ? parsed.output : undefined
}

export function writeIdleNote(folder: string, note: IdleNote): Promise<void> {
  return writeJson(pathIn(folder), note)
}

export function dropIdleNote(folder: string): Promise<void> {
  return rm(pathIn(folder), { force: true })
}

export function idleNotice({ minutes }: IdleNote): string {
  return `[This is a fresh kernel: the session had been idle for ${minutesInWords(minutes)} and was ended, as the policy of this device says. Its variables are gone.]\n`
}

/** How a session tells that it ended because nobody used it. */
export function idleReason(minutes: number): string {
  return `${idleMark}${minutesInWords(minutes)}`
}

export function isIdleEnd(reason: string): boolean {
  return reason.startsWith(idleMark)
}

const idleMark = 'idle: nobody used it for '

export function minutesInWords(minutes: number): string {
  return `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`
}
