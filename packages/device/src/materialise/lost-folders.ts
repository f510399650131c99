/** Folders of projects that the hub took away: told until that was seen (DV106). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Problems } from '../problems.ts'
import type { DeviceStore } from '../store/device-store.ts'
import type { LostProject } from '../store/known-projects.ts'

interface LostFoldersPorts {
  org: OrgId
  store: DeviceStore
  problems: Problems
  /** Whether there is still something there. */
  isThere(folder: string): Promise<boolean>
}

export class LostFolders {
  readonly #ports: LostFoldersPorts
  #lost: LostProject[] = []

  constructor(ports: LostFoldersPorts) {
    this.#ports = ports
  }

  /** As the store has them; those whose folder is gone are forgotten. */
  async read(): Promise<void> {
    const { store, org, isThere } = this.#ports
    this.#lost = await store.query('listLost', { org })
    for (const { id, folder } of this.#lost) if (!(await isThere(folder))) await this.forget(id)
  }

  ids(): ProjectId[] {
    return this.#lost.map(({ id }) => id)
  }

  at(folder: string): LostProject | undefined {
    return this.#lost.find(lost => lost.folder === folder)
  }

  async forget(project: ProjectId): Promise<void> {
    const { store, org } = this.#ports
    if (!this.#lost.some(({ id }) => id === project)) return
    await store.call('forgetLost', { org, project })
    this.#lost = this.#lost.filter(({ id }) => id !== project)
    this.tell()
  }

  tell(): void {
    const { problems } = this.#ports
    for (const lost of this.#lost) problems.report(aboutOf(lost.id), noticeOf(lost), { file: lost.folder })
    const told = new Set(this.#lost.map(({ id }) => aboutOf(id)))
    for (const { about } of problems.all()) if (about.startsWith(prefix) && !told.has(about)) problems.solve(about)
  }
}

const prefix = 'lost '
const aboutOf = (id: ProjectId): string => `${prefix}${id}`

function noticeOf({ owner, name, folder }: LostProject): MeshError {
  return new MeshError('NOT_FOUND', {
    detail: `the hub names the project ${owner}/${name} no more; the files in ${folder} stay and are not synced. \`meshbook detach\` with that folder ends this notice`,
  })
}
