/** Asks the hub about the user's mesh and follows its events, so that what `known.ts` holds stays true. */
import type { HubEvent } from '@meshbook/core/api.ts'
import { batch } from '@preact/signals'
import { asApiError } from '../api/api-error.ts'
import { api } from '../api/client.ts'
import { listenToHub } from '../api/events.ts'
import { onSignedOut } from '../api/http.ts'
import { loadGates, rememberGate } from '../gates/gate-store.ts'
import {
  devices,
  documents,
  files,
  hub,
  me,
  newestVersion,
  projects,
  type RunInfo,
  runs,
  sessions,
  signedIn,
  storage,
} from './known.ts'
import { newerRun } from './newer-word.ts'
import { notify, report } from './toasts.ts'

export * from './known.ts'

const runsKept = 500
/** The connection notices a while after a request. */
const downShowsMs = 3_000

onSignedOut(() => {
  signedIn.value = 'no'
})

/** Loads everything and follows the hub's events. Returns false when nobody is signed in or the hub does not answer. */
export async function startMesh(): Promise<boolean> {
  try {
    me.value = await api.me()
  } catch (thrown) {
    // Whatever else answers, a proxy before a hub that is down, says nothing about who is signed in.
    const { code } = asApiError(thrown)
    signedIn.value = code === 'UNAUTHENTICATED' || code === 'FORBIDDEN' ? 'no' : 'unreachable'
    return false
  }
  signedIn.value = 'yes'
  follow()
  await refresh()
  return true
}

let stopFollowing: (() => void) | undefined
function follow(): void {
  stopFollowing?.()
  stopFollowing = listenToHub(
    {
      onEvent: receive,
      onState: state => {
        const back = state === 'open' && hub.value === 'down'
        hub.value = state
        if (back) void refresh()
        if (back && runs.value.size > 0) loadAgain()
      },
    },
    Math.random,
  )
}

/** Loads again what events may have missed while the connection was down. */
export async function refresh(): Promise<void> {
  try {
    const [nextProjects, nextDevices, nextSessions] = await Promise.all([api.projects(), api.devices(), api.sessions()])
    batch(() => {
      projects.value = nextProjects
      devices.value = nextDevices
      sessions.value = nextSessions
    })
    await Promise.all([loadGates(), ...nextProjects.flatMap(({ id }) => [loadDocuments(id), loadFiles(id)])])
  } catch (thrown) {
    reportUnlessDown(thrown, 'The lists could not be loaded')
  }
}

/** That the hub went away is shown already or in a moment, and all is asked again when it is back. */
function reportUnlessDown(thrown: unknown, title: string): void {
  const isNoAnswer = asApiError(thrown).code === 'UNREACHABLE'
  setTimeout(() => (isNoAnswer && hub.peek() === 'down') || report(thrown, title), isNoAnswer ? downShowsMs : 0)
}

export async function loadDocuments(project: string): Promise<void> {
  const items = await api.documents(project)
  documents.value = new Map(documents.value).set(project, items)
}

/** Projects whose files are being loaded, and whether they changed meanwhile. */
const loadingFiles = new Map<string, boolean>()
async function loadFiles(project: string): Promise<void> {
  if (loadingFiles.has(project)) return void loadingFiles.set(project, true)
  try {
    do {
      loadingFiles.set(project, false)
      const items = await api.files(project)
      files.value = new Map(files.value).set(project, items)
    } while (loadingFiles.get(project))
  } finally {
    loadingFiles.delete(project)
  }
}

export async function loadRuns(): Promise<void> {
  addRuns(await api.runs())
}

/** Adds runs of the list that are not known yet; what events said is newer. */
export function addRuns(list: readonly RunInfo[]): void {
  runs.value = new Map([...list.map(run => [run.id as string, run] as const), ...runs.value])
}

/** What changed while nothing was heard: what is loaded now is newer than what is known. */
function loadAgain(): void {
  const known = runs.value
  api.runs().then(
    list => {
      runs.value = new Map([...known, ...list.map(run => [run.id as string, run] as const), ...changedSince(known)])
    },
    thrown => reportUnlessDown(thrown, 'The runs could not be loaded'),
  )
}

function changedSince(known: ReadonlyMap<string, RunInfo>): [string, RunInfo][] {
  return [...runs.value].filter(([id, run]) => known.get(id) !== run)
}

function receive(event: HubEvent): void {
  switch (event.type) {
    case 'devices':
      devices.value = event.devices
      return
    case 'sessions':
      sessions.value = event.sessions
      return
    case 'run':
      rememberRun(event.run)
      return
    case 'gate':
      rememberGate(event.gate)
      return
    case 'documents':
      loadDocuments(event.project).catch(thrown =>
        reportUnlessDown(thrown, 'The list of documents could not be loaded'),
      )
      return
    case 'files':
      loadFiles(event.project).catch(thrown => reportUnlessDown(thrown, 'The list of files could not be loaded'))
      return
    case 'versions':
      newestVersion.value = event
      return
    case 'projects':
      void refresh()
      return
    case 'revoked':
      notify(`${event.name} was shut out`, `${event.reason}.`, 'bad')
      return
    case 'storage':
      storage.value = event
  }
}

export function rememberRun(run: RunInfo): void {
  const next = new Map(runs.value).set(run.id, newerRun(runs.value.get(run.id), run))
  if (next.size > runsKept) {
    const [oldest] = next.keys()
    next.delete(oldest!)
  }
  runs.value = next
}

export async function signOut(): Promise<void> {
  try {
    await api.signOut()
    stopFollowing?.()
    location.assign('/signin')
  } catch (thrown) {
    report(thrown, 'Signing out failed')
  }
}
