// Speed of the search on the machine model of this suite.

export interface MachineFigures {
  readonly statesPerCpuSecond: number;
  readonly bytesPerState: number;
}

export function measureMachine(): MachineFigures | null {
  return null;
}
