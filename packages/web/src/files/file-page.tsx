/** A file that is no document: what it is, what is in it if that can be shown, and its download. */
import type { FileInfo, Project } from '@meshbook/core/api.ts'
import { bytesInWords } from '@meshbook/core/bytes-in-words.ts'
import { useEffect } from 'preact/hooks'
import { downloadUrl } from '../api/asset-addresses.ts'
import { ago } from '../notebook/duration.ts'
import { FileProblems } from '../shell/file-problems.tsx'
import { nameOf } from '../shell/file-tree.ts'
import { kindOf } from '../shell/file-words.ts'
import { Hint } from '../shell/hint.tsx'
import { Icon } from '../shell/icons.tsx'
import { toggleSidebar } from '../state/layout.ts'
import { devices } from '../state/mesh.ts'
import { FilePreview } from './file-preview.tsx'
import { type Arrival, useArrival } from './file-state.ts'
import '../styles/pages.css'

export function FilePage({ project, file }: { project: Project; file: FileInfo }) {
  const arrival = useArrival(file)
  const name = nameOf(file.path)
  useEffect(() => {
    document.title = `${name} · Meshbook`
    return () => {
      document.title = 'Meshbook'
    }
  }, [name])
  return (
    <>
      <header class="topbar">
        <button type="button" class="icon-button" aria-label="Show or hide the sidebar" onClick={toggleSidebar}>
          <Icon name="sidebar" />
        </button>
        <h1 class="crumbs grow">
          <span class="faint only-wide">{project.name}</span>
          <span class="faint only-wide">/</span>
          <span class="ellipsis" title={file.path}>
            {name}
          </span>
        </h1>
        {arrival.is === 'here' && (
          <a class="button primary" href={downloadUrl(file.asset, name)} download={name}>
            <Icon name="downArrow" size={14} />
            Download
          </a>
        )}
      </header>
      <FileProblems project={project} path={file.path} />
      <main id="main" class="page file-page" tabIndex={-1}>
        <Facts file={file} />
        {arrival.is === 'here' ? (
          <FilePreview key={file.asset} file={file} />
        ) : (
          <NotHere file={file} arrival={arrival} />
        )}
      </main>
    </>
  )
}

function Facts({ file }: { file: FileInfo }) {
  return (
    <p class="file-facts">
      <span>{kindOf(file.path)}</span>
      <span>{bytesInWords(file.bytes)}</span>
      {file.by && (
        <span>
          from {file.by}
          {file.at > 0 && `, ${ago(file.at, Date.now())}`}
        </span>
      )}
    </p>
  )
}

function NotHere({ file, arrival }: { file: FileInfo; arrival: Exclude<Arrival, { is: 'here' }> }) {
  if (arrival.is === 'looking') return <div class="file-waiting" role="status" aria-label="Looking for the file" />
  if (arrival.is === 'unknown')
    return (
      <div class="empty boxed" role="status">
        <h2>{arrival.error.message}</h2>
        <p>
          <Hint text={arrival.error.hint} />
        </p>
      </div>
    )
  const percent = file.bytes === 0 ? 0 : Math.floor((100 * arrival.arrived) / file.bytes)
  return (
    <div class="empty boxed" role="status">
      <h2>{arrival.arrived > 0 ? `Coming from ${file.by}` : 'Not uploaded yet'}</h2>
      <p>
        The file is on {file.by || 'another device'}. {whatNext(file.by)}
      </p>
      {arrival.arrived > 0 && (
        <div class="file-progress">
          <span class="bar">
            <span style={{ width: `${percent}%` }} />
          </span>
          {percent} % of {bytesInWords(file.bytes)}
        </div>
      )}
    </div>
  )
}

function whatNext(name: string): string {
  const device = devices.value.find(it => it.name === name)
  if (!device || device.status === 'online') return 'It shows here as soon as that device has sent it.'
  return `That device was last seen ${ago(device.lastSeenAt, Date.now())}; the file shows here once it is back and has sent it.`
}
