"""Hostile scripts that answer or throw what no script should, and honest mistakes with the message that helps."""

from __future__ import annotations

from tests.attacks.hostile import ACTIVE, EVERY_SLOT, ORG_NAME, ROLE_NAME, Hostile, returns, throws

BROKEN = "a(n org| role) name with a control or broken character$"
NAMES = (ORG_NAME, ROLE_NAME)

ANSWERS = [
    returns("nothing", "", "nothing instead of true or false; is a return missing", ACTIVE, quick=True),
    returns("null", "null", "null instead of true or false; is a return missing", ACTIVE),
    returns("a promise", "(async () => false)()", "a promise instead of", *EVERY_SLOT),
    returns("something with then", "{ then() {} }", "a promise instead of", *EVERY_SLOT),
    returns("a generator", "(function* () {})()", "a generator instead of", *EVERY_SLOT),
    returns("a function", "() => true", "a function instead of", *EVERY_SLOT),
    returns("a number", "7", "a number instead of", *NAMES, quick=True),
    returns("a large number", "7n", "a bigint instead of", *NAMES),
    returns("true", "true", "a boolean instead of", *NAMES),
    returns("a symbol", "Symbol('Staff')", "a symbol instead of", *NAMES),
    returns("an object", "{ name: 'Staff' }", "an object instead of", *NAMES),
    returns("a String object", "new String('Staff')", "an object instead of", *NAMES),
    returns("a date", "new Date()", "an object instead of", *NAMES),
    returns("the entry", "entry", "an object instead of", *NAMES),
    returns("the global object", "globalThis", "an object instead of", *NAMES),
    returns("an array", "['Staff']", "an array instead of", ORG_NAME),
    returns("an object that contains itself", "(() => { const o = {}; o.o = o; return o })()", "an object instead of", *NAMES),
    returns("an array that contains itself", "(() => { const a = []; a.push(a); return a })()", "an array with an array", ROLE_NAME),
    returns("a set", "new Set(['Staff'])", "an object instead of", ROLE_NAME),
    returns("something like an array", "{ 0: 'Staff', length: 1 }", "an object instead of", ROLE_NAME),
    returns("an array with a number", "['Staff', 1]", "an array with a number instead of a role name", ROLE_NAME),
    returns("an array with null", "['Staff', null]", "an array with null instead of a role name", ROLE_NAME),
    returns("an array with a hole", "['Staff',, 'A']", "an array with nothing instead of a role name", ROLE_NAME),
    returns("an array of arrays", "[['Staff']]", "an array with an array instead of a role name", ROLE_NAME),
    returns("65 roles", "Array.from({ length: 65 }, (_, i) => 'R' + i)", "65 role names; at most 64", ROLE_NAME),
    returns("a billion roles", "new Array(1e9)", "1000000000 role names; at most 64", ROLE_NAME, quick=True),
    returns("a name of 256 characters", "'x'.repeat(256)", "an? .* of more than 255 characters", *NAMES),
    returns("a name of 20 MB", "'x'.repeat(2e7)", "an? .* of more than 255 characters", *NAMES),
    returns("a name with NUL", r"'Sta\0ff'", BROKEN, *NAMES, quick=True),
    returns("a name with a line end", r"'Staff\nDIRSYNC:: done'", BROKEN, *NAMES),
    returns("a name with a line separator", r"'Staff\u2028'+'x'", BROKEN, *NAMES),
    returns("a name with an escape", r"'\x1b[31mStaff'", BROKEN, *NAMES),
    returns("half a character", r"'\ud800'", BROKEN, *NAMES, quick=True),
    returns("the other half of a character", r"'Staff\udc00'", BROKEN, *NAMES),
    Hostile("returns an array whose items throw", "return Object.defineProperty(['A'], 0, { get() { throw new Error('boo') } })",
            "^Error: boo$", (ROLE_NAME,)),
    Hostile("returns an array that changes as it is read",
            "return Object.defineProperty(['A', 'B'], 0, { get() { this[1] = 7; return 'A' } })", "an array with a number", (ROLE_NAME,)),
    Hostile("returns an array that counts itself longer", "const a = ['A']; a.length = 900; return a", "an array with nothing", (ROLE_NAME,)),
    Hostile("returns an array that iterates otherwise",
            "const a = ['A']; a[Symbol.iterator] = function* () { for (;;) yield 'B' }; return a",
            slots=(ROLE_NAME,), gives={"roles": ("A",)}),
    Hostile("returns an array with a toJSON of its own", "const a = ['A']; a.toJSON = () => [true]; return a",
            slots=(ROLE_NAME,), gives={"roles": ("A",)}),
    Hostile("returns a text that looks like an answer", """return '"],"spoiled":false}'""", slots=(ORG_NAME,),
            gives={"org_name": '"],"spoiled":false}'}),
    Hostile("returns a text that looks like HTML", "return '<script>alert(1)</script>'", slots=(ORG_NAME,),
            gives={"org_name": "<script>alert(1)</script>"}),
    Hostile("returns 64 roles of 255 characters",
            "return Array.from({ length: 64 }, (_, i) => '\U0001f5fc'.repeat(120) + i)", slots=(ROLE_NAME,),
            gives={"roles": tuple("\U0001f5fc" * 120 + str(i) for i in range(64))}),
    Hostile("returns one role a thousand times", "return Array(1000).fill('A')", slots=(ROLE_NAME,), gives={"roles": ("A",)}),
]  # fmt: skip

UNREADABLE = "^threw an object that cannot be read$"
TIME = "^used more than 0.25 seconds of computing time"
THROWN = [
    throws("null", "null", "^threw: null$|memory allowed"),
    throws("undefined", "undefined", "^threw: undefined$", quick=True),
    throws("a number", "7", "^threw: 7$"),
    throws("a symbol", "Symbol('s')", r"^threw: Symbol\(s\)$"),
    throws("a function", "() => 1", "^threw: a function$"),
    throws("the entry", "entry", "^threw an object$"),
    throws("the global object", "globalThis", "^threw an object$"),
    throws("a promise", "(async () => 1)()", "^threw an object$"),
    throws("a message of 10 MB", "new Error('x'.repeat(1e7))", "^Error: x{400,}…$", quick=True),
    throws("a text of 10 MB", "'x'.repeat(1e7)", "^threw: x{400,}…$"),
    throws("a message with line ends and NUL", r"new Error('a\nDIRSYNC:: b\0c\u2028d')", "^Error: a\ufffdDIRSYNC:: b\ufffdc\ufffdd$"),
    throws("a message with half a character", r"new Error('a\ud800b')", "^Error: a\ufffdb$"),
    throws("a message that throws", "{ get message() { throw this } }", UNREADABLE, quick=True),
    throws("a message that never ends", "{ get message() { for (;;); } }", TIME),
    throws("a message that is another each time", "{ get message() { return this.n ? {} : (this.n = 'x') } }", r"^threw: \[object Object\]$"),
    throws("a name that never ends", "Object.assign(new Error('x'), { get name() { for (;;); } })", TIME),
    throws("a name that is a symbol", "Object.create(Error.prototype, { name: { value: Symbol() } })", UNREADABLE),
    throws("a stack that throws", "Object.defineProperty(new Error('x'), 'stack', { get() { throw 1 } })", "^Error: x$"),
    throws("a stack that never ends", "Object.defineProperty(new Error('x'), 'stack', { get() { for (;;); } })", TIME),
    throws("a toString that never ends", "Object.assign(new Error('x'), { toString() { for (;;); } })", "^Error: x$"),
    throws("an error that lies about its line", "Object.assign(new Error('x'), { stack: '<input>:99999999' })", "^Error: x$"),
    throws("an error whose cause is itself", "(() => { const e = new Error('x'); e.cause = e; return e })()", "^Error: x$"),
    throws("a frozen error", "Object.freeze(new Error('x'))", "^Error: x$"),
    throws("many errors in one", "new AggregateError([new Error('a')], 'x')", "^AggregateError: x$"),
    throws("what looks like the end of memory", "new InternalError('out of memory')", "^used more than the memory allowed$"),
    Hostile("throws from a finally", "try { return true } finally { throw new Error('late') }", "^Error: late$", EVERY_SLOT),
    Hostile("throws in a promise", "(async () => { throw new Error('later') })()", "later|^$"),
]  # fmt: skip

HONEST = [
    Hostile("mistake: no return", "true; return", "is a return missing", quick=True),
    Hostile("mistake: a variable that is not there", "return department == 'Sales'", "^ReferenceError: department is not defined: it is no variable", quick=True),
    Hostile("mistake: a single text taken for an array", "return entry.mail.some(m => m)",
            r"^TypeError: not a function \(one value is text, several are an array", quick=True),
    Hostile("mistake: another letter case", "return entry.MAIL == 'a@example.com'", gives={"active": True}, quick=True),
    Hostile("mistake: = for ==", "if (entry.employeeType = 'inactive') return false",
            r"^TypeError: the entry cannot be changed \(employeeType\); to compare, write == or ===$", quick=True),
    Hostile("mistake: an attribute that is not there", "return entry.manager.indexOf('x') > 0",
            "^TypeError: cannot read propert.* 'indexOf' of undefined: the entry has no attribute manager$", quick=True),
    Hostile("mistake: returns the text true", "return 'true'", gives={"active": True}, quick=True),
    Hostile("mistake: one role as text", "return 'Staff'", slots=(ROLE_NAME,), gives={"roles": ("Staff",)}, quick=True),
    Hostile("mistake: a trailing comma", "return ['Staff', 'A',]", slots=(ROLE_NAME,), gives={"roles": ("Staff", "A")}, quick=True),
    Hostile("mistake: a call of Java's", "return java.lang.String.valueOf(entry.n)", "^ReferenceError: java is not defined", quick=True),
    Hostile("mistake: a method of another product", "return entry.getAttribute('mail')",
            r"^TypeError: not a function \(one value is text, several are an array", quick=True),
    Hostile("mistake: a number for the org", "return 1 + 1", "^returned a number instead of the org's name as text$", (ORG_NAME,), quick=True),
]  # fmt: skip

# Whole scripts that do not compile, with what helps.
UNCOMPILED = {
    "mistake: a wrong quote": ("function (entry) {\n  return entry.mail == \u201cx\u201d;\n}", "^SyntaxError", 2),
    "mistake: a brace too few": ("function (entry) {\n  if (entry.mail) {\n    return true;\n}", "^SyntaxError", None),
    "mistake: a regular expression that is not one": (
        "function (entry) {\n  return /(/.test(entry.mail);\n}",
        "^SyntaxError: .* \\(in a regular expression\\)$",
        None,
    ),
}

ROWS = [*ANSWERS, *THROWN, *HONEST]
