/** The saving contract on the JavaScript kernel, and what only it has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runs, savingBed, savingContract } from './saving.ts'

savingContract({
  language: 'js',
  make: `
import { readFileSync, existsSync as isThere } from 'node:fs'
const path = require('node:path')
const { join } = path
const plain = { a: 1, list: [1, , 3], when: new Date(0), text: 'ü', big: 2n ** 70n, nothing: undefined, nan: NaN }
var old = new Map([['k', new Set([1, 2])], [plain, 'by object']])
let shared = [1, 2]
const holder = { shared, deep: new Map([['more', shared]]) }
const circle = []; circle.push(circle)
const array = new Float64Array(1000).fill(0.5)
const buffer = Buffer.from('bytes')
function add(a, b = 1) { return a + b + shared.length }
const twice = value => 2 * value
const named = { method(x) { return x + this.base }, base: 10, get double() { return this.base * 2 }, async later() { return 'later' } }
class Shape { static made = 0; constructor() { Shape.made++ } area() { return 0 } }
class Square extends Shape { constructor(side) { super(); this.side = side } area() { return this.side ** 2 } static unit() { return new Square(1) } }
const square = new Square(3)
const squares = [square, new Square(2)]
class Problem extends Error { constructor(text) { super(text); this.code = 7 } }
const problem = new Problem('oh')
const failure = new TypeError('bad')
function Old(name) { this.name = name }
Old.prototype.hello = function () { return 'hello ' + this.name }
const classic = new Old('you')
const frozen = Object.freeze({ x: 1 })
const bare = Object.create(null); bare.key = 1
const wellKnown = { [Symbol.iterator]: function* () { yield 1; yield 2 } }
const shared_ = Symbol.for('shared')
globalThis.loose = { shared }
process.env.CHANGED = 'yes'
require('node:fs').mkdirSync('below', { recursive: true }); process.chdir('below')

const promise = new Promise(() => {})
const generator = (function* () { yield 1 })()
const proxy = new Proxy({}, {})
const timer = setInterval(() => {}, 1e6)
const socket = new (require('node:net').Socket)()
const weak = new WeakMap()
const symbol = Symbol('own')
const makeCounter = () => { let count = 0; return () => ++count }
const counter = makeCounter()
const url = new URL('http://a.b/')
class Private { #x = 1; x() { return this.#x } }
const hidden = new Private()
const inside = { promise }
const bound = add.bind(null, 1)
undefined
`,
  show: `
console.log(typeof readFileSync, isThere('/'), join('a', 'b') === path.join('a', 'b'))
console.log(plain.list.length, 1 in plain.list, plain.when.getTime(), plain.text, plain.big, 'nothing' in plain, plain.nan)
console.log(old.get('k').has(2), old.get(plain), holder.shared === shared, holder.deep.get('more') === shared, circle[0] === circle, loose.shared === shared)
console.log(array.length, array[999], buffer.toString(), Buffer.isBuffer(buffer))
console.log(add(1), twice(4), named.method(1), named.double, await named.later(), add.name, twice.name)
console.log(square.area(), square instanceof Square, square instanceof Shape, squares[0] === square, squares[1].side, typeof Shape.made, Square.unit().side)
console.log(problem instanceof Problem, problem instanceof Error, problem.message, problem.code, failure instanceof TypeError, String(failure))
console.log(classic.hello(), classic instanceof Old, Object.isFrozen(frozen), Object.getPrototypeOf(bare), [...wellKnown].join(), shared_ === Symbol.for('shared'))
console.log(process.env.CHANGED, path.basename(process.cwd()), new Private().x())
`,
  shown: `function true true
3 false 0 ü 1180591620717411303424n true NaN
true by object true true true true
1000 0.5 bytes true
4 8 11 20 later add twice
9 true true true 2 number 1
true true oh 7 true TypeError: bad
hello you true true null 1,2 true
yes below 1
`,
  change: {
    code: 'shared.push(3); console.log(holder.deep.get("more").join(), loose.shared.length)',
    printed: '1,2,3 3\n',
  },
  lost: {
    promise: /promise/,
    generator: /generator/,
    proxy: /proxy/,
    timer: /timer/,
    socket: /network connection/,
    weak: /weak/,
    symbol: /symbol/,
    counter: /remembers count/,
    url: /object of URL/,
    hidden: /private fields/,
    inside: /promise/,
    bound: /bound/,
    timers: /still run/,
  },
  small: { code: 'shared[0] = 5', mostBytes: 30_000 },
  busy: 'await new Promise(resolve => setTimeout(resolve, 60_000))',
  isFresh: { code: 'console.log(typeof plain)', printed: 'undefined\n' },
})

test('js: a class that comes before the one that it extends, and packages of the project', async t => {
  const it = await savingBed(t, { language: 'js' })
  await runs(
    it.session,
    `let Later
class Base { a() { return 1 } }
const make = () => new Derived()
class Derived extends Base { b() { return this.a() + 1 } }
Later = Derived
const many = Array.from({ length: 200_000 }, (_, at) => ({ at, name: 'name ' + at }))
undefined`,
  )
  const captured = await it.capture()
  assert.deepEqual(captured.lost, [])
  const there = await it.restored(captured)
  assert.equal(
    await runs(there, 'console.log(new Later().b(), make() instanceof Base, many[199_999].name)'),
    '2 true name 199999\n',
  )
})
