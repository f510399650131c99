/** What of each project is published, as far as it was asked for. */
import type { Publication } from '@meshbook/core/publish-api.ts'
import { signal } from '@preact/signals'
import { api } from '../api/client.ts'
import { me } from './mesh.ts'

/** By the id of the document. */
export const publications = signal<ReadonlyMap<string, Publication>>(new Map())

/** The page of a device knows nothing of it: publishing is the hub's. */
export async function loadPublications(project: string): Promise<void> {
  if (me.value === undefined || me.value.machine) return
  const found = await api.publications(project)
  const others = [...publications.value.values()].filter(one => one.project !== project)
  publications.value = new Map([...others, ...found].map(one => [one.document, one]))
}
