/** What is known of the user's mesh, as signals: who, projects, documents, devices, sessions, runs. `mesh.ts` keeps them true. */
import type { DocumentInfo, FileInfo, Me, Project, Run } from '@meshbook/core/api.ts'
import type { DeviceInfo, DeviceProblem, SessionInfo } from '@meshbook/core/messages.ts'
import { computed, signal } from '@preact/signals'

export type RunInfo = Omit<Run, 'code'>

export const signedIn = signal<'unknown' | 'yes' | 'no' | 'unreachable'>('unknown')
export const me = signal<Me | undefined>(undefined)
export const hub = signal<'connecting' | 'open' | 'down'>('connecting')
export const projects = signal<Project[] | undefined>(undefined)
export const documents = signal<ReadonlyMap<string, DocumentInfo[]>>(new Map())
/** Files that are no documents. */
export const files = signal<ReadonlyMap<string, FileInfo[]>>(new Map())
export const devices = signal<DeviceInfo[]>([])
export const sessions = signal<SessionInfo[]>([])
export const runs = signal<ReadonlyMap<string, RunInfo>>(new Map())
export const storage = signal<{ ok: boolean; detail: string }>({ ok: true, detail: '' })

export const deviceById = computed(() => new Map(devices.value.map(device => [device.id as string, device])))

/** What devices say is wrong with the file at a path of a project. */
export function problemsAt(project: string, path: string): { device: string; problem: DeviceProblem }[] {
  return devices.value.flatMap(({ name, problems }) =>
    (problems?.items ?? [])
      .filter(problem => problem.project === project && problem.path === path)
      .map(problem => ({ device: name, problem })),
  )
}

/** The version that was recorded last, of whichever document. */
export const newestVersion = signal<{ document: string; version: number } | undefined>(undefined)

export function projectNamed(name: string): Project | undefined {
  return projects.value?.find(project => project.name === name)
}
