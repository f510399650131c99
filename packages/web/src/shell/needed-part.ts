/** A part of the app that is a chunk of its own: fetched when it is needed, or before that when nothing else is to be done. */
import { type ReadonlySignal, signal } from '@preact/signals'

export interface NeededPart<T> {
  readonly part: ReadonlySignal<T | undefined>
  /** It could not be had; asking again tries again. */
  readonly failed: ReadonlySignal<boolean>
  load(): Promise<T>
}

export function neededPart<T>(fetchPart: () => Promise<T>): NeededPart<T> {
  const part = signal<T | undefined>(undefined)
  const failed = signal(false)
  let coming: Promise<T> | undefined
  const load = async (): Promise<T> => {
    failed.value = false
    try {
      part.value = await fetchPart()
      return part.value
    } catch (thrown) {
      coming = undefined
      failed.value = true
      throw thrown
    }
  }
  return {
    part,
    failed,
    load: () => {
      coming ??= load()
      return coming
    },
  }
}
