/** What a search found, in the order in which it is shown. Pure (PH63). */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { titleOf } from '../words.ts'
import { scoreOf, type TextMatch } from './search-text.ts'

export interface FoundNotebook {
  document: DocumentInfo
  project: Project
  match: TextMatch | undefined
}
export interface Found {
  notebooks: readonly FoundNotebook[]
  projects: readonly Project[]
  devices: readonly DeviceInfo[]
}

export interface Known {
  documents: readonly DocumentInfo[]
  projects: readonly Project[]
  devices: readonly DeviceInfo[]
}

const mostRows = 50

/** Titles before texts; among like ones what was changed last. */
export function foundIn(known: Known, words: readonly string[], texts: ReadonlyMap<string, TextMatch>): Found {
  const byId = new Map(known.projects.map(project => [project.id as string, project]))
  const rows = known.documents.flatMap(document => {
    const project = byId.get(document.project)
    const match = texts.get(document.id)
    const title = scoreOf(titleOf(document.path), words)
    const score = title > 0 ? 10 + title : match ? 2 + match.words : scoreOf(document.path, words)
    return project && score > 0 ? [{ document, project, match, score }] : []
  })
  rows.sort((a, b) => b.score - a.score || b.document.updatedAt - a.document.updatedAt)
  const named = <T extends { name: string }>(all: readonly T[]): T[] =>
    all.filter(({ name }) => scoreOf(name, words) > 0)
  return { notebooks: rows.slice(0, mostRows), projects: named(known.projects), devices: named(known.devices) }
}
