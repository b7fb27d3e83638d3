// Exit statuses, and which of several wins.

export const STATUS = {
  conformant: 0,
  violated: 1,
  usage: 2,
  policyError: 3,
  bug: 4,
  vacuous: 5,
  interrupted: 130,
} as const;

const ORDER = [STATUS.bug, STATUS.policyError, STATUS.violated, STATUS.vacuous, STATUS.conformant] as const;

/** Of several outcomes the one that is reported. */
export function worstStatus(statuses: readonly number[]): number {
  return ORDER.find((status) => statuses.includes(status)) ?? STATUS.conformant;
}
