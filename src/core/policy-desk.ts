import type { Micros } from '../base/units.ts';
import { seededRandom } from '../base/random.ts';
import type { OpRecord } from './op-record.ts';
import { defaultPolicy, policies } from './policies.ts';
import type { Policy, Ready } from './policy.ts';
import type { Shares } from './shares.ts';

/** What a policy did that no policy may do. */
export interface Misconduct {
  readonly policy: string;
  readonly by: string;
  readonly detail: string;
}

/** An op of a tenant that holds more memory than it should is taken to have come so much later: bounded, so it is late and not starved. */
const deferral: Micros = 500_000;

/** Asks the policy in charge for keys, and dismisses one that throws or gives what is no number. */
export class PolicyDesk {
  readonly #shares: Shares;
  readonly #known = new Map<string, Policy>(Object.entries(policies));
  /** Draws are part of the machine's state: the same events give the same ones. */
  readonly #random = seededRandom(1);
  #name: string = defaultPolicy;
  #policy: Policy = policies[defaultPolicy];
  #misconduct: Misconduct | undefined;

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  get name(): string {
    return this.#name;
  }

  get policy(): Policy {
    return this.#policy;
  }

  define(name: string, policy: Policy): void {
    this.#known.set(name, policy);
    if (name === this.#name) this.choose(name);
  }

  /** A name that nobody defined changes nothing but is reported as misconduct. */
  choose(name: string): void {
    const policy = this.#known.get(name);
    if (policy === undefined) {
      this.#misconduct ??= { policy: name, by: this.#name, detail: 'no policy has this name' };
      return;
    }
    this.#name = name;
    this.#policy = policy;
    this.#shares.forgetKeys();
  }

  /** What the policy did since this was asked last. */
  takeMisconduct(): Misconduct | undefined {
    const misconduct = this.#misconduct;
    this.#misconduct = undefined;
    return misconduct;
  }

  /** `urgency`: as if it were that. */
  keyOfOp(record: OpRecord, urgency = record.urgency): number {
    const { op, deadlineAt, cost, upwardRank, graph, share } = record;
    const late = share.isDeferred ? deferral : 0;
    const readyAt = record.readyAt + late;
    return this.#key({
      tenant: op.tenant, readyAt, since: graph === undefined ? readyAt : graph.openedAt + late, urgency, deadlineAt, cost, items: op.items ?? 1, upwardRank,
      share, draw: this.#draw(),
    });
  }

  /** Of a submission that belongs to no op. */
  keyOfSubmission(tenant: OpRecord['op']['tenant'], urgency: number, cost: Micros, now: Micros): number {
    return this.#key({
      tenant, readyAt: now, since: now, urgency, deadlineAt: Infinity, cost, items: 1, upwardRank: cost, share: this.#shares.of(tenant), draw: this.#draw(),
    });
  }

  #key(ready: Ready): number {
    try {
      const key = this.#policy.key(ready);
      if (typeof key === 'number' && !Number.isNaN(key)) return key;
      this.#dismiss(`it gave ${textOf(key)} as a key`);
    } catch (error) {
      this.#dismiss(textOf(error));
    }
    return this.#policy.key(ready);
  }

  #dismiss(detail: string): void {
    this.#misconduct ??= { policy: this.#name, by: defaultPolicy, detail };
    // It may be the application's own that has this name.
    this.#known.set(defaultPolicy, policies[defaultPolicy]);
    this.choose(defaultPolicy);
  }

  /** Above 0, so that its logarithm is a number. */
  #draw(): number {
    return 1 - this.#random();
  }
}

/** Even of what cannot be told. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'something without a text';
  }
}
