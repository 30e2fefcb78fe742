#!/usr/bin/env node
// The referee: every state of one instance, counted by Quint's own parser, type checker and evaluator.
//
//   node referee.js FILE.qnt MODULE [--observed a,b] [--invariants x,y] [--max N]
//
// prints one line of JSON: states, transitions, depth, dead_ends, complete, and for each invariant whether it held.
// It shares nothing with the translation to Python, so equal counts are evidence for both.
//
// How. Quint's simulator takes a random decision in two places only: which alternative of `any`, and which element of
// `nondet x = oneOf(S)`. Both are replaced here: they take the choice that `path` says, and note how many there were.
// Counting `path` up like an odometer goes through every way to take one step. Rules:
//
// 1. Every way that ends in a new state is a transition; a way whose condition is false is none.
// 2. Two states are the same if all their variables are, but those that are observed: these are outputs of a step.
// 3. This reaches into Quint's modules. The version is checked, and any other is refused.
'use strict'
const path = require('path')
const crypto = require('crypto')

const VERSION = '0.33.0'
const ROOT = path.join(__dirname, 'node_modules/@informalsystems/quint')
if (require(path.join(ROOT, 'package.json')).version !== VERSION) throw new Error(`the referee is for quint ${VERSION}`)
const load = name => require(path.join(ROOT, 'dist/src', name))
const { right } = require(require.resolve('@sweet-monads/either', { paths: [ROOT] }))
const { rv } = load('runtime/impl/runtimeValue')

// ------------------------------------------------------------------ choices
const choice = { path: [], among: [], at: 0 }

function choose (among) {
  if (choice.at === choice.path.length) choice.path.push(0)
  choice.among[choice.at] = among
  return choice.path[choice.at++]
}

function another () {
  choice.path.length = choice.among.length = choice.at
  while (choice.path.length && choice.path.at(-1) + 1 >= choice.among.at(-1)) {
    choice.path.pop()
    choice.among.pop()
  }
  if (!choice.path.length) return false
  choice.path[choice.path.length - 1]++
  return true
}

const builtins = load('runtime/impl/builtins')
const original = builtins.lazyBuiltinLambda
builtins.lazyBuiltinLambda = operator => operator === 'actionAny'
  ? (context, alternatives) => alternatives[choose(alternatives.length)](context)
  : original(operator)

load('runtime/impl/nondet').evalNondet = (name, cache, evaluateSet, evaluateBody) => context =>
  evaluateSet(context).chain(set => {
    const bounds = set.bounds().map(bound => Number(bound.unwrap()))
    if (bounds.some(bound => bound === 0)) return right(rv.mkBool(false))
    cache.value = set.pick(bounds.map(bound => BigInt(choose(bound))).values())
    const result = evaluateBody(context)
    cache.value = undefined
    return result
  })

// ------------------------------------------------------------------ one text for equal values
const texts = new WeakMap()

function textOf (value) {
  let text = texts.get(value)
  if (text === undefined) texts.set(value, text = newText(value))
  return text
}

function newText (value) {
  const pairs = entries => entries.map(([key, v]) => `${typeof key === 'string' ? key : textOf(key)}>${textOf(v)}`).sort()
  switch (value.constructor.name) {
    case 'RuntimeValueBool': return String(value.value)
    case 'RuntimeValueInt': return String(value.value)
    case 'RuntimeValueStr': return JSON.stringify(value.value)
    case 'RuntimeValueTupleOrList': return `[${[...value.list].map(textOf)}]`
    case 'RuntimeValueRecord': return `(${pairs([...value.map.entries()])})`
    case 'RuntimeValueMap': return `<${pairs([...value.map.entries()])}>`
    case 'RuntimeValueVariant': return `${value.label}:${textOf(value.value)}`
    default: return `{${[...value.toSet()].map(textOf).sort()}}`
  }
}

const keyOf = values => crypto.createHash('sha256').update(values.map(textOf).join(';')).digest('latin1')

// ------------------------------------------------------------------ the search
function orFail (result) {
  if (result.isRight()) return result.value
  const shown = (_, value) => typeof value === 'bigint' ? String(value) : value
  throw new Error(JSON.stringify(result.value.stage?.errors ?? result.value, shown).slice(0, 2000))
}

async function evaluator (file, main) {
  const commands = load('cliCommands')
  const loaded = orFail(await commands.load({ input: file, main, verbosity: 0 }))
  const typed = orFail(await commands.typecheck(orFail(await commands.parse(loaded))))
  const random = load('rng').newRng(1n)
  const { Evaluator } = load('runtime/impl/evaluator')
  const built = new Evaluator(typed.resolver.table, load('runtime/trace').newTraceRecorder(0, random, 1), random, true)
  const build = (text, role) =>
    load('runtime/impl/builder').buildExpr(built.builder, orFail(load('cliHelpers').toExpr(typed, text, role)))
  return { build, context: built.ctx }
}

async function search (file, main, { observed = '', invariants = '', max = '1000000' }) {
  const { build, context } = await evaluator(file, main)
  const init = build('init', { kind: 'action', flag: 'init' })
  const step = build('step', { kind: 'action', flag: 'step' })
  const judges = invariants.split(',').filter(Boolean).map(name => [name, build(name)])
  const storage = context.varStorage
  const now = storage.vars.valueSeq().toArray()
  const next = [...storage.vars.keys()].map(key => storage.nextVars.get(key))
  const hidden = new Set(observed.split(','))
  const kept = now.map((register, i) => i).filter(i => !hidden.has(now[i].name.split('::').at(-1)))
  const unset = next.map(register => register.value)

  const put = (registers, values) => registers.forEach((register, i) => { register.value = values[i] })
  function successors (state, action) {
    put(now, state)
    storage.clearCaches()
    const found = []
    Object.assign(choice, { path: [], among: [] })
    do {
      choice.at = 0
      put(next, unset)
      if (orFail(action(context)).toBool()) found.push(next.map(register => register.value))
    } while (another())
    return found
  }

  const seen = new Set()
  const held = Object.fromEntries(judges.map(([name]) => [name, true]))
  let layer = []
  const counts = { states: 0, transitions: 0, depth: 0, dead_ends: 0 }
  function visit (state, into) {
    const key = keyOf(kept.map(i => state[i].unwrap()))
    if (seen.has(key)) return
    seen.add(key)
    into.push(state)
    put(now, state)
    put(next, unset)
    storage.clearCaches()
    for (const [name, judge] of judges) held[name] &&= orFail(judge(context)).toBool()
  }
  successors(unset, init).forEach(state => visit(state, layer))
  while (layer.length && seen.size < Number(max)) {
    const after = []
    for (const state of layer) {
      const found = successors(state, step)
      counts.transitions += found.length
      counts.dead_ends += found.length === 0
      found.forEach(reached => visit(reached, after))
    }
    counts.depth += after.length > 0
    layer = after
  }
  return { ...counts, states: seen.size, complete: layer.length === 0, held }
}

const [file, main, ...rest] = process.argv.slice(2)
const options = {}
for (let i = 0; i < rest.length; i += 2) options[rest[i].replace(/^--/, '')] = rest[i + 1]
search(file, main, options).then(found => console.log(JSON.stringify(found)), error => {
  console.error(String(error))
  process.exit(1)
})
