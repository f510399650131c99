/** The text of an output: folded when long, drawn in pieces, with a button for the whole. */
import { useRef, useState } from 'preact/hooks'
import { AnsiText } from './ansi.tsx'
import { carryOf, chunksOf, countLines, foldOf, type TextChunk } from './text-chunks.ts'

export function OutputText({ text, tone = '' }: { text: string; tone?: string }) {
  const [whole, setWhole] = useState(false)
  const fold = whole ? undefined : foldOf(text)
  if (!fold) return <WholeText text={text} tone={tone} fold={whole && countLines(text) > 60 ? () => setWhole(false) : undefined} />
  return (
    <div class="output-folded">
      <pre class={`output-text ${tone}`} tabIndex={0} role="group" aria-label="Beginning of the output"><AnsiText text={fold.head} /></pre>
      <button type="button" class="fold-bar" onClick={() => setWhole(true)}>
        Show all {countLines(text).toLocaleString()} lines
      </button>
      <pre class={`output-text ${tone}`} tabIndex={0} role="group" aria-label="End of the output"><AnsiText text={fold.tail} carry={carryOf(text.slice(0, text.length - fold.tail.length))} /></pre>
    </div>
  )
}

function WholeText({ text, tone, fold }: { text: string; tone: string; fold: (() => void) | undefined }) {
  const before = useRef<readonly TextChunk[]>([])
  const chunks = chunksOf(text, before.current)
  before.current = chunks
  return (
    <>
      <pre class={`output-text ${tone}`} tabIndex={0} role="group" aria-label="Output">
        {chunks.map((chunk, at) => (
          <span key={at} class="output-chunk" style={{ containIntrinsicBlockSize: `calc(var(--code-line) * ${chunk.lines})` }}>
            <AnsiText text={chunk.text} carry={chunk.carry} />
          </span>
        ))}
      </pre>
      {fold && (
        <button type="button" class="fold-bar" onClick={fold}>
          Show less
        </button>
      )}
    </>
  )
}
