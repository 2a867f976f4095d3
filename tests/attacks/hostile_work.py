"""Hostile scripts that never end, or take all memory or stack."""

from __future__ import annotations

from tests.attacks.hostile import EVERY_SLOT, ORG_NAME, ROLE_NAME, STOPPED, Hostile

TIME = "^used more than 0.25 seconds of computing time for one entry and was stopped$"
STACK = "^RangeError: Maximum call stack size exceeded$"

ENDLESS = [
    Hostile("endless loop", "while (true) {}", TIME, EVERY_SLOT, quick=True),
    Hostile("endless loop that catches everything", "for (;;) { try { null.x } catch (e) {} }", TIME, quick=True),
    Hostile("endless loop in finally", "try { throw 1 } finally { for (;;); }", TIME),
    Hostile("endless loop over dates", "while (Date.now()) {}", TIME),
    Hostile("endless loop that reads the entry", "do { entry.n } while (entry.n)", TIME),
    Hostile("endless loop of bare names", "for (;;) n", TIME),
    Hostile("endless loop in a sorting function", "[2, 1].sort(() => { for (;;); })", TIME),
    Hostile("endless loop in a replacement", "'a'.replace(/a/, () => { for (;;); })", TIME),
    Hostile("endless loop in valueOf", "return +{ valueOf() { for (;;); } }", TIME),
    Hostile("endless loop in toString", "'' + { toString() { for (;;); } }", TIME, (ORG_NAME,)),
    Hostile("endless loop in Symbol.toPrimitive", "return `${{ [Symbol.toPrimitive]() { for (;;); } }}`", TIME),
    Hostile("endless loop in instanceof", "1 instanceof { [Symbol.hasInstance]() { for (;;); } }", TIME),
    Hostile("endless loop in JSON.stringify", "JSON.stringify({ toJSON() { for (;;); } })", TIME),
    Hostile("endless loop in a getter of its answer", "return { get then() { for (;;); } }", TIME, EVERY_SLOT),
    Hostile(
        "endless loop in an item of its answer",
        "return Object.defineProperty([1], 0, { get() { for (;;); } })",
        TIME,
        (ROLE_NAME,),
    ),
    Hostile("endless generator", "for (const x of (function* () { for (;;) yield 1 })()) ;", TIME),
    Hostile("endless array that grows as it is read", "const a = [1]; for (const x of a) a.push(x)", STOPPED),
    Hostile("endless set that grows as it is read", "const s = new Set([1]); for (const x of s) s.add(x + 1)", STOPPED),
    Hostile("endless promises", "(async function next() { await 1; next() })()", TIME, quick=True),
    Hostile("endless loop after an await", "(async () => { await 1; for (;;); })()", TIME),
    Hostile("endless recursion that catches itself", "(function f() { try { f() } finally { f() } })()", TIME),
    Hostile("slow join", "new Array(1e9).join()", STOPPED, quick=True),
    Hostile("slow indexOf", "const s = 'x'.repeat(1 << 24); for (;;) s.indexOf('y'.repeat(1 << 22))", TIME),
    Hostile("slow reverse of a sparse array", "const a = []; a[4e9] = 1; a.length = 4294967295; a.reverse()", TIME),
    Hostile("slow sort", "const a = Array.from({ length: 1e5 }, (_, i) => i); for (;;) a.sort(() => 1)", TIME),
    Hostile("slow splice", "const a = Array(1e5).fill(1); for (;;) a.splice(0, 1, 2)", TIME),
    Hostile("slow normalization", "const s = '\\u1100'.repeat(1e5); for (;;) s.normalize('NFD')", TIME),
    Hostile("slow large number", "let x = 3n; for (;;) x = x * x", STOPPED + "|^RangeError"),
    Hostile("slow power of a large number", "(7n ** 3000000n).toString()", STOPPED + "|^RangeError"),
    Hostile("slow Array.from", "Array.from({ length: 1e9 }, () => 0)", STOPPED),
    Hostile("slow string search", "'a'.repeat(1e6).replaceAll('', 'b'.repeat(1000))", STOPPED),
    Hostile("regular expression of nested repeats", "/^(a+)+$/.test('a'.repeat(40) + 'b')", TIME, EVERY_SLOT, quick=True),
    Hostile("regular expression of alternatives", "/^(a|a)*$/.test('a'.repeat(40) + 'b')", TIME),
    Hostile("regular expression for addresses", r"/^([\w.]+)+@/.test('a'.repeat(60))", TIME),
    Hostile("regular expression with blanks", r"/^(\w+\s?)*$/.test('a'.repeat(40) + '!')", TIME),
    Hostile("regular expression that looks back", r"/(x+x+)+\1y/.test('x'.repeat(60))", TIME),
    Hostile("regular expression that looks ahead", "/^(?=(a+)+$)b/.test('a'.repeat(40) + 'c')", TIME),
    Hostile("regular expression from text", "new RegExp('^(a+)+' + String.fromCharCode(36)).test('a'.repeat(40) + 'b')", TIME),
    Hostile("regular expression in split", "('a'.repeat(40) + 'b').split(/(a+)+c/)", TIME),
    Hostile("regular expression of a square", "'a'.repeat(3e5).replace(/a*b/g, '')", TIME),
]  # fmt: skip

GREEDY = [
    Hostile("memory in an array", "const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)", STOPPED, quick=True),
    Hostile("memory in doubling arrays", "let a = [1]; for (;;) a = a.concat(a)", STOPPED, EVERY_SLOT),
    Hostile("memory in doubling text", "let s = 'x'; for (;;) s = (s + s).padEnd(1)", STOPPED, quick=True),
    Hostile("memory in one text", "'x'.repeat(2 ** 29)", STOPPED),
    Hostile("memory in padding", "'x'.padEnd(5e8, 'ab')", STOPPED),
    Hostile("memory in objects", "let o = null; for (;;) o = { o, a: [o] }", STOPPED),
    Hostile("memory in properties", "const o = {}; for (let i = 0; ; i++) o['key' + i] = i", STOPPED),
    Hostile("memory in a map", "const m = new Map(); for (let i = 0; ; i++) m.set(i, [i])", STOPPED),
    Hostile("memory in functions", "const a = []; for (;;) a.push(() => a)", STOPPED),
    Hostile("memory in generators", "const a = []; for (;;) { const g = (function* () { yield a })(); g.next(); a.push(g) }", STOPPED),
    Hostile("memory in symbols", "const a = []; for (let i = 0; ; i++) a.push(Symbol.for('s' + i))", STOPPED),
    Hostile("memory in split text", "'x,'.repeat(2e7).split(',')", STOPPED),
    Hostile("memory in matches", "'x'.repeat(1e7).match(/x/g)", STOPPED),
    Hostile("memory in a filled array", "Array(2 ** 32 - 1).fill(0)", STOPPED),
    Hostile("memory in nested arrays", "let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; a.flat(Infinity)", STOPPED),
    Hostile("memory in JSON", "let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; JSON.stringify(a)", STOPPED),
    Hostile("memory in a shifted number", "const x = 1n << 400000000n; x + x", STOPPED + "|^RangeError"),
    Hostile("memory in global variables", "for (let i = 0; ; i++) globalThis['g' + i] = 'x'.repeat(1e5) + i", STOPPED),
    Hostile("memory in unfinished promises", "for (;;) (async () => { await 'x'.repeat(1e5) })()", STOPPED),
    Hostile("memory that is caught", "try { const a = []; for (;;) a.push('x'.repeat(5e6) + a.length) } catch (e) {}", ""),
    Hostile("memory left in a cycle", "const a = []; for (let i = 0; i < 60; i++) a.push('x'.repeat(1e6) + i); a.push(a)"),
    Hostile("memory left to a promise", "(async () => { const s = 'x'.repeat(6e7); await 1; return s })()"),
    Hostile("an org name of 60 MB", "return ' '.repeat(6e7)", "^returned an org name of more than 255 characters$", (ORG_NAME,)),
    Hostile("spread of a long array", "Math.max(...Array(1e6).fill(1))", STOPPED + "|^RangeError"),
]  # fmt: skip

DEEP = [
    Hostile("recursion", "(function f() { return f() + 1 })()", STACK, EVERY_SLOT, quick=True),
    Hostile("recursion of two", "const f = () => g() + 1, g = () => f() + 1; f()", STACK),
    Hostile("recursion in a getter", "const o = { get a() { return this.a } }; o.a", STACK),
    Hostile("recursion in toString", "const o = { toString() { return '' + this } }; '' + o", STACK),
    Hostile("recursion in a sorting function", "(function f() { [2, 1].sort(f) })()", STACK),
    Hostile("recursion in a replacement", "(function f() { return 'a'.replace(/a/, f) })()", STACK),
    Hostile("recursion that is caught", "try { (function f() { f() })() } catch (e) {}", quick=True),
    Hostile("recursion in its answer", "return { get then() { return this.then } }", STACK),
    Hostile("deep JSON", "JSON.parse('['.repeat(1e5))", STACK + "|^SyntaxError|^InternalError"),
    Hostile("deep array as JSON", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)", STACK + "|^InternalError|" + STOPPED),
    Hostile("deep array as text", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; String(a)", STACK + "|^InternalError"),
    Hostile("deep regular expression", "new RegExp('('.repeat(1e5) + ')'.repeat(1e5))", "^SyntaxError|^InternalError|" + STOPPED),
    Hostile("deep prototypes", "let o = {}; for (let i = 0; i < 1e5; i++) o = Object.create(o); o.missing"),
    Hostile("deep array that is dropped", "let a = []; for (let i = 0; i < 3e5; i++) a = [a]"),
]  # fmt: skip

ROWS = [*ENDLESS, *GREEDY, *DEEP]
