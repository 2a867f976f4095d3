"""Hostile scripts that reach for the host, poison what others use, keep something, or are no single function."""

from __future__ import annotations

from tests.attacks.hostile import EVERY_SLOT, ORG_NAME, Hostile

MISSING = "^ReferenceError: .* is not defined"
FROZEN = "^TypeError"
NO_CODE = "^TypeError: code cannot be made from text here$"

HOST = [
    Hostile("reads process.env", "return process.env.SECRET_KEY", MISSING, EVERY_SLOT, quick=True),
    Hostile("requires fs", "return require('fs').readFileSync('{file}')", MISSING, quick=True),
    Hostile("calls Python", "return call_python('dukpy.load_module', '{file}')", MISSING, quick=True),
    Hostile("calls Python through dukpy", "return dukpy.call_python('os.system', 'true')", FROZEN),
    Hostile("imports a file", "import('{file}').then(m => { leaked = m })", ".", quick=True),
    Hostile("imports fs", "import('fs')", "."),
    Hostile("fetches", "return fetch('http://127.0.0.1:{port}/')", MISSING, quick=True),
    Hostile("uses XMLHttpRequest", "const x = new XMLHttpRequest(); x.open('GET', 'http://127.0.0.1:{port}/'); x.send()", MISSING),
    Hostile("opens a WebSocket", "new WebSocket('ws://127.0.0.1:{port}/')", MISSING),
    Hostile("starts a worker", "new Worker('{file}')", MISSING),
    Hostile("uses QuickJS's std", "return std.loadFile('{file}')", MISSING),
    Hostile("uses QuickJS's os", "return os.exec(['/bin/true'])", MISSING),
    Hostile("loads a file", "load('{file}')", MISSING),
    Hostile("prints", "print('x')", MISSING),
    Hostile("writes to the console", "console.log('x')", "^ReferenceError: there is no console here: "),
    Hostile("waits", "setTimeout(() => { leaked = 1 }, 0)", MISSING),
    Hostile("uses Java", "return Java.type('java.lang.Runtime')", MISSING),
    Hostile("uses ActiveX", "new ActiveXObject('WScript.Shell')", MISSING),
    Hostile("uses Deno", "return Deno.readTextFileSync('{file}')", MISSING),
    Hostile("uses WebAssembly", "new WebAssembly.Module([])", MISSING),
    Hostile("shares memory", "new SharedArrayBuffer(8)", MISSING),
    Hostile("uses typed arrays", "new Uint8Array(8)", MISSING),
    Hostile("makes a proxy", "new Proxy({}, {})", MISSING),
    Hostile("makes a weak reference", "new WeakRef({})", MISSING),
    Hostile("evaluates text", "return eval('1')", MISSING),
    Hostile("evaluates text elsewhere", "return (0, globalThis.eval)('1')", FROZEN),
    Hostile("makes a function from text", "return Function('return process')()", NO_CODE, EVERY_SLOT, quick=True),
    Hostile("makes a function by constructor.constructor", "return entry.toString.constructor.constructor('return this')()", NO_CODE, quick=True),
    Hostile("makes a function by a function's constructor", "return (() => 1).constructor('return this')()", NO_CODE),
    Hostile("makes a generator from text", "return (function* () {}).constructor('yield 1')()", NO_CODE),
    Hostile("makes a promise from text", "return (async () => 1).constructor('return 1')()", NO_CODE),
    Hostile("makes a function by Reflect", "return Reflect.construct(Function, ['return this'])()", NO_CODE),
    Hostile("looks at its caller", "return arguments.callee.caller.toString() && false", FROZEN),
    Hostile("looks at the stack for a way in", "return /rollcall_|prelude.*function/.test(new Error().stack) ? null : entry.n % 7 != 0"),
    Hostile("asks for randomness", "return Math.random() < 2", "^Error: Math.random is not available"),
    Hostile("guesses the way in", "return $REALM.load()", MISSING),
    Hostile("guesses the way in by a global lookup", "return Object.getOwnPropertyNames(globalThis).length < 9 ? entry.n % 7 != 0 : null"),
    Hostile("talks to the child by the mailbox", "dukpy = { slot: 1, source: 'e => 1' }; return entry.n % 7 != 0"),
]  # fmt: skip

# What is tried, and swallowed, for one entry: nobody may notice.
POISON = {
    "Object.prototype": "Object.prototype.n = '7'",
    "Object.prototype by __proto__": "({}).__proto__.n = '7'",
    "Array.prototype": "Array.prototype.push = () => 0",
    "String.prototype": "String.prototype.trim = () => 'X'",
    "the iterator of arrays": "[].values().__proto__.next = () => ({ done: true })",
    "Function.prototype": "Function.prototype.call = null",
    "the way arrays are joined": "Array.prototype.join = () => 'X'",
    "JSON": "JSON.stringify = () => '[]'",
    "Reflect": "Object.defineProperty(globalThis, 'Reflect', { value: { ownKeys: () => [1], isExtensible: () => true, getPrototypeOf: Object.getPrototypeOf } , configurable: true })",
    "every name of JavaScript": "for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(globalThis))) { if (name != 'globalThis') Object.defineProperty(globalThis, name, { value: () => 1, configurable: true }) }",
    "Array by a name of its own": "Object.defineProperty(globalThis, 'Array', { value: { isArray: () => true }, configurable: true })",
    "undefined": "undefined = true; NaN = 1; Infinity = 1",
    "regular expressions": "RegExp.prototype.exec = () => null; RegExp.prototype.test = () => true",
    "numbers": "Number.prototype.valueOf = () => 0; Object.prototype.valueOf = () => 0",
    "Symbol.hasInstance": "Object.defineProperty(Error, Symbol.hasInstance, { value: () => true })",
    "Symbol.species": "Object.defineProperty(Array, Symbol.species, { value: String })",
    "toJSON": "Object.prototype.toJSON = () => 7; Array.prototype.toJSON = () => 7; String.prototype.toJSON = () => 7",
    "the setters of Object.prototype": "Object.prototype.__defineSetter__('length', () => {})",
    "the entry's methods": "Object.getPrototypeOf(entry).hasOwnProperty = () => true",
    "promises": "Object.getPrototypeOf((async () => 1)()).then = () => 7",
    "error messages": "Error.prototype.message = 'X'; Error.prototype.name = 'X'; Error.prototype.toString = () => 'X'",
    "the global object's prototype": "Object.getPrototypeOf(globalThis).Array = null",
}  # fmt: skip
# These cannot be undone: the entry is an error, and the others get a new realm.
FOR_GOOD = {
    "a global variable": "Object.defineProperty(globalThis, 'kept', { value: 1 })",
    "a global function": "Object.defineProperty(globalThis, 'n', { get: () => '7' })",
    "the global object, frozen": "Object.freeze(globalThis)",
    "the global object, sealed": "Object.preventExtensions(globalThis)",
    "the global object's ancestors": "Object.setPrototypeOf(globalThis, { __proto__: Object.getPrototypeOf(globalThis), n: '7' })",
}
POISONED = [
    *(Hostile(f"poisons {what}", f"try {{ {how} }} catch (e) {{}}", slots=(ORG_NAME,), quick=what == "Reflect") for what, how in POISON.items()),
    *(Hostile(f"changes for good {what}", f"{how}; return true", "^changed the global object for good$") for what, how in FOR_GOOD.items()),
]  # fmt: skip

HIDE_THE_CLEANER = """kept = 1; Object.defineProperty(globalThis, 'Reflect', { configurable: true, value: {
    ownKeys: () => [1], deleteProperty: () => true, isExtensible: () => true, getPrototypeOf: Object.getPrototypeOf } })"""
HIDE_EVERY_NAME = """kept = 1; for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(globalThis))) {
    if (name != 'globalThis') Object.defineProperty(globalThis, name, { value: () => [], configurable: true }) }"""
# What every entry leaves, and how the next one would find it.
KEPT = [
    ("a global variable", "kept = 1", "typeof kept != 'undefined'"),
    ("a property of this", "this.kept = 1", "this.kept"),
    ("a registered symbol", "globalThis[Symbol.for('kept')] = 1", "globalThis[Symbol.for('kept')]"),
    ("a property of every object", "Object.prototype.kept = 1", "({}).kept"),
    ("a property of every array", "Array.prototype.kept = 1", "[].kept"),
    ("another push", "Array.prototype.push = function () {}", "[].push(1) !== 1"),
    ("another toString", "Object.prototype.toString = function () { return 'kept' }", "({}) + '' == 'kept'"),
    ("a property of a constructor", "({}).__proto__.__proto__ = null; ({}).constructor.kept = 1", "Object.kept"),
    ("a property of the script", "arguments.callee.kept = 1", "arguments.callee.kept"),
    ("a property of the script's prototype", "arguments.callee.prototype.kept = 1", "arguments.callee.prototype.kept"),
    ("a property of generators", "(function* () {}).prototype.__proto__.kept = 1", "(function* () {})().kept"),
    ("a property of async functions", "Reflect.getPrototypeOf(async function () {}).kept = 1", "(async function () {}).kept"),
    ("another iterator", "Reflect.getPrototypeOf([].values()).next = function () { return {done: true} }", "![...'a'].length"),
    ("a property of matches", "Reflect.getPrototypeOf(''.matchAll(/x/g)).kept = 1", "''.matchAll(/x/g).kept"),
    ("a property of promises", "(async () => 1)().__proto__.kept = 1", "(async () => 1)().kept"),
    ("a match", "/x/.__proto__.kept = 1; RegExp.kept = 1; /(k)/.exec('k')", "/x/.kept || RegExp.$1 || RegExp.lastMatch"),
    ("a place in a text", "/x/g.test('xx')", "/x/g.lastIndex"),
    ("a stack limit", "Error.stackTraceLimit = 1", "Error.stackTraceLimit"),
    ("a way to print stacks", "Error.prepareStackTrace = function () { return 'kept' }", "new Error().stack == 'kept'"),
    ("a property of Math", "Math.kept = 1; JSON.parse = null; Date.now = null", "Math.kept || !JSON.parse || !Date.now"),
    ("a property of a template", "(s => s)`x`.kept = 1; (s => { s.raw.kept = 1 })`x`", "(s => s.kept || s.raw.kept)`x`"),
    ("something in the entry", "entry.list.push('kept'); entry.kept = 1", "entry.list.length > 2 || entry.kept"),
    ("something in the entry's prototype", "Object.getPrototypeOf(entry).kept = 1", "entry.kept"),
    ("a property of the mailbox", "Object.getOwnPropertyDescriptor(this, 'dukpy').set.kept = 1",
     "Object.getOwnPropertyDescriptor(this, 'dukpy').set.kept"),
    ("other constants", "undefined = 1; NaN = 1; Array = 1; dukpy = 1", "undefined || NaN || Array === 1 || typeof dukpy != 'undefined'"),
    ("work for later", "(async () => { await 1; kept = 1 })()", "typeof kept != 'undefined'"),
    ("work for later that stays", "(async () => { await 1; Object.defineProperty(globalThis, 'kept', {value: 1}) })()", "this.kept"),
    ("a class", "new (class { static { globalThis.kept = 1 } })", "this.kept"),
    ("a variable by throwing", "throw {get message() { kept = 1; return '' }}", "typeof kept != 'undefined'"),
    ("a variable by returning", "return {get then() { kept = 1 }}", "typeof kept != 'undefined'"),
    ("a constant", "Object.defineProperty(this, 'kept', {value: 1})", "this.kept"),
    ("an ancestor", "Object.setPrototypeOf(this, {kept: 1, __proto__: this.__proto__})", "this.kept"),
    ("a closed global object", "Object.freeze(this)", "!Object.isExtensible(this)"),
    ("a variable, by hiding it from whoever cleans up", HIDE_THE_CLEANER, "typeof kept != 'undefined'"),
    ("a variable, by hiding every name", HIDE_EVERY_NAME, "typeof kept != 'undefined'"),
]  # fmt: skip

# Sources that close what they are put into, or are more or less than one function: none is ever run.
NOT_ONE_FUNCTION = {
    "closes a function": "function(){return 1}){}(function(){",
    "closes a parenthesis": "function(){return 1}),(function(){return 1}",
    "closes the block around it": "function(){return 1}} {(function(){return 1})",
    "closes the block and opens a comment": "function(){return 1}} /*",
    "is followed by a loop": "function(){return 1}; while (true) {}",
    "is two functions": "function(){return 1}, function(){return 1}",
    "is called at once": "(function(){ return function(e){return true} })()",
    "calls itself": "function f(){return f}()",
    "is in parentheses": "(function (entry) { return true })",
    "is a sum": "function(e){return true} + 1",
    "is an assignment": "x = e => true",
    "is a template": "`${e => true}`",
    "is no function": "true",
    "is a class": "class { constructor(entry) {} }",
    "is a getter": "get x() { return 1 }",
    "is a method": "x(entry) { return true }",
    "returns a function": "return entry => true",
    "leaves a comment open": "e => true /* open",
    "hides in an HTML comment": "e => true <!-- html",
    "is only a comment": "// only a comment",
    "imports": "import('os')",
    "is asynchronous": "async entry => true",
    "is a generator": "function* (entry) { yield true }",
    "takes two arguments": "function (entry, more) { return true }",
    "runs as it is loaded, for ever": "(function () { while (true) {} })()",
    "takes all memory as it is loaded": "(() => { const a = []; for (;;) a.push('x'.repeat(1e6)) })()",
    "poisons as it is loaded": "(globalThis.kept = 1, e => true)",
    "is larger than 32 KB": "e => true //" + "x" * 33_000,
    "has 30,000 open brackets": "e => " + "[" * 30_000,
    "has a NUL": "e => true \0",
    "has half a character": "e => '\ud800' + ",
    "ends a line where only the engine sees it": "e => true //\u2028, 1",
}  # fmt: skip

ROWS = [*HOST, *POISONED]
