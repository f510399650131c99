/** How each language takes the steps of a program; a step that it does not have is undefined, and left out. */
import type { Program, Step } from './program.ts'

interface ProgramLanguage {
  /** What stands before the steps. */
  begin: string
  step(step: Step): string | undefined
}

const quoted = (text: string): string => JSON.stringify(text)
const bar = (label: string): string => `${label.replace(/[\n\r%]/g, ' ')} `

const python: ProgramLanguage = {
  begin: 'import os, subprocess, sys, threading, time',
  step(step) {
    switch (step.do) {
      case 'write':
        return `sys.stdout.write(${quoted(step.text)})`
      case 'error':
        return `sys.stderr.write(${quoted(step.text)})`
      case 'bytes':
        return `sys.stdout.flush(); sys.stdout.buffer.write(bytes(${JSON.stringify(step.bytes)})); sys.stdout.buffer.flush()`
      case 'ask':
        return `print(len(input(${quoted(step.prompt)})))`
      case 'sleep':
        return `time.sleep(${step.ms / 1000})`
      case 'threads':
        return step.texts
          .map(text => `_t = threading.Thread(target=print, args=(${quoted(text)},)); _t.start(); _t.join()`)
          .join('\n')
      case 'fork':
        return `sys.stdout.flush()\n_pid = os.fork()\nif _pid == 0:\n    try: os.write(1, ${quoted(step.text)}.encode())\n    finally: os._exit(0)\n_ = os.waitpid(_pid, 0)`
      case 'child':
        return `sys.stdout.flush(); _ = subprocess.run(['printf', '%s', ${quoted(step.text)}])`
      case 'repeat':
        return `for _i in range(${step.count}): print(_i, ${quoted(step.text)})`
      case 'progress':
        return `for _i in range(${step.frames}): print('\\r' + ${quoted(bar(step.label))} + '#' * (_i % 40), '\\x1b[K', end='', flush=True)\nprint()`
      case 'clear':
        return `clear_output(wait=${step.wait ? 'True' : 'False'})`
      case 'value':
        return `display(${quoted(step.text)})`
      case 'fail':
        return `def _fail():\n    raise ValueError(${quoted(step.message)})\n_fail()`
      case 'exit':
        return `sys.exit(${step.status})`
    }
  },
}

const bash: ProgramLanguage = {
  begin: 'export LC_ALL=C.UTF-8',
  step(step) {
    switch (step.do) {
      case 'write':
        return `printf ${octal(step.text)}`
      case 'error':
        return `printf ${octal(step.text)} >&2`
      case 'bytes':
        return `printf ${octal(Uint8Array.from(step.bytes))}`
      case 'ask':
        return `read -r -p ${octal(step.prompt, '$')} answer; echo "\${#answer}"`
      case 'sleep':
        return `sleep ${step.ms / 1000}`
      case 'threads':
        return step.texts.map(text => `{ printf ${octal(text)}; } & wait $!`).join('\n')
      case 'fork':
        return `( printf ${octal(step.text)} )`
      case 'child':
        return `sh -c "printf ${octal(step.text).replaceAll('\\', '\\\\')}"`
      case 'repeat':
        return `for ((i = 0; i < ${step.count}; i++)); do echo "$i" ${octal(step.text, '$')}; done`
      case 'progress':
        return `for ((i = 0; i < ${step.frames}; i++)); do printf '\\r%s %d\\033[K' ${octal(bar(step.label), '$')} "$i"; done; echo`
      case 'fail':
        return 'false'
      case 'exit':
        return `(exit ${step.status})`
      default:
        return undefined
    }
  },
}

/** Every byte as an escape of `printf`, or of `$'…'`. */
function octal(text: string | Uint8Array, prefix = ''): string {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  return `${prefix}'${Array.from(bytes, byte => `\\${byte.toString(8).padStart(3, '0')}`).join('')}'`
}

const javascript: ProgramLanguage = {
  begin:
    'const { spawnSync } = require("node:child_process"); const pause = ms => new Promise(done => setTimeout(done, ms))',
  step(step) {
    switch (step.do) {
      case 'write':
        return `process.stdout.write(${quoted(step.text)})`
      case 'error':
        return `process.stderr.write(${quoted(step.text)})`
      case 'bytes':
        return `process.stdout.write(Uint8Array.from(${JSON.stringify(step.bytes)}))`
      case 'ask':
        return `console.log(String((prompt(${quoted(step.prompt)}) ?? "").length))`
      case 'sleep':
        return `await pause(${step.ms})`
      case 'threads':
        return step.texts.map(text => `await pause(1).then(() => console.log(${quoted(text)}))`).join('\n')
      case 'child':
        return `spawnSync('printf', ['%s', ${quoted(step.text)}], { stdio: 'inherit' })`
      case 'repeat':
        return `for (let i = 0; i < ${step.count}; i++) console.log(i + ' ' + ${quoted(step.text)})`
      case 'progress':
        return `for (let i = 0; i < ${step.frames}; i++) process.stdout.write('\\r' + ${quoted(bar(step.label))} + '#'.repeat(i % 40) + '\\x1b[K')\nconsole.log('')`
      case 'clear':
        return `clearOutput({ wait: ${step.wait} })`
      case 'value':
        return `display(${quoted(step.text)})`
      case 'fail':
        return `{ (function fail() { throw new TypeError(${quoted(step.message)}) })() }`
      case 'exit':
        return `process.exit(${step.status})`
      default:
        return undefined
    }
  },
}

const languages: Record<string, ProgramLanguage> = { python, bash, javascript }
export const programLanguages = Object.keys(languages)

export function codeOf({ language, steps }: Program): string {
  const { begin, step } = languages[language]!
  const last = language === 'javascript' ? ['undefined'] : []
  return [begin, ...steps.map(step).filter(code => code !== undefined), ...last].join('\n')
}

export function answersOf({ language, steps }: Program): string[] {
  return steps.flatMap(step => (step.do === 'ask' && hasStep(language, step) ? [step.answer] : []))
}

export function hasStep(language: string, step: Step): boolean {
  return languages[language]!.step(step) !== undefined
}
