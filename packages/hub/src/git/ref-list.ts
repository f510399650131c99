/** Refs of a repository as text, read strictly: what `ls-remote --symref` and `for-each-ref` print. Pure. */
import { MeshError } from '@meshbook/core/errors.ts'

export interface Ref {
  name: string
  commit: string
}

const hash = /^[0-9a-f]{40}$/

/** Of `git for-each-ref --format='%(objectname) %(refname)'`. */
export function parseRefs(text: string): Ref[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const commit = line.slice(0, 40)
      if (!hash.test(commit) || line[40] !== ' ') throw new MeshError('INTERNAL', { detail: 'a ref that is none' })
      return { name: line.slice(41), commit }
    })
}
export const refFormat = '--format=%(objectname) %(refname)'

/** The default branch, where the remote says one; of `git ls-remote --symref URL HEAD`. */
export function parseHead(text: string): string | null {
  for (const line of text.split('\n')) {
    const branch = /^ref: refs\/heads\/(\S+)\tHEAD$/.exec(line)?.[1]
    if (branch !== undefined) return branch
  }
  return null
}

/** git has hashes of 64 digits as well, in repositories that are made for it. */
export function hasLongHashes(text: string): boolean {
  return /^[0-9a-f]{64}\t/m.test(text)
}

export const zeroCommit = '0'.repeat(40)
