/** The routes of agent tasks, typed. */
import { listOf } from '@meshbook/core/api.ts'
import {
  type NewTask,
  type Task,
  type TaskAgent,
  type TaskDiff,
  type TaskExport,
  type TaskFile,
  type TaskFolder,
  type TaskMessage,
  taskAgentSchema,
  type taskControlSchema,
  taskDiffSchema,
  taskFileSchema,
  taskFolderSchema,
  taskMessageSchema,
  taskSchema,
} from '@meshbook/core/tasks-api.ts'
import { type InferOutput, unknown } from 'valibot'
import { request, requestFile } from '../api/http.ts'

export type TaskAction = InferOutput<typeof taskControlSchema>['action']

const at = (id: string): string => `/tasks/${encodeURIComponent(id)}`

export const tasksApi = {
  page: (query: Record<string, string>): Promise<{ items: Task[]; next?: string | undefined }> =>
    request('GET', `/tasks?${new URLSearchParams({ limit: '50', ...query })}`, listOf(taskSchema)),
  agents: async (): Promise<TaskAgent['name'][]> =>
    (await request('GET', '/task-agents', listOf(taskAgentSchema))).items.map(({ name }) => name),
  task: (id: string): Promise<Task> => request('GET', at(id), taskSchema),
  give: (body: NewTask): Promise<Task> => request('POST', '/tasks', taskSchema, { body }),
  messages: async (id: string): Promise<TaskMessage[]> =>
    (await request('GET', `${at(id)}/messages`, listOf(taskMessageSchema))).items,
  say: (id: string, body: { id: string; text: string }): Promise<TaskMessage> =>
    request('POST', `${at(id)}/messages`, taskMessageSchema, { body }),
  control: (id: string, action: TaskAction): Promise<Task> =>
    request('POST', `${at(id)}/control`, taskSchema, { body: { action } }),
  again: (id: string, body: { id: string; turn?: number; prompt?: string }): Promise<Task> =>
    request('POST', `${at(id)}/again`, taskSchema, { body }),
  diff: (id: string): Promise<TaskDiff> => request('GET', `${at(id)}/diff`, taskDiffSchema),
  folder: (id: string, path: string): Promise<TaskFolder> =>
    request('GET', `${at(id)}/folder?${new URLSearchParams({ path })}`, taskFolderSchema),
  file: (id: string, path: string): Promise<TaskFile> =>
    request('GET', `${at(id)}/file?${new URLSearchParams({ path })}`, taskFileSchema),
  export: async (id: string, as: TaskExport): Promise<Blob> =>
    (await requestFile(`${at(id)}/export?as=${as}`, 'content-type'))[0],
  delete: (id: string) => request('DELETE', at(id), unknown()),
}
