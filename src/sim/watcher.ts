import type { Micros } from '../base/units.ts';
import type { SchedulerEvent } from '../core/event.ts';
import { hold } from './breach.ts';
import { GatePicture } from './gate-picture.ts';
import { GateRules } from './gate-rules.ts';
import { idleRule } from './idle-rule.ts';
import { checkLedger, checkLittle } from './ledger.ts';
import { linesOf, type Log, type Step } from './log.ts';
import * as opRules from './op-rules.ts';
import { Picture, type SeenOp } from './picture.ts';

/** So many lines of the story are told with a failure. */
const told = 30;

/** A wake that is so much too late was slept through; so long after it nothing has to expire, so that what was about to end may. */
const sleptThrough: Micros = 5_000_000;
const grace: Micros = 1_000_000;

/**
 * Sees every event and every command, but nothing of the scheduler's insides, keeps a picture of its own, and holds each step against the
 * rules. Throws a `Breach` when one is broken.
 */
export class Watcher {
  readonly #picture = new Picture();
  readonly #gates = new GatePicture();
  readonly #gateRules = new GateRules(this.#picture, this.#gates);
  /** The scheduler's time: it does not go back when its clock does. */
  #now: Micros = -Infinity;
  #lastAt: Micros = 0;
  /** Integral of the number of ops that somebody waits for. */
  #area = 0;
  #wakeAt: Micros = Infinity;
  #graceUntil: Micros = -Infinity;

  saw({ at, now, event, commands }: Step): void {
    this.#area += this.#picture.wanted * (at - this.#lastAt);
    this.#lastAt = at;
    this.#now = Math.max(this.#now, now);
    this.#noteSleep(event);
    this.#picture.heard(event, this.#now);
    this.#gates.heard(event);
    if (event.kind === 'dependency-added' && !commands.some(({ kind }) => kind === 'refuse-dependency')) {
      this.#picture.depend(event.op, event.dependency.op);
    }
    const started: SeenOp[] = [];
    for (const command of commands) {
      switch (command.kind) {
        case 'start': started.push(opRules.start(this.#picture, command, this.#now)); break;
        case 'wake': this.#wakeAt = command.at; break;
        case 'settle': opRules.settle(this.#picture, command); break;
        case 'abort': opRules.abort(this.#picture, command); break;
        case 'release':
          this.#gateRules.release(command, this.#now);
          this.#gates.told(command);
          break;
        case 'policy-replaced': this.#picture.policy = command.by; break;
        case 'recall':
        case 'credit': this.#gates.told(command); break;
        default:
      }
    }
    opRules.gangs(this.#picture, started);
    opRules.standing(this.#picture);
    if (this.#now >= this.#graceUntil) opRules.timely(this.#picture, this.#now, started);
    if (this.#picture.isEnabled) idleRule(this.#picture);
    this.#gateRules.standing(this.#now);
  }

  #noteSleep({ kind }: SchedulerEvent): void {
    const isOver = this.#now - this.#wakeAt > sleptThrough;
    if (isOver) this.#graceUntil = this.#now + grace;
    if (isOver || kind === 'woke') this.#wakeAt = Infinity;
  }

  /** The world is quiet, or gave up. */
  ended(log: Log, { unfinished, inFlight }: { readonly unfinished: number; readonly inFlight: Micros }): void {
    if (log.ended === 'time-limit') return;
    const left = [...log.lives.values()].find(({ end }) => end === undefined);
    hold(log.ended === 'quiet', 'unfinished', () => `${this.#picture.unfinished.size} ops are unfinished, and nothing more will happen`, left?.op.op);
    this.#gateRules.emptied();
    hold(unfinished === 0 && inFlight === 0, 'leaks', () => `the scheduler says that ${unfinished} ops and ${inFlight} µs of slices are unfinished`);
    checkLedger(log);
    checkLittle(this.#area, log);
  }
}

/** What went wrong, where, and what came before it. */
export function complaint(error: unknown, { workload, seed, at, steps }: { workload: string; seed: number; at: Micros; steps: readonly Step[] }): Error {
  const story = linesOf(steps.slice(-told)).slice(-told);
  return new Error(`${String(error)}\nin ${workload}, seed ${seed}, at ${at} µs, after\n${story.join('\n')}`, { cause: error });
}
