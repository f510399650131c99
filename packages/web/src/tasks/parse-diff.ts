/** What `git diff` prints, as files with their lines. Pure; lines that it does not know are kept as notes. */
export interface DiffLine {
  kind: 'same' | 'added' | 'removed' | 'part' | 'note'
  /** Its number before and after. */
  old: number | undefined
  new: number | undefined
  text: string
}
export interface DiffFile {
  path: string
  lines: DiffLine[]
}

export function parseDiff(text: string): DiffFile[] {
  const files: DiffFile[] = []
  let file: DiffFile | undefined
  /** Lines that the part still has, of before and after: what looks like a heading may be a line of it. */
  let left = { old: 0, new: 0 }
  let at = { old: 0, new: 0 }
  for (const line of text.split('\n')) {
    if (left.old > 0 || left.new > 0) {
      const kind = file && kindOf(line)
      if (file && kind !== undefined) {
        file.lines.push({
          kind,
          old: kind === 'added' || kind === 'note' ? undefined : at.old,
          new: kind === 'removed' || kind === 'note' ? undefined : at.new,
          text: kind === 'note' ? line.slice(2) : line.slice(1),
        })
        if (kind === 'same' || kind === 'removed') [at.old, left.old] = [at.old + 1, left.old - 1]
        if (kind === 'same' || kind === 'added') [at.new, left.new] = [at.new + 1, left.new - 1]
        continue
      }
      left = { old: 0, new: 0 }
    }
    const part = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)$/.exec(line)
    if (line.startsWith('diff --git ')) {
      file = { path: pathIn(line), lines: [] }
      files.push(file)
    } else if (file && part) {
      at = { old: Number(part[1]), new: Number(part[3]) }
      left = { old: Number(part[2] ?? 1), new: Number(part[4] ?? 1) }
      file.lines.push({ kind: 'part', old: undefined, new: undefined, text: part[5]!.trim() })
    } else if (file) takeHeading(file, line)
  }
  return files
}

function kindOf(line: string): DiffLine['kind'] | undefined {
  if (line.startsWith('+')) return 'added'
  if (line.startsWith('-')) return 'removed'
  if (line.startsWith('\\ ')) return 'note'
  // Programs on the way take the blank of an empty line away.
  return line.startsWith(' ') || line === '' ? 'same' : undefined
}

function takeHeading(file: DiffFile, line: string): void {
  const named = /^(?:\+\+\+ "?b\/|rename to )(.*?)"?\t?$/.exec(line)
  if (named) file.path = named[1]!
  const note = /^(new file|deleted file|rename from|Binary files|GIT binary|old mode|new mode|\\ )/.exec(line)
  if (note) file.lines.push({ kind: 'note', old: undefined, new: undefined, text: line.replace(/^\\ /, '') })
}

/** `diff --git a/x b/x`: both halves are alike where nothing was renamed. */
function pathIn(line: string): string {
  const rest = line.slice('diff --git '.length)
  const half = rest.slice(0, (rest.length - 1) / 2)
  return (half.startsWith('a/') ? half : (rest.split(' b/').at(-1) ?? rest)).replace(/^"?[ab]\//, '').replace(/"$/, '')
}
