/** The saving contract on the Python kernel, and what only Python has. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { ipykernel } from './jupyter-python.ts'
import { execute } from './kernel.ts'
import { runs, type SavingLanguage, savingBed, savingContract } from './saving.ts'

/** The Python that the system's packages belong to, whatever comes first elsewhere. */
export const env = { PATH: `/usr/bin:${process.env.PATH}` }

const make = `
import abc, asyncio, collections, dataclasses, enum, functools, os, random, socket, sqlite3, subprocess, sys, threading, typing, weakref
import concurrent.futures, contextvars, ctypes, queue
numbers = list(range(1000))
shared = [1, 2]
holder = {'shared': shared, 'deep': ({'more': shared},)}
circle = []
circle.append(circle)
def counter():
    count = 0
    def increase():
        nonlocal count
        count += 1
        return count
    def read():
        return count
    return increase, read
increase, read = counter()
increase(), increase()
class Shape(abc.ABC):
    made = 0
    @abc.abstractmethod
    def area(self): ...
class Square(Shape):
    __slots__ = ('side',)
    def __init__(self, side):
        super().__init__()
        self.side = side
    def area(self):
        return self.side ** 2
    @property
    def edge(self):
        return 4 * self.side
    @classmethod
    def unit(cls):
        return cls(1)
    @staticmethod
    def corners():
        return 4
square = Square(3)
twice = lambda value: 2 * value + len(shared)
@dataclasses.dataclass(order=True)
class Point:
    x: int
    tags: list = dataclasses.field(default_factory=list)
point = Point(1, ['a'])
class Colour(enum.Enum):
    RED = 1
    GREEN = 2
    def shout(self):
        return self.name + '!'
favourite = Colour.GREEN
Pair = collections.namedtuple('Pair', 'left right', defaults=[9])
pair = Pair(1)
class Named(typing.NamedTuple):
    one: int
    two: str = 'z'
named = Named(4)
@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
fibonacci(10)
class Lazy:
    @functools.cached_property
    def value(self):
        return 'computed'
lazy = Lazy()
async def later():
    return 'later'
by_default = collections.defaultdict(lambda: [7])
partly = functools.partial(twice, 5)
try:
    1 / 0
except ZeroDivisionError as error:
    problem = error
out = sys.stdout
os.environ['CHANGED'] = 'yes'
sys.path.insert(0, os.path.join(os.getcwd(), 'lib'))
random.seed(11)
os.makedirs('below', exist_ok=True)

squares = (n * n for n in range(9))
text = open('made.txt', 'w')
source = open(os.__file__)
lines = iter(source)
thread = threading.Thread(target=threading.Event().wait, daemon=True)
thread.start()
lock = threading.Lock()
connection = socket.socket()
database = sqlite3.connect(':memory:')
process = subprocess.Popen(['sleep', '60'])
inside = {'squares': squares}
weak = weakref.ref(Square)
context = contextvars.ContextVar('context')
pointer = ctypes.pointer(ctypes.c_int(3))
loop = asyncio.new_event_loop()
pool = concurrent.futures.ProcessPoolExecutor()
tasks = queue.Queue()
view = memoryview(b'abc')
frame = sys._getframe()
routine = later()
`

const show = `
print(sum(numbers), shared, holder['shared'] is shared, holder['deep'][0]['more'] is shared, circle[0] is circle)
print(read(), square.area(), square.edge, Square.unit().side, Square.corners(), isinstance(square, Shape))
try: Shape()
except TypeError: print('abstract')
print(twice(3), point, Point(0) < point, point == Point(1, ['a']), Point(5).tags)
print(favourite is Colour.GREEN, favourite.shout(), Colour(1), list(Colour))
print(pair, Pair(2), named, Named(1)._replace(one=2), fibonacci(30), lazy.value, await later())
print(by_default['new'], partly(), repr(problem), out is sys.stdout, os.environ['CHANGED'], os.path.basename(sys.path[0]))
state = random.getstate(); print(random.random()); random.setstate(state)
by_default.clear()
import inspect
print(inspect.getsource(twice).strip())
del state
`

const shown = `499500 [1, 2] True True True
2 9 12 1 4 True
abstract
8 Point(x=1, tags=['a']) True True []
True GREEN! Colour.RED [<Colour.RED: 1>, <Colour.GREEN: 2>]
Pair(left=1, right=9) Pair(left=2, right=9) Named(one=4, two='z') Named(one=2, two='z') 832040 computed later
[7] 12 ZeroDivisionError('division by zero') True yes lib
0.4523795535098186
twice = lambda value: 2 * value + len(shared)
`

const lost: SavingLanguage['lost'] = {
  squares: /generator/,
  text: /open file/,
  source: /open file/,
  lines: /open file/,
  thread: /^a thread/,
  lock: /lock/,
  connection: /network connection/,
  database: /database/,
  process: /process/,
  inside: /it holds a generator/,
  weak: /weak reference/,
  context: /context variable/,
  pointer: /address/,
  loop: /event loop/,
  pool: /pool of workers/,
  tasks: /queue/,
  view: /memory/,
  frame: /middle/,
  routine: /coroutine/,
}

const python: SavingLanguage = {
  language: 'python',
  env,
  make,
  show,
  shown,
  change: {
    code: 'shared.append(3); increase(); print(holder["deep"][0]["more"], read())',
    printed: '[1, 2, 3] 3\n',
  },
  lost: { ...lost, 'thread Thread-1 (wait)': /running thread/ },
  small: { code: 'numbers[500] = -1', mostBytes: 30_000 },
  busy: 'import time\ntime.sleep(60)',
  isFresh: { code: 'print("shared" in globals())', printed: 'False\n' },
}

savingContract(python)
savingContract({ ...ipykernel, ...python, kernelspec: 'python3', lost })

const hasPandas = spawnSync('/usr/bin/python3', ['-c', 'import numpy, pandas']).status === 0
const skip = hasPandas ? false : 'numpy and pandas are not installed'

test('python: arrays, views of them and data frames are made as they were, and a change of one element is small', {
  skip,
}, async t => {
  const it = await savingBed(t, { language: 'python', env })
  await runs(
    it.session,
    `import numpy as np, pandas as pd
rng = np.random.default_rng(5)
array = rng.random(13_107_200)
view = array[100:200]
turned = array[:10_000].reshape(100, 100).T
texts = np.array(['one', 'two', None, 'three'], dtype=object)
frame = pd.DataFrame({'n%d' % i: rng.random(200_000) for i in range(4)})
frame['name'] = ['name %d' % i for i in range(200_000)]
frame['kind'] = pd.Categorical(['a', 'b'] * 100_000)
frame['when'] = pd.date_range('2020-01-01', periods=200_000, freq='min')
column = frame['n0'].values
np.random.seed(4)`,
  )
  const captured = await it.capture()
  assert.deepEqual(captured.lost, [])
  assert.ok(captured.pauseMs < 200, `${captured.pauseMs} ms`)
  const there = await it.restored(captured)
  const code = `import hashlib
print(hashlib.sha256(array).hexdigest()[:16], array.flags.writeable, np.shares_memory(array, view), np.shares_memory(array, turned))
print(turned.strides, list(texts), frame.shape, int(pd.util.hash_pandas_object(frame).sum()), frame.dtypes.astype(str).tolist())
state = np.random.get_state(); print(np.random.rand()); np.random.set_state(state); del state`
  assert.equal(await runs(there, code), await runs(it.session, code))
  assert.equal(
    await runs(there, 'view[0] = 7\nprint(array[100])\nframe.loc[3, "name"] = "x"\nprint(frame.name[3])'),
    '7.0\nx\n',
  )
  it.parts.addedBytes = 0
  await runs(it.session, 'frame.loc[5, "n0"] = 0')
  await it.capture()
  assert.ok(it.parts.addedBytes < 500_000, `${it.parts.addedBytes} bytes after an element`)
  it.parts.addedBytes = 0
  await runs(it.session, 'frame.loc[77_000, "name"] = "a longer name than before"')
  await it.capture()
  assert.ok(it.parts.addedBytes < 500_000, `${it.parts.addedBytes} bytes after a text`)
})

test('python: a package that is missing there is named, and all else is made (KN52)', async t => {
  const it = await savingBed(t, { language: 'python', env })
  await runs(
    it.session,
    `import os, sys
os.mkdir('lib')
_ = open('lib/ourpackage.py', 'w').write('class Thing: pass')
sys.path.insert(0, os.path.abspath('lib'))
import ourpackage
from ourpackage import Thing
thing, plain = Thing(), [1]
def uses(): return len(plain)`,
  )
  const captured = await it.capture()
  assert.deepEqual(captured.lost, [])
  const there = await it.restored(captured)
  const { events, stdout } = await execute(there, 'print(plain, uses(), "thing" in globals())')
  assert.equal(stdout, '[1] 1 False\n')
  const started = events[0]!
  assert.ok(started.type === 'started')
  for (const name of ['ourpackage', 'Thing', 'thing'])
    assert.match(started.notice ?? '', new RegExp(`\\b${name} \\(the package ourpackage is not installed here\\)`))
})

test("python: the user's program neither waits for the saving nor meets it", async t => {
  const it = await savingBed(t, { language: 'python', env })
  await runs(
    it.session,
    'class Slow:\n    def __reduce__(self):\n        import time; time.sleep(3)\n        return (int, ())\nslow = Slow()',
  )
  const capturing = it.capture()
  await new Promise(resolve => setTimeout(resolve, 600))
  const begun = performance.now()
  assert.equal(
    await runs(it.session, 'import os\ntry: os.wait()\nexcept ChildProcessError: print("no child")'),
    'no child\n',
  )
  assert.ok(performance.now() - begun < 2500)
  assert.deepEqual((await capturing).lost, [])
})

test('python: an object whose saving fails, ends the copy or prints does so in the copy alone', async t => {
  const it = await savingBed(t, { language: 'python', env })
  await runs(
    it.session,
    `class Bad:
    def __reduce__(self):
        print('printed in the copy')
        raise ValueError('not me')
class Deep: pass
bad, deep = Bad(), []
for _ in range(100_000): deep = [deep]
good = 5`,
  )
  const captured = await it.capture()
  assert.deepEqual(
    captured.lost.map(({ name }) => name),
    ['bad', 'deep'],
  )
  assert.match(captured.lost[0]!.reason, /ValueError: not me/)
  assert.match(captured.lost[1]!.reason, /deep/)
  assert.equal(await runs(it.session, 'print(good)'), '5\n')
  assert.equal(await runs(await it.restored(captured), 'print(good, Deep().__class__.__name__)'), '5 Deep\n')
  await runs(it.session, 'class Fatal:\n    def __reduce__(self):\n        import os; os._exit(3)\nfatal = Fatal()')
  await assert.rejects(it.capture(), /ended before it was done/)
  assert.equal(await runs(it.session, 'del fatal\nprint(good)'), '5\n')
  assert.equal((await it.capture()).lost.length, 2)
})

test('python: what the built-in kernel has saved, ipykernel goes on with, and the other way round', async t => {
  const it = await savingBed(t, { language: 'python', env })
  await runs(it.session, 'shared = [1]\nother = {"s": shared}\nclass A:\n    def m(self): return len(shared)\na = A()')
  const there = await it.restored(await it.capture(), { kernelspec: 'python3' })
  assert.match(there.kernelName, /ipykernel|Python 3/)
  assert.equal(await runs(there, 'shared.append(2)\nprint(other, a.m(), type(a) is A)'), "{'s': [1, 2]} 2 True\n")
  const back = await it.restored(await it.capture(there))
  assert.equal(await runs(back, 'print(other, a.m(), type(a) is A)'), "{'s': [1, 2]} 2 True\n")
})
