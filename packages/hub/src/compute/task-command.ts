/** What runs in a task worker, in words of the image: its first process, and the two that this begins. */
import { limits } from '@meshbook/core/limits.ts'
import { programFolder } from './image/program-files.ts'
import type { TaskWorkerSpec } from './port.ts'
import { isSeccompArch, seccompFilter } from './seccomp.ts'
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
/** The worker's half of the broker, where the hub is elsewhere. */
export const brokerCommand: readonly string[] = [...node, 'broker']
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

const prctl = { x64: '157', arm64: '167' } as const
/** PR_SET_SECCOMP with a filter; Perl is there because git needs it. */
const filtering =
  'my($n,$h,@c)=@ARGV;my $f=pack("H*",$h);my $p=pack("S x6 P",length($f)/8,$f);syscall($n,22,2,$p)==0 or die "seccomp: $!\n";exec{$c[0]}@c or die "exec: $!\n"'

/** Our filter of system calls above that of the engine, which lets through what reaches the machine below (CP71). */
export function filtered(arch: string): string[] {
  if (!isSeccompArch(arch)) return []
  return ['/usr/bin/perl', '-e', filtering, prctl[arch], seccompFilter(arch).toString('hex')]
}

/** Of a container, from its first process on; `arch`: of the machine that it runs on. */
export function containerCommand(spec: TaskWorkerSpec, arch: string = process.arch): string[] {
  const filter = filtered(arch)
  return firstCommand(
    spec,
    [...asUser('runner'), ...filter, ...runnerCommand],
    [...asUser('tools'), ...filter, ...toolsCommand],
  )
}

/** The first process of a machine at Fly, where all are of one kind: it has network for the broker, and none for the rest. */
export function machineCommand(spec: TaskWorkerSpec): string[] {
  const [, , ...words] = containerCommand(spec, 'x64')
  return ['/bin/bash', `${programFolder}/packages/cli/src/task-worker/machine.sh`, ...words]
}
