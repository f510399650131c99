/** A project and its files in the sidebar. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { signal } from '@preact/signals'
import { drawerOpen } from '../state/layout.ts'
import { here, notebookUrl } from '../state/location.ts'
import { documents } from '../state/mesh.ts'
import { deleteDocument, newDocument, renameDocument } from './document-actions.ts'
import { type TreeNode, titleOf, treeOf } from './file-tree.ts'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'
import { leaveProject, showMembers } from './members-dialog.tsx'
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
  const nodes = list && treeOf(list)
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
          onClick={() => void newDocument(project)}
        >
          <Icon name="plus" />
        </button>
      </div>
      {open && nodes && nodes.length === 0 && <p class="side-empty">No notebooks yet. Make one with the plus above.</p>}
      {open && nodes && <ul class="files">{nodes.map(node => treeRow(node, project))}</ul>}
    </section>
  )
}

function treeRow(node: TreeNode, project: Project) {
  return node.kind === 'file' ? (
    <FileRow key={node.document.id} document={node.document} project={project} />
  ) : (
    <FolderRow key={node.path} node={node} project={project} />
  )
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
      {open && <ul class="files nested">{node.nodes.map(child => treeRow(child, project))}</ul>}
    </li>
  )
}

function FileRow({ document, project }: { document: DocumentInfo; project: Project }) {
  const url = notebookUrl(project.name, document.path)
  const isNotebook = /\.(md|qmd|markdown)$/i.test(document.path)
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
        <Icon name={isNotebook ? 'file' : 'code'} />
        <span class="ellipsis grow">{titleOf(document.path)}</span>
        <UnsentPill document={document.id} short />
      </Link>
      <Menu
        label={`Actions for ${titleOf(document.path)}`}
        class="icon-button small reveal"
        button={<Icon name="more" />}
        entries={() => [
          { label: 'Rename or move…', icon: 'pencil', run: () => void renameDocument(project, document) },
          { label: 'Delete…', icon: 'trash', danger: true, run: () => void deleteDocument(project, document) },
        ]}
      />
    </li>
  )
}
