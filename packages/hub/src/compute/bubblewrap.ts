/** The command lines of bubblewrap for the two sandboxes of a task worker (CP70, CP71). Pure: what may be seen stands here. */
import { taskPlaces } from '@meshbook/core/broker.ts'
import { programFolder } from './image/program-files.ts'
import { compiledFolder } from './task-command.ts'
import { taskUsers } from './task-users.ts'

export interface SandboxPlaces {
  /** Folders of the host: of the program, with `node` beside its packages; of the worker's sockets; of its work. */
  program: string
  node: string
  runnerSockets: string
  toolsSockets: string
  work: string
  /** Files that stand for those of the system. */
  passwd: string
  group: string
  /** What Node keeps of compiled sources. */
  compiled: string
  /** Bytes of a seccomp filter; absent where there is none for this processor. */
  filter: string | undefined
}

/** What of the program is shown: neither its hub nor anything else that lies in its folder. */
const rooms = [
  'packages/core',
  'packages/relay',
  'packages/engine',
  'packages/device',
  'packages/cli',
  'node_modules',
  'package.json',
]
const systemFiles = [
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/localtime',
  '/etc/ssl/certs',
]
const systemFolders = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']
const memoryFilesBytes = 64 * 1024 ** 2
const filterFd = '9'

export function runnerSandbox(places: SandboxPlaces, links: ReadonlyMap<string, string>, isRoot: boolean): string[] {
  const own = ['--size', String(memoryFilesBytes), '--tmpfs', '/tmp', '--ro-bind', places.runnerSockets, taskPlaces.own]
  return sandbox('runner', places, links, isRoot, own)
}

export function toolsSandbox(places: SandboxPlaces, links: ReadonlyMap<string, string>, isRoot: boolean): string[] {
  const { work, toolsSockets } = places
  const own = ['--bind', work, taskPlaces.work, '--bind', `${work}/tmp`, '/tmp']
  return sandbox('tools', places, links, isRoot, [...own, '--ro-bind', toolsSockets, taskPlaces.tools])
}

/** Writes what is compiled, once for each user; nothing of any task is there. */
export function compilingSandbox(
  user: keyof typeof taskUsers,
  places: SandboxPlaces,
  links: ReadonlyMap<string, string>,
  isRoot: boolean,
): string[] {
  const own = ['--size', String(memoryFilesBytes), '--tmpfs', '/tmp', '--bind', places.compiled, compiledFolder]
  return sandbox(user, places, links, isRoot, own)
}

/** `links`: those of the system's folders that lead below /usr. */
function sandbox(
  user: keyof typeof taskUsers,
  { program, node, passwd, group, compiled, filter }: SandboxPlaces,
  links: ReadonlyMap<string, string>,
  isRoot: boolean,
  own: readonly string[],
): string[] {
  const { uid, gid } = taskUsers[user]
  const ids = [String(uid), String(gid)] as const
  // Started by root it would stay root for files; so it is not.
  const dropped = [
    'setpriv',
    '--reuid',
    ids[0],
    '--regid',
    ids[1],
    '--clear-groups',
    '--bounding-set=-all',
    '--inh-caps=-all',
  ]
  const system = systemFolders.flatMap(name => {
    const to = links.get(name)
    return to === undefined ? ['--ro-bind-try', `/${name}`, `/${name}`] : ['--symlink', to, `/${name}`]
  })
  return [
    ...(filter === undefined ? [] : ['/bin/bash', '-c', `exec ${filterFd}<"$0"; exec "$@"`, filter]),
    ...(isRoot ? [...dropped, '--no-new-privs'] : []),
    'bwrap',
    ...['--unshare-all', '--unshare-user', '--disable-userns', '--die-with-parent', '--new-session'],
    ...['--uid', ids[0], '--gid', ids[1], '--hostname', 'worker', '--cap-drop', 'ALL', '--clearenv'],
    ...['--setenv', 'PATH', '/usr/local/bin:/usr/bin:/bin', '--setenv', 'LANG', 'C.UTF-8'],
    ...['--setenv', 'NODE_COMPILE_CACHE', compiledFolder],
    ...['--ro-bind', '/usr', '/usr', ...system],
    ...systemFiles.flatMap(path => ['--ro-bind-try', path, path]),
    ...['--ro-bind', passwd, '/etc/passwd', '--ro-bind', group, '/etc/group'],
    ...rooms.flatMap(room => ['--ro-bind', `${program}/${room}`, `${programFolder}/${room}`]),
    ...['--ro-bind', node, `${programFolder}/node`],
    ...['--ro-bind', compiled, compiledFolder],
    ...[
      '--proc',
      '/proc',
      '--dev',
      '/dev',
      '--size',
      String(memoryFilesBytes),
      '--tmpfs',
      '/dev/shm',
      '--remount-ro',
      '/dev',
    ],
    ...own,
    ...['--remount-ro', '/', '--chdir', '/'],
    ...(filter === undefined ? [] : ['--seccomp', filterFd]),
    '--',
  ]
}
