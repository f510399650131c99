/** What runs in a task worker, in words of the image: its first process, and the two that this begins. */
import { limits } from '@meshbook/core/limits.ts'
import { programFolder } from './image/program-files.ts'
import type { TaskWorkerSpec } from './port.ts'
import { taskUsers } from './task-users.ts'

const first = `${programFolder}/packages/cli/src/task-worker/first.sh`
const node = [
  `${programFolder}/node`,
  '--disable-warning=ExperimentalWarning',
  `${programFolder}/packages/cli/src/main.ts`,
  'task-worker',
]
export const runnerCommand: readonly string[] = [...node, 'runner']
export const toolsCommand: readonly string[] = [...node, 'tools']
/** Compiles all of it once, where it may write into the folder of what is compiled. */
export const loadCommand: readonly string[] = [...node, 'load']
export const compiledFolder = `${programFolder}/compiled`

/** `script`: where the first process is, for the driver that has it on this machine. */
export function firstCommand(
  { limits: { wallMs } }: TaskWorkerSpec,
  runner: readonly string[],
  tools: readonly string[],
  script = first,
): string[] {
  const seconds = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)))
  return ['/bin/bash', script, seconds(wallMs), seconds(limits.taskStopMs), String(runner.length), ...runner, ...tools]
}

/** Takes on one of the two users, for good; said by root in a container. */
export function asUser(user: keyof typeof taskUsers): string[] {
  const { uid, gid } = taskUsers[user]
  const ids = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups']
  return ['setpriv', ...ids, '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--']
}
