/** What a traced program did to files of one folder, in the order in which the kernel saw it finished. */

export type DiskEvent =
  | { op: 'create'; path: string; fresh: boolean; truncate: boolean }
  | { op: 'write'; path: string; offset: number; bytes: Buffer }
  | { op: 'truncate'; path: string; length: number }
  | { op: 'sync'; path: string }
  | { op: 'rename' | 'link'; from: string; to: string }
  | { op: 'unlink'; path: string }
  | { op: 'folder'; path: string }
  /** A line in the file of promises. */
  | { op: 'promise'; text: string }
