/** A list of the hub that is read page by page. What was asked before the question changed is never shown after it. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'

export interface Page<T> {
  items: T[]
  next?: string | undefined
}

export interface Paged<T> {
  items: readonly T[] | undefined
  problem: ApiError | undefined
  busy: boolean
  /** Absent when there is no further page. */
  more: (() => void) | undefined
  /** Asks again where it stopped, or from the beginning. */
  again(): void
}

export function usePaged<T>(
  ask: (cursor: string | undefined) => Promise<Page<T>>,
  about: readonly unknown[],
): Paged<T> {
  const [page, setPage] = useState<Page<T> | undefined>(undefined)
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  const question = useRef(0)
  const load = async (before: Page<T> | undefined) => {
    const mine = question.current
    setBusy(true)
    try {
      const found = await ask(before?.next)
      if (mine !== question.current) return
      setPage({ next: found.next, items: [...(before?.items ?? []), ...found.items] })
      setProblem(undefined)
    } catch (thrown) {
      if (mine === question.current) setProblem(asApiError(thrown))
    }
    if (mine === question.current) setBusy(false)
  }
  useEffect(() => {
    question.current++
    setPage(undefined)
    void load(undefined)
    return () => void question.current++
  }, about)
  return {
    items: page?.items,
    problem,
    busy,
    more: page?.next === undefined ? undefined : () => void load(page),
    again: () => void load(page),
  }
}

/** What is wrong, with a way on; and that the first page is on its way. */
export function PagedProblem({ paged: { items, problem, again } }: { paged: Paged<unknown> }) {
  if (problem)
    return (
      <div class="notice warn note" role="alert">
        {problem.detail || problem.message} {problem.hint}{' '}
        <button type="button" class="button" onClick={again}>
          Try again
        </button>
      </div>
    )
  return items === undefined ? (
    <p class="faint" role="status">
      Loading…
    </p>
  ) : null
}
