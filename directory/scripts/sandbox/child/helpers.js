// The helpers that scripts find under ldap: names, values and times of a directory, read as the standards write them.
// They look at nothing but what they are given, so that they reach neither the host nor the time of day.
const $REALM_LDAP = (() => {
  "use strict";

  const { Array, BigInt, Date, Error, Math, Number, Object, String, TypeError, decodeURIComponent } = globalThis;

  // Short names and numbers of the attributes that names are made of (RFC 4514, 3; RFC 4519).
  const TYPES = Object.assign(Object.create(null), {
    "2.5.4.3": "cn", commonname: "cn", "2.5.4.4": "sn", surname: "sn", "2.5.4.6": "c", countryname: "c",
    "2.5.4.7": "l", localityname: "l", "2.5.4.8": "st", stateorprovincename: "st", "2.5.4.9": "street",
    streetaddress: "street", "2.5.4.10": "o", organizationname: "o", "2.5.4.11": "ou", organizationalunitname: "ou",
    "0.9.2342.19200300.100.1.25": "dc", domaincomponent: "dc", "0.9.2342.19200300.100.1.1": "uid", userid: "uid",
  });
  const TYPE = /^(?:[A-Za-z][A-Za-z0-9_-]*|(?:[Oo][Ii][Dd]\.)?[0-9]+(?:\.[0-9]+)*)$/;
  const HEX_VALUE = /^#(?:[0-9A-Fa-f]{2})+$/;
  // BER's tags of what is text (X.690): OCTET STRING, UTF8String, PrintableString, IA5String.
  const TEXT_TAGS = ["04", "0c", "13", "16"];
  const ESCAPED = /^[ "#+,;<=>\\]$/;
  const LONGEST_SHOWN = 80;

  const shown = (value) => {
    const text = String(value);
    return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
  };

  const kindOf = (value) => (value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`);

  // Of an attribute that is a list though it has one value, that value; undefined for what is absent.
  const only = (given, helper) => {
    if (!Array.isArray(given)) return given ?? undefined;
    if (given.length > 1) {
      throw new TypeError(`ldap.${helper} takes one value, and got ${given.length}: choose one, or go through the list`);
    }
    return given[0];
  };

  const typeOf = (name) => {
    const folded = name.toLowerCase().replace(/^oid\./, "");
    return TYPES[folded] ?? folded;
  };

  class NoName { constructor(why) { this.why = why; } }

  const decoded = (octets) => {
    try {
      return decodeURIComponent(octets);
    } catch {
      throw new NoName("its escaped bytes are no text");
    }
  };

  // The text of a value that is written as the bytes of its BER encoding; as it stands where it is none.
  const ofHex = (text) => {
    const tag = text.slice(1, 3).toLowerCase();
    const length = Number.parseInt(text.slice(3, 5), 16);
    const content = text.slice(5);
    if (!TEXT_TAGS.includes(tag) || content.length !== 2 * length) return text;
    return decoded(content.replace(/../g, "%$&"));
  };

  // Reads a DN from its beginning: [type, value] of each part, with how the part before it ended.
  const parse = (dn) => {
    const parts = [];
    let at = 0;
    const skipBlanks = () => { while (dn[at] === " ") at++; };
    const readType = () => {
      const end = dn.indexOf("=", at);
      if (end < 0) throw new NoName("it has a part without =");
      const name = dn.slice(at, end).trim();
      if (!TYPE.test(name)) throw new NoName(`${shown(name) || "nothing"} stands before an =`);
      at = end + 1;
      return typeOf(name);
    };
    const readEscape = () => {
      const next = dn[at + 1];
      if (next !== undefined && ESCAPED.test(next)) {
        at += 2;
        return next;
      }
      let octets = "";
      while (dn[at] === "\\" && /^[0-9A-Fa-f]{2}$/.test(dn.slice(at + 1, at + 3))) {
        octets += `%${dn.slice(at + 1, at + 3)}`;
        at += 3;
      }
      if (!octets) throw new NoName("a \\ in it escapes nothing");
      return decoded(octets);
    };
    // In quotes, as RFC 1779 had it.
    const readQuoted = () => {
      let value = "";
      at++;
      while (at < dn.length && dn[at] !== '"') value += dn[at] === "\\" ? readEscape() : dn[at++];
      if (at >= dn.length) throw new NoName("a quote in it is not closed");
      at++;
      skipBlanks();
      return value;
    };
    const readValue = () => {
      skipBlanks();
      if (dn[at] === '"') return readQuoted();
      const start = at;
      let value = "";
      // Blanks at the end count only where they are escaped.
      let whole = 0;
      while (at < dn.length && dn[at] !== "," && dn[at] !== ";" && dn[at] !== "+") {
        if (dn[at] === "\\") {
          value += readEscape();
          whole = value.length;
        } else {
          value += dn[at];
          if (dn[at++] !== " ") whole = value.length;
        }
      }
      value = value.slice(0, whole);
      return dn[start] === "#" && HEX_VALUE.test(value) ? ofHex(value) : value;
    };
    skipBlanks();
    while (at < dn.length) {
      const joined = parts.length > 0 && dn[at - 1] === "+";
      skipBlanks();
      const type = readType();
      parts.push({ type, value: readValue(), joined });
      if (at < dn.length) {
        at++;
        if (dn.slice(at).trim() === "") throw new NoName("it ends where another part has to follow");
      }
    }
    return parts;
  };

  const partsOf = (given, helper) => {
    const dn = only(given, helper);
    if (dn === undefined) return [];
    if (typeof dn !== "string") throw new TypeError(`ldap.${helper} takes a DN as text, and got ${kindOf(dn)}`);
    try {
      return parse(dn);
    } catch (thrown) {
      if (thrown instanceof NoName) throw new Error(`ldap.${helper} got what is no DN, as ${thrown.why}: ${shown(dn)}`);
      throw thrown;
    }
  };

  const checkType = (type, helper) => {
    if (typeof type === "string" && TYPE.test(type)) return typeOf(type);
    throw new TypeError(`ldap.${helper} takes the name of an attribute after the DN, such as "ou"`);
  };

  const cnOf = (parts) => {
    const leaf = parts.findIndex((part, place) => place > 0 && !part.joined);
    return parts.slice(0, leaf < 0 ? parts.length : leaf).find((part) => part.type === "cn")?.value;
  };

  const partsOrNone = (text) => {
    try {
      return parse(text);
    } catch (thrown) {
      if (thrown instanceof NoName) return [];
      throw thrown;
    }
  };

  // Under what two spellings are the same (after RFC 4518's caseIgnoreMatch).
  const fold = (text) => text.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim();

  const foldParts = (parts) => parts
    .map(({ type, value, joined }) => `${joined ? "+" : ","}${type}=${fold(value).replace(/[\\,+]/g, "\\$&")}`)
    .join("");

  // ---- times ----

  const TICKS = 10000n;
  // From 1601-01-01, where FILETIME begins (MS-DTYP, 2.3.3), to 1970-01-01, in milliseconds.
  const SINCE_1601 = 11644473600000;
  const NEVER = ["0", "9223372036854775807", "-9223372036854775808"];
  // Earlier than any account; a smaller number counts something else than FILETIME does.
  const FIRST_TICK = 94354848000000000n;
  // RFC 4517, 3.3.13; without a zone some servers mean UTC.
  const GENERALIZED = /^(\d{4})(\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})?)?(?:[.,](\d+))?(Z|[+-]\d{2}(?:\d{2})?)?$/;
  const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:[.,](\d+))?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/;

  const minutesOf = (zone) => {
    if (zone === undefined || zone === "Z") return 0;
    const digits = zone.replace(":", "");
    const minutes = 60 * Number(digits.slice(1, 3)) + Number(digits.slice(3) || 0);
    return digits[0] === "-" ? -minutes : minutes;
  };

  const fromFields = (year, month, day, hour = "0", minute, second, fraction, zone) => {
    const given = [year, month, day, hour, minute ?? "0", second ?? "0"].map(Number);
    const [y, m, d, h, min, s] = given;
    if (h > 23 || min > 59 || s > 60) return undefined;
    // The fraction is of the smallest unit that is there.
    const unit = second === undefined ? (minute === undefined ? 3600000 : 60000) : 1000;
    const rest = fraction === undefined ? 0 : Math.floor(Number(`0.${fraction}`) * unit);
    const midnight = new Date(0);
    midnight.setUTCFullYear(y, m - 1, d);
    if (midnight.getUTCMonth() !== m - 1 || midnight.getUTCDate() !== d) return undefined;
    if (y === 1601 && m === 1 && d === 1) return null;
    return new Date(midnight.getTime() + h * 3600000 + min * 60000 + s * 1000 + rest - minutesOf(zone) * 60000);
  };

  const fromTicks = (text) => {
    if (NEVER.includes(text.replace(/^(-?)0+(?=\d)/, "$1"))) return null;
    const ticks = BigInt(text);
    return ticks < FIRST_TICK ? undefined : new Date(Number(ticks / TICKS) - SINCE_1601);
  };

  const timeOf = (given) => {
    const value = only(given, "time");
    if (value === undefined) return undefined;
    if (typeof value !== "string" && typeof value !== "number") {
      throw new TypeError(`ldap.time takes the text of a time, and got ${kindOf(value)}`);
    }
    const text = String(value).trim();
    const fields = GENERALIZED.exec(text) ?? ISO.exec(text);
    let found = fields === null ? undefined : fromFields(...fields.slice(1));
    if (found === undefined && /^-?\d{1,19}$/.test(text)) found = fromTicks(text);
    if (found !== undefined) return found;
    throw new Error(
      `ldap.time knows no such time: ${shown(text)}. It reads FILETIME (accountExpires), generalizedTime `
      + "(20270131120000Z) and ISO texts (2027-01-31); of seconds since 1970 make new Date(1000 * value)",
    );
  };

  return {
    rdns(dn) { return partsOf(dn, "rdns").map(({ type, value }) => ({ type, value })); },
    value(dn, type) {
      const wanted = checkType(type, "value");
      return partsOf(dn, "value").find((part) => part.type === wanted)?.value;
    },
    values(dn, type) {
      const wanted = checkType(type, "values");
      return partsOf(dn, "values").filter((part) => part.type === wanted).map((part) => part.value);
    },
    cn(dn) { return cnOf(partsOf(dn, "cn")); },
    time(value) { return timeOf(value); },
    has(list, name) {
      if (typeof name !== "string" || name.trim() === "") {
        throw new TypeError('ldap.has takes a name after the list, such as ldap.has(entry.memberOf, "Staff")');
      }
      if (list === undefined || list === null) return false;
      const items = Array.isArray(list) ? list : [list];
      const wanted = fold(name);
      const parts = partsOrNone(name);
      const whole = parts.length > 1 ? foldParts(parts) : null;
      return items.some((item) => {
        if (typeof item !== "string") throw new TypeError(`ldap.has takes a list of texts, and got ${kindOf(item)} in it`);
        if (fold(item) === wanted) return true;
        const of = partsOrNone(item);
        const cn = cnOf(of);
        return (cn !== undefined && fold(cn) === wanted) || (whole !== null && foldParts(of) === whole);
      });
    },
  };
})();
null;
