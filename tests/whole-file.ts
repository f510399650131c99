/** What lasts as long as its test file: worlds that are dear to make, which one test after the other looks at. */
import { after } from 'node:test'
import type { Cleanup } from './mesh-process.ts'

const closes: (() => unknown)[] = []

/** The last that was begun ends first. */
export const wholeFile: Cleanup = { after: close => void closes.unshift(close) }

after(async () => {
  for (const close of closes) await close()
})
