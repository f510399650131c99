/** The graph of a run, drawn: steps that can be pressed, over the lines between them (PO71). */
import { kindOf, type Step, type Steps } from '@meshbook/core/workflow/workflow-schema.ts'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type Box, drawnGraph, type Graph, type Measures, stepBy } from './graph.ts'
import type { ShownRun } from './shown-run.ts'
import { countWords, type Standing, standingOf, standingShapes, standingTones, standingWords } from './step-words.ts'

const across: Measures = { width: 178, height: 58, gap: 44, space: 16, way: 'across' }
const down: Measures = { width: 150, height: 58, gap: 34, space: 12, way: 'down' }

export interface StepsProps {
  steps: Steps
  graph: Graph
  run: ShownRun
  chosen: string | undefined
  choose(path: string): void
}

/** What is said of a step wherever it is. */
export interface SaidStep {
  standing: Standing
  kind: string
  count: string
}

export function saidStep(id: string, step: Step | undefined, run: ShownRun): SaidStep {
  const [state, facts] = [run.state.root.steps[id], run.facts.get(id)]
  const standing = standingOf(state, facts, run)
  const kind = step ? kindOf(step) : ''
  const count = countWords(kind, state, facts)
  return { standing, kind, count }
}

export function GraphView({ steps, graph, run, chosen, choose }: StepsProps) {
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
  const drawing = useMemo(() => fitting(graph, width), [graph, width])
  const first = drawing.boxes[0]?.id
  const [at, setAt] = useState<string | undefined>(undefined)
  const stop = at !== undefined && drawing.boxes.some(({ id }) => id === at) ? at : first
  const onKeyDown = (event: KeyboardEvent) => {
    const next = stop === undefined ? undefined : stepBy(event.key, stop, drawing)
    if (next === undefined) return
    event.preventDefault()
    setAt(next)
    frame.current?.querySelector<HTMLElement>(`[data-step="${CSS.escape(next)}"]`)?.focus()
  }
  return (
    <div class="flow-graph" ref={frame}>
      {/* biome-ignore lint/a11y/useSemanticElements: no form is a group of steps. */}
      <div
        role="group"
        aria-label="Steps as a graph. Arrow keys go from step to step."
        class="flow-drawing"
        style={{ width: `${drawing.width}px`, height: `${drawing.height}px` }}
        onKeyDown={onKeyDown}
      >
        <svg width={drawing.width} height={drawing.height} aria-hidden="true">
          {drawing.lines.map(({ from, to, isWayOut, path }) => (
            <path
              key={`${from} ${to}`}
              d={path}
              class="flow-line"
              data-out={isWayOut}
              data-lit={run.facts.get(to) !== undefined}
            />
          ))}
        </svg>
        {drawing.boxes.map(box => (
          <StepBox
            key={box.id}
            box={box}
            measures={drawing.measures}
            said={saidStep(box.id, steps[box.id], run)}
            isStop={box.id === stop}
            isChosen={
              box.id === chosen || chosen?.startsWith(`${box.id}.`) || chosen?.startsWith(`${box.id}[`) || false
            }
            choose={() => {
              setAt(box.id)
              choose(box.id)
            }}
          />
        ))}
      </div>
    </div>
  )
}

/** Beside each other where that fits, below each other where it does not. */
function fitting(graph: Graph, width: number) {
  const wide = drawnGraph(graph, across)
  const isAcross = wide.width <= width || (width > 640 && drawnGraph(graph, down).width > width)
  const measures = isAcross ? across : down
  return { ...(isAcross ? wide : drawnGraph(graph, down)), measures }
}

function useWidth(frame: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)))
    watcher.observe(frame.current!)
    return () => watcher.disconnect()
  }, [])
  return width
}

interface StepBoxProps {
  box: Box
  measures: Measures
  said: SaidStep
  isStop: boolean
  isChosen: boolean
  choose(): void
}

function StepBox({ box: { id, x, y }, measures, said, isStop, isChosen, choose }: StepBoxProps) {
  const { standing, kind, count } = said
  return (
    <button
      type="button"
      class="flow-box"
      data-step={id}
      data-standing={standing}
      data-tone={standingTones[standing]}
      data-many={kind === 'map' || kind === 'repeat' || kind === 'workflow'}
      style={{ left: `${x}px`, top: `${y}px`, width: `${measures.width}px`, height: `${measures.height}px` }}
      tabIndex={isStop ? 0 : -1}
      aria-pressed={isChosen}
      title={id.length > 20 ? id : undefined}
      onClick={choose}
    >
      <StandingIcon standing={standing} />
      <span class="flow-box-words">
        <span class="flow-box-name">{id}</span>
        <span class="flow-box-state">{[standingWords[standing], count || kind].filter(Boolean).join(' · ')}</span>
      </span>
    </button>
  )
}

export function StandingIcon({ standing, size = 16 }: { standing: Standing; size?: number }) {
  return (
    <svg
      class="icon flow-shape"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.7"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={standingShapes[standing]} />
    </svg>
  )
}
