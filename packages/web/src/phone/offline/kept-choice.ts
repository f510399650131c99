/** What the user asked to keep on this phone, and over which connections it is fetched (PH14). */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { askToKeep } from '../../sync/browser-storage.ts'
import { lists } from '../first-list.ts'
import { keep, readKept } from '../kept.ts'

export interface KeptChoice {
  documents: readonly string[]
  projects: readonly string[]
  /** Also where the connection is paid for by size. */
  metered: boolean
}

const name = 'offline'
export const choice: Signal<KeptChoice> = signal({ documents: [], projects: [], metered: false })

/** Of all notebooks in the list those that are to be here, by themselves or with their project: new ones too. */
export const keptDocuments: ReadonlySignal<ReadonlySet<string>> = computed(() => {
  const { documents, projects } = choice.value
  const listed = (lists.value?.documents ?? []).filter(({ project }) => projects.includes(project))
  return new Set([...documents, ...listed.map(({ id }) => id as string)])
})

export async function readChoice(): Promise<void> {
  const found = await readKept<KeptChoice>(name)
  if (found) choice.value = found
}

/** Throws nothing: false if it could not be stored and holds only until the app is closed. */
export async function setKept(kind: 'documents' | 'projects', id: string, on: boolean): Promise<boolean> {
  const others = choice.peek()[kind].filter(other => other !== id)
  if (on) await askToKeep()
  return await change({ [kind]: on ? [...others, id] : others })
}

export const setMetered = (metered: boolean): Promise<boolean> => change({ metered })

async function change(part: Partial<KeptChoice>): Promise<boolean> {
  choice.value = { ...choice.peek(), ...part }
  return await keep(name, choice.value)
}
