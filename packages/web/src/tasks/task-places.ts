/** Where pages of tasks are in the app that shows them, and how one goes there. */
export interface TaskPlaces {
  list: string
  fresh: string
  one(id: string): string
  /** The page of a run that a tool works in. */
  run(id: string): string
  go(to: string): void
}

/** Follows a link inside the app; a press that wants a tab of its own is the browser's. */
export function following(places: TaskPlaces, to: string): (event: MouseEvent) => void {
  return event => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    places.go(to)
  }
}
