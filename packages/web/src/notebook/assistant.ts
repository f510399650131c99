/** Completion and documentation for a cell, from its session; silence where there is none. */
import { kernelApi } from '../api/kernel.ts'
import type { Assistant } from '../editor/assist.ts'
import type { OpenNotebook } from './open-notebook.ts'

export function assistantFor(notebook: OpenNotebook, key: string): Assistant {
  const session = () => {
    const item = notebook.store.find(key)
    const found = item?.kind === 'cell' ? notebook.sessionOf(item.cell.language) : undefined
    return found?.device ? found.id : undefined
  }
  const ask = async <T>(question: (id: string) => Promise<T>): Promise<T | undefined> => {
    const id = session()
    // A kernel that is busy, gone or slow has no suggestions; the user goes on typing.
    return id === undefined ? undefined : await question(id).catch(() => undefined)
  }
  return {
    complete: (code, cursor, signal) => ask(id => kernelApi.complete(id, code, cursor, signal)),
    inspect: (code, cursor, signal) => ask(id => kernelApi.inspect(id, code, cursor, signal)),
  }
}
