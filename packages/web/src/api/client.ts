/** Every route of the hub that the web app uses, typed. */
import {
  type DocumentInfo,
  documentSchema,
  type EnvironmentOrder,
  type FileInfo,
  type FileState,
  fileSchema,
  fileStateSchema,
  type Gate,
  type GateAnswer,
  gateSchema,
  listOf,
  type Me,
  meSchema,
  type Project,
  projectSchema,
  type Run,
  runSchema,
  type Version,
  versionSchema,
} from '@meshbook/core/api.ts'
import type { PolicyChange } from '@meshbook/core/device-policy.ts'
import {
  type DeviceInfo,
  deviceInfoSchema,
  type RunRequest,
  type SessionInfo,
  sessionInfoSchema,
} from '@meshbook/core/messages.ts'
import { type Publication, type PublishRequest, publicationSchema } from '@meshbook/core/publish-api.ts'
import * as v from 'valibot'
import { ApiError } from './api-error.ts'
import { request, requestText } from './http.ts'
import { all, first } from './lists.ts'

const nothing = v.unknown()
export const api = {
  orderEnvironment: (project: string, order: EnvironmentOrder) =>
    request('POST', `/projects/${project}/environments`, nothing, { body: order }),

  me: (): Promise<Me> => request('GET', '/me', meSchema),
  signIn: (code: string) => request('POST', '/auth/link', nothing, { body: { code } }),
  signOut: () => request('POST', '/auth/logout', nothing, { body: {} }),

  projects: (): Promise<Project[]> => all('/projects', projectSchema),
  createProject: (name: string): Promise<Project> => request('POST', '/projects', projectSchema, { body: { name } }),

  documents: (project: string): Promise<DocumentInfo[]> => all(`/documents?project=${project}`, documentSchema),
  documentAt: async (path: string): Promise<DocumentInfo> => {
    const [found] = await first(`/documents?path=${encodeURIComponent(path)}`, documentSchema)
    if (!found) throw new ApiError('NOT_FOUND')
    return found
  },
  files: (project: string): Promise<FileInfo[]> => all(`/files?project=${project}&limit=5000`, fileSchema),
  fileState: (id: string, signal: AbortSignal): Promise<FileState> =>
    request('GET', `/files/${id}`, fileStateSchema, { signal }),
  createDocument: (project: string, path: string, content: string): Promise<DocumentInfo> =>
    request('POST', '/documents', documentSchema, { body: { project, path, content } }),
  /** A text of any length that a document may have; nothing that is there is written over. */
  putDocument: (project: string, path: string, content: string): Promise<DocumentInfo> =>
    request('PUT', `/projects/${project}/documents?path=${encodeURIComponent(path)}`, documentSchema, {
      body: new TextEncoder().encode(content),
      headers: { 'content-type': 'text/markdown' },
    }),
  moveDocument: (id: string, path: string): Promise<DocumentInfo> =>
    request('PATCH', `/documents/${id}`, documentSchema, { body: { path } }),
  deleteDocument: (id: string) => request('DELETE', `/documents/${id}`, nothing),

  publications: (project: string): Promise<Publication[]> =>
    first(`/publications?project=${project}`, publicationSchema),
  publish: (id: string, body: PublishRequest): Promise<Publication> =>
    request('PUT', `/publications/${id}`, publicationSchema, { body }),
  unpublish: (id: string) => request('DELETE', `/publications/${id}`, nothing),

  versions: (id: string, cursor?: string): Promise<{ items: Version[]; next?: string | undefined }> =>
    request('GET', `/documents/${id}/versions?limit=100${cursor ? `&cursor=${cursor}` : ''}`, listOf(versionSchema)),
  versionText: (id: string, version: number) => requestText('GET', `/documents/${id}/versions/${version}`),
  /** Records what is new; with a name the newest version is kept for good. */
  recordVersion: (id: string, name?: string): Promise<Version | undefined> =>
    request('POST', `/documents/${id}/versions`, v.optional(versionSchema), {
      body: name === undefined ? {} : { name },
    }),
  restoreVersion: (id: string, version: number): Promise<Version> =>
    request('POST', `/documents/${id}/restore`, versionSchema, { body: { version, request: crypto.randomUUID() } }),
  turnBack: (id: string, kind: 'undo' | 'redo', version?: number): Promise<Version> =>
    request('POST', `/documents/${id}/${kind}`, versionSchema, {
      body: { request: crypto.randomUUID(), ...(version !== undefined && { version }) },
    }),

  devices: (): Promise<DeviceInfo[]> => all('/devices', deviceInfoSchema),
  setPolicy: (id: string, policy: PolicyChange) => request('PATCH', `/devices/${id}`, nothing, { body: { policy } }),
  renameDevice: (id: string, name: string) => request('PATCH', `/devices/${id}`, nothing, { body: { name } }),
  revokeDevice: (id: string) => request('DELETE', `/devices/${id}`, nothing),
  sessions: (): Promise<SessionInfo[]> => all('/sessions', sessionInfoSchema),

  runs: (): Promise<Run[]> => first('/runs?limit=100', runSchema),
  /** Newest first; `cursor` goes on where a page ended. */
  runPage: (query: Record<string, string>): Promise<{ items: Run[]; next?: string | undefined }> =>
    request('GET', `/runs?${new URLSearchParams({ limit: '100', ...query })}`, listOf(runSchema)),
  run: (id: string): Promise<Run> => request('GET', `/runs/${id}`, runSchema),
  startRun: (body: RunRequest): Promise<Run> => request('POST', '/runs', runSchema, { body }),
  cancelRun: (id: string, reason?: string) =>
    request('POST', `/runs/${id}/cancel`, nothing, { body: reason === undefined ? {} : { reason } }),
  runAgain: (id: string, on?: string): Promise<Run> =>
    request('POST', `/runs/${id}/again`, runSchema, { body: on === undefined ? {} : { on } }),
  confirmRun: (id: string, codeHash: string): Promise<Run> =>
    request('POST', `/runs/${id}/confirm`, runSchema, { body: { codeHash } }),
  openGates: (): Promise<Gate[]> => first('/gates?state=open', gateSchema),
  gate: (id: string): Promise<Gate> => request('GET', `/gates/${id}`, gateSchema),
  decideGate: (id: string, body: GateAnswer): Promise<Gate> =>
    request('POST', `/gates/${id}/decide`, gateSchema, { body }),
  answerInput: (id: string, inputId: string, text: string) =>
    request('POST', `/runs/${id}/input`, nothing, { body: { id: inputId, text } }),

  /** With `run`: only if that is what runs. */
  interrupt: (session: string, run?: string) =>
    request('POST', `/sessions/${session}/interrupt`, nothing, { body: run === undefined ? {} : { run } }),
  /** Answers with the waiting runs that were cancelled. */
  restart: (session: string, queued: 'keep' | 'cancel' = 'keep'): Promise<{ cancelled: string[] }> =>
    request('POST', `/sessions/${session}/restart`, v.object({ cancelled: v.array(v.string()) }), { body: { queued } }),
}
