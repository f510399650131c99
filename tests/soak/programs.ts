/** 1,000 random programs on every path: the same documents (KH30). */
import { temporaryFolder } from '../mesh-process.ts'
import { sameDocuments } from '../programs/same-document.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count, say }) => {
  const closers: (() => unknown)[] = []
  const cleanup = { after: (close: () => unknown) => void closers.unshift(close) }
  try {
    return { ...(await sameDocuments(cleanup, () => temporaryFolder(cleanup), seed, count ?? 1_000, say)) }
  } finally {
    for (const close of closers) await close()
  }
}
