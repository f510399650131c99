/** Every HTTP path of the device's own web app, in one list: what it answers itself, and what it asks of the hub. */
import type { SignInWays } from '@meshbook/core/account-api.ts'
import {
  changeHereSchema,
  environmentOrderSchema,
  type Here,
  type HubEvent,
  linkSchema,
  type Me,
  moveDocumentSchema,
  newDocumentSchema,
  newFolderSchema,
  newProjectSchema,
  type Project,
  type ProjectsPolicy,
} from '@meshbook/core/api.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, type DeviceId, type ProjectId, parseAssetId, parseId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'
import type { SnapshotsHere } from '@meshbook/core/snapshots-here.ts'
import { readBytes, readMarkdown } from '@meshbook/relay/serve/body.ts'
import { attachmentNamed } from '@meshbook/relay/serve/content-disposition.ts'
import { LatestEvents } from '@meshbook/relay/serve/latest-events.ts'
import { eventStream } from '@meshbook/relay/serve/sse.ts'
import * as v from 'valibot'
import type { EnvironmentOrder } from '../environments/environments.ts'
import type { Doorkeeper } from './doorkeeper.ts'
import type { HubCalls } from './hub-calls.ts'
import type { LocalProjects } from './local-projects.ts'
import { type Ask, json, type LoopbackRoute } from './route.ts'
import { type LocalDesk, runRoutes } from './run-routes.ts'

/** Which projects have a folder on this machine (LO10). */
export interface FoldersHere {
  state(): Here
  setPolicy(policy: ProjectsPolicy): Promise<void>
  attach(project: ProjectId): Promise<void>
  detach(project: ProjectId): Promise<void>
}

export interface LoopbackParts {
  here: FoldersHere
  /** What is saved of the sessions of this machine, and what cannot be (LO13). */
  snapshots(): Promise<SnapshotsHere>
  /** Absent where a hub makes the projects. */
  makeProject: ((name: string) => Promise<Project>) | undefined
  me(): Me
  doorkeeper: Doorkeeper
  projects: LocalProjects
  hub: HubCalls
  local: LocalDesk
  asset(id: AssetId): Promise<Uint8Array>
  /** Resolves when it is durable here and goes to the hub when that is in reach; false for other bytes than the name says. */
  keepAsset(id: AssetId, bytes: Uint8Array, project: ProjectId): Promise<boolean>
  devices(): DeviceInfo[]
  /** This device makes an environment, or stops making it. */
  environment(order: EnvironmentOrder): Promise<void>
  self: DeviceId
  /** As the hub told them last. */
  sessions(): readonly SessionInfo[]
  storage(): { ok: boolean; detail: string }
  /** Calls back with what happens; returns what ends that. */
  listen(listener: (event: HubEvent) => void): () => void
}

const v1 = '/api/v1'

export function loopbackRoutes(parts: LoopbackParts): LoopbackRoute[] {
  return [
    ...own(parts),
    ...ofFolders(parts),
    ...ofDocuments(parts),
    ...runRoutes({ ...parts, ...parts.local }),
    ...ofHub(parts),
  ]
}

function own(parts: LoopbackParts): LoopbackRoute[] {
  const { doorkeeper, me, devices, sessions, asset, storage, listen } = parts
  const signIn = async ({ body }: Ask): Promise<Response> =>
    withCookie(await doorkeeper.signIn((body as v.InferOutput<typeof linkSchema>).code))
  return [
    { method: 'GET', path: '/healthz', public: true, handle: () => ({ ok: true }) },
    { method: 'POST', path: `${v1}/auth/link`, public: true, body: linkSchema, handle: signIn },
    { method: 'GET', path: `${v1}/auth`, public: true, handle: () => noOtherWays },
    {
      method: 'POST',
      path: `${v1}/auth/logout`,
      handle: async ({ guest }) => withCookie(await doorkeeper.signOut(guest)),
    },
    { method: 'GET', path: `${v1}/me`, handle: me },
    { method: 'GET', path: `${v1}/devices`, handle: () => ({ items: devices() }) },
    { method: 'GET', path: `${v1}/sessions`, handle: () => ({ items: sessions() }) },
    { method: 'GET', path: `${v1}/assets/:asset`, handle: ask => answerAsset(asset, ask) },
    { method: 'PUT', path: `${v1}/assets/:asset`, handle: ask => keepAsset(parts, ask) },
    {
      method: 'GET',
      path: `${v1}/events`,
      handle: ({ guest }) => {
        const waiting = new LatestEvents()
        waiting.put({ type: 'devices', devices: devices() })
        waiting.put({ type: 'sessions', sessions: [...sessions()] })
        waiting.put({ type: 'storage', ...storage() })
        const stop = listen(event => waiting.put(event))
        let forget = (): void => undefined
        const stream = eventStream(waiting.next(), () => {
          stop()
          forget()
        })
        forget = doorkeeper.open(guest, () => stream.end())
        return stream.response
      },
    },
  ]
}

/** A device has no ways to sign in but its own link. */
const noOtherWays: SignInWays = { providers: [], passkeys: { here: false, at: null } }

function ofFolders({ here, snapshots }: LoopbackParts): LoopbackRoute[] {
  return [
    { method: 'GET', path: `${v1}/here`, handle: () => here.state() },
    { method: 'GET', path: `${v1}/here/snapshots`, handle: () => snapshots() },
    {
      method: 'PATCH',
      path: `${v1}/here`,
      body: changeHereSchema,
      handle: async ({ body }) => {
        await here.setPolicy((body as v.InferOutput<typeof changeHereSchema>).policy)
        return here.state()
      },
    },
    {
      method: 'POST',
      path: `${v1}/here/folders`,
      body: newFolderSchema,
      handle: async ({ body }) => {
        await here.attach((body as v.InferOutput<typeof newFolderSchema>).project)
        return json(here.state(), 201)
      },
    },
    {
      method: 'DELETE',
      path: `${v1}/here/folders/:project`,
      handle: async ({ params }) => {
        await here.detach(parseId('project', params.project))
        return here.state()
      },
    },
  ]
}

function ofDocuments(parts: LoopbackParts): LoopbackRoute[] {
  const { projects } = parts
  const idOf = ({ params }: Ask) => parseId('document', params.id)
  const inProject = ({ query }: Ask) => parseId('project', query.get('project'))
  return [
    { method: 'GET', path: `${v1}/projects`, handle: () => ({ items: projects.list() }) },
    {
      method: 'POST',
      path: `${v1}/projects/:id/environments`,
      body: environmentOrderSchema,
      handle: async ask => {
        const { device, ...order } = ask.body as v.InferOutput<typeof environmentOrderSchema>
        if (device !== parts.self) return parts.hub.pass(ask, 'other devices')
        await parts.environment({ project: parseId('project', ask.params.id), ...order })
        return new Response(null, { status: 204 })
      },
    },
    {
      method: 'GET',
      path: `${v1}/documents`,
      handle: async ask => {
        const path = ask.query.get('path')
        if (path === null) return { items: await projects.documents(inProject(ask)) }
        const [owner = '', project = '', ...rest] = path.normalize('NFC').split('/')
        const found = await projects.at({ owner, project, path: rest.join('/') })
        return { items: found ? [found] : [] }
      },
    },
    {
      method: 'POST',
      path: `${v1}/documents`,
      body: newDocumentSchema,
      bodyBytes: 2 * limits.requestBodyBytes,
      handle: async ({ body }) => {
        const { project, path, content } = body as v.InferOutput<typeof newDocumentSchema>
        return json(await projects.create(project, path, content ?? ''), 201)
      },
    },
    {
      method: 'PUT',
      path: `${v1}/projects/:id/documents`,
      handle: async ask => {
        const project = parseId('project', ask.params.id)
        const text = await readMarkdown(ask.request, limits.documentBytes)
        const replace = ask.query.get('replace') === 'yes'
        const { document, created } = await projects.write(project, ask.query.get('path') ?? '', text, replace)
        return json(document, created ? 201 : 200)
      },
    },
    { method: 'GET', path: `${v1}/documents/:id`, handle: ask => projects.find(idOf(ask)) },
    {
      method: 'GET',
      path: `${v1}/documents/:id/content`,
      handle: async ask =>
        new Response(await projects.content(idOf(ask)), {
          headers: { 'content-type': 'text/markdown; charset=utf-8' },
        }),
    },
    {
      method: 'PATCH',
      path: `${v1}/documents/:id`,
      body: moveDocumentSchema,
      handle: ask => projects.move(idOf(ask), (ask.body as v.InferOutput<typeof moveDocumentSchema>).path),
    },
    { method: 'DELETE', path: `${v1}/documents/:id`, handle: ask => projects.remove(idOf(ask)) },
    { method: 'GET', path: `${v1}/files`, handle: async ask => ({ items: await projects.files(inProject(ask)) }) },
  ]
}

/** What a page asks of the hub through this device; the hub checks the bodies (LO7). */
function ofHub({ hub, makeProject }: LoopbackParts): LoopbackRoute[] {
  const bodyBytes = 2 * limits.cellCodeBytes + 64 * 1024
  const to = (method: LoopbackRoute['method'], path: string, missing: string): LoopbackRoute => ({
    method,
    path: `${v1}${path}`,
    ...((method === 'POST' || method === 'PATCH') && { body: v.unknown(), bodyBytes }),
    handle: ask => hub.pass(ask, missing),
  })
  const [history, runs] = ['the history of documents', 'runs']
  return [
    to('GET', '/documents/:id/export', 'what draws a notebook as a page'),
    to('GET', '/documents/:id/versions', history),
    to('POST', '/documents/:id/versions', history),
    to('GET', '/documents/:id/versions/:version', history),
    to('POST', '/documents/:id/restore', history),
    to('POST', '/documents/:id/undo', history),
    to('POST', '/documents/:id/redo', history),
    // Where there is no hub nothing asks anybody, and that is the truth.
    makeProject ? { method: 'GET', path: `${v1}/gates`, handle: () => ({ items: [] }) } : to('GET', '/gates', runs),
    to('GET', '/gates/:id', runs),
    to('POST', '/gates/:id/decide', runs),
    makeProject
      ? {
          method: 'POST',
          path: `${v1}/projects`,
          body: newProjectSchema,
          handle: async ({ body }) =>
            json(await makeProject((body as v.InferOutput<typeof newProjectSchema>).name), 201),
        }
      : to('POST', '/projects', 'the right to make projects'),
    to('GET', '/projects/:id/members', 'the members of projects'),
    to('POST', '/projects/:id/leave', 'the members of projects'),
    to('PATCH', '/devices/:id', 'the names of devices'),
    to('GET', '/audit', 'the log of what was done'),
    to('GET', '/files/:id', 'the files of others'),
  ]
}

async function answerAsset(read: LoopbackParts['asset'], { params, query }: Ask): Promise<Response> {
  const id = parseAssetId(params.asset)
  const bytes = await read(id).catch(thrown => {
    const error = asMeshError(thrown)
    throw error.code === 'UNREACHABLE'
      ? new MeshError('UNREACHABLE', { detail: 'the hub, and these bytes are not on this device', cause: thrown })
      : error
  })
  const type = pictureType(bytes)
  const name = query.get('name')
  return new Response(bytes.slice(), {
    headers: {
      'content-type': type ?? 'application/octet-stream',
      'cache-control': 'private, max-age=31536000, immutable',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      ...(type && name === null ? {} : { 'content-disposition': attachmentNamed(name ?? id) }),
    },
  })
}

/** What an import brings; the hub gets it later (LO22). */
async function keepAsset({ projects, keepAsset: keep }: LoopbackParts, ask: Ask): Promise<Response> {
  const [id, project] = [parseAssetId(ask.params.asset), parseId('project', ask.query.get('project'))]
  await projects.writable(project)
  const bytes = await readBytes(ask.request, limits.importBytes)
  if (await keep(id, bytes, project)) return new Response(null, { status: 201 })
  throw new MeshError('BAD_REQUEST', { detail: `the bytes are not those of ${id}` })
}

/** By its first bytes: this device keeps no types of assets. */
function pictureType(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 64)).toString('latin1')
  if (start.startsWith('\u0089PNG')) return 'image/png'
  if (start.startsWith('\u00ff\u00d8\u00ff')) return 'image/jpeg'
  if (start.startsWith('GIF8')) return 'image/gif'
  return start.startsWith('RIFF') && start.slice(8, 12) === 'WEBP' ? 'image/webp' : undefined
}

function withCookie(cookie: string): Response {
  return new Response(null, { status: 204, headers: { 'set-cookie': cookie } })
}
