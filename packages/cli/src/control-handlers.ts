/** What a daemon does for other commands on its machine, whether its hub is in the same process or elsewhere. */
import { stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import type { Here, Project } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { Device, TrashEntry as DeviceTrashEntry } from '@meshbook/device/device.ts'
import type { Attachment, ControlHandlers, TrashEntry } from './control.ts'

export interface HubAccess {
  /** Null: there is none. */
  url: string | null
  token(): Promise<string>
  /** To a page of the app. */
  signInLink(to?: string): Promise<string>
  /** The project of this name, made if there is none. */
  project(name: string): Promise<ProjectInfo>
  /** The web app of this machine and the token that it takes. */
  local(): Promise<{ url: string; token: string }>
}

export function controlHandlers(hub: HubAccess, device: Device): ControlHandlers {
  const attachments = (): Attachment[] =>
    device
      .attachments()
      .map(({ project, folder }) => ({ project: project.id, name: project.name, owner: project.owner, folder }))
  return {
    '/status': async () => ({
      hub: hub.url,
      linked: device.linked,
      device: device.name,
      pid: process.pid,
      keys: device.keys,
      problems: device.problems(),
    }),
    '/token': async () => {
      const token = await hub.token()
      return { hub: hub.url ?? '', token }
    },
    '/local': () => hub.local(),
    '/link': async ({ to }) => ({ link: await hub.signInLink(to) }),
    '/folders': async () => hereOf(device),
    '/policy': async ({ policy }) => {
      await device.projects.setPolicy(policy)
      return hereOf(device)
    },
    '/attachments': async () => ({ items: attachments() }),
    '/attach': async ({ folder, project }) => {
      if (folder !== undefined) await mustBeFolder(folder)
      const info = await projectNamed(hub, device, project, folder === undefined)
      const known = attachments().find(attachment => attachment.project === info.id)
      if (known && folder === undefined) return known
      await device.attach({ project: info, ...(folder !== undefined && { folder }) })
      return attachments().find(attachment => attachment.project === info.id)!
    },
    '/detach': async ({ folder }) => {
      const found = attachments().find(attachment => attachment.folder === folder)
      const lost = found ? undefined : await device.projects.sawLost(folder)
      if (lost) return { project: lost.id, name: lost.name, owner: lost.owner, folder }
      if (!found) throw new MeshError('NOT_FOUND', { detail: `${folder} is not attached` })
      await device.detach(parseId('project', found.project))
      return found
    },
    '/fetch': async ({ path, isNew }) => {
      const holder = holderOf(attachments(), path)
      const inProject = relative(holder.folder, path).split(sep).join('/').normalize('NFC')
      const project = parseId('project', holder.project)
      const state = await (isNew ? device.fetch(project, inProject) : device.fetched(project, inProject))
      const { reason, ...counts } = state
      const told = reason && { path: reason.path, code: reason.error.code, detail: reason.error.detail ?? reason.path }
      return { project: holder.name, path: inProject, ...counts, ...(told && { reason: told }) }
    },
    '/trash': async ({ project }) => {
      const names = new Map(attachments().map(attachment => [attachment.project, attachment.name]))
      const items = (await device.trash()).map(entry => trashEntry(entry, names))
      return { items: items.filter(item => project === undefined || item.project === project) }
    },
    '/owner-key': async recipient => ({ copies: await device.ownerKey.copiesFor(recipient) }),
    '/snapshots': async () => device.snapshotsHere(),
    '/trash/restore': async ({ name }) =>
      trashEntry(
        await device.restore(name),
        new Map(attachments().map(attachment => [attachment.project, attachment.name])),
      ),
  }
}

/** Of folders inside each other, the innermost. */
function holderOf(attachments: Attachment[], path: string): Attachment {
  const holders = attachments.filter(({ folder }) => path === folder || path.startsWith(folder + sep))
  const [holder] = holders.sort((a, b) => b.folder.length - a.folder.length)
  if (!holder) throw new MeshError('NOT_FOUND', { detail: `${path} is in no attached folder of this machine` })
  return holder
}

/** A project that is attached no more goes by its id. */
function trashEntry(
  { name, project, path, deletedAt, bytes }: DeviceTrashEntry,
  names: ReadonlyMap<string, string>,
): TrashEntry {
  return { name, project: names.get(project) ?? project, path, deletedAt, bytes }
}

/** Only a folder that somebody named makes a project that is not there. */
async function projectNamed(hub: HubAccess, device: Device, name: string, mustBeThere: boolean): Promise<ProjectInfo> {
  const known = device.projects.named(name)
  if (known) return projectInfo(known)
  if (!mustBeThere) return projectInfo(await hub.project(name))
  const names = device.projects
    .list()
    .map(project => (project.shared ? `${project.owner}/${project.name}` : project.name))
  throw new MeshError('NOT_FOUND', {
    detail: `the project ${name}; there ${names.length === 0 ? 'is none yet' : `are ${names.slice(0, 20).join(', ')}`}`,
  })
}

function hereOf({ projects }: Device): Here {
  return { policy: projects.policy, projects: projects.list().map(({ tree: _, ...shown }) => shown) }
}

export function projectInfo({ id, name, owner, tree }: Project | ProjectInfo): ProjectInfo {
  return { id, name, owner, tree }
}

async function mustBeFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (!found?.isDirectory()) throw new MeshError('NOT_FOUND', { detail: `${folder} is not a folder` })
}
