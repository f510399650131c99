/** What another app shared to this one: what it holds, and what is too much (PH61). Pure. */
import { limits } from '@meshbook/core/limits.ts'

export interface SharedFile {
  name: string
  type: string
  bytes: number
  /** By the hash of what is in it, as the hub names it. */
  asset: string
  data: Blob
  /** The hub has it. */
  sent?: boolean
}

export type Goal =
  | { is: 'new'; project: string; projectName: string; owner: string; path: string }
  | { is: 'end'; project: string; projectName: string; owner: string; path: string; document: string }

export interface Shared {
  id: string
  at: number
  title: string
  text: string
  url: string
  files: readonly SharedFile[]
  /** What the user chose; from then on it is made, once. */
  goal?: Goal
  /** The edit that puts it at the end of its notebook: the same bytes however often they are applied (PH64). */
  update?: Uint8Array
  /** The edit is stored here, and goes to the hub as every edit does. */
  written?: boolean
  /** Why it cannot be made as it was chosen. */
  refused?: { message: string; hint: string }
}

export type TooMuch = 'files' | 'bytes' | 'text'

export function tooMuch(texts: readonly string[], files: readonly { size: number }[]): TooMuch | undefined {
  if (files.length > limits.phoneShareFiles) return 'files'
  const isLarge = files.some(({ size }) => size > limits.phoneAssetBytes)
  if (isLarge || files.reduce((sum, { size }) => sum + size, 0) > limits.phoneShareBytes) return 'bytes'
  return texts.join('').length > limits.phoneShareChars ? 'text' : undefined
}

/** Those that a page shows as a picture. */
export const isImage = ({ type }: Pick<SharedFile, 'type'>): boolean =>
  /^image\/(?:png|jpeg|gif|webp|svg\+xml)$/.test(type)
