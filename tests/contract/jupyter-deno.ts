/**
 * What the kernel contract asks of deno's kernel. Its package is put into a cache folder outside the workspace, once, and
 * its kernelspec is written beside it.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { KernelLanguage } from './kernel.ts'

const version = '2.9.6'

/** A folder for JUPYTER_PATH. */
export async function denoKernelspecs(): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const folder = join(cache, 'meshbook-tests', `deno-kernel@${version}`)
  if (!existsSync(folder)) await install(folder)
  return join(folder, 'jupyter')
}

async function install(folder: string): Promise<void> {
  const fresh = `${folder}.${process.pid}`
  try {
    await mkdir(join(fresh, 'jupyter/kernels/deno'), { recursive: true })
    await writeFile(join(fresh, 'package.json'), '{"private":true}')
    const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', `deno@${version}`]
    const { status, error } = spawnSync('npm', args, { cwd: fresh, stdio: ['ignore', 2, 2], timeout: 300_000 })
    if (status !== 0) throw new Error('npm install deno failed', { cause: error })
    const argv = [join(folder, 'node_modules/.bin/deno'), 'jupyter', '--kernel', '--conn', '{connection_file}']
    const spec = { argv, display_name: 'Deno', language: 'typescript' }
    await writeFile(join(fresh, 'jupyter/kernels/deno/kernel.json'), JSON.stringify(spec))
    await mkdir(dirname(folder), { recursive: true })
    await rename(fresh, folder)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

export const deno: KernelLanguage = {
  language: 'typescript',
  kernelspec: 'deno',
  process: /^--conn$/,
  print: text => `console.log(${JSON.stringify(text)})`,
  setVariable: 'const answer: number = 42',
  printVariable: 'console.log(String(answer))',
  fail: {
    code: 'function f() {\n  throw new TypeError("bad")\n}\nf()',
    name: 'TypeError',
    message: /bad/,
    traceback: /at f/,
  },
  ask: 'console.log("hi", prompt("Name? "))',
  busy: 'for (;;) {}',
  sleep: 'await new Promise(resolve => setTimeout(resolve, 60_000))',
  ignoreInterrupt:
    'console.log("ready"); new Deno.Command("sh", { args: ["-c", "trap \'\' INT; sleep 60"] }).outputSync()',
  exit3: { none: 'the variables go with the process' },
  garbage: { none: 'deno gives its programs no standard output but the console' },
  // Its console writes whole lines.
  progress: frames =>
    `for (let i = 0; i < ${frames}; i++) await Deno.jupyter.broadcast("stream", { name: "stdout", text: "\\r" + i })`,
  megabytes: count =>
    `{ const line = ("x".repeat(99) + "\\n").repeat(100).slice(0, -1); for (let i = 0; i < ${count} * 100; i++) console.log(line) }`,
  child: { none: 'deno gives its programs no standard output but the console' },
  slowCount: (count, pauseMs) => `Deno.writeTextFileSync("ran.txt", "ran\\n", { append: true })
for (let i = 0; i < ${count}; i++) { console.log(String(i)); await new Promise(resolve => setTimeout(resolve, ${pauseMs})) }`,
  daemon:
    'new Deno.Command("setsid", { args: ["sleep", "300"], stdin: "null", stdout: "null", stderr: "null" }).spawn().unref()',
  environment: 'console.log(JSON.stringify(Deno.env.toObject()))',
  killSelf: 'Deno.kill(Deno.pid, "SIGKILL")',
  complete: { code: 'answ', label: 'answer' },
  inspect: { none: 'deno has no answer to inspect_request' },
  variable: { none: 'deno has no request for it' },
  stderr: 'console.error("oops")',
  result: '40 + 2',
  resultText: '\u001b[33m42\u001b[39m',
  interrupt: { none: 'its kernel has no interrupt: the signal ends it, and the message is ignored' },
  large: 'await Deno.jupyter.display({ "image/png": btoa("x".repeat(100_000)) }, { raw: true })',
}
