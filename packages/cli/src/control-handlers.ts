/** What a daemon does for other commands on its machine, whether its hub is in the same process or elsewhere. */
import { stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import type { Project } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { Device, TrashEntry as DeviceTrashEntry } from '@meshbook/device/device.ts'
import type { Attachment, ControlHandlers, TrashEntry } from './control.ts'

export interface HubAccess {
  url: string
  token(): Promise<string>
  signInLink(): Promise<string>
  /** The project of this name, made if there is none. */
  project(name: string): Promise<Project>
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
    '/token': async () => ({ hub: hub.url, token: await hub.token() }),
    '/link': async () => ({ link: await hub.signInLink() }),
    '/attachments': async () => ({ items: attachments() }),
    '/attach': async ({ folder, project }) => {
      await mustBeFolder(folder)
      const info = projectInfo(await hub.project(project))
      await device.attach({ project: info, folder })
      return { project: info.id, name: info.name, owner: info.owner, folder }
    },
    '/detach': async ({ folder }) => {
      const found = attachments().find(attachment => attachment.folder === folder)
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

export function projectInfo({ id, name, owner, tree }: Project): ProjectInfo {
  return { id, name, owner, tree }
}

async function mustBeFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (!found?.isDirectory()) throw new MeshError('NOT_FOUND', { detail: `${folder} is not a folder` })
}
