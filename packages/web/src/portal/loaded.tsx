/** What a page asks the hub for once it is opened, and what it says while that is not here. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'

export interface Loaded<T> {
  value: T | undefined
  problem: ApiError | undefined
  load(): Promise<void>
  set(value: T): void
}

export function useLoaded<T>(ask: () => Promise<T>, about: readonly unknown[] = []): Loaded<T> {
  const [value, set] = useState<T | undefined>(undefined)
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const load = async (isOver: () => boolean = () => false) => {
    try {
      const found = await ask()
      if (isOver()) return
      set(() => found)
      setProblem(undefined)
    } catch (thrown) {
      if (!isOver()) setProblem(asApiError(thrown))
    }
  }
  useEffect(() => {
    let over = false
    void load(() => over)
    return () => {
      over = true
    }
  }, about)
  return { value, problem, load: () => load(), set: next => set(() => next) }
}

/** `children` is drawn with what is known, be it of before. */
export function Shown<T>({
  loaded: { value, problem, load },
  children,
}: {
  loaded: Loaded<T>
  children: (value: T) => ComponentChildren
}) {
  return (
    <>
      {problem && (
        <div class="notice warn note" role="alert">
          {problem.detail || problem.message} {problem.hint}{' '}
          <button type="button" class="button" onClick={() => void load()}>
            Try again
          </button>
        </div>
      )}
      {value === undefined
        ? !problem && (
            <p class="faint" role="status">
              Loading…
            </p>
          )
        : children(value)}
    </>
  )
}
