/**
 * A script that mends a failing test as an agent would: it runs the test, reads what it says, changes the line that is
 * wrong, and says that it is done only when the test passes. What it changes follows from what the test expects.
 */
import { type Ask, answers, type Says, type Script } from './script.ts'

export interface MendingOptions {
  /** The file that is wrong, as in `export const answer = 41`. */
  path: string
  /** The command that runs the test; it prints `expected N, got M`. */
  test: string
}

const mostTries = 5

export function mending({ path, test }: MendingOptions): Script {
  const run = { tool: 'shell', input: { command: test } }
  return (ask: Ask): Says => {
    const [last] = answers(ask)
    const tries = answers(ask).filter(({ tool }) => tool === 'edit').length
    if (!last) return { say: 'I run the test first.', calls: [run] }
    if (/^(?:Error: )?Interrupted/.test(last.text)) return { say: 'I look where I am.', calls: [run] }
    if (last.tool === 'edit') return { say: 'Now the test again.', calls: [run] }
    const told = /expected (-?\d+), got (-?\d+)/.exec(last.text)
    if (!told) {
      const passes = /^pass$/m.test(last.text) && !/\[exit code/.test(last.text)
      return passes
        ? { say: 'The test passes now.' }
        : { say: 'I could not mend it: the test does not run.', stop: 'refused' }
    }
    if (tries >= mostTries) return { say: 'I could not mend it.', stop: 'refused' }
    return { say: `It should be ${told[1]}.`, calls: [{ tool: 'edit', input: { path, old: told[2], new: told[1] } }] }
  }
}
