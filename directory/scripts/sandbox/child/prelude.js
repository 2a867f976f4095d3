// Runs the administrator's scripts in a hardened realm: shows them the entry, calls them, and checks their answers.
// Scripts are compiled by eval (sources.js), so that only their own frames are called <input> in a stack.
const $REALM = (() => {
  "use strict";

  const { GLOBAL, BUILTINS, OWN, Promise, Proxy, clock, harden, inbox } = $REALM_HARD;
  const { NoScript, functionOf, leavesWorkBehind } = $REALM_SOURCES;
  // Kept here, as a script can put something of its own before a name of the global object.
  const { Array, Error, JSON, Map, Number, Object, Reflect, Set, String, TypeError } = BUILTINS;

  // ---- the entry: read-only, attributes under any letter case, arrays as private copies ----

  const DN = 0;
  const METHODS = Object.create(null);
  for (const key of ["toString", "toLocaleString", "valueOf", "hasOwnProperty", "propertyIsEnumerable"]) {
    Object.defineProperty(METHODS, key, { value: Object.prototype[key] });
  }
  Object.freeze(METHODS);
  const BLANK = Object.create(METHODS);

  // A row is [dn, value, ...]; a shape finds the place of a name in it. The first of two spellings wins.
  const makeShape = (names) => {
    const places = new Map([["dn", DN]]);
    const keys = ["dn"];
    for (let place = 0; place < names.length; place++) {
      const folded = names[place].toLowerCase();
      if (places.has(folded)) continue;
      places.set(folded, place + 1);
      keys.push(names[place]);
    }
    for (let place = 1; place < keys.length; place++) places.set(keys[place], places.get(keys[place].toLowerCase()));
    return { places, keys };
  };

  const find = (view, name) => view.places.get(name) ?? view.places.get(name.toLowerCase());

  const read = (view, place) => {
    const value = view.row[place];
    if (typeof value === "string") return value;
    view.copies ??= [];
    return (view.copies[place] ??= value.slice());
  };

  // ---- attributes that were not requested: whether the entry has them is unknown ----

  // The names of the requested attributes, in small letters and without options; null for everything.
  let requested = null;
  let advice = "";
  // The first access to an attribute that was not requested, as a message and a line: an error even if it is caught.
  let unrequested = null;

  const ATTRIBUTE = /^(?:[a-z][a-z0-9_-]*|[0-9]+(?:\.[0-9]+)+)$/;
  // Looked at by JavaScript itself, and below.
  const PROTOCOL = new Set(["then", "next", "toJSON"]);

  const refuseUnrequested = (message) => {
    const error = new TypeError(message);
    unrequested ??= [message.slice(0, 1000), describe(error)[1]];
    throw error;
  };

  // For a name that the entry has not got.
  const demand = (name) => {
    if (requested.has(name)) return;
    const [type] = name.toLowerCase().split(";", 1);
    if (requested.has(type) || !ATTRIBUTE.test(type) || PROTOCOL.has(name)) return;
    refuseUnrequested(`attribute ${name} was not asked for, ${advice}`);
  };

  // The attribute that was last looked at in this call though the entry has not got it; null for none.
  let absent = null;

  const refuse = () => false;

  // Thrown, as `if (entry.employeeType = "inactive")` would else be true for everybody.
  const refuseChange = (_, key) => {
    throw new TypeError(`the entry cannot be changed (${String(key)}); to compare, write == or ===`);
  };

  const VIEW = {
    __proto__: null,
    // Written out, as scripts spend most of their time here.
    get(_, key) {
      if (typeof key !== "string") return METHODS[key];
      const place = this.places.get(key) ?? this.places.get(key.toLowerCase());
      if (place === undefined) {
        absent = key;
        return METHODS[key];
      }
      const value = this.row[place];
      return typeof value === "string" ? value : read(this, place);
    },
    has(_, key) { return typeof key === "string" && find(this, key) !== undefined; },
    ownKeys() { return this.keys; },
    getOwnPropertyDescriptor(_, key) {
      const place = typeof key === "string" ? find(this, key) : undefined;
      if (place === undefined) return undefined;
      return { value: read(this, place), writable: false, enumerable: true, configurable: true };
    },
    set: refuseChange,
    deleteProperty: refuseChange,
    defineProperty: refuseChange,
    setPrototypeOf: refuse,
    preventExtensions: refuse,
  };

  // The same for entries of which not all attributes were requested.
  const CAREFUL = {
    __proto__: VIEW,
    get(_, key) {
      if (typeof key !== "string") return METHODS[key];
      const place = this.places.get(key) ?? this.places.get(key.toLowerCase());
      if (place === undefined) {
        if (METHODS[key] === undefined) demand(key);
        absent = key;
        return METHODS[key];
      }
      const value = this.row[place];
      return typeof value === "string" ? value : read(this, place);
    },
    has(_, key) {
      if (typeof key !== "string") return false;
      if (find(this, key) !== undefined) return true;
      demand(key);
      return false;
    },
    ownKeys() {
      return refuseUnrequested(
        "goes through the names of an entry of which only needed attributes were asked for: "
        + "write the names out, or have the server ask for all attributes",
      );
    },
    getOwnPropertyDescriptor(_, key) {
      const found = VIEW.getOwnPropertyDescriptor.call(this, _, key);
      if (found === undefined && typeof key === "string") demand(key);
      return found;
    },
  };

  // ---- bare names: `memberof` reads the attribute, unless the script or JavaScript knows the name ----

  let current = null;

  // What the scripts' bare names mean in this call, so that only their first use asks the scope below. A script reaches
  // this object when it calls a function by such a name, so it is wiped, and checked, like the global object.
  const NAMED = Object.create(null);
  let named = true;

  const SCOPE = new Proxy(Object.create(null), {
    has(_, name) {
      if (current === null || name in GLOBAL) return false;
      const place = find(current, name);
      if (place === undefined && requested !== null) demand(name);
      if (place === undefined || place === DN) return false;
      named = true;
      NAMED[name] = read(current, place);
      return true;
    },
    // The engine asks for a name with `has` first, and for one symbol.
    get(_, name) { return NAMED[name]; },
    // `ou = ...` without var makes a variable, as anywhere in JavaScript; the entry stays as it is.
    set(_, name, value) {
      named = true;
      NAMED[name] = value;
      return true;
    },
    deleteProperty: refuse,
    defineProperty: refuse,
    setPrototypeOf: refuse,
    preventExtensions: refuse,
  });

  // ---- errors as data ----

  const describe = (thrown) => {
    let message = "threw an object that cannot be read";
    let line = null;
    try {
      if (thrown instanceof Error) {
        message = `${thrown.name}: ${thrown.message}`;
        const place = /<input>:(\d+)/.exec(String(thrown.stack).slice(0, 4000));
        line = place && Number(place[1]);
      } else if (typeof thrown === "object" && thrown !== null) {
        message = typeof thrown.message === "string" ? `threw: ${thrown.message}` : "threw an object";
      } else {
        message = `threw: ${typeof thrown === "function" ? "a function" : String(thrown)}`;
      }
    } catch {
      line = null;
    }
    return [message.slice(0, 1000), line];
  };

  const kindOf = (value) => {
    if (value === null) return "null";
    if (value === undefined) return "nothing";
    if (Array.isArray(value)) return "an array";
    if (typeof value !== "object") return `a ${typeof value}`;
    if (value instanceof Promise || typeof value.then === "function") return "a promise";
    if (typeof value.next === "function") return "a generator";
    return "an object";
  };

  class Unfit { constructor(message) { this.message = message; } }

  class Fault {
    constructor(script, message, line = null, memory = false, absent = null) {
      Object.assign(this, { script, message, line, memory, absent });
    }
  }

  // Reads what was thrown, which can run the script's getters: still within the limits of the script's own call.
  const fault = (name, thrown) => {
    if (thrown instanceof Unfit) return new Fault(name, thrown.message);
    const [message, line] = describe(thrown);
    // The engine throws null when there is no memory left for an error.
    const memory = thrown === null || message === "InternalError: out of memory";
    if (memory) spoiled = true;
    return new Fault(name, message, line, memory, absent?.slice(0, 255) ?? null);
  };

  // ---- what a script may return: a reader for each kind of value, with the words of the script's own errors ----

  const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029]/;

  // Names come again with nearly every entry; scripts cannot see what is remembered here.
  const accepted = new Map();

  const checkName = (value, what) => {
    const known = accepted.get(value);
    if (known !== undefined) return known;
    // Before anything else is done with it, as even trimming a giant takes long.
    const name = value.length > 10000 ? value : value.trim();
    if (name.length > 255) throw new Unfit(`returned ${what} of more than 255 characters`);
    if (CONTROL.test(name) || !name.isWellFormed()) {
      throw new Unfit(`returned ${what} with a control or broken character`);
    }
    if (accepted.size < 10000 && value.length < 300) accepted.set(value, name);
    return name;
  };

  const READERS = {
    __proto__: null,
    truth: ({ expected }) => (value) => {
      if (value === undefined || value === null) {
        throw new Unfit(`returned ${kindOf(value)} instead of ${expected}; is a return missing?`);
      }
      const kind = kindOf(value);
      if (kind === "a promise" || kind === "a generator" || kind === "a function") {
        throw new Unfit(`returned ${kind} instead of ${expected}`);
      }
      return !!value;
    },
    name: ({ expected, one }) => (value) => {
      if (value === undefined || value === null) return null;
      if (typeof value !== "string") throw new Unfit(`returned ${kindOf(value)} instead of ${expected}`);
      return checkName(value, one) || null;
    },
    names: ({ expected, one, many }) => (value) => {
      if (value === undefined || value === null) return null;
      if (typeof value !== "string" && !Array.isArray(value)) {
        throw new Unfit(`returned ${kindOf(value)} instead of ${expected}`);
      }
      const list = typeof value === "string" ? [value] : value;
      const length = list.length;
      if (length > 1000) throw new Unfit(`returned ${length} ${many}; at most 64 are allowed`);
      const names = new Set();
      for (let i = 0; i < length; i++) {
        const item = list[i];
        if (typeof item !== "string") throw new Unfit(`returned an array with ${kindOf(item)} instead of ${one}`);
        names.add(checkName(item, one));
      }
      if (names.size > 64) throw new Unfit(`returned ${names.size} ${many}; at most 64 are allowed`);
      return [...names];
    },
  };

  // ---- running ----

  // By name: the function, the reader of what it returns, and whether it is a gate.
  const scripts = new Map();
  let spoiled = false;

  const wipeNames = () => {
    for (const key of Reflect.ownKeys(NAMED)) if (!Reflect.deleteProperty(NAMED, key)) spoiled = true;
    if (!Reflect.isExtensible(NAMED) || Reflect.getPrototypeOf(NAMED) !== null) spoiled = true;
    named = false;
  };

  const wipe = () => {
    const keys = Reflect.ownKeys(GLOBAL);
    if (keys.length !== OWN.size) {
      for (const key of keys) if (!OWN.has(key) && !Reflect.deleteProperty(GLOBAL, key)) spoiled = true;
    }
    if (!Reflect.isExtensible(GLOBAL) || Reflect.getPrototypeOf(GLOBAL) !== BUILTINS) spoiled = true;
    if (named) wipeNames();
  };

  const call = (script, row, shape) => {
    const { made, reader } = script;
    const { places, keys } = shape;
    current = { __proto__: requested === null ? VIEW : CAREFUL, row, places, keys, copies: null };
    absent = null;
    try {
      // A plain call: as a method it would get the object before the dot.
      return reader(made(new Proxy(BLANK, current)));
    } catch (thrown) {
      return fault(script.name, thrown);
    } finally {
      current = null;
      wipe();
    }
  };

  // Returns whether a script has read the time, then what each one returned: no further one where a gate is closed.
  const judge = (row, shape, chosen, blank) => {
    const found = blank.slice();
    clock.read = false;
    unrequested = null;
    for (let i = 0; i < chosen.length; i++) {
      const script = chosen[i];
      const answer = call(script, row, shape);
      if (unrequested !== null && !answer?.memory) return new Fault(script.name, ...unrequested);
      if (answer instanceof Fault) return answer;
      if (spoiled) return new Fault(script.name, "changed the global object for good");
      found[i + 1] = answer;
      if (answer === false && script.gate) {
        found.length = i + 2;
        break;
      }
    }
    found[0] = clock.read;
    return found;
  };

  const unreadable = (thrown) => {
    const [message, line] = describe(thrown);
    // Of all that does not compile only a regular expression is without its line.
    return [message.startsWith("SyntaxError") && line === null ? `${message} (in a regular expression)` : message, line];
  };

  // Returns why the source is no script, as a message and a line, and whether what it leaves behind could run later.
  const load = () => {
    const { script, source, reader, words, gate } = inbox.data;
    if (inbox.data.requested) {
      requested ??= new Set(inbox.data.requested);
      advice = inbox.data.advice;
    }
    try {
      const made = functionOf(source);
      harden(made);
      scripts.set(script, { name: script, made, reader: READERS[reader](words), gate });
      return { error: null, behind: leavesWorkBehind(source) };
    } catch (thrown) {
      return { error: thrown instanceof NoScript ? [thrown.message, thrown.line] : unreadable(thrown), behind: false };
    } finally {
      wipe();
    }
  };

  // Most entries get an answer that another one got, too, so each is sent once. The answers may end early: the realm
  // is spoiled then, and the parent asks for the rest in a new one.
  const evaluate = () => {
    const { shapes, kinds, rows, scripts: names } = inbox.data;
    inbox.data = undefined;
    inbox.open = false;
    const made = shapes.map(makeShape);
    const chosen = names.filter((name) => scripts.has(name)).map((name) => scripts.get(name));
    // An array of this length is copied faster than it grows.
    const blank = [false, ...chosen.map(() => null)];
    const distinct = [];
    const answers = [];
    const numbers = new Map();
    named = true;
    wipe();
    for (let i = 0; i < rows.length && !spoiled; i++) {
      const answer = judge(rows[i], made[kinds[i]], chosen, blank);
      const text = JSON.stringify(answer);
      if (!numbers.has(text)) numbers.set(text, distinct.push(answer) - 1);
      answers.push(numbers.get(text));
    }
    inbox.open = true;
    return { scripts: chosen.map(({ name }) => name), distinct, answers, spoiled };
  };

  return Object.freeze({ SCOPE, NAMED, load, evaluate });
})();
null;
