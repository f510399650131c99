/**
 * A seccomp filter for bubblewrap, as the bytes that the kernel takes (CP71): it refuses what shells, compilers and
 * interpreters have no use for and what has been a way out of sandboxes. Pure; classic BPF, written without a library.
 */

/** Numbers of calls on the two processors that Node comes for here. -1: there is none. */
const refused: Readonly<Record<string, readonly [x64: number, arm64: number]>> = {
  acct: [163, 89],
  add_key: [248, 217],
  bpf: [321, 280],
  clock_adjtime: [305, 266],
  clock_settime: [227, 112],
  delete_module: [176, 106],
  fanotify_init: [300, 262],
  finit_module: [313, 273],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fsopen: [430, 430],
  fspick: [433, 433],
  init_module: [175, 105],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  ioperm: [173, -1],
  iopl: [172, -1],
  kcmp: [312, 272],
  kexec_file_load: [320, 294],
  kexec_load: [246, 104],
  keyctl: [250, 219],
  lookup_dcookie: [212, 18],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  open_tree: [428, 428],
  perf_event_open: [298, 241],
  pidfd_getfd: [438, 438],
  pivot_root: [155, 41],
  process_madvise: [440, 440],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  ptrace: [101, 117],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  reboot: [169, 142],
  request_key: [249, 218],
  setdomainname: [171, 162],
  sethostname: [170, 161],
  setns: [308, 268],
  settimeofday: [164, 170],
  swapoff: [168, 225],
  swapon: [167, 224],
  syslog: [103, 116],
  umount2: [166, 39],
  unshare: [272, 97],
  userfaultfd: [323, 282],
  vhangup: [153, 58],
}
const calls = { clone: [56, 220], clone3: [435, 435], socket: [41, 198] } as const
const audit = { x64: 0xc000003e, arm64: 0xc00000b7 } as const
/** Of local sockets, both internets, and the list of interfaces. What machines and hypervisors share is none of them. */
const socketFamilies = [1, 2, 10, 16]
/** Every kind of namespace that `clone` makes. */
const newNamespaces = 0x7e020000
/** Calls of x32 begin here; they would pass by every other number. */
const x32 = 0x40000000

const allow = 0x7fff0000
const killProcess = 0x80000000
const errno = (number: number): number => 0x00050000 | number
const notPermitted = errno(1)
const notImplemented = errno(38)

const load = 0x20
const ifEqual = 0x15
const ifAtLeast = 0x35
const ifAnyBit = 0x45
const end = 0x06
const at = { number: 0, arch: 4, firstArgument: 16 }

type Instruction = readonly [code: number, value: number, ifTrue: number, ifFalse: number]

export function isSeccompArch(arch: string): arch is keyof typeof audit {
  return Object.hasOwn(audit, arch)
}

export function seccompFilter(arch: keyof typeof audit): Buffer {
  const which = arch === 'x64' ? 0 : 1
  const numbers = Object.values(refused)
    .map(pair => pair[which]!)
    .filter(number => number >= 0)
  const program: Instruction[] = [
    [load, at.arch, 0, 0],
    [ifEqual, audit[arch], 1, 0],
    [end, killProcess, 0, 0],
    [load, at.number, 0, 0],
    [ifAtLeast, x32, 0, 1],
    [end, notPermitted, 0, 0],
    ...numbers.flatMap((number): Instruction[] => [
      [ifEqual, number, 0, 1],
      [end, notPermitted, 0, 0],
    ]),
    // Its flags are behind a pointer, where no filter can look; without it libraries use `clone`.
    [ifEqual, calls.clone3[which], 0, 1],
    [end, notImplemented, 0, 0],
    [ifEqual, calls.clone[which], 0, 4],
    [load, at.firstArgument, 0, 0],
    [ifAnyBit, newNamespaces, 0, 1],
    [end, notPermitted, 0, 0],
    [end, allow, 0, 0],
    [ifEqual, calls.socket[which], 0, socketFamilies.length + 3],
    [load, at.firstArgument, 0, 0],
    ...socketFamilies.map((family, index): Instruction => [ifEqual, family, socketFamilies.length - index, 0]),
    [end, notPermitted, 0, 0],
    [end, allow, 0, 0],
    [end, allow, 0, 0],
  ]
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, [code, value, ifTrue, ifFalse]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(ifTrue, index * 8 + 2)
    bytes.writeUInt8(ifFalse, index * 8 + 3)
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4)
  }
  return bytes
}
