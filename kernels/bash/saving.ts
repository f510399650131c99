/**
 * Saves what a shell has (KN51) and makes it in a fresh one (KN52): variables, functions, aliases, options, traps, mask and
 * folder, each kind as a text that the shell itself has written and reads again.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { checkFolder, writeManifest } from '../wire/saved-folder.ts'
import type { KernelSaving, LoadedAnswer, Lost, SavedAnswer } from '../wire/server.ts'

const shown = 200
const textBytes = 256 * 1024 * 1024
const names = /^(?:declare -([\w-]+)) (\w+)/
/** Of the shell itself, of the process, or of the kernel. */
const notSaved =
  /^(?:__meshbook_\w*|BASH\w*|SHELLOPTS|EUID|PPID|UID|FUNCNAME|_|PROMPT_COMMAND|PIPESTATUS|GROUPS|DIRSTACK|RANDOM|SRANDOM|SECONDS|EPOCH\w*|LINENO|HIST\w*|COMP_WORDBREAKS|OPTIND|OPTERR|PS1|PS2|PS4|SHLVL|PWD|OLDPWD|MESHBOOK_\w*|COLUMNS|LINES|COPROC\w*|MAPFILE_\w*)$/
const notRestored = /^set [+-]o (?:history|monitor|emacs|vi|notify|interactive-comments|onecmd|noexec)$/

/** Every kind after its own mark; within a kind, texts that end with a zero byte. */
const question = `
__meshbook_kind() { printf '\\0\\1%s\\0' "$1"; }
__meshbook_kind variables
while read -r __meshbook_name; do declare -p "$__meshbook_name" 2>/dev/null && printf '\\0'; done < <(compgen -v)
__meshbook_kind functions
while read -r __meshbook_name; do case $__meshbook_name in __meshbook_*) ;; *) declare -f "$__meshbook_name"; declare -pF "$__meshbook_name" ;; esac; done < <(compgen -A function)
__meshbook_kind aliases
alias -p
__meshbook_kind shopt
shopt -p
__meshbook_kind set
set +o
__meshbook_kind traps
trap -p
__meshbook_kind umask
umask -p
__meshbook_kind folder
printf '%s' "$PWD"
__meshbook_kind jobs
jobs -l
__meshbook_kind descriptors
for __meshbook_name in /proc/self/fd/*; do printf '%s ' "\${__meshbook_name##*/}"; readlink -n "$__meshbook_name"; printf '\\0'; done
unset -f __meshbook_kind
`

export interface BashSavingOptions {
  version: string
  scratch: string
  cwd: string
  /** Runs it in the shell between two cells; its standard output is the answer. Throws BUSY if a cell has the shell. */
  ask(code: string): Promise<Buffer>
}

export class BashSaving implements KernelSaving {
  readonly #options: BashSavingOptions

  constructor(options: BashSavingOptions) {
    this.#options = options
  }

  async save(folder: string): Promise<SavedAnswer> {
    const begun = performance.now()
    const kinds = kindsOf(await this.#options.ask(question))
    const pauseMs = performance.now() - begun
    const variables = (await this.#changed(kinds.get('variables') ?? '')).map(readDeclaration)
    const options = await this.#read('initial-options')
    const changedOptions = lines(kinds.get('shopt')).filter(line => !lines(options).includes(line))
    const files: Record<string, string> = {
      'variables.bash': variables.map(({ text }) => `${text}\n`).join(''),
      'functions.bash': kinds.get('functions') ?? '',
      'aliases.bash': kinds.get('aliases') ?? '',
      'options.bash': [...changedOptions, ...lines(kinds.get('set')).filter(line => !notRestored.test(line))].join(
        '\n',
      ),
      'traps.bash': trapsOf(kinds.get('traps') ?? ''),
      'umask.bash': kinds.get('umask') ?? '',
      'folder.txt': this.#place(kinds.get('folder') ?? ''),
    }
    for (const [name, text] of Object.entries(files))
      await writeFile(join(folder, name), Buffer.from(text, 'latin1'), { mode: 0o600, flag: 'wx' })
    await writeManifest(folder, { language: 'bash', version: this.#options.version })
    const named = variables.map(({ name, type, text }) => ({ name: name.slice(0, 200), type, bytes: text.length }))
    return {
      pauseMs,
      variables: named.slice(0, shown),
      more: Math.max(0, named.length - shown),
      lost: [...lostJobs(kinds.get('jobs') ?? ''), ...lostDescriptors(kinds.get('descriptors') ?? '')],
    }
  }

  async #read(name: string): Promise<string> {
    return readFile(join(this.#options.scratch, name), 'latin1').catch(() => '')
  }

  /** Declarations that were not the same when the shell began: those of this machine stay here. */
  async #changed(text: string): Promise<string[]> {
    const initial = new Set((await this.#read('initial-values')).split('\0').map(each => each.trim()))
    const all = text.split('\0').map(each => each.replace(/^\n+|\n+$/g, ''))
    return all.filter(each => !initial.has(each.trim()) && !notSaved.test(names.exec(each)?.[2] ?? '_'))
  }

  /** Within the project it is told from there, as the project lies elsewhere on other devices. */
  #place(path: string): string {
    const inside = relative(Buffer.from(this.#options.cwd).toString('latin1'), path)
    return inside.startsWith('..') || isAbsolute(inside) ? path : inside || '.'
  }

  async load(folder: string): Promise<LoadedAnswer> {
    const { files } = await checkFolder(folder, 'bash')
    if (files.some(({ bytes }) => bytes > textBytes)) throw new Error('it is larger than what a shell reads')
    const place = await readFile(join(folder, 'folder.txt'), 'latin1')
    const path = isAbsolute(place) ? place : join(Buffer.from(this.#options.cwd).toString('latin1'), place)
    const variables = (await readFile(join(folder, 'variables.bash'), 'latin1')).split(/^(?=declare -)/m)
    const declared = variables.flatMap(text => (names.test(text) ? [readDeclaration(text)] : []))
    const refused = textOf(await this.#options.ask(loading(folder, path)))
      .split('\0')
      .filter(line => line !== '')
    const lost = refused.map(line => this.#refused(line, place))
    const gone = new Set(lost.map(({ name }) => name))
    return { names: declared.map(({ name }) => name).filter(name => !gone.has(name)), lost }
  }

  #refused(line: string, place: string): Lost {
    if (line === 'folder') return { name: 'working folder', reason: `${place} is not there` }
    return { name: line.slice(0, 200), reason: 'a variable of this name is read-only in the new shell' }
  }
}

/** A read-only variable of the new shell would end the whole file: each is looked at first. */
function loading(folder: string, path: string): string {
  const from = (name: string) => quoted(join(folder, name))
  return `
shopt -s expand_aliases
while IFS= read -r __meshbook_name; do [[ \${!__meshbook_name@a} == *r* ]] && printf '%s\\0' "$__meshbook_name"; done < <(sed -n 's/^declare -[A-Za-z-]* \\([A-Za-z_][A-Za-z_0-9]*\\).*/\\1/p' ${from('variables.bash')})
. ${from('variables.bash')} >/dev/null
. ${from('functions.bash')} >/dev/null
. ${from('aliases.bash')} >/dev/null
. ${from('umask.bash')} >/dev/null
. ${from('traps.bash')} >/dev/null
. ${from('options.bash')} >/dev/null
builtin cd -- ${quoted(path)} >/dev/null || printf 'folder\\0'
`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Bytes stay bytes, whether they are text or not. */
function textOf(bytes: Buffer): string {
  return bytes.toString('latin1')
}

function kindsOf(answer: Buffer): Map<string, string> {
  const pieces = textOf(answer).split('\0\x01').slice(1)
  return new Map(pieces.map(piece => [piece.slice(0, piece.indexOf('\0')), piece.slice(piece.indexOf('\0') + 1)]))
}

function lines(text: string | undefined): string[] {
  return (text ?? '').split('\n').filter(line => line !== '')
}

const types: Record<string, string> = {
  a: 'array',
  A: 'associative array',
  i: 'integer',
  x: 'exported',
  r: 'read-only',
}

function readDeclaration(text: string): { name: string; type: string; text: string } {
  const [, flags = '', name = ''] = names.exec(text) ?? []
  const type = [...flags].flatMap(flag => types[flag] ?? []).join(', ') || 'string'
  return { name, type, text }
}

/** All but the kernel's own, which keeps the state of a shell that ends. */
function trapsOf(text: string): string {
  return text
    .split(/^(?=trap -- )/m)
    .filter(each => !/__meshbook_save' EXIT\s*$/.test(each))
    .join('')
}

function lostJobs(text: string): Lost[] {
  const reason = 'a background job is not carried over'
  return lines(text).flatMap(line => {
    const job = /^\[\d+\][-+ ]*\d+\s+\w+\s+(.*?)(?: &)?$/.exec(line)
    return job ? [{ name: `job ${job[1]}`.slice(0, 200), reason }] : []
  })
}

/** 251 is the kernel's own pipe; what leads to the terminal is the shell's. */
function lostDescriptors(text: string): Lost[] {
  return text.split('\0').flatMap(line => {
    const [, number = '', target = ''] = /^(\d+) (.*)$/.exec(line) ?? []
    const isOwn = number === '' || Number(number) < 3 || number === '251' || /^(?:\/dev\/(?:pts|tty)|$)/.test(target)
    const what = target.startsWith('/') ? `the open file ${target}` : 'an open connection'
    return isOwn ? [] : [{ name: `descriptor ${number}`, reason: `${what} is not carried over`.slice(0, 1000) }]
  })
}
