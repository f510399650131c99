/** All tools of the loop itself. */
import type { MeshCells } from '../ports.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { commandTools } from './command-tools.ts'
import { fileTools } from './file-tools.ts'
import { askUserTool, notebookCellTool } from './people-tools.ts'

export function builtInTools(workspace: Workspace, options: { cells?: MeshCells } = {}): Tool[] {
  const cells = options.cells ? [notebookCellTool(options.cells)] : []
  return [...fileTools(workspace), ...commandTools(workspace), askUserTool(), ...cells]
}
