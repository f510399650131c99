import { exitCodes } from '@meshbook/core/errors.ts'
import { hubSettings } from '@meshbook/hub/config.ts'
import { Command } from 'commander'
import { control } from '../control.ts'
import { type DataFolder, dataFolder } from '../data-folder.ts'
import { checkCompute } from '../doctor/check-compute.ts'
import { checkPush } from '../doctor/check-push.ts'
import { checkServers } from '../doctor/check-servers.ts'
import { checkTls } from '../doctor/check-tls.ts'
import { checkDisk, checkHub, checkKernels, checkNode, type Finding } from '../doctor/checks.ts'
import { printJson, progress, say } from '../print.ts'
import { optionsOf } from './options.ts'

interface DoctorOptions {
  data?: string
  hub?: string
  json?: boolean
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('try everything this machine needs, and say how to fix what fails')
    .option('--hub <url>', 'the hub to try (default: the one of this machine)')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook doctor')
    .action(async (_options, command: Command) => {
      const options = optionsOf<DoctorOptions>(command)
      const findings = await examine(options, dataFolder(options.data))
      if (!options.json) explainSettings()
      process.exitCode = findings.every(finding => finding.ok) ? exitCodes.ok : exitCodes.error
    })
}

async function examine(options: DoctorOptions, folder: DataFolder): Promise<Finding[]> {
  const findings: Finding[] = []
  const wait = progress()
  const report = (finding: Finding) => {
    wait.clear()
    findings.push(finding)
    if (options.json) printJson(finding)
    else printFinding(finding)
  }
  report(await checkNode())
  report(await checkDisk(folder))
  for (const finding of await checkServers(process.env)) report(finding)
  for (const finding of await checkCompute(process.env)) report(finding)
  for (const finding of await checkTls(process.env, folder.root, Date.now())) report(finding)
  wait.show('Starting each kernel…')
  for (const finding of await checkKernels()) report(finding)
  for (const finding of await examineHub(options.hub, folder)) report(finding)
  return findings
}

async function examineHub(hub: string | undefined, folder: DataFolder): Promise<Finding[]> {
  if (hub) return checkHub(hub.replace(/\/$/, ''))
  try {
    const status = await control(folder.control, '/status', {})
    const findings = status.hub ? [...(await checkHub(status.hub)), ...(await checkPush(folder))] : []
    findings.push({
      check: `Device ${status.device}`,
      ok: status.linked || status.hub === null,
      seen: status.linked ? 'connected to the hub' : status.hub === null ? 'works without a hub' : 'not connected',
      ...(status.linked || status.hub === null ? {} : { fix: 'It tries again by itself; check the hub above.' }),
    })
    findings.push({ check: 'Keys', ok: true, seen: status.keys })
    for (const problem of status.problems)
      findings.push({
        check: 'Files',
        ok: false,
        seen: problem,
        fix: 'Mend it; what was typed is safe in the store meanwhile.',
      })
    return findings
  } catch {
    return [
      { check: 'Running Meshbook', ok: true, seen: 'none with this data folder (start one with `meshbook start`)' },
    ]
  }
}

function printFinding({ check, ok, seen, fix }: Finding): void {
  process.stdout.write(`${ok ? '✔' : '✖'} ${check}: ${seen}\n`)
  if (fix) process.stdout.write(`    ${fix}\n`)
}

function explainSettings(): void {
  say('\nSettings (environment):')
  for (const [name, meaning] of Object.entries(hubSettings))
    say(`  ${name.padEnd(28)} ${meaning}${process.env[name] ? ' · set' : ''}`)
}
