// Hardens one JavaScript realm: takes away what scripts must not have and freezes the rest, so that no script can see
// the host or keep anything from one entry to the next. The child replaces $REALM by a name that cannot be guessed.
const $REALM_HARD = (() => {
  "use strict";

  // Kept here, as scripts lose some of them and the others stay what they were.
  const {
    Array, Error, JSON, Map, Math, Number, Object, Promise, Proxy, Reflect, Set, String, Symbol, TypeError,
    eval: compile,
  } = globalThis;
  const GLOBAL = globalThis;
  const KEPT = [
    "Object", "Function", "Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError",
    "URIError", "InternalError", "AggregateError", "Array", "parseInt", "parseFloat", "isNaN", "isFinite",
    "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "unescape", "Number", "Boolean",
    "String", "Math", "Reflect", "Symbol", "RegExp", "JSON", "Map", "Set", "BigInt", "globalThis",
  ];

  const FUNCTIONS = [function () {}, function* () {}, async function () {}, async function* () {}]
    .map((sample) => Object.getPrototypeOf(sample));
  const [FUNCTION] = FUNCTIONS;
  const textOf = ((text) => (made) => Reflect.apply(text, made, []))(FUNCTION.toString);

  // What scripts reach by syntax, without a name.
  const HIDDEN = [
    ...FUNCTIONS, (function* () {})(), (async function* () {})(), [].values(), new Map().entries(), new Set().values(),
    "".matchAll(/x/g), ""[Symbol.iterator](), Promise.prototype,
    Object.getOwnPropertyDescriptor((function () { return arguments; })(), "callee").get,
  ].flatMap((sample) => [sample, Object.getPrototypeOf(sample)]);

  const ITERATOR = Object.getPrototypeOf(Object.getPrototypeOf([].values()));

  const removeStatefulParts = () => {
    // These keep state in the engine itself, where freezing does not reach.
    for (const name of ["stackTraceLimit", "prepareStackTrace", "captureStackTrace"]) delete Error[name];
    delete Array.fromAsync;
    for (const key of Reflect.ownKeys(ITERATOR)) if (key !== Symbol.iterator) delete ITERATOR[key];
    for (const key of ["constructor", "then", "catch", "finally"]) delete Promise.prototype[key];
    Math.random = () => { throw new Error("Math.random is not available: every run must give the same answer"); };
  };

  // The engine knows no languages: these would silently give another answer than a browser does.
  const removeLanguages = () => {
    const { BigInt, Date: { prototype: date } } = GLOBAL;
    const refuse = (prototype, name, advice, isFine = () => false) => {
      const known = prototype[name];
      const method = {
        [name](...given) {
          if (isFine(given)) return Reflect.apply(known, this, given);
          throw new Error(`${name} is not available, as there are no languages here: ${advice}`);
        },
      }[name];
      Object.defineProperty(prototype, name, { value: method });
    };
    refuse(String.prototype, "localeCompare", "compare with === or <, after toLowerCase() where letter case must not count");
    for (const name of ["toLocaleLowerCase", "toLocaleUpperCase"]) {
      const plain = name.replace("Locale", "");
      refuse(String.prototype, name, `write ${plain}()`, (given) => given.length === 0);
    }
    for (const { prototype } of [Number, BigInt]) {
      refuse(prototype, "toLocaleString", "write String(value) or value.toFixed(2)");
    }
    for (const name of ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"]) {
      refuse(date, name, "write value.toISOString(), which is UTC, and take the part that you need");
    }
  };

  const removeCodeFromText = () => {
    const inert = function Function() { throw new TypeError("code cannot be made from text here"); };
    for (const prototype of FUNCTIONS) Object.defineProperty(prototype, "constructor", { value: inert });
    inert.prototype = FUNCTION;
    GLOBAL.Function = inert;
  };

  // A frozen prototype would also forbid `mine.toString = ...` on a script's own object; a setter allows it again.
  const allowOverride = (prototype, key) => {
    const { value, configurable, enumerable } = Object.getOwnPropertyDescriptor(prototype, key);
    if (!configurable || value === undefined) return;
    Object.defineProperty(prototype, key, {
      get() { return value; },
      set(own) {
        if (this !== GLOBAL && hardened.has(this)) {
          throw new TypeError(`${String(key)} of a built-in object cannot be set: write a function inside the script`);
        }
        Object.defineProperty(this, key, { value: own, writable: true, enumerable: true, configurable: true });
      },
      enumerable,
      configurable: false,
    });
  };

  const hardened = new Set([GLOBAL]);

  const { freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const { ownKeys } = Reflect;

  // Every realm does this for some thousand properties, which is most of what it costs.
  const harden = (...pending) => {
    const add = (value) => {
      if (value === null || (typeof value !== "object" && typeof value !== "function") || hardened.has(value)) return;
      hardened.add(freeze(value));
      pending.push(value);
    };
    pending.splice(0).forEach(add);
    while (pending.length) {
      const value = pending.pop();
      add(getPrototypeOf(value));
      const keys = ownKeys(value);
      if (keys.length === 2 && keys[0] === "length" && keys[1] === "name" && typeof value === "function") continue;
      for (const key of keys) {
        const found = getOwnPropertyDescriptor(value, key);
        if (found.get === undefined && found.set === undefined) add(found.value);
        else [found.get, found.set].forEach(add);
      }
    }
  };

  // An answer that depends on the time may be another one tomorrow. All ways to the time lead through this name.
  const clock = { read: false };
  const { Date } = GLOBAL;
  const askClock = () => {
    clock.read = true;
    return Date;
  };

  // The built-ins move to the global object's prototype: what is left on it besides OWN was put there by a script.
  const moveBuiltins = () => {
    const builtins = {};
    for (const key of KEPT) Object.defineProperty(builtins, key, { value: GLOBAL[key] });
    Object.defineProperty(builtins, "Date", { get: askClock });
    // A script may have a variable of this name.
    Object.defineProperty(builtins, "ldap", {
      get() { return $REALM_LDAP; },
      set(own) {
        Object.defineProperty(GLOBAL, "ldap", { value: own, writable: true, enumerable: true, configurable: true });
      },
    });
    for (const key of Reflect.ownKeys(GLOBAL)) Reflect.deleteProperty(GLOBAL, key);
    Object.setPrototypeOf(GLOBAL, builtins);
    return builtins;
  };

  removeStatefulParts();
  // A helper gives times, which lead to what tells the time as well.
  Object.defineProperty(Date.prototype, "constructor", { get: askClock });
  removeLanguages();
  removeCodeFromText();
  const BUILTINS = moveBuiltins();
  // The engine hands each request over by setting the global named dukpy; scripts cannot.
  const inbox = { open: true, data: undefined };
  const mailbox = {
    get() { return undefined; },
    set(value) { if (inbox.open) inbox.data = value; },
    configurable: false,
  };
  Object.defineProperty(GLOBAL, "dukpy", mailbox);
  for (const prototype of [Object.prototype, Array.prototype, Error.prototype, FUNCTION]) {
    for (const key of Reflect.ownKeys(prototype)) allowOverride(prototype, key);
  }
  for (const key of KEPT) {
    if (key.endsWith("Error")) {
      for (const own of ["name", "message"]) allowOverride(BUILTINS[key].prototype, own);
    }
  }
  harden(BUILTINS, Date, $REALM_LDAP, mailbox, ...HIDDEN);
  const OWN = new Set(Reflect.ownKeys(GLOBAL));

  return { GLOBAL, BUILTINS, OWN, FUNCTION, Promise, Proxy, clock, compile, harden, inbox, textOf };
})();
null;
