#!/usr/bin/env node
// Starts the command line under the Node that Meshbook brings along, whatever Node is on PATH.
import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(realpathSync(fileURLToPath(import.meta.url)))
const main = join(here, '..', 'src', 'main.ts')
const bundled = join(here, '..', '..', '..', 'node_modules', '.bin', 'node')
const node = existsSync(bundled) ? bundled : process.execPath
// A small young generation: what a flood of connections leaves behind is collected before the heap grows for it.
const flags = ['--max-semi-space-size=16', '--disable-warning=ExperimentalWarning']
const { status, signal } = spawnSync(node, [...flags, main, ...process.argv.slice(2)], { stdio: 'inherit' })
process.exit(signal ? 130 : (status ?? 1))
