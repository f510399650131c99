/** The routes of agent tasks. Their logs, gates and ends are those of runs. */
import { listOf } from '@meshbook/core/api.ts'
import {
  newTaskMessageSchema,
  newTaskSchema,
  repeatTaskSchema,
  taskControlSchema,
  taskDiffSchema,
  taskMessageSchema,
  taskSchema,
} from '@meshbook/core/tasks-api.ts'
import type { Parts } from '../parts.ts'
import { type Route, userRoute } from './route.ts'
import {
  controlTask,
  createTask,
  getTask,
  listTaskMessages,
  listTasks,
  repeatTask,
  sayToTask,
  taskDiff,
} from './task-handlers.ts'

const tasks = '/api/v1/tasks'
const one = { the: 'run', named: 'id' } as const

export function taskRoutes(parts: Parts): Route[] {
  return [
    userRoute({
      method: 'POST',
      path: tasks,
      about: 'shared',
      scope: 'run',
      summary: 'Give a task to an agent: a repository, and what to do in it',
      body: newTaskSchema,
      answer: taskSchema,
      status: 201,
      handle: ask => createTask(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: tasks,
      about: 'shared',
      scope: 'read',
      summary: 'Tasks, newest first',
      query: {
        project: 'of one project',
        open: '1: only those that have not ended',
        cursor: 'where the page before ended',
      },
      answer: listOf(taskSchema),
      handle: ask => listTasks(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${tasks}/:id`,
      about: one,
      scope: 'read',
      summary: 'One task. What its agent does is the log of the run of the same id',
      answer: taskSchema,
      handle: ask => getTask(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${tasks}/:id/messages`,
      about: one,
      scope: 'run',
      summary: 'Say something to the agent, which hears it at its next turn',
      body: newTaskMessageSchema,
      answer: taskMessageSchema,
      status: 201,
      handle: ask => sayToTask(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${tasks}/:id/messages`,
      about: one,
      scope: 'read',
      summary: 'What was said to the agent, and when it heard it',
      answer: listOf(taskMessageSchema),
      handle: ask => listTaskMessages(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${tasks}/:id/control`,
      about: one,
      scope: 'run',
      summary: 'Interrupt, pause, continue or stop the agent',
      body: taskControlSchema,
      answer: taskSchema,
      handle: ask => controlTask(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${tasks}/:id/again`,
      about: one,
      scope: 'run',
      summary: 'The same task once more, from its beginning or from one of its turns',
      body: repeatTaskSchema,
      answer: taskSchema,
      status: 201,
      handle: ask => repeatTask(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${tasks}/:id/diff`,
      about: one,
      scope: 'read',
      summary: 'What the agent has changed so far',
      answer: taskDiffSchema,
      handle: ask => taskDiff(parts, ask),
    }),
  ]
}
