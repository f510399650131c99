/** The frames of an error: those of cells lead to their line, those of libraries are folded (OU9). */
import { useMemo } from 'preact/hooks'
import { OutputText } from '../output-text.tsx'
import { useReadingAround } from '../reading.ts'
import { partsOfTraceback, placeOf, type TraceFrame } from './traceback.ts'

export function TracebackView({ lines, last }: { lines: readonly string[]; last: string }) {
  const parts = useMemo(() => partsOfTraceback(lines), [lines])
  return (
    <div class="trace">
      {parts.map((part, at) =>
        part.kind === 'cell' ? (
          <CellFrame key={at} frame={part.frame} />
        ) : part.kind === 'library' ? (
          <LibraryFrames key={at} frames={part.frames} />
        ) : says(part.text, last) ? null : (
          <OutputText key={at} text={part.text} tone="traceback" />
        ),
      )}
    </div>
  )
}

/** The line that stands above the traceback already, whatever its colours and the module before the name. */
const says = (text: string, last: string): boolean => {
  const bare = text.replace(/\u001b\[[0-9;:]*m/g, '').trim()
  return (
    bare === last.trim() || (bare.endsWith(`.${last.trim()}`) && /^[\w.]+$/.test(bare.slice(0, -last.trim().length)))
  )
}

function CellFrame({ frame }: { frame: TraceFrame }) {
  const notebook = useReadingAround()
  const { number, line } = frame.cell!
  const where = `${number === undefined ? 'Cell' : `Cell ${number}`}, line ${line}`
  const go = () => {
    if (!notebook) return
    const cells = notebook.store.order.peek().flatMap(key => {
      const view = notebook.store.view(key)?.peek()
      return view?.kind === 'cell' ? [{ key, code: view.code }] : []
    })
    const place = placeOf(cells, frame.cell!)
    if (place) notebook.edit(place.key, place.offset)
  }
  return (
    <div class="trace-cell">
      {notebook ? (
        <button type="button" class="pill" onClick={go}>
          {where}
        </button>
      ) : (
        <span class="pill">{where}</span>
      )}
      <OutputText text={frame.text.split('\n').slice(1).join('\n')} tone="traceback" />
    </div>
  )
}

function LibraryFrames({ frames }: { frames: readonly TraceFrame[] }) {
  return (
    <details class="trace-library">
      <summary>{frames.length === 1 ? '1 frame in a library' : `${frames.length} frames in libraries`}</summary>
      <OutputText text={frames.map(({ text }) => text).join('\n')} tone="traceback" />
    </details>
  )
}
