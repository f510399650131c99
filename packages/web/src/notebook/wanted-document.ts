/** Which document an address means while lists come and change, so that one that is open is not opened anew for nothing. Pure. */

export interface Wanted {
  /** As long as the list does not have it, there is only its path. */
  id: string | undefined
  path: string
  /** Another one each time that a document is to be opened. */
  turn: number
}

/** `open`: the id of the document that is shown, which may have been found by its path before it was listed. */
export function nextWanted(was: Wanted | undefined, now: Omit<Wanted, 'turn'>, open: string | undefined): Wanted {
  const isSame = was !== undefined && (now.id === undefined ? isSamePath(was, now.path) : now.id === (was.id ?? open))
  return { ...now, turn: (was?.turn ?? 0) + (isSame ? 0 : 1) }
}

const isSamePath = (was: Wanted, path: string): boolean => was.id === undefined && was.path === path
