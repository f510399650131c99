/** All commands of `meshbook` as one program that has not read a command line. One file a command. */
import { Command } from 'commander'
import { attachCommand } from './commands/attach.ts'
import { auditCommand } from './commands/audit.ts'
import { backupCommand } from './commands/backup.ts'
import { detachCommand } from './commands/detach.ts'
import { devicesCommand } from './commands/devices.ts'
import { doctorCommand } from './commands/doctor.ts'
import { exportCommand } from './commands/export.ts'
import { fetchCommand } from './commands/fetch.ts'
import { gateCommand } from './commands/gate.ts'
import { historyCommand } from './commands/history.ts'
import { hubCommand } from './commands/hub.ts'
import { importCommand } from './commands/import.ts'
import { linkCommand, openCommand } from './commands/link.ts'
import { membersCommand } from './commands/members.ts'
import { monitorCommand } from './commands/monitor.ts'
import { pairCommand } from './commands/pair.ts'
import { publishCommand } from './commands/publish.ts'
import { restoreCommand } from './commands/restore.ts'
import { runCommand } from './commands/run.ts'
import { runsCommand } from './commands/runs.ts'
import { sessionsCommand } from './commands/sessions.ts'
import { startCommand } from './commands/start.ts'
import { statusCommand } from './commands/status.ts'
import { tokenCommand } from './commands/token.ts'
import { trashCommand } from './commands/trash.ts'
import { upCommand } from './commands/up.ts'
import { versionCommand } from './commands/version.ts'
import { version } from './version.ts'

export function meshbookProgram(): Command {
  const program = new Command('meshbook')
    .description('All the computers you own behave as one.')
    .version(version)
    .option('--json', 'print one JSON object per line')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('Run with --help to see how it is used.')

  for (const command of [
    startCommand,
    hubCommand,
    upCommand,
    attachCommand,
    detachCommand,
    fetchCommand,
    importCommand,
    exportCommand,
    runCommand,
    runsCommand,
    gateCommand,
    sessionsCommand,
    statusCommand,
    historyCommand,
    publishCommand,
    devicesCommand,
    membersCommand,
    auditCommand,
    pairCommand,
    monitorCommand,
    openCommand,
    linkCommand,
    tokenCommand,
    backupCommand,
    restoreCommand,
    trashCommand,
    doctorCommand,
    versionCommand,
  ]) {
    program.addCommand(command())
  }
  return program
}
