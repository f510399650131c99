/** The text of an output: folded when long, drawn in pieces, with a button for the whole. */
import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { AnsiText } from './ansi.tsx'
import { useReadingAround } from './reading.ts'
import { carryOf, chunksOf, countLines, foldOf, type TextChunk } from './text-chunks.ts'

export function OutputText({ text, tone = '', run }: { text: string; tone?: string; run?: string }) {
  const [whole, setWhole] = useWhole(run)
  const fold = foldOf(text)
  if (!fold) return <WholeText text={text} tone={tone} />
  if (whole) {
    return (
      <>
        <WholeText text={text} tone={tone} />
        <button type="button" class="fold-bar" onClick={() => setWhole(false)}>
          Show less
        </button>
      </>
    )
  }
  const before = text.slice(0, text.length - fold.tail.length)
  return (
    <div class="output-folded">
      <Terminal label="Beginning of the output" tone={tone}>
        <AnsiText text={fold.head} />
      </Terminal>
      <button type="button" class="fold-bar" onClick={() => setWhole(true)}>
        Show all {countLines(text).toLocaleString()} lines
      </button>
      <Terminal label="End of the output" tone={tone}>
        <AnsiText text={fold.tail} carry={carryOf(before)} />
      </Terminal>
    </div>
  )
}

/** Of a run's own output it is kept with the notebook: what is far from the window is not drawn, and comes back as it was. */
function useWhole(run: string | undefined): [boolean, (on: boolean) => void] {
  const notebook = useReadingAround()
  const own = useState(false)
  return run === undefined || !notebook ? own : [notebook.wholeOutputs.value.has(run), on => notebook.setWhole(run, on)]
}

function WholeText({ text, tone }: { text: string; tone: string }) {
  const before = useRef<readonly TextChunk[]>([])
  const chunks = chunksOf(text, before.current)
  before.current = chunks
  const long = chunks.length > 2
  return (
    <Terminal label="Output" tone={tone}>
      {chunks.map((chunk, at) => (
        <span
          key={at}
          class={long ? 'output-chunk long' : 'output-chunk'}
          style={long ? { containIntrinsicBlockSize: `calc(var(--code-line) * ${chunk.lines})` } : undefined}
        >
          <AnsiText text={chunk.text} carry={chunk.carry} />
        </span>
      ))}
    </Terminal>
  )
}

/** Lines are not wrapped but scrolled, also by keyboard, for which the element takes the focus. */
function Terminal({ label, tone, children }: { label: string; tone: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/noNoninteractiveTabindex: it scrolls; a fieldset is for forms
    <pre class={`output-text ${tone}`} tabIndex={0} role="group" aria-label={label}>
      {children}
    </pre>
  )
}
