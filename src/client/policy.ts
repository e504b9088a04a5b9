import { type PolicyName, policyNames } from '../core/policies.ts';
import type { Policy, PolicyKey, Ready, Share } from '../core/policy.ts';

export type { Policy, PolicyKey, PolicyName, Ready, Share };
export { policyNames };

/** A policy by name, or the address of a module whose default export is one of the application's own. */
export type PolicyChoice = PolicyName | URL;
