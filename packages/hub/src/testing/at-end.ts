/** What a test opened, undone when it ends: the last thing first, as a folder may go only after what writes into it. */
import type { TestContext } from 'node:test'

const stacks = new WeakMap<TestContext, (() => unknown)[]>()

export function atEnd(t: TestContext, undo: () => unknown): void {
  const known = stacks.get(t)
  if (known) {
    known.push(undo)
    return
  }
  const stack = [undo]
  stacks.set(t, stack)
  t.after(async () => {
    for (const next of stack.reverse()) await next()
  })
}
