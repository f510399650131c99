/** What a user wants to be told, for everything and for one project. Pure. */
import type { NoticeKind, NotifySettings } from '@meshbook/core/notify-api.ts'

type Project = NotifySettings['projects'][number]

export const isTold = (kind: NoticeKind, settings: NotifySettings, project?: Project): boolean =>
  project?.kinds[kind] ?? settings.kinds[kind] ?? true

export function withKind(settings: NotifySettings, kind: NoticeKind, on: boolean): NotifySettings {
  return { ...settings, kinds: { ...settings.kinds, [kind]: on } }
}

export function withProject(
  settings: NotifySettings,
  id: Project['project'],
  change: Partial<Project>,
): NotifySettings {
  const known = settings.projects.find(({ project }) => project === id) ?? { project: id, kinds: {} }
  const others = settings.projects.filter(({ project }) => project !== id)
  return { ...settings, projects: [...others, { ...known, ...change }] }
}

export function withoutProject(settings: NotifySettings, id: Project['project']): NotifySettings {
  return { ...settings, projects: settings.projects.filter(({ project }) => project !== id) }
}

/** A field holds a number of seconds or nothing usable. */
export function secondsOf(text: string): number | undefined {
  const seconds = Number(text)
  return text.trim() !== '' && Number.isInteger(seconds) && seconds >= 0 && seconds <= 86_400 ? seconds : undefined
}
