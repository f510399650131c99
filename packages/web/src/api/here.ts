/** Routes of a device's own web app alone: which projects have folders there, typed. */
import { type Here, hereSchema, type ProjectsPolicy } from '@meshbook/core/api.ts'
import { request } from './http.ts'

export const hereApi = {
  here: (): Promise<Here> => request('GET', '/here', hereSchema),
  setProjectsPolicy: (policy: ProjectsPolicy): Promise<Here> =>
    request('PATCH', '/here', hereSchema, { body: { policy } }),
  makeFolder: (project: string): Promise<Here> => request('POST', '/here/folders', hereSchema, { body: { project } }),
  detachFolder: (project: string): Promise<Here> => request('DELETE', `/here/folders/${project}`, hereSchema),
}
