/** All commands of `meshbook`, one file each, as a program that has not read a command line. */
import { Command } from 'commander'
import { version } from './version.ts'

/** In the order of the help. Each is loaded when it is asked for: hub and device are large, and most commands need neither. */
const commands: Record<string, () => Promise<() => Command>> = {
  start: async () => (await import('./commands/start.ts')).startCommand,
  hub: async () => (await import('./commands/hub.ts')).hubCommand,
  tls: async () => (await import('./commands/tls.ts')).tlsCommand,
  up: async () => (await import('./commands/up.ts')).upCommand,
  attach: async () => (await import('./commands/attach.ts')).attachCommand,
  detach: async () => (await import('./commands/detach.ts')).detachCommand,
  fetch: async () => (await import('./commands/fetch.ts')).fetchCommand,
  import: async () => (await import('./commands/import.ts')).importCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  run: async () => (await import('./commands/run.ts')).runCommand,
  runs: async () => (await import('./commands/runs.ts')).runsCommand,
  task: async () => (await import('./commands/task.ts')).taskCommand,
  workflow: async () => (await import('./commands/workflow.ts')).workflowCommand,
  gate: async () => (await import('./commands/gate.ts')).gateCommand,
  sessions: async () => (await import('./commands/sessions.ts')).sessionsCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  history: async () => (await import('./commands/history.ts')).historyCommand,
  publish: async () => (await import('./commands/publish.ts')).publishCommand,
  devices: async () => (await import('./commands/devices.ts')).devicesCommand,
  compute: async () => (await import('./commands/compute.ts')).computeCommand,
  keys: async () => (await import('./commands/keys.ts')).keysCommand,
  members: async () => (await import('./commands/members.ts')).membersCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  pair: async () => (await import('./commands/pair.ts')).pairCommand,
  monitor: async () => (await import('./commands/monitor.ts')).monitorCommand,
  open: async () => (await import('./commands/link.ts')).openCommand,
  link: async () => (await import('./commands/link.ts')).linkCommand,
  token: async () => (await import('./commands/token.ts')).tokenCommand,
  backup: async () => (await import('./commands/backup.ts')).backupCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
  trash: async () => (await import('./commands/trash.ts')).trashCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  version: async () => (await import('./commands/version.ts')).versionCommand,
}

/** What nobody types. */
const hidden: typeof commands = {
  worker: async () => (await import('./commands/worker.ts')).workerCommand,
  'task-worker': async () => (await import('./commands/task-worker.ts')).taskWorkerCommand,
}

/** With the command of this name alone, where there is one; with all of them for help and for what is no command. */
export async function meshbookProgram(name?: string): Promise<Command> {
  const program = new Command('meshbook')
    .description('All the computers you own behave as one.')
    .version(version)
    .option('--json', 'print one JSON object per line')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('Run with --help to see how it is used.')
  if (name !== undefined && Object.hasOwn(hidden, name))
    return program.addCommand((await hidden[name]!())(), { hidden: true })
  const wanted = name !== undefined && Object.hasOwn(commands, name) ? [commands[name]!] : Object.values(commands)
  for (const load of wanted) program.addCommand((await load())())
  return program
}
