import { describe, expect, it } from "vitest";
import { newEnvironment } from "../environment.js";
import { compileLua } from "./compile.js";
import { errorValue, type Machine } from "./runtime.js";
import { all, type LuaValue } from "./values.js";

/** Runs a chunk in a machine of its own; its results as `tostring` shows them, or the error. */
function run(text: string): string {
  const { machine, globals } = newEnvironment();
  machine.chunk = "user_script";
  try {
    return all(compileLua(machine, globals, text, "user_script")())
      .map((value) => show(machine, value))
      .join(" ");
  } catch (error) {
    return `error: ${show(machine, errorValue(machine, error))}`;
  }
}

function show(machine: Machine, value: LuaValue): string {
  return machine.tostring(value);
}

describe("numbers of Lua 5.1", () => {
  it.each([
    ["return 100000*100000, 10/2, 7 % -3, 2^53", "10000000000 5 -2 9.007199254741e+15"],
    ["return 0.1, 1e15, 1e14, 1e100, 3.14159265358979", "0.1 1e+15 1e+14 1e+100 3.1415926535898"],
    ["return tonumber('0x10'), tonumber(' 10 '), tonumber('1e1'), tonumber('z', 36), tonumber('x')", "16 10 10 35 nil"],
    ["return '10' + 5, 10 .. 20, -'2'", "15 1020 -2"],
    ["return 1/0, -1/0", "inf -inf"],
    ["return math.floor(-3.5), math.max(1, 5, 3), math.fmod(-7, 3)", "-4 5 -1"],
  ])("%s", (text, expected) => expect(run(text)).toBe(expected));
});

describe("string.format", () => {
  it.each([
    ["'%.0f %.0f %.0f', 0.5, 1.5, 2.5", "0 2 2"],
    ["'%.2f %.2f %.1f', 0.125, 0.375, 0.25", "0.12 0.38 0.2"],
    ["'%.1e %.2g', 2.5e10, 2.25", "2.5e+10 2.2"],
    ["'%5d|%-5d|%05d|%+d', 42, 42, 42, 42", "   42|42   |00042|+42"],
    ["'%x %X %o %c', 255, 255, 8, 65", "ff FF 10 A"],
    ["'%q', 'a\"b\\n'", '"a\\"b\\\n"'],
    ["'%s %.2s %%', 'abc', 'abc'", "abc ab %"],
    ["'%g %g %g', 100000, 1e20, 0.0001", "100000 1e+20 0.0001"],
  ])("(%s)", (args, expected) => expect(run(`return string.format(${args})`)).toBe(expected));
});

describe("functions and values", () => {
  it.each([
    ["local t = {} for i = 1, 3 do t[i] = function() return i end end return t[1](), t[2](), t[3]()", "1 2 3"],
    ["local function f(...) return select('#', ...), ... end return f(nil, 2, nil)", "3 nil 2 nil"],
    ["local function f() return 1, 2, 3 end return (f()), f()", "1 1 2 3"],
    ["local x, y = 1, 2 x, y = y, x return x, y", "2 1"],
    ["local a, b, c = (function() return 1, 2, 3 end)() return c, b, a", "3 2 1"],
    ["local t = {5, 6, x = 7, [1] = 9} return #t, t[1], t.x", "2 5 7"],
    ["local i = 0 repeat local j = i i = i + 1 until j >= 3 return i", "4"],
    ["return unpack({1, 2, 3}, 2)", "2 3"],
    ["local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return table.concat(t, ',')", "3,2,1"],
    ["local t = {} t[1] = 1 t[2] = 2 t[4] = 4 t[3] = 3 return #t", "4"],
    ["local n = 0 for k in pairs({1, 2, nil, 4, x = 1}) do n = n + 1 end return n", "4"],
    ["local t = setmetatable({}, {__index = function(_, k) return k .. '!' end}) return t.a", "a!"],
    [
      "local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end) return co(1), co(5)",
      "2 10",
    ],
    ["local co = coroutine.create(function() error('x') end) return coroutine.resume(co)", "false user_script:1: x"],
  ])("%s", (text, expected) => expect(run(text)).toBe(expected));
});

describe("patterns", () => {
  it.each([
    ["return string.find('hello world', 'o w')", "5 7"],
    ["return string.match('key=value', '(%w+)=(%w+)')", "key value"],
    ["return string.gsub('hello', 'l', {l = 'L'})", "heLLo 2"],
    ["return string.gsub('abc', '%w', function(c) return c:upper() end)", "ABC 3"],
    ["return string.gsub('hello world', '(%w+)', '<%1>')", "<hello> <world> 2"],
    ["return string.match('f(a(b)c)d', '%b()')", "(a(b)c)"],
    ["return string.gsub('abc', '', '-')", "-a-b-c- 4"],
    ["local n = 0 for w in string.gmatch('a b c', '%a') do n = n + 1 end return n", "3"],
    ["return string.match('THE (quick) fox', '%((%a+)%)')", "quick"],
    ["return string.find('abc', '[')", "error: user_script:1: malformed pattern (missing ']')"],
  ])("%s", (text, expected) => expect(run(text)).toBe(expected));
});

describe("errors", () => {
  it.each([
    ["return foo.bar", "error: user_script:1: attempt to index global 'foo' (a nil value)"],
    ["local x\nreturn x + 1", "error: user_script:2: attempt to perform arithmetic on local 'x' (a nil value)"],
    ["return {} < 1", "error: user_script:1: attempt to compare table with number"],
    ["return pcall(error, {})", /^false table: 0x/],
    ["return pcall(function() error('boom', 0) end)", "false boom"],
    ["return pcall(function() error('boom') end)", "false user_script:1: boom"],
    ["local function f() return 1 + f() end return f()", "error: user_script:1: stack overflow"],
    ["return string.rep()", "error: user_script:1: bad argument #1 to 'rep' (string expected, got no value)"],
    ["return = 1", /^error: user_script:1: /],
  ])("%s", (text, expected) => {
    if (typeof expected === "string") expect(run(text)).toBe(expected);
    else expect(run(text)).toMatch(expected);
  });
});

describe("libraries of Redis", () => {
  it.each([
    ["return cjson.encode({1, 2, 'a/b', true, cjson.null})", '[1,2,"a\\/b",true,null]'],
    ["return cjson.encode({}), cjson.encode({a = 0.1})", '{} {"a":0.1}'],
    ['return cjson.decode(\'[1,{"a":"\\\\u00e9"}]\')[2].a', "\u00c3\u00a9"],
    ["return cjson.decode('null') == cjson.null", "true"],
    ["return cjson.encode({[1000] = 1})", "error: user_script:1: Cannot serialise table: excessively sparse array"],
    ["return cjson.decode('[1,')", "error: user_script:1: Expected value but found T_END at character 4"],
    [
      "return cjson.decode('[1 2]')",
      "error: user_script:1: Expected comma or array end but found T_NUMBER at character 4",
    ],
    ["cjson.encode_max_depth(1) return pcall(cjson.encode, {{}})", /excessive nesting \(2\)$/],
    ["return cmsgpack.unpack(cmsgpack.pack(1, -200, 'x', 1.5, true))", "1 -200 x 1.5 true"],
    ["return cmsgpack.unpack_one(cmsgpack.pack(1, 2), 0)", "1 1"],
    ["return cmsgpack.unpack('\\220')", "error: user_script:1: Missing bytes in input."],
    ["return struct.unpack('>Hs<i4', struct.pack('>Hs<i4', 258, 'ab', -5))", "258 ab -5 10"],
    ["return struct.size('!8bd'), struct.pack('c0', 'abc')", "16 abc"],
    [
      "return bit.tohex(65535, -4), bit.band(255, 15), bit.lshift(1, 31), bit.rol(0x12345678, 12)",
      "FFFF 15 -2147483648 1164411171",
    ],
    ["return type(os.clock()), os.time", "number nil"],
  ])("%s", (text, expected) => {
    if (typeof expected === "string") expect(run(text)).toBe(expected);
    else expect(run(text)).toMatch(expected);
  });
});
