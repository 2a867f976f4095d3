// Turns an administrator's text into one function, or says in words why it is none. Nothing of it is called here.
const $REALM_SOURCES = (() => {
  "use strict";

  const { BUILTINS, FUNCTION, compile, textOf } = $REALM_HARD;
  // Kept here, as a script can put something of its own before a name of the global object.
  const { Error, Object, RegExp } = BUILTINS;

  const EXACTLY_ONE = "must be exactly one function, such as: function (entry) { return true; }";
  const INSIDE = `${EXACTLY_ONE}; helpers and variables go between its braces`;
  const ONLY_COMMENT = "is only a comment: write a function, such as: function (entry) { return true; }, or leave it empty";
  // So many closing braces are tried before a script is called broken in some other way.
  const MOST_BRACES = 8;

  const BLANK = /^(?:\s|\/\*[^]*?\*\/|\/\/.*)*/;
  const NOTHING_MORE = /^(?:[\s;]|\/\*[^]*?\*\/|\/\/.*)*$/;
  const LEAVES_WORK_BEHIND = /\b(?:async|import)\b/g;
  const OWNERS = "Array|Boolean|Date|Error|Function|Map|Number|Object|RegExp|Set|String";
  // Array.prototype.contains = ..., also with brackets.
  const PROTOTYPE_SET = new RegExp(
    `\\b(${OWNERS})(\\s*\\.\\s*)(prototype)\\s*(?:\\.\\s*([\\w$]+)|\\[\\s*["']([\\w$]+)["']\\s*\\])(?=\\s*=(?![=>]))`,
    "g",
  );
  // Fits into strings, comments and regular expressions, and nowhere else.
  const NO_CODE = "\x01";

  const make = (source) => compile(`with($REALM.SCOPE)with($REALM.NAMED){0,${source}\n}`);

  const compiles = (source) => {
    try {
      return typeof make(source) === "function";
    } catch {
      return false;
    }
  };

  // The rest after a function may be only blanks, semicolons and comments; then the source was nothing but it.
  const isWhole = (source, made) => {
    const text = textOf(made);
    const start = BLANK.exec(source)[0].length;
    return source.startsWith(text, start) && NOTHING_MORE.test(source.slice(start + text.length));
  };

  // Whether the word stands in the code, not in a comment, a string or a regular expression: the engine decides.
  const isCode = (source, at, length) => !compiles(source.slice(0, at) + NO_CODE + source.slice(at + length));

  const leavesWorkBehind = (source) => {
    const without = source.replace(LEAVES_WORK_BEHIND, NO_CODE);
    return without !== source && !compiles(without);
  };

  // Assigning to a frozen object does nothing in most scripts, so that the key fails instead, where it is reached.
  const refusingPrototypes = (source) => source.replace(PROTOTYPE_SET, (text, owner, dot, word, name, quoted, at) => {
    if (!isCode(source, at + owner.length + dot.length, word.length)) return text;
    const key = name ?? quoted;
    const message = `${owner}.prototype.${key} cannot be set, as built-in objects stay as they are: `
      + `write a function ${key}(value) inside the script and call it`;
    return `${owner}.prototype[(()=>{throw new TypeError("${message}")})()]`;
  });

  // Thrown for a source that is no script; the message is for the administrator.
  class NoScript { constructor(message, line = null) { Object.assign(this, { message, line }); } }

  const lastLine = (source) => source.trimEnd().split("\n").length;

  const startsWithOther = (source) => /^(?:var|let|const|class|function\s*\*?\s*[\w$]+)\b/.test(source.replace(BLANK, ""));

  const missingBraces = (source) => {
    for (let count = 1; count <= MOST_BRACES; count++) if (compiles(`${source}\n${"}".repeat(count)}`)) return count;
    return 0;
  };

  // Without what is put around it, a source that is cut off fails at its end, where the token is empty.
  const endsEarly = (source) => {
    try {
      compile(`0,${source}`);
      return false;
    } catch (thrown) {
      return thrown instanceof Error && /''|end of (?:input|file)/i.test(thrown.message);
    }
  };

  // Throws what helps more than the engine's own error, where there is such a thing.
  const explain = (source, thrown) => {
    if (BLANK.exec(source)[0].length === source.length) throw new NoScript(ONLY_COMMENT);
    const count = /^(?:function\b|\(?[\w$]*\)?\s*=>)/.test(source.replace(BLANK, "")) ? missingBraces(source) : 0;
    if (count > 0) {
      const braces = count === 1 ? "a closing brace } is" : `${count} closing braces } are`;
      throw new NoScript(`SyntaxError: ${braces} missing at the end`, lastLine(source));
    }
    if (startsWithOther(source)) throw new NoScript(INSIDE);
    if (endsEarly(source)) {
      const what = "SyntaxError: the script ends too early: a brace, bracket or quote is not closed";
      throw new NoScript(what, lastLine(source));
    }
    throw thrown;
  };

  // Returns the function of a source; throws NoScript, or the engine's own error.
  const functionOf = (text) => {
    const source = PROTOTYPE_SET.test(text) ? refusingPrototypes(text) : text;
    PROTOTYPE_SET.lastIndex = 0;
    let made;
    try {
      made = make(source);
    } catch (thrown) {
      explain(source, thrown);
    }
    if (typeof made !== "function" || !isWhole(source, made)) {
      throw new NoScript(startsWithOther(source) || typeof made === "function" ? INSIDE : EXACTLY_ONE);
    }
    if (/^class(?![\w$])/.test(textOf(made))) throw new NoScript(EXACTLY_ONE);
    if (Object.getPrototypeOf(made) !== FUNCTION) throw new NoScript("async and generator functions are not supported");
    if (made.length > 1) throw new NoScript("must take one argument, the entry");
    return made;
  };

  return Object.freeze({ NoScript, functionOf, leavesWorkBehind });
})();
null;
