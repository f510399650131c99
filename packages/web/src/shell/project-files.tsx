/** A project and its files in the sidebar. */
import type { DocumentInfo, FileInfo, Project } from '@meshbook/core/api.ts'
import { bytesInWords } from '@meshbook/core/bytes-in-words.ts'
import { signal } from '@preact/signals'
import { useMemo, useState } from 'preact/hooks'
import { drawerOpen } from '../state/layout.ts'
import { here, notebookUrl } from '../state/location.ts'
import { documents, files } from '../state/mesh.ts'
import { firstRows, isNotebookPath, nameOf, type TreeNode, titleOf, treeOf } from './file-tree.ts'
import { fileIcon } from './file-words.ts'
import { Icon } from './icons.tsx'
import { withLater } from './later-when-needed.ts'
import { Link } from './link.tsx'
import { leaveProject, showMembers } from './members.ts'
import { Menu } from './menu.tsx'
import { UnsentPill } from './unsent-pill.tsx'

const folded = signal<ReadonlySet<string>>(new Set())
function toggle(id: string): void {
  const next = new Set(folded.value)
  if (!next.delete(id)) next.add(id)
  folded.value = next
}

export function ProjectFiles({ project }: { project: Project }) {
  const list = documents.value.get(project.id)
  const open = !folded.value.has(project.id)
  const others = files.value.get(project.id)
  const nodes = useMemo(() => list && treeOf(list, others), [list, others])
  return (
    <section class="project">
      <div class="side-row project-name">
        <button type="button" class="row grow ellipsis" aria-expanded={open} onClick={() => toggle(project.id)}>
          <Icon name="chevron" size={12} class={open ? 'turned' : ''} />
          <span class="ellipsis">
            {project.roles && <span class="faint">{project.owner}/</span>}
            {project.name}
          </span>
        </button>
        <Menu
          label={`Actions for ${project.name}`}
          class="icon-button small reveal"
          button={<Icon name="more" />}
          entries={() => [
            { label: 'Members…', icon: 'user', run: () => showMembers(project) },
            ...(project.roles
              ? [{ label: 'Leave…', icon: 'exit' as const, danger: true, run: () => void leaveProject(project) }]
              : []),
          ]}
        />
        <button
          type="button"
          class="icon-button small reveal"
          aria-label={`New notebook in ${project.name}`}
          title="New notebook"
          onClick={() => withLater(to => to.newDocument(project))}
        >
          <Icon name="plus" />
        </button>
      </div>
      {open && nodes?.length === 0 && <p class="side-empty">No notebooks yet. Make one with the plus above.</p>}
      {open && nodes && <Rows nodes={nodes} project={project} />}
    </section>
  )
}

const mostFiles = 100

function Rows({ nodes, project, nested = false }: { nodes: TreeNode[]; project: Project; nested?: boolean }) {
  const [most, setMost] = useState(mostFiles)
  const { shown, more } = firstRows(nodes, most)
  return (
    <ul class={nested ? 'files nested' : 'files'}>
      {shown.map(node => treeRow(node, project))}
      {more > 0 && (
        <li>
          <button type="button" class="side-row faint" onClick={() => setMost(most + 10 * mostFiles)}>
            Show more of {more.toLocaleString()} other files
          </button>
        </li>
      )}
    </ul>
  )
}

function treeRow(node: TreeNode, project: Project) {
  if (node.kind === 'folder') return <FolderRow key={node.path} node={node} project={project} />
  if (node.kind === 'file') return <FileRow key={node.file.id} file={node.file} project={project} />
  return <DocumentRow key={node.document.id} document={node.document} project={project} />
}

function FolderRow({ node, project }: { node: TreeNode & { kind: 'folder' }; project: Project }) {
  const id = `${project.id}/${node.path}`
  const open = !folded.value.has(id)
  return (
    <li>
      <button type="button" class="side-row" aria-expanded={open} onClick={() => toggle(id)}>
        <Icon name="chevron" size={12} class={open ? 'turned' : ''} />
        <span class="ellipsis">{node.name}</span>
      </button>
      {open && <Rows nodes={node.nodes} project={project} nested />}
    </li>
  )
}

function DocumentRow({ document, project }: { document: DocumentInfo; project: Project }) {
  const url = notebookUrl(project.name, document.path)
  return (
    <li class="side-item" data-current={here.value === url}>
      <Link
        to={url}
        class="side-row"
        current={here.value === url}
        title={document.path}
        onFollow={() => {
          drawerOpen.value = false
        }}
      >
        <Icon name={isNotebookPath(document.path) ? 'file' : 'code'} />
        <span class="ellipsis grow">{titleOf(document.path)}</span>
        <UnsentPill document={document.id} short />
      </Link>
      <Menu
        label={`Actions for ${titleOf(document.path)}`}
        class="icon-button small reveal"
        button={<Icon name="more" />}
        entries={() => [
          {
            label: 'Rename or move…',
            icon: 'pencil',
            run: () => withLater(to => to.renameDocument(project, document)),
          },
          {
            label: 'Delete…',
            icon: 'trash',
            danger: true,
            run: () => withLater(to => to.deleteDocument(project, document)),
          },
        ]}
      />
    </li>
  )
}

function FileRow({ file, project }: { file: FileInfo; project: Project }) {
  const url = notebookUrl(project.name, file.path)
  return (
    <li class="side-file">
      <Link
        to={url}
        class="side-row"
        current={here.value === url}
        title={file.path}
        onFollow={() => {
          drawerOpen.value = false
        }}
      >
        <Icon name={fileIcon(file.path)} />
        <span class="ellipsis grow">{nameOf(file.path)}</span>
        <span class="file-size">{bytesInWords(file.bytes)}</span>
      </Link>
    </li>
  )
}
